//! The only place that talks to snow: builders with our key types, randomness from the caller.
//!
//! Three one-way patterns of the Noise framework (revision 34, section 7.4) are in use: `Npsk0` for
//! messages, `K` for handing out epoch keys and `N` for wrapping them to a code; and `NNpsk0` for linking a device. snow accepts keys of any length and
//! panics on some, so only [`DhSecret`] and [`DhPublic`] pass through here.

use rand_chacha::ChaCha20Rng;
use rand_core::{CryptoRng, RngCore as _, SeedableRng as _};
use snow::{
    Builder, HandshakeState,
    params::{CipherChoice, DHChoice, HashChoice, NoiseParams},
    resolvers::{CryptoResolver, DefaultResolver},
    types::{Cipher, Dh, Hash, Random},
};
use std::sync::LazyLock;
use zeroize::Zeroizing;

use crate::{
    error::SealError,
    hedge,
    keys::{DhPublic, DhSecret, Secret},
};

/// The pattern of message sessions.
pub const MESSAGE_PATTERN: &str = "Noise_Npsk0_25519_ChaChaPoly_BLAKE2s";
/// The pattern of sealed epoch keys.
pub const EPOCH_KEY_PATTERN: &str = "Noise_K_25519_ChaChaPoly_BLAKE2s";
/// The pattern of keys that are wrapped to a code.
pub const WRAP_PATTERN: &str = "Noise_N_25519_ChaChaPoly_BLAKE2s";
/// The pattern of linking a device.
pub const LINK_PATTERN: &str = "Noise_NNpsk0_25519_ChaChaPoly_BLAKE2s";

static MESSAGE: LazyLock<Option<NoiseParams>> = LazyLock::new(|| MESSAGE_PATTERN.parse().ok());
static EPOCH_KEY: LazyLock<Option<NoiseParams>> = LazyLock::new(|| EPOCH_KEY_PATTERN.parse().ok());
static WRAP: LazyLock<Option<NoiseParams>> = LazyLock::new(|| WRAP_PATTERN.parse().ok());
static LINK: LazyLock<Option<NoiseParams>> = LazyLock::new(|| LINK_PATTERN.parse().ok());

#[cfg(not(target_arch = "wasm32"))]
const CIPHERS: snow::resolvers::RingResolver = snow::resolvers::RingResolver;
#[cfg(target_arch = "wasm32")]
const CIPHERS: DefaultResolver = DefaultResolver;

/// ring's cipher (nine times as fast as the portable one, which browsers get), the portable curve
/// and hash, and the caller's randomness.
struct Resolver {
    seed: Zeroizing<[u8; 32]>,
}

struct Seeded(ChaCha20Rng);

impl Random for Seeded {
    fn try_fill_bytes(&mut self, dest: &mut [u8]) -> Result<(), snow::Error> {
        self.0.fill_bytes(dest);
        Ok(())
    }
}

impl CryptoResolver for Resolver {
    fn resolve_rng(&self) -> Option<Box<dyn Random>> {
        Some(Box::new(Seeded(ChaCha20Rng::from_seed(*self.seed))))
    }

    fn resolve_dh(&self, choice: &DHChoice) -> Option<Box<dyn Dh>> {
        DefaultResolver.resolve_dh(choice)
    }

    fn resolve_hash(&self, choice: &HashChoice) -> Option<Box<dyn Hash>> {
        DefaultResolver.resolve_hash(choice)
    }

    fn resolve_cipher(&self, choice: &CipherChoice) -> Option<Box<dyn Cipher>> {
        CIPHERS.resolve_cipher(choice)
    }
}

fn builder<'a>(params: &LazyLock<Option<NoiseParams>>, seed: Zeroizing<[u8; 32]>) -> Result<Builder<'a>, SealError> {
    let params = params.as_ref().ok_or(SealError::Unopenable)?.clone();
    Ok(Builder::with_resolver(params, Box::new(Resolver { seed })))
}

/// Refuses a handshake whose ephemeral key is of small order: snow would go on with a shared
/// secret of zeros.
pub(crate) fn check_ephemeral(handshake: &[u8]) -> Result<(), SealError> {
    let too_short = SealError::TooShort { min: 32, got: handshake.len() };
    DhPublic::new(*handshake.first_chunk().ok_or(too_short)?)?;
    Ok(())
}

