//! Who belongs to a room, for a member: the public rules, and what the epoch keys add to them.

use parlor_protocol::{
    DeviceId, DoorId, EntryId, EpochId, HistoryPolicy, Locator, Role, RoomId, UserId,
    access::{Door, DoorState, Learned, Living, Presence, Rules, wire::NotAdmitted},
    card::{DeviceCard, Prekey},
    entry::{Entry, Kind, Verified},
    epoch::{EpochRecord, EpochSecrets, Genesis, RoomSettings, Step},
    keys::DhSecret,
    log::Height,
    lookalike::Looks,
};
use std::collections::{BTreeMap, HashMap};

pub(super) use parlor_protocol::rules::Refused;

/// A member as the others know it.
#[derive(Clone, Debug)]
pub(super) struct MemberState {
    pub(super) name: String,
    pub(super) joined: u64,
    /// What the name looks like.
    pub(super) looks: Looks,
    /// The person's safety number was compared.
    pub(super) verified: bool,
    /// Nothing of the person is to be shown.
    pub(super) blocked: bool,
    pub(super) role: Role,
    /// When it was last heard of, on the monotonic clock.
    pub(super) heard: Option<u64>,
    pub(super) last_signal: u64,
    /// Whose device it is, and its Noise key.
    pub(super) card: Box<DeviceCard>,
    /// What owners seal the next epoch's key to.
    pub(super) prekey: Box<Prekey>,
}

/// What an entry changed about a room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Taught {
    pub(super) members: bool,
    pub(super) epochs: bool,
    /// Who is in, or which codes there are.
    pub(super) access: bool,
}

/// Who belongs to a room.
#[derive(Debug)]
pub(super) struct Membership {
    room: RoomId,
    genesis: Genesis,
    rules: Rules,
    /// Epochs whose key is known, each with the order in which it became known.
    secrets: HashMap<EpochId, (usize, EpochSecrets)>,
    settings: HashMap<EpochId, RoomSettings>,
    /// Entries of the records of epochs, for those who lack them.
    entries: HashMap<EntryId, Entry>,
    current: Option<EpochId>,
    pub(super) members: BTreeMap<DeviceId, MemberState>,
    /// Devices that are in the room no longer, for the names beside what they wrote.
    former: BTreeMap<DeviceId, MemberState>,
}

impl Membership {
    pub(super) fn new(room: RoomId, founder: DeviceId, genesis: Genesis, epochs: Vec<EpochSecrets>) -> Self {
        let rules = Rules::new(room, founder, genesis.clone());
        let secrets = epochs.into_iter().enumerate().map(|(rank, secrets)| (secrets.id(), (rank, secrets))).collect();
        let mut membership = Self {
            room,
            genesis,
            rules,
            secrets,
            settings: HashMap::new(),
            entries: HashMap::new(),
            current: None,
            members: BTreeMap::new(),
            former: BTreeMap::new(),
        };
        membership.choose();
        membership
    }

    pub(super) fn rules(&self) -> &Rules {
        &self.rules
    }

    /// The epoch that this device writes in; none while owners' changes wait to be united.
    pub(super) fn current(&self) -> Option<&EpochSecrets> {
        self.current.and_then(|epoch| self.secrets(epoch))
    }

    pub(super) fn secrets(&self, epoch: EpochId) -> Option<&EpochSecrets> {
        self.secrets.get(&epoch).map(|(_, secrets)| secrets)
    }

    /// Whether the record of every epoch is here whose key is known: what owners decided up to it.
    pub(super) fn is_settled(&self) -> bool {
        self.secrets.keys().all(|epoch| self.rules.graph().facts(*epoch).is_some())
    }

    /// How much is known of the keys of epochs: it grows when more can be read.
    pub(super) fn keys_known(&self) -> u64 {
        let steps = |secrets: &EpochSecrets| u64::from(Step::COMMON.number() + 1 - secrets.lowest().number());
        self.secrets.values().map(|(_, secrets)| steps(secrets)).sum()
    }

