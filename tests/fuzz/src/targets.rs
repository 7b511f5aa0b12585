//! The bodies of the fuzz targets: one function for each parser of `parlor-protocol`.
//!
//! Shared by the fuzzer (`tests/fuzz`) and by the test that replays the corpus
//! (`protocol/tests/suite/corpus.rs`). What is refused is fine; what is taken must survive
//! encoding and decoding again unchanged, and nothing may panic.

use parlor_protocol::{
    DeviceId, LinkCode, RoomCode, RoomId, TopicId,
    access::{AccessBody, DoorBody, Wrap},
    account::{Password, RecoveryKey, UserName},
    code::read_typed,
    content::Content,
    entry::Entry,
    epoch::{EpochRecord, Genesis, RoomSettings},
    error::CodecError,
    guard::Guard,
    limits::{BODY_MAX, WIRE_MAX},
    link::{LinkAnswering, Linking, OwnKey, OwnMessage, StretchedLink, read_typed_link},
    log::{ForkProof, Height, verify_page, verify_suffix},
    stretch::Stretch,
    wire::{Answer, Gossip, GossipKind, HEADER_LEN, Header, Plan, Request, gossip_id},
};
use rand_core::SeedableRng as _;

/// A target: takes any bytes, panics when a promise is broken.
pub type Target = fn(&[u8]);

/// All targets by name; the names are those of the corpus folders.
pub const TARGETS: [(&str, Target); 22] = [
    ("code", code),
    ("entry", entry),
    ("page", page),
    ("genesis", genesis),
    ("epoch", epoch),
    ("settings", settings),
    ("content", content),
    ("signal", signal),
    ("gossip", gossip),
    ("request", request),
    ("answer", answer),
    ("user_name", user_name),
    ("recovery_key", recovery_key),
    ("guard", guard),
    ("run", run),
    ("link_code", link_code),
    ("link", link),
    ("stretch", stretch),
    ("door", door),
    ("access", access),
    ("wrap", wrap),
    ("fork", fork),
];

fn comes_back<T: PartialEq + std::fmt::Debug>(
    bytes: &[u8],
    decode: impl Fn(&[u8]) -> Result<T, CodecError>,
    encode: impl Fn(&T) -> Result<Vec<u8>, CodecError>,
) {
    if let Ok(value) = decode(bytes) {
        let again = encode(&value).map(|bytes| decode(&bytes));
        assert_eq!(again, Ok(Ok(value)), "what was taken must come back");
    }
}

/// Room codes, as typed or pasted.
pub fn code(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let typed = read_typed(&text);
    assert!(typed.groups.len() <= 5, "a code has five groups");
    if let Ok(code) = typed.state {
        assert_eq!(code.to_string().parse::<RoomCode>(), Ok(code.clone()), "printed and read");
        assert_eq!(code.link().parse::<RoomCode>(), Ok(code), "linked and read");
    }
}

/// One entry.
pub fn entry(bytes: &[u8]) {
    if let Ok(entry) = Entry::decode(bytes) {
        assert_eq!(entry.bytes().as_ref(), bytes, "an entry is its bytes");
        let pruned = entry.pruned();
        assert_eq!(pruned.id(), entry.id(), "a pruned entry is the same entry");
        assert_eq!(Entry::decode(pruned.bytes().to_vec()), Ok(pruned), "a pruned entry is its bytes too");
        let _ = entry.verify();
    }
}

/// A page: entries one after the other, each behind its length in two bytes.
pub fn page(bytes: &[u8]) {
    let (mut rest, mut entries) = (bytes, Vec::new());
    while let Some((len, tail)) = rest.split_first_chunk::<2>() {
        let len = usize::from(u16::from_le_bytes(*len)).min(tail.len());
        let (one, tail) = tail.split_at(len);
        let Ok(entry) = Entry::decode(one) else { return };
        entries.push(entry);
        rest = tail;
    }
    let Some(first) = entries.first() else { return };
    let (room, log, count): (RoomId, _, _) = (first.room(), first.log_key(), entries.len());
    let whole = verify_page(room, log, Height::EMPTY, entries.clone());
    let pruned = verify_page(room, log, Height::EMPTY, entries.iter().map(Entry::pruned).collect());
    assert_eq!(whole.is_ok(), pruned.is_ok(), "pruning changes no proof");
    let suffix = verify_suffix(room, log, entries);
    if let Ok(verified) = &suffix {
        assert_eq!(verified.len(), count, "all or nothing");
    }
    assert!(whole.is_err() || suffix.is_ok(), "a page from the beginning is a suffix too");
}

/// The proof of a fork.
pub fn fork(bytes: &[u8]) {
    if let Ok(proof) = ForkProof::decode(bytes) {
        assert_eq!(proof.encode(), bytes, "a proof is its bytes");
        let _ = proof.check();
    }
}

/// The body of a genesis entry.
pub fn genesis(bytes: &[u8]) {
    comes_back(bytes, Genesis::decode, Genesis::encode);
}

/// The body of an epoch entry.
pub fn epoch(bytes: &[u8]) {
    comes_back(bytes, EpochRecord::decode, EpochRecord::encode);
}

/// The settings of a room, opened.
pub fn settings(bytes: &[u8]) {
    comes_back(bytes, RoomSettings::decode, RoomSettings::encode);
}

/// A padded content, as it lies inside a sealed entry.
pub fn content(bytes: &[u8]) {
    comes_back(bytes, Content::decode, |content| content.encode(2 * BODY_MAX).map(|padded| padded.to_vec()));
}

