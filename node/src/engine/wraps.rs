//! Keys for who comes in by a code: what is on offer, wrapped to the code's lock.
//!
//! Any member makes a wrap, without the code, when somebody comes in, and keeps none. Archives, which have
//! no keys, are given some in advance: before anything is sealed in a new epoch or step, and whenever they
//! are met and may lack them. See `docs/CRYPT.md`, "Wraps".

use parlor_protocol::{
    DeviceId, DoorId, EpochId, HistoryPolicy, Name, RoomId,
    access::{
        EarlierStep, Hours, Wrap, WrapFacts, WrapPayload,
        wire::{Offer, PushWraps},
    },
    epoch::{EpochSecrets, Step},
    keys::DhPublic,
    limits::{LINKS_MAX, WRAPS_MAX},
    wire::Request,
};

use super::{Engine, room::Room, sync::Asked};

/// Milliseconds of a day.
const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// A key that may be wrapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Wanted {
    epoch: EpochId,
    step: Step,
    until: Hours,
    is_fresh: bool,
}

impl Room {
    /// Epochs in which people write and whose key is here, owners' epochs first.
    fn open_epochs(&self) -> Vec<&EpochSecrets> {
        let graph = self.membership.rules().graph();
        let heads = graph.heads().into_iter().map(|(head, _)| head).filter(|head| graph.is_usable(*head));
        heads.filter_map(|head| self.membership.secrets(head)).collect()
    }

    /// Where somebody may come in now, and from which step it reads then.
    pub(super) fn offers(&self, wall: u64) -> Vec<Offer> {
        let offer = |secrets: &EpochSecrets| {
            let step = self.step_on_offer(secrets, wall);
            (step <= Step::LAST).then(|| Offer { epoch: secrets.id(), step: step.number() })
        };
        self.open_epochs().into_iter().filter_map(offer).collect()
    }

    /// What archives are given in advance. Of steps for one newcomer each there are two, so that a second
    /// one may come before a member does.
    fn wanted(&self, wall: u64) -> Vec<Wanted> {
        let mut wanted = Vec::new();
        for secrets in self.open_epochs() {
            let epoch = secrets.id();
            let on_offer = self.step_on_offer(secrets, wall);
            let mut want = |step: Step, until: Hours, is_fresh: bool| {
                if step <= Step::LAST && step >= secrets.lowest() {
                    wanted.push(Wanted { epoch, step, until, is_fresh });
                }
            };
            match self.membership.settings_at(epoch).history.value {
                HistoryPolicy::Everything => want(on_offer, Hours::NONE, false),
                HistoryPolicy::FromJoining => {
                    want(on_offer, Hours::NONE, true);
                    want(on_offer.next(), Hours::NONE, true);
                }
                HistoryPolicy::LastDays(days) => {
                    let span = u64::from(days) * DAY_MS;
                    for back in [span, span / 2] {
                        if let Some((step, begun)) = self.step_begun_since(epoch, wall.saturating_sub(back)) {
                            want(step, Hours::rounded_up(begun.saturating_add(span)), false);
                        }
                    }
                    want(self.highest_step(epoch).next(), Hours::NONE, true);
                }
            }
        }
        wanted.dedup();
        wanted
    }

    fn payload(&self, epoch: EpochId, step: Step, wall: u64) -> Option<WrapPayload> {
        let secrets = self.membership.secrets(epoch)?;
        Some(WrapPayload {
            name: Name::new(&self.record.name).ok()?,
            parents: secrets.parents().to_vec(),
            key: secrets.key_at(step)?,
            earlier: self.earlier_steps(epoch, wall),
        })
    }

    /// Keys of earlier epochs for who comes in: where newcomers may read the last days, those of the epochs
    /// that lasted into these days. Where they may read everything the records bring them.
    fn earlier_steps(&self, epoch: EpochId, wall: u64) -> Vec<EarlierStep> {
        let HistoryPolicy::LastDays(days) = self.membership.settings_at(epoch).history.value else {
            return Vec::new();
        };
        let from = wall.saturating_sub(u64::from(days) * DAY_MS);
        // An epoch ends when the next one begins; they are kept oldest first.
        let ends = self.record.epochs.iter().skip(1).map(|next| next.since).chain([u64::MAX]);
        let lasted = self.record.epochs.iter().zip(ends).filter(|(known, ends)| *ends >= from && known.id != epoch);
        let earlier = |epoch: EpochId| {
            let secrets = self.membership.secrets(epoch)?;
            let step = self.step_for_newcomers(secrets, wall)?;
            let key = secrets.key_at(step)?;
            Some(EarlierStep { epoch, parents: secrets.parents().to_vec(), step: step.number(), key })
        };
        let mut earlier: Vec<_> = lasted.filter_map(|(known, _)| earlier(known.id)).collect();
        earlier.reverse();
        earlier.truncate(LINKS_MAX);
        earlier
    }

