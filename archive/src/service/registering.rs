//! Registering: which rooms are taken, from whom, and which go for them.

use parlor_node::net::InboundId;
use parlor_protocol::{
    RoomId,
    access::{Rules, wire::NotAdmitted},
    account::UserName,
    entry::{Entry, Kind, Verified},
    epoch::Genesis,
    rules::Refused,
    wire::{Answer, Refusal},
};
use std::{sync::Arc, time::Instant};

use super::{
    Done, Service, busy,
    places::{self, Candidate},
    rates::{Asker, Cost},
    storing::{in_time, now_ms},
};
use crate::{
    config::Registration,
    store::{Registrant, RoomRow, StoreError},
};

/// A room that somebody wants to be kept.
#[derive(Debug)]
pub(super) struct Application {
    pub(super) inbound: InboundId,
    pub(super) who: Asker,
    pub(super) room: RoomId,
    pub(super) genesis: Entry,
    pub(super) epochs: Vec<Entry>,
}

impl Application {
    fn bytes(&self) -> usize {
        let epochs: usize = self.epochs.iter().map(|epoch| epoch.bytes().len()).sum();
        epochs + self.genesis.bytes().len()
    }
}

/// A genesis and records whose signatures are good.
struct Checked {
    genesis: Genesis,
    epochs: Vec<Verified<Entry>>,
}

/// Signatures cost time, so they come after what is counted.
fn check(application: &Application) -> Option<Checked> {
    let entry = &application.genesis;
    let founds = entry.header().kind == Kind::Genesis && entry.room() == application.room;
    let genesis = founds.then(|| Genesis::decode(entry.body()).ok()).flatten()?;
    entry.clone().verify().ok()?;
    let epochs: Option<_> = application.epochs.iter().map(|epoch| epoch.clone().verify().ok()).collect();
    Some(Checked { genesis, epochs: epochs? })
}

impl Service {
    /// Somebody makes its room known, or tells of new epochs.
    pub(super) fn register(&mut self, application: Application) -> Option<Answer> {
        let (who, now) = (application.who, Instant::now());
        if self.rooms.contains_key(&application.room) {
            if let Err(wait) = self.meter.take(who, Cost::Bytes(application.bytes()), now) {
                return Some(busy(wait));
            }
            return self.register_again(application);
        }
        if self.limits.registration == Registration::Closed {
            return Some(Answer::Refused(Refusal::RegistrationClosed));
        }
        if self.leaving.contains(&application.room) {
            return Some(busy(super::RETRY_MS.into()));
        }
        if !self.in_flight.bring(application.inbound, application.bytes()) {
            return Some(busy(super::RETRY_MS.into()));
        }
        // Who is signed in is no stranger, whether that showed on this connection or not.
        let store = Arc::clone(&self.store);
        self.tasks.spawn(async move {
            let account = in_time(store.accounts().account_of(application.who.device)).await;
            let account = account.map(|row| row.filter(|row| !row.disabled).map(|row| row.name));
            Done::Applied { application: Box::new(application), account }
        });
        None
    }

