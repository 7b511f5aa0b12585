//! Which wraps an archive keeps. It cannot look into them, so places are given by person: however many
//! wraps somebody brings, those of others stay.

use std::collections::HashMap;

use super::{Living, Rules};
use crate::{
    access::{WrapFacts, wire::Offer},
    ids::{DeviceId, DoorId, EntryId, EpochId, OwnId},
};

/// Persons whose wraps are kept for one door.
const PERSONS_MAX: usize = 8;
/// Wraps of one person that are kept for one door and epoch: the step on offer, a later one, the next.
const STEPS_MAX: usize = 3;

/// What has to be known of a wrap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeptWrap {
    /// What everybody may see of it.
    pub facts: WrapFacts,
    /// Who made it.
    pub signer: DeviceId,
}

/// Whose place a wrap takes: owners by their seniority, then everybody by when they came in.
type Rank = (usize, u64, EntryId);

impl Rules {
    /// Which of the wraps that an archive has, in the order in which they came, it may keep: their places in
    /// the list. Of each door those of owners come first, and of all doors those of the first person before
    /// those of the second, so that whoever keeps fewer leaves no door without. It deletes the others. `written` gives the highest step of an epoch,
    /// below the last, in which something was written.
    #[must_use]
    pub fn keep_wraps(
        &self,
        wraps: &[KeptWrap],
        living: &Living<'_>,
        written: impl Fn(EpochId) -> Option<u32>,
    ) -> Vec<usize> {
        let doors = self.living(living);
        let heads: Vec<EpochId> =
            self.graph.heads().into_iter().map(|(head, _)| head).filter(|head| self.graph.is_usable(*head)).collect();
        let mut groups = HashMap::<(DoorId, OwnId), Vec<usize>>::new();
        for (at, KeptWrap { facts, signer }) in wraps.iter().enumerate() {
            let is_stale = facts.is_fresh && written(facts.epoch).is_some_and(|step| step >= facts.step);
            let is_of_use = facts.room == self.room
                && doors.contains(&facts.door)
                && heads.contains(&facts.epoch)
                && !self.is_for_members(facts.door)
                && self.opens_to(facts.door, facts.epoch)
                && !facts.until.is_past(living.now_ms, 0)
                && !is_stale
                && self.is_in_at(*signer, living.now_ms);
            if let Some(own) = self.own_of(*signer).filter(|_| is_of_use) {
                groups.entry((facts.door, own)).or_default().push(at);
            }
        }
        let mut persons = HashMap::<DoorId, Vec<(Rank, OwnId)>>::new();
        for (door, own) in groups.keys() {
            persons.entry(*door).or_default().push((self.person_rank(*own), *own));
        }
        let mut order: Vec<(usize, DoorId, OwnId)> = Vec::new();
        for (door, mut persons) in persons {
            persons.sort_unstable();
            order.extend(persons.into_iter().take(PERSONS_MAX).zip(0..).map(|((_, own), place)| (place, door, own)));
        }
        order.sort_unstable();
        let of_person = |(_, door, own)| groups.remove(&(door, own)).unwrap_or_default();
        order.into_iter().map(of_person).flat_map(|of| newest_of_each(wraps, &of, &heads)).collect()
    }

    /// Whether a door works only while a member is there.
    fn is_for_members(&self, door: DoorId) -> bool {
        self.facts.door(door).is_some_and(|fact| fact.door.terms.members_only)
    }

    fn opens_to(&self, door: DoorId, epoch: EpochId) -> bool {
        self.facts.door(door).is_some_and(|fact| !self.graph.barrier_between(fact.at.epoch, epoch, None))
    }

    fn person_rank(&self, own: OwnId) -> Rank {
        let of_owner = self.owner_rank(own).unwrap_or(usize::MAX);
        let counted = |device| self.who().states.counted(device).iter();
        let ins = self.who().states.devices().flat_map(counted).filter_map(|number| self.facts.ins().get(*number));
        let first = ins.filter(|fact| fact.own == own).map(|fact| self.age(fact)).min();
        let (age, entry) = first.unwrap_or((u64::MAX, EntryId::default()));
        (of_owner, age, entry)
    }

    /// What an archive has on offer for a door, by what it keeps: of each person the lowest step of each
    /// epoch, owners first.
    #[must_use]
    pub fn offers(&self, door: DoorId, kept: &[KeptWrap]) -> Vec<Offer> {
        let mut lowest: Vec<((EpochId, Option<OwnId>), u32)> = Vec::new();
        for wrap in kept.iter().filter(|wrap| wrap.facts.door == door) {
            let whose = (wrap.facts.epoch, self.own_of(wrap.signer));
            match lowest.iter_mut().find(|(known, _)| *known == whose) {
                Some((_, step)) => *step = wrap.facts.step.min(*step),
                None => lowest.push((whose, wrap.facts.step)),
            }
        }
        let mut offers: Vec<Offer> = Vec::new();
        for offer in lowest.into_iter().map(|((epoch, _), step)| Offer { epoch, step }) {
            if !offers.contains(&offer) {
                offers.push(offer);
            }
        }
        offers
    }
}

/// Of one person's wraps for a door the newest of each step, and the newest three of each epoch, the lowest
/// step first.
fn newest_of_each(wraps: &[KeptWrap], of_person: &[usize], heads: &[EpochId]) -> Vec<usize> {
    let mut kept = Vec::new();
    for head in heads {
        let mut of_epoch: Vec<(u32, usize)> = Vec::new();
        for at in of_person.iter().rev() {
            let Some(facts) = wraps.get(*at).map(|wrap| wrap.facts).filter(|facts| facts.epoch == *head) else {
                continue;
            };
            if of_epoch.len() < STEPS_MAX && of_epoch.iter().all(|(step, _)| *step != facts.step) {
                of_epoch.push((facts.step, *at));
            }
        }
        of_epoch.sort_unstable();
        kept.extend(of_epoch.into_iter().map(|(_, at)| at));
    }
    kept
}
