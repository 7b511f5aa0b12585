//! Accounts: signing in with a user name and a password, on any machine of the network.
//!
//! The archive never sees a password: both sides run OPAQUE (RFC 9807). What an account keeps is
//! sealed in a vault, under a key that only the password or the recovery key unwraps. Nothing here
//! gates or derives a room's keys. See `docs/CRYPT.md`, "Accounts".

mod bytes;
mod name;
mod opaque;
mod password;
mod recovery;
mod token;
mod vault;
mod wire;

pub use bytes::{
    LogInProof, LogInRequest, LogInResponse, RecoveryWrap, RegisterRequest, RegisterResponse, RegisterUpload,
    WrappedKey,
};
pub use name::UserName;
pub use opaque::{Answered, Binding, ExportKey, LoggingIn, Proven, Registered, Registering, Server};
pub use password::Password;
pub use recovery::{RecoveryKey, RecoveryLock};
pub use token::{AccessToken, TOKEN_MARK_LEN, TokenProof};
pub use vault::{OpenVault, SealedVault, VaultKey, VaultRecord};
pub use wire::{AccountAnswer, AccountRefusal, AccountRequest, AccountStatus, SeenDevice, SignedInDevice};
