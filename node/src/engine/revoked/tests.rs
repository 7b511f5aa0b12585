//! False revocations push out nobody's true ones, and there is never more than a room's record holds.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use super::*;
use parlor_protocol::{EntryId, LogId, limits::LOGS_OF_DEVICE_MAX};

fn device(n: u16) -> DeviceId {
    let mut bytes = [0; 32];
    bytes[..2].copy_from_slice(&n.to_be_bytes());
    DeviceId::from_bytes(bytes)
}

/// The `seq`th word of `author`, against a device that it made up, with so many heads.
fn record(author: u16, seq: u64, heads: usize) -> RevokedRecord {
    let gone = device(60_000);
    let head = |log: usize| {
        (LogKey { author: gone, log: LogId(log as u64) }, Height { next: u64::MAX, head: EntryId::default() })
    };
    RevokedRecord {
        device: gone,
        user: UserId::from_bytes([1; 32]),
        log: LogKey { author: device(author), log: LogId(u64::MAX) },
        seq,
        heads: (0..heads).map(head).collect(),
    }
}

fn has(known: &[RevokedRecord], author: u16) -> bool {
    known.iter().any(|record| record.log.author == device(author))
}

#[test]
fn what_does_not_stand_is_not_kept_and_takes_no_place_from_what_does() {
    let mut revoked = Revocations::default();
    revoked.note(record(1, 0, 2), false);
    for seq in 0..5_000 {
        revoked.note(record(2, seq, LOGS_OF_DEVICE_MAX), false);
    }
    assert!(revoked.noted().is_empty());
    assert_eq!(revoked.waiting.len(), 1 + WAITING_BY_MAX);
    assert!(has(revoked.waiting.make_contiguous(), 1), "it still waits");
    revoked.note(record(3, 0, 2), true);
    assert!(has(revoked.noted(), 3));
    for author in 4..1_000 {
        revoked.note(record(author, 0, 0), false);
    }
    assert_eq!(revoked.waiting.len(), WAITING_MAX);
}

#[test]
fn whoever_revokes_most_loses_first_and_a_record_always_fits() {
    let mut revoked = Revocations::default();
    revoked.note(record(1, 0, 3), true);
    for author in 2..20 {
        for seq in 0..70 {
            revoked.note(record(author, seq, LOGS_OF_DEVICE_MAX), true);
        }
    }
    revoked.note(record(20, 0, 3), true);
    assert!(has(revoked.noted(), 1) && has(revoked.noted(), 20), "who says it once is heard, early or late");
    let bytes = parlor_protocol::codec::encode(&revoked.noted(), 4 * 1024 * 1024).unwrap().len();
    assert!(bytes < 2 * 1024 * 1024, "{bytes} bytes");
    // Said twice it is there once.
    let before = revoked.noted().to_vec();
    revoked.note(record(1, 0, 3), true);
    assert_eq!(revoked.noted(), before);
}
