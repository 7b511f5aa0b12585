//! Linking a device and what own devices tell each other: codes of two kinds, the handshake, the seals.

use crate::fixtures::rng;
use parlor_protocol::{
    DeviceId, LinkCode, Locator, RoomCode,
    code::read_typed,
    error::{CodeError, SealError},
    keys::{DeviceKey, Secret},
    limits::LINK_MAX,
    link::{LinkAnswering, LinkGift, Linking, OwnKey, OwnMessage, StretchedLink, read_typed_link},
    wire::{Answer, Request},
};
use proptest::prelude::*;
use std::sync::LazyLock;

static STRETCHED: LazyLock<[StretchedLink; 2]> =
    LazyLock::new(|| [1, 2].map(|seed| LinkCode::random(&mut rng(seed)).stretch().unwrap()));

fn device(seed: u8) -> DeviceId {
    DeviceKey::from_seed(&Secret::from_bytes([seed; 32])).id()
}

#[test]
fn a_code_of_one_kind_is_never_one_of_the_other() {
    for seed in 0..32 {
        let (for_device, for_room) = (LinkCode::random(&mut rng(seed)), RoomCode::random(&mut rng(seed)));
        assert_eq!(for_device.to_string().parse::<LinkCode>(), Ok(for_device.clone()));
        assert_eq!(for_device.link().to_lowercase().parse::<LinkCode>(), Ok(for_device.clone()));
        assert_eq!(for_device.to_string().parse::<RoomCode>(), Err(CodeError::ForDevice));
        assert_eq!(for_device.link().parse::<RoomCode>(), Err(CodeError::ForDevice));
        assert_eq!(for_room.to_string().parse::<LinkCode>(), Err(CodeError::ForRoom));
        assert_eq!(for_room.link().parse::<LinkCode>(), Err(CodeError::ForRoom));
    }
}

#[test]
fn no_single_mistake_turns_one_kind_into_the_other() {
    let alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    for seed in 0..4 {
        let written = LinkCode::random(&mut rng(seed)).to_string();
        for (at, right) in written.char_indices().filter(|(_, c)| *c != '-') {
            for wrong in alphabet.chars().filter(|wrong| *wrong != right) {
                let mut typed = written.clone();
                typed.replace_range(at..=at, &wrong.to_string());
                assert!(
                    matches!(typed.parse::<LinkCode>(), Err(CodeError::Mistyped { group, .. }) if group == at / 5 + 1)
                );
                assert!(matches!(read_typed(&typed).state, Err(CodeError::Mistyped { .. } | CodeError::Scrambled)));
            }
        }
    }
}

#[test]
fn what_is_handed_over_arrives_whatever_its_length() {
    let [code, _] = &*STRETCHED;
    for len in [0, 1, 65_519, 65_520, 200_000, LINK_MAX] {
        let contents: Vec<u8> = (0..len).map(|at| (at % 251) as u8).collect();
        let (linking, message) = Linking::start(code, device(1), device(2), &mut rng(3)).unwrap();
        assert_eq!(message.len(), 48);
        let answering = LinkAnswering::read(code, device(1), device(2), &message, &mut rng(4)).unwrap();
        let gift = answering.give(&contents).unwrap();
        let wire = Answer::Link(Some(gift)).encode().unwrap();
        let Ok(Answer::Link(Some(gift))) = Answer::decode(&wire) else { panic!("it goes over the wire") };
        assert_eq!(linking.finish(&gift).unwrap().as_slice(), contents);
    }
    let (_, message) = Linking::start(code, device(1), device(2), &mut rng(3)).unwrap();
    let answering = LinkAnswering::read(code, device(1), device(2), &message, &mut rng(4)).unwrap();
    assert!(matches!(answering.give(&vec![0; LINK_MAX + 1]), Err(SealError::Codec(_))));
}

