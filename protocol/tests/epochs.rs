//! Epochs: the new key reaches exactly its recipients, and nothing of a change can be altered.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

mod support;

use parlor_protocol::{
    EpochId, LogId, LogKey, RoomId, UserId, codec,
    epoch::{AdmissionCert, EpochChange, EpochRecord, EpochSecrets, Genesis, SEALED_KEY_LEN},
    error::{CodecError, KeyError, SealError},
    keys::Secret,
    limits::{BODY_MAX, DEVICES_MAX, EPOCH_BODY_MAX, EPOCH_PARENTS_MAX},
    log::Height,
};
use proptest::prelude::*;
use rand_chacha::ChaCha20Rng;
use support::{Device, changed, genesis_body, rng};

const ROOM: RoomId = RoomId::from_bytes([1; 32]);

fn secrets(parents: &[EpochId], key: u8) -> EpochSecrets {
    EpochSecrets::derive(ROOM, parents, Secret::from_bytes([key; 32])).unwrap()
}

struct Scene {
    rng: ChaCha20Rng,
    owner: Device,
    members: Vec<Device>,
}

fn scene() -> Scene {
    let mut rng = rng(1);
    let owner = Device::new(&mut rng);
    let members = (0..3).map(|_| Device::new(&mut rng)).collect();
    Scene { rng, owner, members }
}

impl Scene {
    fn change(&self, parents: &[EpochId]) -> EpochChange {
        EpochChange {
            parents: parents.to_vec(),
            removed: vec![self.members[2].id()],
            heads: vec![(
                LogKey { author: self.members[2].id(), log: LogId(3) },
                Height { next: 4, head: parlor_protocol::EntryId::from_bytes([8; 32]) },
            )],
            recipients: self.members[..2].iter().map(|m| (m.id(), m.prekey.public())).collect(),
        }
    }

    fn seal(&mut self, secrets: &EpochSecrets, links: &[&EpochSecrets]) -> EpochRecord {
        let change = self.change(secrets.parents());
        let (card, noise) = (self.owner.card(), self.owner.noise.clone());
        EpochRecord::seal(secrets, &change, links, &card, &noise, &mut self.rng).unwrap()
    }

    fn open(&self, record: &EpochRecord, member: usize) -> Result<EpochSecrets, SealError> {
        let member = &self.members[member];
        record.open(ROOM, member.id(), &[&member.prekey])
    }
}

#[test]
fn an_epochs_id_commits_to_key_room_and_parents() {
    let (a, b) = (EpochId::from_bytes([1; 32]), EpochId::from_bytes([2; 32]));
    let id = secrets(&[a, b], 7).id();
    assert_eq!(secrets(&[b, a], 7).id(), id, "the order of parents does not matter");
    assert_ne!(secrets(&[a], 7).id(), id);
    assert_ne!(secrets(&[a, b], 8).id(), id);
    let elsewhere = EpochSecrets::derive(RoomId::from_bytes([2; 32]), &[a, b], Secret::from_bytes([7; 32]));
    assert_ne!(elsewhere.unwrap().id(), id);
    let wrong = EpochSecrets::derive_checked(ROOM, &[a, b], Secret::from_bytes([8; 32]), id);
    assert_eq!(wrong.err(), Some(SealError::Unopenable));
    assert!(EpochSecrets::derive_checked(ROOM, &[a, b], Secret::from_bytes([7; 32]), id).is_ok());
}

#[test]
fn everything_derived_from_a_key_differs() {
    let secrets = secrets(&[], 7);
    let all = [*secrets.id().as_bytes(), *secrets.topic().as_bytes(), secrets.admission_public(), [7; 32]];
    for (at, one) in all.iter().enumerate() {
        assert!(all[at + 1..].iter().all(|other| other != one));
    }
}

#[test]
fn debug_output_shows_no_key() {
    let secrets = secrets(&[], 0x5a);
    let shown = format!("{secrets:?}");
    assert_eq!(shown, format!("EpochSecrets({} of 01010101)", secrets.id().short()));
}

#[test]
fn recipients_open_the_new_epoch_and_nobody_else_does() {
    let mut scene = scene();
    let epoch = secrets(&[EpochId::from_bytes([3; 32])], 7);
    let record = scene.seal(&epoch, &[]);
    for member in 0..2 {
        let opened = scene.open(&record, member).unwrap();
        assert_eq!((opened.id(), opened.key()), (epoch.id(), epoch.key()));
    }
    assert_eq!(scene.open(&record, 2).err(), Some(SealError::Unopenable), "the removed device");
    // A member with the key sealed to another.
    let (one, two) = (&scene.members[0], &scene.members[1]);
    assert!(record.open(ROOM, two.id(), &[&one.prekey]).is_err());
    assert!(record.open(ROOM, one.id(), &[]).is_err());
}

