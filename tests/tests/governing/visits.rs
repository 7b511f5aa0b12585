//! Guests, and what the list of members says of how everybody came.

use bytes::Bytes;
use parlor_node::{
    Came, Visit,
    store::{LocalStore as _, StoredEntry, Write},
};
use parlor_protocol::{
    DeviceId,
    access::wire::NotAdmitted,
    card::UserKey,
    entry::{Entry, Kind},
    epoch::EpochRecord,
    keys::DeviceKey,
    wire::{Answer, Gossip, Refusal, Request, RoomRequest},
};
use parlor_tests::{door::Door, sim::stretched};
use rand_chacha::ChaCha20Rng;
use std::time::Duration;

use super::*;

const HOUR: u64 = 60 * 60 * 1000;

/// A room of two hosts, and a third that is a guest there.
fn with_guest(network: &mut Network) -> (RoomId, RoomCode) {
    let (room, code) = room_of(network, 2);
    network.open_page(2);
    network.join(2, &code).unwrap();
    let all_know = |network: &mut Network| (0..3).all(|host| network.member_count(host, room) == 3);
    assert!(network.run_until(all_know));
    network.run_for(3_000);
    (room, code)
}

fn member_of(network: &mut Network, host: HostId, room: RoomId, device: DeviceId) -> Option<Member> {
    members(network, host, room).into_iter().find(|member| member.device == device)
}

fn visit(network: &mut Network, host: HostId, room: RoomId, device: DeviceId) -> Option<Visit> {
    member_of(network, host, room, device).and_then(|member| member.visit)
}

fn came(network: &mut Network, host: HostId, room: RoomId, device: DeviceId) -> Option<Came> {
    member_of(network, host, room, device).and_then(|member| member.came)
}

/// What a host says to a device that asks for the room.
fn served(network: &mut Network, host: HostId, room: RoomId, device: DeviceId) -> Option<NotAdmitted> {
    let ask = Request::Room { room, ask: RoomRequest::Heights { digest: [0; 32], epochs: [0; 32] } };
    match network.ask_as(device, host, &ask) {
        Some(Answer::Refused(Refusal::NotAdmitted(why))) => Some(why),
        _ => None,
    }
}

/// The record of the epoch that the first host began last.
fn newest_record(network: &mut Network, host: HostId, room: RoomId) -> EpochRecord {
    let entries = network.entries_of(host, room).into_iter();
    let newest = entries.filter(|entry| entry.header().kind == Kind::Epoch).max_by_key(|entry| entry.header().seq);
    EpochRecord::decode(newest.expect("an epoch").body()).unwrap()
}

fn names_in(record: &EpochRecord, device: DeviceId) -> bool {
    record.keys.iter().any(|key| key.device == device)
}

fn sees(network: &mut Network, host: HostId, room: RoomId, text: &str) -> bool {
    network.run_until(|network| network.texts(host, room).iter().any(|seen| seen == text))
}

#[test]
fn a_guest_is_served_for_its_time_and_left_out_after_it() {
    let mut network = Network::new(3, 330, Faults::NONE);
    let (room, code) = with_guest(&mut network);
    let guest = network.hosts[2].device();
    text(&mut network, 2, room, "hello from the library").unwrap();
    text(&mut network, 0, room, "welcome").unwrap();
    assert!(sees(&mut network, 0, room, "hello from the library") && sees(&mut network, 2, room, "welcome"));
    for host in 0..3 {
        let known = visit(&mut network, host, room, guest).expect("a guest");
        assert!(!known.over, "host {host}");
        assert_eq!(network.summary(host, room).unwrap().members, 3);
        assert_eq!(served(&mut network, host.min(1), room, guest), None);
    }
    network.run_for(11 * HOUR);
    text(&mut network, 2, room, "still here").unwrap();
    assert!(sees(&mut network, 1, room, "still here"));
    network.run_for(2 * HOUR);
    for host in 0..3 {
        let member = member_of(&mut network, host, room, guest).expect("it is listed");
        assert!(member.visit.unwrap().over && !member.online, "host {host}");
        assert_eq!(network.summary(host, room).unwrap().members, 2, "host {host}");
    }
    for host in 0..2 {
        assert_eq!(served(&mut network, host, room, guest), Some(NotAdmitted::Out));
    }
    assert_eq!(standing(&mut network, 2, room), Some(RoomStanding::VisitOver));
    assert_eq!(text(&mut network, 2, room, "one more").unwrap_err(), CommandError::VisitOver);
    // The next epoch does not name it.
    text(&mut network, 0, room, "among us").unwrap();
    let ben = user(&mut network, 1, room);
    set_role(&mut network, 0, room, ben, Role::Moderator).unwrap();
    let record = newest_record(&mut network, 0, room);
    assert!(names_in(&record, network.hosts[1].device()) && !names_in(&record, guest), "it is left out");
    text(&mut network, 1, room, "after the visit").unwrap();
    assert!(sees(&mut network, 0, room, "after the visit"));
    network.run_for(HOUR);
    assert!(!network.readable(2, room).iter().any(|text| text == "after the visit"));
    assert!(network.keys_of(2, room).iter().all(|known| known.id() != record.id));
    for host in 0..2 {
        assert!(member_of(&mut network, host, room, guest).is_none());
        assert_eq!(standing(&mut network, host, room), Some(RoomStanding::Member));
    }
    assert_eq!(standing(&mut network, 2, room), Some(RoomStanding::VisitOver));
    // With a code it comes again.
    network.join(2, &code).unwrap();
    assert!(sees(&mut network, 2, room, "after the visit"));
    assert_eq!(standing(&mut network, 2, room), Some(RoomStanding::Member));
    assert!(network.run_until(|network| visit(network, 1, room, guest).is_some_and(|visit| !visit.over)));
}

