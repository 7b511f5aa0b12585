//! Letting somebody in who has a code, with no member up: what is asked and answered about doors.
//!
//! The entry by which somebody comes in is durable before anything is handed out, so that every member
//! sees it. What is handed out was wrapped by members; the archive cannot open it.

use parlor_node::net::InboundId;
use parlor_protocol::{
    DeviceId, LogKey, RoomId,
    access::{
        Entering, Stop, Wrap,
        wire::{Enter, Entered, NotEntered},
    },
    entry::{Entry, Verified},
    log::Height,
    wire::{Answer, Refusal},
};
use std::{sync::Arc, time::Instant};

use super::{
    Done, RETRY_MS, Service, busy, now_ms,
    storing::{in_time, within},
    taking::{Prepared, Ready, comes_in, coming_of, door_of},
};
use crate::store::{Appended, Run, Store, StoreError, Usage, WrapKey};

/// Somebody who gets what is wrapped for it, when the entry by which it comes in is durable.
#[derive(Debug)]
pub(super) struct ComesIn {
    room: RoomId,
    device: DeviceId,
    inbound: InboundId,
    /// What it gets, kept until then.
    keys: Vec<WrapKey>,
    /// The entry that is being stored; none when it is held already.
    coming: Option<Coming>,
}

#[derive(Debug)]
struct Coming {
    log: LogKey,
    entry: Box<Entry>,
    planned: Height,
    added: Usage,
}

impl Service {
    /// Somebody shows the entry by which it comes in, or came in before.
    pub(super) fn enter(&mut self, inbound: InboundId, from: DeviceId, enter: Enter) -> Option<Answer> {
        let no = |why| Some(Answer::Entered(Entered::Refused(why)));
        let Some(room) = self.rooms.get(&enter.room) else {
            if self.is_shared {
                self.find_room(inbound, enter.room);
                return None;
            }
            return Some(Answer::Refused(Refusal::UnknownRoom));
        };
        if room.has_ended() {
            return no(NotEntered::ShutOut);
        }
        let (is_held, door) = (room.log_holds(&enter.entry), door_of(&enter.entry));
        if let Some(door) = door.filter(|_| !is_held)
            && let Err(wait) = self.meter.may_come(door, Instant::now())
        {
            return Some(busy(wait));
        }
        let Ok(entry) = enter.entry.verify() else { return no(NotEntered::Wrong) };
        let now = now_ms();
        let offers = door.map(|door| room.offers(door, now)).unwrap_or_default();
        // Who asks for keys comes in where they are on offer; others may have come in at another keeper.
        let open = if enter.for_keys { offers.clone() } else { room.open_steps(door, entry.header().epoch, now) };
        let checked = room.with_living(now, |rules, living| {
            let entering = Entering { living: *living, offers: &open, for_keys: enter.for_keys };
            rules.check_enter(&entry, from, &entering)
        });
        let keys = match coming_of(&entry).filter(|_| enter.for_keys) {
            Some((door, offer)) => room.wraps_for(door, offer, now),
            None => Vec::new(),
        };
        match checked {
            Err(Stop::Again) => return Some(Answer::Entered(Entered::Again(offers))),
            // Another archive with the same store may know what it hangs on.
            Err(Stop::Refused(NotEntered::Lacking)) if self.refresh(enter.room) => return Some(busy(RETRY_MS.into())),
            Err(Stop::Refused(why)) => return no(why),
            Ok(()) => {}
        }
        self.let_in(inbound, enter.room, entry, keys)
    }

    /// Takes a checked entry in, and hands wraps out when it is durable.
    fn let_in(
        &mut self,
        inbound: InboundId,
        room_id: RoomId,
        entry: Verified<Entry>,
        keys: Vec<WrapKey>,
    ) -> Option<Answer> {
        let max = self.most_of(room_id);
        let room = self.rooms.get_mut(&room_id)?;
        let log = entry.log_key();
        if room.log_holds(&entry) {
            room.keys.hold(&keys);
            self.hand_out(ComesIn { room: room_id, device: log.author, inbound, keys, coming: None }, &entry);
            return None;
        }
        if room.log_is_busy(log) {
            return Some(busy(RETRY_MS.into()));
        }
        if !room.may_begin(log) {
            return Some(Answer::Entered(Entered::Refused(NotEntered::Full)));
        }
        room.keys.hold(&keys);
        let prepared = room.prepare(log, vec![entry.inner().clone()], max);
        let answer = match prepared {
            Prepared::Store(ready) => {
                self.meter.comes(door_of(&entry), Instant::now());
                let comes_in = ComesIn { room: room_id, device: log.author, inbound, keys, coming: None };
                self.append_in(comes_in, ready, &entry);
                return None;
            }
            Prepared::Refused(refusal) => self.refuse(room_id, refusal, entry.bytes().len() as u64),
            Prepared::Held | Prepared::Compare(_) => Answer::Entered(Entered::Refused(NotEntered::Wrong)),
        };
        if let Some(room) = self.rooms.get_mut(&room_id) {
            room.keys.release(&keys);
            room.forget_unused(log);
        }
        Some(answer)
    }

