//! A device learns of several revocations at once and says all of them, under a simulated network: in a
//! quiet log and in the middle of a conversation.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use parlor_protocol::{DeviceId, RoomId};
use parlor_tests::sim::{Faults, HostId, Network};
use std::collections::BTreeSet;

fn members(network: &mut Network, host: HostId, room: RoomId) -> BTreeSet<DeviceId> {
    network.members(host, room).into_iter().map(|member| member.device).collect()
}

/// Anna: 0 desktop, 1 tablet, 2 laptop, 4 phone; 3 is Ben. The desktop is not in Ben's attic: it was off
/// when Anna joined. It revokes laptop and phone, then meets the tablet alone.
fn attic(seed: u64, busy: bool) -> (Network, RoomId, [DeviceId; 2]) {
    let mut network = Network::new(5, seed, Faults::NONE);
    for device in [1, 2, 4] {
        network.link(0, device);
        network.run_for(5_000);
    }
    network.run_for(60_000);
    network.cut(&[0], &[1, 2, 3, 4]);
    let (room, code) = network.create(3, "attic");
    network.join(1, &code).unwrap();
    assert!(network.run_until(|network| [1, 2, 3, 4].iter().all(|host| network.member_count(*host, room) == 4)));
    network.run_for(60_000);
    if busy {
        // A conversation: places of the tablet's log are reserved.
        for n in 0..4 {
            network.say(1, room, &format!("busy {n}")).unwrap();
            network.run_for(300);
        }
    }
    let (laptop, phone) = (network.hosts[2].device(), network.hosts[4].device());
    for device in [laptop, phone] {
        network.revoke(0, device);
    }
    network.run_for(5_000);
    assert!(network.summary(0, room).is_none(), "the desktop is not in the attic");
    // Laptop and phone are stolen and say nothing (honest programs would revoke each other).
    network.stop(2);
    network.stop(4);
    // The desktop meets the tablet, and nobody else.
    network.hosts[1].events.clear();
    network.heal();
    network.cut(&[0], &[2, 3, 4]);
    let news = |network: &mut Network| network.own_devices(1).iter().filter(|d| d.revoked.is_some()).count() == 2;
    assert!(network.run_until(news));
    // Else it joins the attic and says so itself.
    network.stop(0);
    (network, room, [laptop, phone])
}

fn both_are_out(busy: bool) {
    for seed in 4000..4006 {
        let (mut network, room, stolen) = attic(seed, busy);
        network.run_for(120_000);
        assert_eq!(network.problems(1), [""; 0], "seed {seed}");
        for host in [1, 3] {
            assert!(members(&mut network, host, room).is_disjoint(&BTreeSet::from(stolen)), "seed {seed}, host {host}");
        }
        network.say(1, room, "the log goes on").unwrap();
        assert!(network.run_until(|network| network.texts(3, room).contains(&"the log goes on".to_owned())));
        network.say(3, room, "after both are out").unwrap();
        // The laptop comes back, and meets everybody but the tablet.
        network.cut(&[2], &[1]);
        network.start(2);
        network.run_for(120_000);
        assert!(!network.texts(2, room).contains(&"after both are out".to_owned()), "seed {seed}: a thief reads on");
    }
}

#[test]
fn two_devices_revoked_while_a_third_was_away_are_both_out() {
    both_are_out(false);
}

#[test]
fn two_devices_revoked_while_a_third_was_in_a_conversation_are_both_out() {
    both_are_out(true);
}
