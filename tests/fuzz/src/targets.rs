//! One function for each parser: it reads any bytes, and what it can read must read back the same.
//!
//! Shared by the fuzz targets and by `protocol/tests/corpus.rs`, which replays the corpus in
//! every test run. The functions panic when a promise is broken and do nothing else.

use parlor_protocol::{
    RoomCode,
    code::read_typed,
    content::Content,
    entry::Entry,
    epoch::{AdmissionCert, EpochRecord, Genesis},
    error::CodecError,
    invite::InviteBody,
    limits::BODY_MAX,
    wire::{Answer, Gossip, Request, gossip_id},
};
use std::fmt::Debug;

/// A target: what it is called and what it does.
pub type Target = (&'static str, fn(&[u8]));

/// All targets; each has a corpus folder of its name.
pub const TARGETS: &[Target] = &[
    ("code", code),
    ("entry", entry),
    ("genesis", genesis),
    ("epoch", epoch),
    ("admission", admission),
    ("invite", invite),
    ("content", content),
    ("gossip", gossip),
    ("request", request),
    ("answer", answer),
];

/// What was read must be the same after writing and reading it once more. The bytes may differ
/// the first time, because bincode reads integers that are longer than needed; a value that was
/// written a little longer than the limit allows (for the same reason) is left alone.
fn reads_back<T: Debug + PartialEq>(
    bytes: &[u8],
    decode: impl Fn(&[u8]) -> Result<T, CodecError>,
    encode: impl Fn(&T) -> Result<Vec<u8>, CodecError>,
) {
    let Ok(value) = decode(bytes) else { return };
    let written = encode(&value).expect("what was read can be written");
    assert!(written.len() <= bytes.len(), "written longer than it was read");
    let again = decode(&written).expect("what was written can be read");
    assert_eq!(again, value);
    assert_eq!(encode(&again).expect("written twice"), written);
}

/// A typed room code.
pub fn code(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let typed = read_typed(&text);
    assert!(typed.groups.len() <= 5);
    if let Ok(code) = typed.state {
        assert_eq!(code.to_string().parse::<RoomCode>().as_ref(), Ok(&code));
        assert_eq!(code.link().parse::<RoomCode>().as_ref(), Ok(&code));
    }
}

/// An entry, whose bytes are kept exactly as they came.
pub fn entry(bytes: &[u8]) {
    let Ok(entry) = Entry::decode(bytes) else { return };
    assert_eq!(entry.bytes().as_ref(), bytes);
    assert_eq!(entry.body().len() + 158 + 64, bytes.len());
    let _ = (entry.room(), entry.log_key(), entry.clone().verify().is_ok());
    assert_eq!(Entry::decode(entry.bytes().clone()).as_ref(), Ok(&entry));
}

/// The body of a genesis entry.
pub fn genesis(bytes: &[u8]) {
    reads_back(bytes, Genesis::decode, Genesis::encode);
}

/// The body of an epoch entry.
pub fn epoch(bytes: &[u8]) {
    reads_back(bytes, EpochRecord::decode, EpochRecord::encode);
}

/// The body of an admission entry.
pub fn admission(bytes: &[u8]) {
    reads_back(bytes, AdmissionCert::decode, AdmissionCert::encode);
}

/// The body of an invite entry.
pub fn invite(bytes: &[u8]) {
    if let Ok(InviteBody::Made(invite)) = InviteBody::decode(bytes) {
        let _ = invite.check();
    }
    reads_back(bytes, InviteBody::decode, InviteBody::encode);
}

/// A padded content, as it is found inside a sealed entry.
pub fn content(bytes: &[u8]) {
    let Ok(content) = Content::decode(bytes) else { return };
    let padded = content.encode(BODY_MAX + 4).expect("what was read can be written");
    assert_eq!(Content::decode(&padded), Ok(content));
}

/// A gossip message: an entry or a signal.
pub fn gossip(bytes: &[u8]) {
    let id = gossip_id(bytes);
    if let Ok(message) = Gossip::decode(bytes) {
        if let Gossip::Entry(entry) = &message {
            assert_eq!(id, entry.id().as_bytes()[..20]);
        }
        reads_back(bytes, Gossip::decode, Gossip::encode);
    }
}

/// A request to a peer.
pub fn request(bytes: &[u8]) {
    reads_back(bytes, Request::decode, Request::encode);
}

/// The answer to a request.
pub fn answer(bytes: &[u8]) {
    reads_back(bytes, Answer::decode, Answer::encode);
}