#[test]
fn older_prekeys_are_tried_in_turn() {
    let mut scene = scene();
    let epoch = secrets(&[], 7);
    let record = scene.seal(&epoch, &[]);
    let (one, other) = (&scene.members[0], &scene.members[1]);
    assert!(record.open(ROOM, one.id(), &[&other.prekey, &other.noise, &one.prekey]).is_ok());
}

#[test]
fn a_sealed_key_is_80_bytes() {
    let mut scene = scene();
    let record = scene.seal(&secrets(&[], 7), &[]);
    assert!(record.keys.iter().all(|key| key.sealed.len() == SEALED_KEY_LEN));
}

#[test]
fn an_altered_change_does_not_open() {
    let mut scene = scene();
    let epoch = secrets(&[EpochId::from_bytes([3; 32]), EpochId::from_bytes([4; 32])], 7);
    let record = scene.seal(&epoch, &[]);
    let stranger = Device::new(&mut scene.rng);
    for (what, altered) in [
        ("id", changed(&record, |r| r.id = EpochId::default())),
        ("parents", changed(&record, |r| r.parents.truncate(1))),
        ("order of parents", changed(&record, |r| r.parents.swap(0, 1))),
        ("admission", changed(&record, |r| r.admission[0] ^= 1)),
        ("removed", changed(&record, |r| r.removed.clear())),
        ("one more removed", changed(&record, |r| r.removed.push(stranger.id()))),
        ("heads", changed(&record, |r| r.heads[0].1.next += 1)),
        ("head", changed(&record, |r| r.heads[0].1.head = parlor_protocol::EntryId::default())),
        ("owner", changed(&record, |r| r.owner = stranger.card())),
        ("sealed", changed(&record, |r| r.keys[0].sealed[50] ^= 1)),
        ("swapped keys", changed(&record, |r| r.keys[0].sealed = record.keys[1].sealed.clone())),
        ("room", record.clone()),
    ] {
        let room = if what == "room" { RoomId::from_bytes([2; 32]) } else { ROOM };
        let member = &scene.members[0];
        assert_eq!(altered.open(room, member.id(), &[&member.prekey]).err(), Some(SealError::Unopenable), "{what}");
    }
}

#[test]
fn an_owner_cannot_seal_a_key_that_the_id_does_not_commit_to() {
    let mut scene = scene();
    let record = scene.seal(&secrets(&[], 7), &[]);
    let other = scene.seal(&secrets(&[], 8), &[]);
    let mixed = changed(&record, |r| r.keys = other.keys.clone());
    assert!(scene.open(&mixed, 0).is_err());
}

#[test]
fn newcomers_walk_back_where_everything_may_be_read() {
    let mut scene = scene();
    let (one, two) = (secrets(&[], 1), secrets(&[EpochId::from_bytes([9; 32])], 2));
    let merge = secrets(&[one.id(), two.id()], 3);
    // Whatever order the links are in, and with one branch unknown to the owner.
    for links in [vec![&one, &two], vec![&two, &one], vec![&two]] {
        let record = scene.seal(&merge, &links);
        let opened = record.open_previous(&merge, two.id(), two.parents()).unwrap();
        assert_eq!(opened.key(), two.key());
        assert_eq!(record.open_previous(&merge, one.id(), &[]).is_ok(), links.len() == 2);
        assert!(record.open_previous(&merge, two.id(), &[]).is_err(), "wrong grandparents");
        assert!(record.open_previous(&merge, EpochId::default(), &[]).is_err(), "no parent");
        assert!(record.open_previous(&secrets(&[], 4), two.id(), two.parents()).is_err(), "another key");
    }
}

#[test]
fn nothing_links_back_where_newcomers_read_from_joining_on() {
    let mut scene = scene();
    let one = secrets(&[], 1);
    let two = secrets(&[one.id()], 2);
    let record = scene.seal(&two, &[]);
    assert!(record.open_previous(&two, one.id(), &[]).is_err());
}

#[test]
fn an_altered_link_does_not_open() {
    let mut scene = scene();
    let one = secrets(&[], 1);
    let two = secrets(&[one.id()], 2);
    let record = scene.seal(&two, &[&one]);
    for at in 0..record.previous[0].len() {
        let altered = changed(&record, |r| r.previous[0][at] ^= 1);
        assert!(altered.open_previous(&two, one.id(), &[]).is_err(), "byte {at}");
    }
    let cut = changed(&record, |r| r.previous[0].truncate(20));
    assert!(cut.open_previous(&two, one.id(), &[]).is_err());
}

#[test]
fn a_record_reads_back() {
    let mut scene = scene();
    let one = secrets(&[], 1);
    let record = scene.seal(&secrets(&[one.id()], 2), &[&one]);
    assert_eq!(EpochRecord::decode(&record.encode().unwrap()).unwrap(), record);
}

