//! Settings of a room: roles, what newcomers may do and read, how often people may write.
//!
//! Every epoch record brings a full snapshot, sealed under the epoch's key, so that who has the key
//! has the settings and archives learn nothing of them. Each item carries a stamp, so that snapshots
//! of epochs that were begun at the same time are united item by item: the latest stamp wins.
//! Owners are no settings: archives must know them, so they stand in the record itself.

use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305, XNonce, aead::Aead as _, aead::Payload};
use rand_core::CryptoRng;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use super::{EpochSecrets, Genesis, count};
use crate::{
    codec,
    error::{CodecError, SealError},
    ids::{EpochId, UserId},
    limits::{DEVICES_MAX, SETTINGS_MAX, SPAN_MAX_MS},
    policy::{HistoryPolicy, Role},
};

const NONCE_LEN: usize = 24;

/// When something was set: in which generation of epochs, and in which of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct Stamp {
    /// How many epochs lay before.
    pub generation: u64,
    /// Tells concurrent ones apart. The epoch before the one that brought it.
    pub epoch: EpochId,
}

/// A value and when it was set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Stamped<T> {
    /// The value.
    pub value: T,
    /// When it was set.
    pub stamp: Stamp,
}

impl<T> Stamped<T> {
    fn unite(&mut self, other: Self) {
        if other.stamp > self.stamp {
            *self = other;
        }
    }
}

/// The settings of a room in one epoch.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RoomSettings {
    /// Roles that were given; whoever is not named has that of newcomers.
    roles: BTreeMap<UserId, Stamped<Role>>,
    /// What newcomers may do: an ordinary member's, or a reader's.
    pub newcomers: Stamped<Role>,
    /// What newcomers may read.
    pub history: Stamped<HistoryPolicy>,
    /// How long a person waits between two messages, in milliseconds; 0 when not at all.
    pub slow_ms: Stamped<u64>,
}

impl RoomSettings {
    /// The settings that a room begins with.
    #[must_use]
    pub fn founding(genesis: &Genesis) -> Self {
        let history = Stamped { value: genesis.history, stamp: Stamp::default() };
        Self { history, ..Self::default() }
    }

    /// The role of somebody who does not own the room.
    #[must_use]
    pub fn role(&self, user: UserId) -> Role {
        self.roles.get(&user).map_or(self.newcomers.value, |role| role.value)
    }

    /// Whether somebody was given a role.
    #[must_use]
    pub fn names(&self, user: UserId) -> bool {
        self.roles.contains_key(&user)
    }

    /// When somebody was given a role; the beginning for whoever was not.
    #[must_use]
    pub fn role_stamp(&self, user: UserId) -> Stamp {
        self.roles.get(&user).map(|role| role.stamp).unwrap_or_default()
    }

    /// Gives a role.
    pub fn set_role(&mut self, user: UserId, role: Role, stamp: Stamp) {
        self.roles.insert(user, Stamped { value: role, stamp });
    }

    /// Takes the later value of every item.
    pub fn unite(&mut self, other: Self) {
        for (user, role) in other.roles {
            self.roles.entry(user).or_insert(role).unite(role);
        }
        self.newcomers.unite(other.newcomers);
        self.history.unite(other.history);
        self.slow_ms.unite(other.slow_ms);
    }

    fn check(&self) -> Result<(), CodecError> {
        count("roles", self.roles.len(), DEVICES_MAX)?;
        let newcomers_fit = matches!(self.newcomers.value, Role::Reader | Role::Member);
        if newcomers_fit && self.slow_ms.value <= SPAN_MAX_MS { Ok(()) } else { Err(CodecError::Malformed("settings")) }
    }

    /// Encodes the settings, before sealing.
    ///
    /// # Errors
    /// [`CodecError`] when there are too many roles.
    pub fn encode(&self) -> Result<Vec<u8>, CodecError> {
        self.check()?;
        codec::encode(self, SETTINGS_MAX - NONCE_LEN - 16)
    }

    /// Seals the settings under an epoch's key.
    ///
    /// # Errors
    /// [`SealError::Codec`] when there are too many roles.
    pub fn seal(&self, secrets: &EpochSecrets, rng: &mut dyn CryptoRng) -> Result<Vec<u8>, SealError> {
        let plain = zeroize::Zeroizing::new(self.encode()?);
        let mut sealed = vec![0; NONCE_LEN];
        rng.fill_bytes(&mut sealed);
        let body = XChaCha20Poly1305::new(secrets.settings_key().expose().into())
            .encrypt(XNonce::from_slice(&sealed), Payload { msg: &plain, aad: secrets.id().as_bytes() })
            .map_err(|_| SealError::Unopenable)?;
        sealed.extend_from_slice(&body);
        Ok(sealed)
    }

    /// Opens the settings of an epoch.
    ///
    /// # Errors
    /// [`SealError`] when they are not sealed under this epoch's key, or are malformed.
    pub fn open(sealed: &[u8], secrets: &EpochSecrets) -> Result<Self, SealError> {
        let too_short = SealError::TooShort { min: NONCE_LEN, got: sealed.len() };
        let (nonce, body) = sealed.split_at_checked(NONCE_LEN).ok_or(too_short)?;
        let plain = XChaCha20Poly1305::new(secrets.settings_key().expose().into())
            .decrypt(XNonce::from_slice(nonce), Payload { msg: body, aad: secrets.id().as_bytes() })
            .map(zeroize::Zeroizing::new)
            .map_err(|_| SealError::Unopenable)?;
        Ok(Self::decode(&plain)?)
    }

    /// Decodes opened settings.
    ///
    /// # Errors
    /// [`CodecError`] when they are malformed or over a limit.
    pub fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        let settings: Self = codec::decode(bytes, SETTINGS_MAX, "settings")?;
        settings.check().map(|()| settings)
    }
}
