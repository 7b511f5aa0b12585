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

mod answers;
mod bits;
mod device;
mod facts;
mod reach;
mod resolve;
mod telling;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, OnceLock},
};

use crate::{
    ids::{DeviceId, EntryId, EpochId, LogKey, UserId},
    limits::{EPOCHS_MAX, EPOCHS_OF_USER_MAX},
    log::Height,
    rules::Refused,
};
pub use device::OneDevice;
pub use facts::EpochFacts;

use bits::Bits;
use resolve::{Rank, State};

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
