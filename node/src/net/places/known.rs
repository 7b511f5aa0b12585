//! Devices that are no strangers: members of own rooms, devices that are signed in, machines that were
//! useful before. The rest of the program names them (`NetCommand::Know`); here is only who came first.

use std::collections::HashMap;

use libp2p::PeerId;

/// Most devices that are known. Whoever is named when there is no place stays a stranger: what was
/// known first counts.
pub(in crate::net) const KNOWN_MAX: usize = 65_536;

/// Who is known, and since when: a lower rank was known earlier.
#[derive(Debug, Default)]
pub(in crate::net) struct Known {
    ranks: HashMap<PeerId, u64>,
    next: u64,
}

impl Known {
    /// Somebody is known from now on. Answers whether that is news.
    pub(in crate::net) fn add(&mut self, peer: PeerId) -> bool {
        if self.ranks.contains_key(&peer) {
            return false;
        }
        if self.ranks.len() >= KNOWN_MAX {
            tracing::debug!(%peer, "too many devices are known; this one stays a stranger");
            return false;
        }
        self.ranks.insert(peer, self.next);
        self.next += 1;
        true
    }

    /// Somebody is a stranger from now on. Answers whether that is news.
    pub(in crate::net) fn remove(&mut self, peer: &PeerId) -> bool {
        self.ranks.remove(peer).is_some()
    }

    pub(in crate::net) fn contains(&self, peer: &PeerId) -> bool {
        self.ranks.contains_key(peer)
    }

    /// The lower, the longer it is known. `None` for strangers.
    pub(in crate::net) fn rank(&self, peer: &PeerId) -> Option<u64> {
        self.ranks.get(peer).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_was_known_first_keeps_its_place_however_many_come() {
        let mut known = Known::default();
        let first = PeerId::random();
        assert!(known.add(first) && !known.add(first));
        let others: Vec<_> = (0..KNOWN_MAX + 10).map(|_| PeerId::random()).collect();
        for peer in &others {
            known.add(*peer);
        }
        assert_eq!(known.ranks.len(), KNOWN_MAX);
        assert!(others.last().is_some_and(|last| !known.contains(last)));
        assert_eq!(known.rank(&first), Some(0));
        assert!(known.remove(&first) && !known.remove(&first) && !known.contains(&first));
    }
}
