//! What is under way: requests that are not answered yet, bytes that wait to be stored, and places for
//! tasks. Each of it is bounded for one device, one address, and all strangers, so that a store that is
//! slow lets nothing pile up and nobody takes the places of members.

use parlor_node::net::InboundId;
use parlor_protocol::{DeviceId, limits::PEER_IN_FLIGHT_MAX};
use std::{collections::HashMap, hash::Hash, sync::Arc};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{TASKS_MAX, rates::Asker};
use crate::source::Source;

/// Most bytes of all peers together that wait to be stored.
const IN_FLIGHT_MAX: usize = 4 * PEER_IN_FLIGHT_MAX;
/// Most bytes of one address.
const OF_ADDRESS_BYTES_MAX: usize = 2 * PEER_IN_FLIGHT_MAX;
/// Most requests of one device that wait for their answer: twice what members ask at the same time.
pub(super) const OF_DEVICE_MAX: usize = 32;
/// Most requests of one address.
const OF_ADDRESS_MAX: usize = TASKS_MAX / 2;
/// Most requests of all strangers together: a quarter of all places for tasks.
pub(super) const OF_STRANGERS_MAX: usize = TASKS_MAX / 4;

/// What somebody has under way.
#[derive(Debug, Default)]
struct Load {
    requests: usize,
    bytes: usize,
}

/// Adds to a load, or takes away from it and forgets it when nothing is left.
fn change<K: Eq + Hash>(loads: &mut HashMap<K, Load>, key: K, change: impl FnOnce(&mut Load)) {
    let std::collections::hash_map::Entry::Occupied(mut load) = loads.entry(key) else { return };
    change(load.get_mut());
    if load.get().requests == 0 {
        load.remove();
    }
}

/// One request that is under way.
#[derive(Debug)]
struct Asked {
    device: DeviceId,
    source: Source,
    is_stranger: bool,
    bytes: usize,
}

/// Requests that are not answered yet, and bytes that they have brought and that are not stored yet.
#[derive(Debug, Default)]
pub(super) struct InFlight {
    requests: HashMap<InboundId, Asked>,
    of_device: HashMap<DeviceId, Load>,
    of_address: HashMap<Source, Load>,
    of_strangers: usize,
    total: usize,
}

impl InFlight {
    /// Takes note of a request; false when too many are under way already.
    pub(super) fn begin(&mut self, id: InboundId, who: Asker) -> bool {
        let requests = |load: Option<&Load>| load.map_or(0, |load| load.requests);
        if requests(self.of_device.get(&who.device)) >= OF_DEVICE_MAX
            || requests(self.of_address.get(&who.source)) >= OF_ADDRESS_MAX
            || !who.is_known && self.of_strangers >= OF_STRANGERS_MAX
        {
            return false;
        }
        self.of_device.entry(who.device).or_default().requests += 1;
        self.of_address.entry(who.source).or_default().requests += 1;
        self.of_strangers += usize::from(!who.is_known);
        let asked = Asked { device: who.device, source: who.source, is_stranger: !who.is_known, bytes: 0 };
        self.requests.insert(id, asked);
        true
    }

    /// Takes note of bytes that a request brings; false when too much is under way already.
    pub(super) fn bring(&mut self, id: InboundId, bytes: usize) -> bool {
        let Some(asked) = self.requests.get_mut(&id) else { return false };
        let (device, address) = (self.of_device.get_mut(&asked.device), self.of_address.get_mut(&asked.source));
        let (Some(device), Some(address)) = (device, address) else { return false };
        if device.bytes + bytes > PEER_IN_FLIGHT_MAX
            || address.bytes + bytes > OF_ADDRESS_BYTES_MAX
            || self.total + bytes > IN_FLIGHT_MAX
        {
            return false;
        }
        asked.bytes += bytes;
        device.bytes += bytes;
        address.bytes += bytes;
        self.total += bytes;
        true
    }

