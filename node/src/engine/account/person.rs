//! What this device shares with the others of its person: kept as a bundle, merged with what they
//! know, and carried out here: rooms entered, names and decisions followed.
//!
//! The bundle comes and goes by the account's vault (`keeping`), between devices that are connected
//! (`devices/agreeing`), and to a new device that is linked (`devices/linking`).

use parlor_protocol::{
    LogId, Name, OwnId, RoomId, UserId,
    access::{AccessBody, In, InPlace, OwnKey},
    card::UserKey,
    content::Body,
    entry::{Entry, Header, Kind, Verified},
    epoch::{EpochSecrets, Genesis},
    error::CodecError,
    keys::Secret,
    log::Height,
};
use rand_core::RngCore as _;
use std::collections::BTreeSet;

use super::{AccountBundle, AccountPlace, BundleRoom, DeviceNote, Stamp, Stamped};
use crate::{
    command::Reply,
    engine::{Engine, founding::Founding, sealing::Piece, unsaved::Again, writing::Pending},
    event::Event,
    store::{PersonRecord, SecretBytes, Write},
};

/// What is shared with the person's other devices.
#[derive(Debug, Default)]
pub(in crate::engine) struct Person {
    /// As it was last known. None while there was never anybody to share it with.
    pub(in crate::engine) bundle: Option<AccountBundle>,
    /// Rooms that this device entered because another one was in them.
    pub(in crate::engine) entered: BTreeSet<RoomId>,
    /// Seed of the account key that this device had before.
    pub(in crate::engine) before: Option<Secret>,
    /// What the shell calls this device, until it has a name.
    pub(in crate::engine) suggested: Option<Name>,
    /// There is more than can be kept, and the user knows.
    is_over: bool,
}

impl Person {
    pub(in crate::engine) fn new(record: Option<PersonRecord>) -> Self {
        let Some(record) = record else { return Self::default() };
        let bundle = AccountBundle::decode(&record.bundle.0).ok();
        Self { bundle, entered: record.entered, before: record.before, suggested: None, is_over: false }
    }

    /// As the store keeps it.
    fn record(&self) -> Result<Option<PersonRecord>, CodecError> {
        let Some(bundle) = &self.bundle else { return Ok(None) };
        let bundle = SecretBytes(bundle.encode()?);
        Ok(Some(PersonRecord { bundle, entered: self.entered.clone(), before: self.before.clone() }))
    }

    /// Keys that the person went by before.
    pub(in crate::engine) fn former(&self) -> Vec<UserKey> {
        let former = self.bundle.as_ref().map(|bundle| bundle.former.as_slice()).unwrap_or_default();
        former.iter().map(UserKey::from_seed).collect()
    }
}

impl Engine {
    /// What the person's devices share as of now: what was known before, and what changed here.
    pub(in crate::engine) fn bundle_now(&self) -> AccountBundle {
        let stamp = self.stamp();
        let fresh = || AccountBundle::new(self.identity.user_seed.clone(), Stamped::default());
        let mut bundle = self.person.bundle.clone().unwrap_or_else(fresh);
        if bundle.name.value != self.identity.name && !self.identity.name.is_empty() {
            bundle.name = Stamped::new(self.identity.name.clone(), later(stamp, bundle.name.stamp));
        }
        // What strangers ask for is no room of the person yet.
        for (id, room) in self.rooms.iter().filter(|(_, room)| !room.record.request) {
            let entry = bundle.rooms.entry(*id).or_insert_with(|| BundleRoom {
                genesis: room.record.genesis.clone(),
                name: Stamped::default(),
                epochs: Vec::new(),
                held: Stamped::new(true, stamp),
                joined: room.record.joined,
                removed: BTreeSet::new(),
                own: None,
            });
            let rules = room.membership.rules();
            entry.learn_own(rules.own_of(self.me()));
            let own = bundle.devices.keys().copied().chain([self.me()]);
            entry.removed.extend(own.filter(|device| rules.graph().is_removed(*device)));
            if entry.is_out(self.me()) {
                // Whatever came before this device knew that it is out.
                entry.epochs.clear();
            }
            room.record.epochs.iter().cloned().for_each(|epoch| entry.learn(epoch));
            if entry.name.value != room.record.name && !room.record.name.is_empty() {
                entry.name = Stamped::new(room.record.name.clone(), later(stamp, entry.name.stamp));
            }
            // Entered again here after it was left.
            if !entry.held.value && room.record.joined > entry.held.stamp.at {
                entry.held = Stamped::new(true, stamp);
            }
        }
        self.put_account(&mut bundle);
        self.put_device(&mut bundle);
        self.put_people(&mut bundle);
        bundle
    }

