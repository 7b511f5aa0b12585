//! Being seen by people on the network, and seeing them, without a room in common.
//!
//! Connected machines tell each other who their person is, unless that person does not want to be
//! seen. What is told is a card, a prekey and a name: enough to write to each other.

use parlor_protocol::{
    DeviceId,
    content::Body,
    wire::{Answer, Introduction, Request},
};
use std::collections::BTreeMap;

use super::{Engine, io::CallId, sync::Asked, writing::Pending};
use crate::{command::Reply, event::Event, people::NearbyPerson, store::Write};

impl Engine {
    /// What this person lets others know.
    fn introduction(&mut self) -> Option<Introduction> {
        if !self.identity.visible {
            return None;
        }
        // Everybody who comes is told the same: it is signed once.
        let newest = self.identity.prekeys.first().map(|(_, created)| *created);
        let still_holds = |said: &Introduction| {
            said.name.as_str() == self.identity.name
                && said.card.user == self.user.id()
                && Some(said.prekey.created) == newest
        };
        if !self.introduced.as_ref().is_some_and(still_holds) {
            let Body::Profile { name, card, prekey } = self.profile_body()? else { return None };
            self.introduced = Some(Introduction { name, card: *card, prekey: *prekey });
        }
        self.introduced.clone()
    }

    /// A machine came.
    pub(super) fn greet(&mut self, peer: DeviceId) {
        if !self.connections.is_archive(peer) && self.connections.is_connected(peer) {
            let hello = Request::Hello(self.introduction().map(Box::new));
            self.ask(peer, &hello, Asked::Hello { peer });
        }
    }

    /// The person's name changed, or whether the person wants to be seen.
    pub(super) fn greet_everybody(&mut self) {
        self.connections.everybody().into_iter().for_each(|peer| self.greet(peer));
    }

    pub(super) fn on_hello(&mut self, from: DeviceId, theirs: Option<Introduction>) -> Answer {
        if self.connections.may_look_up(from, self.now.mono) {
            self.meet(from, theirs);
        }
        Answer::Hello(self.introduction().map(Box::new))
    }

    /// Somebody said who they are. Only what the connected device itself signed counts.
    pub(super) fn meet(&mut self, from: DeviceId, theirs: Option<Introduction>) {
        let genuine = theirs.filter(|intro| {
            let of_peer = intro.card.device == from && intro.prekey.device == from;
            // Either side asks the other, so most of it was said and checked before.
            let is_checked = |known: &Introduction| known.card == intro.card && known.prekey == intro.prekey;
            let known = self.connections.introduction(from).is_some_and(is_checked);
            of_peer && (known || intro.card.check().is_ok() && intro.prekey.check().is_ok())
        });
        let is_news = self.connections.introduce(from, genuine);
        if is_news {
            self.tell_nearby();
        }
        self.knock_at(from);
    }

    /// People on the network who want to be seen.
    pub(super) fn nearby(&self) -> Vec<NearbyPerson> {
        let me = self.user.id();
        let mut people = BTreeMap::new();
        for intro in self.connections.introductions().filter(|intro| intro.card.user != me) {
            let user = intro.card.user;
            people.entry(user).or_insert_with(|| NearbyPerson {
                user,
                name: intro.name.as_str().to_owned(),
                known: self.contacts.find(user).is_some_and(|known| !known.devices.is_empty()),
                verified: self.contacts.is_verified(user),
            });
        }
        people.into_values().filter(|person| !self.contacts.is_blocked(person.user)).collect()
    }

    pub(super) fn set_visible(&mut self, call: CallId, visible: bool) {
        self.identity.visible = visible;
        let identity = Box::new(self.identity.clone());
        self.write(vec![Write::PutIdentity(identity)], Pending::answering(Some(call), Reply::Done));
        let profile = self.profile();
        self.event(Event::ProfileChanged(profile));
        self.greet_everybody();
    }
}
