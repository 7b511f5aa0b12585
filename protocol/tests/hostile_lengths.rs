//! A few bytes that claim to be many must not make a decoder reserve what they claim. A file (and
//! so a process) of its own, because it watches the memory of the whole process.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use parlor_protocol::{
    content::Content,
    epoch::{EpochRecord, Genesis},
    invite::InviteBody,
    wire::{Answer, Gossip, Request},
};

/// The most address space that this process ever had, in KiB.
#[cfg(target_os = "linux")]
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmPeak:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

fn decode_all(bytes: &[u8]) {
    let _ = Request::decode(bytes);
    let _ = Answer::decode(bytes);
    let _ = Gossip::decode(bytes);
    let _ = Genesis::decode(bytes);
    let _ = EpochRecord::decode(bytes);
    let _ = InviteBody::decode(bytes);
    let _ = Content::decode(bytes);
}

#[cfg(target_os = "linux")]
#[test]
fn small_bytes_with_large_claims_take_little_memory() {
    decode_all(&[1, 2, 3]);
    let before = peak();
    // Lengths as bincode writes them: u32 after 252, u64 after 253, little endian.
    let claims: [&[u8]; 4] = [
        &[252, 0, 0, 48, 0],
        &[252, 255, 255, 255, 255],
        &[253, 0, 0, 0, 0, 1, 0, 0, 0],
        &[253, 255, 255, 255, 255, 255, 255, 255, 255],
    ];
    for claim in claims {
        for filler in [0, 1] {
            // The claim at every place of a short message of every kind, so that it also meets the
            // inner lengths.
            for (kind, place) in (0..12u8).flat_map(|kind| (0..170).map(move |place| (kind, place))) {
                let mut bytes = vec![1, kind];
                bytes.resize(2 + place, filler);
                bytes.extend_from_slice(claim);
                decode_all(&bytes);
            }
        }
    }
    let grown = peak() - before;
    assert!(grown < 4 * 1024, "{grown} KiB for messages of at most 200 bytes");
}