    /// The request was answered.
    pub(super) fn end(&mut self, id: InboundId) {
        let Some(Asked { device, source, is_stranger, bytes }) = self.requests.remove(&id) else { return };
        let less = |load: &mut Load| {
            load.requests = load.requests.saturating_sub(1);
            load.bytes = load.bytes.saturating_sub(bytes);
        };
        change(&mut self.of_device, device, less);
        change(&mut self.of_address, source, less);
        self.of_strangers = self.of_strangers.saturating_sub(usize::from(is_stranger));
        self.total = self.total.saturating_sub(bytes);
    }
}

/// Most bytes of gossip that wait to be stored: of all, and of what one address passed on.
const GOSSIP_MAX_BYTES: usize = 32 * 1024 * 1024;
const GOSSIP_OF_ADDRESS_MAX_BYTES: usize = GOSSIP_MAX_BYTES / 4;
/// What each takes at least, because it is a task whatever its length.
const GOSSIP_MIN_BYTES: usize = 64 * 1024;
/// Comparisons that gossip asks for and that are under way at the same time, of all and of one address.
const COMPARISONS_MAX: usize = TASKS_MAX / 16;
const COMPARISONS_OF_ADDRESS_MAX: usize = COMPARISONS_MAX / 4;
/// Addresses that have something of gossip under way; those beyond wait until a few have not.
const ADDRESSES_MAX: usize = 1024;

/// A place that gossip has; it is free again when this is dropped.
#[derive(Debug)]
pub(super) struct Place {
    _of_all: OwnedSemaphorePermit,
    _of_address: OwnedSemaphorePermit,
    _counted: Arc<()>,
}

/// Places of which each address gets some.
#[derive(Debug)]
struct Places {
    all: Arc<Semaphore>,
    of_address: HashMap<Source, Arc<Semaphore>>,
    each: usize,
    /// As many as there are places taken, and one.
    counted: Arc<()>,
}

impl Places {
    fn new(all: usize, each: usize) -> Self {
        Self { all: Arc::new(Semaphore::new(all)), of_address: HashMap::new(), each, counted: Arc::new(()) }
    }

    fn take(&mut self, source: Source, count: usize) -> Option<Place> {
        let count = u32::try_from(count).ok()?;
        if self.of_address.len() >= ADDRESSES_MAX {
            let each = self.each;
            self.of_address.retain(|_, places| places.available_permits() < each);
            if self.of_address.len() >= ADDRESSES_MAX {
                return None;
            }
        }
        let each = self.each;
        let of_address = self.of_address.entry(source).or_insert_with(|| Arc::new(Semaphore::new(each)));
        let of_address = Arc::clone(of_address).try_acquire_many_owned(count).ok()?;
        let of_all = Arc::clone(&self.all).try_acquire_many_owned(count).ok()?;
        Some(Place { _of_all: of_all, _of_address: of_address, _counted: Arc::clone(&self.counted) })
    }
}

/// What gossip may have under way. Nobody waits for its answer, so what finds no place is left to the
/// member, who pushes it.
#[derive(Debug)]
pub(super) struct GossipInFlight {
    bytes: Places,
    comparisons: Places,
}

impl Default for GossipInFlight {
    fn default() -> Self {
        Self {
            bytes: Places::new(GOSSIP_MAX_BYTES, GOSSIP_OF_ADDRESS_MAX_BYTES),
            comparisons: Places::new(COMPARISONS_MAX, COMPARISONS_OF_ADDRESS_MAX),
        }
    }
}

impl GossipInFlight {
    /// Room for bytes that came from an address and wait to be stored.
    pub(super) fn bring(&mut self, source: Source, bytes: usize) -> Option<Place> {
        self.bytes.take(source, bytes.max(GOSSIP_MIN_BYTES))
    }

    /// How many places are taken.
    pub(super) fn len(&self) -> usize {
        [&self.bytes, &self.comparisons].map(|places| Arc::strong_count(&places.counted) - 1).iter().sum()
    }

