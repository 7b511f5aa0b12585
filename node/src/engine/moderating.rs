//! Moderating: silencing people for a while, and waiting between messages.
//!
//! Where people have to wait between messages, a program that does not wait is not stopped: its entries
//! stand in a chain that needs every link. Members do not show what comes too soon. They judge by what
//! the author's own log says, the same for everybody, and grant a tenth.
//!
//! Whether a text counts as written while its author was silenced follows from the hybrid clocks of
//! both, so that everybody agrees. While a room is read, logs come one after the other; what is not
//! to be shown is taken out when all are read.

use parlor_protocol::{
    DeviceId, EntryId, Hlc, Role, RoomId, UserId,
    content::{Body, Content},
    entry::{Entry, Verified},
};
use std::{collections::BTreeMap, time::Duration};

use super::{Engine, io::CallId, room::Room};
use crate::{command::Reply, error::CommandError, event::MessageBody};

/// What moderators said about one person that is remembered; of more the latest.
const WORDS_MAX: usize = 64;

/// What part of the wait between two messages is granted: the author measured it by another clock.
const GRANTED: u64 = 10;

/// When a text was written, as its author says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Said {
    hlc: u64,
    at: u64,
}

impl Said {
    fn new(hlc: Hlc, at: u64) -> Self {
        Self { hlc: hlc.millis(), at }
    }

    /// How long after an earlier text of the same log. The hybrid clock stands still while somebody
    /// else's was ahead, and the author's own may be set anew, also back: the longer time counts.
    fn since(self, earlier: Self) -> u64 {
        self.hlc.saturating_sub(earlier.hlc).max(self.at.abs_diff(earlier.at))
    }

    /// How much too soon it comes after an earlier text where people wait that long.
    fn too_soon(self, earlier: Self, pace: u64) -> Option<u64> {
        let since = self.since(earlier);
        (since < pace - pace / GRANTED).then(|| pace - since)
    }
}

/// Who was silenced, when, and until when.
#[derive(Debug, Default)]
pub(super) struct Mutes {
    words: BTreeMap<UserId, BTreeMap<Hlc, u64>>,
    /// People of whom something was not shown.
    hidden: std::collections::BTreeSet<UserId>,
}

impl Mutes {
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    fn note(&mut self, user: UserId, at: Hlc, until: u64) {
        let words = self.words.entry(user).or_default();
        words.insert(at, until);
        if words.len() > WORDS_MAX {
            words.pop_first();
        }
    }

    /// Until when a person is silenced at a time, in milliseconds of the hybrid clock.
    fn until(&self, user: UserId, at: Hlc) -> Option<u64> {
        let (_, until) = self.words.get(&user)?.range(..at).next_back()?;
        Some(*until).filter(|until| *until > at.millis())
    }
}

impl Room {
    /// Whether a text was written while its author was silenced.
    pub(super) fn is_muted(&self, author: DeviceId, at: Hlc) -> bool {
        self.membership.user_of(author).is_some_and(|user| self.mutes.until(user, at).is_some())
    }

    /// Whether a text comes no sooner after the one before in its log than the room's rules say; the
    /// next one is measured by it then.
    pub(super) fn keeps_pace(&mut self, entry: &Verified<Entry>, content: &Content) -> bool {
        let header = entry.header();
        let pace = self.membership.settings_at(header.epoch).slow_ms.value;
        let waits = self.membership.role_at(header.author, header.epoch) <= Role::Member;
        let said = Said::new(content.hlc, content.at);
        let log = self.logs.entry(entry.log_key());
        let keeps = !waits || log.said.is_none_or(|earlier| said.too_soon(earlier, pace).is_none());
        if keeps {
            log.said = Some(said);
        }
        keeps
    }

    /// A text is not shown for that.
    pub(super) fn note_hidden(&mut self, author: DeviceId) {
        self.mutes.hidden.extend(self.membership.user_of(author));
    }

    /// A moderator's word. Gives messages that are to be shown no more, and whether some may have to be
    /// shown again.
    pub(super) fn mute(&mut self, user: UserId, at: Hlc, until: u64) -> (Vec<EntryId>, bool) {
        self.mutes.note(user, at, until);
        if !self.is_loaded {
            return (Vec::new(), false);
        }
        let again = self.mutes.hidden.contains(&user);
        (self.hide_muted(), again)
    }

    /// Takes out what was written by people who were silenced.
    pub(super) fn hide_muted(&mut self) -> Vec<EntryId> {
        if self.mutes.words.is_empty() {
            return Vec::new();
        }
        let is_hidden = |message: &&std::sync::Arc<crate::event::Message>| {
            let is_text = matches!(message.body, MessageBody::Text { .. });
            is_text && self.is_muted(message.author, message.order.hlc)
        };
        let gone: Vec<(EntryId, DeviceId)> =
            self.timeline.oldest_first().filter(is_hidden).map(|message| (message.id, message.author)).collect();
        for (id, author) in &gone {
            self.timeline.remove(*id);
            self.note_hidden(*author);
        }
        gone.into_iter().map(|(id, _)| id).collect()
    }
}

impl Engine {
    /// Silences somebody, or lifts that.
    pub(super) fn mute(&mut self, call: CallId, room_id: RoomId, user: UserId, lasts: Option<Duration>) {
        let wall = self.now.wall;
        let Some(room) = self.rooms.get(&room_id) else { return self.fail(call, CommandError::NoSuchRoom) };
        let own = room.membership.role(self.user_id_in(room_id));
        let refusal = match () {
            () if room.standing.is_over() => Some(CommandError::RoomOver),
            () if own < Role::Moderator => Some(CommandError::ModeratorsOnly),
            () if room.membership.devices_of(user).next().is_none() => Some(CommandError::NoSuchMember),
            () if room.membership.role(user) >= own => Some(CommandError::NotBelowYou),
            () => None,
        };
        if let Some(error) = refusal {
            return self.fail(call, error);
        }
        let now = room.record.hlc.millis().max(wall);
        let lasts = lasts.map(|lasts| u64::try_from(lasts.as_millis()).unwrap_or(u64::MAX));
        let until = lasts.map_or(0, |lasts| now.saturating_add(lasts));
        self.write_contents(room_id, vec![Body::Mute { user, until }], Some(call), |_| Reply::Done);
    }

    /// Whether a text may be sent now, as far as moderators and the room's pace go.
    pub(super) fn may_send_now(&self, room: &Room) -> Result<(), CommandError> {
        let user = self.user_id_in(room.id());
        let next = room.record.hlc.next(self.now.wall);
        if let Some(until) = room.mutes.until(user, next) {
            return Err(CommandError::Muted { wait_ms: until.saturating_sub(next.millis()) });
        }
        let pace = room.membership.settings().slow_ms.value;
        let since = room.last_text.map_or(u64::MAX, |last| self.now.mono.saturating_sub(last));
        // What others would not show is not sent: the program may have been started anew since.
        let earlier = room.logs.get(room.own_log(self.me())).and_then(|log| log.said);
        let too_soon = earlier.and_then(|earlier| Said::new(next, self.now.wall).too_soon(earlier, pace));
        let wait = (since < pace).then(|| pace - since).max(too_soon);
        match wait.filter(|_| room.membership.role(user) <= Role::Member) {
            Some(wait_ms) => Err(CommandError::TooSoon { wait_ms }),
            None => Ok(()),
        }
    }
}
