//! Message sessions: how contents are sealed and opened.
//!
//! A device opens a one-way Noise session (`Npsk0`) for each log, step of an epoch and start of the
//! program. The entry that opens it names the step and carries the handshake; every entry of it is sealed with snow's
//! stateless transport, the nonce being the distance from the opening entry. Any member can open
//! any entry in any order once it has the handshake. Authorship is not proven here but by the
//! entry's signature, which is why opening takes only verified entries.

use rand_core::CryptoRng;
use snow::StatelessTransportState;
use std::{
    fmt,
    sync::atomic::{AtomicU64, Ordering},
};

use crate::{
    EpochId,
    content::Content,
    entry::{Entry, Header, Kind, Verified},
    epoch::{EpochSecrets, STEP_LEN, Step},
    error::SealError,
    limits::{BODY_MAX, SESSION_ENTRIES_MAX},
    noise,
};

/// Bytes of the handshake: an ephemeral key and an authentication tag.
pub const HANDSHAKE_LEN: usize = 48;
/// What the body of an opening entry begins with: the step and the handshake.
pub const OPENER_LEN: usize = STEP_LEN + HANDSHAKE_LEN;
/// Bytes of an authentication tag.
pub const TAG_LEN: usize = 16;

/// What the handshake is bound to: the place of the opening entry, and the step. `prev` chains it to
/// everything before.
fn prologue(opener: &Header, step: Step) -> Vec<u8> {
    let mut out = b"parlor/v1 session\0".to_vec();
    out.extend_from_slice(opener.room.as_bytes());
    out.extend_from_slice(opener.epoch.as_bytes());
    out.extend_from_slice(opener.author.as_bytes());
    out.extend_from_slice(&opener.log.0.to_le_bytes());
    out.extend_from_slice(&opener.seq.to_le_bytes());
    out.extend_from_slice(opener.prev.as_bytes());
    out.extend_from_slice(&step.to_bytes());
    out
}

fn check_opener(secrets: &EpochSecrets, opener: &Header) -> Result<(), SealError> {
    let Header { kind, room, seq, epoch, session, .. } = *opener;
    let opens = kind == Kind::Content && session == seq && epoch == secrets.id() && room == secrets.room();
    if opens { Ok(()) } else { Err(SealError::OutOfSession { session, seq }) }
}

/// Whether the entry at `seq` can belong to the session that began at `start`.
const fn in_reach(start: u64, seq: u64) -> bool {
    seq >= start && seq - start < SESSION_ENTRIES_MAX
}

/// The writing side. One for each log and start of the program; never kept on disk, so that no
/// restored state can seal twice under one nonce.
pub struct SealingSession {
    state: StatelessTransportState,
    epoch: EpochId,
    start: u64,
    step: Step,
    handshake: [u8; HANDSHAKE_LEN],
    /// The first place that was not sealed yet: no nonce is used twice.
    unused: AtomicU64,
}

impl SealingSession {
    /// Opens a session in a step, whose first entry will have this header (its `session` is its `seq`).
    ///
    /// # Errors
    /// [`SealError::OutOfSession`] when the header is not one that opens a session of this epoch,
    /// [`SealError::StepBefore`] when the key of the step is not known.
    pub fn open(
        secrets: &EpochSecrets,
        step: Step,
        opener: &Header,
        rng: &mut dyn CryptoRng,
    ) -> Result<Self, SealError> {
        check_opener(secrets, opener)?;
        let psk = secrets.open_step(step)?;
        let prologue = prologue(opener, step);
        let mut state = noise::message_initiator(rng, &prologue, psk.psk(), secrets.room_public())?;
        let mut handshake = [0; HANDSHAKE_LEN];
        state.write_message(&[], &mut handshake).map_err(|_| SealError::Unopenable)?;
        let state = state.into_stateless_transport_mode().map_err(|_| SealError::Unopenable)?;
        let (epoch, start) = (opener.epoch, opener.seq);
        Ok(Self { state, epoch, start, step, handshake, unused: AtomicU64::new(start) })
    }

    /// Place of the opening entry: the `session` field of every header sealed with it.
    #[must_use]
    pub const fn start(&self) -> u64 {
        self.start
    }

    /// The step in which it seals.
    #[must_use]
    pub const fn step(&self) -> Step {
        self.step
    }

