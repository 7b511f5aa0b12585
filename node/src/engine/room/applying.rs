//! What the contents of a room come to, once they are opened.

use parlor_protocol::{
    DeviceId, EntryId, EpochId, HistoryPolicy, Hlc, Role,
    content::{Act, Body, Content, RosterItem},
    entry::{Entry, Verified},
};

use super::{Effects, Room, Viewer, When};
use crate::{
    command::RoomChange,
    engine::{
        people::SeenProfile,
        timeline::{Change, ChangeKind},
        vanishing::expires,
    },
    event::MessageBody,
};

/// Milliseconds of a day.
const DAY_MS: u64 = 24 * 60 * 60 * 1000;

impl Room {
    /// Applies an opened content.
    pub(in crate::engine) fn apply(
        &mut self,
        entry: &Verified<Entry>,
        content: Content,
        viewer: Viewer<'_>,
        effects: &mut Effects,
    ) {
        let shown_at = content.shown_at(viewer.wall);
        let has_vanished = self.has_vanished(entry, &content, viewer);
        if !self.membership.knows_rules_of(entry.header().epoch) {
            self.guessed.insert(entry.header().epoch);
        }
        let comes_too_soon = matches!(content.body, Body::Text { .. }) && !self.keeps_pace(entry, &content);
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
            Body::Text { .. } if self.membership.role_at(author, entry.header().epoch) == Role::Reader => {
                self.take_back(entry.id(), effects);
            }
            Body::Text { .. } if self.hides(entry.header().epoch, hlc) => {}
            Body::Text { .. } if comes_too_soon => self.take_back(entry.id(), effects),
            Body::Text { .. } if self.is_loaded && self.is_muted(author, hlc) => {
                self.note_hidden(author);
                self.take_back(entry.id(), effects);
            }
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
                self.name_lines(user, effects);
                effects.profiles.push(SeenProfile { device: author, user, name: name.as_str().to_owned() });
                effects.members_changed = true;
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
                    let (device, user) = (card.device, card.user);
                    if self.membership.known(device).is_none() {
                        self.names.insert(device, name.as_str().to_owned());
                        effects.members_changed |= self.learn_profile(device, name.as_str(), card, prekey, hlc, viewer);
                        self.name_lines(user, effects);
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
            Body::WentOut { devices, for_ever } => {
                for device in devices {
                    self.show_went_out(entry, device, for_ever, when, viewer, effects);
                }
            }
        }
    }

    /// The line about a device that goes out, where its own person says so: one for a person who leaves.
    fn show_went_out(
        &mut self,
        entry: &Verified<Entry>,
        device: DeviceId,
        for_ever: bool,
        when: When,
        viewer: Viewer<'_>,
        effects: &mut Effects,
    ) {
        let author = entry.header().author;
        let rules = self.membership.rules();
        if rules.own_of(device).is_none() || rules.own_of(device) != rules.own_of(author) {
            return;
        }
        let body = match self.membership.user_of(device) {
            _ if !for_ever && device == author => MessageBody::Left,
            Some(user) if for_ever => MessageBody::Removed { user, name: self.name_of(device), device: true },
            _ => return,
        };
        self.show(entry, when, body, None, viewer, effects);
    }

    pub(super) fn change(&mut self, target: EntryId, change: Change, effects: &mut Effects) {
        if self.timeline.apply(target, change).is_some() {
            effects.changed.insert(target);
        }
    }

    /// A text is not to be shown, which a tail may have done before its log was complete.
    fn take_back(&mut self, id: EntryId, effects: &mut Effects) {
        if self.timeline.contains(id) {
            self.timeline.remove(id);
            effects.gone.push(id);
        }
    }

    /// Notes when a content vanishes, and says whether it has already.
    pub(super) fn has_vanished(&mut self, entry: &Verified<Entry>, content: &Content, viewer: Viewer<'_>) -> bool {
        let header = entry.header();
        let expires = expires(header, content, self.membership.lifetime(header.epoch), viewer.wall);
        if let Some(at) = expires {
            self.vanishing.insert((at, entry.log_key(), header.seq, entry.id()));
        }
        expires.is_some_and(|at| at <= viewer.wall)
    }

    /// Whether something was written before what this device may read: an epoch may reach further back
    /// than the joining.
    pub(super) fn hides(&self, epoch: EpochId, hlc: Hlc) -> bool {
        let from = match self.membership.settings_at(epoch).history.value {
            HistoryPolicy::Everything => return false,
            HistoryPolicy::FromJoining => self.record.joined,
            HistoryPolicy::LastDays(days) => self.record.joined.saturating_sub(u64::from(days) * DAY_MS),
        };
        hlc.millis() < from
    }

    /// What people read about an owner's decision.
    pub(super) fn line_of(&self, act: Act) -> MessageBody {
        match act {
            Act::Removed { user, device } => {
                let known = device.and_then(|device| self.membership.known(device));
                let name = known.map_or_else(|| self.membership.name_of_user(user), |member| member.name.clone());
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

    /// Whether what was read in these epochs may have to be judged by other rules now that these are
    /// known.
    pub(in crate::engine) fn guessed_any(&self, epochs: impl IntoIterator<Item = EpochId>) -> bool {
        epochs.into_iter().any(|epoch| self.guessed.contains(&epoch) && !self.membership.is_as_founded(epoch))
    }
}
