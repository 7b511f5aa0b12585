//! One room: its record, logs, members, timeline and peers, and how entries are taken in.

use parlor_protocol::{
    DeviceId, EntryId, EpochId, HistoryPolicy, Hlc, Locator, LogKey, Role, RoomId, UserId,
    card::{DeviceCard, Prekey},
    content::{Act, Body, Content, RosterItem},
    entry::{Entry, Kind, Verified},
    epoch::{EpochSecrets, Genesis, RoomKind},
    keys::DhSecret,
    log::Heights,
    lookalike::Looks,
    session::{OpeningSession, SealingSession},
};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

use super::{
    commands::EarlyQuestion,
    contacts::Contacts,
    governing::Changes,
    logs::{Fetching, Logs},
    membership::{MemberState, Membership, Refused},
    moderating::Mutes,
    people::SeenProfile,
    reserving::Reserved,
    sending::Waiting,
    sync::PeerRoom,
    timeline::{Change, ChangeKind, Timeline},
    vanishing::{Vanishing, expires},
};
use crate::{
    command::RoomChange,
    event::{Delivery, Message, MessageBody, Order, RoomStanding, Warning},
    store::RoomRecord,
};

/// What taking in entries brought about.
#[derive(Debug, Default)]
pub(super) struct Effects {
    pub(super) added: Vec<Arc<Message>>,
    pub(super) changed: BTreeSet<EntryId>,
    pub(super) members_changed: bool,
    /// Records of epochs that were new.
    pub(super) epochs: Vec<Entry>,
    /// Messages that are to be shown no more.
    pub(super) gone: Vec<EntryId>,
    /// Something that was not shown may have to be shown now.
    pub(super) shows_again: bool,
    /// Codes that somebody joined with.
    pub(super) used_codes: BTreeSet<Locator>,
    /// Profiles that entries showed.
    pub(super) profiles: Vec<SeenProfile>,
}

/// Milliseconds of a day.
const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// When something was written: for the order, and for people.
#[derive(Clone, Copy, Debug)]
struct When {
    hlc: Hlc,
    shown_at: u64,
}

/// Who looks at a room: needed to open and to attribute what is taken in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Viewer<'a> {
    pub(super) me: DeviceId,
    pub(super) prekeys: &'a [&'a DhSecret],
    pub(super) wall: u64,
    pub(super) contacts: &'a Contacts,
}

/// One room.
#[derive(Debug)]
pub(super) struct Room {
    pub(super) record: RoomRecord,
    pub(super) kind: RoomKind,
    pub(super) membership: Membership,
    pub(super) logs: Logs,
    pub(super) timeline: Timeline,
    pub(super) peers: BTreeMap<DeviceId, PeerRoom>,
    pub(super) fetching: Fetching,
    pub(super) sealing: Option<SealingSession>,
    /// When that session was opened, by the monotonic clock.
    pub(super) sealing_since: u64,
    /// What is shown only for a while.
    pub(super) vanishing: Vanishing,
    pub(super) reserved: Reserved,
    /// Texts that wait until it is known in which epoch to write.
    pub(super) waiting: VecDeque<Waiting>,
    /// Something was passed over because its epoch's key is not known here.
    has_unread: bool,
    /// A change of epoch that is on its way to the disk, and those that wait for it.
    pub(super) changes: Changes,
    /// Epoch keys that were known when the room was last read.
    pub(super) keys_known: usize,
    /// What was shown before the room was read anew.
    pub(super) before: Option<Timeline>,
    /// What the device's own part in the room was when it was last looked at.
    pub(super) standing: RoomStanding,
    pub(super) received: BTreeMap<DeviceId, u64>,
    /// Authors whose entries became durable here and who have not been told yet.
    pub(super) receipts: BTreeSet<DeviceId>,
    /// False while the room's entries are still being read from the store.
    pub(super) is_loaded: bool,
    /// Questions for history that wait until then.
    pub(super) early: Vec<EarlyQuestion>,
    /// True until the first full sync after joining.
    pub(super) is_fresh: bool,
    /// When the progress of joining was last told, on the monotonic clock.
    pub(super) progress_sent: u64,
    /// Members that wait to be compared with.
    pub(super) to_compare: BTreeSet<DeviceId>,
    /// Members that were asked for the first screenful.
    pub(super) tails_asked: usize,
    pub(super) has_synced: bool,
    /// Names as the logs told them so far, for the lines about joining and renaming.
    /// Devices of the other person of a room of two that were asked in.
    pub(super) knocked: BTreeSet<DeviceId>,
    /// A machine of the other person has taken the knock.
    pub(super) asked: bool,
    /// The other side has begun another room of the same two: it is told of this one even if
    /// nothing stands in it.
    pub(super) knocks_empty: bool,
    names: BTreeMap<DeviceId, String>,
    pub(super) mutes: Mutes,
    /// When the last own text was sent, on the monotonic clock.
    pub(super) last_text: Option<u64>,
    /// Who joined with which code.
    joiners: BTreeMap<Locator, BTreeSet<DeviceId>>,
    /// Devices whose person's name looks like that of somebody who was here before.
    alike: BTreeMap<DeviceId, UserId>,
    has_created_line: bool,
    /// Entries read at start that need an admission or epoch from a log read later.
    pub(super) unresolved: Vec<Verified<Entry>>,
    pub(super) record_changed: bool,
    pub(super) summary_changed: bool,
    pub(super) summary_sent: u64,
    pub(super) members_sent: u64,
    pub(super) last_signal: u64,
}

