//! Signals: presence and typing.

use crate::fixtures::{Device, Room, altered, rng};
use parlor_protocol::{
    epoch::{EpochSecrets, Step},
    error::{KeyError, SealError},
    signal::{Signal, SignalBody, SignalKind},
    wire::Gossip,
};
use proptest::prelude::*;

const BODY: SignalBody = SignalBody { at: 1_700_000_000_000, kind: SignalKind::Typing };

fn signal(room: &Room) -> Signal {
    Signal::seal(&room.secrets, Step::FIRST, &Device::new(2).key, BODY, &mut rng(1)).unwrap()
}

#[test]
fn members_open_a_signal_and_relays_can_check_it() {
    let room = Room::new(1);
    let signal = signal(&room);
    assert_eq!(signal.open(&room.secrets), Ok(BODY));
    assert_eq!(signal.check(room.id()), Ok(()));
}

#[test]
fn a_signal_holds_in_its_room_and_under_its_author_only() {
    let room = Room::new(1);
    let good = signal(&room);
    let other = Room::new(2);
    assert_eq!(good.check(other.id()), Err(KeyError::BadSignature));
    assert_eq!(good.open(&other.secrets), Err(SealError::Unopenable));
    let claimed = altered(&good, |signal| signal.author = Device::new(3).id());
    assert_eq!(claimed.open(&room.secrets), Err(SealError::Key(KeyError::BadSignature)));
    let moved = altered(&good, |signal| signal.epoch = other.secrets.id());
    assert_eq!(moved.check(room.id()), Err(KeyError::BadSignature));
}

#[test]
fn a_signal_of_an_earlier_step_is_passed_on_but_not_opened() {
    let room = Room::new(1);
    let step = Step::new(3).unwrap();
    let key = room.secrets.key_at(step).unwrap();
    let joiner = EpochSecrets::derive_checked(room.id(), &[], step, key, room.secrets.id()).unwrap();
    let before = signal(&room);
    assert_eq!(before.open(&joiner), Err(SealError::StepBefore { step: 0, lowest: 3 }));
    let forged = altered(&before, |signal| signal.author = Device::new(3).id());
    assert_eq!(forged.open(&joiner), Err(SealError::Key(KeyError::BadSignature)), "a fault, whoever can open it");
    let now = Signal::seal(&joiner, step, &Device::new(2).key, BODY, &mut rng(1)).unwrap();
    assert_eq!((now.open(&joiner), now.open(&room.secrets)), (Ok(BODY), Ok(BODY)));
    let moved = altered(&now, |signal| signal.step = Step::new(4).unwrap());
    assert_eq!(moved.open(&room.secrets), Err(SealError::Key(KeyError::BadSignature)));
}

#[test]
fn all_signals_look_alike() {
    let room = Room::new(1);
    let kinds = [SignalKind::Online, SignalKind::Offline, SignalKind::Typing];
    let lengths = kinds.map(|kind| {
        let signal = Signal::seal(&room.secrets, Step::FIRST, &Device::new(2).key, SignalBody { kind, ..BODY }, &mut rng(1));
        Gossip::Signal(signal.unwrap()).encode().unwrap().len()
    });
    assert_eq!(lengths, [lengths[0]; 3]);
}

proptest! {
    #[test]
    fn signals_come_back(at: u64, seed: u64) {
        let room = Room::new(1);
        let body = SignalBody { at, kind: SignalKind::Online };
        let signal = Signal::seal(&room.secrets, Step::FIRST, &Device::new(2).key, body, &mut rng(seed)).unwrap();
        let bytes = Gossip::Signal(signal.clone()).encode().unwrap();
        prop_assert_eq!(Gossip::decode(&bytes), Ok(Gossip::Signal(signal)));
    }

    #[test]
    fn an_altered_signal_is_refused(at: prop::sample::Index, mask in 1..=255u8) {
        let room = Room::new(1);
        let mut bytes = Gossip::Signal(signal(&room)).encode().unwrap();
        let at = at.index(bytes.len());
        bytes[at] ^= mask;
        if let Ok(Gossip::Signal(altered)) = Gossip::decode(&bytes) {
            prop_assert!(altered.open(&room.secrets).is_err());
        }
    }

    #[test]
    fn any_bytes_are_no_signal_or_a_lasting_one(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        crate::targets::signal(&bytes);
    }
}
