//! Whom it dials, when, and what strangers cannot make it do.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use super::{
    super::address::{self, local},
    *,
};

fn peer(n: u8) -> DeviceId {
    DeviceId::from_bytes([n; 32])
}

fn connection(n: usize) -> ConnectionId {
    ConnectionId::new_unchecked(n)
}

/// Somebody whom nobody knows, and an address of its own.
fn made_up(n: u32) -> (DeviceId, Multiaddr) {
    let mut id = [9; 32];
    id.iter_mut().zip(n.to_be_bytes()).for_each(|(slot, byte)| *slot = byte);
    let [_, _, c, d] = n.to_be_bytes();
    (DeviceId::from_bytes(id), address::tcp([10, 9, c, d].into(), 1))
}

fn is_typed(attempt: &Attempt) -> bool {
    matches!(attempt, Attempt::Lookup(_))
}

#[test]
fn machines_that_somebody_made_up_take_no_place_from_what_is_typed_or_known() {
    let mut dialer = Dialer::new(1, Instant::now());
    let mut now = Instant::now();
    dialer.remember(peer(1), &[local(1)], now);
    for n in 0..u32::try_from(TARGETS_MAX).unwrap() * 3 {
        let (device, address) = made_up(n);
        dialer.announced(device, &[address], now, Duration::ZERO);
        now += Duration::from_millis(250);
    }
    assert_eq!(dialer.targets.len(), TARGETS_MAX);
    dialer.add_typed("192.168.1.5", now);
    dialer.remember(peer(2), &[local(3)], now);
    let due = dialer.due(now, |_| true);
    for wanted in [
        Attempt::Lookup("192.168.1.5".to_owned()),
        Attempt::Peer(peer(2), vec![local(3)]),
        Attempt::Peer(peer(1), vec![local(1)]),
    ] {
        assert!(due.contains(&wanted), "{wanted:?}");
    }
    assert_eq!(dialer.targets.len(), TARGETS_MAX);
}

#[test]
fn what_is_typed_has_a_place_also_where_everybody_answers() {
    let mut dialer = Dialer::new(1, Instant::now());
    let now = Instant::now();
    for n in 0..u32::try_from(TARGETS_MAX).unwrap() {
        dialer.remember(made_up(n).0, &[local(2)], now);
    }
    dialer.add_typed("192.168.1.5", now);
    assert!(dialer.due(now, |_| false).iter().any(is_typed));
}

#[test]
fn only_so_many_addresses_that_others_name_become_targets_in_a_minute() {
    let mut dialer = Dialer::new(1, Instant::now());
    let now = Instant::now();
    // At one machine's address, however many devices or ports are named there.
    for n in 0..500 {
        dialer.announced(made_up(n).0, &[local(1)], now, Duration::ZERO);
        dialer.announced(made_up(1).0, &[local(u16::try_from(n).unwrap() + 2)], now, Duration::ZERO);
    }
    let there = dialer.targets.values().map(|entry| entry.heard.len()).sum::<usize>();
    assert!((8..=16).contains(&there), "{there}");
    // And of all.
    for n in 0..5_000 {
        let (device, address) = made_up(n);
        dialer.said(device, &[address], now);
    }
    assert!(dialer.targets.values().map(|entry| entry.heard.len()).sum::<usize>() < 1_024);
    let soon = now + Duration::from_secs(60);
    dialer.announced(peer(2), &[local(9)], soon, Duration::ZERO);
    assert!(dialer.targets.contains_key(&Target::Peer(peer(2))), "later there is place again");
}

#[test]
fn a_stranger_that_never_answers_is_not_dialed_more_often_because_it_is_announced_again_and_again() {
    let mut dialer = Dialer::new(1, Instant::now());
    let (start, mut tries) = (Instant::now(), 0);
    for second in 0..120_u16 {
        let now = start + Duration::from_secs(second.into());
        dialer.announced(peer(1), &[local(1), address::tcp([10, 1, 1, 1].into(), second + 1)], now, Duration::ZERO);
        for _ in dialer.due(now, |_| true) {
            tries += 1;
            dialer.started(&Target::Peer(peer(1)), connection(tries), now);
            dialer.failed(connection(tries), now);
        }
    }
    assert!(tries < 16, "dialed {tries} times in two minutes");
}

#[test]
fn somebody_known_who_is_announced_again_is_dialed_at_once_where_it_was_whatever_else_is_announced() {
    let mut dialer = Dialer::new(1, Instant::now());
    let now = Instant::now();
    dialer.remember(peer(1), &[local(1)], now);
    for n in 0..10 {
        dialer.started(&Target::Peer(peer(1)), connection(n), now);
        dialer.failed(connection(n), now);
    }
    let later = now + Duration::from_secs(2);
    assert_eq!(dialer.due(later, |_| true), []);
    for port in 100..200 {
        dialer.announced(peer(1), &[local(port)], later, Duration::ZERO);
    }
    match dialer.due(later, |_| true).as_slice() {
        [Attempt::Peer(_, addresses)] => assert_eq!(addresses.first(), Some(&local(1))),
        other => panic!("{other:?}"),
    }
}