    /// Doors that let somebody in and of which archives are given keys, each with its lock.
    fn living_doors(&self, wall: u64) -> Vec<(DoorId, DhPublic)> {
        self.membership.with_living(wall, |rules, living| {
            let open = rules.living(living).into_iter().filter_map(|id| Some((id, rules.door(id)?.door)));
            let locks = open.filter(|(_, door)| !door.terms.members_only).map(|(id, door)| (id, door.lock));
            locks.collect()
        })
    }
}

impl Room {
    /// Whether an archive has all of the own log, and was given what lets people in.
    pub(super) fn is_kept(&self, me: DeviceId, wall: u64) -> bool {
        let own = self.own_log(me);
        let all = self.record.archived >= self.logs.height(own).next;
        let has_doors = self.membership.current().is_some() && !self.living_doors(wall).is_empty();
        let mut archives = self.peers.values().filter(|peer| peer.archive);
        all && archives.any(|peer| !has_doors || (peer.wraps_given.is_some() && peer.wraps_under_way == 0))
    }
}

impl Engine {
    /// Wraps the key of an epoch's step for a door.
    pub(super) fn wrap(&mut self, room_id: RoomId, door: DoorId, offer: Offer) -> Option<Wrap> {
        let room = self.rooms.get(&room_id)?;
        let (lock, step) = (room.membership.rules().door(door)?.door.lock, Step::new(offer.step).ok()?);
        let wanted = Wanted { epoch: offer.epoch, step, until: Hours::NONE, is_fresh: false };
        self.seal_wrap(room_id, (door, lock), wanted)
    }

    fn seal_wrap(&mut self, room_id: RoomId, (door, lock): (DoorId, DhPublic), wanted: Wanted) -> Option<Wrap> {
        let room = self.rooms.get(&room_id)?;
        let payload = room.payload(wanted.epoch, wanted.step, self.now.wall)?;
        let Wanted { epoch, step, until, is_fresh } = wanted;
        let facts = WrapFacts { room: room_id, door, epoch, step: step.number(), until, is_fresh };
        Wrap::seal(facts, &lock, &payload, &self.key, &mut self.rng).ok()
    }

    /// Gives an archive that is used the wraps that it may lack: once for each state of doors, epochs and steps.
    pub(super) fn push_wraps(&mut self, room_id: RoomId, archive: DeviceId) {
        if !self.uses_archive(archive) {
            return;
        }
        let (me, wall) = (self.me(), self.now.wall);
        let Some(room) = self.rooms.get_mut(&room_id).filter(|room| room.is_loaded && !room.record.request) else {
            return;
        };
        if room.standing.is_over() || !room.membership.is_in(me) || room.membership.current().is_none() {
            return;
        }
        let (doors, wanted) = (room.living_doors(wall), room.wanted(wall));
        let state = room.peers.entry(archive).or_default();
        let given = (doors.iter().map(|(door, _)| *door).collect::<Vec<_>>(), wanted.clone());
        if doors.is_empty() || state.wraps_given.as_ref().is_some_and(|known| *known == fingerprint(&given)) {
            return;
        }
        state.wraps_given = Some(fingerprint(&given));
        let pairs: Vec<_> = doors.iter().flat_map(|door| wanted.iter().map(move |wanted| (*door, *wanted))).collect();
        for some in pairs.chunks(WRAPS_MAX) {
            let wraps = some.iter().filter_map(|(door, wanted)| self.seal_wrap(room_id, *door, *wanted)).collect();
            let push = Request::PushWraps(PushWraps { room: room_id, wraps });
            self.ask(archive, &push, Asked::Wraps { room: room_id, peer: archive });
            if let Some(state) = self.rooms.get_mut(&room_id).and_then(|room| room.peers.get_mut(&archive)) {
                state.wraps_under_way += 1;
            }
        }
    }

    pub(super) fn push_wraps_everywhere(&mut self, room_id: RoomId) {
        self.used_archives().into_iter().for_each(|archive| self.push_wraps(room_id, archive));
    }

    /// An archive has a portion of them.
    pub(super) fn wraps_taken(&mut self, room_id: RoomId, archive: DeviceId) {
        let Some(room) = self.rooms.get_mut(&room_id) else { return };
        if let Some(state) = room.peers.get_mut(&archive) {
            state.wraps_under_way = state.wraps_under_way.saturating_sub(1);
            room.summary_changed |= state.wraps_under_way == 0;
        }
    }

    /// An archive did not take them, maybe because it has not got what they are for yet: they are given again
    /// when it has, or is next compared with.
    pub(super) fn wraps_not_taken(&mut self, room_id: RoomId, archive: DeviceId) {
        if let Some(state) = self.rooms.get_mut(&room_id).and_then(|room| room.peers.get_mut(&archive)) {
            state.wraps_given = None;
            state.wraps_under_way = state.wraps_under_way.saturating_sub(1);
        }
    }
}

fn fingerprint(given: &(Vec<DoorId>, Vec<Wanted>)) -> u64 {
    use std::hash::{DefaultHasher, Hash as _, Hasher as _};
    let mut hasher = DefaultHasher::new();
    given.hash(&mut hasher);
    hasher.finish()
}
