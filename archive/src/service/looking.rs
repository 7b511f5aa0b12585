//! Looking for the door of a code. Who has the code learns where it leads; others learn nothing, not even
//! whether there is such a door.

use parlor_node::net::InboundId;
use parlor_protocol::{
    DeviceId, DoorId, LogKey, RoomId,
    access::wire::{Found, Look, Offer},
    wire::{Answer, Refusal},
};
use std::sync::Arc;

use super::{Done, Opened, RETRY_MS, Service, Waiter, busy, loading::load, now_ms, room::RoomState, storing::in_time};
use crate::store::{Store, StoreError};

/// Rooms of one locator that are opened to look at their doors. Members of other rooms may copy a locator
/// that they have read.
const ROOMS_AT_MAX: usize = 16;

/// A door that was found, whose entry is to be read.
#[derive(Debug)]
pub(super) struct Lead {
    room: RoomId,
    door: DoorId,
    log: LogKey,
    seq: u64,
    offers: Vec<Offer>,
}

impl RoomState<Waiter> {
    /// Where a code leads, for who has it, when it lets somebody in.
    fn lead(&self, look: &Look) -> Option<Lead> {
        let now = now_ms();
        let door = self.with_living(now, |rules, living| {
            let id = rules.find(look.locator, living, |door, _| door.door == look.door)?;
            rules.check_door(id, living).is_ok().then_some(id)
        })?;
        let state = self.rules.door(door)?;
        let (log, seq, offers) = (state.log, state.seq, self.offers(door, now));
        Some(Lead { room: self.rules.room(), door, log, seq, offers })
    }
}

impl Service {
    /// Somebody looks for a door: here, and in rooms of a shared store that are not open here.
    pub(super) fn look(&mut self, inbound: InboundId, from: DeviceId, look: Look) -> Option<Answer> {
        if look.check(from, self.me).is_err() {
            return Some(Answer::Found(None));
        }
        if let Some(lead) = self.lead(&look) {
            self.show(inbound, lead);
            return None;
        }
        if !self.is_shared {
            return Some(Answer::Found(None));
        }
        let store = Arc::clone(&self.store);
        self.tasks.spawn(async move {
            let result = in_time(store.rooms_at(look.locator)).await;
            Done::Located { inbound, look, result }
        });
        None
    }

    fn lead(&self, look: &Look) -> Option<Lead> {
        let mut rooms = self.rooms.values().filter(|room| !room.has_ended());
        rooms.find_map(|room| room.lead(look))
    }

    /// Reads the entry that made a door, and answers.
    fn show(&mut self, inbound: InboundId, lead: Lead) {
        let store = Arc::clone(&self.store);
        self.tasks.spawn(async move {
            let answer = match in_time(read(&*store, lead)).await {
                Ok(found) => Answer::Found(found.map(Box::new)),
                Err(_) => Answer::Refused(Refusal::StoreUnavailable),
            };
            Done::Answer(inbound, answer)
        });
    }

    /// Rooms of a shared store in which there is or was such a door: those that are not open here are read.
    pub(super) async fn on_located(&mut self, inbound: InboundId, look: Look, result: Result<Vec<RoomId>, StoreError>) {
        let rooms = match result {
            Ok(rooms) => rooms,
            Err(error) => {
                let answer = self.note_failure(&error);
                return self.answer(inbound, &answer).await;
            }
        };
        let (open, other): (Vec<_>, Vec<_>) =
            rooms.into_iter().take(ROOMS_AT_MAX).partition(|room| self.rooms.contains_key(room));
        if other.is_empty() {
            // Another archive may have taken the door since they were read.
            let is_read_anew = open.into_iter().filter(|room| self.refresh(*room)).count() > 0;
            let answer = if is_read_anew { busy(RETRY_MS.into()) } else { Answer::Found(None) };
            return self.answer(inbound, &answer).await;
        }
        let store = Arc::clone(&self.store);
        self.tasks.spawn(async move {
            let reading = async {
                let mut opened = Vec::new();
                for room in other {
                    if let Some(row) = store.room(room).await? {
                        opened.push(load(&*store, &row).await?);
                    }
                }
                Ok(opened)
            };
            Done::Looked { inbound, look, result: in_time(reading).await }
        });
    }

    /// Rooms were opened in which there may be a door that somebody looks for.
    pub(super) async fn on_looked(&mut self, inbound: InboundId, look: Look, result: Result<Vec<Opened>, StoreError>) {
        let answer = match result {
            Ok(opened) => {
                for room in opened {
                    self.open_room(room).await;
                }
                match self.lead(&look) {
                    Some(lead) => return self.show(inbound, lead),
                    None => Answer::Found(None),
                }
            }
            Err(error) => self.note_failure(&error),
        };
        self.answer(inbound, &answer).await;
    }
}

/// What somebody finds at a door; nothing when it is not in the store yet.
async fn read(store: &dyn Store, lead: Lead) -> Result<Option<Found>, StoreError> {
    let Lead { room, door, log, seq, offers } = lead;
    let (Some(row), run) = (store.room(room).await?, store.run(room, log, seq, 1, usize::MAX).await?) else {
        return Ok(None);
    };
    let entry = run.into_iter().map(|kept| kept.entry.into_inner()).find(|entry| DoorId::from(entry.id()) == door);
    Ok(entry.map(|entry| Found { genesis: row.genesis, door: entry, offers }))
}