    /// Secrets of all epochs whose key is known, oldest first.
    pub(super) fn known_secrets(&self) -> Vec<&EpochSecrets> {
        let mut known: Vec<_> = self.secrets.values().collect();
        known.sort_by_key(|(rank, secrets)| (self.rules.graph().generation(secrets.id()), *rank));
        known.into_iter().map(|(_, secrets)| secrets).collect()
    }

    /// Secrets of the epochs whose topics this device listens to: the first, where somebody who was
    /// away for long may still listen, and the newest.
    pub(super) fn heard_secrets(&self) -> Vec<&EpochSecrets> {
        let known = self.known_secrets();
        let recent = known.len().saturating_sub(TOPICS_MAX);
        known.iter().enumerate().filter(|(at, _)| *at == 0 || *at >= recent).map(|(_, secrets)| *secrets).collect()
    }

    pub(super) fn is_owner(&self, user: UserId) -> bool {
        self.rules.is_owner(user)
    }

    /// Whether a device is in the room: it came in, and neither it nor anybody else ended that.
    pub(super) fn is_in(&self, device: DeviceId) -> bool {
        self.rules.is_in(device)
    }

    /// Whether its own person sent a device out for ever.
    pub(super) fn is_lost(&self, device: DeviceId) -> bool {
        self.rules.presence(device) == Presence::Lost
    }

    /// Whether a peer is served, by this machine's clock.
    pub(super) fn served(&self, peer: DeviceId, wall: u64) -> Result<(), NotAdmitted> {
        self.rules.served(peer, wall)
    }

    // Codes.

    /// Whether a code was ended by somebody who may: who made it, or a moderator.
    pub(super) fn is_ended(&self, door: DoorId) -> bool {
        self.rules.is_ended(door, |by, epoch| self.role_at(by, epoch) >= Role::Moderator)
    }