impl Room {
    pub(super) fn new(record: RoomRecord, genesis: Genesis, epochs: Vec<EpochSecrets>, heights: &Heights) -> Self {
        let received = record.received.iter().copied().collect();
        Self {
            kind: genesis.kind,
            membership: Membership::new(record.room, record.genesis.header().author, genesis, epochs),
            logs: Logs::from_heights(heights),
            timeline: Timeline::default(),
            peers: BTreeMap::new(),
            fetching: Fetching::new(),
            sealing: None,
            sealing_since: 0,
            vanishing: Vanishing::new(),
            reserved: Reserved::default(),
            waiting: VecDeque::new(),
            changes: Changes::default(),
            keys_known: record.epochs.len(),
            has_unread: false,
            before: None,
            standing: RoomStanding::Member,
            received,
            receipts: BTreeSet::new(),
            is_loaded: false,
            early: Vec::new(),
            is_fresh: false,
            progress_sent: 0,
            to_compare: BTreeSet::new(),
            tails_asked: 0,
            has_synced: false,
            knocked: BTreeSet::new(),
            asked: false,
            knocks_empty: false,
            names: BTreeMap::new(),
            mutes: Mutes::default(),
            last_text: None,
            joiners: BTreeMap::new(),
            alike: BTreeMap::new(),
            has_created_line: false,
            unresolved: Vec::new(),
            record_changed: false,
            summary_changed: true,
            summary_sent: 0,
            members_sent: 0,
            last_signal: 0,
            record,
        }
    }

    pub(super) fn id(&self) -> RoomId {
        self.record.room
    }

    pub(super) fn own_log(&self, me: DeviceId) -> LogKey {
        LogKey { author: me, log: self.record.own_log }
    }

    /// Takes one entry in: membership first, then content. The caller has checked chain and
    /// signature and moves the height.
    pub(super) fn take_in(
        &mut self,
        entry: &Verified<Entry>,
        viewer: Viewer<'_>,
        effects: &mut Effects,
    ) -> Result<(), Refused> {
        if entry.is_pruned() && self.membership.lifetime(entry.header().epoch).is_none() {
            // Nobody prunes what stays for ever. Whoever serves it so does not speak for its author.
            return Err(Refused::NotYet);
        }
        let taught = self.membership.admit(entry, viewer.me, viewer.prekeys)?;
        effects.members_changed |= taught.members;
        if taught.epochs {
            effects.epochs.push(entry.inner().clone());
        }
        match entry.header().kind {
            Kind::Admission => self.membership.look_at(entry.header().author),
            Kind::Content => self.read(entry, viewer, effects),
            Kind::Genesis | Kind::Epoch | Kind::Invite => {}
        }
        Ok(())
    }