    /// Whether the session may still seal the entry at this place of an epoch: it seals in the epoch in
    /// which it was opened.
    #[must_use]
    pub fn covers(&self, epoch: EpochId, seq: u64) -> bool {
        epoch == self.epoch && seq >= self.unused.load(Ordering::Relaxed) && in_reach(self.start, seq)
    }

    /// Seals a content as the body of the entry at `seq`. No place is sealed twice, not even when
    /// the first body was thrown away: for that a new session is opened at the place.
    ///
    /// # Errors
    /// [`SealError`] when the content is too long or the place is outside the session or used.
    pub fn seal(&self, seq: u64, content: &Content) -> Result<Vec<u8>, SealError> {
        let plain = content.encode(BODY_MAX - OPENER_LEN - TAG_LEN)?;
        let fits = in_reach(self.start, seq) && self.unused.fetch_max(seq.saturating_add(1), Ordering::Relaxed) <= seq;
        if !fits {
            return Err(SealError::OutOfSession { session: self.start, seq });
        }
        let mut body = match seq == self.start {
            true => [self.step.to_bytes().as_slice(), &self.handshake].concat(),
            false => Vec::new(),
        };
        let offset = body.len();
        body.resize(offset + plain.len() + TAG_LEN, 0);
        let out = body.get_mut(offset..).unwrap_or_default();
        self.state.write_message(seq - self.start, &plain, out).map_err(|_| SealError::Unopenable)?;
        Ok(body)
    }
}

impl fmt::Debug for SealingSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealingSession(from {}, step {})", self.start, self.step)
    }
}

/// The reading side.
pub struct OpeningSession {
    state: StatelessTransportState,
    step: Step,
    opener: Header,
}

impl OpeningSession {
    /// Reads step and handshake in a session's opening entry.
    ///
    /// # Errors
    /// [`SealError::StepBefore`] when it was opened in a step before those that are known here, and
    /// other [`SealError`]s when the entry opens no session or the epoch's key does not fit.
    pub fn accept(secrets: &EpochSecrets, opener: &Verified<Entry>) -> Result<Self, SealError> {
        let header = opener.header();
        check_opener(secrets, header)?;
        let too_short = SealError::TooShort { min: OPENER_LEN, got: opener.body().len() };
        let (step, rest) = Step::split_from(opener.body()).map_err(|_| too_short)?;
        let handshake = rest.first_chunk::<HANDSHAKE_LEN>().ok_or(too_short)?;
        let psk = secrets.open_step(step)?;
        noise::check_ephemeral(handshake)?;
        let mut state = noise::message_responder(&prologue(header, step), psk.psk(), secrets.room_secret())?;
        state.read_message(handshake, &mut []).map_err(|_| SealError::Unopenable)?;
        let state = state.into_stateless_transport_mode().map_err(|_| SealError::Unopenable)?;
        Ok(Self { state, step, opener: *header })
    }

    /// The step in which it was opened.
    #[must_use]
    pub const fn step(&self) -> Step {
        self.step
    }

    /// Opens an entry of this session.
    ///
    /// # Errors
    /// [`SealError`] when it is of another session, altered, or holds no content this version knows.
    pub fn open(&self, entry: &Verified<Entry>) -> Result<Content, SealError> {
        let Header { kind, room, author, log, seq, epoch, session, .. } = *entry.header();
        let same_log = (room, author, log) == (self.opener.room, self.opener.author, self.opener.log);
        let same_session = (epoch, session) == (self.opener.epoch, self.opener.seq) && in_reach(session, seq);
        if kind != Kind::Content || !same_log || !same_session {
            return Err(SealError::OutOfSession { session: self.opener.seq, seq });
        }
        let skip = if seq == session { OPENER_LEN } else { 0 };
        let too_short = SealError::TooShort { min: skip + TAG_LEN, got: entry.body().len() };
        let sealed = entry.body().get(skip..).filter(|sealed| sealed.len() >= TAG_LEN).ok_or(too_short)?;
        let mut plain = zeroize::Zeroizing::new(vec![0; sealed.len()]);
        let len = self.state.read_message(seq - session, sealed, &mut plain).map_err(|_| SealError::Unopenable)?;
        Ok(Content::decode(plain.get(..len).unwrap_or_default())?)
    }
}

impl fmt::Debug for OpeningSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OpeningSession(from {}, step {})", self.opener.seq, self.step)
    }
}