    /// Whether all entries by which somebody comes in are taken that nobody in the room answers for.
    pub(super) fn may_all_come(&mut self, room_id: RoomId, entries: &[Entry]) -> bool {
        let Some(room) = self.rooms.get(&room_id) else { return false };
        let new: Vec<_> = entries.iter().filter(|entry| comes_in(entry) && !room.log_holds(entry)).collect();
        let (now, at) = (now_ms(), Instant::now());
        // There is one in a log; more of them only cost time.
        match new.as_slice() {
            [] => true,
            [entry] => {
                let is_good = (*entry).clone().verify().is_ok_and(|entry| room.may_come_in(&entry, now));
                is_good && self.meter.comes(door_of(entry), at)
            }
            _ => false,
        }
    }

    /// Stores the entry, then reads what is wrapped for it.
    fn append_in(&mut self, comes_in: ComesIn, ready: Ready, entry: &Verified<Entry>) {
        let (room, log, planned) = (comes_in.room, entry.log_key(), Height::after(entry));
        let added = Usage { entries: 1, bytes: entry.bytes().len() as u64 };
        let coming = Coming { log, entry: Box::new(entry.inner().clone()), planned, added };
        let comes_in = Box::new(ComesIn { coming: Some(coming), ..comes_in });
        let Ready { entries, doors, steps } = ready;
        if let Some(state) = self.rooms.get_mut(&room) {
            state.begin_storing(log, planned.next, steps.clone());
        }
        let (store, most) = (Arc::clone(&self.store), self.limits.store_within);
        self.tasks.spawn(async move {
            let appended = within(most, store.append(Run { room, log, entries, doors, steps })).await;
            let wraps = match &appended {
                Ok(Appended::Stored(_)) => in_time(read_wraps(&*store, room, &comes_in.keys)).await.map(Some),
                _ => Ok(None),
            };
            Done::CameIn { comes_in, appended: Some(appended), wraps }
        });
    }

    /// Somebody whose entry is held already gets what is wrapped for it.
    fn hand_out(&mut self, comes_in: ComesIn, entry: &Verified<Entry>) {
        let (store, comes_in) = (Arc::clone(&self.store), Box::new(comes_in));
        let (log, seq, id) = (entry.log_key(), entry.header().seq, entry.id());
        self.tasks.spawn(async move {
            let reading = async {
                let held = store.run(comes_in.room, log, seq, 1, usize::MAX).await?;
                if held.first().is_none_or(|held| held.entry.id() != id) {
                    return Ok(None);
                }
                read_wraps(&*store, comes_in.room, &comes_in.keys).await.map(Some)
            };
            let wraps = in_time(reading).await;
            Done::CameIn { comes_in, appended: None, wraps }
        });
    }

    /// The entry is durable: its author gets its keys, and the members hear of it.
    pub(super) async fn on_came_in(
        &mut self,
        comes_in: ComesIn,
        appended: Option<Result<Appended, StoreError>>,
        wraps: Result<Option<Vec<Wrap>>, StoreError>,
    ) {
        let ComesIn { room, device, inbound, keys, coming } = comes_in;
        if let Some(room) = self.rooms.get_mut(&room) {
            room.keys.release(&keys);
            if coming.is_none() && matches!(wraps, Ok(Some(_))) {
                // It was found in the store, whoever brought it there.
                room.unsaved.remove(&device);
            }
        }
        let stored = match (&coming, appended) {
            (Some(coming), Some(appended)) => {
                self.to_start.insert((room, coming.log));
                self.on_appended(room, coming.log, coming.planned, coming.added, appended)
            }
            _ => Answer::Done,
        };
        let is_durable = matches!(stored, Answer::Pushed(_) | Answer::Done);
        let answer = match wraps {
            Ok(Some(wraps)) if is_durable => Answer::Entered(Entered::In(wraps)),
            // Something else is held in its place.
            Ok(None) if is_durable => Answer::Entered(Entered::Refused(NotEntered::Wrong)),
            Err(error) if is_durable => self.note_failure(&error),
            _ => stored,
        };
        self.listen(room).await;
        self.note_changes(room).await;
        self.answer(inbound, &answer).await;
        if let Some(coming) = coming.filter(|_| is_durable) {
            self.pass_on(*coming.entry).await;
        }
    }
}

async fn read_wraps(store: &dyn Store, room: RoomId, keys: &[WrapKey]) -> Result<Vec<Wrap>, StoreError> {
    let mut wraps = Vec::new();
    for key in keys {
        wraps.extend(store.wrap(room, *key).await?);
    }
    Ok(wraps)
}