    /// Opens a content. One that cannot be opened is shown as such: it stands in the log all the
    /// same, because its author signed it.
    fn read(&mut self, entry: &Verified<Entry>, viewer: Viewer<'_>, effects: &mut Effects) {
        if entry.is_pruned() {
            return;
        }
        let header = entry.header();
        let Some(secrets) = self.membership.secrets(header.epoch) else {
            self.has_unread = true;
            return;
        };
        let log = self.logs.entry(entry.log_key());
        if header.session == header.seq {
            log.session = OpeningSession::accept(secrets, entry).ok().map(|session| (header.seq, session));
        }
        let session = log.session.as_ref().filter(|(start, _)| *start == header.session);
        match session.map(|(_, session)| session.open(entry)) {
            Some(Ok(content)) => self.apply(entry, content, viewer, effects),
            Some(Err(_)) | None => {
                let when = When { hlc: self.record.hlc, shown_at: self.record.hlc.millis().min(viewer.wall) };
                self.show(entry, when, MessageBody::NeedsUpdate, None, viewer, effects);
            }
        }
    }

    /// Shows entries from a tail before their logs are complete.
    pub(super) fn preview(
        &mut self,
        entries: &[Verified<Entry>],
        openers: &[Verified<Entry>],
        viewer: Viewer<'_>,
    ) -> Effects {
        let mut sessions: BTreeMap<(LogKey, u64), OpeningSession> = BTreeMap::new();
        let mut effects = Effects::default();
        for entry in openers.iter().chain(entries) {
            let header = entry.header();
            let Some(secrets) = self.membership.secrets(header.epoch) else { continue };
            if header.kind == Kind::Content
                && header.session == header.seq
                && let Ok(session) = OpeningSession::accept(secrets, entry)
            {
                sessions.insert((entry.log_key(), header.seq), session);
            }
        }
        for (entry, shown) in openers.iter().map(|e| (e, false)).chain(entries.iter().map(|e| (e, true))) {
            let Some(session) = sessions.get(&(entry.log_key(), entry.header().session)) else { continue };
            let Ok(content) = session.open(entry) else { continue };
            let when = When { hlc: content.hlc, shown_at: content.shown_at(viewer.wall) };
            if self.has_vanished(entry, &content, viewer) {
                continue;
            }
            match content.body {
                Body::Profile { name, card, prekey } => {
                    let author = entry.header().author;
                    if self.membership.known(author).is_none() {
                        self.learn_profile(author, name.as_str(), card, prekey, content.hlc, viewer);
                        effects.members_changed = true;
                    }
                }
                Body::Text { text, reply_to, .. } if shown && !self.hides(entry.header().epoch, content.hlc) => {
                    let body = MessageBody::Text { text: text.to_string() };
                    let message = self.message(entry, when, body, viewer);
                    let message = Message { reply_to, ..message };
                    effects.added.extend(self.timeline.insert(message, true));
                }
                _ => {}
            }
        }
        effects
    }

