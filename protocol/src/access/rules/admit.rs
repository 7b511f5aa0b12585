//! Which entries are taken into the set, and what they teach.

use super::Rules;
use crate::{
    access::{
        AccessBody, DoorBody, How, In, InPlace, Out,
        facts::{At, DoorFact, InFact, OutFact, Way},
    },
    entry::{Entry, Header, Kind, Verified},
    epoch::EpochRecord,
    ids::{DeviceId, DoorId, EntryId},
    log::Height,
    rules::{Refused, learn_record},
};

/// Where a founder comes in: after the genesis and the first epoch.
const FOUNDER_SEQ: u64 = 2;

/// What an entry taught about the room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Learned {
    /// Nothing: a content, or the genesis.
    Nothing,
    /// A new epoch.
    Epoch(Box<EpochRecord>),
    /// A device came in.
    In(DeviceId),
    /// Devices of one person went out.
    Out(Vec<DeviceId>),
    /// A code was made.
    DoorMade(DoorId),
    /// A code was ended, by somebody who may or may not.
    DoorEnded(DoorId),
}

impl Rules {
    /// Learns an epoch from its entry, wherever it came from: a log, a peer, a registration. Gives the
    /// record when it is new.
    ///
    /// # Errors
    /// [`Refused::NotYet`] while what it follows is not known, [`Refused::Never`] when its author may
    /// not have written it.
    pub fn learn_epoch(&mut self, entry: &Verified<Entry>) -> Result<Option<EpochRecord>, Refused> {
        let learned = learn_record(&mut self.graph, self.room, entry)?;
        if learned.is_some() {
            self.forget_who();
        }
        Ok(learned)
    }

    /// Takes an entry that comes from one who is in, or from an archive that this device uses: whether it
    /// may stand in its log, and what it teaches. Chain and signature were checked before, and entries of
    /// one log come in their order. Others have come in by [`check_enter`](Self::check_enter) first.
    ///
    /// # Errors
    /// [`Refused`]: for now, for as long as a removal stands, or for ever.
    pub fn admit(&mut self, entry: &Verified<Entry>) -> Result<Learned, Refused> {
        let header = *entry.header();
        // What owners decided counts also beyond the end of their log: whether it ends there follows
        // from all decisions together.
        let epoch = if header.kind == Kind::Epoch { self.learn_epoch(entry)? } else { None };
        if !self.keeps(entry) {
            return Err(Refused::Cut);
        }
        let at = At::new(entry.id(), &header);
        let learned = match header.kind {
            Kind::Genesis if header.seq == 0 && entry.room() == self.room => return Ok(Learned::Nothing),
            Kind::Epoch => return Ok(epoch.map_or(Learned::Nothing, |record| Learned::Epoch(Box::new(record)))),
            Kind::Genesis => return Err(Refused::Never),
            Kind::Access => match AccessBody::decode(entry.body()).map_err(|_| Refused::Never)? {
                AccessBody::In(body) => return self.learn_in(&header, at, &body),
                AccessBody::Out(body) => {
                    self.require_kept(&header)?;
                    self.learn_out(&header, at, body)?
                }
            },
            Kind::Door => {
                self.require_kept(&header)?;
                self.learn_door(&header, at, entry.body())?
            }
            Kind::Content => self.require_kept(&header).map(|()| Learned::Nothing)?,
        };
        self.note_span(&header);
        Ok(learned)
    }

    fn require_kept(&self, header: &Header) -> Result<(), Refused> {
        // What let the first one of a log and an epoch in lets the others in, as long as it stands.
        if self.spans.get(&header.log_key()).is_some_and(|spans| spans.has(header.epoch)) {
            return Ok(());
        }
        self.who().kept.may_write(&self.world(), header.author, header.epoch)
    }

    fn note_span(&mut self, header: &Header) {
        let start = Height { next: header.seq, head: header.prev };
        self.spans.entry(header.log_key()).or_default().note(start, header.epoch);
    }

