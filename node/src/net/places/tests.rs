//! Who gets a place, who gives way, and that known devices always have one.

#![allow(clippy::expect_used, clippy::indexing_slicing)]

use super::{super::address::local, *};

struct Crowd {
    places: Places,
    next: usize,
    now: Instant,
}

const LIMITS: ConnectionLimits = ConnectionLimits { known: 8, strangers: 12, of_address: 4, dialed_strangers: 3 };

fn source(n: u8) -> Option<Source> {
    Some(Source::of([10, 0, 0, n].into()))
}

impl Crowd {
    fn new() -> Self {
        Self { places: Places::new(LIMITS), next: 0, now: Instant::now() }
    }

    fn number(&mut self) -> ConnectionId {
        self.next += 1;
        ConnectionId::new_unchecked(self.next)
    }

    /// A connection comes in. Answers with its number when it has a place, and with whose place that was.
    fn comes(&mut self, peer: PeerId, from: u8) -> Option<(ConnectionId, Option<PeerId>)> {
        let connection = self.number();
        let gone = match self.places.incoming(peer, source(from), self.now) {
            Verdict::Full => return None,
            Verdict::Welcome => None,
            Verdict::Instead(other) => {
                let gone = self.places.peer_of(other);
                self.places.closed(other);
                gone
            }
        };
        self.places.opened(connection, peer, local(1), source(from), false, self.now);
        Some((connection, gone))
    }

    fn stranger(&mut self, from: u8) -> Option<PeerId> {
        let peer = PeerId::random();
        self.comes(peer, from).map(|_| peer)
    }

    fn known(&mut self) -> PeerId {
        let peer = PeerId::random();
        self.places.known.add(peer);
        peer
    }

    fn later(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
    }

    fn dials(&mut self, peer: PeerId, by_hand: bool) -> Verdict {
        let connection = self.number();
        if by_hand {
            self.places.will_dial_by_hand(connection);
        }
        match self.places.dial(connection, Some(peer)) {
            Verdict::Welcome => {}
            verdict => return verdict,
        }
        let verdict = self.places.reached(connection, peer);
        if verdict == Verdict::Welcome {
            self.places.opened(connection, peer, local(1), source(1), true, self.now);
        }
        verdict
    }
}

#[test]
fn strangers_take_no_place_from_known_devices_from_one_address_or_from_many() {
    let mut crowd = Crowd::new();
    let from_one = (0..100).filter(|_| crowd.stranger(1).is_some()).count();
    assert_eq!(from_one, LIMITS.of_address);
    let from_many = (0..100).filter(|n| crowd.stranger(n + 2).is_some()).count();
    assert!(from_many >= LIMITS.strangers - from_one);
    assert_eq!(crowd.places.links.len(), LIMITS.strangers);
    for _ in 0..LIMITS.known {
        let known = crowd.known();
        assert_eq!(crowd.comes(known, 1).map(|(_, gone)| gone), Some(None), "also from an address full of strangers");
    }
}

#[test]
fn an_address_with_many_strangers_gives_way_to_one_with_few() {
    let mut crowd = Crowd::new();
    for n in 0..12 {
        assert!(crowd.stranger(n / 4 + 1).is_some());
    }
    let (_, gone) = crowd.comes(PeerId::random(), 9).expect("it has the place of another");
    assert!(gone.is_some());
    let shares = |crowd: &Crowd, from| crowd.places.links.values().filter(|link| link.source == source(from)).count();
    assert_eq!((shares(&crowd, 9), crowd.places.links.len()), (1, LIMITS.strangers));
    // Until it has as many as they.
    assert!(crowd.stranger(9).is_some() && crowd.stranger(9).is_some());
    assert!(crowd.stranger(9).is_none(), "everybody has three");
    // Nobody stays for good where there is no place.
    crowd.later(10);
    assert!(crowd.stranger(8).is_some());
}

