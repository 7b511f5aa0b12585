//! What devices and an archive say to each other about accounts.
//!
//! There are no tickets to steal: the archive knows the asking device by the connection, and a login
//! ties that device to the account.

use serde::{Deserialize, Serialize};

use super::{
    LogInProof, LogInRequest, LogInResponse, RegisterRequest, RegisterResponse, RegisterUpload, SealedVault,
    TokenProof, UserName, VaultRecord, WrappedKey,
};
use crate::{
    codec,
    error::CodecError,
    ids::DeviceId,
    limits::{ACCOUNT_DEVICES_MAX, WIRE_MAX},
    text::Name,
};

/// Something about accounts. On the wire each is a kind of its own (`wire/account.rs`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccountRequest {
    /// Whether the asking device is signed in, and how things stand.
    Status,
    /// A new account, first step. Answered with [`AccountAnswer::Registering`].
    StartRegister {
        /// The name wanted.
        name: UserName,
        /// Shows that the device has a token, where registration needs one.
        token: Option<TokenProof>,
        /// The blinded password.
        message: RegisterRequest,
    },
    /// A new account, last step: made as a whole or not at all, with the asking device signed in.
    /// Sent again by the same device with the same record, it is answered as the first time.
    FinishRegister {
        /// The name wanted.
        name: UserName,
        /// Shows that the device has a token, where registration needs one.
        token: Option<TokenProof>,
        /// The password's record.
        record: RegisterUpload,
        /// The first vault, version 1.
        vault: VaultRecord,
        /// What the device is called.
        device: Name,
    },
    /// Signing in, first step. Answered with [`AccountAnswer::LoggingIn`], also for names that
    /// nobody has.
    StartLogIn {
        /// The name.
        name: UserName,
        /// The first message.
        message: LogInRequest,
    },
    /// Signing in, last step.
    FinishLogIn {
        /// Shows that the password was right.
        proof: LogInProof,
        /// What the device is called.
        device: Name,
    },
    /// Signs the asking device out.
    LogOut,
    /// A new password, first step. Only right after logging in.
    StartChange {
        /// The new password, blinded.
        message: RegisterRequest,
    },
    /// A new password, last step: record and wrapped key change together.
    FinishChange {
        /// The new password's record.
        record: RegisterUpload,
        /// The vault's key under the new password.
        by_password: WrappedKey,
    },
    /// A new password by a one-time token, first step.
    StartReset {
        /// The name.
        name: UserName,
        /// Shows that the device has the token.
        token: TokenProof,
        /// The new password, blinded.
        message: RegisterRequest,
    },
    /// A new password by a one-time token, last step. The vault stays as it is, and the key under
    /// the old password is dropped.
    FinishReset {
        /// The name.
        name: UserName,
        /// Shows that the device has the token.
        token: TokenProof,
        /// The new password's record.
        record: RegisterUpload,
    },
    /// The account's vault.
    Vault,
    /// Writes the vault when `expected` is the version that is there.
    PutVault {
        /// The version that this one replaces.
        expected: u64,
        /// The contents, sealed as the next version.
        sealed: SealedVault,
    },
    /// Writes vault and keys when `expected` is the version that is there: after a reset.
    PutVaultAndKeys {
        /// The version that this one replaces.
        expected: u64,
        /// The next version.
        vault: VaultRecord,
    },
    /// The devices that are signed in.
    Devices,
    /// Gives one of them another name.
    RenameDevice {
        /// Which.
        device: DeviceId,
        /// Its name.
        name: Name,
    },
    /// Signs one of them out.
    RevokeDevice {
        /// Which.
        device: DeviceId,
    },
    /// Deletes the account and its vault. Only right after logging in.
    Delete,
}

/// The answer to an [`AccountRequest`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccountAnswer {
    /// How things stand; none when the device is not signed in.
    Status(Option<AccountStatus>),
    /// To finish a registration, change or reset with.
    Registering(RegisterResponse),
    /// To finish a login with.
    LoggingIn(LogInResponse),
    /// Signed in; the vault.
    LoggedIn(VaultRecord),
    /// The vault.
    Vault(VaultRecord),
    /// Another write came first: this is the vault now.
    VaultChanged(VaultRecord),
    /// The devices that are signed in.
    Devices(Vec<SeenDevice>),
    /// Done, durably.
    Done,
    /// Not done.
    Refused(AccountRefusal),
}

/// How an account stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountStatus {
    /// Its name.
    pub name: UserName,
    /// The vault's version.
    pub version: u64,
}

/// A device that is signed in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedInDevice {
    /// The device.
    pub device: DeviceId,
    /// What it is called.
    pub name: Name,
    /// When it signed in, in milliseconds since 1970 by the archive's clock.
    pub since: u64,
}

/// A device that is signed in, and when it was last there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenDevice {
    /// The device.
    pub device: SignedInDevice,
    /// When it last asked something about the account, in milliseconds since 1970 by the archive's
    /// clock, to the hour; none when that is not known.
    pub last_seen: Option<u64>,
}

/// Why something about an account is not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountRefusal {
    /// Name or password is wrong. Which of them is not said.
    WrongLogIn,
    /// The device is not signed in.
    NotSignedIn,
    /// The login is too long ago, or never began.
    LogInAgain,
    /// Somebody has this name, or one that looks like it.
    NameTaken,
    /// The archive takes no new accounts.
    Closed,
    /// A token is needed, or this one is wrong, used up or past its time.
    Token,
    /// Too many tries: wait.
    Wait {
        /// How long, in milliseconds.
        ms: u64,
    },
    /// The archive's operator has closed this account.
    Disabled,
    /// The account has as many devices as it may have.
    TooManyDevices,
    /// The archive takes no more accounts.
    Full,
    /// The archive cannot write at the moment.
    Unavailable,
    /// This does not fit how things stand.
    Unfit,
    /// A reason that is not known here: a newer archive refuses.
    Other {
        /// Its number.
        reason: u16,
    },
}

impl AccountRequest {
    /// Checks what the types do not.
    ///
    /// # Errors
    /// [`CodecError`].
    pub(crate) fn check(&self) -> Result<(), CodecError> {
        match self {
            Self::FinishRegister { vault, .. } if vault.version != 1 || vault.by_password.is_none() => {
                Err(CodecError::Malformed("first vault"))
            }
            Self::PutVaultAndKeys { expected, vault }
                if Some(vault.version) != expected.checked_add(1) || vault.by_password.is_none() =>
            {
                Err(CodecError::Malformed("vault version"))
            }
            _ => Ok(()),
        }
    }
}

impl AccountAnswer {
    /// Checks what the types do not.
    ///
    /// # Errors
    /// [`CodecError`].
    pub(crate) fn check(&self) -> Result<(), CodecError> {
        match self {
            Self::Devices(devices) if devices.len() > ACCOUNT_DEVICES_MAX => {
                Err(CodecError::TooMany { what: "devices", max: ACCOUNT_DEVICES_MAX, got: devices.len() })
            }
            _ => Ok(()),
        }
    }
}

impl VaultRecord {
    /// Encodes it for a store.
    ///
    /// # Errors
    /// [`CodecError::TooLong`].
    pub fn encode(&self) -> Result<Vec<u8>, CodecError> {
        codec::encode(self, WIRE_MAX)
    }

    /// Decodes it from a store.
    ///
    /// # Errors
    /// [`CodecError`].
    pub fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        codec::decode(bytes, WIRE_MAX, "vault")
    }
}
