//! Which codes work.

use std::collections::{HashMap, HashSet};

use super::Rules;
use crate::{
    access::{
        Door, Hours,
        facts::{At, DoorFact, Way},
        wire::NotEntered,
    },
    ids::{DeviceId, DoorId, EpochId, Locator, LogKey, OwnId},
    limits::{DOORS_MAX, DOORS_OF_PERSON_MAX},
};

/// How long after its end a code still lets somebody in: clocks of machines at home differ, in milliseconds.
pub(super) const GRACE_MS: u64 = 10 * 60 * 1000;

/// A door as it is known.
#[derive(Clone, Copy, Debug)]
pub struct DoorState<'a> {
    /// Its name, which is the id of its entry.
    pub id: DoorId,
    /// What stands there.
    pub door: &'a Door,
    /// The device that made it.
    pub maker: DeviceId,
    /// The epoch in which it was made.
    pub epoch: EpochId,
    /// Where its entry stands.
    pub log: LogKey,
    /// At which place of that log.
    pub seq: u64,
}

/// What a caller knows about doors that rules do not: the time, and which ones were ended by somebody who
/// may.
#[derive(Clone, Copy)]
pub struct Living<'a> {
    /// Milliseconds since 1970, by the own clock.
    pub now_ms: u64,
    /// Whether a code was ended; see [`Rules::is_ended`].
    pub is_ended: &'a dyn Fn(DoorId) -> bool,
}

impl std::fmt::Debug for Living<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Living(at {})", self.now_ms)
    }
}

