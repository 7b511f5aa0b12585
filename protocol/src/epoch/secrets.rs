//! The secrets of an epoch: a chain of keys, and what follows from its links and from its end.
//!
//! `k(n+1) = derive("epoch step", kn)`, from a random `k0` to `k1024`. The id of the epoch commits to
//! the end of the chain, so whoever was given any link of it can check that, once. What the epoch has
//! once comes of the end; what is sealed in a step comes of its link; only `k0` leads back to earlier
//! epochs. Ratchets of this kind: the Megolm ratchet of Matrix, the hash chains of Lamport (1981).

use ed25519_dalek::SigningKey;
use std::{fmt, sync::Arc};
use zeroize::Zeroize as _;

use super::{Step, topic_of};
use crate::{
    derive::{Label, Purpose},
    error::{KeyError, SealError},
    ids::{EpochId, RoomId, TopicId},
    keys::{self, DhPublic, DhSecret, Secret, Sig},
};

/// Links of the chain that are kept, so that no step takes more than this many hashes to reach.
const MARK_EVERY: u32 = 32;

/// Everything that follows from an epoch's key, from the lowest step on that is known here.
#[derive(Clone)]
pub struct EpochSecrets {
    id: EpochId,
    room: RoomId,
    parents: Vec<EpochId>,
    lowest: Step,
    /// The key of `lowest`.
    key: Secret,
    /// Keys of every [`MARK_EVERY`]th step above `lowest`, in order.
    marks: Arc<[(u32, Secret)]>,
    common: Arc<Common>,
}

/// What follows from the end of the chain.
struct Common {
    room_secret: DhSecret,
    room_public: DhPublic,
    admission: SigningKey,
    settings: Secret,
}

/// What is sealed in one step.
#[derive(Clone)]
pub struct StepSecrets {
    step: Step,
    psk: Secret,
    inner: Secret,
    signal: Secret,
}

impl EpochSecrets {
    /// Derives an epoch from its first key.
    ///
    /// # Errors
    /// [`KeyError::WeakPoint`]: impossible for a derived key, checked all the same.
    pub fn derive(room: RoomId, parents: &[EpochId], key: Secret) -> Result<Self, KeyError> {
        Self::derive_from(room, parents, Step::FIRST, key)
    }

    /// Derives an epoch from a key that is claimed to be the key of `id` at `step`.
    ///
    /// # Errors
    /// [`SealError::Unopenable`] when the id does not commit to this key at this step.
    pub fn derive_checked(
        room: RoomId,
        parents: &[EpochId],
        step: Step,
        key: Secret,
        id: EpochId,
    ) -> Result<Self, SealError> {
        let secrets = Self::derive_from(room, parents, step, key)?;
        if secrets.id == id { Ok(secrets) } else { Err(SealError::Unopenable) }
    }

    fn derive_from(room: RoomId, parents: &[EpochId], lowest: Step, key: Secret) -> Result<Self, KeyError> {
        let mut marks = Vec::with_capacity((Step::COMMON.number() / MARK_EVERY) as usize);
        let end = walk(&key, lowest, Step::COMMON, |step, key| {
            if step.is_multiple_of(MARK_EVERY) {
                marks.push((step, key.clone()));
            }
        });
        let bytes = end.expose();
        let room_secret = DhSecret::from_bytes(*Purpose::EpochRoomSecret.secret(bytes));
        let room_public = DhPublic::new(*room_secret.public().as_bytes())?;
        let common = Common {
            room_secret,
            room_public,
            admission: SigningKey::from_bytes(&Purpose::EpochAdmission.secret(bytes)),
            settings: Secret::from_bytes(*Purpose::EpochSettings.secret(bytes)),
        };
        let id = epoch_id(&end, room, parents);
        Ok(Self { id, room, parents: parents.to_vec(), lowest, key, marks: marks.into(), common: Arc::new(common) })
    }

    /// The epoch.
    #[must_use]
    pub const fn id(&self) -> EpochId {
        self.id
    }

    /// The room.
    #[must_use]
    pub const fn room(&self) -> RoomId {
        self.room
    }

    /// The epochs before this one.
    #[must_use]
    pub fn parents(&self) -> &[EpochId] {
        &self.parents
    }

    /// The lowest step that is known: what was sealed before it stays shut here.
    #[must_use]
    pub const fn lowest(&self) -> Step {
        self.lowest
    }

    /// The key of the lowest step that is known, to be kept sealed together with its number.
    #[must_use]
    pub const fn key(&self) -> &Secret {
        &self.key
    }