    /// The same, remembered from now on: what is told to others must not change without a reason.
    pub(in crate::engine) fn renew_bundle(&mut self) -> AccountBundle {
        let bundle = self.bundle_now();
        if self.person.bundle.as_ref() != Some(&bundle) {
            self.person.bundle = Some(bundle.clone());
            self.save_person();
        }
        bundle
    }

    fn stamp(&self) -> Stamp {
        Stamp { at: self.now.wall, device: self.me() }
    }

    /// A stamp for something that is set now, later than the one before it whatever the clock says.
    pub(in crate::engine) fn stamp_after(&self, before: Stamp) -> Stamp {
        later(self.stamp(), before)
    }

    /// Where the account is, if this device knows it first-hand.
    fn put_account(&self, bundle: &mut AccountBundle) {
        let Some(record) = self.account.record.as_ref().filter(|record| record.signed_in) else { return };
        let place = Some(AccountPlace { name: record.name.clone(), archive: record.archive });
        if bundle.account.value != place {
            bundle.account = Stamped::new(place, later(self.stamp(), bundle.account.stamp));
        }
    }

    /// What this device says of itself.
    fn put_device(&self, bundle: &mut AccountBundle) {
        let known = bundle.devices.get(&self.me());
        let suggested = self.person.suggested.as_ref().map(|name| name.as_str().to_owned()).unwrap_or_default();
        let label = known.map(|note| note.value.label.clone()).filter(|label| !label.is_empty()).unwrap_or(suggested);
        let signed_in = self.account.record.as_ref().is_some_and(|record| record.signed_in);
        let note = DeviceNote { label, created: self.identity.created, signed_in };
        if known.is_none_or(|known| known.value != note) {
            let stamp = later(self.stamp(), known.map(|known| known.stamp).unwrap_or_default());
            bundle.devices.insert(self.me(), Stamped::new(note, stamp));
        }
    }

    /// Takes in what another device of the person knows, and does here what follows from it.
    pub(in crate::engine) fn take_bundle(&mut self, mut theirs: AccountBundle) {
        let before = self.renew_bundle();
        self.leave_out(&mut theirs);
        let (bundle, is_whole) = before.united(theirs);
        if !is_whole {
            self.tell_over();
        }
        if bundle == before {
            return;
        }
        self.person.bundle = Some(bundle.clone());
        self.former = self.person.former();
        self.save_person();
        if bundle.name != before.name {
            self.follow_name(&bundle.name.value);
        }
        self.enter_rooms(&bundle);
        self.forget_left(&bundle);
        self.tell_devices(&before, &bundle);
        self.follow_revoked(&before, &bundle);
        self.agree_soon();
    }

    /// The person took another name on another device.
    fn follow_name(&mut self, name: &str) {
        if self.identity.name == name || name.is_empty() {
            return;
        }
        name.clone_into(&mut self.identity.name);
        self.save_identity();
        self.tell_who_this_is();
        let profile = self.profile();
        self.event(Event::ProfileChanged(profile));
    }

    /// Says in every room who this device is.
    fn tell_who_this_is(&mut self) {
        let rooms: Vec<_> = self.rooms.keys().copied().collect();
        rooms.into_iter().for_each(|room| self.tell_profile(room));
    }

