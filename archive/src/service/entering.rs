//! Letting somebody in who has a code, with no member up: what is asked and answered about doors.
//!
//! The entry by which somebody comes in is durable before anything is handed out, so that every member
//! sees it. What is handed out was wrapped by members; the archive cannot open it.

use parlor_node::net::InboundId;
use parlor_protocol::{
    DeviceId, DoorId, LogKey, RoomId,
    access::{
        AccessBody, Entering, How, Stop, Wrap,
        wire::{Enter, Entered, Found, Look, NotEntered, Offer, PushWraps},
    },
    entry::{Entry, Verified},
    log::Height,
    wire::{Answer, Refusal},
};
use std::sync::Arc;

use super::{
    Done, RETRY_MS, Service,
    keys::WrapChange,
    loading::load,
    now_ms,
    room::{Prepared, Ready, RoomState},
    storing::in_time,
};
use crate::store::{Appended, Run, Store, StoreError, Usage, WrapKey};

/// Rooms of one locator that are opened to look at their doors: only who has a code can make a second one.
const ROOMS_AT_MAX: usize = 4;

/// Somebody who comes in when its entry is durable.
#[derive(Debug)]
pub(super) struct ComesIn {
    pub(super) room: RoomId,
    pub(super) log: LogKey,
    pub(super) inbound: InboundId,
    pub(super) entry: Box<Entry>,
    pub(super) planned: Height,
    pub(super) added: Usage,
    pub(super) wraps: Vec<Wrap>,
}

impl<W> RoomState<W> {
    /// What somebody finds who has the code of a door here.
    pub(super) fn found(&self, look: &Look, from: DeviceId, me: DeviceId) -> Option<Found> {
        let now = now_ms();
        let door = self.with_living(now, |rules, living| {
            let id = rules.find(look.locator, living)?;
            rules.check_door(id, living).is_ok().then_some(id)
        })?;
        look.check(&self.rules.door(door)?.door.door, from, me).ok()?;
        let entry = self.keys.entry(door)?.clone();
        Some(Found { genesis: self.genesis.clone(), door: entry, offers: self.offers(door) })
    }
}

impl Service {
    /// Somebody looks for a door: here, and in rooms of a shared store that are not open here.
    pub(super) fn look(&mut self, inbound: InboundId, from: DeviceId, look: Look) -> Option<Answer> {
        let found = self.found(from, &look);
        if found.is_some() || !self.is_shared {
            return Some(Answer::Found(found));
        }
        let store = Arc::clone(&self.store);
        self.tasks.spawn(async move {
            let reading = async {
                let mut opened = Vec::new();
                for room in store.rooms_at(look.locator).await?.into_iter().take(ROOMS_AT_MAX) {
                    if let Some(row) = store.room(room).await? {
                        opened.push(load(&*store, &row).await?);
                    }
                }
                Ok(opened)
            };
            Done::Looked { inbound, from, look, result: in_time(reading).await }
        });
        None
    }

    pub(super) fn found(&self, from: DeviceId, look: &Look) -> Option<Box<Found>> {
        let rooms = self.rooms.values().filter(|room| room.rules.graph().dissolved_by().is_none());
        rooms.filter_map(|room| room.found(look, from, self.me)).next().map(Box::new)
    }

    /// Somebody shows the entry by which it comes in, or came in before.
    pub(super) fn enter(&mut self, inbound: InboundId, from: DeviceId, enter: Enter) -> Option<Answer> {
        let (now, max) = (now_ms(), self.limits.room);
        let no = |why| Some(Answer::Entered(Entered::Refused(why)));
        let Some(room) = self.rooms.get_mut(&enter.room) else {
            if self.is_shared {
                self.find_room(inbound, enter.room);
                return None;
            }
            return Some(Answer::Refused(Refusal::UnknownRoom));
        };
        if room.rules.graph().dissolved_by().is_some() {
            return no(NotEntered::ShutOut);
        }
        let Ok(entry) = enter.entry.verify() else { return no(NotEntered::Wrong) };
        let door = door_of(&entry);
        let offers = door.map(|(door, _)| room.offers(door)).unwrap_or_default();
        let checked = room.with_living(now, |rules, living| {
            let entering = Entering { living: *living, offers: &offers, for_keys: enter.for_keys };
            rules.check_enter(&entry, from, &entering)
        });
        match checked {
            Err(Stop::Again) => return Some(Answer::Entered(Entered::Again(offers))),
            Err(Stop::Refused(why)) => return no(why),
            Ok(()) => {}
        }
        let keys = match door.filter(|_| enter.for_keys) {
            Some((door, offer)) => room.wraps_for(door, offer),
            None => Vec::new(),
        };
        let log = entry.log_key();
        if room.log(log).is_busy {
            return Some(Answer::Refused(Refusal::Busy { retry_ms: RETRY_MS }));
        }
        match room.prepare(log, vec![entry.inner().clone()], max) {
            Prepared::Store(ready) => self.append_in(enter.room, log, ready, inbound, &entry, keys),
            Prepared::Held => self.hand_out(inbound, enter.room, keys),
            Prepared::Refused(refusal) => return Some(Answer::Refused(refusal)),
            Prepared::Compare(_) => return no(NotEntered::Wrong),
        }
        None
    }

