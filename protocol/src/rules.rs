//! The rules of a room, from what everybody may see: who owns it, which epochs it has, who is
//! admitted, who was removed, which codes work.
//!
//! Members and archives apply the same rules to the same entries; members add what the epoch keys
//! open. Nothing here needs a key. What owners decided is in the [`EpochGraph`]; here are the entries
//! of everybody else, judged by it.

mod codes;
mod records;
mod spans;
#[cfg(test)]
mod tests;

use std::{
    cell::OnceCell,
    collections::{BTreeSet, HashMap},
};

use crate::{
    entry::{Entry, Kind, Verified},
    epoch::{AdmissionCert, EpochGraph, EpochRecord, Genesis},
    ids::{DeviceId, EntryId, EpochId, Locator, LogKey, RoomId, UserId},
    invite::{Invite, InviteBody},
    log::Height,
};

use codes::Codes;
pub use codes::{Revocation, Standing};
pub(crate) use records::{learn_record, read_record};
pub(crate) use spans::{By, Spans};

/// Why an entry is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// Its epoch or its author's admission is not known here yet: try again later.
    NotYet,
    /// Its author was removed, or shut out by a removal: its log ends before it.
    Cut,
    /// No honest device writes this.
    Never,
}

/// What an entry taught about the room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Learned {
    /// Nothing: a content, or the genesis.
    Nothing,
    /// A new epoch.
    Epoch(Box<EpochRecord>),
    /// A device was admitted.
    Admitted(DeviceId),
    /// A code was made.
    InviteMade(Box<Invite>),
    /// A code no longer works.
    InviteRevoked(Locator),
}

/// The rules of one room as far as they are known.
#[derive(Debug)]
pub struct RoomRules {
    room: RoomId,
    graph: EpochGraph,
    /// Public admission keys of epochs that are known by their key, not by their record.
    bare: HashMap<EpochId, [u8; 32]>,
    /// Epochs to which a certificate admits a device.
    certified: HashMap<DeviceId, BTreeSet<EpochId>>,
    spans: HashMap<LogKey, Spans>,
    codes: Codes,
}

impl RoomRules {
    /// The rules of a room of which only the genesis, and the device that wrote it, is known.
    #[must_use]
    pub fn new(room: RoomId, founder: DeviceId, genesis: Genesis) -> Self {
        Self {
            room,
            graph: EpochGraph::new(founder, genesis.owners),
            bare: HashMap::new(),
            certified: HashMap::new(),
            spans: HashMap::new(),
            codes: Codes::default(),
        }
    }

    /// The room.
    #[must_use]
    pub const fn room(&self) -> RoomId {
        self.room
    }

    /// The epochs, and what owners decided.
    #[must_use]
    pub const fn graph(&self) -> &EpochGraph {
        &self.graph
    }

    /// Adds an epoch that is known by its key.
    pub fn add_epoch(&mut self, epoch: EpochId, admission: [u8; 32]) {
        self.bare.entry(epoch).or_insert(admission);
    }

    /// Whether a user may change epochs.
    #[must_use]
    pub fn is_owner(&self, user: UserId) -> bool {
        self.graph.is_owner(user)
    }

    /// Whether a device may write in an epoch.
    #[must_use]
    pub fn is_admitted(&self, device: DeviceId, epoch: EpochId) -> bool {
        !self.graph.is_removed(device) && self.may_write(device, epoch, self.is_certified(device, epoch)).is_ok()
    }

    fn is_certified(&self, device: DeviceId, epoch: EpochId) -> bool {
        self.certified.get(&device).is_some_and(|epochs| epochs.contains(&epoch))
    }

    /// Whether a device is in the room: admitted, and neither removed nor shut out by a removal.
    #[must_use]
    pub fn is_member(&self, device: DeviceId) -> bool {
        let none = BTreeSet::new();
        let certified = self.certified.get(&device).unwrap_or(&none);
        let is_bare = |epoch: &EpochId| self.graph.facts(*epoch).is_none();
        self.graph.device(device).is_member(certified)
            || (!self.graph.is_removed(device) && certified.iter().any(is_bare))
    }

    /// Whether a record or a certificate ever let a device in.
    #[must_use]
    pub fn was_admitted(&self, device: DeviceId) -> bool {
        self.certified.contains_key(&device) || self.graph.is_named(device)
    }

    /// By a record or a certificate, and by nothing that does not stand.
    fn may_write(&self, device: DeviceId, epoch: EpochId, certified: bool) -> Result<(), Refused> {
        self.graph.device(device).may_write(epoch, certified)?;
        // What somebody did who was no owner any more lets nobody in.
        if self.graph.is_void(epoch) && !self.is_member(device) { Err(Refused::Cut) } else { Ok(()) }
    }

