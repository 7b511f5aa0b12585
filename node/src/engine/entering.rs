//! Letting somebody in who has a code, or shows that it is in: the answering side.
//!
//! Nothing is handed out before the entry by which somebody comes in is on the disk, so that everybody
//! who was given a key stands in everybody's list. What is checked, and in which order, is in
//! `parlor_protocol::access`.

use parlor_protocol::{
    DeviceId, DoorId, RoomId,
    access::{
        AccessBody, Door, Entering, How, Stop, Wrap,
        wire::{Enter, Entered, Found, Look, NotEntered, Offer},
    },
    entry::{Entry, Kind, Verified},
    limits::DOORS_MAX,
    log::Height,
    rate::{Rate, TokenBucket},
    wire::{Answer, Refusal},
};
use std::collections::BTreeMap;

use super::{
    Engine,
    consequences::Consequence,
    room::{Effects, Room},
    unsaved::{Again, Run},
    writing::Pending,
};
use crate::{
    net::InboundId,
    store::{StoredEntry, Write},
};

/// How often somebody may come in by one door: at once, and how many milliseconds until one more may.
const INS: Rate = Rate::one_every(60 * 60 * 1000 / 128, 128);
/// How soon somebody is asked to come again who came too early, in milliseconds.
const AGAIN_MS: u32 = 500;
/// How long a peer whose entry hangs on what is not here is not asked for it again, in milliseconds.
const ASK_AGAIN_MS: u64 = 60_000;

/// Doors of a room as a keeper has them at hand.
#[derive(Debug, Default)]
pub(super) struct Keeping {
    /// Entries of doors that let somebody in, for who looks for them.
    entries: BTreeMap<DoorId, Entry>,
    rates: BTreeMap<DoorId, TokenBucket>,
    /// When peers were last asked for what their entries hang on, on the monotonic clock.
    asked: BTreeMap<DeviceId, u64>,
}

/// Somebody who comes in once its entry is on the disk.
#[derive(Debug)]
pub(super) struct ComesIn {
    pub(super) run: Run,
    pub(super) inbound: InboundId,
    pub(super) wraps: Vec<Wrap>,
}

impl Room {
    /// Keeps the entry of a door at hand.
    pub(super) fn keep_door_entry(&mut self, entry: &Verified<Entry>, wall: u64) {
        if entry.header().kind == Kind::Door {
            self.keeping.entries.insert(entry.id().into(), entry.inner().clone());
        }
        // Nobody takes up the places of others: those stay that let somebody in, so many of each person. While
        // the room is being read nobody knows which do.
        if self.is_loaded && self.keeping.entries.len() > 2 * DOORS_MAX {
            let living = self.membership.with_living(wall, |rules, living| rules.living(living));
            self.keeping.entries.retain(|door, _| living.contains(door));
        }
    }

    /// Forgets entries of doors that let nobody in any more.
    pub(super) fn forget_door_entries(&mut self, wall: u64) {
        let membership = &self.membership;
        self.keeping.entries.retain(|door, _| membership.opens(*door, wall));
        self.keeping.rates.retain(|door, _| membership.opens(*door, wall));
    }

    /// Whether an entry of coming in is taken that no peer of the room answers for.
    pub(super) fn may_come_in_by_gossip(&self, entry: &Verified<Entry>, wall: u64) -> bool {
        let is_access = entry.header().kind == Kind::Access;
        if !is_access || !matches!(AccessBody::decode(entry.body()), Ok(AccessBody::In(_))) {
            return true;
        }
        let offers = self.offers(wall);
        let checked = self.membership.with_living(wall, |rules, living| {
            rules.check_gossiped(entry, &Entering { living: *living, offers: &offers, for_keys: false })
        });
        checked.is_ok()
    }

    /// Whether others who are connected may know more than this device, which just started or woke.
    fn is_behind(&self) -> bool {
        !self.has_synced && self.is_catching_up()
    }

    fn may_come_by(&mut self, door: DoorId, now: u64) -> bool {
        let rate = self.keeping.rates.entry(door).or_insert_with(|| TokenBucket::full(INS, now));
        rate.take(now)
    }
}

impl Engine {
    /// Somebody looks for the door of a code. Only who has the code learns anything.
    pub(super) fn on_look(&mut self, from: DeviceId, look: &Look) -> Answer {
        if !self.may_look_up(from) {
            return Answer::Refused(Refusal::Busy { retry_ms: 1_000 });
        }
        let (me, wall) = (self.me(), self.now.wall);
        if look.check(from, me).is_err() {
            return Answer::Found(None);
        }
        let found = self.rooms.values().filter(|room| room.is_loaded && !room.record.request).find_map(|room| {
            let is_theirs = |door: &Door, _| door.door == look.door;
            let (state, works) = room.membership.find_door(look.locator, wall, is_theirs)?;
            let door = works.then(|| room.keeping.entries.get(&state.id)).flatten()?;
            let offers = room.offers(wall);
            Some(Found { genesis: room.record.genesis.clone(), door: door.clone(), offers })
        });
        Answer::Found(found.map(Box::new))
    }

