//! `Debug` shows nothing of a secret: what is printed ends in logs and bug reports.

use crate::fixtures::{Device, Room, conversation, hex, rng, says};
use parlor_protocol::{
    RoomCode,
    access::CodeKeys,
    code::read_typed,
    content::{Body, Emoji},
    epoch::Step,
    guard::{Guard, GuardId, Passphrase, PassphraseLock},
    keys::Secret,
    session::{OpeningSession, SealingSession},
};

/// Looks for the secret as hex, as a list of numbers, and as text.
fn assert_hidden(shown: &str, secret: &[u8]) {
    let numbers = format!("{secret:?}");
    let numbers = numbers.trim_matches(['[', ']']);
    assert!(!shown.contains(&hex(&secret[..4])), "{shown}");
    assert!(!shown.contains(numbers), "{shown}");
    assert!(!shown.contains(&*String::from_utf8_lossy(secret)), "{shown}");
}

#[test]
fn keys_are_never_printed() {
    let device = Device::new(1);
    assert_eq!(format!("{:?}", Secret::from_bytes([7; 32])), "Secret(..)");
    assert_eq!(format!("{:?}", device.noise), "DhSecret(Secret(..))");
    assert_hidden(&format!("{:?}", device.key), device.key.seed().as_ref());
    assert_eq!(format!("{:?}", device.key), format!("DeviceKey({})", device.id().short()));
    assert_eq!(format!("{:?}", device.user), format!("UserKey({})", device.user.id().short()));
}

#[test]
fn codes_are_never_printed() {
    let code = RoomCode::random(&mut rng(1));
    let text = code.to_string();
    assert_eq!(format!("{code:?}"), "RoomCode(..)");
    let typed = format!("{:?}", read_typed(&text));
    assert_eq!(typed, "TypedCode(5 groups, complete: true)");
    assert!(text.split('-').all(|group| !typed.contains(group)));
    assert_eq!(format!("{:?}", CodeKeys::from(&code.stretching().run().unwrap())), "CodeKeys(..)");
}

#[test]
fn epochs_and_sessions_are_never_printed() {
    let (room, device) = (Room::new(1), Device::new(2));
    let shown = format!("{:?}", room.secrets);
    assert_eq!(shown, format!("EpochSecrets({} of {}, from step 0)", room.secrets.id().short(), room.id().short()));
    let in_step = room.secrets.at(Step::LAST).unwrap();
    assert_eq!(format!("{in_step:?}"), "StepSecrets(1023)");
    let header = room.content_header(&device, parlor_protocol::log::Height::EMPTY);
    let first = crate::fixtures::says("a");
    let sealing = SealingSession::open(&room.secrets, Step::FIRST, &header, &first, &mut rng(1)).unwrap();
    let log = conversation(&room, &device, &["a"], 1);
    let opening = OpeningSession::accept(&room.secrets, &log[0]).unwrap();
    assert_eq!(format!("{sealing:?} {opening:?}"), "SealingSession(from 0, step 0) OpeningSession(from 0, step 0)");
}

#[test]
fn what_people_write_is_never_printed() {
    let mut content = says("meet me at noon");
    assert!(!format!("{content:?}").contains("noon"));
    content.body = Device::new(1).profile("Adelaide");
    assert!(!format!("{content:?}").contains("Adelaide"));
    let emoji = Emoji::try_from("🎉".to_owned()).unwrap();
    content.body = Body::Reaction { target: crate::fixtures::entry_id(1), emoji, present: true };
    assert!(!format!("{content:?}").contains('🎉'));
}

#[test]
fn what_guards_a_profile_is_never_printed() {
    let passphrase = Passphrase::choose("soup on the stove").unwrap();
    assert_eq!(format!("{passphrase:?}"), "Passphrase(..)");
    let (id, secret) = (GuardId::random(&mut rng(1)), Secret::from_bytes([0xAB; 32]));
    let lock = PassphraseLock::seal(id, &passphrase, &secret, &mut rng(2)).unwrap();
    for guard in [Guard::Plain(secret.clone()), Guard::Both(id, lock)] {
        let shown = format!("{guard:?}");
        assert_hidden(&shown, secret.expose());
        assert!(!shown.contains("soup"), "{shown}");
    }
}