#[test]
fn another_code_another_device_or_a_copy_of_a_message_opens_nothing() {
    let [code, other] = &*STRETCHED;
    let (linking, message) = Linking::start(code, device(1), device(2), &mut rng(3)).unwrap();
    let read = |code: &StretchedLink, new, old| LinkAnswering::read(code, new, old, &message, &mut rng(4));
    assert!(read(other, device(1), device(2)).is_err(), "another code");
    assert!(read(code, device(3), device(2)).is_err(), "shown by another device");
    assert!(read(code, device(1), device(3)).is_err(), "shown to another device");
    let gift = read(code, device(1), device(2)).unwrap().give(b"everything").unwrap();
    let (again, _) = Linking::start(code, device(1), device(2), &mut rng(5)).unwrap();
    assert!(again.finish(&gift).is_err(), "an answer to somebody else's question");
    assert_eq!(linking.finish(&gift).unwrap().as_slice(), b"everything");
}

#[test]
fn what_own_devices_say_opens_for_them_alone() {
    let (key, other) = (OwnKey::of(&Secret::from_bytes([1; 32])), OwnKey::of(&Secret::from_bytes([2; 32])));
    let sealed = key.seal(OwnMessage::Ask, device(1), device(2), b"digest", &mut rng(6)).unwrap();
    assert_eq!(key.open(OwnMessage::Ask, device(1), device(2), &sealed).unwrap().as_slice(), b"digest");
    assert!(other.open(OwnMessage::Ask, device(1), device(2), &sealed).is_err());
    assert!(key.open(OwnMessage::Tell, device(1), device(2), &sealed).is_err());
    assert!(key.open(OwnMessage::Ask, device(2), device(1), &sealed).is_err());
    assert!(key.open(OwnMessage::Ask, device(1), device(3), &sealed).is_err());
    assert_ne!(key.digest(b"one"), key.digest(b"two"));
    assert_ne!(key.digest(b"one"), other.digest(b"one"));
}

#[test]
fn nothing_of_it_is_printed() {
    let [code, _] = &*STRETCHED;
    let typed = LinkCode::random(&mut rng(1));
    let (linking, _) = Linking::start(code, device(1), device(2), &mut rng(3)).unwrap();
    let shown = format!("{typed:?} {code:?} {linking:?} {:?}", OwnKey::of(&Secret::from_bytes([1; 32])));
    assert!(shown.contains("LinkCode(..)") && shown.contains("Secret(..)") && shown.contains("OwnKey(..)"), "{shown}");
    assert!(!shown.contains(&typed.to_string()), "{shown}");
    assert!(!format!("{:?}", read_typed_link(&typed.to_string())).contains(&typed.to_string()[..4]));
}

proptest! {
    #[test]
    fn anything_typed_is_a_code_or_none(text in "\\PC{0,80}") {
        if let Ok(code) = text.parse::<LinkCode>() {
            prop_assert_eq!(code.to_string().parse::<LinkCode>(), Ok(code));
        }
    }

    #[test]
    fn a_spoiled_message_or_gift_opens_nothing(at in any::<prop::sample::Index>(), flip in 1..=255u8) {
        let [code, _] = &*STRETCHED;
        let (linking, mut message) = Linking::start(code, device(1), device(2), &mut rng(3)).unwrap();
        let answering = LinkAnswering::read(code, device(1), device(2), &message, &mut rng(4)).unwrap();
        let mut wire = Answer::Link(Some(answering.give(&[7; 300]).unwrap())).encode().unwrap();
        let place = at.index(message.len());
        message[place] ^= flip;
        prop_assert!(LinkAnswering::read(code, device(1), device(2), &message, &mut rng(4)).is_err());
        let place = at.index(wire.len());
        wire[place] ^= flip;
        if let Ok(Answer::Link(Some(gift))) = Answer::decode(&wire) {
            prop_assert!(linking.finish(&gift).is_err());
        }
    }

    #[test]
    fn any_bytes_are_handled(message: Vec<u8>, bytes: Vec<u8>) {
        let [code, _] = &*STRETCHED;
        prop_assert!(LinkAnswering::read(code, device(1), device(2), &message, &mut rng(4)).is_err());
        let (linking, _) = Linking::start(code, device(1), device(2), &mut rng(3)).unwrap();
        if let Ok(Answer::Link(Some(gift))) = Answer::decode(&bytes) {
            let gift: LinkGift = gift;
            prop_assert!(linking.finish(&gift).is_err());
        }
        let request = Request::Link { locator: Locator([1; 16]), message };
        if let Ok(bytes) = request.encode().map(|bytes| Request::decode(&bytes)) {
            prop_assert!(bytes.is_err() || bytes == Ok(request));
        }
    }
}
