//! What one person's devices tell each other, sealed under a key that follows from the account key:
//! only who has that one can ask or answer, whatever a device says of itself.

use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305, XNonce, aead::Aead as _, aead::Payload};
use rand_core::CryptoRng;
use std::fmt;
use zeroize::Zeroizing;

use crate::{derive::Purpose, error::SealError, hedge, ids::DeviceId, keys::Secret};

const LABEL: &[u8] = b"parlor/v1 own devices\0";
const NONCE_LEN: usize = 24;
const TAG_LEN: usize = 16;

/// What a sealed message is, so that one is never taken for the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OwnMessage {
    /// A digest: is anything different with you?
    Ask = 1,
    /// Everything that the asked device knows.
    Tell = 2,
}

/// The key of one person's devices.
pub struct OwnKey(Zeroizing<[u8; 32]>);

impl fmt::Debug for OwnKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OwnKey(..)")
    }
}

impl OwnKey {
    /// The key of the person with this account key.
    #[must_use]
    pub fn of(user_seed: &Secret) -> Self {
        Self(Purpose::OwnDevices.secret(user_seed.expose()))
    }

    /// A digest of what a device knows: equal for equal contents, of no use without the key.
    #[must_use]
    pub fn digest(&self, contents: &[u8]) -> [u8; 32] {
        *blake3::keyed_hash(&self.0, contents).as_bytes()
    }

    /// Seals a message of one device to another.
    ///
    /// # Errors
    /// [`SealError::Unopenable`] when the cipher refuses, which it does for nothing that fits memory.
    pub fn seal(
        &self,
        kind: OwnMessage,
        from: DeviceId,
        to: DeviceId,
        plain: &[u8],
        rng: &mut dyn CryptoRng,
    ) -> Result<Vec<u8>, SealError> {
        let aad = bound(kind, from, to);
        let mut sealed = hedge::nonce(rng, &self.0, &aad, plain).to_vec();
        let payload = Payload { msg: plain, aad: &aad };
        let body = XChaCha20Poly1305::new(self.0.as_ref().into())
            .encrypt(XNonce::from_slice(&sealed), payload)
            .map_err(|_| SealError::Unopenable)?;
        sealed.extend_from_slice(&body);
        Ok(sealed)
    }

    /// Opens a message of one device to another.
    ///
    /// # Errors
    /// [`SealError`] when it is not of this person, or not of this device for that one.
    pub fn open(
        &self,
        kind: OwnMessage,
        from: DeviceId,
        to: DeviceId,
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let too_short = SealError::TooShort { min: NONCE_LEN + TAG_LEN, got: sealed.len() };
        let (nonce, body) = sealed.split_at_checked(NONCE_LEN).ok_or(too_short)?;
        let payload = Payload { msg: body, aad: &bound(kind, from, to) };
        XChaCha20Poly1305::new(self.0.as_ref().into())
            .decrypt(XNonce::from_slice(nonce), payload)
            .map(Zeroizing::new)
            .map_err(|_| SealError::Unopenable)
    }
}

fn bound(kind: OwnMessage, from: DeviceId, to: DeviceId) -> Vec<u8> {
    [LABEL, &[kind as u8], from.as_bytes(), to.as_bytes()].concat()
}