    /// Somebody shows the entry by which it comes in, or came in before. None when the answer waits for
    /// the disk.
    pub(super) fn on_enter(&mut self, inbound: InboundId, from: DeviceId, enter: Enter) -> Option<Answer> {
        if !self.may_look_up(from) {
            return Some(busy());
        }
        let (wall, now) = (self.now.wall, self.now.mono);
        let room_id = enter.room;
        let Some(room) = self.rooms.get_mut(&room_id).filter(|room| !room.record.request) else {
            return Some(Answer::Refused(Refusal::UnknownRoom));
        };
        // What others know comes first: a code may have ended while this device was away.
        if !room.is_loaded || room.is_behind() {
            return Some(busy());
        }
        let no = |why| Some(Answer::Entered(Entered::Refused(why)));
        let Ok(entry) = enter.entry.verify() else { return no(NotEntered::Wrong) };
        let door = door_of(&entry);
        let offers = room.offers(wall);
        let checked = room.membership.with_living(wall, |rules, living| {
            let entering = Entering { living: *living, offers: &offers, for_keys: enter.for_keys };
            rules.check_enter(&entry, from, &entering)
        });
        match checked {
            Err(Stop::Again) => return Some(Answer::Entered(Entered::Again(offers))),
            Err(Stop::Refused(why)) => {
                if why == NotEntered::Lacking {
                    self.ask_what_it_hangs_on(room_id, from);
                }
                return no(why);
            }
            Ok(()) => {}
        }
        let log = entry.log_key();
        let height = room.logs.height(log);
        let is_held = height.next > entry.header().seq;
        if is_held && !room.membership.rules().knows(entry.id()) {
            // Another entry stands at this place: nothing is handed out for one that is in no list.
            return no(NotEntered::Wrong);
        }
        if is_held && room.logs.get(log).is_none_or(|known| known.durable <= entry.header().seq) {
            return Some(busy());
        }
        if !is_held && height.check_next(room_id, log, &entry).is_err() {
            // The founder's stands behind what founded the room: the peer has that too.
            self.ask_what_it_hangs_on(room_id, from);
            return no(NotEntered::Lacking);
        }
        if !is_held && door.is_some_and(|(door, _)| !room.may_come_by(door, now)) {
            return Some(busy());
        }
        let wraps = match door.filter(|_| enter.for_keys) {
            Some((door, offer)) => self.wrap(room_id, door, offer).into_iter().collect(),
            None => Vec::new(),
        };
        if is_held {
            self.connections.note_in_room(from, room_id);
            return Some(Answer::Entered(Entered::In(wraps)));
        }
        self.let_in(inbound, room_id, entry, wraps)
    }

    /// Takes the entry in and hands everything else out when it is on the disk.
    fn let_in(
        &mut self,
        inbound: InboundId,
        room_id: RoomId,
        entry: Verified<Entry>,
        wraps: Vec<Wrap>,
    ) -> Option<Answer> {
        let log = entry.log_key();
        let mut effects = Effects::default();
        let taken = self.with_room(room_id, |room, viewer| {
            if !room.logs.may_take(log) {
                return false;
            }
            let taken = room.take_in(&entry, viewer, &mut effects).is_ok();
            if taken {
                room.logs.entry(log).height = Height::after(&entry);
            }
            taken
        });
        if taken != Some(true) {
            return Some(Answer::Entered(Entered::Refused(NotEntered::Full)));
        }
        self.consequences.push(Consequence::Taken { room: room_id, effects, live: true });
        let run = Run { room: room_id, log, entries: vec![StoredEntry { entry, checked: true }] };
        let write = Write::Append { room: room_id, entries: run.entries.clone() };
        let comes_in = ComesIn { run, inbound, wraps };
        self.write(vec![write], Pending::unasked(Again::ComesIn(Box::new(comes_in))));
        None
    }

    /// The entry is on the disk: its author gets its keys, and the others hear of it.
    pub(super) fn on_came_in(&mut self, comes_in: ComesIn) {
        let ComesIn { run, inbound, wraps } = comes_in;
        let entry = run.entries.last().map(|stored| stored.entry.clone());
        self.answer(inbound, &Answer::Entered(Entered::In(wraps)));
        if let Some(entry) = entry {
            self.note_durable(&entry);
            self.publish(&entry);
            self.connections.note_in_room(entry.header().author, run.room);
        }
    }

    /// Nothing is handed out that would stand in no list.
    pub(super) fn on_came_in_not_saved(&mut self, inbound: InboundId) {
        self.answer(inbound, &busy());
    }

    /// What a peer's entry hangs on is not here: the peer has it, if it is true.
    fn ask_what_it_hangs_on(&mut self, room_id: RoomId, peer: DeviceId) {
        let now = self.now.mono;
        let Some(room) = self.rooms.get_mut(&room_id) else { return };
        room.keeping.asked.retain(|_, at| at.saturating_add(ASK_AGAIN_MS) > now);
        if room.keeping.asked.contains_key(&peer) || room.keeping.asked.len() >= DOORS_MAX {
            return;
        }
        room.keeping.asked.insert(peer, now);
        self.ask_epochs(room_id, peer);
        self.sync_with(room_id, peer);
    }
}

const fn busy() -> Answer {
    Answer::Refused(Refusal::Busy { retry_ms: AGAIN_MS })
}

/// The door that an entry names, and where it comes in.
fn door_of(entry: &Entry) -> Option<(DoorId, Offer)> {
    match AccessBody::decode(entry.body()) {
        Ok(AccessBody::In(body)) => match body.how {
            How::ByCode(by) => Some((by.door, Offer { epoch: entry.header().epoch, step: by.step })),
            How::Named | How::Linked(_) => None,
        },
        _ => None,
    }
}