    /// What the store knows of a device that wants its room to be kept.
    pub(super) async fn on_applied(
        &mut self,
        application: Application,
        account: Result<Option<UserName>, StoreError>,
    ) -> Option<Answer> {
        let account = match account {
            Ok(account) => account,
            Err(error) => return Some(self.note_failure(&error)),
        };
        let is_signed_in = account.is_some();
        self.peers.note_signed_in(application.who.device, is_signed_in);
        if self.rooms.contains_key(&application.room) {
            return self.register_again(application);
        }
        let needs_account = matches!(self.limits.registration, Registration::Token | Registration::Accounts);
        if needs_account && !is_signed_in {
            return Some(Answer::Refused(Refusal::RegistrationClosed));
        }
        let who = Asker { is_known: is_signed_in, is_signed_in, ..application.who };
        let now = Instant::now();
        let costs = [Cost::Room, Cost::Bytes(application.bytes())];
        if let Some(wait) = costs.into_iter().find_map(|cost| self.meter.take(who, cost, now).err()) {
            return Some(busy(wait));
        }
        let Some(checked) = check(&application) else { return Some(Answer::Refused(Refusal::Malformed)) };
        let founder = application.genesis.header().author;
        let mut rules = Rules::new(application.room, founder, checked.genesis);
        if checked.epochs.iter().any(|epoch| rules.learn_epoch(epoch).is_err()) {
            return Some(Answer::Refused(Refusal::Malformed));
        }
        // Records show by themselves that the room is real; what lets its members in they bring afterwards.
        if checked.epochs.is_empty() {
            return Some(Answer::Refused(Refusal::NotAdmitted(NotAdmitted::Show)));
        }
        if rules.graph().is_removed(who.device) {
            return Some(Answer::Refused(Refusal::NotAdmitted(NotAdmitted::Removed)));
        }
        let by = match &account {
            Some(name) => self.blind.account(name),
            None => self.blind.address(who.source),
        };
        let goes = match self.makes_place(by) {
            Ok(goes) => goes,
            Err(refusal) => return Some(Answer::Refused(refusal)),
        };
        let row = RoomRow { room: application.room, genesis: application.genesis, registered: now_ms(), by };
        let epochs = checked.epochs.into_iter().map(Verified::into_inner).collect();
        if let Some(goes) = goes {
            self.let_go(goes).await;
        }
        self.store_room(application.inbound, row, epochs, true);
        None
    }

    /// Somebody tells of a room that is known.
    fn register_again(&mut self, application: Application) -> Option<Answer> {
        let Some(checked) = check(&application) else { return Some(Answer::Refused(Refusal::Malformed)) };
        let known = self.rooms.get_mut(&application.room)?;
        let had_ended = known.has_ended();
        // Records show by themselves that an owner made them; whether they count, and for whom, is worked
        // out from all of them.
        if checked.epochs.iter().any(|epoch| known.learn_epoch(epoch) == Err(Refused::Never)) {
            return Some(Answer::Refused(Refusal::Malformed));
        }
        let has_ended = known.has_ended();
        if !had_ended && has_ended {
            // No entry of that time may ever be stored, and the week begins now.
            known.ending.heard(now_ms());
        }
        let why = match known.rules.served(application.who.device, now_ms()) {
            _ if has_ended => Some(NotAdmitted::Out),
            // Who is not in yet may have to bring what it comes in by.
            Ok(()) | Err(NotAdmitted::Show) => None,
            Err(why) => Some(why),
        };
        if let Some(why) = why {
            return Some(Answer::Refused(Refusal::NotAdmitted(why)));
        }
        let (registered, by) = (known.registered, known.by);
        let row = RoomRow { room: application.room, genesis: application.genesis, registered, by };
        let epochs = checked.epochs.into_iter().map(Verified::into_inner).collect();
        self.store_room(application.inbound, row, epochs, false);
        None
    }

    /// The room that goes for a new one, if one has to.
    fn makes_place(&self, by: Registrant) -> Result<Option<RoomId>, Refusal> {
        let living = self.rooms.values().filter(|room| !room.has_ended()).count() + self.arriving.len();
        if living < self.limits.rooms {
            return Ok(None);
        }
        let candidates: Vec<_> = self.candidates().collect();
        match places::makes_place(&candidates, by, self.limits.rooms) {
            Some(room) => Ok(Some(room)),
            None => Err(Refusal::RegistrationClosed),
        }
    }

    /// Rooms that could go: those in which nothing is under way.
    pub(super) fn candidates(&self) -> impl Iterator<Item = Candidate> {
        let rooms = self.rooms.iter().filter(|(_, room)| !room.has_ended() && !room.is_busy());
        rooms.map(move |(id, room)| Candidate {
            room: *id,
            by: room.by,
            registered: room.registered,
            active: room.active,
            is_lone: room.is_lone(),
        })
    }
}