/// The writing side of a message session whose first content is `first`: the ephemeral key follows it.
pub(crate) fn message_initiator(
    rng: &mut dyn CryptoRng,
    prologue: &[u8],
    psk: &Secret,
    room: &DhPublic,
    first: &[u8],
) -> Result<HandshakeState, SealError> {
    builder(&MESSAGE, hedge::seed(rng, &[prologue, psk.expose(), first]))?
        .prologue(prologue)
        .and_then(|b| b.psk(0, psk.expose()))
        .and_then(|b| b.remote_public_key(room.as_bytes()))
        .and_then(Builder::build_initiator)
        .map_err(|_| SealError::Unopenable)
}

/// The reading side of a message session. Reading draws no randomness.
pub(crate) fn message_responder(
    prologue: &[u8],
    psk: &Secret,
    room_secret: &DhSecret,
) -> Result<HandshakeState, SealError> {
    builder(&MESSAGE, Zeroizing::new([0; 32]))?
        .prologue(prologue)
        .and_then(|b| b.psk(0, psk.expose()))
        .and_then(|b| b.local_private_key(room_secret.expose()))
        .and_then(Builder::build_responder)
        .map_err(|_| SealError::Unopenable)
}

/// The owner's side of a sealed epoch key.
pub(crate) fn epoch_key_initiator(
    rng: &mut dyn CryptoRng,
    prologue: &[u8],
    own: &DhSecret,
    recipient: &DhPublic,
) -> Result<HandshakeState, SealError> {
    builder(&EPOCH_KEY, hedge::seed(rng, &[prologue, own.expose(), recipient.as_bytes()]))?
        .prologue(prologue)
        .and_then(|b| b.local_private_key(own.expose()))
        .and_then(|b| b.remote_public_key(recipient.as_bytes()))
        .and_then(Builder::build_initiator)
        .map_err(|_| SealError::Unopenable)
}

/// The recipient's side of a sealed epoch key.
pub(crate) fn epoch_key_responder(
    prologue: &[u8],
    prekey: &DhSecret,
    owner: &DhPublic,
) -> Result<HandshakeState, SealError> {
    builder(&EPOCH_KEY, Zeroizing::new([0; 32]))?
        .prologue(prologue)
        .and_then(|b| b.local_private_key(prekey.expose()))
        .and_then(|b| b.remote_public_key(owner.as_bytes()))
        .and_then(Builder::build_responder)
        .map_err(|_| SealError::Unopenable)
}

/// The wrapping side of keys for a code, which will be `payload`: the ephemeral key follows it.
pub(crate) fn wrap_initiator(
    rng: &mut dyn CryptoRng,
    prologue: &[u8],
    lock: &DhPublic,
    payload: &[u8],
) -> Result<HandshakeState, SealError> {
    builder(&WRAP, hedge::seed(rng, &[prologue, lock.as_bytes(), payload]))?
        .prologue(prologue)
        .and_then(|b| b.remote_public_key(lock.as_bytes()))
        .and_then(Builder::build_initiator)
        .map_err(|_| SealError::Unopenable)
}

/// The side of who has the code.
pub(crate) fn wrap_responder(prologue: &[u8], lock: &DhSecret) -> Result<HandshakeState, SealError> {
    builder(&WRAP, Zeroizing::new([0; 32]))?
        .prologue(prologue)
        .and_then(|b| b.local_private_key(lock.expose()))
        .and_then(Builder::build_responder)
        .map_err(|_| SealError::Unopenable)
}

/// The new device's side of a link.
pub(crate) fn link_initiator(
    rng: &mut dyn CryptoRng,
    prologue: &[u8],
    psk: &Secret,
) -> Result<HandshakeState, SealError> {
    builder(&LINK, hedge::seed(rng, &[prologue, psk.expose()]))?
        .prologue(prologue)
        .and_then(|b| b.psk(0, psk.expose()))
        .and_then(Builder::build_initiator)
        .map_err(|_| SealError::Unopenable)
}

/// The old device's side of a link.
pub(crate) fn link_responder(
    rng: &mut dyn CryptoRng,
    prologue: &[u8],
    psk: &Secret,
) -> Result<HandshakeState, SealError> {
    builder(&LINK, hedge::seed(rng, &[prologue, psk.expose()]))?
        .prologue(prologue)
        .and_then(|b| b.psk(0, psk.expose()))
        .and_then(Builder::build_responder)
        .map_err(|_| SealError::Unopenable)
}

#[cfg(test)]
mod tests;
