//! Who governs a room, under a simulated network: removing, roles, rules, codes, leaving; owners who
//! act at once while apart; power cuts in the middle.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use parlor_node::{CodeInfo, Command, CommandError, Member, MessageBody, Reply, RoomChange, RoomStanding};
use parlor_protocol::{HistoryPolicy, Name, Role, RoomCode, RoomId, Text, UserId};
use parlor_tests::sim::{Faults, Network};
use rand_core::{RngCore as _, SeedableRng as _};
use std::collections::BTreeSet;

mod codes;
mod history;
mod leaving;
mod moderating;
mod owners;
mod removing;
mod steps;
mod visits;

type HostId = usize;

fn members(network: &mut Network, host: HostId, room: RoomId) -> Vec<Member> {
    match network.call(host, Command::Members { room }) {
        Ok(Reply::Members(members)) => members,
        other => panic!("members are told, not {other:?}"),
    }
}

fn names(network: &mut Network, host: HostId, room: RoomId) -> BTreeSet<(String, Role)> {
    members(network, host, room).into_iter().map(|member| (member.name, member.role)).collect()
}

fn user(network: &mut Network, host: HostId, room: RoomId) -> UserId {
    members(network, host, room).into_iter().find(|member| member.own).unwrap().user.unwrap()
}

fn standing(network: &mut Network, host: HostId, room: RoomId) -> Option<RoomStanding> {
    match network.call(host, Command::Rooms) {
        Ok(Reply::Rooms(rooms)) => rooms.into_iter().find(|known| known.room == room).map(|known| known.standing),
        other => panic!("rooms are told, not {other:?}"),
    }
}

fn text(network: &mut Network, host: HostId, room: RoomId, text: &str) -> Result<Reply, CommandError> {
    network.call(host, Command::Send { room, text: Text::new(text).unwrap(), reply_to: None })
}

fn codes(network: &mut Network, host: HostId, room: RoomId) -> Vec<CodeInfo> {
    match network.call(host, Command::Codes { room }) {
        Ok(Reply::Codes(codes)) => codes,
        other => panic!("codes are told, not {other:?}"),
    }
}

fn code(reply: Result<Reply, CommandError>) -> RoomCode {
    match reply {
        Ok(Reply::Code(code)) => code,
        other => panic!("a code is told, not {other:?}"),
    }
}

/// A room of the first hosts; the first one made it, all know all.
fn room_of(network: &mut Network, hosts: usize) -> (RoomId, RoomCode) {
    let (room, code) = network.create(0, "kitchen");
    for host in 1..hosts {
        network.join(host, &code).unwrap();
    }
    let everybody = |network: &mut Network| (0..hosts).all(|host| network.member_count(host, room) == hosts);
    assert!(network.run_until(everybody));
    network.run_for(3_000);
    (room, code)
}

fn remove(network: &mut Network, by: HostId, room: RoomId, whom: UserId) {
    assert!(matches!(network.call(by, Command::RemovePerson { room, user: whom }), Ok(Reply::Done)));
}

fn set_role(network: &mut Network, by: HostId, room: RoomId, whom: UserId, role: Role) -> Result<Reply, CommandError> {
    network.call(by, Command::SetRole { room, user: whom, role })
}