#[test]
fn a_guest_that_closes_is_gone_at_once() {
    let mut network = Network::new(3, 331, Faults::NONE);
    let (room, code) = with_guest(&mut network);
    let guest = network.hosts[2].device();
    text(&mut network, 2, room, "just looking").unwrap();
    assert!(sees(&mut network, 0, room, "just looking"));
    network.quit(2);
    network.run_for(100);
    for host in 0..2 {
        assert!(member_of(&mut network, host, room, guest).is_none(), "host {host}");
        assert_eq!(served(&mut network, host, room, guest), Some(NotAdmitted::Out));
        let left = |message: &parlor_node::Message| message.body == MessageBody::Left && message.author == guest;
        assert!(network.messages(host, room).iter().any(left));
    }
    // An owner changes the key, because of who went out.
    assert!(network.run_until(|network| !names_in(&newest_record(network, 0, room), guest)));
    // Whoever sits there next is somebody else.
    network.open_page(2);
    network.join(2, &code).unwrap();
    assert!(network.run_until(|network| (0..3).all(|host| network.member_count(host, room) == 3)));
    // Who stays does not go out with its program.
    network.quit(1);
    network.run_for(1_000);
    assert_eq!(network.member_count(0, room), 3);
}

#[test]
fn a_page_of_somebody_with_other_devices_takes_nobody_along() {
    let mut network = Network::new(4, 335, Faults::NONE);
    let (room, _) = room_of(&mut network, 3);
    network.open_page(3);
    network.link(2, 3);
    assert!(network.run_until(|network| (0..4).all(|host| network.member_count(host, room) == 4)));
    let page = network.hosts[3].device();
    // What it joins the person's other devices join because of it, so there it does not come for a while only.
    let (cellar, code) = network.create(0, "cellar");
    network.join(3, &code).unwrap();
    assert!(network.run_until(|network| network.member_count(2, cellar) == 3));
    assert_eq!(visit(&mut network, 0, cellar, page), None);
    network.run_for(3_000);
    network.quit(3);
    network.run_for(100);
    for host in 0..3 {
        assert!(member_of(&mut network, host, room, page).is_none(), "host {host}");
    }
    network.run_for(30 * 60_000);
    text(&mut network, 2, room, "closed it").unwrap();
    text(&mut network, 2, cellar, "came by it").unwrap();
    assert!(sees(&mut network, 0, room, "closed it") && sees(&mut network, 0, cellar, "came by it"));
}

#[test]
fn the_list_says_how_everybody_came() {
    let mut network = Network::new(4, 332, Faults::NONE);
    let (room, _) = room_of(&mut network, 2);
    let theirs = code(network.call(1, Command::MakeCode { room, lifetime: None, uses: None, members_only: false }));
    network.run_for(2_000);
    network.join(2, &theirs).unwrap();
    network.link(2, 3);
    let all_know = |network: &mut Network| (0..4).all(|host| network.member_count(host, room) == 4);
    assert!(network.run_until(all_know));
    let by = |name: &str, own| Came::Code { by: Some(name.to_owned()), own, late: false, too_many: false };
    let link = |own| Came::Link { by: "host 2".to_owned(), own };
    for host in 0..4 {
        let devices: Vec<DeviceId> = (0..4).map(|host| network.hosts[host].device()).collect();
        let expected = [Came::Founding, by("host 0", host == 0), by("host 1", host == 1), link(host == 2 || host == 3)];
        for (device, expected) in devices.into_iter().zip(expected) {
            assert_eq!(came(&mut network, host, room, device), Some(expected), "host {host}");
        }
    }
    // In a room of two there is nothing to say.
    let user = user(&mut network, 0, room);
    let Ok(Reply::Joined(two)) = network.call(1, Command::OpenDirect { user }) else { panic!("a room of two") };
    assert!(members(&mut network, 1, two).iter().all(|member| member.came.is_none()));
}

