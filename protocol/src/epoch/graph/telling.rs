//! Telling others which records they lack.

use std::collections::BTreeSet;

use super::{EpochGraph, bits::Bits, names::REMOVED};
use crate::{
    ids::{DeviceId, EntryId},
    limits::EPOCH_TIPS_MAX,
};

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
        let removals = self.devices.mentions(device).into_iter().flat_map(|device| device.of(REMOVED));
        for (at, node) in removals.filter_map(|at| Some((at, self.nodes.get(at)?))) {
            told.unite(&node.ancestors);
            told.insert(at);
        }
        self.within(&told).map(|(_, node)| node.entry).collect()
    }
}