    /// Stores the entry, then reads what is wrapped for it.
    fn append_in(
        &mut self,
        room: RoomId,
        log: LogKey,
        ready: Ready,
        inbound: InboundId,
        entry: &Verified<Entry>,
        keys: Vec<WrapKey>,
    ) {
        let planned = Height::after(entry);
        if let Some(state) = self.rooms.get_mut(&room) {
            let log = state.log(log);
            (log.is_busy, log.planned) = (true, planned.next);
        }
        let added = Usage { entries: 1, bytes: entry.bytes().len() as u64 };
        let (store, entry) = (Arc::clone(&self.store), Box::new(entry.inner().clone()));
        let Ready { entries, doors, steps } = ready;
        self.tasks.spawn(async move {
            let appended = store.append(Run { room, log, entries, doors, steps }).await;
            let wraps = match &appended {
                Ok(Appended::Stored(_)) => read_wraps(&*store, room, keys).await,
                _ => Ok(Vec::new()),
            };
            let comes_in = |wraps| ComesIn { room, log, inbound, entry, planned, added, wraps };
            let (wraps, failed) = match wraps {
                Ok(wraps) => (wraps, None),
                Err(error) => (Vec::new(), Some(error)),
            };
            Done::CameIn { comes_in: Box::new(comes_in(wraps)), appended, failed }
        });
    }

    /// Somebody whose entry is held already gets what is wrapped for it.
    fn hand_out(&mut self, inbound: InboundId, room: RoomId, keys: Vec<WrapKey>) {
        let store = Arc::clone(&self.store);
        self.tasks.spawn(async move {
            let answer = match in_time(read_wraps(&*store, room, keys)).await {
                Ok(wraps) => Answer::Entered(Entered::In(wraps)),
                Err(_) => Answer::Refused(Refusal::StoreUnavailable),
            };
            Done::Answer(inbound, answer)
        });
    }

    /// The entry is durable: its author gets its keys, and the members hear of it.
    pub(super) async fn on_came_in(
        &mut self,
        comes_in: ComesIn,
        appended: Result<Appended, StoreError>,
        failed: Option<StoreError>,
    ) {
        let ComesIn { room, log, inbound, entry, planned, added, wraps } = comes_in;
        let answer = match (self.on_appended(room, log, planned, added, appended), failed) {
            (Answer::Pushed(_), None) => Answer::Entered(Entered::In(wraps)),
            (Answer::Pushed(_), Some(error)) => self.note_failure(&error),
            (other, _) => other,
        };
        if matches!(answer, Answer::Entered(_)) {
            self.pass_on(*entry).await;
        }
        self.answer(inbound, &answer).await;
        self.to_start.insert((room, log));
        self.tidy_wraps(room);
    }

    /// A member brings wraps.
    pub(super) fn take_wraps(&mut self, inbound: InboundId, from: DeviceId, push: PushWraps) -> Option<Answer> {
        let now = now_ms();
        let Some(room) = self.rooms.get_mut(&push.room) else { return Some(Answer::Refused(Refusal::UnknownRoom)) };
        if let Err(why) = room.rules.served(from, now) {
            return Some(Answer::Refused(Refusal::NotAdmitted(why)));
        }
        if push.wraps.iter().any(|wrap| wrap.check().is_err()) {
            return Some(Answer::Refused(Refusal::Malformed));
        }
        let change = room.take_wraps(now, push.wraps);
        self.change_wraps(push.room, change, Some(inbound));
        None
    }

    /// Deletes wraps that may be kept no longer.
    pub(super) fn tidy_wraps(&mut self, room_id: RoomId) {
        let Some(room) = self.rooms.get_mut(&room_id).filter(|room| room.keys.is_outdated) else { return };
        let change = room.take_wraps(now_ms(), Vec::new());
        if !change.gone.is_empty() {
            self.change_wraps(room_id, change, None);
        }
    }

    /// The same for all rooms: codes and visits end with time.
    pub(super) fn tidy_all_wraps(&mut self) {
        let rooms: Vec<_> = self.rooms.keys().copied().collect();
        for room in rooms {
            if let Some(known) = self.rooms.get_mut(&room) {
                known.keys.is_outdated = true;
            }
            self.tidy_wraps(room);
        }
    }

    fn change_wraps(&mut self, room: RoomId, change: WrapChange, inbound: Option<InboundId>) {
        let store = Arc::clone(&self.store);
        self.tasks.spawn(async move {
            let result = in_time(store.change_wraps(room, change.put, change.gone)).await;
            match (result, inbound) {
                (Ok(()), Some(inbound)) => Done::Answer(inbound, Answer::Done),
                (Err(_), Some(inbound)) => Done::Answer(inbound, Answer::Refused(Refusal::StoreUnavailable)),
                // What could not be deleted is deleted with the next change.
                (_, None) => Done::Nothing,
            }
        });
    }
}

async fn read_wraps(store: &dyn Store, room: RoomId, keys: Vec<WrapKey>) -> Result<Vec<Wrap>, StoreError> {
    let mut wraps = Vec::new();
    for key in keys {
        wraps.extend(store.wrap(room, key).await?);
    }
    Ok(wraps)
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
