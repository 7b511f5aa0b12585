//! Keeping the account: entering its rooms, and its vault as new as this device.
//!
//! The vault is written a little after something changed, and looked at now and then for what other
//! devices wrote. Whoever is second takes in what the first one wrote and writes again, so nothing
//! is overwritten. An archive that shows an older vault than was seen before, or one that does not
//! open, changes nothing here; the person is told.

use parlor_protocol::{
    DeviceId, LogId, RoomId, UserId,
    account::{AccountAnswer, AccountRefusal, AccountRequest, UserName, VaultKey, VaultRecord},
    card::UserKey,
    content::Body,
    entry::Kind,
    epoch::{EpochSecrets, Genesis},
    keys::Secret,
    wire::{Answer, Request},
};
use rand_core::RngCore as _;
use zeroize::Zeroizing;

use super::{AccountBundle, BundleRoom, Stamp, Stamped};
use crate::{
    command::Reply,
    engine::{Engine, io::CallId, sync::Asked, timers::Timer, unsaved::Again, writing::Pending},
    error::CommandError,
    event::{AccountView, Event},
    store::{AccountRecord, SecretBytes, Write},
};

/// How long after a change the vault is written, in milliseconds.
const WRITE_AFTER_MS: u64 = 2_000;
/// How often the vault is looked at, in milliseconds.
const LOOK_EVERY_MS: u64 = 30_000;

impl Engine {
    /// What the account holds as of now: what was known before, and what this device changed.
    pub(super) fn bundle_now(&self) -> AccountBundle {
        let stamp = Stamp { at: self.now.wall, device: self.me() };
        let record = self.account.record.as_ref();
        let known = record.and_then(|record| AccountBundle::decode(&record.bundle.0).ok());
        let fresh = || AccountBundle::new(self.identity.user_seed.clone(), Stamped::default());
        let mut bundle = known.unwrap_or_else(fresh);
        if bundle.name.value != self.identity.name && !self.identity.name.is_empty() {
            bundle.name = Stamped::new(self.identity.name.clone(), stamp);
        }
        // What strangers ask for is no room of the account yet.
        for (id, room) in self.rooms.iter().filter(|(_, room)| !room.record.request) {
            let entry = bundle.rooms.entry(*id).or_insert_with(|| BundleRoom {
                genesis: room.record.genesis.clone(),
                name: Stamped::default(),
                epochs: Vec::new(),
                held: Stamped::new(true, stamp),
            });
            for epoch in &room.record.epochs {
                if entry.epochs.iter().all(|known| known.id != epoch.id) {
                    entry.epochs.push(epoch.clone());
                }
            }
            if entry.name.value != room.record.name && !room.record.name.is_empty() {
                entry.name = Stamped::new(room.record.name.clone(), stamp);
            }
            // Entered again here after it was left.
            if !entry.held.value && room.record.joined > entry.held.stamp.at {
                entry.held = Stamped::new(true, stamp);
            }
        }
        // What this device entered for the account and has no more, its person left.
        let entered = record.map(|record| &record.entered);
        for id in entered.into_iter().flatten().filter(|id| !self.rooms.contains_key(id)) {
            if let Some(room) = bundle.rooms.get_mut(id).filter(|room| room.held.value) {
                room.held = Stamped::new(false, stamp);
            }
        }
        self.put_people(&mut bundle);
        bundle
    }

    /// Takes up an account that was signed in to: its key, its name, its rooms.
    pub(super) fn enter_account(&mut self, name: UserName, key: VaultKey, version: u64, mut bundle: AccountBundle) {
        let mine = self.bundle_now();
        let had = self.identity.user_seed.clone();
        let is_other = had != bundle.user_seed;
        // A key that nobody has seen in a room is not worth keeping.
        let before = is_other.then_some(had);
        match self.rooms.is_empty() {
            true => bundle.name.value.clone_into(&mut self.identity.name),
            false => bundle.merge(mine),
        }
        self.identity.user_seed = bundle.user_seed.clone();
        if self.identity.name.is_empty() {
            bundle.name.value.clone_into(&mut self.identity.name);
        }
        self.keep_account(name, key, version, bundle.clone(), before, Reply::Done);
        if is_other {
            // Who this device belongs to has changed: it says so where it was already.
            let rooms: Vec<_> = self.rooms.keys().copied().collect();
            for room in rooms {
                let bodies = self.profile_body_in(room).into_iter().collect();
                self.write_contents(room, bodies, None, |_| Reply::Done);
            }
        }
        self.enter_rooms(&bundle);
        let profile = self.profile();
        self.event(Event::ProfileChanged(profile));
    }