/// A program that comes in by a code as it likes and says nothing else.
struct Silent {
    key: DeviceKey,
    comes_in: Entry,
}

impl Silent {
    fn new(network: &mut Network, room: RoomId, code: &RoomCode, seed: u64) -> Self {
        let secrets = network.keys_of(0, room).pop().expect("a key");
        let door = Door::find(stretched(code), &network.entries_of(0, room)).expect("a door");
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let (key, user) = (DeviceKey::random(&mut rng), UserKey::random(&mut rng));
        let comes_in = door.comes_in(&user, &key, &secrets, 5, 0);
        Self { key, comes_in }
    }

    fn device(&self) -> DeviceId {
        self.key.id()
    }

    /// Lets a host hear the entry by gossip, from itself and from somebody who is in.
    fn is_told(&self, network: &mut Network, host: HostId, room: RoomId) {
        let topic = network.keys_of(0, room).pop().expect("a key").topic();
        let gossip = Bytes::from(Gossip::Entry(self.comes_in.clone()).encode().unwrap());
        for from in [self.device(), network.hosts[1].device()] {
            network.whisper(host, from, topic, gossip.clone());
            network.run_for(1_000);
        }
    }

    /// Somebody inside takes the entry whatever the rules say, and passes it on.
    fn is_let_in(&self, network: &mut Network, by: HostId, room: RoomId) {
        network.stop(by);
        let entry = StoredEntry { entry: self.comes_in.clone().verify().unwrap(), checked: true };
        let written = network.hosts[by].store.apply(&[vec![Write::Append { room, entries: vec![entry] }]]);
        assert!(written.iter().all(Result::is_ok));
        network.start(by);
        let device = self.device();
        assert!(network.run_until(|network| member_of(network, 0, room, device).is_some()));
    }
}

#[test]
fn who_is_passed_on_after_a_codes_end_is_listed_as_late() {
    let mut network = Network::new(2, 333, Faults::NONE);
    let (room, _) = room_of(&mut network, 2);
    let lifetime = Some(Duration::from_secs(3_600));
    let short = code(network.call(0, Command::MakeCode { room, lifetime, uses: None, members_only: false }));
    network.run_for(2_000);
    let in_time = Silent::new(&mut network, room, &short, 7);
    in_time.is_told(&mut network, 0, room);
    let listed = member_of(&mut network, 0, room, in_time.device()).expect("who said nothing is listed too");
    assert_eq!((listed.name, listed.user), (in_time.device().short(), None));
    network.run_for(3 * HOUR);
    let late = Silent::new(&mut network, room, &short, 8);
    late.is_told(&mut network, 0, room);
    assert!(member_of(&mut network, 0, room, late.device()).is_none(), "gossip does not let it in");
    late.is_let_in(&mut network, 1, room);
    let came = |network: &mut Network, device| match came(network, 0, room, device) {
        Some(Came::Code { by, late, too_many, .. }) => (by.unwrap(), late, too_many),
        other => panic!("by a code, not {other:?}"),
    };
    assert_eq!(came(&mut network, late.device()), ("host 0".to_owned(), true, false));
    assert_eq!(came(&mut network, in_time.device()), ("host 0".to_owned(), false, false));
    // It says so after a restart as well.
    network.stop(0);
    network.start(0);
    assert!(network.run_until(|network| network.member_count(0, room) == 2));
    assert!(came(&mut network, late.device()).1);
    // An owner can remove it.
    network.call(0, Command::RemoveDevice { room, device: late.device() }).unwrap();
    assert!(network.run_until(|network| member_of(network, 1, room, late.device()).is_none()));
    assert!(member_of(&mut network, 0, room, late.device()).is_none());
}

#[test]
fn who_is_passed_on_beyond_a_codes_uses_is_listed_as_too_many() {
    let mut network = Network::new(3, 334, Faults::NONE);
    let (room, _) = room_of(&mut network, 2);
    let once = code(network.call(0, Command::MakeCode { room, lifetime: None, uses: Some(1), members_only: false }));
    network.run_for(2_000);
    network.join(2, &once).unwrap();
    assert!(network.run_until(|network| network.member_count(0, room) == 3));
    let beyond = Silent::new(&mut network, room, &once, 9);
    beyond.is_told(&mut network, 0, room);
    assert!(member_of(&mut network, 0, room, beyond.device()).is_none(), "gossip does not let it in");
    beyond.is_let_in(&mut network, 1, room);
    let is_beyond = |network: &mut Network, device| match came(network, 0, room, device) {
        Some(Came::Code { too_many, late: false, .. }) => too_many,
        other => panic!("by a code, not {other:?}"),
    };
    assert!(is_beyond(&mut network, beyond.device()));
    let third = network.hosts[2].device();
    assert!(!is_beyond(&mut network, third), "who came in time is not");
}
