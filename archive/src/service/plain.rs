//! How much of a room is not contents: who came and went, codes, records of epochs. All of it is read when an archive
//! starts, and what follows from it is kept in memory, so it has quotas of its own.

use parlor_protocol::{
    DeviceId,
    entry::{Entry, Kind},
};
use std::collections::HashMap;

const MIB: u64 = 1024 * 1024;
/// Bytes of it in a room, records of epochs aside: those are bounded by their number.
const ROOM_MAX: u64 = 512 * MIB;
/// Bytes of it that one device writes, and of records of epochs.
const OF_DEVICE_MAX: u64 = 16 * MIB;
const RECORDS_OF_DEVICE_MAX: u64 = 128 * MIB;

/// What one device wrote.
#[derive(Debug, Default)]
struct Used {
    other: u64,
    records: u64,
}

/// What a room takes.
#[derive(Debug, Default)]
pub(super) struct PlainUse {
    of_device: HashMap<DeviceId, Used>,
    other: u64,
}

impl PlainUse {
    /// Whether an entry may still come.
    pub(super) fn has_room_for(&self, entry: &Entry) -> bool {
        let (header, bytes) = (entry.header(), entry.bytes().len() as u64);
        let (other, records) = self.of_device.get(&header.author).map_or((0, 0), |used| (used.other, used.records));
        match header.kind {
            Kind::Content => true,
            Kind::Epoch => records.saturating_add(bytes) <= RECORDS_OF_DEVICE_MAX,
            _ => other.saturating_add(bytes) <= OF_DEVICE_MAX && self.other.saturating_add(bytes) <= ROOM_MAX,
        }
    }

    /// An entry is kept.
    pub(super) fn note(&mut self, entry: &Entry) {
        let (header, bytes) = (entry.header(), entry.bytes().len() as u64);
        if header.kind == Kind::Content {
            return;
        }
        let used = self.of_device.entry(header.author).or_default();
        match header.kind {
            Kind::Epoch => used.records = used.records.saturating_add(bytes),
            _ => {
                used.other = used.other.saturating_add(bytes);
                self.other = self.other.saturating_add(bytes);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{TestRoom, Writer};

    #[test]
    fn a_device_fills_its_share_and_leaves_the_others_theirs_and_contents_are_not_counted() {
        let room = TestRoom::new(1);
        let (mut one, mut other) = (Writer::new(5), Writer::new(6));
        let large = |writer: &mut Writer, kind| writer.write(kind, room.id, room.secrets.id(), &vec![1; 60 * 1024]);
        let mut used = PlainUse::default();
        let mut taken = 0;
        loop {
            let entry = large(&mut one, Kind::Door);
            if !used.has_room_for(&entry) {
                break;
            }
            used.note(&entry);
            taken += entry.bytes().len() as u64;
        }
        assert!((OF_DEVICE_MAX - 64 * 1024..=OF_DEVICE_MAX).contains(&taken), "{taken}");
        assert!(!used.has_room_for(&large(&mut one, Kind::Door)));
        assert!(used.has_room_for(&large(&mut one, Kind::Content)));
        assert!(used.has_room_for(&large(&mut one, Kind::Epoch)), "records are counted by themselves");
        assert!(used.has_room_for(&large(&mut other, Kind::Door)));
    }
}
