//! The epochs of a room as a graph: the only record of who owns the room and who was removed.
//!
//! Everything here is a function of the *set* of records, so that every device with the same records
//! has the same answer, in whatever order they came. Records name their parents by the id of the
//! parents' entries, so what a record followed can never be disputed.
//!
//! The rules, with their reasons, are in `docs/decisions.md`, "Who governs a room". In short:
//! a record is *valid* when its author owned the room in the state that its ancestors come to; a valid
//! record is *void* when somebody more senior removed its author at the same time. What stands is
//! united. The ideas are those of p2panda-auth and of Matrix' state resolution, made smaller: here
//! seniority decides, and nothing else.

mod bits;
mod resolve;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Arc, OnceLock},
};

use super::EpochRecord;
use crate::{
    ids::{DeviceId, EntryId, EpochId, LogKey, UserId},
    limits::{EPOCH_TIPS_MAX, EPOCHS_MAX, EPOCHS_OF_USER_MAX},
    log::Height,
    rules::Refused,
};
use bits::Bits;
use resolve::{Rank, State};

/// What everybody may see of a record.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct EpochFacts {
    /// The epoch that it begins.
    pub epoch: EpochId,
    /// The entries of the records that it follows.
    pub after: Vec<EntryId>,
    /// The device that wrote it.
    pub author: DeviceId,
    /// Whose device that is.
    pub user: UserId,
    /// The public half of the admission key.
    pub admission: [u8; 32],
    /// Devices that are removed.
    pub removed: BTreeSet<DeviceId>,
    /// People who become owners.
    pub added: Vec<UserId>,
    /// People who are owners no longer.
    pub dropped: Vec<UserId>,
    /// What the removed wrote up to here stands.
    pub heads: BTreeMap<LogKey, Height>,
    /// Devices that get the new key.
    pub keys: BTreeSet<DeviceId>,
    /// Messages vanish after this many milliseconds.
    pub lifetime_ms: Option<u64>,
    /// The room ends.
    pub dissolved: bool,
    /// Codes that were made before no longer let anybody in.
    pub ends_codes: bool,
}

impl From<&EpochRecord> for EpochFacts {
    fn from(record: &EpochRecord) -> Self {
        Self {
            epoch: record.id,
            after: record.after.clone(),
            author: record.owner.device,
            user: record.owner.user,
            admission: record.admission,
            removed: record.removed.iter().copied().collect(),
            added: record.owners.added.clone(),
            dropped: record.owners.dropped.clone(),
            heads: record.heads.iter().copied().collect(),
            keys: record.keys.iter().map(|key| key.device).collect(),
            lifetime_ms: record.lifetime_ms,
            dissolved: record.dissolved,
            ends_codes: record.ends_codes,
        }
    }
}

impl EpochFacts {
    /// Whether whoever is not named must be let in anew.
    fn is_barrier(&self) -> bool {
        !self.removed.is_empty() || self.ends_codes
    }
}

#[derive(Debug)]
struct Node {
    entry: EntryId,
    facts: EpochFacts,
    generation: u64,
    ancestors: Bits,
    /// The state with this record, as its ancestors alone come to.
    after: Arc<State>,
}

/// What the whole graph comes to.
#[derive(Debug, Default)]
struct View {
    state: State,
    void: Bits,
    /// Seniority of the authors of the records that stand.
    ranks: BTreeMap<usize, Rank>,
    /// Standing records that no standing record follows, the most senior author's first.
    heads: Vec<usize>,
    /// Standing records in which everybody who was removed is removed.
    usable: Bits,
    /// Standing records that let nobody in whom they do not name.
    barriers: Vec<usize>,
    cuts: HashMap<DeviceId, BTreeMap<LogKey, Height>>,
}

/// The epochs of one room.
#[derive(Debug)]
pub struct EpochGraph {
    founder: DeviceId,
    founders: Vec<UserId>,
    nodes: Vec<Node>,
    by_entry: HashMap<EntryId, usize>,
    by_epoch: HashMap<EpochId, Vec<usize>>,
    by_device: HashMap<DeviceId, Vec<usize>>,
    by_user: HashMap<UserId, Vec<usize>>,
    /// Records that some other record follows.
    followed: Bits,
    view: View,
    digest: OnceLock<[u8; 32]>,
}

