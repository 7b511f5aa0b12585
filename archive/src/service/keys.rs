//! What an archive has for who comes in by a code: entries of doors, wraps that members gave it, and in
//! which steps of epochs something was written. Pure: the wraps themselves are in the store.
//!
//! It opens none of them. Which ones it may keep follows from the room's entries and the time; the others
//! are deleted.

use parlor_protocol::{
    DoorId, EpochId,
    access::{KeptWrap, Living, Rules, Wrap, wire::Offer},
    entry::{Entry, Kind, Verified},
    limits::DOORS_MAX,
};
use std::collections::{HashMap, HashSet};

use super::room::RoomState;
use crate::store::{WrapKey, wrap_key};

/// Most wraps of a room, whatever its doors and epochs.
const WRAPS_OF_ROOM: usize = 4_096;

/// A wrap in the store.
#[derive(Clone, Copy, Debug)]
struct Place {
    key: WrapKey,
    wrap: KeptWrap,
}

/// Keys of a room, and what belongs to them.
#[derive(Debug, Default)]
pub(super) struct Keys {
    /// Entries of doors that let somebody in.
    entries: HashMap<DoorId, Entry>,
    wraps: Vec<Place>,
    written: HashMap<EpochId, u32>,
    /// Something changed by which other wraps may be kept.
    pub(super) is_outdated: bool,
}

/// What is to be changed in the store.
#[derive(Debug, Default)]
pub(super) struct WrapChange {
    pub(super) put: Vec<Wrap>,
    pub(super) gone: Vec<WrapKey>,
}

fn facts(wrap: &Wrap) -> KeptWrap {
    KeptWrap { facts: wrap.facts, signer: wrap.signer }
}

impl Keys {
    /// Takes over what the store holds.
    pub(super) fn absorb(&mut self, wraps: &[Wrap], steps: Vec<(EpochId, u32)>) {
        let known: HashSet<_> = self.wraps.iter().map(|place| place.key).collect();
        for wrap in wraps {
            if let Some(key) = wrap_key(wrap).ok().filter(|key| !known.contains(key)) {
                self.wraps.push(Place { key, wrap: facts(wrap) });
            }
        }
        for (epoch, step) in steps {
            self.note_written(epoch, step);
        }
        self.is_outdated = true;
    }

    /// Keeps the entry of a door at hand.
    pub(super) fn keep_entry(&mut self, entry: &Verified<Entry>) {
        if entry.header().kind == Kind::Door && self.entries.len() < 2 * DOORS_MAX {
            self.entries.insert(entry.id().into(), entry.inner().clone());
        }
    }

    pub(super) fn entry(&self, door: DoorId) -> Option<&Entry> {
        self.entries.get(&door)
    }

    /// Something was written in a step; whether that is higher than before.
    pub(super) fn note_written(&mut self, epoch: EpochId, step: u32) -> bool {
        match self.written.get_mut(&epoch) {
            Some(known) if *known >= step => false,
            Some(known) => {
                *known = step;
                true
            }
            None => {
                self.written.insert(epoch, step);
                true
            }
        }
    }
}

impl<W> RoomState<W> {
    /// Asks the rules something about doors. An archive does not know who may end a code of others, so it
    /// heeds everybody.
    pub(super) fn with_living<T>(&self, now: u64, ask: impl FnOnce(&Rules, &Living<'_>) -> T) -> T {
        let is_ended = |door| self.rules.is_ended(door, |_, _| true);
        ask(&self.rules, &Living { now_ms: now, is_ended: &is_ended })
    }

    /// What is on offer for a door.
    pub(super) fn offers(&self, door: DoorId) -> Vec<Offer> {
        let kept: Vec<_> = self.keys.wraps.iter().map(|place| place.wrap).collect();
        self.rules.offers(door, &kept)
    }

    /// The wraps for a door at a step, by what they are kept under.
    pub(super) fn wraps_for(&self, door: DoorId, offer: Offer) -> Vec<WrapKey> {
        let fits = |place: &&Place| {
            let facts = &place.wrap.facts;
            (facts.door, facts.epoch, facts.step) == (door, offer.epoch, offer.step)
        };
        self.keys.wraps.iter().filter(fits).map(|place| place.key).collect()
    }

    /// Takes wraps in and lets go of those that may not be kept. Their signatures were checked.
    pub(super) fn take_wraps(&mut self, now: u64, new: Vec<Wrap>) -> WrapChange {
        self.keys.is_outdated = false;
        let known: HashSet<WrapKey> = self.keys.wraps.iter().map(|place| place.key).collect();
        let mut fresh: HashMap<WrapKey, Wrap> = HashMap::new();
        let mut all = std::mem::take(&mut self.keys.wraps);
        for wrap in new {
            let Ok(key) = wrap_key(&wrap) else { continue };
            if !known.contains(&key) && !fresh.contains_key(&key) {
                all.push(Place { key, wrap: facts(&wrap) });
                fresh.insert(key, wrap);
            }
        }
        let list: Vec<_> = all.iter().map(|place| place.wrap).collect();
        let written = |epoch: EpochId| self.keys.written.get(&epoch).copied();
        let mut kept = self.with_living(now, |rules, living| rules.keep_wraps(&list, living, written));
        kept.truncate(WRAPS_OF_ROOM);
        let stays: HashSet<usize> = kept.iter().copied().collect();
        let gone = all.iter().enumerate().filter(|(at, _)| !stays.contains(at)).map(|(_, place)| place.key);
        let gone: Vec<_> = gone.filter(|key| known.contains(key)).collect();
        self.keys.wraps = kept.into_iter().filter_map(|at| all.get(at).copied()).collect();
        let put = self.keys.wraps.iter().filter_map(|place| fresh.remove(&place.key)).collect();
        let opens = self.with_living(now, |rules, living| rules.living(living));
        let opens: HashSet<DoorId> = opens.into_iter().collect();
        self.keys.entries.retain(|door, _| opens.contains(door));
        WrapChange { put, gone }
    }
}