#[test]
fn who_says_nothing_gives_way_before_who_speaks() {
    let mut crowd = Crowd::new();
    let all: Vec<_> = (0..12).filter_map(|n| crowd.stranger(n)).collect();
    crowd.later(9);
    assert!(crowd.stranger(50).is_none(), "all of them have time for what they came for");
    let (silent, speaking) = all.split_first().expect("twelve");
    speaking.iter().for_each(|peer| crowd.places.spoke(peer));
    crowd.later(2);
    assert_eq!(crowd.comes(PeerId::random(), 50).and_then(|(_, gone)| gone).as_ref(), Some(silent));
}

#[test]
fn a_stranger_that_speaks_no_parlor_or_asks_for_nothing_goes_and_a_known_device_stays() {
    let mut crowd = Crowd::new();
    let (silent, idle, asking) = (crowd.stranger(1), crowd.stranger(2), crowd.stranger(3));
    let known = crowd.known();
    crowd.comes(known, 4);
    assert_eq!(crowd.dials(PeerId::random(), true), Verdict::Welcome);
    [idle, asking].iter().flatten().for_each(|peer| crowd.places.spoke(peer));
    let gone = |crowd: &Crowd| crowd.places.overdue(crowd.now).into_iter().map(|(peer, _)| peer).collect::<Vec<_>>();
    crowd.later(9);
    assert_eq!(gone(&crowd), []);
    crowd.later(1);
    assert_eq!(gone(&crowd), Vec::from_iter(silent));
    crowd.later(45);
    asking.iter().for_each(|peer| crowd.places.active(peer, crowd.now));
    crowd.later(5);
    assert!(gone(&crowd).contains(&idle.expect("it had a place")));
    assert_eq!(gone(&crowd).len(), 2);
    crowd.later(3600);
    assert!(!gone(&crowd).contains(&known));
    assert_eq!(gone(&crowd).len(), 3, "who was dialed by hand stays as well");
}

#[test]
fn a_device_that_becomes_known_is_no_stranger_any_more_and_the_other_way_round() {
    let mut crowd = Crowd::new();
    let peer = crowd.stranger(1).expect("it has a place");
    crowd.places.known.add(peer);
    crowd.later(3600);
    assert!(crowd.places.overdue(crowd.now).is_empty() && crowd.places.is_known(&peer));
    crowd.places.known.remove(&peer);
    assert_eq!(crowd.places.overdue(crowd.now).len(), 1);
}

#[test]
fn where_known_devices_have_no_place_left_the_one_that_was_known_last_gives_way() {
    let mut crowd = Crowd::new();
    let all: Vec<_> = (0..LIMITS.known + 2).map(|_| crowd.known()).collect();
    let (early, late) = all.split_at(2);
    late.iter().for_each(|peer| assert!(crowd.comes(*peer, 1).is_some()));
    let last = *late.last().expect("eight");
    assert_eq!(crowd.comes(early[0], 1).and_then(|(_, gone)| gone), Some(last));
    assert!(crowd.comes(last, 1).is_none(), "and does not come back by that");
}

#[test]
fn strangers_do_not_keep_this_machine_from_dialing() {
    let mut crowd = Crowd::new();
    for n in 0..100 {
        crowd.stranger(n);
    }
    let dialed = (0..10).filter(|_| crowd.dials(PeerId::random(), false) == Verdict::Welcome).count();
    assert_eq!(dialed, LIMITS.dialed_strangers, "who is announced takes a few places");
    let known = crowd.known();
    assert_eq!(crowd.dials(known, false), Verdict::Welcome);
    for _ in 0..20 {
        assert_eq!(crowd.dials(PeerId::random(), true), Verdict::Welcome, "what a person typed is always dialed");
    }
}

#[test]
fn one_peer_has_only_so_many_connections_known_or_not() {
    let mut crowd = Crowd::new();
    let known = crowd.known();
    let got = (0..20).filter(|n| crowd.comes(known, *n).is_some()).count();
    assert_eq!(got, OF_PEER_MAX);
}
