//! Lengths that lie: no message makes its reader ask for much more memory than the message has.
//!
//! The only test of its program, because it watches the address space of the whole process.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use parlor_protocol::{
    access::{AccessBody, DoorBody, Wrap},
    content::Content,
    entry::Entry,
    epoch::{EpochRecord, Genesis},
    limits::WIRE_MAX,
    wire::{Answer, AnswerKind, Gossip, GossipKind, Request, RequestKind},
};

/// The address space in KiB, now (`VmSize`) or at its largest (`VmPeak`). A large request to the
/// allocator shows here even when its pages are never touched.
fn kib(what: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(what)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// A frame of this kind around the body.
fn framed(kind: u16, body: &[u8]) -> Vec<u8> {
    let len = u32::try_from(body.len()).unwrap();
    [[1].as_slice(), &kind.to_le_bytes(), &len.to_le_bytes(), body].concat()
}

/// Reads the bytes with every parser, also as they would be behind the first few variant bytes.
fn read_with_all(claim: &[u8]) {
    for variant in 0..8u8 {
        let bytes = [[1, variant].as_slice(), claim].concat();
        let _ = (Genesis::decode(&bytes), EpochRecord::decode(&bytes));
        let _ = (AccessBody::decode(&bytes), DoorBody::decode(&bytes), Wrap::decode(&bytes));
        let _ = (Entry::decode(bytes.as_slice()), Content::decode(&bytes));
    }
    // At the beginning of a body, and in requests about rooms behind the room.
    for body in [claim.to_vec(), [[0; 32].as_slice(), claim].concat()] {
        for kind in RequestKind::ALL {
            let _ = Request::decode(&framed(kind.number(), &body));
        }
        for kind in AnswerKind::ALL {
            let _ = Answer::decode(&framed(kind.number(), &body));
        }
        for kind in GossipKind::ALL {
            let _ = Gossip::decode(&framed(kind.number(), &body));
        }
    }
}

#[test]
fn hostile_lengths_allocate_little() {
    read_with_all(&[0; 16]);
    // The start of a program may have used more for a moment; fill up to there.
    let mut ballast: Vec<Vec<u8>> = Vec::new();
    while kib("VmSize") < kib("VmPeak") {
        ballast.push(Vec::with_capacity(256 * 1024));
    }
    let before = kib("VmPeak");
    for len in [1u64 << 16, 1 << 22, 1 << 30, 1 << 40, u64::MAX] {
        // bincode: marker 253 and eight bytes for a long integer.
        read_with_all(&[[253].as_slice(), &len.to_le_bytes(), &[0; 64]].concat());
        // The same claim one level further in: one item, which claims to be long.
        read_with_all(&[[1, 253].as_slice(), &len.to_le_bytes(), &[0; 64]].concat());
    }
    // As many empty lists as fit in a message, each of which would be 24 bytes in memory.
    let claim = [[252].as_slice(), &1_100_000u32.to_le_bytes(), &vec![0; WIRE_MAX - 16]].concat();
    let _ = Answer::decode(&framed(AnswerKind::Tail.number(), &claim));
    let grown = kib("VmPeak") - before;
    println!("the address space grew by {grown} KiB");
    assert!(grown < 8 * 1024, "the address space grew by {grown} KiB");
}
