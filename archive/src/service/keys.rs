//! What an archive has for who comes in by a code: wraps that members gave it, and in which steps of epochs
//! something was written. Pure: the wraps themselves are in the store.
//!
//! It opens none of them. Which ones it may keep follows from the room's entries and the time; the others
//! are deleted. One change of a room is stored after the other, so that none overtakes another.

use parlor_node::net::InboundId;
use parlor_protocol::{
    DoorId, EpochId,
    access::{KeptWrap, Living, Rules, Wrap, wire::Offer},
    limits::STEP_LAST,
};
use std::collections::{HashMap, HashSet};

use super::room::RoomState;
use crate::store::{WrapKey, wrap_key};

/// Most wraps of a room: three steps of five persons for as many doors as a room has.
const WRAPS_OF_ROOM: usize = 4_096;

/// A wrap that is kept.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    key: WrapKey,
    wrap: KeptWrap,
    bytes: u64,
    /// It is in the store, and not only on its way there.
    is_durable: bool,
}

impl Place {
    /// One that is in the store.
    pub(super) const fn stored(key: WrapKey, wrap: &Wrap) -> Self {
        Self { key, wrap: kept(wrap), bytes: wrap.len() as u64, is_durable: true }
    }
}

const fn kept(wrap: &Wrap) -> KeptWrap {
    KeptWrap { facts: wrap.facts, signer: wrap.signer }
}

/// What is to be changed in the store, and who waits for it.
#[derive(Debug, Default)]
pub(super) struct WrapChange {
    pub(super) put: HashMap<WrapKey, Wrap>,
    pub(super) gone: HashSet<WrapKey>,
    pub(super) waiters: Vec<InboundId>,
}

impl WrapChange {
    fn is_empty(&self) -> bool {
        self.put.is_empty() && self.gone.is_empty() && self.waiters.is_empty()
    }

    fn delete(&mut self, key: WrapKey) {
        self.put.remove(&key);
        self.gone.insert(key);
    }
}

/// What is being changed.
#[derive(Debug)]
struct UnderWay {
    put: Vec<WrapKey>,
    gone: Vec<WrapKey>,
}

/// There is no room for a wrap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Full;

/// Keys of a room, and what belongs to them.
#[derive(Debug, Default)]
pub(super) struct Keys {
    wraps: Vec<Place>,
    bytes: u64,
    /// Wraps that somebody gets whose entry is being stored: they are deleted after that.
    held: HashMap<WrapKey, usize>,
    late: HashSet<WrapKey>,
    waiting: WrapChange,
    under_way: Option<UnderWay>,
    /// The highest step of each epoch in which something was written, and what the store knows of that.
    written: HashMap<EpochId, u32>,
    stored: HashMap<EpochId, u32>,
    /// Something changed by which other wraps may be kept.
    pub(super) is_outdated: bool,
    /// When it was found out which may be kept, see [`span`].
    kept_at: u64,
}

/// Which part of an hour a time in milliseconds lies in. Codes, visits and wraps end with the hour, and codes
/// let somebody in for some minutes more.
const fn span(now: u64) -> u64 {
    now / (10 * 60 * 1_000)
}

impl Keys {
    /// Takes over what the store holds.
    pub(super) fn absorb(&mut self, mut wraps: Vec<Place>, steps: Vec<(EpochId, u32)>) {
        self.note_stored(&steps);
        for (epoch, step) in steps {
            self.note_written(epoch, step);
        }
        let known: HashSet<_> = self.wraps.iter().map(|place| place.key).collect();
        let there: HashSet<_> = wraps.iter().map(|place| place.key).collect();
        if self.under_way.is_none() {
            // Another archive with the same store deleted them.
            self.wraps.retain(|place| !place.is_durable || there.contains(&place.key));
        }
        wraps.retain(|place| !known.contains(&place.key));
        // In the order in which one person's steps are kept: the later ones are the newer ones.
        wraps.sort_unstable_by_key(|place| (place.wrap.facts.step, place.key));
        self.wraps.extend(wraps);
        self.count();
        self.is_outdated = true;
    }

    /// Nothing is kept of the room any more.
    pub(super) fn forget(&mut self) {
        *self =
            Self { under_way: self.under_way.take(), waiting: std::mem::take(&mut self.waiting), ..Self::default() };
    }

