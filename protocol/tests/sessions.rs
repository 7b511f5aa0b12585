//! Sessions: every member opens every entry in any order, and nobody opens anything else.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

mod support;

use parlor_protocol::{
    content::Content,
    entry::{Entry, HEADER_LEN, Header, Verified},
    epoch::EpochSecrets,
    error::SealError,
    keys::Secret,
    limits::SESSION_ENTRIES_MAX,
    log::Height,
    session::{HANDSHAKE_LEN, OpeningSession, SealingSession, TAG_LEN},
};
use proptest::prelude::*;
use rand_chacha::ChaCha20Rng;
use support::{Device, Room, rng, text};

struct Scene {
    rng: ChaCha20Rng,
    device: Device,
    room: Room,
}

fn scene() -> Scene {
    let mut rng = rng(1);
    let device = Device::new(&mut rng);
    let room = Room::new(&device, &mut rng);
    Scene { rng, device, room }
}

impl Scene {
    /// A session that starts at `start`, and one entry for each of these words.
    fn write(&mut self, start: u64, words: &[&str]) -> Vec<Verified<Entry>> {
        let mut header = Header { session: start, ..self.room.header(self.device.id(), start) };
        let session = SealingSession::open(&self.room.secrets, &header, &mut self.rng).unwrap();
        words
            .iter()
            .map(|words| {
                let body = session.seal(header.seq, &text(words)).unwrap();
                let entry = Entry::sign(&self.device.key, header, &body).unwrap();
                header = Header { seq: header.seq + 1, prev: Height::after(&entry).head, ..header };
                entry
            })
            .collect()
    }

    fn accept(&self, opener: &Verified<Entry>) -> OpeningSession {
        OpeningSession::accept(&self.room.secrets, opener).unwrap()
    }

    fn sign(&self, header: Header, body: &[u8]) -> Verified<Entry> {
        Entry::sign(&self.device.key, header, body).unwrap()
    }
}

fn other_epoch(room: &Room, seed: u64) -> EpochSecrets {
    EpochSecrets::derive(room.id(), &[], Secret::random(&mut rng(seed))).unwrap()
}

#[test]
fn entries_open_in_any_order_and_more_than_once() {
    let mut scene = scene();
    let entries = scene.write(4, &["one", "two", "three", "four"]);
    let session = scene.accept(&entries[0]);
    for at in [3, 1, 0, 2, 1, 3] {
        let words = ["one", "two", "three", "four"][at];
        assert_eq!(session.open(&entries[at]).unwrap(), text(words));
    }
}

#[test]
fn the_author_reads_its_own_entries_again_after_a_restart() {
    let mut scene = scene();
    let entries = scene.write(0, &["mine"]);
    // Nothing of the sealing side is left but the epoch's key.
    let again = EpochSecrets::derive(scene.room.id(), &[], scene.room.secrets.key().clone()).unwrap();
    let session = OpeningSession::accept(&again, &entries[0]).unwrap();
    assert_eq!(session.open(&entries[0]).unwrap(), text("mine"));
}

#[test]
fn the_first_body_is_handshake_and_content_the_next_ones_content_alone() {
    let mut scene = scene();
    let entries = scene.write(0, &["a", "b"]);
    assert_eq!(entries[0].body().len(), HANDSHAKE_LEN + 256 + TAG_LEN);
    assert_eq!(entries[1].body().len(), 256 + TAG_LEN);
}

#[test]
fn another_epochs_key_opens_nothing() {
    let mut scene = scene();
    let entries = scene.write(0, &["one"]);
    let other = other_epoch(&scene.room, 9);
    assert!(OpeningSession::accept(&other, &entries[0]).is_err());
    // Nor when the header claims the other epoch.
    let header = Header { epoch: other.id(), ..*entries[0].header() };
    let claimed = scene.sign(header, entries[0].body());
    assert_eq!(OpeningSession::accept(&other, &claimed).unwrap_err(), SealError::Unopenable);
}

#[test]
fn a_handshake_is_bound_to_its_place() {
    let mut scene = scene();
    let entries = scene.write(3, &["one"]);
    let header = *entries[0].header();
    for moved in [
        Header { seq: 4, session: 4, ..header },
        Header { log: parlor_protocol::LogId(8), ..header },
        Header { prev: entries[0].id(), ..header },
        Header { room: parlor_protocol::RoomId::default(), ..header },
    ] {
        let entry = scene.sign(moved, entries[0].body());
        assert_eq!(OpeningSession::accept(&scene.room.secrets, &entry).unwrap_err(), SealError::Unopenable);
    }
    // Another device that copies the body under its own name.
    let thief = Device::new(&mut rng(5));
    let copied = Entry::sign(&thief.key, Header { author: thief.id(), ..header }, entries[0].body()).unwrap();
    assert_eq!(OpeningSession::accept(&scene.room.secrets, &copied).unwrap_err(), SealError::Unopenable);
}

#[test]
fn a_body_opens_only_at_its_own_place() {
    let mut scene = scene();
    let entries = scene.write(0, &["one", "two", "three"]);
    let session = scene.accept(&entries[0]);
    let moved = scene.sign(*entries[2].header(), entries[1].body());
    assert_eq!(session.open(&moved), Err(SealError::Unopenable));
}