    /// Applies an opened content.
    pub(super) fn apply(
        &mut self,
        entry: &Verified<Entry>,
        content: Content,
        viewer: Viewer<'_>,
        effects: &mut Effects,
    ) {
        let shown_at = content.shown_at(viewer.wall);
        let has_vanished = self.has_vanished(entry, &content, viewer);
        let Content { hlc, body, .. } = content;
        let when = When { hlc, shown_at };
        let author = entry.header().author;
        self.record.hlc = self.record.hlc.follow(hlc);
        if let Some(member) = self.membership.members.get_mut(&author) {
            // A signal from before is a replay, also when this device has forgotten it.
            member.last_signal = member.last_signal.max(Hlc::default().follow(hlc).millis());
        }
        if has_vanished {
            return;
        }
        // Moderators take back what others wrote.
        let moderates = matches!(body, Body::Delete { .. }) && self.membership.authority(entry) >= Role::Moderator;
        let change = |kind| Change { by: author, hlc, moderates, kind };
        match body {
            // What somebody wrote who may only read is shown to nobody.
            Body::Text { .. } if self.membership.role_at(author, entry.header().epoch) == Role::Reader => {}
            Body::Text { .. } if self.hides(entry.header().epoch, hlc) => {}
            Body::Text { .. } if self.is_loaded && self.is_muted(author, hlc) => self.note_hidden(author),
            Body::Text { text, reply_to, .. } => {
                self.show(entry, when, MessageBody::Text { text: text.to_string() }, reply_to, viewer, effects);
            }
            Body::Edit { target, text } => self.change(target, change(ChangeKind::Edit(text.to_string())), effects),
            Body::Delete { target } => self.change(target, change(ChangeKind::Delete), effects),
            Body::Reaction { target, emoji, present } => {
                self.change(target, change(ChangeKind::React { emoji: emoji.into(), present }), effects);
            }
            Body::Profile { name, card, prekey } => {
                let user = card.user;
                if !self.learn_profile(author, name.as_str(), card, prekey, hlc, viewer) {
                    return;
                }
                effects.profiles.push(SeenProfile { device: author, user, name: name.as_str().to_owned() });
                effects.members_changed = true;
                self.membership.come_back(author, hlc);
                match self.names.insert(author, name.as_str().to_owned()) {
                    Some(from) if from == name.as_str() => {}
                    // Who made the room is told by that line.
                    None if author == self.record.genesis.header().author => {}
                    Some(from) => self.show(entry, when, MessageBody::Renamed { from }, None, viewer, effects),
                    None => self.show(entry, when, MessageBody::Joined, None, viewer, effects),
                }
            }
            Body::RoomName { name } => {
                let may = self.membership.authority(entry) == Role::Owner;
                if !may && self.has_created_line {
                    return;
                }
                if self.record.name != name.as_str() {
                    self.record.name = name.as_str().to_owned();
                    self.record_changed = true;
                    self.summary_changed = true;
                }
                if !std::mem::replace(&mut self.has_created_line, true) {
                    self.show(entry, when, MessageBody::RoomCreated, None, viewer, effects);
                } else {
                    let change = RoomChange::Name(name);
                    self.show(entry, when, MessageBody::RoomChanged { change }, None, viewer, effects);
                }
            }
            Body::Governed(act) => {
                if self.membership.authority(entry) == Role::Owner {
                    let line = self.line_of(act);
                    self.show(entry, when, line, None, viewer, effects);
                }
            }
            Body::Roster(items) => {
                if self.membership.authority(entry) < Role::Owner {
                    return;
                }
                for RosterItem { name, card, prekey } in items {
                    let device = card.device;
                    if self.membership.known(device).is_none() {
                        self.names.insert(device, name.as_str().to_owned());
                        effects.members_changed |= self.learn_profile(device, name.as_str(), card, prekey, hlc, viewer);
                    }
                }
            }
            Body::Mute { user, until } => {
                let above = self.membership.authority(entry);
                if above < Role::Moderator || self.membership.user_role_at(user, entry.header().epoch) >= above {
                    return;
                }
                let (gone, again) = self.mute(user, hlc, until);
                effects.gone.extend(gone);
                effects.shows_again |= again;
                let name = self.membership.name_of_user(user);
                let until = Some(until).filter(|until| *until > 0);
                self.show(entry, when, MessageBody::Muted { user, name, until }, None, viewer, effects);
            }
            Body::JoinedBy(locator) => {
                self.joiners.entry(locator).or_default().insert(author);
                effects.used_codes.insert(locator);
            }
            Body::Leave => {
                if self.membership.leave(author, hlc) {
                    effects.members_changed = true;
                    self.show(entry, when, MessageBody::Left, None, viewer, effects);
                }
            }
        }
    }