    /// The key of a step; none before the lowest that is known.
    #[must_use]
    pub fn key_at(&self, step: Step) -> Option<Secret> {
        if step < self.lowest {
            return None;
        }
        let before = self.marks.partition_point(|(mark, _)| *mark <= step.number());
        let nearest = before.checked_sub(1).and_then(|at| self.marks.get(at));
        let (from, key) = match nearest {
            Some((mark, key)) => (Step::new(*mark).ok()?, key),
            None => (self.lowest, &self.key),
        };
        Some(walk(key, from, step, |_, _| {}))
    }

    /// What is sealed in a step; none before the lowest that is known.
    #[must_use]
    pub fn at(&self, step: Step) -> Option<StepSecrets> {
        let key = self.key_at(step)?;
        let derive = |purpose: Purpose| Secret::from_bytes(*purpose.secret(key.expose()));
        Some(StepSecrets {
            step,
            psk: derive(Purpose::EpochPsk),
            inner: derive(Purpose::EpochInner),
            signal: derive(Purpose::EpochSignal),
        })
    }

    /// As [`EpochSecrets::at`], with the reason.
    pub(crate) fn open_step(&self, step: Step) -> Result<StepSecrets, SealError> {
        let before = SealError::StepBefore { step: step.number(), lowest: self.lowest.number() };
        self.at(step).ok_or(before)
    }

    /// The key that seals those of earlier epochs; only who may read all of this one has it.
    pub(super) fn previous_key(&self) -> Option<Secret> {
        let is_whole = self.lowest == Step::FIRST;
        is_whole.then(|| Secret::from_bytes(*Purpose::EpochPrevious.secret(self.key.expose())))
    }

    /// Whether these are the secrets of an epoch with these parents.
    pub(super) fn follows(&self, parents: &[EpochId]) -> bool {
        sorted(&self.parents) == sorted(parents)
    }

    /// Where the epoch's gossip goes.
    #[must_use]
    pub fn topic(&self) -> TopicId {
        topic_of(self.room, self.id)
    }

    pub(crate) fn room_public(&self) -> &DhPublic {
        &self.common.room_public
    }

    pub(crate) fn room_secret(&self) -> &DhSecret {
        &self.common.room_secret
    }

    pub(crate) fn settings_key(&self) -> &Secret {
        &self.common.settings
    }

    #[cfg(test)]
    pub(super) fn admission_seed(&self) -> [u8; 32] {
        self.common.admission.to_bytes()
    }

    /// The public half of the admission key, which everybody checks with that somebody had the key.
    #[must_use]
    pub fn admission_public(&self) -> [u8; 32] {
        self.common.admission.verifying_key().to_bytes()
    }

    /// Signs with the admission key: proof that somebody has the epoch's key.
    pub(crate) fn sign_admission(&self, message: &[u8]) -> Sig {
        keys::sign(&self.common.admission, Label::Admission, message)
    }
}

impl fmt::Debug for EpochSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EpochSecrets({} of {}, from step {})", self.id.short(), self.room.short(), self.lowest)
    }
}

impl StepSecrets {
    /// The step.
    #[must_use]
    pub const fn step(&self) -> Step {
        self.step
    }

    pub(crate) const fn psk(&self) -> &Secret {
        &self.psk
    }

    /// The key of what contents are put through before a session seals them.
    pub(crate) const fn inner_key(&self) -> &Secret {
        &self.inner
    }

    pub(crate) const fn signal_key(&self) -> &Secret {
        &self.signal
    }
}

impl fmt::Debug for StepSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StepSecrets({})", self.step)
    }
}

/// Goes along the chain from the key of one step to that of a later one; `visit` sees every step
/// after the first.
fn walk(key: &Secret, from: Step, to: Step, mut visit: impl FnMut(u32, &Secret)) -> Secret {
    let mut key = key.clone();
    // One hasher for all: setting up and wiping one costs more than a hash.
    let mut hasher = Purpose::EpochStep.hasher();
    for step in from.number()..to.number() {
        let mut hash = hasher.update(key.expose()).finalize();
        key = Secret::from_bytes(*hash.as_bytes());
        hash.zeroize();
        hasher.reset();
        visit(step + 1, &key);
    }
    hasher.zeroize();
    key
}

/// The id of an epoch: a hash of what the end of its chain commits to, room and sorted parents.
fn epoch_id(end: &Secret, room: RoomId, parents: &[EpochId]) -> EpochId {
    let parents = sorted(parents);
    let commitment = Purpose::EpochCommit.secret(end.expose());
    let mut hasher = Purpose::EpochId.hasher();
    hasher.update(commitment.as_ref()).update(room.as_bytes());
    hasher.update(&u32::try_from(parents.len()).unwrap_or(u32::MAX).to_le_bytes());
    parents.iter().for_each(|parent| {
        hasher.update(parent.as_bytes());
    });
    EpochId::from_bytes(*hasher.finalize().as_bytes())
}

fn sorted(parents: &[EpochId]) -> Vec<EpochId> {
    let mut sorted = parents.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    sorted
}