impl EpochGraph {
    /// The graph of a room that was founded by a device, with these owners, the most senior first.
    #[must_use]
    pub fn new(founder: DeviceId, founders: Vec<UserId>) -> Self {
        let view = View { state: State::founded(&founders), ..View::default() };
        Self {
            founder,
            founders,
            nodes: Vec::new(),
            by_entry: HashMap::new(),
            by_epoch: HashMap::new(),
            by_device: HashMap::new(),
            by_user: HashMap::new(),
            followed: Bits::default(),
            view,
            digest: OnceLock::new(),
        }
    }

    /// Takes a record in; false when it is known already.
    ///
    /// # Errors
    /// [`Refused::NotYet`] while a record that it follows is not known, or when there is no place;
    /// [`Refused::Never`] when its author may not have written it.
    pub fn learn(&mut self, entry: EntryId, facts: EpochFacts) -> Result<bool, Refused> {
        if self.by_entry.contains_key(&entry) {
            return Ok(false);
        }
        let parents: Option<Vec<usize>> = facts.after.iter().map(|id| self.by_entry.get(id).copied()).collect();
        let parents = parents.ok_or(Refused::NotYet)?;
        let of_user = self.by_user.get(&facts.user).map_or(0, Vec::len);
        if self.nodes.len() >= EPOCHS_MAX || of_user >= EPOCHS_OF_USER_MAX {
            return Err(Refused::NotYet);
        }
        let mut ancestors = Bits::default();
        let mut generation = 0;
        for (at, node) in parents.iter().filter_map(|at| Some((*at, self.nodes.get(*at)?))) {
            ancestors.unite(&node.ancestors);
            ancestors.insert(at);
            generation = generation.max(node.generation + 1);
        }
        let before = self.state_before(&parents, &ancestors);
        let may = before.owners.contains(&facts.user) && !before.removed.contains(&facts.author);
        // Only who founded the room begins its first epoch.
        if !may || (parents.is_empty() && facts.author != self.founder) {
            return Err(Refused::Never);
        }
        let at = self.nodes.len();
        let mut node = Node { entry, facts, generation, ancestors, after: before };
        if !node.after.includes(&node) {
            let mut state = State::clone(&node.after);
            state.apply(&node);
            node.after = Arc::new(state);
        }
        self.by_entry.insert(entry, at);
        self.by_epoch.entry(node.facts.epoch).or_default().push(at);
        self.by_device.entry(node.facts.author).or_default().push(at);
        self.by_user.entry(node.facts.user).or_default().push(at);
        parents.iter().for_each(|parent| self.followed.insert(*parent));
        let follows_all = node.ancestors.len() == at && self.view.void.len() == 0;
        self.nodes.push(node);
        self.digest = OnceLock::new();
        self.look_again(at, follows_all);
        Ok(true)
    }

    fn state_before(&self, parents: &[usize], ancestors: &Bits) -> Arc<State> {
        match parents {
            [] => Arc::new(State::founded(&self.founders)),
            [one] => self.nodes.get(*one).map(|node| Arc::clone(&node.after)).unwrap_or_default(),
            _ => {
                let (void, _) = self.judge(ancestors);
                Arc::new(self.state_of(ancestors, &void))
            }
        }
    }

    /// Works out anew what the graph comes to. A record that follows everything changes little.
    fn look_again(&mut self, newest: usize, follows_all: bool) {
        let mut view = std::mem::take(&mut self.view);
        let mut removal = true;
        if let Some(node) = self.nodes.get(newest).filter(|_| follows_all) {
            let rank = view.state.ranks.get(&node.facts.user).copied().unwrap_or_default();
            view.state.apply(node);
            view.ranks.insert(newest, rank);
            view.heads = vec![newest];
            removal = !node.facts.removed.is_empty();
            if node.facts.is_barrier() {
                view.barriers.push(newest);
            }
        } else {
            let mut all = Bits::default();
            (0..self.nodes.len()).for_each(|at| all.insert(at));
            let (void, ranks) = self.judge(&all);
            view.state = self.state_of(&all, &void);
            let mut covered = Bits::default();
            let mut standing = all.clone();
            standing.remove_all(&void);
            self.within(&standing).for_each(|(_, node)| covered.unite(&node.ancestors));
            view.heads = standing.iter().filter(|at| !covered.contains(*at)).collect();
            view.heads.sort_by_key(|at| self.seniority(&ranks, *at));
            view.barriers = self.within(&standing).filter(|(_, n)| n.facts.is_barrier()).map(|(at, _)| at).collect();
            (view.void, view.ranks) = (void, ranks);
        }
        if removal {
            self.look_at_removals(&mut view);
        } else {
            view.usable.insert(newest);
        }
        self.view = view;
    }