    fn change(&mut self, target: EntryId, change: Change, effects: &mut Effects) {
        if self.timeline.apply(target, change).is_some() {
            effects.changed.insert(target);
        }
    }

    /// Notes when a content vanishes, and says whether it has already.
    fn has_vanished(&mut self, entry: &Verified<Entry>, content: &Content, viewer: Viewer<'_>) -> bool {
        let header = entry.header();
        let expires = expires(header, content, self.membership.lifetime(header.epoch), viewer.wall);
        if let Some(at) = expires {
            self.vanishing.insert((at, entry.log_key(), header.seq, entry.id()));
        }
        expires.is_some_and(|at| at <= viewer.wall)
    }

    /// Whether something was written before what this device may read: an epoch may reach further back
    /// than the joining.
    fn hides(&self, epoch: EpochId, hlc: Hlc) -> bool {
        let from = match self.membership.settings_at(epoch).history.value {
            HistoryPolicy::Everything => return false,
            HistoryPolicy::FromJoining => self.record.joined,
            HistoryPolicy::LastDays(days) => self.record.joined.saturating_sub(u64::from(days) * DAY_MS),
        };
        hlc.millis() < from
    }

    /// What people read about an owner's decision.
    fn line_of(&self, act: Act) -> MessageBody {
        match act {
            Act::Removed { user, device } => {
                let name = match device {
                    Some(device) => self.name_of(device),
                    None => self.membership.name_of_user(user),
                };
                MessageBody::Removed { user, name, device: device.is_some() }
            }
            Act::RoleGiven { user, role } => {
                MessageBody::RoleGiven { user, name: self.membership.name_of_user(user), role }
            }
            Act::Changed(change) => MessageBody::RoomChanged { change },
            Act::CodesEnded => MessageBody::CodesEnded,
            Act::Dissolved => MessageBody::Dissolved,
        }
    }

    /// How many devices are known to have joined with a code.
    pub(super) fn joined_by(&self, locator: Locator) -> u32 {
        self.joiners.get(&locator).map_or(0, |devices| u32::try_from(devices.len()).unwrap_or(u32::MAX))
    }

    /// Learns who a device is; false when its card does not belong to it.
    fn learn_profile(
        &mut self,
        author: DeviceId,
        name: &str,
        card: Box<DeviceCard>,
        prekey: Box<Prekey>,
        hlc: Hlc,
        viewer: Viewer<'_>,
    ) -> bool {
        // Logs say it again, and the first screenful did before them.
        let is_checked =
            self.membership.known(author).is_some_and(|known| known.card == card && known.prekey == prekey);
        let is_genuine = is_checked || card.check().is_ok() && prekey.check().is_ok();
        let fits = card.device == author && prekey.device == author && is_genuine && self.kind.admits(card.user);
        if !fits {
            return false;
        }
        let role = self.membership.role(card.user);
        let known = self.membership.known(author);
        // What an older log says comes later, and is older all the same.
        let prekey = match known {
            Some(member) if member.prekey.created > prekey.created => member.prekey.clone(),
            _ => prekey,
        };
        let renamed = known.is_none_or(|member| member.name != name);
        let looks = known.filter(|_| !renamed).map_or_else(|| Looks::of(name), |member| member.looks.clone());
        let (verified, blocked) = (viewer.contacts.is_verified(card.user), viewer.contacts.is_blocked(card.user));
        let member = MemberState {
            name: name.to_owned(),
            looks,
            verified,
            blocked,
            joined: known.map_or(hlc.millis(), |member| member.joined),
            role,
            heard: known.and_then(|member| member.heard),
            last_signal: known.map_or_else(|| self.remembered_signal(author, hlc), |member| member.last_signal),
            card,
            prekey,
        };
        let was_alike = self.alike.contains_key(&author) || self.alike.values().any(|user| *user == member.card.user);
        let is_alike = |other: &MemberState| other.card.user != member.card.user && other.looks.like(&member.looks);
        let find = renamed && (was_alike || self.membership.members.values().any(is_alike));
        self.membership.put(author, member);
        if find {
            self.find_alike(viewer.me);
        }
        self.summary_changed = true;
        true
    }

