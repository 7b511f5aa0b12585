//! Rates: how much may be asked of an archive, by one device, by one address, and by all strangers
//! together. Keys are free, so nothing is counted by key alone.
//!
//! A device that is known here, because it is in a room that is kept or signed in to an account, is no
//! stranger: what strangers do together takes nothing from it.

use parlor_protocol::{
    DeviceId, DoorId,
    rate::{Rate, TokenBucket, TokenBuckets},
};
use std::time::Instant;

use crate::source::Source;

/// Devices or addresses whose use is remembered while it is not made good; those beyond share.
const REMEMBERED_MAX: usize = 4096;
const MIB: u64 = 1024 * 1024;
const GIB: u64 = 1024 * MIB;
const MINUTE: u64 = 60 * 1_000;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * 60 * MINUTE;

/// How much of one kind may be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// By one device.
    pub device: Rate,
    /// By all devices at one address, known or not.
    pub address: Rate,
    /// By all strangers together.
    pub strangers: Rate,
}

/// How much may be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rates {
    /// Requests, as many of a device as the network itself lets one make.
    pub requests: Share,
    /// Look-ups of codes, and steps of signing in or up. Kept low: a code cannot be guessed, and nobody
    /// types faster.
    pub look_ups: Share,
    /// Rooms that are registered.
    pub rooms: Share,
    /// Accounts that are made without a token.
    pub accounts: Share,
    /// Bytes to be stored or kept in mind.
    pub bytes: Share,
    /// Bytes that an address may bring over a longer time, but for devices that are signed in.
    pub daily_bytes: Rate,
    /// Devices that come in by one door.
    pub comings: Rate,
}

impl Default for Rates {
    fn default() -> Self {
        Self {
            requests: Share {
                device: Rate::per_second(200, 2_000),
                address: Rate::per_second(2_000, 20_000),
                strangers: Rate::per_second(1_000, 10_000),
            },
            look_ups: Share {
                device: Rate::per_second(1, 10),
                // A class behind one router comes at once.
                address: Rate::per_second(20, 200),
                strangers: Rate::per_second(50, 500),
            },
            rooms: Share {
                device: Rate::one_every(10_000, 64),
                address: Rate::one_every(10_000, 256),
                strangers: Rate::one_every(2_000, 1_024),
            },
            accounts: Share {
                device: Rate::one_every(MINUTE, 4),
                address: Rate::one_every(MINUTE, 64),
                strangers: Rate::one_every(10_000, 256),
            },
            bytes: Share {
                device: Rate::per_second(32 * MIB, 320 * MIB),
                address: Rate::per_second(128 * MIB, 1_280 * MIB),
                strangers: Rate::per_second(8 * MIB, 80 * MIB),
            },
            daily_bytes: Rate::new(64 * GIB, DAY, 64 * GIB),
            comings: Rate::new(128, HOUR, 128),
        }
    }
}

/// Who asks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asker {
    pub(super) device: DeviceId,
    pub(super) source: Source,
    /// It is in a room that is kept here, or signed in.
    pub(super) is_known: bool,
    /// It is signed in.
    pub(super) is_signed_in: bool,
}

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cost {
    Request,
    LookUp,
    Room,
    Account,
    Bytes(usize),
}

/// What was used of one kind.
#[derive(Debug)]
struct Used {
    devices: TokenBuckets<DeviceId>,
    addresses: TokenBuckets<Source>,
    strangers: TokenBucket,
}

impl Used {
    fn new(share: Share) -> Self {
        Self {
            devices: TokenBuckets::new(share.device, REMEMBERED_MAX, 0),
            addresses: TokenBuckets::new(share.address, REMEMBERED_MAX, 0),
            strangers: TokenBucket::full(share.strangers, 0),
        }
    }