    /// Works out what removals come to: where logs end, and which epochs shut the removed out.
    fn look_at_removals(&self, view: &mut View) {
        view.usable = Bits::default();
        for (at, node) in self.nodes.iter().enumerate() {
            let covers = node.after.removed.len() >= view.state.removed.len()
                && view.state.removed.iter().all(|device| node.after.removed.contains(device));
            if covers && !view.void.contains(at) {
                view.usable.insert(at);
            }
        }
        view.cuts = HashMap::new();
        for node in view.barriers.iter().filter_map(|at| self.nodes.get(*at)) {
            for device in &node.facts.removed {
                let cuts = view.cuts.entry(*device).or_default();
                for (log, height) in node.facts.heads.iter().filter(|(log, _)| log.author == *device) {
                    let cut = cuts.entry(*log).or_insert(*height);
                    // The same for everybody, also where the log forked.
                    *cut = if (height.next, height.head) > (cut.next, cut.head) { *height } else { *cut };
                }
            }
        }
    }

    fn seniority(&self, ranks: &BTreeMap<usize, Rank>, at: usize) -> (Rank, DeviceId, EntryId) {
        let rank = ranks.get(&at).copied().unwrap_or((u8::MAX, 0, EntryId::default(), 0));
        self.nodes
            .get(at)
            .map_or((rank, DeviceId::default(), EntryId::default()), |node| (rank, node.facts.author, node.entry))
    }

    fn by_device(&self, device: DeviceId) -> impl Iterator<Item = usize> + '_ {
        self.by_device.get(&device).into_iter().flatten().copied()
    }

    fn by_user(&self, user: UserId) -> impl Iterator<Item = usize> + '_ {
        self.by_user.get(&user).into_iter().flatten().copied()
    }

    /// The record of an epoch. Somebody who holds an epoch's key could write a second record for it;
    /// then the most senior author's counts.
    fn node_of(&self, epoch: EpochId) -> Option<(usize, &Node)> {
        let places = self.by_epoch.get(&epoch)?;
        let best =
            places.iter().min_by_key(|at| (self.view.void.contains(**at), self.seniority(&self.view.ranks, **at)));
        best.and_then(|at| Some((*at, self.nodes.get(*at)?)))
    }

    /// Whether `later` is `earlier` or follows it.
    fn reaches(&self, later: usize, earlier: usize) -> bool {
        later == earlier || self.nodes.get(later).is_some_and(|node| node.ancestors.contains(earlier))
    }
}

/// What the graph says.
impl EpochGraph {
    /// Number of records.
    #[must_use]
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there is no record yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Whether the record of an entry is here.
    #[must_use]
    pub fn contains(&self, entry: EntryId) -> bool {
        self.by_entry.contains_key(&entry)
    }

    /// The epoch that an entry's record begins.
    #[must_use]
    pub fn epoch_of(&self, entry: EntryId) -> Option<EpochId> {
        self.by_entry.get(&entry).and_then(|at| self.nodes.get(*at)).map(|node| node.facts.epoch)
    }

    /// The entry of an epoch's record.
    #[must_use]
    pub fn entry_of(&self, epoch: EpochId) -> Option<EntryId> {
        self.node_of(epoch).map(|(_, node)| node.entry)
    }

    /// The public record of an epoch.
    #[must_use]
    pub fn facts(&self, epoch: EpochId) -> Option<&EpochFacts> {
        self.node_of(epoch).map(|(_, node)| &node.facts)
    }