    /// The newest signal of a member as far as this device remembers: replays are older.
    fn remembered_signal(&self, author: DeviceId, hlc: Hlc) -> u64 {
        let saved = self.record.signals.iter().find(|(device, _)| *device == author).map_or(0, |(_, at)| *at);
        saved.max(Hlc::default().follow(hlc).millis())
    }

    fn show(
        &mut self,
        entry: &Verified<Entry>,
        when: When,
        body: MessageBody,
        reply_to: Option<EntryId>,
        viewer: Viewer<'_>,
        effects: &mut Effects,
    ) {
        let message = Message { reply_to, ..self.message(entry, when, body, viewer) };
        effects.added.extend(self.timeline.insert(message, false));
        self.summary_changed = true;
    }

    fn message(&self, entry: &Verified<Entry>, when: When, body: MessageBody, viewer: Viewer<'_>) -> Message {
        let header = entry.header();
        let member = self.membership.members.get(&header.author);
        Message {
            id: entry.id(),
            room: self.id(),
            order: Order { hlc: when.hlc, log: entry.log_key(), seq: header.seq },
            author: header.author,
            author_name: self.name_of(header.author),
            user: member.map(|member| member.card.user),
            verified: member.is_some_and(|member| member.verified),
            hidden: member.is_some_and(|member| member.blocked),
            warning: None,
            own: header.author == viewer.me,
            at: when.shown_at,
            body,
            reply_to: None,
            edited: false,
            reactions: Vec::new(),
            delivery: Delivery::default(),
        }
    }

    /// A member's name, or the short form of its id.
    pub(super) fn name_of(&self, device: DeviceId) -> String {
        self.membership.known(device).map_or_else(|| device.short(), |member| member.name.clone())
    }

    /// A message as it is told: with what is known of its author now, and how far it got.
    pub(super) fn dressed(&self, message: &Arc<Message>, me: DeviceId) -> Arc<Message> {
        let member = self.membership.known(message.author);
        let Some(member) = member else { return Arc::clone(message) };
        let is_further = || message.body == MessageBody::Joined && self.is_further_device(message.author, member);
        let warning = self.looks_like(message.author).or_else(|| is_further().then_some(Warning::NewDevice));
        let user = Some(member.card.user);
        let is_as_it_was = message.author_name == member.name
            && (message.user, message.verified, message.hidden) == (user, member.verified, member.blocked)
            && message.warning == warning;
        if is_as_it_was && !message.own {
            return Arc::clone(message);
        }
        let mut dressed = Message::clone(message);
        dressed.author_name.clone_from(&member.name);
        (dressed.user, dressed.verified, dressed.hidden) = (user, member.verified, member.blocked);
        dressed.warning = warning;
        if message.own {
            dressed.delivery = self.delivery(&message.order, me);
        }
        Arc::new(dressed)
    }

    /// Whether nothing that this device writes is to be shown.
    pub(super) fn is_hidden(&self, author: DeviceId) -> bool {
        self.membership.members.get(&author).is_some_and(|member| member.blocked)
    }

    /// Whether another device of the same person was in the room before this one.
    fn is_further_device(&self, device: DeviceId, member: &MemberState) -> bool {
        let before = |(other, known): (&DeviceId, &MemberState)| {
            known.card.user == member.card.user && (known.joined, *other) < (member.joined, device)
        };
        self.membership.members.iter().any(before)
    }

    /// Whose name a device's person has taken, so that one could take them for each other.
    pub(super) fn looks_like(&self, device: DeviceId) -> Option<Warning> {
        let user = *self.alike.get(&device)?;
        let original = self.membership.members.values().find(|member| member.card.user == user)?;
        Some(Warning::LooksLike { user, name: original.name.clone() })
    }

