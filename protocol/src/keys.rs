//! Signing keys, X25519 keys and the checks that outside keys must pass.
//!
//! Secrets are wiped when dropped and never shown by `Debug`. Public keys from outside are
//! refused when they are of small order: a Diffie-Hellman result or a signature under such a key
//! proves nothing (RFC 7748 section 6.1; Chalkias et al., "Taming the many EdDSAs", 2020).

use curve25519_dalek::montgomery::MontgomeryPoint;
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use rand_core::CryptoRng;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use std::fmt;
use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::{derive::Label, error::KeyError, ids::DeviceId};

/// 32 secret bytes: wiped when dropped, compared in constant time, never printed.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Secret([u8; 32]);

impl Secret {
    /// Fresh random bytes.
    pub fn random(rng: &mut dyn CryptoRng) -> Self {
        let mut bytes = [0; 32];
        rng.fill_bytes(&mut bytes);
        Self(bytes)
    }

    /// Wraps bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes. Do not copy them where they are not wiped.
    #[must_use]
    pub const fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        use subtle::ConstantTimeEq as _;
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(s)
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        <[u8; 32]>::deserialize(d).map(Self)
    }
}

/// An Ed25519 signature of 64 bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Sig(pub [u8; 64]);

impl fmt::Debug for Sig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sig({})", crate::ids::hex(self.0.get(..4).unwrap_or_default()))
    }
}

impl Serialize for Sig {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let (a, b) = self.0.split_at(32);
        (<[u8; 32]>::try_from(a).unwrap_or_default(), <[u8; 32]>::try_from(b).unwrap_or_default()).serialize(s)
    }
}

impl<'de> Deserialize<'de> for Sig {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let (a, b) = <([u8; 32], [u8; 32])>::deserialize(d)?;
        [a, b].concat().try_into().map(Self).map_err(|_| D::Error::custom("64 bytes"))
    }
}

/// A device's signing key. Its public half is the [`DeviceId`].
#[derive(Clone)]
pub struct DeviceKey(SigningKey);

impl DeviceKey {
    /// A fresh key.
    pub fn random(rng: &mut dyn CryptoRng) -> Self {
        Self::from_seed(&Secret::random(rng))
    }

    /// The key with this seed (RFC 8032 private key).
    #[must_use]
    pub fn from_seed(seed: &Secret) -> Self {
        Self(SigningKey::from_bytes(seed.expose()))
    }

    /// The seed, to be kept sealed and to be handed to the network.
    #[must_use]
    pub fn seed(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.0.to_bytes())
    }

    /// The public half.
    #[must_use]
    pub fn id(&self) -> DeviceId {
        DeviceId::from_bytes(self.0.verifying_key().to_bytes())
    }

    pub(crate) fn sign(&self, label: Label, message: &[u8]) -> Sig {
        sign(&self.0, label, message)
    }
}

/// Signs a message under its label.
pub(crate) fn sign(key: &SigningKey, label: Label, message: &[u8]) -> Sig {
    Sig(key.sign(&[label.bytes(), message].concat()).to_bytes())
}

impl fmt::Debug for DeviceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DeviceKey({})", self.id().short())
    }
}

/// A public key whose point was decompressed and checked once; for many signatures of one signer.
#[derive(Clone, Debug)]
pub struct Verifier(VerifyingKey);

impl Verifier {
    /// Decompresses and checks a public key.
    ///
    /// # Errors
    /// [`KeyError::WeakPoint`] when it is no point of the curve or one of small order.
    pub fn new(public: &[u8; 32]) -> Result<Self, KeyError> {
        let key = VerifyingKey::from_bytes(public).map_err(|_| KeyError::WeakPoint)?;
        if key.is_weak() { Err(KeyError::WeakPoint) } else { Ok(Self(key)) }
    }

    pub(crate) fn verify(&self, label: Label, message: &[u8], sig: &Sig) -> Result<(), KeyError> {
        self.0
            .verify_strict(&[label.bytes(), message].concat(), &Signature::from_bytes(&sig.0))
            .map_err(|_| KeyError::BadSignature)
    }
}

/// Checks one signature strictly (RFC 8032 with cofactorless equation and small-order refusal).
pub(crate) fn verify(public: &[u8; 32], label: Label, message: &[u8], sig: &Sig) -> Result<(), KeyError> {
    Verifier::new(public)?.verify(label, message, sig)
}

/// An X25519 secret of a device (its Noise static key or one of its prekeys).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DhSecret(Secret);

impl DhSecret {
    /// A fresh secret.
    pub fn random(rng: &mut dyn CryptoRng) -> Self {
        Self(Secret::random(rng))
    }

    pub(crate) const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Secret::from_bytes(bytes))
    }

    pub(crate) const fn expose(&self) -> &[u8; 32] {
        self.0.expose()
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> DhPublic {
        DhPublic(PublicKey::from(&StaticSecret::from(*self.0.expose())).to_bytes())
    }
}

/// An X25519 public key that is not of small order.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub struct DhPublic([u8; 32]);

impl DhPublic {
    /// Checks a key from outside.
    ///
    /// # Errors
    /// [`KeyError::WeakPoint`] for the points of small order, in every encoding of them.
    pub fn new(bytes: [u8; 32]) -> Result<Self, KeyError> {
        // The cofactors of the curve and its twist are 8 and 4, so exactly the points of small order
        // (in every encoding) give the zero result when they are doubled three times. That is all of
        // X25519's clamping that matters here, at a tenth of the price of a full multiplication.
        let times_eight = MontgomeryPoint(bytes).mul_bits_be([true, false, false, false].into_iter());
        if times_eight.0 == [0; 32] { Err(KeyError::WeakPoint) } else { Ok(Self(bytes)) }
    }

    /// The 32 bytes (RFC 7748 u-coordinate, little endian).
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for DhPublic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DhPublic({})", crate::ids::hex(self.0.get(..4).unwrap_or_default()))
    }
}

impl<'de> Deserialize<'de> for DhPublic {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Self::new(<[u8; 32]>::deserialize(d)?).map_err(D::Error::custom)
    }
}