    /// Takes from all buckets that count, or from none.
    ///
    /// # Errors
    /// How long to wait, in milliseconds.
    fn take(&mut self, who: Asker, amount: u64, now: u64) -> Result<(), u64> {
        let (device, address) = (self.devices.of(who.device, now), self.addresses.of(who.source, now));
        let strangers = if who.is_known { None } else { Some(&mut self.strangers) };
        let mut buckets = [Some(device), Some(address), strangers];
        let waits = buckets.iter_mut().flatten().map(|bucket| bucket.wait_ms(amount, now));
        match waits.max() {
            Some(wait) if wait > 0 => Err(wait),
            _ => {
                for bucket in buckets.into_iter().flatten() {
                    bucket.take_many(amount, now);
                }
                Ok(())
            }
        }
    }
}

/// What was used.
#[derive(Debug)]
pub(super) struct Meter {
    start: Instant,
    fine: u64,
    requests: Used,
    look_ups: Used,
    rooms: Used,
    accounts: Used,
    bytes: Used,
    daily_bytes: TokenBuckets<Source>,
    comings: TokenBuckets<DoorId>,
}

impl Meter {
    pub(super) fn new(rates: Rates, now: Instant) -> Self {
        Self {
            start: now,
            // What a malformed request costs: a good part of what a device may ask at once.
            fine: rates.requests.device.burst() / 5,
            requests: Used::new(rates.requests),
            look_ups: Used::new(rates.look_ups),
            rooms: Used::new(rates.rooms),
            accounts: Used::new(rates.accounts),
            bytes: Used::new(rates.bytes),
            daily_bytes: TokenBuckets::new(rates.daily_bytes, REMEMBERED_MAX, 0),
            comings: TokenBuckets::new(rates.comings, REMEMBERED_MAX, 0),
        }
    }

    /// Takes a cost.
    ///
    /// # Errors
    /// How long to wait, in milliseconds.
    pub(super) fn take(&mut self, who: Asker, cost: Cost, now: Instant) -> Result<(), u64> {
        let now = self.since_start(now);
        match cost {
            Cost::Request => self.requests.take(who, 1, now),
            Cost::LookUp => self.look_ups.take(who, 1, now),
            Cost::Room => self.rooms.take(who, 1, now),
            Cost::Account => self.accounts.take(who, 1, now),
            Cost::Bytes(bytes) => {
                let bytes = bytes as u64;
                let daily = (!who.is_signed_in).then(|| self.daily_bytes.of(who.source, now));
                if let Some(daily) = daily {
                    match daily.wait_ms(bytes, now) {
                        0 => {}
                        wait => return Err(wait),
                    }
                }
                self.bytes.take(who, bytes, now)?;
                if !who.is_signed_in {
                    self.daily_bytes.of(who.source, now).take_many(bytes, now);
                }
                Ok(())
            }
        }
    }

    /// Whether one more may come in by a door.
    ///
    /// # Errors
    /// How long to wait, in milliseconds.
    pub(super) fn may_come(&mut self, door: DoorId, now: Instant) -> Result<(), u64> {
        let now = self.since_start(now);
        match self.comings.of(door, now).wait_ms(1, now) {
            0 => Ok(()),
            wait => Err(wait),
        }
    }

    /// Somebody comes in by a door, or by none; false when too many did.
    pub(super) fn comes(&mut self, door: Option<DoorId>, now: Instant) -> bool {
        let now = self.since_start(now);
        door.is_none_or(|door| self.comings.of(door, now).take(now))
    }

    /// A peer sent something that no honest one sends: it is served less for a while.
    pub(super) fn punish(&mut self, who: Asker, now: Instant) {
        let (fine, now) = (self.fine, self.since_start(now));
        self.requests.devices.of(who.device, now).charge(fine, fine, now);
        self.requests.addresses.of(who.source, now).charge(fine, fine, now);
    }

