//! Sealing own entries: what a command says becomes the next entries of a room's own log.
//!
//! This sees one room, the device's key, the time and randomness, and nothing else. What follows from
//! an entry (showing, publishing, answering) cannot be reached from here, so sealing is never entered
//! again while it is under way. All pieces of a command are sealed, or none is.

use parlor_protocol::{
    DeviceId, EpochId,
    access::{AccessBody, Out, OwnKey},
    content::{Body, Content},
    entry::{Entry, Header, Kind, Verified},
    epoch::Step,
    keys::DeviceKey,
    log::Height,
    session::SealingSession,
};
use rand_core::CryptoRng;

use super::{
    io::Now,
    membership::Refused,
    room::{Effects, Room, Viewer},
    steps::is_for_everybody,
    vanishing::SESSION_MAX_MS,
};
use crate::error::CommandError;

/// One part of what a command writes.
#[derive(Debug)]
pub(super) enum Piece {
    /// One that was signed before there was a room to write it in: what founds it, or comes in.
    Signed(Verified<Entry>),
    /// An entry whose body is not sealed.
    Plain(Kind, Vec<u8>),
    /// Something that only members read.
    Content(Body),
    /// Devices of the person go out, with the ends that their logs have when this is sealed.
    Out { own: OwnKey, devices: Vec<DeviceId>, for_ever: bool },
}

/// An own entry that is sealed and signed, and not shown yet.
#[derive(Debug)]
pub(super) struct Sealed {
    pub(super) entry: Verified<Entry>,
    /// What stands in it, if it is a content.
    content: Option<Content>,
}

/// What sealing needs beside the room.
pub(super) struct Sealer<'a> {
    pub(super) key: &'a DeviceKey,
    pub(super) rng: &'a mut dyn CryptoRng,
    pub(super) now: Now,
    /// Whether the device is in, or comes in with these pieces.
    pub(super) is_in: bool,
    /// Where messages vanish: what opens a session, so that it may stay.
    pub(super) opener: Option<Body>,
}

impl Sealer<'_> {
    fn me(&self) -> DeviceId {
        self.key.id()
    }
}

impl Sealed {
    /// Whether it changes a message: that is seen when it is durable.
    pub(super) fn is_change(&self) -> bool {
        let body = self.content.as_ref().map(|content| &content.body);
        matches!(body, Some(Body::Edit { .. } | Body::Delete { .. } | Body::Reaction { .. }))
    }
}

impl Room {
    /// Seals the pieces of a command as the next own entries. When one of them cannot be sealed, the
    /// log stands where it stood.
    pub(super) fn seal(&mut self, sealer: &mut Sealer<'_>, pieces: Vec<Piece>) -> Result<Vec<Sealed>, CommandError> {
        let log = self.own_log(sealer.me());
        let before = self.logs.height(log);
        let mut sealed = Vec::with_capacity(pieces.len());
        for piece in pieces {
            if let Err(error) = self.seal_piece(sealer, piece, &mut sealed) {
                self.logs.entry(log).height = before;
                // Another session must seal these places: this one has used its nonces.
                self.sealing = None;
                return Err(error);
            }
        }
        Ok(sealed)
    }

    fn seal_piece(&mut self, sealer: &mut Sealer<'_>, piece: Piece, out: &mut Vec<Sealed>) -> Result<(), CommandError> {
        let (entry, content) = match piece {
            Piece::Signed(entry) => (entry, None),
            Piece::Plain(kind, body) => {
                let header = self.next_header(sealer, kind)?;
                (Entry::sign(sealer.key, header, &body).map_err(|error| cannot_be_sent(&error))?, None)
            }
            Piece::Out { own, devices, for_ever } => {
                let header = self.next_header(sealer, Kind::Access)?;
                let gone = devices.iter().map(|device| self.out_of(*device)).collect();
                let out = Out::sign(&own, header.room, header.author, for_ever, gone);
                let body = out.and_then(|out| AccessBody::Out(out).encode()).map_err(|error| cannot_be_sent(&error))?;
                (Entry::sign(sealer.key, header, &body).map_err(|error| cannot_be_sent(&error))?, None)
            }
            Piece::Content(body) => {
                if let Some(opener) = self.opener(sealer, &body) {
                    let (entry, content) = self.seal_content(sealer, opener, false)?;
                    self.logs.entry(entry.log_key()).height = Height::after(&entry);
                    out.push(Sealed { entry, content: Some(content) });
                }
                let is_common = is_for_everybody(&body);
                let (entry, content) = self.seal_content(sealer, body, is_common)?;
                (entry, Some(content))
            }
        };
        self.logs.entry(entry.log_key()).height = Height::after(&entry);
        out.push(Sealed { entry, content });
        Ok(())
    }

