//! Accounts at the archive: who may sign in, and their sealed vaults.
//!
//! Nothing here opens a vault or sees a password. See `docs/CRYPT.md`, "Accounts", and
//! `docs/archive.md` for whoever runs an archive.

mod backoff;
mod control;
mod desk;
mod users;

pub(crate) use control::{Control, ask as ask_control};
pub use desk::SignUp;
pub(crate) use desk::{ACCOUNTS_MAX, Desk};
pub use users::UsersAction;
pub(crate) use users::carry_out;

use parlor_protocol::keys::Secret;
use rand_chacha::ChaCha20Rng;
use rand_core::{OsRng, SeedableRng as _, TryRngCore as _};

/// A generator seeded by the system.
///
/// # Errors
/// The system's reason; without randomness nothing may go on.
pub(crate) fn system_rng() -> Result<ChaCha20Rng, String> {
    let mut seed = [0; 32];
    OsRng.try_fill_bytes(&mut seed).map_err(|error| error.to_string())?;
    Ok(ChaCha20Rng::from_seed(*Secret::from_bytes(seed).expose()))
}
