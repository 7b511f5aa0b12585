//! What the tasks of the service bring back, and who waits for it.

use parlor_node::net::InboundId;
use parlor_protocol::{
    DeviceId, LogKey, RoomId,
    access::{Wrap, wire::Look},
    account::{AccountAnswer, UserName},
    entry::Entry,
    log::Height,
    wire::Answer,
};

use super::{
    ending::Ended, entering::ComesIn, flight::Place, loading::Rest, registering::Application, room::RoomState,
    sweeping::Swept,
};
use crate::store::{Appended, Kept, RoomRow, StoreError, Usage};

/// What a task of the service brings back.
#[derive(Debug)]
pub(super) enum Done {
    Answer(InboundId, Answer),
    Appended {
        room: RoomId,
        log: LogKey,
        waiter: Waiter,
        /// How far the log is held when everything went as planned.
        planned: Height,
        added: Usage,
        /// What members should know of.
        news: Option<Box<Entry>>,
        result: Result<Appended, StoreError>,
    },
    /// What is known of a device that wants its room to be kept.
    Applied {
        application: Box<Application>,
        account: Result<Option<UserName>, StoreError>,
    },
    Registered {
        inbound: InboundId,
        row: Box<RoomRow>,
        epochs: Vec<Entry>,
        /// What the store held already; not asked for rooms that are open here.
        result: Result<Option<Opened>, StoreError>,
    },
    /// A room that was asked for and is not open here.
    Found {
        inbound: InboundId,
        result: Result<Option<Opened>, StoreError>,
    },
    /// All plain entries were read; what else is known of a room that is open here.
    Reloaded {
        room: RoomId,
        result: Result<Option<Box<Rest>>, StoreError>,
    },
    /// Rooms of a shared store in which a door that somebody looks for was made.
    Located {
        inbound: InboundId,
        look: Look,
        result: Result<Vec<RoomId>, StoreError>,
    },
    /// Rooms that were not open here, in which a door that somebody looks for was made.
    Looked {
        inbound: InboundId,
        look: Look,
        result: Result<Vec<Opened>, StoreError>,
    },
    /// The entry by which somebody comes in was to be stored, and what is wrapped for it read.
    CameIn {
        comes_in: Box<ComesIn>,
        /// Nothing when the entry was held already.
        appended: Option<Result<Appended, StoreError>>,
        /// Nothing when another entry is held in its place.
        wraps: Result<Option<Vec<Wrap>>, StoreError>,
    },
    /// Wraps of a room were kept and deleted.
    WrapsChanged {
        room: RoomId,
        waiters: Vec<InboundId>,
        is_chore: bool,
        result: Result<(), StoreError>,
    },
    Compared {
        room: RoomId,
        log: LogKey,
        waiter: Waiter,
        result: Result<Compared, StoreError>,
    },
    Swept {
        room: RoomId,
        result: Result<Swept, StoreError>,
    },
    Ended {
        room: RoomId,
        result: Result<Ended, StoreError>,
    },
    /// A room is gone from the store.
    Left {
        room: RoomId,
        result: Result<(), StoreError>,
    },
    /// How many bytes of entries the store has room for in all.
    Measured {
        result: Result<Option<u64>, StoreError>,
    },
    /// A question about accounts was answered.
    AtDesk {
        inbound: InboundId,
        from: DeviceId,
        registers: bool,
        answer: AccountAnswer,
    },
    Nothing,
}

/// Who waits for a run to be stored or compared.
#[derive(Debug)]
pub(super) enum Waiter {
    /// A member that pushed it.
    Asked(InboundId),
    /// Nobody: it came by gossip, and has this place until it is done.
    Gossip { _place: Place },
}

impl Waiter {
    pub(super) const fn asked(&self) -> Option<InboundId> {
        match self {
            Self::Asked(inbound) => Some(*inbound),
            Self::Gossip { .. } => None,
        }
    }
}

/// A room with all that the store holds of it.
pub(super) type Opened = Box<RoomState<Waiter>>;

/// Some of the plain entries of a room that is read anew.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) room: RoomId,
    pub(super) plain: Vec<Kept>,
}

/// How a run compares with what is held at its places.
#[derive(Debug)]
pub(super) enum Compared {
    Same,
    /// They contradict each other; the proof is kept.
    Forked,
    /// They differ, and that proves nothing: the run is not signed.
    Unproven,
}
