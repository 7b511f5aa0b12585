//! Disappearing messages: what is shown only for a while, and what happens when its time is over.
//!
//! A content expires when the lifetime of its epoch has passed since the time that is shown for
//! it. Then it goes off the screen, and its pruned form takes its place in the store. What opens a
//! session is never pruned, so what has to stay opens one. See `docs/CRYPT.md`, "Disappearing
//! messages".

use parlor_protocol::{
    EntryId, LogKey, RoomId,
    content::{Body, Content},
    entry::Header,
};
use std::collections::BTreeSet;

use super::{Engine, timers::Timer, unsaved::Again, writing::Pending};
use crate::{
    event::{Event, MessageBody},
    store::Write,
};

/// How long a session seals at most where messages vanish.
pub(super) const SESSION_MAX_MS: u64 = 24 * 60 * 60 * 1000;
/// The wall clock may be set meanwhile: it is looked at this often at least.
const LOOK_EVERY_MS: u64 = 60 * 60 * 1000;
/// Entries pruned in one batch.
const BATCH: usize = 1_000;

/// Something that vanishes, first by when.
pub(super) type Vanishing = BTreeSet<(u64, LogKey, u64, EntryId)>;

/// Whether a content is something that people said, which may vanish. What has to stay, such as a
/// deletion or a name, opens a session of its own: openers are never pruned, and archives see them.
pub(super) const fn is_said(body: &Body) -> bool {
    matches!(body, Body::Text { .. } | Body::Edit { .. } | Body::Reaction { .. })
}

/// When a content expires by the wall clock; never when it may not be pruned or has no lifetime.
pub(super) fn expires(header: &Header, content: &Content, lifetime: Option<u64>, wall: u64) -> Option<u64> {
    let lifetime = lifetime.filter(|_| header.may_be_pruned())?;
    Some(content.shown_at(wall).saturating_add(lifetime))
}

impl Engine {
    /// Looks again when the next message of a room expires.
    pub(super) fn vanish_later(&mut self, room_id: RoomId) {
        let Some(room) = self.rooms.get(&room_id) else { return };
        let Some((at, ..)) = room.vanishing.first() else { return };
        let wait = at.saturating_sub(self.now.wall).min(LOOK_EVERY_MS);
        self.timers.set(self.now.mono + wait, Timer::Vanish(room_id));
    }

    /// Takes what has expired off the screen and out of the store.
    pub(super) fn vanish(&mut self, room_id: RoomId) {
        let wall = self.now.wall;
        let Some(room) = self.rooms.get_mut(&room_id) else { return };
        let (mut places, mut gone) = (Vec::new(), Vec::new());
        while places.len() < BATCH
            && let Some((_, log, seq, id)) = room.vanishing.first().copied().filter(|(at, ..)| *at <= wall)
        {
            room.vanishing.pop_first();
            places.push((log, seq));
            if room.timeline.contains(id) {
                room.timeline.remove(id);
                gone.push(id);
            }
        }
        if !gone.is_empty() {
            let unread = usize::try_from(room.record.unread).unwrap_or(usize::MAX);
            let others = room.timeline.newest_of(usize::MAX).filter(|message| !message.own);
            let left = others.filter(|message| matches!(message.body, MessageBody::Text { .. })).take(unread).count();
            room.record.unread = left as u64;
            room.record_changed = true;
            room.summary_changed = true;
            self.event(Event::MessagesGone { room: room_id, ids: gone });
        }
        if !places.is_empty() {
            // What the disk does not take now is pruned when the room is read again.
            self.write_soon(vec![Write::Prune { room: room_id, places }], Pending::unasked(Again::Nothing));
        }
        self.vanish_later(room_id);
    }
}
