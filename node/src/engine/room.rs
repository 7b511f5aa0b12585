//! One room: its record, logs, members, timeline and peers, and how entries are taken in.

mod applying;
mod faces;
mod showing;

use parlor_protocol::{
    DeviceId, EntryId, EpochId, Hlc, LogKey, RoomCode, RoomId, UserId,
    access::AccessBody,
    entry::{Entry, Kind, Verified},
    epoch::{EpochSecrets, Genesis, RoomKind},
    keys::DhSecret,
    log::Heights,
    session::SealingSession,
};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

use super::{
    commands::EarlyQuestion,
    contacts::Contacts,
    early::Early,
    entering::Keeping,
    governing::Changes,
    logs::{Fetching, Logs},
    membership::{Membership, Refused},
    moderating::Mutes,
    peer_room::PeerRoom,
    people::SeenProfile,
    reserving::Reserved,
    sending::Waiting,
    steps::{Reading, Sessions, Steps},
    timeline::Timeline,
    vanishing::Vanishing,
};
use crate::{
    event::{Message, MessageBody, RoomStanding},
    store::RoomRecord,
};

/// Entries of coming in of which it is noted when they were heard of.
const HEARD_MAX: usize = 4 * parlor_protocol::limits::DEVICES_MAX;

/// How far the clock of another machine may be ahead, in milliseconds, where what it says proves something.
const CLOCKS_DIFFER_MS: u64 = 5 * 60 * 1_000;

/// What taking in entries brought about.
#[derive(Debug, Default)]
pub(super) struct Effects {
    pub(super) added: Vec<Arc<Message>>,
    pub(super) changed: BTreeSet<EntryId>,
    pub(super) members_changed: bool,
    /// Records of epochs that were new.
    pub(super) epochs: Vec<Entry>,
    /// Somebody wrote in a higher step of an epoch than anybody before.
    pub(super) steps: bool,
    /// Messages that are to be shown no more.
    pub(super) gone: Vec<EntryId>,
    /// Something that was not shown may have to be shown now.
    pub(super) shows_again: bool,
    /// Somebody came in or went out, or a code was made or ended.
    pub(super) access: bool,
    /// Who said something that shows that this device sees the room as it is now.
    pub(super) here: BTreeSet<DeviceId>,
    /// Profiles that entries showed.
    pub(super) profiles: Vec<SeenProfile>,
}

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
    /// Which steps of the epochs are in use.
    pub(super) steps: Steps,
    /// When that session was opened, by the monotonic clock.
    pub(super) sealing_since: u64,
    /// What is shown only for a while.
    pub(super) vanishing: Vanishing,
    pub(super) reserved: Reserved,
    /// Texts that wait until it is known in which epoch to write.
    pub(super) waiting: VecDeque<Waiting>,
    /// Something was passed over because its epoch's key is not known here.
    has_unread: bool,
    /// Something is shown that was not kept after all: the room is read anew with the next comparison, not
    /// each time that somebody brings this about.
    pub(super) shows_too_much: bool,
    /// Epochs in which something was read before their rules were known here.
    guessed: BTreeSet<EpochId>,
    /// A change of epoch that is on its way to the disk, and those that wait for it.
    pub(super) changes: Changes,
    /// How much was known of the keys of epochs when the room was last read.
    keys_known: u64,
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
    /// Who let this device in since the start.
    pub(super) let_in_by: Option<DeviceId>,
    /// When the progress of joining was last told, on the monotonic clock.
    pub(super) progress_sent: u64,
    /// Members that wait to be compared with.
    pub(super) to_compare: VecDeque<DeviceId>,
    /// Members that were asked for the first screenful.
    pub(super) tails_asked: usize,
    pub(super) has_synced: bool,
    /// Messages that were shown before their logs were here, until those prove them.
    pub(super) early_shown: Vec<Early>,
    /// Devices of the other person of a room of two that were asked in.
    pub(super) knocked: BTreeSet<DeviceId>,
    /// A machine of the other person has taken the knock.
    pub(super) asked: bool,
    /// None of them takes it for a while; the person was told.
    pub(super) held_up: bool,
    /// The other side has begun another room of the same two: it is told of this one even if
    /// nothing stands in it.
    pub(super) knocks_empty: bool,
    /// Names as the logs told them so far, for the lines about joining and renaming.
    names: BTreeMap<DeviceId, String>,
    /// Lines about people whose names were not known when they were shown.
    nameless: BTreeSet<(UserId, EntryId)>,
    pub(super) mutes: Mutes,
    /// When the last own text was sent, on the monotonic clock.
    pub(super) last_text: Option<u64>,
    /// The own entries of coming in, for who lacks them.
    pub(super) own_ins: BTreeMap<EntryId, Entry>,
    /// Own entries of coming in that hang on what is not here yet.
    pub(super) unadmitted: Vec<Verified<Entry>>,
    /// Doors at hand, for who looks for them.
    pub(super) keeping: Keeping,
    /// The code with which this device joined, until all is here.
    pub(super) joined_with: Option<RoomCode>,
    /// When this person left, on the monotonic clock.
    pub(super) left_at: u64,
    /// When owners' epochs because of who came and went were last begun here, on the wall clock.
    pub(super) cleared: Vec<u64>,
    /// Devices whose person's name looks like that of somebody who was here before.
    alike: BTreeMap<DeviceId, UserId>,
    has_created_line: bool,
    /// Entries read at start that need an epoch, or what lets their author in, from a log read later.
    pub(super) unresolved: Vec<Verified<Entry>>,
    pub(super) record_changed: bool,
    pub(super) summary_changed: bool,
    pub(super) summary_sent: u64,
    pub(super) members_sent: u64,
    /// How many visits were over when the members were told last.
    pub(super) visits_over: usize,
    pub(super) last_signal: u64,
}