    /// Asks the rules something about doors, by this machine's clock.
    pub(super) fn with_living<T>(&self, wall: u64, ask: impl FnOnce(&Rules, &Living<'_>) -> T) -> T {
        let is_ended = |door| self.is_ended(door);
        ask(&self.rules, &Living { now_ms: wall, is_ended: &is_ended })
    }

    /// The door that a code's locator leads to, and whether it lets anybody in.
    pub(super) fn find_door(
        &self,
        locator: Locator,
        wall: u64,
        fits: impl Fn(&Door, DeviceId) -> bool,
    ) -> Option<(DoorState<'_>, bool)> {
        let found = self.with_living(wall, |rules, living| {
            let id = rules.find(locator, living, fits)?;
            Some((id, rules.check_door(id, living).is_ok()))
        });
        found.and_then(|(id, works)| Some((self.rules.door(id)?, works)))
    }

    /// Whether a door lets anybody in.
    pub(super) fn opens(&self, door: DoorId, wall: u64) -> bool {
        self.with_living(wall, |rules, living| rules.check_door(door, living).is_ok())
    }

    /// Whether an entry may stand in its log; tells what it changed.
    pub(super) fn admit(
        &mut self,
        entry: &Verified<Entry>,
        me: DeviceId,
        prekeys: &[&DhSecret],
    ) -> Result<Taught, Refused> {
        // Learned first, because owners' decisions count also where their log has ended since.
        let epochs = entry.header().kind == Kind::Epoch && self.learn(entry, me, prekeys)?;
        let taught = Taught { members: epochs, epochs, ..Taught::default() };
        match self.rules.admit(entry) {
            Ok(Learned::In(_) | Learned::Out(_) | Learned::DoorMade(_) | Learned::DoorEnded(_)) => {
                Ok(Taught { members: true, access: true, ..taught })
            }
            Ok(Learned::Nothing | Learned::Epoch(_)) => Ok(taught),
            // What was learned must be told, and the log is cut right after.
            Err(Refused::Cut) if epochs => Ok(Taught { members: true, ..taught }),
            Err(refused) => Err(refused),
        }
    }

    /// Whether an entry that opens may be shown before its log is here. How its author came in may not be
    /// known yet; that it opens shows that the author has the epoch's key. While the record of its epoch is
    /// not known, nobody can tell who was removed since: then only what was sealed with the newest key is
    /// shown.
    pub(super) fn may_show_early(&self, entry: &Verified<Entry>) -> bool {
        let (author, epoch) = (entry.header().author, entry.header().epoch);
        if self.rules.graph().facts(epoch).is_none() {
            return self.newest_bare() == Some(epoch);
        }
        let is_new = || {
            let opens = self.rules.graph().device(author).may_write(epoch, true).is_ok();
            opens && matches!(self.rules.presence(author), Presence::Unknown | Presence::In { .. })
        };
        self.rules.may_stand(entry) || (is_new() && self.rules.stands(entry))
    }

    /// Learns the record of an epoch, wherever it came from; false when it is known.
    pub(super) fn learn(
        &mut self,
        entry: &Verified<Entry>,
        me: DeviceId,
        prekeys: &[&DhSecret],
    ) -> Result<bool, Refused> {
        let Some(record) = self.rules.learn_epoch(entry)? else { return Ok(false) };
        // For others it stands alone, so its own signature has to be good.
        if entry.inner().clone().verify().is_ok() {
            self.entries.insert(entry.id(), entry.inner().clone());
        }
        if !self.is_whole(record.id)
            && let Ok(secrets) = record.open(self.room, me, prekeys)
        {
            self.hold(secrets);
        }
        self.unlock(record);
        self.choose();
        self.sort_members();
        Ok(true)
    }

    /// Learns the records that the store kept, in whatever order they come.
    pub(super) fn restore(&mut self, entries: Vec<Entry>, me: DeviceId, prekeys: &[&DhSecret]) {
        let mut waiting: Vec<_> = entries.into_iter().filter_map(|entry| entry.verify().ok()).collect();
        loop {
            let before = waiting.len();
            waiting.retain(|entry| self.learn(entry, me, prekeys) == Err(Refused::NotYet));
            if waiting.len() == before {
                return;
            }
        }
    }

    /// Keeps the key of an epoch; of two that of the lower step.
    fn hold(&mut self, secrets: EpochSecrets) {
        let rank = self.secrets.len();
        let (_, known) = self.secrets.entry(secrets.id()).or_insert_with(|| (rank, secrets.clone()));
        if secrets.lowest() < known.lowest() {
            *known = secrets;
        }
    }

    /// Whether all of an epoch can be read here.
    fn is_whole(&self, epoch: EpochId) -> bool {
        self.secrets(epoch).is_some_and(|secrets| secrets.lowest() == Step::FIRST)
    }

    /// Reads what an epoch's key opens: its settings, and the keys of epochs before, and so on.
    fn unlock(&mut self, record: EpochRecord) {
        let mut waiting = vec![record];
        while let Some(record) = waiting.pop() {
            let Some(secrets) = self.secrets(record.id).cloned() else { continue };
            if let Ok(settings) = record.open_settings(&secrets) {
                self.settings.insert(record.id, settings);
            }
            let earlier = record.open_previous(&secrets, |epoch| !self.is_whole(epoch));
            for earlier in earlier {
                let epoch = earlier.id();
                self.hold(earlier);
                waiting.extend(self.record(epoch));
            }
        }
    }

    /// The record of an epoch.
    pub(super) fn record(&self, epoch: EpochId) -> Option<EpochRecord> {
        let entry = self.rules.graph().entry_of(epoch)?;
        EpochRecord::decode(self.entries.get(&entry)?.body()).ok()
    }

    /// Chooses the epoch that this device writes in. Right after joining there is none: nothing is
    /// written before the epoch's record is here and stands.
    fn choose(&mut self) {
        self.current = self.rules.graph().sending(|epoch| self.secrets.contains_key(&epoch));
    }

    /// The newest epoch whose key is here and whose record is not.
    fn newest_bare(&self) -> Option<EpochId> {
        let bare = self.secrets.values().filter(|(_, secrets)| self.rules.graph().facts(secrets.id()).is_none());
        bare.max_by_key(|(rank, _)| *rank).map(|(_, secrets)| secrets.id())
    }

    /// Entries of records that a peer lacks, and may have.
    pub(super) fn epochs_for(&self, peer: DeviceId, tips: &[EntryId]) -> Vec<Entry> {
        let missing = self.rules.epochs_for(peer, tips);
        missing.iter().filter_map(|entry| self.entries.get(entry)).cloned().collect()
    }

    /// Entries of records that somebody with these tips lacks.
    pub(super) fn missing_entries(&self, tips: &[EntryId]) -> Vec<Entry> {
        let missing = self.rules.graph().missing(tips);
        missing.iter().filter_map(|entry| self.entries.get(entry)).cloned().collect()
    }

    /// Where a log ends: what lies beyond is neither kept nor passed on.
    pub(super) fn end(&self, log: parlor_protocol::LogKey) -> Option<Height> {
        self.rules.end(log)
    }

    /// Where a log stops to count.
    pub(super) fn cut(&self, log: parlor_protocol::LogKey) -> Option<Height> {
        self.rules.cut(log)
    }

    // Settings and roles.

    /// How long what is said in an epoch may stay, in milliseconds.
    pub(super) fn lifetime(&self, epoch: EpochId) -> Option<u64> {
        self.rules().graph().facts(epoch)?.lifetime_ms
    }

    /// The settings of an epoch; those the room began with where they cannot be read.
    pub(super) fn settings_at(&self, epoch: EpochId) -> RoomSettings {
        self.settings.get(&epoch).cloned().unwrap_or_else(|| RoomSettings::founding(&self.genesis))
    }

    /// Whether the rules of an epoch are known, and not only its key.
    pub(super) fn knows_rules_of(&self, epoch: EpochId) -> bool {
        self.settings.contains_key(&epoch)
    }

    /// Whether in an epoch the rules hold with which the room began.
    pub(super) fn is_as_founded(&self, epoch: EpochId) -> bool {
        self.settings.get(&epoch).is_none_or(|settings| *settings == RoomSettings::founding(&self.genesis))
    }

    /// The settings that hold now: of all heads together.
    pub(super) fn settings(&self) -> RoomSettings {
        let mut settings = RoomSettings::founding(&self.genesis);
        for (epoch, _) in self.rules.graph().heads() {
            settings.unite(self.settings_at(epoch));
        }
        settings
    }

    /// What newcomers may read.
    pub(super) fn history(&self) -> HistoryPolicy {
        self.settings().history.value
    }

    /// What a person may do now.
    pub(super) fn role(&self, user: UserId) -> Role {
        if self.is_owner(user) { Role::Owner } else { self.settings().role(user) }
    }

    /// Whose device it is, also of one that is gone.
    pub(super) fn user_of(&self, device: DeviceId) -> Option<UserId> {
        let known = self.known(device).map(|member| member.card.user);
        // Owners are known by their records where their profile cannot be read.
        known.or_else(|| self.rules.graph().user_of(device))
    }

    /// Devices of a person that are in the room.
    pub(super) fn devices_of(&self, user: UserId) -> impl Iterator<Item = DeviceId> + '_ {
        self.members.iter().filter(move |(_, member)| member.card.user == user).map(|(device, _)| *device)
    }

