//! Opening the secret of a profile with what there is, and making it.

use parlor_protocol::{
    guard::{Guard, GuardError, GuardId, Passphrase},
    keys::Secret,
};
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng as _};
use rand_core::{OsRng, TryRngCore as _};
use std::{io, path::Path, sync::Arc};

use super::{
    GUARD_FILE, LockKind, StoreError, SystemKeychain, file,
    keychain::{self, Keychain},
};

/// What there is to open a profile with.
#[derive(Clone, Debug, Default)]
pub struct Unlock {
    /// The keychain; none where it must not be used.
    pub keychain: Option<Arc<dyn Keychain>>,
    /// The passphrase. Where there is one, only it counts: whoever locked the profile wants to be
    /// asked, whatever the keychain knows.
    pub passphrase: Option<Passphrase>,
}

impl Unlock {
    /// With the keychain of this system.
    #[must_use]
    pub fn with_system() -> Self {
        Self { keychain: Some(Arc::new(SystemKeychain)), passphrase: None }
    }
}

/// How the profile in a folder is locked; none when it has no key yet.
///
/// # Errors
/// [`StoreError`] when the file cannot be read.
pub fn lock_kind(dir: &Path) -> Result<Option<LockKind>, StoreError> {
    Ok(file::read(dir)?.as_ref().map(LockKind::of))
}

/// Opens the secret of a profile, or makes it when the profile has no store yet.
pub(in crate::store) fn load_or_make(dir: &Path, has_store: bool, unlock: &Unlock) -> Result<Secret, StoreError> {
    match file::read(dir)? {
        Some(guard) => open(dir, &guard, unlock),
        None if has_store => Err(StoreError::KeyMissing { file: dir.join(GUARD_FILE) }),
        None => make(dir, unlock),
    }
}

/// Opens the secret. A profile that cannot be opened without asking says so.
pub(super) fn open(dir: &Path, guard: &Guard, unlock: &Unlock) -> Result<Secret, StoreError> {
    match (guard, &unlock.passphrase) {
        (Guard::Plain(secret), _) => Ok(secret.clone()),
        (Guard::Keychain(id), _) => from_keychain(dir, *id, unlock),
        (Guard::Passphrase(id, lock) | Guard::Both(id, lock), Some(passphrase)) => {
            lock.open(*id, passphrase).map_err(|error| match error {
                GuardError::Wrong => StoreError::PassphraseWrong,
                GuardError::NoMemory => StoreError::system(dir.join(GUARD_FILE), io::Error::other(error.to_string())),
            })
        }
        (Guard::Passphrase(..), None) => Err(StoreError::PassphraseNeeded),
        (Guard::Both(id, _), None) => from_keychain(dir, *id, unlock).map_err(|error| {
            tracing::debug!(%error, "the keychain did not open the profile");
            StoreError::PassphraseNeeded
        }),
    }
}

fn from_keychain(dir: &Path, id: GuardId, unlock: &Unlock) -> Result<Secret, StoreError> {
    let Some(keychain) = &unlock.keychain else {
        return Err(StoreError::KeychainSilent { reason: "it was not to be used".into() });
    };
    match keychain::read(keychain, id) {
        Ok(Some(secret)) => Ok(secret),
        Ok(None) => Err(StoreError::KeychainLacks { file: dir.join(GUARD_FILE) }),
        Err(reason) => Err(StoreError::KeychainSilent { reason }),
    }
}

/// A fresh secret, in the keychain where one answers. It is durable before anything is sealed
/// with it.
fn make(dir: &Path, unlock: &Unlock) -> Result<Secret, StoreError> {
    let mut rng = rng(dir)?;
    let secret = Secret::random(&mut rng);
    let kept = unlock.keychain.as_ref().map(|keychain| keychain::keep(keychain, GuardId::random(&mut rng), &secret));
    let guard = match kept {
        Some(Ok(id)) => Guard::Keychain(id),
        Some(Err(reason)) => {
            tracing::debug!(reason, "there is no keychain; the key goes into the profile's folder");
            Guard::Plain(secret.clone())
        }
        None => Guard::Plain(secret.clone()),
    };
    file::write(dir, &guard)?;
    Ok(secret)
}

/// A generator for secrets, seeded by the system.
pub(super) fn rng(dir: &Path) -> Result<ChaCha20Rng, StoreError> {
    let mut seed = zeroize::Zeroizing::new([0; 32]);
    OsRng
        .try_fill_bytes(seed.as_mut())
        .map_err(|error| StoreError::system(dir.join(GUARD_FILE), io::Error::other(error.to_string())))?;
    Ok(ChaCha20Rng::from_seed(*seed))
}