    fn since_start(&self, now: Instant) -> u64 {
        u64::try_from(now.saturating_duration_since(self.start).as_millis()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::{net::Ipv4Addr, time::Duration};

    fn asker(device: u16, address: u8) -> Asker {
        let [a, b] = device.to_be_bytes();
        let device = DeviceId::from_bytes([[a; 16], [b; 16]].concat().try_into().unwrap());
        let source = Source::V4(Ipv4Addr::new(192, 0, 2, address));
        Asker { device, source, is_known: false, is_signed_in: false }
    }

    #[test]
    fn a_device_that_asks_too_fast_is_held_back_and_recovers() {
        let start = Instant::now();
        let mut meter = Meter::new(Rates::default(), start);
        let allowed = (0..100).filter(|_| meter.take(asker(1, 1), Cost::LookUp, start).is_ok()).count();
        assert_eq!(allowed, 10);
        assert_eq!(meter.take(asker(1, 1), Cost::LookUp, start), Err(1_000));
        assert_eq!(meter.take(asker(2, 1), Cost::LookUp, start), Ok(()));
        assert_eq!(meter.take(asker(1, 1), Cost::LookUp, start + Duration::from_secs(2)), Ok(()));
    }

    #[test]
    fn many_keys_at_one_address_get_no_more_than_an_address() {
        let start = Instant::now();
        let mut meter = Meter::new(Rates::default(), start);
        let allowed = (0..5_000).filter(|key| meter.take(asker(*key, 1), Cost::Room, start).is_ok()).count();
        assert_eq!(allowed, 256);
        assert_eq!(meter.take(asker(1, 2), Cost::Room, start), Ok(()), "another address");
    }

    #[test]
    fn many_addresses_get_no_more_than_all_strangers_and_take_nothing_from_who_is_known() {
        let start = Instant::now();
        let mut meter = Meter::new(Rates::default(), start);
        let all =
            (0..250_u8).flat_map(|address| (0..250).map(move |key| asker(u16::from(address) * 250 + key, address)));
        assert_eq!(all.filter(|who| meter.take(*who, Cost::LookUp, start).is_ok()).count(), 500);
        let (member, newcomer) = (Asker { is_known: true, ..asker(1, 251) }, asker(2, 252));
        assert_eq!(meter.take(member, Cost::LookUp, start), Ok(()));
        assert!(meter.take(newcomer, Cost::LookUp, start).is_err());
    }

    #[test]
    fn an_address_brings_only_so_much_in_a_day_unless_its_devices_are_signed_in() {
        let start = Instant::now();
        let daily_bytes = Rate::new(1_000, DAY, 1_000);
        let mut meter = Meter::new(Rates { daily_bytes, ..Rates::default() }, start);
        let member = Asker { is_known: true, ..asker(1, 1) };
        assert_eq!(meter.take(member, Cost::Bytes(1_000), start), Ok(()));
        assert!(meter.take(Asker { is_known: true, ..asker(2, 1) }, Cost::Bytes(1), start).is_err());
        assert_eq!(meter.take(Asker { is_signed_in: true, ..member }, Cost::Bytes(1_000), start), Ok(()));
        assert_eq!(meter.take(member, Cost::Bytes(500), start + Duration::from_secs(12 * 60 * 60)), Ok(()));
    }

    #[test]
    fn who_sends_rubbish_is_served_less_and_recovers_and_new_keys_help_little() {
        let start = Instant::now();
        let mut meter = Meter::new(Rates::default(), start);
        (0..10).for_each(|_| meter.punish(asker(1, 1), start));
        assert!(meter.take(asker(1, 1), Cost::Request, start).is_err());
        assert_eq!(meter.take(asker(1, 1), Cost::Request, start + Duration::from_secs(10)), Ok(()));
        (0..100).for_each(|key| meter.punish(asker(key, 2), start));
        assert!(meter.take(asker(999, 2), Cost::Request, start).is_err());
        assert_eq!(meter.take(asker(999, 3), Cost::Request, start), Ok(()));
    }
}