    /// Everybody in the room.
    pub(super) fn users(&self) -> std::collections::BTreeSet<UserId> {
        self.members.values().map(|member| member.card.user).collect()
    }

    /// Whether a person's name is known, also of one who is gone.
    pub(super) fn has_name(&self, user: UserId) -> bool {
        self.members.values().chain(self.former.values()).any(|member| member.card.user == user)
    }

    /// A person's name, also of one who is gone.
    pub(super) fn name_of_user(&self, user: UserId) -> String {
        let known = self.members.values().chain(self.former.values()).find(|member| member.card.user == user);
        known.map_or_else(|| user.short(), |member| member.name.clone())
    }

    /// What a device's person might do in an epoch. Everybody who can read that epoch agrees on it.
    pub(super) fn role_at(&self, device: DeviceId, epoch: EpochId) -> Role {
        match self.user_of(device) {
            Some(user) => self.user_role_at(user, epoch),
            None => self.settings_at(epoch).newcomers.value,
        }
    }

    /// What a person might do in an epoch.
    pub(super) fn user_role_at(&self, user: UserId, epoch: EpochId) -> Role {
        match self.rules.graph().was_owner(user, epoch) {
            true => Role::Owner,
            false => self.settings_at(epoch).role(user),
        }
    }

    /// What a device might do with an entry of its log: what its role in the entry's epoch allowed,
    /// unless it was given a lower one before, in an epoch that the entry does not follow.
    pub(super) fn authority(&self, entry: &Verified<Entry>) -> Role {
        let (header, log) = (entry.header(), entry.log_key());
        let mut role = self.role_at(header.author, header.epoch);
        for (epoch, end) in self.rules.graph().demotions(log) {
            if header.seq >= end.next && !self.rules.graph().follows(header.epoch, epoch) {
                role = role.min(self.role_at(header.author, epoch));
            }
        }
        role
    }