    /// Bytes of the wraps that are kept.
    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Whether something is being changed in the store.
    pub(super) const fn is_changing(&self) -> bool {
        self.under_way.is_some()
    }

    /// Whether something is to be looked at again, or to be stored after all.
    pub(super) fn is_due(&self, now: u64) -> bool {
        let is_over = self.is_outdated || self.kept_at != span(now);
        !self.waiting.is_empty() || (is_over && !(self.wraps.is_empty() && self.late.is_empty()))
    }

    /// Something was written in a step.
    pub(super) fn note_written(&mut self, epoch: EpochId, step: u32) {
        if self.written(epoch).is_none_or(|known| known < step) {
            self.written.insert(epoch, step);
            self.is_outdated = true;
        }
    }

    /// The highest step of an epoch in which something was written.
    pub(super) fn written(&self, epoch: EpochId) -> Option<u32> {
        self.written.get(&epoch).copied()
    }

    /// Whether the store is to be told that something is written in a step.
    pub(super) fn is_step_new(&self, epoch: EpochId, step: u32) -> bool {
        self.stored.get(&epoch).is_none_or(|stored| *stored < step)
    }

    /// The store knows what was written.
    pub(super) fn note_stored(&mut self, steps: &[(EpochId, u32)]) {
        for (epoch, step) in steps {
            let known = self.stored.entry(*epoch).or_insert(*step);
            *known = (*known).max(*step);
        }
    }

    /// Keeps wraps for somebody whose entry is being stored, whatever becomes of the door meanwhile.
    pub(super) fn hold(&mut self, keys: &[WrapKey]) {
        keys.iter().for_each(|key| *self.held.entry(*key).or_default() += 1);
    }

    /// They were handed out, or not.
    pub(super) fn release(&mut self, keys: &[WrapKey]) {
        for key in keys {
            let Some(count) = self.held.get_mut(key) else { continue };
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.held.remove(key);
                self.is_outdated |= self.late.contains(key);
            }
        }
    }

    /// What is to be stored next, unless something is being stored already.
    pub(super) fn begin_change(&mut self) -> Option<WrapChange> {
        if self.under_way.is_some() || self.waiting.is_empty() {
            return None;
        }
        let change = std::mem::take(&mut self.waiting);
        let (put, gone) = (change.put.keys().copied().collect(), change.gone.iter().copied().collect());
        self.under_way = Some(UnderWay { put, gone });
        Some(change)
    }

    /// It was stored, or not.
    pub(super) fn end_change(&mut self, is_stored: bool) {
        let Some(UnderWay { put, gone }) = self.under_way.take() else { return };
        let put: HashSet<_> = put.into_iter().collect();
        if is_stored {
            self.wraps.iter_mut().filter(|place| put.contains(&place.key)).for_each(|place| place.is_durable = true);
            return;
        }
        // What may have been stored all the same is deleted with the next change, like what was to be deleted.
        self.wraps.retain(|place| place.is_durable || !put.contains(&place.key));
        self.count();
        for key in put.into_iter().chain(gone).filter(|key| !self.waiting.put.contains_key(key)) {
            self.waiting.gone.insert(key);
        }
    }

    /// The room is kept no longer; gives who waited for something to be stored.
    pub(super) fn abandon(&mut self) -> Vec<InboundId> {
        std::mem::take(&mut self.waiting.waiters)
    }

    fn count(&mut self) {
        self.bytes = self.wraps.iter().map(|place| place.bytes).sum();
    }
}

