//! Device cards and prekeys: which keys belong to whom.
//!
//! A card ties a device to its user's account key and to its Noise static key; both sign it, so
//! that neither can be claimed by somebody else. It has no name in it, because cards of owners
//! are seen by archives; names travel sealed, in [`crate::content::Body::Profile`].

use ed25519_dalek::{Signer as _, SigningKey};
use rand_core::CryptoRng;
use serde::{Deserialize, Serialize};
use std::fmt;

use crate::{
    derive::Label,
    error::KeyError,
    ids::{DeviceId, UserId},
    keys::{self, DeviceKey, DhPublic, Secret, Sig},
};

/// A person's account key. It signs device cards and nothing else.
#[derive(Clone)]
pub struct UserKey(SigningKey);

impl UserKey {
    /// A fresh key.
    pub fn random(rng: &mut dyn CryptoRng) -> Self {
        Self::from_seed(&Secret::random(rng))
    }

    /// The key with this seed.
    #[must_use]
    pub fn from_seed(seed: &Secret) -> Self {
        Self(SigningKey::from_bytes(seed.expose()))
    }

    pub(crate) fn seed(&self) -> zeroize::Zeroizing<[u8; 32]> {
        zeroize::Zeroizing::new(self.0.to_bytes())
    }

    /// The public half.
    #[must_use]
    pub fn id(&self) -> UserId {
        UserId::from_bytes(self.0.verifying_key().to_bytes())
    }
}

impl fmt::Debug for UserKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UserKey({})", self.id().short())
    }
}

/// One device of a user, signed by both.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceCard {
    /// The user.
    pub user: UserId,
    /// The device.
    pub device: DeviceId,
    /// The device's Noise static key.
    pub noise: DhPublic,
    /// When it was made, in milliseconds since 1970, by the device's own clock.
    pub created: u64,
    user_sig: Sig,
    device_sig: Sig,
}

impl DeviceCard {
    /// Makes and signs a card.
    #[must_use]
    pub fn sign(user: &UserKey, device: &DeviceKey, noise: DhPublic, created: u64) -> Self {
        let message = Self::message(user.id(), device.id(), noise, created);
        Self {
            user: user.id(),
            device: device.id(),
            noise,
            created,
            user_sig: Sig(user.0.sign(&[Label::Card.bytes(), &message].concat()).to_bytes()),
            device_sig: device.sign(Label::Card, &message),
        }
    }

    /// Checks both signatures.
    ///
    /// # Errors
    /// [`KeyError`] when a key is weak or a signature does not fit.
    pub fn check(&self) -> Result<(), KeyError> {
        let message = Self::message(self.user, self.device, self.noise, self.created);
        keys::verify(self.user.as_bytes(), Label::Card, &message, &self.user_sig)?;
        keys::verify(self.device.as_bytes(), Label::Card, &message, &self.device_sig)
    }

    fn message(user: UserId, device: DeviceId, noise: DhPublic, created: u64) -> Vec<u8> {
        [user.as_bytes().as_slice(), device.as_bytes(), noise.as_bytes(), &created.to_le_bytes()].concat()
    }
}

/// A short-lived X25519 key of a device, to which owners seal new epoch keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prekey {
    /// The device.
    pub device: DeviceId,
    /// The key.
    pub public: DhPublic,
    /// When it was made, in milliseconds since 1970, by the device's own clock.
    pub created: u64,
    sig: Sig,
}

impl Prekey {
    /// Makes and signs a prekey.
    #[must_use]
    pub fn sign(device: &DeviceKey, public: DhPublic, created: u64) -> Self {
        let sig = device.sign(Label::Prekey, &Self::message(device.id(), public, created));
        Self { device: device.id(), public, created, sig }
    }

    /// Checks the signature.
    ///
    /// # Errors
    /// [`KeyError`] when the device's key is weak or the signature does not fit.
    pub fn check(&self) -> Result<(), KeyError> {
        let message = Self::message(self.device, self.public, self.created);
        keys::verify(self.device.as_bytes(), Label::Prekey, &message, &self.sig)
    }

    fn message(device: DeviceId, public: DhPublic, created: u64) -> Vec<u8> {
        [device.as_bytes().as_slice(), public.as_bytes(), &created.to_le_bytes()].concat()
    }
}