    // Members.

    /// A device, whether it is still in the room or not.
    pub(super) fn known(&self, device: DeviceId) -> Option<&MemberState> {
        self.members.get(&device).or_else(|| self.former.get(&device))
    }

    /// Puts a device where it belongs.
    pub(super) fn put(&mut self, device: DeviceId, member: MemberState) {
        let (to, from) = if self.is_in(device) {
            (&mut self.members, &mut self.former)
        } else {
            (&mut self.former, &mut self.members)
        };
        from.remove(&device);
        to.insert(device, member);
    }

    /// A device was admitted: it may have been here before, or its profile came first.
    pub(super) fn look_at(&mut self, device: DeviceId) {
        if let Some(member) = self.former.remove(&device) {
            self.put(device, member);
        }
    }

    /// Parts those who are in the room from those who were, and gives everybody the role that holds.
    pub(super) fn sort_members(&mut self) {
        let everybody = std::mem::take(&mut self.members).into_iter().chain(std::mem::take(&mut self.former));
        let settings = self.settings();
        for (device, mut member) in everybody.collect::<Vec<_>>() {
            let user = member.card.user;
            member.role = if self.is_owner(user) { Role::Owner } else { settings.role(user) };
            self.put(device, member);
        }
    }

    /// Owners none of whose devices is in any more, and who are known to have been.
    pub(super) fn gone_owners(&self, here: &std::collections::BTreeSet<UserId>) -> Vec<UserId> {
        let owners = self.rules.graph().owners();
        let has_left = |user: &UserId| {
            let mut devices = self.all_devices_of(*user).peekable();
            devices.peek().is_some() && devices.all(|device| self.rules.presence(device) == Presence::Left)
        };
        owners.into_iter().filter(|user| !here.contains(user) && has_left(user)).collect()
    }

    /// Devices of a person, in the room or not.
    pub(super) fn all_devices_of(&self, user: UserId) -> impl Iterator<Item = DeviceId> + '_ {
        let everybody = self.members.iter().chain(&self.former);
        everybody.filter(move |(_, member)| member.card.user == user).map(|(device, _)| *device)
    }

    /// Number of members besides this device.
    pub(super) fn others(&self, me: DeviceId) -> usize {
        self.members.keys().filter(|device| **device != me).count()
    }
}

/// Topics of a room that are listened to: those of the last epochs. Who comes back after more is found
/// by its device, or at the archive.
const TOPICS_MAX: usize = 16;