#[test]
fn who_is_nobody_to_come_back_to_is_not_dialed_at_once_when_it_goes() {
    let mut dialer = Dialer::new(1, Instant::now());
    let now = Instant::now();
    dialer.announced(peer(1), &[local(1)], now, Duration::ZERO);
    dialer.disconnected(peer(1), now);
    assert_eq!(dialer.due(now + Duration::from_secs(2), |_| true), []);
    dialer.keep(peer(1), true);
    dialer.disconnected(peer(1), now);
    assert_eq!(dialer.due(now + Duration::from_secs(2), |_| true).len(), 1);
}

#[test]
fn waits_grow_from_half_a_second_to_half_a_minute() {
    let mut dialer = Dialer::new(1, Instant::now());
    let mut now = Instant::now();
    dialer.remember(peer(1), &[local(1)], now);
    let mut waits = Vec::new();
    for n in 0..10 {
        assert_eq!(dialer.due(now, |_| true), [Attempt::Peer(peer(1), vec![local(1)])]);
        dialer.started(&Target::Peer(peer(1)), connection(n), now);
        assert_eq!(dialer.due(now, |_| true), []);
        dialer.failed(connection(n), now);
        let next = dialer.next_due().unwrap();
        waits.push(next - now);
        now = next;
    }
    assert!(*waits.first().unwrap() < Duration::from_millis(700), "{waits:?}");
    assert!(*waits.last().unwrap() > Duration::from_secs(20), "{waits:?}");
    assert!(waits.iter().all(|wait| *wait < BACKOFF_MAX * 2), "{waits:?}");
}

#[test]
fn a_connected_peer_is_not_dialed_and_a_lost_one_soon_is() {
    let mut dialer = Dialer::new(1, Instant::now());
    let now = Instant::now();
    dialer.remember(peer(1), &[local(1)], now);
    assert_eq!(dialer.due(now, |_| false), []);
    dialer.disconnected(peer(1), now);
    assert_eq!(dialer.due(now, |_| true), []);
    assert_eq!(dialer.due(now + Duration::from_secs(1), |_| true).len(), 1);
}

#[test]
fn a_change_of_the_network_ends_all_waiting() {
    let mut dialer = Dialer::new(1, Instant::now());
    let now = Instant::now();
    dialer.remember(peer(1), &[local(1)], now);
    for n in 0..8 {
        dialer.started(&Target::Peer(peer(1)), connection(n), now);
        dialer.failed(connection(n), now);
    }
    assert_eq!(dialer.due(now + Duration::from_secs(5), |_| true), []);
    dialer.reset(now + Duration::from_secs(5));
    assert_eq!(dialer.due(now + Duration::from_secs(5), |_| true).len(), 1);
}

#[test]
fn the_addresses_of_a_typed_host_are_tried_one_after_the_other_until_one_answers() {
    let mut dialer = Dialer::new(1, Instant::now());
    let now = Instant::now();
    let typed = Target::Typed("host".into());
    dialer.add_typed("host", now);
    assert_eq!(dialer.due(now, |_| true), [Attempt::Lookup("host".into())]);
    assert_eq!(dialer.due(now, |_| true), []);
    dialer.resolved("host", vec![local(1), local(2), local(3)], now);
    assert_eq!(dialer.due(now, |_| true), [Attempt::Address("host".into(), local(1))]);
    dialer.started(&typed, connection(1), now);
    assert_eq!(dialer.due(now, |_| true), []);
    let later = now + STAGGER;
    assert_eq!(dialer.due(later, |_| true), [Attempt::Address("host".into(), local(2))]);
    dialer.started(&typed, connection(2), later);
    assert_eq!(dialer.established(connection(2), peer(2)), Some("host".into()));
    assert_eq!(dialer.due(later + STAGGER, |p| *p != peer(2)), []);
}

#[test]
fn a_peer_known_only_from_an_announcement_is_forgotten_when_it_never_answers() {
    let mut dialer = Dialer::new(1, Instant::now());
    let now = Instant::now();
    dialer.announced(peer(1), &[local(1)], now, Duration::ZERO);
    for n in 0..FORGET_AFTER as usize {
        dialer.started(&Target::Peer(peer(1)), connection(n), now);
        dialer.failed(connection(n), now);
    }
    assert!(dialer.targets.is_empty());
}
