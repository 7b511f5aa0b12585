//! The steps of a room's epochs: which are in use, in which one this device writes, which one who
//! joins is given, and what of a log can be opened here.
//!
//! An epoch's key is a chain (`parlor_protocol::epoch::Step`). Where newcomers may not read
//! everything, each of them is given a later link than anybody has written with so far, and
//! everybody writes in the latest one that they know of. So what was written before stays shut for
//! them, whatever they ask of whom. See `docs/CRYPT.md`, "Steps".

use parlor_protocol::{
    DeviceId, EpochId, HistoryPolicy,
    content::Body,
    entry::{Entry, Verified},
    epoch::{EpochSecrets, Step},
    error::SealError,
    session::OpeningSession,
};
use std::collections::BTreeMap;

use super::room::Room;

/// Milliseconds of a day.
const DAY_MS: u64 = 24 * 60 * 60 * 1000;
/// From this step on an owner begins an epoch, so that newcomers do not run out of steps.
pub(super) const MANY_STEPS: u32 = 900;

/// Whether everybody in the epoch has to read a content, whenever they joined: who is in the room, and
/// what it is called. It is sealed in the step that all have in common, and opens a session of its own.
pub(super) const fn is_for_everybody(body: &Body) -> bool {
    matches!(body, Body::Profile { .. } | Body::Roster(_) | Body::RoomName { .. } | Body::WentOut { .. })
}

/// Which steps of a room's epochs are in use, as far as this device has heard.
#[derive(Debug, Default)]
pub(super) struct Steps {
    epochs: BTreeMap<EpochId, BTreeMap<Step, Use>>,
}

/// What is known of a step that somebody named.
#[derive(Clone, Copy, Debug, Default)]
struct Use {
    /// Something was written in it.
    written: bool,
    /// When the first of that was written (milliseconds since 1970), as far as it can be opened here.
    begun: Option<u64>,
}

impl Steps {
    /// Somebody opened a session in a step. True when the epoch got a higher step by that.
    pub(super) fn note_written(&mut self, epoch: EpochId, step: Step) -> bool {
        if step > Step::LAST {
            return false;
        }
        let steps = self.epochs.entry(epoch).or_default();
        let is_higher = steps.last_key_value().is_none_or(|(highest, _)| *highest < step);
        steps.entry(step).or_default().written = true;
        is_higher
    }

    /// When something was written in a step.
    pub(super) fn note_begun(&mut self, epoch: EpochId, step: Step, at: u64) {
        if let Some(known) = self.epochs.get_mut(&epoch).and_then(|steps| steps.get_mut(&step)) {
            known.begun = Some(known.begun.map_or(at, |before| before.min(at)));
        }
    }

    /// The highest step that somebody named, and what is known of it.
    fn highest(&self, epoch: EpochId) -> Option<(Step, Use)> {
        self.epochs.get(&epoch)?.last_key_value().map(|(step, known)| (*step, *known))
    }

    /// The first step that was begun at or after a time, and when.
    fn begun_since(&self, epoch: EpochId, from: u64) -> Option<(Step, u64)> {
        let steps = self.epochs.get(&epoch)?.iter();
        steps.filter_map(|(step, known)| Some((*step, known.begun?))).find(|(_, begun)| *begun >= from)
    }
}

impl Room {
    /// The step of the present epoch that this device writes in: never before what others named,
    /// because who joined there could not read it.
    pub(super) fn writing_step(&self, wall: u64) -> Step {
        let Some(secrets) = self.membership.current() else { return Step::FIRST };
        let epoch = secrets.id();
        let (highest, known) = self.highest_use(epoch);
        // While the rules of the epoch are not known here, nobody is left out.
        let policy = match self.membership.knows_rules_of(epoch) {
            true => self.membership.settings_at(epoch).history.value,
            false => HistoryPolicy::FromJoining,
        };
        match policy {
            HistoryPolicy::Everything => secrets.lowest(),
            _ if secrets.lowest() > highest => secrets.lowest(),
            HistoryPolicy::FromJoining => highest,
            HistoryPolicy::LastDays(_) => {
                let is_old = known.begun.is_some_and(|begun| begun.saturating_add(DAY_MS) <= wall);
                if is_old { highest.next() } else { highest }
            }
        }
    }