impl Room {
    pub(super) fn new(record: RoomRecord, genesis: Genesis, epochs: Vec<EpochSecrets>, heights: &Heights) -> Self {
        let received = record.received.iter().copied().collect();
        let kind = genesis.kind;
        let membership = Membership::new(record.room, record.genesis.header().author, genesis, epochs);
        let keys_known = membership.keys_known();
        Self {
            kind,
            membership,
            logs: Logs::from_heights(heights),
            timeline: Timeline::default(),
            peers: BTreeMap::new(),
            fetching: Fetching::new(),
            sealing: None,
            steps: Steps::default(),
            sealing_since: 0,
            vanishing: Vanishing::new(),
            reserved: Reserved::default(),
            waiting: VecDeque::new(),
            changes: Changes::default(),
            keys_known,
            has_unread: false,
            shows_too_much: false,
            guessed: BTreeSet::new(),
            before: None,
            standing: RoomStanding::Member,
            received,
            receipts: BTreeSet::new(),
            is_loaded: false,
            early: Vec::new(),
            is_fresh: false,
            let_in_by: None,
            progress_sent: 0,
            to_compare: VecDeque::new(),
            tails_asked: 0,
            has_synced: false,
            early_shown: Vec::new(),
            knocked: BTreeSet::new(),
            asked: false,
            held_up: false,
            knocks_empty: false,
            names: BTreeMap::new(),
            nameless: BTreeSet::new(),
            mutes: Mutes::default(),
            last_text: None,
            own_ins: BTreeMap::new(),
            unadmitted: Vec::new(),
            keeping: Keeping::default(),
            joined_with: None,
            left_at: 0,
            cleared: Vec::new(),
            alike: BTreeMap::new(),
            has_created_line: false,
            unresolved: Vec::new(),
            record_changed: false,
            summary_changed: true,
            summary_sent: 0,
            members_sent: 0,
            visits_over: 0,
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
        let kind = entry.header().kind;
        if kind == Kind::Access
            && entry.header().author == viewer.me
            && matches!(AccessBody::decode(entry.body()), Ok(AccessBody::In(_)))
        {
            self.own_ins.insert(entry.id(), entry.inner().clone());
        }
        let taught = self.membership.admit(entry, viewer.me, viewer.prekeys)?;
        effects.members_changed |= taught.members;
        effects.access |= taught.access;
        if taught.epochs {
            effects.epochs.push(entry.inner().clone());
        }
        match kind {
            Kind::Access => {
                self.note_heard(entry, viewer.wall);
                self.membership.look_at(entry.header().author);
            }
            Kind::Door => self.keep_door_entry(entry, viewer.wall),
            Kind::Content => self.read(entry, viewer, effects),
            Kind::Genesis | Kind::Epoch => {}
        }
        Ok(())
    }

    /// Notes when an entry of coming in was first heard of: who was passed on after a code's end is marked.
    fn note_heard(&mut self, entry: &Verified<Entry>, wall: u64) {
        let id = entry.id();
        // Who just came hears of everybody now: that says nothing of when they came.
        if self.is_loaded
            && !self.is_fresh
            && self.record.heard.iter().all(|(known, _)| *known != id)
            && self.record.heard.len() < HEARD_MAX
        {
            self.record.heard.push((id, wall));
            self.record_changed = true;
        }
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
        let opened = entry.opened_step();
        if opened.is_some() {
            log.sessions.accept(secrets, entry);
        }
        let session = log.sessions.find(header.session);
        if !self.membership.rules().stands(entry) {
            // Its device went out before: it is kept and passed on, and counts for nothing.
            return;
        }
        if let Some(step) = opened {
            effects.steps |= self.steps.note_written(header.epoch, step);
        }
        let content = match session {
            Some(Reading::Before) => {
                // Whoever was here then reads it. Another device of the person may bring the key.
                self.has_unread = true;
                return;
            }
            Some(Reading::Open(session)) => session.open(entry).ok(),
            None => None,
        };
        match content {
            Some(content) => {
                if let Some(step) = opened {
                    self.steps.note_begun(header.epoch, step, content.shown_at(viewer.wall));
                }
                let author = entry.header().author;
                if author != viewer.me && self.is_said_now(header.epoch, content.hlc.millis(), viewer.wall) {
                    effects.here.insert(author);
                }
                self.apply(entry, content, viewer, effects);
            }
            None => {
                let when = When { hlc: self.record.hlc, shown_at: self.record.hlc.millis().min(viewer.wall) };
                self.show(entry, when, MessageBody::NeedsUpdate, None, viewer, effects);
            }
        }
    }

    /// Whether something was said after this device came in, by the clocks of both, and in the newest epoch known
    /// here: whoever shows an older state of the room has nothing like it to pass on.
    pub(super) fn is_said_now(&self, epoch: EpochId, at: u64, wall: u64) -> bool {
        let newest = self.membership.current().map(EpochSecrets::id);
        newest == Some(epoch) && at > self.record.joined && at <= wall.saturating_add(CLOCKS_DIFFER_MS)
    }

    /// Finds out anew where logs end. True when something that is shown lies beyond its end now, or
    /// something that was not shown lies before it again.
    pub(super) fn recut(&mut self) -> bool {
        let membership = &self.membership;
        let mut shows_other = false;
        for (key, log) in self.logs.iter_mut() {
            let before = (log.counted().next, log.shown());
            (log.cut, log.end) = (membership.cut(*key), membership.end(*key));
            shows_other |= (log.counted().next, log.shown()) != before;
        }
        shows_other
    }

    /// Whether keys that are known now open what was passed over.
    pub(super) fn may_read_more(&mut self) -> bool {
        let known = self.membership.keys_known();
        let is_news = known > std::mem::replace(&mut self.keys_known, known);
        is_news && self.has_unread
    }

    /// Forgets what was shown, to read all of the room again.
    pub(super) fn begin_anew(&mut self) {
        let shown = std::mem::take(&mut self.timeline);
        // When it is read twice in a row, people still see what was there before the first time.
        self.before.get_or_insert(shown);
        self.logs.iter_mut().for_each(|(_, log)| (log.sessions, log.said) = (Sessions::default(), None));
        self.names.clear();
        self.nameless.clear();
        self.vanishing.clear();
        self.guessed.clear();
        self.mutes.clear();
        self.unresolved.clear();
        (self.has_created_line, self.has_unread, self.is_loaded) = (false, false, false);
        self.shows_too_much = false;
    }

    /// Entries known to exist, here or at a peer that counts; whoever just came in knows nobody yet.
    pub(super) fn known_total(&self) -> u64 {
        let mut best: BTreeMap<LogKey, u64> = self.logs.iter().map(|(key, log)| (*key, log.counted().next)).collect();
        let everybody = self.is_newcomer().then(|| self.peers.values()).into_iter().flatten();
        for (key, height) in everybody.chain(self.counted_peers()).flat_map(|peer| &peer.heights) {
            let ends = self.logs.get(*key).and_then(|log| log.end).map_or(u64::MAX, |end| end.next);
            if !self.logs.is_frozen(*key) {
                let next = best.entry(*key).or_default();
                *next = (*next).max(height.next.min(ends));
            }
        }
        // Peers may claim anything.
        best.values().fold(0, |sum, next| sum.saturating_add(*next))
    }
}