/// A body in a frame of this kind with the right length, so that the fuzzer need not find it.
fn framed(kind: u16, body: &[u8]) -> Vec<u8> {
    let len = u32::try_from(body.len()).unwrap_or(u32::MAX);
    [[1].as_slice(), &kind.to_le_bytes(), &len.to_le_bytes(), body].concat()
}

/// Bytes as they are, and once more as the kind and body of a frame.
fn in_a_frame(bytes: &[u8], target: fn(&[u8])) {
    target(bytes);
    if let Some((kind, body)) = bytes.split_first_chunk::<2>() {
        target(&framed(u16::from_le_bytes(*kind), body));
    }
}

/// A signal, in its gossip frame.
pub fn signal(bytes: &[u8]) {
    gossip(&framed(GossipKind::Signal.number(), bytes));
}

/// A gossip message.
pub fn gossip(bytes: &[u8]) {
    let _ = gossip_id(TopicId::default(), bytes);
    in_a_frame(bytes, |bytes| comes_back(bytes, Gossip::decode, Gossip::encode));
}

/// A request.
pub fn request(bytes: &[u8]) {
    in_a_frame(bytes, |bytes| {
        plan_agrees(bytes, Header::plan_request, Request::decode(bytes).err());
        comes_back(bytes, Request::decode, Request::encode);
    });
}

/// An answer.
pub fn answer(bytes: &[u8]) {
    in_a_frame(bytes, |bytes| {
        plan_agrees(bytes, Header::plan_answer, Answer::decode(bytes).err());
        comes_back(bytes, Answer::decode, Answer::encode);
    });
}

/// What the reader of a stream does by the header alone is what the decoder says of the whole.
fn plan_agrees(bytes: &[u8], plan: fn(Header) -> Result<Plan, CodecError>, error: Option<CodecError>) {
    let Some(header) = bytes.first_chunk::<HEADER_LEN>() else { return };
    let is_unsupported = error.is_some_and(|error| error.is_unsupported());
    match plan(Header::read(*header)) {
        Ok(Plan::Read(len)) => assert!(len <= WIRE_MAX && !is_unsupported, "what is read is known"),
        Ok(Plan::Skip(len)) => assert!(len <= WIRE_MAX && is_unsupported, "what is skipped is not known"),
        Err(_) => assert!(error.is_some(), "what is too long is refused"),
    }
}

/// What guards a profile, as it lies in the profile's folder.
pub fn guard(bytes: &[u8]) {
    comes_back(bytes, Guard::decode, |guard| Ok(guard.encode().to_vec()));
}

/// Work that a page hands to a worker.
pub fn stretch(bytes: &[u8]) {
    comes_back(bytes, Stretch::decode, |work| Ok(work.encode().to_vec()));
}

/// A user name or a password, as typed: one spelling, which stays.
pub fn user_name(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let _ = Password::new(&text);
    if let Ok(name) = UserName::new(&text) {
        assert_eq!(UserName::new(name.as_str()), Ok(name.clone()), "one spelling stays");
        let skeleton = name.skeleton();
        assert!(!skeleton.is_empty(), "every name looks like something");
    }
}

/// A recovery key, as typed.
pub fn recovery_key(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Ok(key) = text.parse::<RecoveryKey>() {
        assert_eq!(key.words().parse::<RecoveryKey>(), Ok(key), "written down and typed");
    }
}

/// A run of entries, in its gossip frame.
pub fn run(bytes: &[u8]) {
    gossip(&framed(GossipKind::Run.number(), bytes));
}

/// Codes that link a device, as typed or pasted.
pub fn link_code(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Ok(code) = read_typed_link(&text).state {
        assert_eq!(code.to_string().parse(), Ok(code.clone()), "what was taken must come back");
        assert!(code.to_string().parse::<RoomCode>().is_err(), "and is for no room");
    }
}

/// What strangers say to a device that links or is linked, or that meets others of its person.
pub fn link(bytes: &[u8]) {
    static CODE: std::sync::LazyLock<Option<StretchedLink>> =
        std::sync::LazyLock::new(|| LinkCode::random(&mut rand_chacha::ChaCha20Rng::from_seed([1; 32])).stretch().ok());
    let Some(code) = CODE.as_ref() else { return };
    let rng = &mut rand_chacha::ChaCha20Rng::from_seed([2; 32]);
    let (new, old) = (DeviceId::from_bytes([3; 32]), DeviceId::from_bytes([4; 32]));
    assert!(LinkAnswering::read(code, new, old, bytes, rng).is_err(), "nobody guesses the code");
    if let Ok(Answer::Link(Some(gift))) = Answer::decode(bytes) {
        let linking = Linking::start(code, new, old, rng).map(|(linking, _)| linking);
        assert!(linking.and_then(|linking| linking.finish(&gift)).is_err(), "nor has an answer to it");
    }
    let key = OwnKey::of(&parlor_protocol::keys::Secret::from_bytes([5; 32]));
    assert!(key.open(OwnMessage::Tell, new, old, bytes).is_err(), "nor is one of the devices");
}

/// The body of a door's entry.
pub fn door(bytes: &[u8]) {
    comes_back(bytes, DoorBody::decode, DoorBody::encode);
}

/// The body of an entry of coming in or going out.
pub fn access(bytes: &[u8]) {
    comes_back(bytes, AccessBody::decode, AccessBody::encode);
}

/// A wrapped key, signature and all.
pub fn wrap(bytes: &[u8]) {
    comes_back(bytes, Wrap::decode, Wrap::encode);
    if let Ok(wrap) = Wrap::decode(bytes) {
        let _ = wrap.check();
    }
}