impl Rules {
    /// One door, whether it lets anybody in or not.
    #[must_use]
    pub fn door(&self, id: DoorId) -> Option<DoorState<'_>> {
        self.facts.door(id).map(|fact| state_of(id, fact))
    }

    /// All doors that count, whether they let anybody in or not.
    pub fn doors(&self) -> impl Iterator<Item = DoorState<'_>> {
        self.facts.doors().filter(|(_, fact)| self.door_stands(fact)).map(|(id, fact)| state_of(id, fact))
    }

    pub(super) fn door_stands(&self, fact: &DoorFact) -> bool {
        let (who, world) = (self.who(), self.world());
        who.now.stands(&world, who.outs.cut_with(&world, fact.at.log), &fact.at)
    }

    /// Devices that ever came by a door, also those that went out since.
    #[must_use]
    pub fn came_by(&self, door: DoorId) -> HashSet<DeviceId> {
        let kept = &self.who().kept;
        let came = self.facts.by_door(door).filter(|(number, _)| kept.marks(*number).lets_in());
        came.map(|(_, fact)| fact.device()).collect()
    }

    /// Whether a code was ended: by who made it, or by somebody who `may` do so with others' codes, as a
    /// device in an epoch. Archives, which do not know roles, heed everybody.
    #[must_use]
    pub fn is_ended(&self, door: DoorId, may: impl Fn(DeviceId, EpochId) -> bool) -> bool {
        let maker = self.facts.door(door).map(|fact| fact.at.log.author);
        let (who, world) = (self.who(), self.world());
        self.facts.endings(door).iter().any(|ending| {
            let by = ending.at.log.author;
            let is_own = maker.is_some_and(|maker| by == maker || self.are_of_one(by, maker));
            let stands = || who.now.stands(&world, who.outs.cut_with(&world, ending.at.log), &ending.at);
            (is_own || may(by, ending.at.epoch)) && stands()
        })
    }

    /// Whether two devices came in as one person's.
    fn are_of_one(&self, one: DeviceId, other: DeviceId) -> bool {
        self.own_of(one).is_some_and(|own| self.own_of(other) == Some(own))
    }

    /// Whether a door lets one more device in.
    ///
    /// # Errors
    /// Why it does not.
    pub fn check_door(&self, id: DoorId, living: &Living<'_>) -> Result<(), NotEntered> {
        let fact = self.facts.door(id).ok_or(NotEntered::Lacking)?;
        if !self.door_stands(fact) || !self.is_in_at(fact.at.log.author, living.now_ms) {
            return Err(NotEntered::MakerGone);
        }
        if (living.is_ended)(id) {
            return Err(NotEntered::Ended);
        }
        if fact.door.terms.expires.is_past(living.now_ms, GRACE_MS) {
            return Err(NotEntered::Expired);
        }
        let uses = usize::try_from(fact.door.terms.uses).unwrap_or(usize::MAX);
        if uses > 0 && self.came_by(id).len() >= uses {
            return Err(NotEntered::UsedUp);
        }
        if self.opens(fact) { Ok(()) } else { Err(NotEntered::ShutOut) }
    }

    /// Whether people write in an epoch that no removal shut the door out of.
    fn opens(&self, fact: &DoorFact) -> bool {
        let heads = self.graph.heads();
        let mut usable = heads.into_iter().map(|(head, _)| head).filter(|head| self.graph.is_usable(*head));
        usable.any(|head| !self.graph.barrier_between(fact.at.epoch, head, None))
    }

    /// The doors that let somebody in, at most 64 of a person and 256 in all: those of owners first, then
    /// the older ones, so that nobody crowds out codes that work.
    #[must_use]
    pub fn living(&self, living: &Living<'_>) -> Vec<DoorId> {
        // Nobody's doors cost anything any more, however many there are, after a barrier shut them out.
        let mut opens = HashMap::<EpochId, bool>::new();
        let doors =
            self.facts.doors().filter(|(_, fact)| *opens.entry(fact.at.epoch).or_insert_with(|| self.opens(fact)));
        let works = |id: &DoorId| self.check_door(*id, living).is_ok();
        let doors: Vec<_> = doors.filter(|(id, _)| works(id)).collect();
        let doors = doors.into_iter();
        let mut doors: Vec<_> = doors.map(|(id, fact)| (self.door_rank(id, fact), id, fact.at.log.author)).collect();
        doors.sort_unstable_by_key(|(rank, ..)| *rank);
        let mut of_person = HashMap::<Option<OwnId>, usize>::new();
        let mut fits = |maker| {
            let count = of_person.entry(self.own_of(maker)).or_default();
            *count += 1;
            *count <= DOORS_OF_PERSON_MAX
        };
        doors.into_iter().filter(|(.., maker)| fits(*maker)).map(|(_, id, _)| id).take(DOORS_MAX).collect()
    }

    fn door_rank(&self, id: DoorId, fact: &DoorFact) -> (bool, u64, u64, DoorId) {
        let is_owners = self.own_of(fact.at.log.author).is_some_and(|own| self.is_owners(own));
        let age = self.graph.generation(fact.at.epoch).unwrap_or(u64::MAX);
        (!is_owners, age, fact.at.seq, id)
    }

    /// The door of a code. A locator binds nobody: whoever reads it in one door may write it into another
    /// one. So `fits` says which of them is meant, by the door and the device that made it. Of several that
    /// fit one that works, then the oldest.
    #[must_use]
    pub fn find(
        &self,
        locator: Locator,
        living: &Living<'_>,
        fits: impl Fn(&Door, DeviceId) -> bool,
    ) -> Option<DoorId> {
        let doors = self.facts.doors_at(locator).iter().filter_map(|id| Some((*id, self.facts.door(*id)?)));
        let standing = doors.filter(|(_, fact)| fits(&fact.door, fact.at.log.author) && self.door_stands(fact));
        standing
            .min_by_key(|(id, fact)| (self.check_door(*id, living).is_err(), self.door_rank(*id, fact)))
            .map(|(id, _)| id)
    }

    /// Whether a device came in by a door and is in by it, and stays as long as that.
    pub(super) fn is_in_by(&self, device: DeviceId, door: DoorId, until: Hours) -> bool {
        let mut counted = self.who().states.counted(device).iter().filter_map(|number| self.facts.ins().get(*number));
        let lasts = |known: Hours| known == Hours::NONE || (until != Hours::NONE && known >= until);
        counted.any(|fact| matches!(fact.way, Way::ByCode { door: by, .. } if by == door) && lasts(fact.until()))
    }

    /// The highest step of an epoch that somebody came in at, by an entry that counts.
    #[must_use]
    pub fn highest_named(&self, epoch: EpochId) -> Option<u32> {
        let now = &self.who().now;
        let ins = self.facts.ins().iter().enumerate().filter(|(_, fact)| fact.at.epoch == epoch);
        let named = ins.filter(|(number, _)| now.marks(*number).lets_in()).filter_map(|(_, fact)| match fact.way {
            Way::ByCode { step, .. } => Some(step),
            Way::Named | Way::Linked => None,
        });
        named.max()
    }

    /// The person of a device that is or was let in: of the entries by which it is in, else was let in, the
    /// oldest.
    #[must_use]
    pub fn own_of(&self, device: DeviceId) -> Option<OwnId> {
        let who = self.who();
        let lists = [who.states.counted(device), who.now.ins_of(device), who.kept.ins_of(device)];
        let list = lists.into_iter().find(|list| !list.is_empty())?;
        let facts = list.iter().filter_map(|number| self.facts.ins().get(*number));
        facts.min_by_key(|fact| self.age(fact)).map(|fact| fact.own)
    }

    /// Whether a person owns the room, as far as records of epochs by one of its devices show.
    pub(super) fn is_owners(&self, own: OwnId) -> bool {
        self.owner_rank(own).is_some()
    }

    /// Place of a person in the order of owners.
    pub(super) fn owner_rank(&self, own: OwnId) -> Option<usize> {
        let who = self.who();
        let owners = who.owners.get_or_init(|| {
            let mut owners = HashMap::new();
            let order: HashMap<_, _> = self.graph.owners().into_iter().zip(0..).collect();
            for device in who.states.devices() {
                let rank = self.graph.user_of(device).and_then(|user| order.get(&user).copied());
                if let (Some(rank), Some(own)) = (rank, self.own_of(device)) {
                    owners.entry(own).and_modify(|known: &mut usize| *known = rank.min(*known)).or_insert(rank);
                }
            }
            owners
        });
        owners.get(&own).copied()
    }
}

fn state_of(id: DoorId, fact: &DoorFact) -> DoorState<'_> {
    let At { log, seq, epoch, .. } = fact.at;
    DoorState { id, door: &fact.door, maker: log.author, epoch, log, seq }
}

/// When a code ends that is made now, by how long it is to live in milliseconds.
impl Door {
    /// The end of a code that is made at a time and lives so long, both in milliseconds.
    #[must_use]
    pub fn expiry(now_ms: u64, lifetime_ms: Option<u64>) -> Hours {
        lifetime_ms.map_or(Hours::NONE, |lifetime| Hours::rounded_up(now_ms.saturating_add(lifetime)))
    }
}
