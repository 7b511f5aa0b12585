//! Random numbers that do not hang on one source.
//!
//! What must never be guessed or come twice (keys, ephemeral keys, nonces, codes) is drawn from a
//! generator that mixes four things: what it drew before, fresh bytes of the system for every turn, a
//! secret of the device, and what the numbers are for. It fails only when all fail: a system whose
//! random numbers are bad at its start, a clone of a running machine, a store put back to an older
//! copy each leave one of them. The construction is that of RFC 8937 (a signature by the device's
//! long-term key, hashed, beside the generator's output), with BLAKE3 as extract and expand.

use rand_core::{CryptoRng, RngCore};
use std::fmt;
use zeroize::{Zeroize as _, Zeroizing};

use crate::{
    derive::{Label, Purpose},
    keys::{DeviceKey, Secret},
};

/// Bytes of a nonce of XChaCha20.
pub const NONCE_LEN: usize = 24;

/// A device's generator. Draws between two turns are one stream; a turn begins another.
pub struct HedgedRng {
    /// From a signature that only this device can make (RFC 8937, section 3).
    device: Secret,
    /// What the next turn goes on from. Nothing that was drawn leads back to it.
    chain: Secret,
    stream: blake3::OutputReader,
}

impl HedgedRng {
    /// The generator of a device that starts with 32 random bytes of the system.
    #[must_use]
    pub fn new(key: &DeviceKey, seed: &[u8; 32]) -> Self {
        let mut signed = key.sign(Label::Hedge, &[]).0;
        let device = Secret::from_bytes(*Purpose::HedgeDevice.secret(&signed));
        signed.zeroize();
        let (chain, stream) = turn(&device, &Secret::from_bytes([0; 32]), seed);
        Self { device, chain, stream }
    }

    /// Begins a turn with 32 fresh random bytes of the system.
    pub fn stir(&mut self, fresh: &[u8; 32]) {
        let (chain, stream) = turn(&self.device, &self.chain, fresh);
        self.chain = chain;
        self.stream.zeroize();
        self.stream = stream;
    }

    /// A secret for one use, bound to what it is for.
    pub fn secret_for(&mut self, what: &[&[u8]]) -> Secret {
        Secret::from_bytes(*seed(self, what))
    }
}

impl fmt::Debug for HedgedRng {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HedgedRng(..)")
    }
}

impl Drop for HedgedRng {
    fn drop(&mut self) {
        self.stream.zeroize();
    }
}

impl RngCore for HedgedRng {
    fn next_u32(&mut self) -> u32 {
        let mut bytes = [0; 4];
        self.fill_bytes(&mut bytes);
        u32::from_le_bytes(bytes)
    }

    fn next_u64(&mut self) -> u64 {
        let mut bytes = [0; 8];
        self.fill_bytes(&mut bytes);
        u64::from_le_bytes(bytes)
    }

    fn fill_bytes(&mut self, out: &mut [u8]) {
        self.stream.fill(out);
    }
}

impl CryptoRng for HedgedRng {}

/// What a turn goes on from, and what it draws.
fn turn(device: &Secret, chain: &Secret, fresh: &[u8; 32]) -> (Secret, blake3::OutputReader) {
    let mut hasher = Purpose::HedgeTurn.hasher();
    hasher.update(device.expose()).update(chain.expose()).update(fresh);
    let mut stream = hasher.finalize_xof();
    hasher.zeroize();
    let mut next = [0; 32];
    stream.fill(&mut next);
    let chain = Secret::from_bytes(next);
    next.zeroize();
    (chain, stream)
}

/// Random bytes for one use: what is drawn, hashed with what they are for. When the generator of the
/// caller repeats itself, two uses still differ. `what` may be secret; each part goes with its length.
pub(crate) fn seed(rng: &mut dyn CryptoRng, what: &[&[u8]]) -> Zeroizing<[u8; 32]> {
    let mut drawn = Zeroizing::new([0; 32]);
    rng.fill_bytes(drawn.as_mut());
    let mut hasher = Purpose::HedgeUse.hasher();
    hasher.update(drawn.as_ref());
    for part in what {
        hasher.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes()).update(part);
    }
    let mut hash = hasher.finalize();
    let seed = Zeroizing::new(*hash.as_bytes());
    hasher.zeroize();
    hash.zeroize();
    seed
}

/// A nonce for sealing `plain` under `key`, with `aad` beside it: none comes twice for two different
/// things, also when random numbers do.
pub(crate) fn nonce(rng: &mut dyn CryptoRng, key: &[u8; 32], aad: &[u8], plain: &[u8]) -> [u8; NONCE_LEN] {
    let seed = seed(rng, &[key, aad, plain]);
    let mut nonce = [0; NONCE_LEN];
    nonce.iter_mut().zip(seed.iter()).for_each(|(to, from)| *to = *from);
    nonce
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(byte: u8) -> DeviceKey {
        DeviceKey::from_seed(&Secret::from_bytes([byte; 32]))
    }

    /// Draws of a generator of a device, a start and a turn.
    fn drawn(device_byte: u8, start: u8, fresh: u8, what: &str) -> Secret {
        let mut rng = HedgedRng::new(&device(device_byte), &[start; 32]);
        rng.stir(&[fresh; 32]);
        rng.secret_for(&[what.as_bytes()])
    }

    #[test]
    fn each_of_the_four_sources_alone_makes_a_difference() {
        let one = drawn(1, 1, 1, "a key");
        assert_eq!(one, drawn(1, 1, 1, "a key"), "nothing else comes in");
        assert_ne!(one, drawn(2, 1, 1, "a key"), "the device");
        assert_ne!(one, drawn(1, 2, 1, "a key"), "what was drawn before");
        assert_ne!(one, drawn(1, 1, 2, "a key"), "the fresh bytes");
        assert_ne!(one, drawn(1, 1, 1, "another key"), "what it is for");
    }

    #[test]
    fn no_two_draws_are_alike_in_a_turn_or_across_turns_with_the_same_fresh_bytes() {
        let mut rng = HedgedRng::new(&device(1), &[0; 32]);
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..10 {
            rng.stir(&[0; 32]);
            for _ in 0..10 {
                assert!(seen.insert(*rng.secret_for(&[]).expose()));
            }
        }
    }

    #[test]
    fn where_parts_end_makes_a_difference() {
        let of = |what: &[&[u8]]| HedgedRng::new(&device(1), &[0; 32]).secret_for(what);
        assert_ne!(of(&[b"ab", b"c"]), of(&[b"a", b"bc"]));
        assert_ne!(of(&[b"ab"]), of(&[b"ab", b""]));
    }

    #[test]
    fn a_nonce_follows_what_is_sealed_also_when_the_generator_repeats() {
        let nonce = |key: u8, aad: &[u8], plain: &[u8]| {
            super::nonce(&mut HedgedRng::new(&device(1), &[0; 32]), &[key; 32], aad, plain)
        };
        let one = nonce(1, b"aad", b"plain");
        assert_eq!(one, nonce(1, b"aad", b"plain"));
        assert!(
            [nonce(2, b"aad", b"plain"), nonce(1, b"bad", b"plain"), nonce(1, b"aad", b"plane")]
                .iter()
                .all(|n| *n != one)
        );
    }
}