    fn learn_in(&mut self, header: &Header, at: At, body: &In) -> Result<Learned, Refused> {
        if self.facts.knows(at.entry) {
            return Ok(Learned::Nothing);
        }
        let fact = self.read_in(header, at, body)?;
        self.would_let_in(&fact, self.world().names(header.author))?;
        self.note_span(header);
        self.facts.add_in(fact);
        self.forget_who();
        Ok(Learned::In(header.author))
    }

    /// Whether an entry of coming in or going out, or of a door, is known here.
    #[must_use]
    pub fn knows(&self, entry: EntryId) -> bool {
        self.facts.knows(entry)
    }

    /// Checks what of an entry of coming in can be checked by itself.
    pub(super) fn read_in(&self, header: &Header, at: At, body: &In) -> Result<InFact, Refused> {
        let place = InPlace::from(header);
        let is_first = header.seq == 0 || (header.author == self.founder && header.seq == FOUNDER_SEQ);
        if !is_first || header.room != self.room || body.check_own(&place).is_err() {
            return Err(Refused::Never);
        }
        let record = self.graph.facts(header.epoch).ok_or(Refused::NotYet)?;
        // By whom records name a door that is not here, or is another one, is no matter.
        let is_of_door = match &body.how {
            How::Named => None,
            How::Linked(_) => {
                body.check_link(&place, &record.admission).map_err(|_| Refused::Never)?;
                None
            }
            How::ByCode(by) => self.facts.door(by.door).map(|fact| body.check_door(&place, &fact.door.door).is_ok()),
        };
        Ok(InFact { at, own: body.own, way: Way::of(body, place, is_of_door) })
    }

    /// Whether a device would be let in by an entry, goings out aside. `by_name`: whether that records name
    /// it is enough.
    pub(super) fn would_let_in(&self, fact: &InFact, by_name: bool) -> Result<(), Refused> {
        let (device, world, kept) = (fact.device(), self.world(), &self.who().kept);
        if self.graph.is_removed(device) {
            // Its logs stand as far as removals say, and this one does, or it would not have come so far.
            return Ok(());
        }
        self.graph.device(device).may_write(fact.at.epoch, true)?;
        if by_name {
            return Ok(());
        }
        match &fact.way {
            Way::Named => Err(Refused::NotYet),
            Way::Linked if kept.has_root(fact.own) => Ok(()),
            Way::Linked => Err(Refused::NotYet),
            Way::ByCode { door, is_checked, .. } => {
                let door = self.facts.door(*door).ok_or(Refused::NotYet)?;
                if !is_checked {
                    return Err(Refused::Never);
                }
                if self.graph.barrier_between(door.at.epoch, fact.at.epoch, None) {
                    return Err(Refused::Cut);
                }
                let stands = kept.stands(&world, world.cut(door.at.log), &door.at);
                if stands { Ok(()) } else { Err(Refused::NotYet) }
            }
        }
    }

    fn learn_out(&mut self, header: &Header, at: At, out: Out) -> Result<Learned, Refused> {
        if out.check_own(self.room, header.author).is_err() || !self.facts.may_have_out(at.log, at.entry) {
            return Err(Refused::Never);
        }
        let devices = out.devices.iter().map(|gone| gone.device).collect();
        self.facts.add_out(OutFact { at, out });
        self.forget_who();
        Ok(Learned::Out(devices))
    }

    fn learn_door(&mut self, header: &Header, at: At, body: &[u8]) -> Result<Learned, Refused> {
        let body = DoorBody::decode(body).map_err(|_| Refused::Never)?;
        if self.is_direct() || !self.facts.may_have_door(at.log, at.entry) {
            return Err(Refused::Never);
        }
        match body {
            DoorBody::Made(door) => {
                door.check(self.room, header.author).map_err(|_| Refused::Never)?;
                let somebody_came = self.facts.add_door(DoorFact { at, door });
                if somebody_came {
                    self.forget_who();
                }
                Ok(Learned::DoorMade(at.entry.into()))
            }
            DoorBody::Ended(door) => {
                self.facts.add_ending(door, at);
                Ok(Learned::DoorEnded(door))
            }
        }
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
}
