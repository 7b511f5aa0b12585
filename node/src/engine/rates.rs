//! How often others may ask for what costs this machine, or its person, more than a look.
//!
//! Counted for the device, for the address that it comes from, and for all strangers together: keys cost
//! nothing, so a limit for a device alone is none. Of the addresses those of one IPv6 network are one
//! ([`Source`]).

use parlor_protocol::{
    DeviceId,
    rate::{Rate, TokenBucket, TokenBuckets},
};

use crate::net::Source;

/// Devices, and addresses, that are remembered at once.
const REMEMBERED_MAX: usize = 1_024;

/// Who asks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asker {
    pub(super) device: DeviceId,
    /// Where it comes from; all for whom that is not known count as one.
    pub(super) source: Option<Source>,
    pub(super) is_stranger: bool,
}

/// How often something may be asked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Share {
    pub(super) device: Rate,
    pub(super) address: Rate,
    pub(super) strangers: Rate,
}

/// What was asked of one kind.
#[derive(Debug)]
pub(super) struct Meter {
    devices: TokenBuckets<DeviceId>,
    addresses: TokenBuckets<Option<Source>>,
    strangers: TokenBucket,
}

impl Meter {
    pub(super) fn new(share: Share) -> Self {
        Self {
            devices: TokenBuckets::new(share.device, REMEMBERED_MAX, 0),
            addresses: TokenBuckets::new(share.address, REMEMBERED_MAX, 0),
            strangers: TokenBucket::full(share.strangers, 0),
        }
    }

    /// Takes one from everything that counts, or from nothing.
    ///
    /// # Errors
    /// How long to wait, in milliseconds.
    pub(super) fn take(&mut self, who: Asker, now: u64) -> Result<(), u32> {
        let strangers = who.is_stranger.then_some(&mut self.strangers);
        let counting = [Some(self.devices.of(who.device, now)), Some(self.addresses.of(who.source, now)), strangers];
        let mut counting: Vec<_> = counting.into_iter().flatten().collect();
        match counting.iter_mut().map(|bucket| bucket.wait_ms(1, now)).max() {
            Some(wait) if wait > 0 => Err(u32::try_from(wait).unwrap_or(u32::MAX)),
            _ => {
                counting.into_iter().for_each(|bucket| {
                    bucket.take(now);
                });
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const SHARE: Share = Share {
        device: Rate::one_every(1_000, 2),
        address: Rate::one_every(500, 4),
        strangers: Rate::one_every(250, 8),
    };

    fn asker(device: u8, address: &str) -> Asker {
        let source = Some(Source::of(address.parse().unwrap()));
        Asker { device: DeviceId::from_bytes([device; 32]), source, is_stranger: true }
    }

    #[test]
    fn a_device_an_address_and_all_strangers_have_a_share_each() {
        let mut meter = Meter::new(SHARE);
        let mut taken = |devices: std::ops::Range<u8>, address: &str| {
            let all = devices.flat_map(|device| [device; 10]);
            all.filter(|device| meter.take(asker(*device, address), 0).is_ok()).count()
        };
        assert_eq!(taken(1..2, "192.0.2.1"), 2, "one device");
        assert_eq!(taken(2..9, "192.0.2.1"), 2, "more keys at the same address get the rest of it");
        assert_eq!(taken(9..19, "fd00:1:2:3::1"), 4);
        assert_eq!(taken(19..29, "fd00:1:2:3:4::1"), 0, "one network of 64 bits is one address");
        assert_eq!(taken(29..39, "192.0.2.2"), 0, "all strangers together");
        let known = Asker { is_stranger: false, ..asker(40, "192.0.2.3") };
        assert_eq!(meter.take(known, 0), Ok(()), "they take nothing from who is known");
        assert_eq!(meter.take(asker(41, "192.0.2.4"), 0), Err(250));
        assert_eq!(meter.take(asker(41, "192.0.2.4"), 250), Ok(()));
    }

    #[test]
    fn who_is_refused_pays_nothing() {
        let mut meter = Meter::new(SHARE);
        (0..2).for_each(|_| meter.take(asker(1, "192.0.2.1"), 0).unwrap());
        (0..100).for_each(|_| assert_eq!(meter.take(asker(1, "192.0.2.1"), 0), Err(1_000)));
        (0..2).for_each(|_| meter.take(asker(2, "192.0.2.1"), 0).unwrap());
    }
}