    /// Checks the certificate that a peer shows with a request: whether it is to be served.
    #[must_use]
    pub fn check_cert(&self, peer: DeviceId, cert: &AdmissionCert) -> bool {
        !self.graph.is_removed(peer) && self.is_genuine(peer, cert) && self.may_write(peer, cert.epoch, true).is_ok()
    }

    /// Whether a peer is or was let in, by anybody who held a key of the room: such a one may be told
    /// what became of its membership.
    #[must_use]
    pub fn is_genuine(&self, peer: DeviceId, cert: &AdmissionCert) -> bool {
        let admission = self.admission(cert.epoch).filter(|_| cert.device == peer);
        admission.is_some_and(|key| self.is_certified(peer, cert.epoch) || cert.check(self.room, &key).is_ok())
    }

    fn admission(&self, epoch: EpochId) -> Option<[u8; 32]> {
        let of_record = self.graph.facts(epoch).map(|facts| facts.admission);
        of_record.or_else(|| self.bare.get(&epoch).copied())
    }

    /// Records of epochs that a peer may be told of, who lacks what follows these.
    #[must_use]
    pub fn epochs_for(&self, peer: DeviceId, tips: &[EntryId]) -> Vec<EntryId> {
        let mut missing = self.graph.missing(tips);
        if self.graph.is_removed(peer) {
            // It learns who removed it, and nothing of what came after.
            let farewell = self.graph.farewell(peer);
            missing.retain(|entry| farewell.contains(entry));
        }
        missing
    }

    /// The record behind a code that still works.
    #[must_use]
    pub fn invite(&self, locator: Locator) -> Option<&Invite> {
        self.codes
            .standing(locator)
            .filter(|standing| standing.revocations.is_empty())
            .and_then(|standing| self.is_live(&standing).then_some(standing.invite))
    }

    /// Whether a code may still let somebody in, revocations aside: made by somebody who is in the
    /// room, in an epoch that nothing shut.
    #[must_use]
    pub fn is_live(&self, standing: &Standing<'_>) -> bool {
        self.graph.lets_in(standing.epoch) && self.is_member(standing.invite.signer)
    }

