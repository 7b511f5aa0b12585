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

/// How much was known when something was found out. Another value means that it is found out anew.
pub(crate) type Known = (usize, u64, usize);

/// By what a log ends: each end is remembered by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum By {
    /// By what removals say alone.
    Removals,
    /// By what is kept and passed on.
    Kept,
    /// By what counts.
    Standing,
}

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
pub(crate) struct Spans {
    all: Vec<Span>,
    epochs: HashSet<EpochId>,
    judged: [Mutex<Judged>; 3],
}

impl Spans {
    /// Whether something was written in an epoch.
    pub(crate) fn has(&self, epoch: EpochId) -> bool {
        self.epochs.contains(&epoch)
    }

    /// Notes an entry; they come in their order.
    pub(crate) fn note(&mut self, start: Height, epoch: EpochId) {
        if self.all.last().is_none_or(|last| last.start.next < start.next) && self.epochs.insert(epoch) {
            self.all.push(Span { start, epoch });
        }
    }

    /// The epochs in which something was written before a place, in their order.
    pub(crate) fn until(&self, seq: u64) -> impl Iterator<Item = EpochId> + '_ {
        self.all.iter().take_while(move |span| span.start.next < seq).map(|span| span.epoch)
    }

    /// Where the log ends: at the first epoch that `is_cut` says its author was shut out of. What was found
    /// out before is found out again only when more is known, because one writer can have thousands of
    /// epochs, and this is asked for each entry.
    pub(crate) fn end(&self, by: By, known: Known, is_cut: impl Fn(EpochId) -> bool) -> Option<Height> {
        let [removals, kept, standing] = &self.judged;
        let judged = match by {
            By::Removals => removals,
            By::Kept => kept,
            By::Standing => standing,
        };
        let mut judged = judged.lock().unwrap_or_else(PoisonError::into_inner);
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