impl<W> RoomState<W> {
    /// Asks the rules something about doors. An archive does not know who may end a code of others, so it
    /// heeds everybody.
    pub(super) fn with_living<T>(&self, now: u64, ask: impl FnOnce(&Rules, &Living<'_>) -> T) -> T {
        let is_ended = |door| self.rules.is_ended(door, |_, _| true);
        ask(&self.rules, &Living { now_ms: now, is_ended: &is_ended })
    }

    /// Wraps for a door that may be handed out.
    fn usable(&self, door: DoorId, now: u64) -> impl Iterator<Item = &Place> {
        self.keys.wraps.iter().filter(move |place| {
            let facts = &place.wrap.facts;
            let is_stale = || facts.is_fresh && self.keys.written(facts.epoch).is_some_and(|step| step >= facts.step);
            facts.door == door && place.is_durable && !facts.until.is_past(now, 0) && !is_stale()
        })
    }

    /// What is on offer for a door.
    pub(super) fn offers(&self, door: DoorId, now: u64) -> Vec<Offer> {
        let kept: Vec<_> = self.usable(door, now).map(|place| place.wrap).collect();
        self.rules.offers(door, &kept)
    }

    /// Steps of an epoch that somebody may have come in at elsewhere: what is on offer here for its door, and
    /// the one after what was written.
    pub(super) fn open_steps(&self, door: Option<DoorId>, epoch: EpochId, now: u64) -> Vec<Offer> {
        let next = self.keys.written(epoch).map(|step| step.saturating_add(1)).filter(|step| *step < STEP_LAST);
        let offers = door.map(|door| self.offers(door, now)).unwrap_or_default();
        offers.into_iter().chain(next.map(|step| Offer { epoch, step })).collect()
    }

    /// The wraps for a door at a step, by what they are kept under.
    pub(super) fn wraps_for(&self, door: DoorId, offer: Offer, now: u64) -> Vec<WrapKey> {
        let fits = |place: &&Place| (place.wrap.facts.epoch, place.wrap.facts.step) == (offer.epoch, offer.step);
        self.usable(door, now).filter(fits).map(|place| place.key).collect()
    }

    /// Takes wraps in, whose signatures were checked, as long as the room takes no more than `max_bytes` with
    /// them, and lets go of those that may not be kept.
    ///
    /// # Errors
    /// [`Full`]; then nothing is changed.
    pub(super) fn change_wraps(
        &mut self,
        now: u64,
        new: Vec<Wrap>,
        max_bytes: u64,
        waiter: Option<InboundId>,
    ) -> Result<(), Full> {
        let known: HashSet<WrapKey> = self.keys.wraps.iter().map(|place| place.key).collect();
        let mut all = self.keys.wraps.clone();
        let mut fresh: HashMap<WrapKey, Wrap> = HashMap::new();
        for wrap in new {
            let Ok(key) = wrap_key(&wrap) else { continue };
            if !known.contains(&key) && !fresh.contains_key(&key) {
                all.push(Place { is_durable: false, ..Place::stored(key, &wrap) });
                fresh.insert(key, wrap);
            }
        }
        let wraps = self.keep(now, &all);
        let bytes = wraps.iter().map(|place| place.bytes).sum::<u64>();
        if bytes > self.keys.bytes && self.usage.bytes.saturating_add(bytes) > max_bytes && !fresh.is_empty() {
            return Err(Full);
        }
        let stays: HashSet<WrapKey> = wraps.iter().map(|place| place.key).collect();
        let keys = &mut self.keys;
        (keys.wraps, keys.bytes, keys.is_outdated, keys.kept_at) = (wraps, bytes, false, span(now));
        for (key, wrap) in fresh.into_iter().filter(|(key, _)| stays.contains(key)) {
            keys.waiting.gone.remove(&key);
            keys.late.remove(&key);
            keys.waiting.put.insert(key, wrap);
        }
        let gone = known.into_iter().filter(|key| !stays.contains(key));
        for key in gone.chain(std::mem::take(&mut keys.late)).collect::<Vec<_>>() {
            if keys.held.contains_key(&key) {
                keys.late.insert(key);
            } else {
                keys.waiting.delete(key);
            }
        }
        keys.waiting.waiters.extend(waiter);
        Ok(())
    }

    /// Those of some wraps that may be kept.
    fn keep(&self, now: u64, all: &[Place]) -> Vec<Place> {
        if self.has_ended() || all.is_empty() {
            return Vec::new();
        }
        let list: Vec<_> = all.iter().map(|place| place.wrap).collect();
        let mut kept =
            self.with_living(now, |rules, living| rules.keep_wraps(&list, living, |epoch| self.keys.written(epoch)));
        kept.truncate(WRAPS_OF_ROOM);
        kept.into_iter().filter_map(|at| all.get(at).copied()).collect()
    }
}