    /// All codes, whether they work or not.
    pub fn codes(&self) -> impl Iterator<Item = Standing<'_>> {
        self.codes.iter()
    }

    /// What is known of one code.
    #[must_use]
    pub fn code(&self, locator: Locator) -> Option<Standing<'_>> {
        self.codes.standing(locator)
    }

    /// Reads an epoch entry, whether or not its place in the log is known.
    ///
    /// # Errors
    /// [`Refused::Never`] when it is malformed.
    pub fn read_epoch(&self, entry: &Verified<Entry>) -> Result<EpochRecord, Refused> {
        read_record(self.room, entry)
    }

    /// Learns an epoch from its entry, wherever it came from: a log, a peer, a registration. Gives the
    /// record when it is new.
    ///
    /// # Errors
    /// [`Refused::NotYet`] while what it follows is not known, [`Refused::Never`] when its author may
    /// not have written it.
    pub fn learn_epoch(&mut self, entry: &Verified<Entry>) -> Result<Option<EpochRecord>, Refused> {
        let bare = &self.bare;
        let is_known = |record: &EpochRecord| bare.get(&record.id).is_none_or(|key| *key == record.admission);
        learn_record(&mut self.graph, self.room, entry, is_known)
    }

    /// Whether a device was removed.
    #[must_use]
    pub fn is_removed(&self, device: DeviceId) -> bool {
        self.graph.is_removed(device)
    }

    /// Where a log ends for everybody, because its device was removed or shut out; `None` when it
    /// goes on.
    #[must_use]
    pub fn cut(&self, log: LogKey) -> Option<Height> {
        if let Some(height) = self.graph.cut(log) {
            return Some(height);
        }
        let certified = self.certified.get(&log.author).map_or(0, BTreeSet::len);
        // Worked out for the author once, and only where something is new.
        let (author, member) = (OnceCell::new(), OnceCell::new());
        let known = (self.graph.len(), self.bare.len() as u64, certified);
        self.spans.get(&log)?.end(By::Standing, known, |epoch| {
            let author = author.get_or_init(|| self.graph.device(log.author));
            match author.may_write(epoch, self.is_certified(log.author, epoch)) {
                Ok(()) => self.graph.is_void(epoch) && !*member.get_or_init(|| self.is_member(log.author)),
                verdict => verdict == Err(Refused::Cut),
            }
        })
    }

    /// Whether an entry does not lie beyond the end of its log.
    #[must_use]
    pub fn stands(&self, entry: &Entry) -> bool {
        self.cut(entry.log_key()).is_none_or(|cut| entry.header().seq < cut.next)
    }

    /// Whether an entry might stand in its log, of which what comes before is not here yet. `certified`
    /// tells whether a genuine certificate for its epoch came along.
    #[must_use]
    pub fn may_stand(&self, entry: &Entry, certified: bool) -> bool {
        let (device, epoch) = (entry.header().author, entry.header().epoch);
        let verdict = self.may_write(device, epoch, certified || self.is_certified(device, epoch));
        // A removed device's logs are cut where the removal says.
        let is_before_cut = verdict == Err(Refused::Cut) && self.graph.is_removed(device);
        self.stands(entry) && (verdict.is_ok() || is_before_cut)
    }

    /// Whether an entry may stand in its log, and what it teaches. Chain and signature were
    /// checked before.
    ///
    /// # Errors
    /// [`Refused`]: for now, for as long as its author is removed, or for ever.
    pub fn admit(&mut self, entry: &Verified<Entry>) -> Result<Learned, Refused> {
        self.admit_of(entry, false)
    }

    /// The same, by who knows whether its author may end codes of others: that is in sealed settings.
    ///
    /// # Errors
    /// As [`admit`](Self::admit).
    pub fn admit_of(&mut self, entry: &Verified<Entry>, may_end_codes: bool) -> Result<Learned, Refused> {
        let header = *entry.header();
        // What owners decided counts also beyond the end of their log: whether it ends there follows
        // from all decisions together.
        let epoch = if header.kind == Kind::Epoch { self.learn_epoch(entry)? } else { None };
        if !self.stands(entry) {
            return Err(Refused::Cut);
        }
        let learned = match header.kind {
            Kind::Genesis if header.seq == 0 && entry.room() == self.room => return Ok(Learned::Nothing),
            Kind::Genesis => return Err(Refused::Never),
            Kind::Epoch => return Ok(epoch.map_or(Learned::Nothing, |record| Learned::Epoch(Box::new(record)))),
            Kind::Admission => self.learn_admission(entry)?,
            Kind::Invite => {
                self.require_admitted(entry.inner())?;
                self.learn_invite(entry, may_end_codes)?
            }
            Kind::Content => self.require_admitted(entry.inner()).map(|()| Learned::Nothing)?,
            // `access::Rules` knows these.
            Kind::Access | Kind::Door => return Err(Refused::Never),
        };
        self.note_span(entry);
        Ok(learned)
    }

    fn require_admitted(&self, entry: &Entry) -> Result<(), Refused> {
        let (device, epoch) = (entry.header().author, entry.header().epoch);
        // What let the first one of a log and an epoch in lets the others in, as long as it stands.
        if self.spans.get(&entry.log_key()).is_some_and(|spans| spans.has(epoch)) {
            return Ok(());
        }
        // What a removed device wrote before its cut stands, whoever else did not know it.
        match self.may_write(device, epoch, self.is_certified(device, epoch)) {
            Err(Refused::Cut) if self.graph.is_removed(device) => Ok(()),
            verdict => verdict,
        }
    }

    fn note_span(&mut self, entry: &Verified<Entry>) {
        let header = entry.header();
        let start = Height { next: header.seq, head: header.prev };
        self.spans.entry(entry.log_key()).or_default().note(start, header.epoch);
    }

    fn learn_admission(&mut self, entry: &Verified<Entry>) -> Result<Learned, Refused> {
        let header = entry.header();
        let cert = AdmissionCert::decode(entry.body()).map_err(|_| Refused::Never)?;
        if cert.device != header.author || cert.epoch != header.epoch {
            return Err(Refused::Never);
        }
        let admission = self.admission(cert.epoch).ok_or(Refused::NotYet)?;
        cert.check(self.room, &admission).map_err(|_| Refused::Never)?;
        let verdict = self.may_write(cert.device, cert.epoch, true);
        if verdict == Err(Refused::Cut) && !self.graph.is_removed(cert.device) {
            return Err(Refused::Cut);
        }
        self.certified.entry(cert.device).or_default().insert(cert.epoch);
        Ok(Learned::Admitted(cert.device))
    }

    fn learn_invite(&mut self, entry: &Verified<Entry>, may_end: bool) -> Result<Learned, Refused> {
        let header = entry.header();
        match InviteBody::decode(entry.body()).map_err(|_| Refused::Never)? {
            InviteBody::Made(invite) => {
                if invite.signer != header.author || invite.check().is_err() {
                    return Err(Refused::Never);
                }
                let age = self.graph.generation(header.epoch).unwrap_or_default();
                self.codes.keep(&invite, header.epoch, (age, header.seq, entry.id()));
                Ok(Learned::InviteMade(Box::new(invite)))
            }
            InviteBody::Revoked(locator) => {
                let is_owner = || self.graph.user_of(header.author).is_some_and(|user| self.graph.is_owner(user));
                let may = may_end || is_owner();
                self.codes.revoke(locator, Revocation { by: header.author, epoch: header.epoch }, may);
                Ok(Learned::InviteRevoked(locator))
            }
        }
    }
}