    /// A place for comparing something that came from an address.
    pub(super) fn compare(&mut self, source: Source) -> Option<Place> {
        self.comparisons.take(source, 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    fn asker(device: u8, address: u8, is_known: bool) -> Asker {
        Asker {
            device: DeviceId::from_bytes([device; 32]),
            source: Source::V4(Ipv4Addr::new(192, 0, 2, address)),
            is_known,
            is_signed_in: false,
        }
    }

    #[test]
    fn a_device_has_only_so_many_bytes_under_way() {
        let mut in_flight = InFlight::default();
        let (one, other) = (asker(1, 1, true), asker(2, 1, true));
        assert!(in_flight.begin(InboundId(1), one) && in_flight.bring(InboundId(1), PEER_IN_FLIGHT_MAX));
        assert!(in_flight.begin(InboundId(2), one) && !in_flight.bring(InboundId(2), 1));
        assert!(in_flight.begin(InboundId(3), other) && in_flight.bring(InboundId(3), 1));
        in_flight.end(InboundId(4));
        in_flight.end(InboundId(1));
        assert!(in_flight.bring(InboundId(2), 1));
    }

    #[test]
    fn many_keys_at_one_address_bring_no_more_than_two_devices_and_others_are_not_held_up() {
        let mut in_flight = InFlight::default();
        for key in 0..2 {
            assert!(in_flight.begin(InboundId(key.into()), asker(key, 1, true)));
            assert!(in_flight.bring(InboundId(key.into()), PEER_IN_FLIGHT_MAX));
        }
        assert!(in_flight.begin(InboundId(8), asker(8, 1, true)) && !in_flight.bring(InboundId(8), 1));
        assert!(in_flight.begin(InboundId(9), asker(9, 2, true)) && in_flight.bring(InboundId(9), 1));
    }

    #[test]
    fn a_device_has_only_so_many_requests_under_way_and_others_are_not_held_up() {
        let mut in_flight = InFlight::default();
        let begun = (0..100).filter(|id| in_flight.begin(InboundId(*id), asker(1, 1, true))).count();
        assert_eq!(begun, OF_DEVICE_MAX);
        assert!(in_flight.begin(InboundId(200), asker(2, 1, true)));
        in_flight.end(InboundId(99));
        assert!(!in_flight.begin(InboundId(201), asker(1, 1, true)), "that one was not under way");
        in_flight.end(InboundId(0));
        assert!(in_flight.begin(InboundId(201), asker(1, 1, true)));
    }

    #[test]
    fn strangers_together_have_only_so_many_requests_under_way_whatever_keys_and_addresses_they_bring() {
        let mut in_flight = InFlight::default();
        let of = |n: u64, is_known| {
            let [.., b] = n.to_be_bytes();
            asker(b, b, is_known)
        };
        let begun = (0..200).filter(|n| in_flight.begin(InboundId(*n), of(*n, false))).count();
        assert_eq!(begun, OF_STRANGERS_MAX);
        assert!(in_flight.begin(InboundId(300), of(250, true)), "a member");
        in_flight.end(InboundId(0));
        assert!(in_flight.begin(InboundId(301), of(251, false)));
    }

    #[test]
    fn gossip_of_one_address_fills_only_its_share_and_what_is_stored_makes_room() {
        let mut gossip = GossipInFlight::default();
        let (one, other) = (asker(1, 1, true).source, asker(2, 2, true).source);
        let held: Vec<_> = std::iter::from_fn(|| gossip.bring(one, 1024 * 1024)).collect();
        assert_eq!(held.len(), GOSSIP_OF_ADDRESS_MAX_BYTES / (1024 * 1024));
        assert!(gossip.bring(other, 1024 * 1024).is_some());
        assert_eq!(gossip.len(), held.len());
        drop(held);
        assert!(gossip.bring(one, GOSSIP_OF_ADDRESS_MAX_BYTES).is_some());
        let compared: Vec<_> = std::iter::from_fn(|| gossip.compare(one)).collect();
        assert_eq!(compared.len(), COMPARISONS_OF_ADDRESS_MAX);
        assert!(gossip.compare(other).is_some());
    }
}