    /// Whether this device may write, and in which epoch and step is known. The steps in use are known once the room has
    /// been read: before, a text could be sealed where newcomers cannot read it.
    pub(super) fn knows_where_to_write(&self, me: DeviceId) -> bool {
        let is_read = self.is_loaded || self.before.is_some();
        is_read && self.membership.current().is_some() && self.membership.is_in(me)
    }

    /// The highest step of an epoch that somebody wrote in or came in at, and what is known of it.
    fn highest_use(&self, epoch: EpochId) -> (Step, Use) {
        let written = self.steps.highest(epoch).unwrap_or_default();
        let named = self.membership.rules().highest_named(epoch).and_then(|step| Step::new(step).ok());
        match named {
            Some(named) if named > written.0 => (named, Use::default()),
            _ => written,
        }
    }

    /// The highest step of an epoch that somebody wrote in or came in at.
    pub(super) fn highest_step(&self, epoch: EpochId) -> Step {
        self.highest_use(epoch).0
    }

    /// Whether an epoch has few steps left.
    pub(super) fn uses_many_steps(&self, epoch: EpochId) -> bool {
        self.highest_step(epoch).number() >= MANY_STEPS
    }

    /// The first step of an epoch that was begun at or after a time, and when.
    pub(super) fn step_begun_since(&self, epoch: EpochId, from: u64) -> Option<(Step, u64)> {
        self.steps.begun_since(epoch, from)
    }

    /// The step of an epoch from which on somebody who joins now may read.
    pub(super) fn step_on_offer(&self, secrets: &EpochSecrets, wall: u64) -> Step {
        self.step_for_newcomers(secrets, wall).unwrap_or_else(|| {
            let (highest, known) = self.highest_use(secrets.id());
            let is_from_joining = self.membership.settings_at(secrets.id()).history.value == HistoryPolicy::FromJoining;
            // The first step counts as written in: whoever is here writes in it sooner or later, and a
            // code that was made before must not open that.
            let is_written = known.written || (is_from_joining && highest == Step::FIRST);
            let offered = if is_written { highest.next() } else { highest };
            offered.max(secrets.lowest())
        })
    }

    /// The step of an epoch that who joins now may read from, as far as something was written in it
    /// that they may read.
    pub(super) fn step_for_newcomers(&self, secrets: &EpochSecrets, wall: u64) -> Option<Step> {
        let step = match self.membership.settings_at(secrets.id()).history.value {
            HistoryPolicy::Everything => Some(Step::FIRST),
            HistoryPolicy::FromJoining => None,
            HistoryPolicy::LastDays(days) => {
                let begun = self.steps.begun_since(secrets.id(), wall.saturating_sub(u64::from(days) * DAY_MS));
                begun.map(|(step, _)| step)
            }
        };
        step.map(|step| step.max(secrets.lowest()))
    }
}

/// The sessions that seal a log's newest entries: one for what people write, and one for what everybody
/// in the epoch reads. An author never goes back to an older one of either.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    written: Option<(u64, Reading)>,
    common: Option<(u64, Reading)>,
}

/// How far a session can be read here.
#[derive(Debug)]
pub(super) enum Reading {
    /// It is open.
    Open(Box<OpeningSession>),
    /// It lies before what this device may read: nothing is wrong with it.
    Before,
}

impl Sessions {
    /// Reads the entry that opens a session. One that cannot be opened ends the one before it.
    pub(super) fn accept(&mut self, secrets: &EpochSecrets, opener: &Verified<Entry>) {
        let reading = match OpeningSession::accept(secrets, opener) {
            Ok(session) => Some(Reading::Open(Box::new(session))),
            Err(SealError::StepBefore { .. }) => Some(Reading::Before),
            Err(_) => None,
        };
        let slot = match opener.opened_step() {
            Some(Step::COMMON) => &mut self.common,
            _ => &mut self.written,
        };
        *slot = reading.map(|reading| (opener.header().seq, reading));
    }

    /// The session that began at a place.
    pub(super) fn find(&self, start: u64) -> Option<&Reading> {
        let mut known = self.written.iter().chain(&self.common);
        known.find(|(begun, _)| *begun == start).map(|(_, reading)| reading)
    }
}
