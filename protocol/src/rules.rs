//! What all rules about entries have in common: why one is refused, how records of epochs are learnt, and
//! where logs end. The rules of a room are in [`access`](crate::access).

mod records;
mod spans;
#[cfg(test)]
mod tests;

pub(crate) use records::learn_record;
pub(crate) use spans::{By, Spans};

/// Why an entry is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// Its epoch, or what lets its author in, is not known here yet: try again later.
    NotYet,
    /// Its author was removed, or shut out by a removal: its log ends before it.
    Cut,
    /// No honest device writes this.
    Never,
}