    /// The epochs in which what is said vanishes, each with its lifetime in milliseconds.
    pub fn lifetimes(&self) -> impl Iterator<Item = (EpochId, u64)> + '_ {
        self.nodes.iter().filter_map(|node| Some((node.facts.epoch, node.facts.lifetime_ms?)))
    }

    /// How many records lie before an epoch's on the longest way; younger epochs have more.
    #[must_use]
    pub fn generation(&self, epoch: EpochId) -> Option<u64> {
        self.node_of(epoch).map(|(_, node)| node.generation)
    }

    /// Whether the record of an epoch does not stand.
    #[must_use]
    pub fn is_void(&self, epoch: EpochId) -> bool {
        self.node_of(epoch).is_some_and(|(at, _)| self.view.void.contains(at))
    }

    /// The owners, the most senior first.
    #[must_use]
    pub fn owners(&self) -> Vec<UserId> {
        let mut owners: Vec<_> = self.view.state.owners.iter().copied().collect();
        owners.sort_by_key(|user| self.view.state.ranks.get(user).copied());
        owners
    }

    /// Whether somebody owns the room.
    #[must_use]
    pub fn is_owner(&self, user: UserId) -> bool {
        self.view.state.owners.contains(&user)
    }

    /// Whether somebody owned the room in the state that an epoch began with.
    #[must_use]
    pub fn was_owner(&self, user: UserId, epoch: EpochId) -> bool {
        self.node_of(epoch).is_some_and(|(_, node)| node.after.owners.contains(&user))
    }

    /// Whether a device was removed.
    #[must_use]
    pub fn is_removed(&self, device: DeviceId) -> bool {
        self.view.state.removed.contains(&device)
    }

    /// Everybody who was removed.
    #[must_use]
    pub fn removed(&self) -> &BTreeSet<DeviceId> {
        &self.view.state.removed
    }

    /// The record that removed a device; of several the first.
    #[must_use]
    pub fn removal_of(&self, device: DeviceId) -> Option<&EpochFacts> {
        let mut removals = self.view.barriers.iter().filter_map(|at| self.nodes.get(*at));
        removals.find(|node| node.facts.removed.contains(&device)).map(|node| &node.facts)
    }

    /// How far the log of a removed device stands; `None` for a device that was not removed.
    #[must_use]
    pub fn cut(&self, log: LogKey) -> Option<Height> {
        let cuts = self.view.cuts.get(&log.author)?;
        Some(cuts.get(&log).copied().unwrap_or(Height::EMPTY))
    }

    /// Epochs that nothing follows, each with its entry: what the next record has for parents.
    #[must_use]
    pub fn heads(&self) -> Vec<(EpochId, EntryId)> {
        self.view.heads.iter().filter_map(|at| self.nodes.get(*at)).map(|node| (node.facts.epoch, node.entry)).collect()
    }

    /// Whether everybody who was removed is shut out of an epoch, so that it may be written in.
    #[must_use]
    pub fn is_usable(&self, epoch: EpochId) -> bool {
        self.node_of(epoch).is_some_and(|(at, _)| self.view.usable.contains(at))
    }

    /// The epoch that a device writes in, among those whose key it holds: a head if possible, else
    /// the youngest; of several the most senior author's.
    #[must_use]
    pub fn sending(&self, holds: impl Fn(EpochId) -> bool) -> Option<EpochId> {
        let usable = |at: &usize| {
            let node = self.nodes.get(*at).filter(|_| self.view.usable.contains(*at));
            node.filter(|node| holds(node.facts.epoch)).map(|node| (*at, node))
        };
        let head = self.view.heads.iter().find_map(usable);
        let youngest = || {
            let held = (0..self.nodes.len()).filter_map(|at| usable(&at));
            held.min_by_key(|(at, node)| (u64::MAX - node.generation, self.seniority(&self.view.ranks, *at)))
        };
        head.or_else(youngest).map(|(_, node)| node.facts.epoch)
    }

    /// Whether a device's entries in an epoch are to be taken, by what is known of removals. `named`
    /// tells whether it was let in by a certificate; else the record itself must name it.
    ///
    /// # Errors
    /// [`Refused::NotYet`] when nothing lets it in yet, [`Refused::Cut`] when a removal shut it out.
    pub fn may_write(&self, device: DeviceId, epoch: EpochId, admitted: bool) -> Result<(), Refused> {
        let Some((at, node)) = self.node_of(epoch) else {
            return if admitted { Ok(()) } else { Err(Refused::NotYet) };
        };
        let named = node.facts.keys.contains(&device);
        if !named && !admitted {
            return Err(Refused::NotYet);
        }
        if self.is_shut_out(device, at, named) { Err(Refused::Cut) } else { Ok(()) }
    }

    /// Whether a removal shut a device out of an epoch: it is neither among those who stay nor among
    /// those who go, so its admission may have been made with a removed member's keys.
    fn is_shut_out(&self, device: DeviceId, at: usize, named: bool) -> bool {
        self.view.barriers.iter().any(|barrier| {
            let Some(node) = self.nodes.get(*barrier) else { return false };
            let knew = node.ancestors.contains(at);
            let vouched = named && !knew;
            !self.reaches(at, *barrier)
                && !node.facts.keys.contains(&device)
                && !node.facts.removed.contains(&device)
                && !vouched
        })
    }

    /// Whether a standing epoch lets a device in, by name or by a certificate.
    #[must_use]
    pub fn is_member(&self, device: DeviceId, certified: &BTreeSet<EpochId>) -> bool {
        if self.is_removed(device) {
            return false;
        }
        let stands = |(at, node): (usize, &Node)| {
            let named = node.facts.keys.contains(&device);
            let admitted = named || certified.contains(&node.facts.epoch);
            admitted && !self.view.void.contains(at) && !self.is_shut_out(device, at, named)
        };
        self.nodes.iter().enumerate().rev().any(stands)
    }

    /// Whether any record names a device.
    #[must_use]
    pub fn is_named(&self, device: DeviceId) -> bool {
        self.nodes.iter().any(|node| node.facts.keys.contains(&device))
    }

    /// Whether a code that was made in an epoch may still let somebody in.
    #[must_use]
    pub fn lets_in(&self, epoch: EpochId) -> bool {
        let Some((at, _)) = self.node_of(epoch) else { return true };
        self.view.usable.contains(at) && self.view.barriers.iter().all(|barrier| self.reaches(at, *barrier))
    }

    /// Whether an epoch is another one or follows it.
    #[must_use]
    pub fn follows(&self, later: EpochId, earlier: EpochId) -> bool {
        match (self.node_of(later), self.node_of(earlier)) {
            (Some((later, _)), Some((earlier, _))) => self.reaches(later, earlier),
            _ => false,
        }
    }

    /// Standing records that name where the logs of a device ended for them, though it stays: a
    /// demotion. What it may do in epochs that do not follow these counts only up to there.
    pub fn demotions(&self, device: DeviceId) -> impl Iterator<Item = &EpochFacts> {
        let standing = self.nodes.iter().enumerate().filter(|(at, _)| !self.view.void.contains(*at));
        standing
            .map(|(_, node)| &node.facts)
            .filter(move |facts| !facts.removed.contains(&device) && facts.heads.keys().any(|log| log.author == device))
    }

    /// The record that ended the room.
    #[must_use]
    pub fn dissolved_by(&self) -> Option<&EpochFacts> {
        let standing = self.nodes.iter().enumerate().filter(|(at, _)| !self.view.void.contains(*at));
        standing.map(|(_, node)| &node.facts).find(|facts| facts.dissolved)
    }

    /// Whose device wrote a record.
    #[must_use]
    pub fn user_of(&self, author: DeviceId) -> Option<UserId> {
        self.by_device(author).next().and_then(|at| self.nodes.get(at)).map(|node| node.facts.user)
    }

    /// Place of a person in the order of owners, from 0.
    #[must_use]
    pub fn seniority_of(&self, user: UserId) -> Option<usize> {
        self.owners().iter().position(|owner| *owner == user)
    }
}

