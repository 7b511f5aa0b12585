//! What one writer can do to the rules of a room: neither slow them down nor keep codes from being ended.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use std::cell::Cell;

use proptest::prelude::*;

use super::{
    codes::{Codes, Revocation},
    spans::{By, Spans},
};
use crate::{
    ids::{DeviceId, EntryId, EpochId, Locator},
    invite::Invite,
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

fn device(number: u16) -> DeviceId {
    let mut id = [7; 32];
    id[..2].copy_from_slice(&number.to_be_bytes());
    DeviceId::from_bytes(id)
}

fn locator(number: u32) -> Locator {
    let mut id = [0; 16];
    id[..4].copy_from_slice(&number.to_be_bytes());
    Locator(id)
}

fn by(number: u16) -> Revocation {
    Revocation { by: device(number), epoch: epoch(1) }
}

fn made(codes: &mut Codes, number: u32, signer: u16) {
    codes.keep(&Invite::empty(locator(number), device(signer)), epoch(1), (1, u64::from(number), EntryId::default()));
}

fn revoked_by(codes: &Codes, number: u32) -> Vec<DeviceId> {
    codes.standing(locator(number)).unwrap().revocations.iter().map(|revocation| revocation.by).collect()
}

#[test]
fn a_flood_of_revocations_keeps_nobody_from_ending_a_code() {
    let mut codes = Codes::default();
    (1..=3).for_each(|number| made(&mut codes, number, 1));
    for number in 0..20_000 {
        codes.revoke(locator(1_000_000 + number), by(9), false);
    }
    for author in 100..400 {
        (1..=3).for_each(|number| codes.revoke(locator(number), by(author), false));
    }
    codes.revoke(locator(1), by(1), false);
    codes.revoke(locator(2), by(2), true);
    assert!(revoked_by(&codes, 1).contains(&device(1)), "who made it");
    assert!(revoked_by(&codes, 2).contains(&device(2)), "who may");
    assert!(!revoked_by(&codes, 3).contains(&device(1)) && revoked_by(&codes, 3).len() <= 64);
    // What comes later takes nobody's place who counts.
    (400..600).for_each(|author| codes.revoke(locator(1), by(author), false));
    assert!(revoked_by(&codes, 1).contains(&device(1)));
}

#[test]
fn a_revocation_that_comes_before_its_code_counts_also_after_a_flood() {
    let mut codes = Codes::default();
    codes.revoke(locator(5), by(1), false);
    for number in 0..10_000 {
        codes.revoke(locator(1_000_000 + number), by(9), false);
    }
    made(&mut codes, 5, 1);
    assert_eq!(revoked_by(&codes, 5), [device(1)]);
    // One of somebody who may, behind those of many who may not.
    (100..300).for_each(|author| codes.revoke(locator(6), by(author), false));
    codes.revoke(locator(6), by(2), true);
    made(&mut codes, 6, 1);
    assert!(revoked_by(&codes, 6).contains(&device(2)));
}

#[test]
fn who_revoked_in_vain_can_do_so_again_when_they_may() {
    let mut codes = Codes::default();
    made(&mut codes, 1, 1);
    for number in 1..40 {
        codes.revoke(locator(1), Revocation { by: device(2), epoch: epoch(number) }, false);
    }
    codes.revoke(locator(1), Revocation { by: device(2), epoch: epoch(50) }, true);
    let standing = codes.standing(locator(1)).unwrap();
    assert!(standing.revocations.contains(&Revocation { by: device(2), epoch: epoch(50) }));
    assert!(standing.revocations.len() <= 4);
}
