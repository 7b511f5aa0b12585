//! Where a log ends is found out once, whoever writes it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use std::cell::Cell;

use proptest::prelude::*;

use super::spans::{By, Spans};
use crate::{
    ids::{EntryId, EpochId},
    log::Height,
};

fn epoch(number: u16) -> EpochId {
    let mut id = [0; 32];
    id[..2].copy_from_slice(&number.to_be_bytes());
    EpochId::from_bytes(id)
}

fn place(seq: u64) -> Height {
    Height { next: seq, head: EntryId::default() }
}

#[test]
fn an_end_that_is_asked_for_again_and_again_is_found_out_once() {
    let mut spans = Spans::default();
    let asked = Cell::new(0);
    let stands = |_| {
        asked.set(asked.get() + 1);
        false
    };
    for seq in 1..=4_000_u64 {
        // Back and forth between two thousand epochs.
        spans.note(place(seq), epoch(u16::try_from(seq % 2_000).unwrap()));
        assert_eq!(spans.end(By::Standing, (1, 0, 0), stands), None);
    }
    assert_eq!(asked.get(), 2_000, "each epoch once");
    assert_eq!(spans.end(By::Standing, (2, 0, 0), stands), None);
    assert_eq!(asked.get(), 4_000, "all of them anew once more is known");
}

proptest! {
    #[test]
    fn an_end_is_where_it_would_be_without_a_memory(
        written in prop::collection::vec(0_u16..6, 1..60),
        shut in prop::collection::vec(prop::option::of(0_u16..6), 60),
    ) {
        let (mut spans, mut all) = (Spans::default(), Vec::new());
        let (mut known, mut cut) = (0, Vec::new());
        for (seq, number) in (1_u64..).zip(written) {
            spans.note(place(seq), epoch(number));
            all.push((seq, epoch(number)));
            if let Some(number) = shut[usize::try_from(seq).unwrap() - 1] {
                cut.push(epoch(number));
                known += 1;
            }
            let end = all.iter().find(|(_, epoch)| cut.contains(epoch)).map(|(seq, _)| *seq);
            prop_assert_eq!(spans.end(By::Standing, (known, 0, 0), |epoch| cut.contains(&epoch)).map(|end| end.next), end);
        }
    }
}
