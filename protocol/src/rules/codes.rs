//! The codes of a room: which invite stands for each, and who revoked which.

use std::collections::{HashMap, VecDeque};

use crate::{
    ids::{DeviceId, EntryId, EpochId, Locator},
    invite::Invite,
};

/// Invites that are kept of a room; the codes of later ones are not found here.
const INVITES_MAX: usize = 4096;
/// Invites that are kept of one signer, so that one member cannot use up all places.
const INVITES_OF_SIGNER_MAX: usize = 256;
/// Revocations that are kept of one code: one is enough for archives, and members look for one by
/// somebody who may.
const REVOCATIONS_OF_CODE_MAX: usize = 64;
/// Those of one author: what somebody revoked in vain may count when they are a moderator.
const REVOCATIONS_OF_AUTHOR_MAX: usize = 4;
/// Revocations that are kept of codes that are not known yet.
const EARLY_MAX: usize = 4096;

/// Somebody's word that a code is to work no longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Revocation {
    /// Who said so.
    pub by: DeviceId,
    /// In which epoch.
    pub epoch: EpochId,
}

/// How new an invite is: generation of its epoch, place in the log, entry.
type Age = (u64, u64, EntryId);

#[derive(Debug)]
struct Kept {
    invite: Invite,
    epoch: EpochId,
    age: Age,
}

/// A code as it stands.
#[derive(Clone, Copy, Debug)]
pub struct Standing<'a> {
    /// Its newest record.
    pub invite: &'a Invite,
    /// The epoch whose key is in it.
    pub epoch: EpochId,
    /// Who revoked it. Archives heed everybody; members only those who may.
    pub revocations: &'a [Revocation],
}

/// The codes of a room.
#[derive(Debug, Default)]
pub(super) struct Codes {
    kept: HashMap<Locator, Kept>,
    of_signer: HashMap<DeviceId, usize>,
    revoked: HashMap<Locator, Vec<Revocation>>,
    /// Revocations that came before their codes, the oldest first, and whether their authors may revoke.
    early: VecDeque<(Locator, Revocation, bool)>,
}

impl Codes {
    /// Keeps an invite. Who made a code replaces its record by a newer one, under the key of a newer
    /// epoch; nobody else does: that would take the place of a code that works.
    pub(super) fn keep(&mut self, invite: &Invite, epoch: EpochId, age: Age) {
        if let Some(kept) = self.kept.get_mut(&invite.locator) {
            if kept.invite.signer == invite.signer && age > kept.age {
                *kept = Kept { invite: invite.clone(), epoch, age };
            }
            return;
        }
        let of_signer = self.of_signer.entry(invite.signer).or_default();
        if self.kept.len() < INVITES_MAX && *of_signer < INVITES_OF_SIGNER_MAX {
            *of_signer += 1;
            self.kept.insert(invite.locator, Kept { invite: invite.clone(), epoch, age });
            let (ready, early): (VecDeque<_>, _) =
                std::mem::take(&mut self.early).into_iter().partition(|(locator, ..)| *locator == invite.locator);
            self.early = early;
            ready.into_iter().for_each(|(locator, revocation, may)| self.revoke(locator, revocation, may));
        }
    }

    /// Notes a revocation. Anybody can write any number of them, so those of who `may` revoke, and of who
    /// made the code, take the places of others.
    pub(super) fn revoke(&mut self, locator: Locator, revocation: Revocation, may: bool) {
        let Some(kept) = self.kept.get(&locator) else {
            self.revoke_early(locator, revocation, may);
            return;
        };
        let counts = may || kept.invite.signer == revocation.by;
        let revocations = self.revoked.entry(locator).or_default();
        if revocations.contains(&revocation) {
            return;
        }
        let mut own = (0..revocations.len()).filter(|at| revocations.get(*at).is_some_and(|r| r.by == revocation.by));
        let place = match own.nth(REVOCATIONS_OF_AUTHOR_MAX - 1) {
            Some(last) => Some(last),
            None if revocations.len() < REVOCATIONS_OF_CODE_MAX => None,
            // Those that count stand before the others.
            None => Some(revocations.len() - 1).filter(|_| counts),
        };
        match place {
            Some(place) => {
                revocations.remove(place);
            }
            None if revocations.len() >= REVOCATIONS_OF_CODE_MAX => return,
            None => {}
        }
        if counts {
            revocations.insert(0, revocation);
        } else {
            revocations.push(revocation);
        }
    }

    /// Where there is no place, somebody gives one up who has the most.
    fn revoke_early(&mut self, locator: Locator, revocation: Revocation, may: bool) {
        if self.early.iter().any(|(code, known, _)| (*code, *known) == (locator, revocation)) {
            return;
        }
        if self.early.len() >= EARLY_MAX {
            let mut of_author = HashMap::<DeviceId, usize>::new();
            self.early.iter().for_each(|(_, other, _)| *of_author.entry(other.by).or_default() += 1);
            let most = of_author.into_iter().max_by_key(|(by, count)| (*count, *by)).map(|(by, _)| by);
            if let Some(at) = self.early.iter().position(|(_, other, _)| Some(other.by) == most) {
                self.early.remove(at);
            }
        }
        self.early.push_back((locator, revocation, may));
    }

    pub(super) fn standing(&self, locator: Locator) -> Option<Standing<'_>> {
        let kept = self.kept.get(&locator)?;
        let revocations = self.revoked.get(&locator).map(Vec::as_slice).unwrap_or_default();
        Some(Standing { invite: &kept.invite, epoch: kept.epoch, revocations })
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Standing<'_>> {
        self.kept.keys().filter_map(|locator| self.standing(*locator))
    }
}
