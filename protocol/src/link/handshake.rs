//! Handing everything over to a new device: one question, one answer.
//!
//! `Noise_NNpsk0`, the new device begins. The stretched code is the pre-shared key, and both device
//! keys are in the prologue, so a machine in the middle cannot pass messages on. The first message
//! proves the code before anything is given away, the second proves it to the new device; the
//! ephemeral keys of both make what was handed over unreadable for whoever learns the code later.

use rand_core::CryptoRng;
use serde::{Deserialize, Serialize};
use snow::HandshakeState;
use std::fmt;
use zeroize::Zeroizing;

use super::StretchedLink;
use crate::{
    error::{CodecError, SealError},
    ids::DeviceId,
    limits::{LINK_HANDSHAKE_MAX, LINK_MAX},
    noise,
};

const LABEL: &[u8] = b"parlor/v1 link\0";
const TAG_LEN: usize = 16;
/// Longest message of Noise, in bytes.
const PART_MAX: usize = 65_535;
const LEN_BYTES: usize = 4;

/// What the new device is given: the second message of the handshake, and the sealed contents.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkGift {
    message: Vec<u8>,
    sealed: Vec<u8>,
}

impl LinkGift {
    pub(crate) fn check(&self) -> Result<(), CodecError> {
        let fits = |max: usize, got: usize| if got > max { Err(CodecError::TooLong { max, got }) } else { Ok(()) };
        fits(LINK_HANDSHAKE_MAX, self.message.len())?;
        fits(sealed_len(LINK_MAX), self.sealed.len())
    }
}

impl fmt::Debug for LinkGift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LinkGift({} bytes)", self.sealed.len())
    }
}

/// The new device, waiting for an answer.
pub struct Linking(HandshakeState);

impl fmt::Debug for Linking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Linking(..)")
    }
}

impl Linking {
    /// Begins: gives the first message, for one old device.
    ///
    /// # Errors
    /// [`SealError`] when the handshake cannot be set up.
    pub fn start(
        code: &StretchedLink,
        new: DeviceId,
        old: DeviceId,
        rng: &mut dyn CryptoRng,
    ) -> Result<(Self, Vec<u8>), SealError> {
        let mut state = noise::link_initiator(rng, &prologue(code, new, old), &code.psk)?;
        let mut message = vec![0; LINK_HANDSHAKE_MAX];
        let len = state.write_message(&[], &mut message).map_err(|_| SealError::Unopenable)?;
        message.truncate(len);
        Ok((Self(state), message))
    }

    /// Opens what the old device hands over.
    ///
    /// # Errors
    /// [`SealError`] when it does not know the code, or something is missing or was altered.
    pub fn finish(mut self, gift: &LinkGift) -> Result<Zeroizing<Vec<u8>>, SealError> {
        gift.check()?;
        noise::check_ephemeral(&gift.message)?;
        let mut payload = Zeroizing::new([0; LINK_HANDSHAKE_MAX]);
        let read = self.0.read_message(&gift.message, payload.as_mut());
        let len = payload.first_chunk::<LEN_BYTES>().filter(|_| read == Ok(LEN_BYTES)).ok_or(SealError::Unopenable)?;
        let len = u32::from_le_bytes(*len) as usize;
        if len > LINK_MAX || gift.sealed.len() != sealed_len(len) {
            return Err(SealError::Unopenable);
        }
        let mut transport = self.0.into_transport_mode().map_err(|_| SealError::Unopenable)?;
        let mut contents = Zeroizing::new(Vec::with_capacity(len));
        for part in gift.sealed.chunks(PART_MAX) {
            let mut plain = Zeroizing::new(vec![0; part.len()]);
            let got = transport.read_message(part, &mut plain).map_err(|_| SealError::Unopenable)?;
            contents.extend_from_slice(plain.get(..got).unwrap_or_default());
        }
        if contents.len() == len { Ok(contents) } else { Err(SealError::Unopenable) }
    }
}

/// The old device, after a first message that knew the code.
pub struct LinkAnswering(HandshakeState);

impl fmt::Debug for LinkAnswering {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LinkAnswering(..)")
    }
}

impl LinkAnswering {
    /// Reads a first message.
    ///
    /// # Errors
    /// [`SealError`] when whoever wrote it does not know the code, or wrote it for another device.
    pub fn read(
        code: &StretchedLink,
        new: DeviceId,
        old: DeviceId,
        message: &[u8],
        rng: &mut dyn CryptoRng,
    ) -> Result<Self, SealError> {
        noise::check_ephemeral(message)?;
        let mut state = noise::link_responder(rng, &prologue(code, new, old), &code.psk)?;
        let mut payload = [0; LINK_HANDSHAKE_MAX];
        match state.read_message(message, &mut payload) {
            Ok(0) => Ok(Self(state)),
            _ => Err(SealError::Unopenable),
        }
    }

    /// Seals what is handed over.
    ///
    /// # Errors
    /// [`SealError`] when it is too long.
    pub fn give(mut self, contents: &[u8]) -> Result<LinkGift, SealError> {
        let too_long = CodecError::TooLong { max: LINK_MAX, got: contents.len() };
        let len = u32::try_from(contents.len()).ok().filter(|_| contents.len() <= LINK_MAX).ok_or(too_long)?;
        let mut message = vec![0; LINK_HANDSHAKE_MAX];
        let written = self.0.write_message(&len.to_le_bytes(), &mut message).map_err(|_| SealError::Unopenable)?;
        message.truncate(written);
        let mut transport = self.0.into_transport_mode().map_err(|_| SealError::Unopenable)?;
        let mut sealed = Vec::with_capacity(sealed_len(contents.len()));
        for part in contents.chunks(PART_MAX - TAG_LEN) {
            let mut out = vec![0; part.len() + TAG_LEN];
            let written = transport.write_message(part, &mut out).map_err(|_| SealError::Unopenable)?;
            sealed.extend_from_slice(out.get(..written).unwrap_or_default());
        }
        Ok(LinkGift { message, sealed })
    }
}

/// Length of contents once sealed.
const fn sealed_len(len: usize) -> usize {
    len + len.div_ceil(PART_MAX - TAG_LEN) * TAG_LEN
}

fn prologue(code: &StretchedLink, new: DeviceId, old: DeviceId) -> Vec<u8> {
    [LABEL, new.as_bytes(), old.as_bytes(), &code.locator().0].concat()
}
