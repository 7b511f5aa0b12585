//! Coming in at a keeper: everything that is checked before it is taken, in order.

use super::{Living, Rules};
use crate::{
    access::{
        AccessBody,
        facts::{At, InFact, Way},
        wire::{NotEntered, Offer},
    },
    entry::{Entry, Kind, Verified},
    ids::{DeviceId, EpochId},
    limits::{DEVICES_MAX, OWN_DEVICES_MAX},
    rules::Refused,
};

/// What a keeper knows besides the rules when somebody comes in. How often anybody may is the caller's to
/// count.
#[derive(Clone, Copy, Debug)]
pub struct Entering<'a> {
    /// The time, and which codes were ended.
    pub living: Living<'a>,
    /// What is on offer for the code that it comes by.
    pub offers: &'a [Offer],
    /// Whether it asks for keys, which it gets only at a step that is on offer. Who shows again that it
    /// came in asks for none.
    pub for_keys: bool,
}

/// Why somebody does not come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// For this reason.
    Refused(NotEntered),
    /// The step is not on offer: it tries again with one that is.
    Again,
}

impl From<NotEntered> for Stop {
    fn from(why: NotEntered) -> Self {
        Self::Refused(why)
    }
}

impl Rules {
    /// Checks an entry of coming in, whose signature was checked, as a peer shows it. When it passes, it is
    /// admitted, made durable, and only then answered and passed on.
    ///
    /// # Errors
    /// [`Stop`].
    pub fn check_enter(&self, entry: &Verified<Entry>, peer: DeviceId, entering: &Entering<'_>) -> Result<(), Stop> {
        if entry.header().author != peer {
            return Err(NotEntered::Wrong.into());
        }
        self.check_gossiped(entry, entering)
    }

    /// Checks an entry of coming in that came by gossip, or from a peer that is not in.
    ///
    /// # Errors
    /// [`Stop`].
    pub fn check_gossiped(&self, entry: &Verified<Entry>, entering: &Entering<'_>) -> Result<(), Stop> {
        let header = entry.header();
        let body = match AccessBody::decode(entry.body()) {
            Ok(AccessBody::In(body)) if header.kind == Kind::Access => body,
            _ => return Err(NotEntered::Wrong.into()),
        };
        let device = header.author;
        let fact = self.read_in(header, At::new(entry.id(), header), &body).map_err(|refused| match refused {
            Refused::NotYet => NotEntered::Lacking,
            Refused::Cut | Refused::Never => NotEntered::Wrong,
        })?;
        self.check_out(&fact)?;
        self.would_let_in(&fact, self.comes_by_name(device)).map_err(|refused| self.why(&fact, refused))?;
        if !self.graph.leads_on(fact.at.epoch, Some(device)) {
            return Err(NotEntered::ShutOut.into());
        }
        self.check_places(&fact, &entering.living)?;
        self.check_step(&fact, entering)
    }

    /// Not removed, and not out: who left comes back in a log of its own, by more than a name.
    fn check_out(&self, fact: &InFact) -> Result<(), NotEntered> {
        if self.graph.is_removed(fact.device()) {
            return Err(NotEntered::Removed);
        }
        let Some(out) = self.who().outs.of(fact.device()) else { return Ok(()) };
        let by_name = matches!(fact.way, Way::Named) && !self.is_direct();
        let is_over = out.for_ever || by_name || out.logs.contains(&fact.at.log.log);
        if is_over { Err(NotEntered::Out) } else { Ok(()) }
    }

    /// Whom records name comes by its name, whatever became of a code; who left does so only in a room of
    /// two.
    fn comes_by_name(&self, device: DeviceId) -> bool {
        self.world().names(device) && (self.is_direct() || self.who().outs.of(device).is_none())
    }

    fn why(&self, fact: &InFact, refused: Refused) -> NotEntered {
        let maker = match &fact.way {
            Way::ByCode { door, .. } => self.facts.door(*door).map(|door| door.at.log.author),
            Way::Named | Way::Linked => None,
        };
        match refused {
            Refused::Cut => NotEntered::ShutOut,
            Refused::Never => NotEntered::Wrong,
            Refused::NotYet if maker.is_some_and(|maker| self.graph.is_removed(maker)) => NotEntered::MakerGone,
            Refused::NotYet => NotEntered::Lacking,
        }
    }

    /// Whether the code lets one more device in, and whether there is a place.
    fn check_places(&self, fact: &InFact, living: &Living<'_>) -> Result<(), NotEntered> {
        let device = fact.device();
        if let Way::ByCode { door, .. } = &fact.way {
            if fact.until().is_past(living.now_ms, 0) {
                return Err(NotEntered::Expired);
            }
            // Nobody makes a visit longer by a code that has ended.
            if self.is_in_by(device, *door, fact.until()) {
                return Ok(());
            }
            if !self.comes_by_name(device) {
                self.check_door(*door, living)?;
            }
        }
        if self.is_in_at(device, living.now_ms) {
            return Ok(());
        }
        let others = || self.devices_in(living.now_ms).filter(|other| *other != device);
        if others().filter(|other| self.own_of(*other) == Some(fact.own)).count() >= OWN_DEVICES_MAX {
            return Err(NotEntered::TooManyOwn);
        }
        if others().count() >= DEVICES_MAX { Err(NotEntered::Full) } else { Ok(()) }
    }

    fn check_step(&self, fact: &InFact, entering: &Entering<'_>) -> Result<(), Stop> {
        let Way::ByCode { step, .. } = fact.way else { return Ok(()) };
        let offer = Offer { epoch: fact.at.epoch, step };
        let fits = if entering.for_keys {
            entering.offers.contains(&offer)
        } else {
            self.world().names(fact.device()) || step <= self.highest_open(offer.epoch, entering.offers)
        };
        if fits { Ok(()) } else { Err(Stop::Again) }
    }

    /// The highest step of an epoch that somebody may have come in at, as far as is known here: nobody uses
    /// up steps by showing one that was never reached.
    fn highest_open(&self, epoch: EpochId, offers: &[Offer]) -> u32 {
        let offered = offers.iter().filter(|offer| offer.epoch == epoch).map(|offer| offer.step).max();
        let next = self.highest_named(epoch).map_or(0, |named| named.saturating_add(1));
        offered.unwrap_or_default().max(next)
    }
}
