//! The local store: what a device keeps on its own disk.

mod record;

pub use record::{
    CodeRecord, EpochKeyRecord, Identity, Loaded, PeerRecord, Read, ReadResult, RoomRecord, StoredEntry, Write,
};