#[test]
fn records_over_a_limit_are_refused() {
    let mut scene = scene();
    let one = secrets(&[], 1);
    let record = scene.seal(&secrets(&[one.id()], 2), &[&one]);
    let decode = |record: EpochRecord| EpochRecord::decode(&codec::encode(&record, EPOCH_BODY_MAX).unwrap());
    let device = scene.owner.id();
    let parents = decode(changed(&record, |r| r.parents = vec![EpochId::default(); EPOCH_PARENTS_MAX + 1]));
    assert_eq!(parents.unwrap_err(), CodecError::TooMany { what: "parents", max: 16, got: 17 });
    let removed = decode(changed(&record, |r| r.removed = vec![device; DEVICES_MAX + 1]));
    assert_eq!(removed.unwrap_err(), CodecError::TooMany { what: "removed devices", max: 512, got: 513 });
    let keys = decode(changed(&record, |r| r.keys = vec![record.keys[0].clone(); DEVICES_MAX + 1]));
    assert_eq!(keys.unwrap_err(), CodecError::TooMany { what: "sealed keys", max: 512, got: 513 });
    let links = decode(changed(&record, |r| r.previous.push(r.previous[0].clone())));
    assert_eq!(links.unwrap_err(), CodecError::TooMany { what: "linked keys", max: 1, got: 2 });
    let malformed = Err(CodecError::Malformed("epoch"));
    assert_eq!(decode(changed(&record, |r| r.keys[0].sealed.push(0))), malformed);
    assert_eq!(decode(changed(&record, |r| r.previous[0].truncate(71))), malformed);
    assert_eq!(decode(changed(&record, |r| r.owner.created += 1)), malformed);
    let longest = changed(&record, |r| {
        r.keys = vec![record.keys[0].clone(); DEVICES_MAX];
        r.removed = vec![device; DEVICES_MAX];
        r.heads = vec![record.heads[0]; DEVICES_MAX];
    });
    assert_eq!(decode(longest.clone()).unwrap(), longest);
}

#[test]
fn a_certificate_admits_one_device_to_one_epoch_of_one_room() {
    let (one, two) = (secrets(&[], 1), secrets(&[], 2));
    let (device, other) = (Device::new(&mut rng(2)).id(), Device::new(&mut rng(3)).id());
    let cert = one.admit(device);
    assert_eq!(cert.check(ROOM, &one.admission_public()), Ok(()));
    assert_eq!(cert.check(RoomId::default(), &one.admission_public()), Err(KeyError::BadSignature));
    assert_eq!(cert.check(ROOM, &two.admission_public()), Err(KeyError::BadSignature));
    assert_eq!(cert.check(ROOM, &[0; 32]), Err(KeyError::WeakPoint));
    assert!(changed(&cert, |c| c.device = other).check(ROOM, &one.admission_public()).is_err());
    assert!(changed(&cert, |c| c.epoch = two.id()).check(ROOM, &one.admission_public()).is_err());
    assert_eq!(AdmissionCert::decode(&cert.encode().unwrap()).unwrap(), cert);
}

#[test]
fn a_genesis_has_1_to_512_owners() {
    let good = genesis_body(UserId::from_bytes([1; 32]));
    assert_eq!(Genesis::decode(&good.encode().unwrap()).unwrap(), good);
    let none = changed(&good, |g| g.owners.clear()).encode().unwrap();
    assert_eq!(Genesis::decode(&none), Err(CodecError::Malformed("genesis without owner")));
    let many = changed(&good, |g| g.owners = vec![g.owners[0]; DEVICES_MAX + 1]).encode().unwrap();
    assert_eq!(Genesis::decode(&many), Err(CodecError::TooMany { what: "owners", max: 512, got: 513 }));
    assert_eq!(Genesis::decode(&[]), Err(CodecError::Empty));
    assert!(Genesis::decode(&vec![1; BODY_MAX + 1]).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_turned_bit_in_a_certificate_is_noticed(bit in any::<prop::sample::Index>()) {
        let epoch = secrets(&[], 1);
        let bytes = epoch.admit(Device::new(&mut rng(2)).id()).encode().unwrap();
        let altered = support::flipped(&bytes, bit.index(bytes.len() * 8));
        let holds = AdmissionCert::decode(&altered).is_ok_and(|c| c.check(ROOM, &epoch.admission_public()).is_ok());
        prop_assert!(!holds);
    }

    #[test]
    fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..500)) {
        let bytes = [vec![1], bytes].concat();
        let _ = (Genesis::decode(&bytes), AdmissionCert::decode(&bytes), EpochRecord::decode(&bytes));
    }

    #[test]
    fn a_turned_bit_in_a_record_never_leads_to_another_key(bit in any::<prop::sample::Index>()) {
        let mut scene = scene();
        let epoch = secrets(&[], 7);
        let bytes = scene.seal(&epoch, &[]).encode().unwrap();
        let altered = support::flipped(&bytes, bit.index(bytes.len() * 8));
        if let Ok(record) = EpochRecord::decode(&altered) && let Ok(opened) = scene.open(&record, 0) {
            prop_assert_eq!(opened.key(), epoch.key());
        }
    }
}