    /// Becomes a device of a person: takes up key and name, and brings along what was here already.
    /// Gives what both come to; to be written by whoever calls, and then entered.
    pub(in crate::engine) fn become_person(&mut self, mut bundle: AccountBundle) -> AccountBundle {
        self.leave_out(&mut bundle);
        let mine = self.bundle_now();
        let had = self.identity.user_seed.clone();
        let is_other = had != bundle.user_seed;
        match self.rooms.is_empty() {
            // A key that nobody has seen in a room is not worth keeping.
            true => bundle.name.value.clone_into(&mut self.identity.name),
            false => bundle.merge(mine),
        }
        self.identity.user_seed = bundle.user_seed.clone();
        if self.identity.name.is_empty() {
            bundle.name.value.clone_into(&mut self.identity.name);
        }
        self.user = self.identity.user();
        self.person.before = is_other.then_some(had).or(self.person.before.take());
        self.person.bundle = Some(bundle);
        let bundle = self.bundle_now();
        self.person.bundle = Some(bundle.clone());
        self.former = self.person.former();
        if is_other {
            // Who this device belongs to has changed: it says so where it was already.
            self.tell_who_this_is();
        }
        let profile = self.profile();
        self.event(Event::ProfileChanged(profile));
        bundle
    }

    /// Enters every room of the person that is not here yet, without anybody else's help.
    pub(in crate::engine) fn enter_rooms(&mut self, bundle: &AccountBundle) {
        self.take_people(bundle);
        let me = self.me();
        // What was left here is not held, unless it was entered again elsewhere.
        let held = bundle.rooms.iter().filter(|(_, room)| room.held.value && !room.is_out(me));
        let new: Vec<_> = held.filter(|(id, _)| !self.rooms.contains_key(id)).collect();
        let mut is_news = false;
        for (id, room) in new {
            if self.enter_room(*id, room) {
                self.person.entered.insert(*id);
                is_news = true;
            }
        }
        if is_news {
            self.save_person();
        }
    }

    fn enter_room(&mut self, id: RoomId, room: &BundleRoom) -> bool {
        let founds = room.genesis.header().kind == Kind::Genesis && room.genesis.clone().verify().is_ok();
        let Ok(genesis) = Genesis::decode(room.genesis.body()) else { return false };
        let secrets: Vec<_> = room.epochs.iter().filter_map(|epoch| epoch.secrets(id).ok()).collect();
        if !founds || secrets.is_empty() {
            return false;
        }
        let log = LogId(self.rng.next_u64());
        let Some(entry) = secrets.last().and_then(|newest| self.sign_link(id, log, newest, room.own)) else {
            return false;
        };
        let founding = Founding { genesis_entry: room.genesis.clone(), genesis, epochs: secrets };
        self.add_room(id, room.name.value.clone(), founding, log, false);
        if let Some(known) = self.rooms.get_mut(&id) {
            known.is_fresh = true;
            known.record.joined = known.record.joined.min(room.joined);
        }
        self.save_room_now(id);
        self.append_own(id, vec![Piece::Signed(entry)], None, |_| Reply::Done);
        // Others who are in it show themselves by its topics; strangers need not learn of it.
        self.sync_with_archives(id);
        self.other_devices().into_iter().for_each(|device| self.sync_with(id, device));
        true
    }

    /// The entry by which this device comes into a room that another one of the person is in.
    fn sign_link(
        &self,
        room: RoomId,
        log: LogId,
        secrets: &EpochSecrets,
        own: Option<OwnId>,
    ) -> Option<Verified<Entry>> {
        let header = Header {
            kind: Kind::Access,
            room,
            author: self.me(),
            log,
            seq: 0,
            prev: Height::EMPTY.head,
            epoch: secrets.id(),
            session: 0,
        };
        let own = self.own_key(room, own);
        let body = In::linked(&own, &InPlace::from(&header), secrets).ok()?;
        Entry::sign(&self.key, header, &AccessBody::In(body).encode().ok()?).ok()
    }