#[test]
fn entries_of_another_session_are_refused() {
    let mut scene = scene();
    let (one, two) = (scene.write(0, &["a", "b"]), scene.write(1, &["c", "d"]));
    let session = scene.accept(&one[0]);
    assert_eq!(session.open(&two[1]), Err(SealError::OutOfSession { session: 0, seq: 2 }));
    let claimed = scene.sign(Header { session: 0, ..*two[1].header() }, two[1].body());
    assert_eq!(session.open(&claimed), Err(SealError::Unopenable));
}

#[test]
fn an_entry_in_the_middle_opens_no_session() {
    let mut scene = scene();
    let entries = scene.write(0, &["a", "b"]);
    let result = OpeningSession::accept(&scene.room.secrets, &entries[1]);
    assert_eq!(result.unwrap_err(), SealError::OutOfSession { session: 0, seq: 1 });
}

#[test]
fn a_session_ends_after_65536_entries() {
    let scene = scene();
    let opener = Header { session: 10, ..scene.room.header(scene.device.id(), 10) };
    let session = SealingSession::open(&scene.room.secrets, &opener, &mut rng(3)).unwrap();
    let (last, over) = (10 + SESSION_ENTRIES_MAX - 1, 10 + SESSION_ENTRIES_MAX);
    assert!(session.covers(last) && !session.covers(over) && !session.covers(9));
    assert!(session.seal(last, &text("last")).is_ok());
    assert_eq!(session.seal(over, &text("x")), Err(SealError::OutOfSession { session: 10, seq: over }));
    assert_eq!(session.seal(9, &text("x")), Err(SealError::OutOfSession { session: 10, seq: 9 }));

    let first = scene.sign(opener, &session.seal(10, &text("first")).unwrap());
    let reader = scene.accept(&first);
    let sealed = session.seal(last, &text("last")).unwrap();
    let last = scene.sign(Header { seq: last, ..opener }, &sealed);
    assert_eq!(reader.open(&last).unwrap(), text("last"));
    let late = scene.sign(Header { seq: over, ..opener }, &sealed);
    assert_eq!(reader.open(&late), Err(SealError::OutOfSession { session: 10, seq: over }));
}

#[test]
fn two_sessions_never_give_the_same_ciphertext() {
    let mut scene = scene();
    let (one, two) = (scene.write(0, &["same", "same"]), scene.write(0, &["same", "same"]));
    assert_ne!(one[0].body(), two[0].body());
    assert_ne!(one[1].body(), two[1].body());
    assert_ne!(one[0].body()[..32], two[0].body()[..32], "the ephemeral keys differ");
}

#[test]
fn short_bodies_are_refused() {
    let scene = scene();
    let header = scene.room.header(scene.device.id(), 0);
    for len in [0, 1, HANDSHAKE_LEN - 1] {
        let entry = scene.sign(header, &vec![0; len]);
        let short = SealError::TooShort { min: HANDSHAKE_LEN, got: len };
        assert_eq!(OpeningSession::accept(&scene.room.secrets, &entry).unwrap_err(), short);
    }
}

#[test]
fn a_handshake_without_content_opens_a_session_but_holds_nothing() {
    let mut scene = scene();
    let entries = scene.write(0, &["x"]);
    let cut = scene.sign(*entries[0].header(), &entries[0].body()[..HANDSHAKE_LEN]);
    let session = scene.accept(&cut);
    let min = HANDSHAKE_LEN + TAG_LEN;
    assert_eq!(session.open(&cut), Err(SealError::TooShort { min, got: HANDSHAKE_LEN }));
}

#[test]
fn debug_output_shows_only_where_a_session_began() {
    let mut scene = scene();
    let entries = scene.write(4, &["x"]);
    assert_eq!(format!("{:?}", scene.accept(&entries[0])), "OpeningSession(from 4)");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn an_altered_body_does_not_open(which in 0usize..3, bit in any::<prop::sample::Index>()) {
        let mut scene = scene();
        let entries = scene.write(0, &["one", "two", "three"]);
        let body = entries[which].body();
        let altered = support::flipped(body, bit.index(body.len() * 8));
        let entry = scene.sign(*entries[which].header(), &altered);
        let opened: Result<Content, SealError> = if which == 0 {
            OpeningSession::accept(&scene.room.secrets, &entry).and_then(|session| session.open(&entry))
        } else {
            scene.accept(&entries[0]).open(&entry)
        };
        // X25519 ignores the top bit of a public key; the handshake hash does not.
        prop_assert_eq!(opened, Err(SealError::Unopenable));
    }

    #[test]
    fn any_words_arrive_as_they_were_written(words in "[^\\p{Cc}]{1,400}") {
        prop_assume!(!words.trim().is_empty());
        let mut scene = scene();
        let entries = scene.write(2, &["first", &words]);
        prop_assert_eq!(scene.accept(&entries[0]).open(&entries[1]).unwrap(), text(&words));
    }

    #[test]
    fn any_body_is_read_without_panic(body in proptest::collection::vec(any::<u8>(), 0..200), seq in 0u64..2) {
        let mut scene = scene();
        let entries = scene.write(0, &["one"]);
        let entry = scene.sign(Header { seq, ..*entries[0].header() }, &body);
        prop_assert!(scene.accept(&entries[0]).open(&entry).is_err());
        prop_assert!(OpeningSession::accept(&scene.room.secrets, &entry).is_err());
        prop_assert_eq!(entry.bytes().len(), HEADER_LEN + body.len() + 64);
    }
}