    /// Notes an account as this device's, durably, and answers whoever asked for it.
    pub(super) fn keep_account(
        &mut self,
        name: UserName,
        vault_key: VaultKey,
        version: u64,
        bundle: AccountBundle,
        before: Option<Secret>,
        reply: Reply,
    ) {
        let Some((call, archive)) = self.take_account_job() else { return };
        let contents = bundle.encode().unwrap_or_default();
        self.former = bundle.former.iter().map(UserKey::from_seed).collect();
        self.user = self.identity.user();
        let record = AccountRecord {
            name,
            archive,
            vault_key,
            version,
            bundle: SecretBytes(contents),
            entered: std::collections::BTreeSet::new(),
            before,
            signed_in: true,
        };
        self.account.record = Some(record.clone());
        // Identity and account change together, so that a crash leaves both or none.
        let writes =
            vec![Write::PutIdentity(Box::new(self.identity.clone())), Write::PutAccount(Some(Box::new(record)))];
        self.write(writes, Pending::answering(Some(call), reply));
        self.tell_account();
        self.timers.set(self.now.mono + WRITE_AFTER_MS, Timer::Vault);
    }

    /// Enters every room of the account that is not here yet, without anybody else's help.
    fn enter_rooms(&mut self, bundle: &AccountBundle) {
        self.take_people(bundle);
        let held = bundle.rooms.iter().filter(|(_, room)| room.held.value);
        let new: Vec<_> = held.filter(|(id, _)| !self.rooms.contains_key(id)).collect();
        for (id, room) in new {
            let entered = self.account.record.as_ref().is_some_and(|record| record.entered.contains(id));
            // Left here, and nobody entered it again since.
            if !entered
                && self.enter_room(*id, room)
                && let Some(record) = self.account.record.as_mut()
            {
                record.entered.insert(*id);
            }
        }
        self.save_account();
    }

