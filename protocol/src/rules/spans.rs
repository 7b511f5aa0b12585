//! From which places on a log is written in which epochs, and where it ends because its author was shut
//! out of one of them.

use std::{
    collections::HashSet,
    sync::{Mutex, PoisonError},
};

use crate::{ids::EpochId, log::Height};

/// From which place on a log is written in an epoch, for the first time.
#[derive(Clone, Copy, Debug)]
struct Span {
    start: Height,
    epoch: EpochId,
}

/// How much was known when something was found out: records of epochs, epochs known by their key,
/// certificates of the author. All of them only become more.
pub(super) type Known = (usize, usize, usize);

/// How far a log was judged, and by what.
#[derive(Clone, Copy, Debug, Default)]
struct Judged {
    known: Known,
    /// So many spans from the beginning do not end it.
    spans: usize,
    end: Option<Height>,
}

/// The epochs of one log. An epoch that comes again ends the log nowhere before its first place.
#[derive(Debug, Default)]
pub(super) struct Spans {
    all: Vec<Span>,
    epochs: HashSet<EpochId>,
    judged: Mutex<Judged>,
}

impl Spans {
    /// Whether something was written in an epoch.
    pub(super) fn has(&self, epoch: EpochId) -> bool {
        self.epochs.contains(&epoch)
    }

    /// Notes an entry; they come in their order.
    pub(super) fn note(&mut self, start: Height, epoch: EpochId) {
        if self.all.last().is_none_or(|last| last.start.next < start.next) && self.epochs.insert(epoch) {
            self.all.push(Span { start, epoch });
        }
    }

    /// Where the log ends: at the first epoch that `is_cut` says its author was shut out of. What was found
    /// out before is found out again only when more is known, because one writer can have thousands of
    /// epochs, and this is asked for each entry.
    pub(super) fn end(&self, known: Known, is_cut: impl Fn(EpochId) -> bool) -> Option<Height> {
        let mut judged = self.judged.lock().unwrap_or_else(PoisonError::into_inner);
        if judged.known != known {
            *judged = Judged { known, ..Judged::default() };
        }
        if judged.end.is_none() {
            let mut new = self.all.iter().skip(judged.spans);
            judged.end = new.find(|span| is_cut(span.epoch)).map(|span| span.start);
            judged.spans = self.all.len();
        }
        judged.end
    }
}