/// Telling others what they lack.
impl EpochGraph {
    /// Entries of records that no record follows, standing or not: who has these has everything. The
    /// youngest, when there are very many.
    #[must_use]
    pub fn tips(&self) -> Vec<EntryId> {
        let mut tips: Vec<_> = self.nodes.iter().enumerate().filter(|(at, _)| !self.followed.contains(*at)).collect();
        tips.sort_by_key(|(_, node)| (u64::MAX - node.generation, node.entry));
        tips.truncate(EPOCH_TIPS_MAX);
        tips.into_iter().map(|(_, node)| node.entry).collect()
    }

    /// The same for equal sets of records.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        *self.digest.get_or_init(|| self.work_out_digest())
    }

    fn work_out_digest(&self) -> [u8; 32] {
        let mut ids: Vec<_> = self.nodes.iter().map(|node| *node.entry.as_bytes()).collect();
        ids.sort_unstable();
        let mut hasher = crate::derive::Purpose::EpochsDigest.hasher();
        ids.iter().for_each(|id| {
            hasher.update(id);
        });
        *hasher.finalize().as_bytes()
    }

    /// Entries of records that somebody with these tips lacks, each after those that it follows.
    #[must_use]
    pub fn missing(&self, tips: &[EntryId]) -> Vec<EntryId> {
        let mut known = Bits::default();
        for at in tips.iter().filter_map(|tip| self.by_entry.get(tip).copied()) {
            known.insert(at);
            self.nodes.get(at).into_iter().for_each(|node| known.unite(&node.ancestors));
        }
        let lacking = self.nodes.iter().enumerate().filter(|(at, _)| !known.contains(*at));
        lacking.map(|(_, node)| node.entry).collect()
    }

    /// What a removed device may still be told: the records that remove it, and those before.
    #[must_use]
    pub fn farewell(&self, device: DeviceId) -> BTreeSet<EntryId> {
        let mut told = Bits::default();
        for (at, node) in self.nodes.iter().enumerate().filter(|(_, node)| node.facts.removed.contains(&device)) {
            told.unite(&node.ancestors);
            told.insert(at);
        }
        self.within(&told).map(|(_, node)| node.entry).collect()
    }
}