    /// Finds the people whose names look like that of somebody else. Of two the one is genuine who
    /// is this device's own person, else who was verified, else who was here first.
    fn find_alike(&mut self, me: DeviceId) {
        self.alike.clear();
        let members = &self.membership.members;
        let own = members.get(&me).map(|member| member.card.user);
        let rank = |member: &MemberState| {
            let user = member.card.user;
            let joined = members.values().filter(|other| other.card.user == user).map(|other| other.joined).min();
            (own != Some(user), !member.verified, joined, user)
        };
        for (device, member) in members {
            let genuine = members
                .values()
                .filter(|other| other.card.user != member.card.user && other.looks.like(&member.looks))
                .min_by_key(|other| rank(other));
            if let Some(genuine) = genuine.filter(|genuine| rank(genuine) < rank(member)) {
                self.alike.insert(*device, genuine.card.user);
            }
        }
    }

    /// Marks a person as decided; returns the person's devices when that changed something here.
    pub(super) fn mark_person(&mut self, user: UserId, verified: bool, blocked: bool, me: DeviceId) -> Vec<DeviceId> {
        let mut devices = Vec::new();
        for (device, member) in &mut self.membership.members {
            if member.card.user == user {
                (member.verified, member.blocked) = (verified, blocked);
                devices.push(*device);
            }
        }
        if !devices.is_empty() {
            // Who was verified is the genuine one from now on.
            self.find_alike(me);
            self.summary_changed = true;
        }
        devices
    }

    fn delivery(&self, order: &Order, me: DeviceId) -> Delivery {
        let current = order.log == self.own_log(me);
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let others = self.membership.members.keys().filter(|device| **device != me);
        let reached =
            others.filter(|device| !current || self.received.get(device).is_some_and(|next| *next > order.seq));
        Delivery {
            stored: self.logs.get(order.log).is_some_and(|log| log.durable > order.seq),
            reached: count(reached.count()),
            of: count(self.membership.others(me)),
            archived: !current || self.record.archived > order.seq,
        }
    }

    /// Finds out anew where logs end. True when something that is shown lies beyond its end now, or
    /// something that was not shown lies before it again.
    pub(super) fn recut(&mut self) -> bool {
        let membership = &self.membership;
        let mut shows_other = false;
        for (key, log) in self.logs.iter_mut() {
            let before = log.counted().next;
            log.cut = membership.cut(*key);
            shows_other |= log.counted().next != before;
        }
        shows_other
    }

    /// Whether keys that are known now open what was passed over.
    pub(super) fn may_read_more(&mut self) -> bool {
        let known = self.membership.known_secrets().len();
        let is_news = known > std::mem::replace(&mut self.keys_known, known);
        is_news && self.has_unread
    }

    /// Forgets what was shown, to read all of the room again.
    pub(super) fn begin_anew(&mut self) {
        let shown = std::mem::take(&mut self.timeline);
        // When it is read twice in a row, people still see what was there before the first time.
        self.before.get_or_insert(shown);
        self.logs.iter_mut().for_each(|(_, log)| log.session = None);
        self.names.clear();
        self.vanishing.clear();
        self.joiners.clear();
        self.mutes.clear();
        self.unresolved.clear();
        (self.has_created_line, self.has_unread, self.is_loaded) = (false, false, false);
    }

    /// Entries known to exist, here or at a peer.
    pub(super) fn known_total(&self) -> u64 {
        let mut best: BTreeMap<LogKey, u64> = self.logs.iter().map(|(key, log)| (*key, log.counted().next)).collect();
        for (key, height) in self.peers.values().flat_map(|peer| &peer.heights) {
            let ends = self.logs.get(*key).and_then(|log| log.cut).map_or(u64::MAX, |cut| cut.next);
            if !self.logs.is_frozen(*key) {
                let next = best.entry(*key).or_default();
                *next = (*next).max(height.next.min(ends));
            }
        }
        // Peers may claim anything.
        best.values().fold(0, |sum, next| sum.saturating_add(*next))
    }
}