    /// Forgets rooms that are over here and that the person took away on another device.
    fn forget_left(&mut self, bundle: &AccountBundle) {
        let is_gone = |id: &RoomId| bundle.rooms.get(id).is_some_and(|room| !room.held.value);
        let over = self.rooms.iter().filter(|(id, room)| room.standing.is_over() && is_gone(id));
        let over: Vec<_> = over.map(|(id, _)| *id).collect();
        for room in over {
            self.forget_room(room);
            self.write(vec![Write::ForgetRoom(room)], Pending::forgetting(room, None));
        }
    }

    /// A room goes from this machine because the person wants it so: notes it, to be written in the
    /// same batch, so that no other device brings it back.
    pub(in crate::engine) fn mark_gone(&mut self, room: RoomId) -> Option<Write> {
        let (stamp, me) = (self.stamp(), self.me());
        let known = self.person.bundle.as_mut()?.rooms.get_mut(&room)?;
        // Where only this device was removed, the others stay.
        if !known.is_out(me) {
            known.held = Stamped::new(false, later(stamp, known.held.stamp));
        }
        self.person.entered.remove(&room);
        self.agree_soon();
        self.put_person()
    }

    /// Keeps it on the disk. None when it is over its limits: then what is there stays.
    pub(in crate::engine) fn put_person(&mut self) -> Option<Write> {
        let Ok(record) = self.person.record() else {
            self.tell_over();
            return None;
        };
        self.person.is_over = false;
        Some(Write::PutPerson(record.map(Box::new)))
    }

    fn tell_over(&mut self) {
        if !std::mem::replace(&mut self.person.is_over, true) {
            self.problem(
                "your devices together know more than they can share: newer things stay on the device where they are",
                "Forget rooms that you do not need, on each device. If you never had so many rooms or devices, look at \
                 the list of your devices and revoke what you do not know.",
            );
        }
    }

    pub(in crate::engine) fn save_person(&mut self) {
        if let Some(write) = self.put_person() {
            self.write(vec![write], Pending::unasked(Again::Person));
        }
    }

    /// The key that the person goes by in a room: a former one where that one owns the room.
    pub(in crate::engine) fn user_in(&self, room: RoomId) -> &UserKey {
        let owns = |user: UserId| {
            let room = self.rooms.get(&room);
            room.is_some_and(|room| room.membership.role(user) == parlor_protocol::Role::Owner)
        };
        match owns(self.user.id()) {
            true => &self.user,
            false => self.former.iter().find(|key| owns(key.id())).unwrap_or(&self.user),
        }
    }

    /// The key by which the person's devices belong together in a room, of those that the person went by the
    /// one that stands there.
    pub(in crate::engine) fn own_key(&self, room: RoomId, stands: Option<OwnId>) -> OwnKey {
        let keys = [self.user_in(room)].into_iter().chain([&self.user]).chain(&self.former);
        let mut keys = keys.map(|user| OwnKey::new(user, room)).peekable();
        let first = keys.peek().cloned();
        let standing = keys.find(|key| Some(key.id()) == stands);
        standing.or(first).unwrap_or_else(|| OwnKey::new(&self.user, room))
    }

    /// Whether a person in a room is this one, by whatever key.
    pub(in crate::engine) fn stands_as(&self, room: RoomId, own: OwnId) -> bool {
        self.own_key(room, Some(own)).id() == own
    }

    /// Who the person is in a room.
    pub(in crate::engine) fn user_id_in(&self, room: RoomId) -> UserId {
        self.user_in(room).id()
    }

    /// What tells the others in a room who this device is.
    pub(in crate::engine) fn profile_body_in(&self, room: RoomId) -> Option<Body> {
        self.profile_body_as(self.user_in(room))
    }
}

fn later(stamp: Stamp, before: Stamp) -> Stamp {
    Stamp { at: stamp.at.max(before.at.saturating_add(1)), ..stamp }
}
