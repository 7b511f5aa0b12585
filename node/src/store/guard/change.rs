//! Changing how a profile is locked, step by step: at every step the file and the keychain together
//! lead to the secret.

use parlor_protocol::{
    guard::{Guard, GuardId, Passphrase, PassphraseLock},
    keys::Secret,
};
use std::{io, path::Path};

use super::{
    LockChange, LockKind, StoreError, Unlock, file, keychain, lock_kind,
    open::{open, rng},
};

/// Changes how the profile in a folder is locked, and says how it is locked then. Who has the
/// profile open may go on using it. It takes a moment: passphrases are stretched.
///
/// # Errors
/// [`StoreError`]; then the profile opens as before, or, where it was killed or the keychain went
/// silent in the middle, with the old and the new way.
pub fn change_lock(dir: &Path, unlock: &Unlock, change: LockChange) -> Result<LockKind, StoreError> {
    let Some(guard) = file::read(dir)? else {
        return Err(StoreError::KeyMissing { file: dir.join(super::GUARD_FILE) });
    };
    match change {
        LockChange::SetPassphrase { current, new, at_start } => {
            let secret = open(dir, &guard, &known(&guard, unlock, current))?;
            let at_start = at_start.unwrap_or(!matches!(guard, Guard::Both(..)));
            set(dir, unlock, &guard, &secret, &new, at_start)?;
        }
        LockChange::RemovePassphrase { current } => {
            if guard.lock().is_none() {
                return Err(StoreError::NoPassphrase);
            }
            let secret = open(dir, &guard, &known(&guard, unlock, Some(current)))?;
            let guard = match kept(dir, unlock, &guard, &secret) {
                Ok(id) => Guard::Keychain(id),
                // The keychain has it: it must not come into the folder for a keychain that sleeps.
                Err(error) if matches!(guard, Guard::Both(..)) => return Err(error),
                Err(_) => Guard::Plain(secret),
            };
            file::write(dir, &guard)?;
        }
        LockChange::UseKeychain => match &guard {
            Guard::Plain(secret) => {
                let id = kept(dir, unlock, &guard, secret)?;
                file::write(dir, &Guard::Keychain(id))?;
            }
            Guard::Keychain(_) | Guard::Both(..) => {}
            Guard::Passphrase(..) => return Err(StoreError::PassphraseStands),
        },
    }
    Ok(lock_kind(dir)?.unwrap_or(LockKind::File))
}

/// What the profile is opened with for a change: where there is a passphrase, only by it.
fn known(guard: &Guard, unlock: &Unlock, current: Option<Passphrase>) -> Unlock {
    let keychain = if guard.lock().is_some() { None } else { unlock.keychain.clone() };
    Unlock { keychain, passphrase: current }
}

fn set(
    dir: &Path,
    unlock: &Unlock,
    guard: &Guard,
    secret: &Secret,
    new: &Passphrase,
    at_start: bool,
) -> Result<(), StoreError> {
    let id = match (at_start, guard.id()) {
        (true, Some(id)) => id,
        (true, None) => GuardId::random(&mut rng(dir)?),
        (false, _) => kept(dir, unlock, guard, secret)?,
    };
    let lock = PassphraseLock::seal(id, new, secret, &mut rng(dir)?)
        .map_err(|error| StoreError::system(dir.join(super::GUARD_FILE), io::Error::other(error.to_string())))?;
    if !at_start {
        return file::write(dir, &Guard::Both(id, lock));
    }
    if matches!(guard, Guard::Keychain(_) | Guard::Both(..)) {
        // The keychain must forget the secret before the file forgets the keychain, or it would
        // keep it for ever. Until then both ways are open.
        file::write(dir, &Guard::Both(id, lock.clone()))?;
        let silent = || StoreError::KeychainSilent { reason: "it was not to be used".into() };
        let keychain = unlock.keychain.as_ref().ok_or_else(silent)?;
        keychain::forget(keychain, id).map_err(|reason| StoreError::KeychainKeeps { reason })?;
    }
    file::write(dir, &Guard::Passphrase(id, lock))
}

/// Gives the secret to the keychain, where it is not there already.
fn kept(dir: &Path, unlock: &Unlock, guard: &Guard, secret: &Secret) -> Result<GuardId, StoreError> {
    let silent = |reason| StoreError::KeychainSilent { reason };
    let keychain = unlock.keychain.as_ref().ok_or_else(|| silent("it was not to be used".into()))?;
    let id = match guard.id() {
        Some(id) => id,
        None => GuardId::random(&mut rng(dir)?),
    };
    keychain::keep(keychain, id, secret).map_err(silent)
}