    /// Signs the record of a new epoch as the next own entry.
    pub(super) fn sign_epoch(
        &mut self,
        key: &DeviceKey,
        epoch: EpochId,
        body: &[u8],
    ) -> Result<Verified<Entry>, CommandError> {
        let header = self.header_in(key.id(), Kind::Epoch, epoch);
        let entry = Entry::sign(key, header, body).map_err(|error| cannot_be_sent(&error))?;
        self.logs.entry(entry.log_key()).height = Height::after(&entry);
        Ok(entry)
    }

    fn next_header(&self, sealer: &Sealer<'_>, kind: Kind) -> Result<Header, CommandError> {
        let current = self.membership.current().filter(|_| kind == Kind::Access || sealer.is_in);
        let epoch = current.ok_or(CommandError::RoomChanging)?.id();
        Ok(self.header_in(sealer.me(), kind, epoch))
    }

    fn header_in(&self, me: DeviceId, kind: Kind, epoch: EpochId) -> Header {
        let log = self.own_log(me);
        let Height { next: seq, head: prev } = self.logs.height(log);
        Header { kind, room: self.id(), author: log.author, log: log.log, seq, prev, epoch, session: seq }
    }

    /// Seals one content as the next own entry: in the step that everybody reads, in a session of its
    /// own, or in the one that is written in now.
    fn seal_content(
        &mut self,
        sealer: &mut Sealer<'_>,
        body: Body,
        is_common: bool,
    ) -> Result<(Verified<Entry>, Content), CommandError> {
        let mut header = self.next_header(sealer, Kind::Content)?;
        let step = if is_common { Step::COMMON } else { self.writing_step(sealer.now.wall) };
        let secrets = self.membership.current().ok_or(CommandError::RoomChanging)?;
        let covers = |session: &&SealingSession| session.step() == step && session.covers(header.epoch, header.seq);
        let content = Content { hlc: self.record.hlc.next(sealer.now.wall), at: sealer.now.wall, body };
        let own;
        let session = match self.sealing.as_ref().filter(|_| !is_common).filter(covers) {
            Some(session) => session,
            None => {
                let opened = SealingSession::open(secrets, step, &header, &content, sealer.rng);
                let opened = opened.map_err(|error| cannot_be_sent(&error))?;
                if is_common {
                    own = opened;
                    &own
                } else {
                    self.steps.note_written(header.epoch, step);
                    self.steps.note_begun(header.epoch, step, sealer.now.wall);
                    self.sealing_since = sealer.now.mono;
                    self.sealing.insert(opened)
                }
            }
        };
        header.session = session.start();
        let sealed = session.seal(&header, &content, sealer.rng).map_err(|error| cannot_be_sent(&error))?;
        let entry = Entry::sign(sealer.key, header, &sealed).map_err(|error| cannot_be_sent(&error))?;
        Ok((entry, content))
    }

    /// Where messages vanish: what has to open a session before this body is sealed, if anything.
    /// What opens one stays as long as the log, so it is nothing that people said.
    fn opener(&mut self, sealer: &Sealer<'_>, body: &Body) -> Option<Body> {
        let epoch = self.membership.current()?.id();
        self.membership.lifetime(epoch)?;
        if is_for_everybody(body) {
            return None;
        }
        if !super::vanishing::is_said(body) {
            self.sealing = None;
            return None;
        }
        let next = self.logs.height(self.own_log(sealer.me())).next;
        let step = self.writing_step(sealer.now.wall);
        let is_fresh = sealer.now.mono.saturating_sub(self.sealing_since) < SESSION_MAX_MS;
        let covers = |session: &SealingSession| session.step() == step && session.covers(epoch, next);
        let goes_on = is_fresh && self.sealing.as_ref().is_some_and(covers);
        if goes_on {
            return None;
        }
        self.sealing = None;
        sealer.opener.clone()
    }

    /// Takes in what was sealed here: own entries are always in order, so this only learns from them.
    pub(super) fn take_own(&mut self, sealed: Sealed, viewer: Viewer<'_>, effects: &mut Effects) {
        match (sealed.entry.header().kind, sealed.content) {
            (Kind::Genesis, _) => {}
            (_, Some(content)) => self.apply(&sealed.entry, content, viewer, effects),
            (_, None) => {
                if self.take_in(&sealed.entry, viewer, effects) == Err(Refused::NotYet) {
                    // What it hangs on comes from the others.
                    self.unadmitted.push(sealed.entry);
                }
            }
        }
    }
}

/// What a person reads when something cannot be made an entry.
fn cannot_be_sent(error: &dyn std::error::Error) -> CommandError {
    CommandError::Invalid { what: format!("this cannot be sent: {error}") }
}