    fn enter_room(&mut self, id: RoomId, room: &BundleRoom) -> bool {
        let founds = room.genesis.header().kind == Kind::Genesis && room.genesis.clone().verify().is_ok();
        let Ok(genesis) = Genesis::decode(room.genesis.body()) else { return false };
        let secrets = room
            .epochs
            .iter()
            .filter_map(|epoch| EpochSecrets::derive_checked(id, &epoch.parents, epoch.key.clone(), epoch.id).ok());
        let secrets: Vec<_> = secrets.collect();
        if !founds || secrets.is_empty() {
            return false;
        }
        let log = LogId(self.rng.next_u64());
        self.add_room_with(id, room.name.value.clone(), room.genesis.clone(), genesis, secrets, log, None, false);
        if let Some(room) = self.rooms.get_mut(&id) {
            room.is_fresh = true;
        }
        self.write_admission(id);
        let bodies = self.profile_body_in(id).into_iter().collect();
        self.write_contents(id, bodies, None, |_| Reply::Done);
        self.sync_with_archives(id);
        true
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

    /// What tells the others in a room who this device is.
    pub(in crate::engine) fn profile_body_in(&self, room: RoomId) -> Option<Body> {
        self.profile_body_as(self.user_in(room))
    }

    // The vault.

    /// Looks at the vault a little later, because something may have changed.
    pub(in crate::engine) fn touch_vault(&mut self) {
        if self.account.record.is_some() {
            self.timers.set(self.now.mono + WRITE_AFTER_MS, Timer::Vault);
        }
    }

    /// The regular look at the vault.
    pub(in crate::engine) fn check_vault(&mut self) {
        let Some(record) = self.account.record.as_ref().filter(|record| record.signed_in) else { return };
        let archive = record.archive;
        let next = self.now.mono + self.jitter(LOOK_EVERY_MS);
        self.timers.set(next, Timer::Vault);
        if self.account.is_syncing || !self.connections.is_connected(archive) {
            return;
        }
        self.ask_vault(archive, AccountRequest::Vault);
    }

    fn ask_vault(&mut self, archive: DeviceId, request: AccountRequest) {
        self.account.is_syncing = true;
        self.ask(archive, &Request::Account(request), Asked::Account { job: None, peer: archive });
    }

    /// The archive's answer about the vault; none when it was lost.
    pub(super) fn on_vault_answer(&mut self, archive: DeviceId, answer: Option<Answer>) {
        self.account.is_syncing = false;
        let sent = self.account.sent.take();
        let Some(record) = self.account.record.as_mut().filter(|record| record.archive == archive) else { return };
        match answer {
            Some(Answer::Account(AccountAnswer::Vault(vault) | AccountAnswer::VaultChanged(vault))) => {
                self.on_vault(archive, &vault);
            }
            Some(Answer::Account(AccountAnswer::Done)) => {
                if let Some((version, contents)) = sent {
                    record.version = version;
                    record.bundle = SecretBytes(contents);
                    self.account.warned = false;
                    self.save_account();
                }
            }
            Some(Answer::Account(AccountAnswer::Refused(AccountRefusal::NotSignedIn))) => {
                record.signed_in = false;
                self.save_account();
                self.tell_account();
                self.problem(
                    "this device was signed out of your account",
                    "Your rooms stay here. Sign in again if that was not you, and change your password.",
                );
            }
            // Lost, or the archive cannot at the moment: the regular look tries again.
            _ => {}
        }
    }

    fn on_vault(&mut self, archive: DeviceId, vault: &VaultRecord) {
        let Some(record) = self.account.record.as_ref() else { return };
        let opened = record.vault_key.open(&record.name, vault.version, &vault.sealed).ok();
        let theirs = opened.and_then(|contents| AccountBundle::decode(&contents).ok());
        let (seen, is_older) = (record.version, vault.version < record.version);
        let Some(theirs) = theirs else {
            return self.warn_vault("the archive shows a vault that is not this account's");
        };
        if is_older {
            self.warn_vault("the archive shows an older copy of your account than before");
        }
        let mut bundle = self.bundle_now();
        if vault.version > seen {
            bundle.merge(theirs.clone());
            self.former = bundle.former.iter().map(UserKey::from_seed).collect();
            if let (Some(record), Ok(contents)) = (self.account.record.as_mut(), bundle.encode()) {
                record.version = vault.version;
                record.bundle = SecretBytes(contents);
            }
            self.enter_rooms(&bundle);
        }
        if bundle != theirs {
            self.put_vault(archive, vault.version, &bundle);
        }
    }

    fn put_vault(&mut self, archive: DeviceId, expected: u64, bundle: &AccountBundle) {
        let Some(record) = self.account.record.as_ref() else { return };
        let (name, key) = (record.name.clone(), record.vault_key.clone());
        let Ok(contents) = bundle.encode() else {
            return self.warn_vault("your account has more rooms than its vault can hold");
        };
        let Ok(sealed) = key.seal(&name, expected + 1, &contents, &mut self.rng) else { return };
        self.account.sent = Some((expected + 1, Zeroizing::new(contents.to_vec())));
        self.ask_vault(archive, AccountRequest::PutVault { expected, sealed });
    }

    fn warn_vault(&mut self, what: &str) {
        if !std::mem::replace(&mut self.account.warned, true) {
            self.problem(
                what,
                "What this device knows stays, and is written again. Ask whoever runs the archive whether it was \
                 restored from a backup.",
            );
        }
    }

    // The record.

    pub(in crate::engine) fn save_account(&mut self) {
        let record = self.account.record.clone().map(Box::new);
        self.write(vec![Write::PutAccount(record)], Pending::unasked(Again::Account));
    }

    /// How the account stands.
    pub(super) fn account_view(&self) -> AccountView {
        let record = self.account.record.as_ref();
        AccountView {
            name: record.map(|record| record.name.as_str().to_owned()),
            archive: record.map(|record| record.archive),
            signed_in: record.is_some_and(|record| record.signed_in),
            reachable: record.is_some_and(|record| self.connections.is_connected(record.archive)),
        }
    }

    pub(super) fn tell_account(&mut self) {
        let view = self.account_view();
        self.event(Event::AccountChanged(view));
    }

    /// Forgets the account, its key and the rooms that came by it. What was here before stays.
    pub(super) fn forget_account(&mut self, call: Option<CallId>) {
        let Some(record) = self.account.record.take() else {
            return self.reply(call, Err(CommandError::NotSignedIn));
        };
        self.former.clear();
        self.identity.user_seed = record.before.unwrap_or_else(|| Secret::random(&mut self.rng));
        self.user = self.identity.user();
        record.entered.iter().for_each(|room| self.forget_room(*room));
        // All of it together, so that a crash leaves this device signed in or signed out.
        let mut writes = vec![Write::PutIdentity(Box::new(self.identity.clone())), Write::PutAccount(None)];
        writes.extend(record.entered.into_iter().map(Write::ForgetRoom));
        self.write(writes, Pending::answering(call, Reply::Done));
        let rooms: Vec<_> = self.rooms.keys().copied().collect();
        for room in rooms {
            let bodies = self.profile_body().into_iter().collect();
            self.write_contents(room, bodies, None, |_| Reply::Done);
        }
        self.tell_account();
    }

    /// The archive has deleted the account.
    pub(super) fn leave_account(&mut self) {
        let Some((call, _)) = self.take_account_job() else { return };
        self.forget_account(Some(call));
    }
}
