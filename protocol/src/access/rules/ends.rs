//! Where logs end: for everybody by what is kept and passed on, and for screens by what counts.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use super::Rules;
use crate::{
    access::who::{Pass, is_before},
    entry::{Entry, Kind},
    ids::{DeviceId, EpochId, LogKey},
    log::Height,
    rules::{By, Refused},
};

impl Rules {
    /// Where a log ends for everybody: what lies beyond is neither kept nor passed on, because its device
    /// was removed, shut out, or was never let in. `None` when it goes on.
    #[must_use]
    pub fn end(&self, log: LogKey) -> Option<Height> {
        self.end_by(By::Kept, &self.who().kept, log)
    }

    /// Where a log stops to count: at its end, or where its device went out. What lies between is kept and
    /// passed on, and shown to nobody; only goings out count there.
    #[must_use]
    pub fn cut(&self, log: LogKey) -> Option<Height> {
        let who = self.who();
        let ends = [self.end_by(By::Standing, &who.now, log), who.outs.cut(log)];
        ends.into_iter().flatten().min_by_key(|end| (end.next, end.head))
    }

    fn end_by(&self, by: By, pass: &Pass, log: LogKey) -> Option<Height> {
        let world = self.world();
        if let Some(height) = self.graph.cut(log) {
            return Some(height);
        }
        let known = (self.graph.len(), stamp(pass.ins_of(log.author)), 0);
        let spans = self.spans.get(&log)?;
        spans.end(by, known, |epoch| pass.may_write(&world, log.author, epoch).is_err())
    }

    /// Whether an entry counts: it is shown, and what it says is heeded.
    #[must_use]
    pub fn stands(&self, entry: &Entry) -> bool {
        is_before(self.cut(entry.log_key()), entry.header().seq)
    }

    /// Whether an entry is kept and passed on.
    #[must_use]
    pub fn keeps(&self, entry: &Entry) -> bool {
        is_before(self.end(entry.log_key()), entry.header().seq)
    }

    /// Whether a device may write in an epoch.
    ///
    /// # Errors
    /// [`Refused::NotYet`] while nothing that is known lets it, [`Refused::Cut`] when it is removed, shut
    /// out, or went out.
    pub fn may_write(&self, device: DeviceId, epoch: EpochId) -> Result<(), Refused> {
        let who = self.who();
        if self.graph.is_removed(device) || (who.outs.of(device).is_some() && !self.is_in(device)) {
            return Err(Refused::Cut);
        }
        who.now.may_write(&self.world(), device, epoch)
    }

    /// Whether an entry might count in its log, of which what comes before is not here yet. Also one of
    /// coming in counts so far when nothing that is known closes its epoch.
    #[must_use]
    pub fn may_stand(&self, entry: &Entry) -> bool {
        let header = entry.header();
        let is_before_removal = self.graph.is_removed(header.author) && self.stands(entry);
        let may = match header.kind {
            Kind::Access => self.graph.device(header.author).may_write(header.epoch, true).is_ok(),
            _ => self.may_write(header.author, header.epoch).is_ok(),
        };
        is_before_removal || (may && self.stands(entry))
    }
}

/// Tells two lists of entries apart by which a device is let in.
fn stamp(ins: &[usize]) -> u64 {
    let mut sorted = ins.to_vec();
    sorted.sort_unstable();
    let mut hasher = DefaultHasher::new();
    sorted.hash(&mut hasher);
    hasher.finish()
}
