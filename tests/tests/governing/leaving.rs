//! Leaving a room while nobody is there who could hear it.

use super::*;
use parlor_node::store::LocalStore as _;
use parlor_protocol::{
    keys::{DeviceKey, Secret},
    wire::{Answer, Request, RoomRequest},
};
use parlor_tests::sim::Stranger;

/// One who listens to whatever it hears of, and says to have everything.
#[derive(Debug)]
struct Yes;

impl Stranger for Yes {
    fn answer(&mut self, request: Request) -> Option<Answer> {
        let is_comparison = matches!(request, Request::Room { ask: RoomRequest::Heights { .. }, .. });
        is_comparison.then_some(Answer::Same)
    }
}

fn stranger(network: &mut Network, host: HostId) {
    let device = DeviceKey::from_seed(&Secret::from_bytes([9; 32])).id();
    network.add_stranger(device, Box::new(Yes));
    network.meet(host, device, false);
    network.run_for(60_000);
}

#[test]
fn a_stranger_who_says_to_have_heard_it_does_not_end_the_leaving() {
    let mut network = Network::new(2, 140, Faults::NONE);
    let (room, _) = room_of(&mut network, 2);
    network.cut(&[0], &[1]);
    stranger(&mut network, 1);
    network.call(1, Command::LeaveRoom { room }).unwrap();
    network.run_for(120_000);
    assert_eq!(standing(&mut network, 1, room), Some(RoomStanding::Leaving));
    network.heal();
    assert!(network.run_until(|network| network.member_count(0, room) == 1));
    assert!(network.run_until(|network| standing(network, 1, room).is_none()), "it is forgotten");
}

#[test]
fn what_a_stranger_says_to_have_is_not_kept() {
    let mut network = Network::new(2, 141, Faults::NONE);
    let (room, _) = room_of(&mut network, 2);
    stranger(&mut network, 1);
    text(&mut network, 1, room, "hello").unwrap();
    network.run_for(120_000);
    network.quit(1);
    let loaded = network.hosts[1].store.load().unwrap();
    let received: Vec<_> = loaded.rooms[0].0.received.iter().map(|(device, _)| *device).collect();
    assert_eq!(received, [network.hosts[0].device()]);
}

#[test]
fn who_is_alone_with_another_own_device_may_leave() {
    let mut network = Network::new(2, 142, Faults::NONE);
    let (room, _) = network.create(0, "attic");
    network.link(0, 1);
    assert!(network.run_until(|network| network.member_count(0, room) == 2 && network.member_count(1, room) == 2));
    network.call(0, Command::LeaveRoom { room }).unwrap();
    assert!(network.run_until(|network| (0..2).all(|host| standing(network, host, room).is_none())));
}
