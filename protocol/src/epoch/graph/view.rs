//! What the whole graph comes to, kept up with each record that comes.
//!
//! A record that strikes nobody who stands changes nothing for the others, whatever it is concurrent
//! to. Only one that does has all of them judged anew.

use std::{
    collections::{BTreeSet, HashMap},
    sync::OnceLock,
};

use super::{
    EpochGraph, Node,
    bits::Bits,
    names::REMOVED,
    owners::Owners,
    resolve::{Rank, Turn, turn},
};
use crate::{
    ids::{DeviceId, EntryId, LogKey},
    log::Height,
};

/// What the whole graph comes to.
#[derive(Debug, Default)]
pub(super) struct View {
    pub(super) void: Bits,
    /// Seniority of the authors of the records that stand.
    ranks: HashMap<usize, Rank>,
    /// Standing records that no standing record follows, the most senior author's first.
    pub(super) heads: Vec<usize>,
    /// Standing records that let nobody in whom they do not name.
    pub(super) barriers: Bits,
    owners: OnceLock<Owners>,
    cuts: OnceLock<HashMap<LogKey, Height>>,
}

impl EpochGraph {
    /// Finds out what the newest record changes. `struck_by` are those that would strike it.
    pub(super) fn look_again(&mut self, newest: usize, struck_by: &[usize]) {
        let Some(node) = self.nodes.get(newest) else { return };
        let stands = |at: &usize| !self.view.void.contains(*at);
        let own = self.rank_of(node, |at| stands(&at)).map(|rank| (rank, turn(newest, node, rank)));
        let is_struck = |own: &Turn| struck_by.iter().filter(|at| stands(at)).any(|at| self.turn_of(*at) < Some(*own));
        let Some((rank, turn)) = own.filter(|(_, own)| !is_struck(own)) else {
            self.view.void.insert(newest);
            return;
        };
        let strikes = node.strikes.iter().filter(stands).any(|at| self.turn_of(at) > Some(turn));
        if strikes {
            self.judge_all();
            return;
        }
        self.view.ranks.insert(newest, rank);
        self.add_standing(newest);
    }

    /// When a standing record is judged.
    fn turn_of(&self, at: usize) -> Option<Turn> {
        Some(turn(at, self.nodes.get(at)?, *self.view.ranks.get(&at)?))
    }

    /// Adds a record that stands and changes nothing about the others.
    fn add_standing(&mut self, newest: usize) {
        let Some(node) = self.nodes.get(newest) else { return };
        let place = self.seniority(newest);
        let mut heads = std::mem::take(&mut self.view.heads);
        heads.retain(|head| !node.ancestors.contains(*head));
        heads.insert(heads.partition_point(|head| self.seniority(*head) < place), newest);
        self.view.heads = heads;
        if node.is_barrier() {
            self.view.barriers.insert(newest);
        }
        if let Some(cuts) = self.view.cuts.get_mut() {
            add_cuts(cuts, node);
        }
        let changes = !node.added.is_empty() || !node.dropped.is_empty();
        let is_last = self.changes.last() == Some(&newest);
        match self.view.owners.get_mut().filter(|_| is_last) {
            Some(owners) => owners.apply(node),
            None if changes => self.view.owners = OnceLock::new(),
            None => {}
        }
    }

    /// Works out everything anew.
    fn judge_all(&mut self) {
        let all = Bits::below(self.nodes.len());
        let mut view = View { ranks: self.judge(&all), ..View::default() };
        let (mut standing, mut covered) = (Bits::default(), Bits::default());
        view.ranks.keys().for_each(|at| standing.insert(*at));
        for (at, node) in self.within(&standing) {
            covered.unite(&node.ancestors);
            if node.is_barrier() {
                view.barriers.insert(at);
            }
        }
        view.void = all;
        view.void.remove_all(&standing);
        standing.remove_all(&covered);
        view.heads = standing.iter().collect();
        self.view = view;
        let mut heads = std::mem::take(&mut self.view.heads);
        heads.sort_by_cached_key(|at| self.seniority(*at));
        self.view.heads = heads;
    }

    /// The place of a record's author among those of all records that stand; the smaller, the more
    /// senior.
    pub(super) fn seniority(&self, at: usize) -> (Rank, DeviceId, EntryId) {
        let rank = self.view.ranks.get(&at).copied().unwrap_or((u8::MAX, 0, EntryId::default(), 0));
        self.nodes
            .get(at)
            .map_or((rank, DeviceId::default(), EntryId::default()), |node| (rank, node.outline.author, node.entry))
    }

    /// The owners now.
    pub(super) fn owners_now(&self) -> &Owners {
        self.view.owners.get_or_init(|| self.owners_of(&Bits::below(self.nodes.len()), &self.view.void))
    }

    /// Where the logs of removed devices end that a removal names.
    pub(super) fn cuts(&self) -> &HashMap<LogKey, Height> {
        self.view.cuts.get_or_init(|| {
            let mut cuts = HashMap::new();
            self.within(&self.view.barriers).for_each(|(_, node)| add_cuts(&mut cuts, node));
            cuts
        })
    }

    /// The standing records that remove a device, in the order in which they came.
    pub(super) fn removals(&self, device: DeviceId) -> impl Iterator<Item = usize> + '_ {
        let removals = self.devices.mentions(device).into_iter().flat_map(|device| device.of(REMOVED));
        removals.filter(|at| !self.view.void.contains(*at))
    }

    /// Whether a record stands, and everybody who was removed is removed in it.
    pub(super) fn shuts_out_all(&self, at: usize) -> bool {
        let Some(node) = self.nodes.get(at).filter(|_| !self.view.void.contains(at)) else { return false };
        let counts = |other: usize| other == at || (node.ancestors.contains(other) && !node.void.contains(other));
        // Those that it follows need no look; of the others the newest first, because it will hardly
        // know of that.
        let mut others = self.view.barriers.clone();
        let mut followed = node.ancestors.clone();
        followed.remove_all(&node.void);
        others.remove_all(&followed);
        let mut unknown = others.iter_back().filter(|other| *other != at).filter_map(|other| self.nodes.get(other));
        unknown.all(|other| {
            let mut removed = other.removed.iter().filter_map(|number| self.devices.mentions_of(*number as usize));
            removed.all(|device| device.of(REMOVED).any(counts))
        })
    }

    /// Everybody who was removed.
    #[must_use]
    pub fn removed(&self) -> BTreeSet<DeviceId> {
        let ever = self.devices.ever(REMOVED);
        let now = ever.filter(|(_, device)| device.of(REMOVED).any(|at| !self.view.void.contains(at)));
        now.map(|(device, _)| device).collect()
    }
}

/// Adds the ends of logs that a removal names; of several the longest.
fn add_cuts(cuts: &mut HashMap<LogKey, Height>, node: &Node) {
    for (log, height) in &node.cuts {
        let cut = cuts.entry(*log).or_insert(*height);
        // The same for everybody, also where the log forked.
        *cut = if (height.next, height.head) > (cut.next, cut.head) { *height } else { *cut };
    }
}
