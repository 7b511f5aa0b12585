//! What is known of a peer in a room: what it holds, what it was asked, and what came of it.

use parlor_protocol::{
    EntryId, LogKey,
    log::{Height, Heights},
    wire::Tail,
};
use std::collections::{BTreeMap, BTreeSet};

/// How often a peer is soon compared with again where something came to nothing, until it takes something whole.
pub(super) const MISFITS_MAX: u32 = 3;

/// What became of the first screenful of a peer. Its logs are fetched after it, or they could come first:
/// it is put together in two steps, a page in one.
#[derive(Debug, Default)]
pub(super) enum FirstScreen {
    #[default]
    Unasked,
    Asked,
    /// It is here, and the records of its epochs are still asked for: without them nobody can tell who was
    /// removed, and only a part of it could be shown.
    Waits(Tail),
    /// It was shown, or did not come.
    Done,
}

impl FirstScreen {
    pub(super) const fn is_under_way(&self) -> bool {
        matches!(self, Self::Asked | Self::Waits(_))
    }
}

/// What an archive was told of epochs.
#[derive(Debug)]
pub(super) struct ToldOf {
    /// What it knew, what this device knew, and how much it lacked.
    pub(super) tips: Vec<EntryId>,
    pub(super) ours: [u8; 32],
    pub(super) lacked: usize,
}

/// What is known of a peer in a room.
#[derive(Debug, Default)]
pub(super) struct PeerRoom {
    /// How far it holds each log, as it last said; of a member only the logs that it holds further.
    pub(super) heights: Heights,
    pub(super) heights_asked: bool,
    /// What it was told with the comparison that is under way: what it holds if that is the same. Of a
    /// member only the own log is of interest.
    pub(super) offered: Vec<(LogKey, Height)>,
    /// It has said how far it holds the logs, and refused nothing since.
    pub(super) answered: bool,
    /// Something that it holds had to wait for what stands elsewhere.
    pub(super) waits: bool,
    /// It is an archive that this device uses.
    pub(super) used: bool,
    pub(super) archive: bool,
    /// It once did not answer what it was asked: nothing waits for it any more.
    pub(super) has_failed: bool,
    pub(super) ask_again: bool,
    pub(super) pages: BTreeSet<LogKey>,
    /// Logs that it did not bring though it said that it holds them further: others come first.
    pub(super) not_brought: BTreeSet<LogKey>,
    /// The log of which something is on its way to an archive.
    pub(super) pushing: Option<LogKey>,
    /// Until where that goes.
    pub(super) pushed_to: u64,
    /// How far it confirmed logs, and how often it said later that it holds less.
    pub(super) confirmed: BTreeMap<LogKey, u64>,
    pub(super) fell_back: u32,
    /// Logs that an archive did not take: what lets their devices in may stand in another one.
    pub(super) not_taken: BTreeSet<LogKey>,
    /// How often something came to nothing with it since it last took anything whole.
    pub(super) misfits: u32,
    /// It was told of the room, or shown by which entry this device came in, since the last regular comparison:
    /// once is enough for each.
    pub(super) was_told: bool,
    pub(super) was_shown: bool,
    pub(super) registering: bool,
    pub(super) registered: bool,
    pub(super) epochs_asked: bool,
    /// What an archive knew, and this device, when it was last told of epochs that it lacks.
    pub(super) told_of: Option<ToldOf>,
    /// It was shown by which entry this device came in, and has not answered yet.
    pub(super) showing: bool,
    /// For what state of doors, epochs and steps an archive was given wraps.
    pub(super) wraps_given: Option<u64>,
    /// How many portions of them it has not answered yet.
    pub(super) wraps_under_way: usize,
    pub(super) first_screen: FirstScreen,
    /// It has been compared with once, and what it had is here: what comes now is news.
    pub(super) compared: bool,
    pub(super) bad_answers: u32,
}

impl PeerRoom {
    /// An archive that holds less than it confirmed is given that again, but not for ever.
    pub(super) fn note_fallen_back(&mut self) {
        let heights = &self.heights;
        let is_less = |log: &LogKey, next: u64| heights.get(log).map_or(0, |height| height.next) < next;
        if self.confirmed.iter().any(|(log, next)| is_less(log, *next)) {
            self.fell_back += 1;
            if self.fell_back <= MISFITS_MAX {
                self.confirmed.retain(|log, next| !is_less(log, *next));
            }
        }
    }
}
