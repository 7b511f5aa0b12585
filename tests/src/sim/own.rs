//! What a person does with the own devices, and who is in a room.

use parlor_node::{Command, CommandResult, DeviceCommand, Member, OwnDevice, Reply, RoomStanding, RoomSummary};
use parlor_protocol::{DeviceId, LinkCode, Name, RoomId, Text};

use super::{host::HostId, network::Network};

impl Network {
    /// Asks something about the own devices.
    ///
    /// # Errors
    /// The command's error.
    pub fn ask_devices(&mut self, host: HostId, command: DeviceCommand) -> CommandResult {
        self.call(host, Command::Device(Box::new(command)))
    }

    /// Shows a code for a new device.
    pub fn offer(&mut self, host: HostId) -> LinkCode {
        match self.ask_devices(host, DeviceCommand::Offer { label: label("desktop") }) {
            Ok(Reply::LinkOffered { code, .. }) => code,
            other => panic!("a code is shown, not {other:?}"),
        }
    }

    /// Types the code for a new device on it.
    ///
    /// # Errors
    /// The command's error.
    pub fn link_by(&mut self, host: HostId, code: &LinkCode) -> CommandResult {
        self.ask_devices(host, DeviceCommand::Link { code: code.clone(), label: label("laptop") })
    }

    /// Makes one host a device of another one's person.
    pub fn link(&mut self, old: HostId, new: HostId) {
        let code = self.offer(old);
        self.link_by(new, &code).expect("the device is linked");
    }

    /// Revokes a device of a host's person.
    pub fn revoke(&mut self, by: HostId, device: DeviceId) {
        let result = self.ask_devices(by, DeviceCommand::Revoke { device });
        assert!(matches!(result, Ok(Reply::Done)), "{result:?}");
    }

    /// The devices of a host's person.
    pub fn own_devices(&mut self, host: HostId) -> Vec<OwnDevice> {
        match self.ask_devices(host, DeviceCommand::List) {
            Ok(Reply::Devices(devices)) => devices,
            other => panic!("devices are told, not {other:?}"),
        }
    }

    /// The members of a room.
    pub fn members(&mut self, host: HostId, room: RoomId) -> Vec<Member> {
        match self.call(host, Command::Members { room }) {
            Ok(Reply::Members(members)) => members,
            other => panic!("members are told, not {other:?}"),
        }
    }

    /// What a host tells of a room; none when it does not have it.
    pub fn summary(&mut self, host: HostId, room: RoomId) -> Option<RoomSummary> {
        match self.call(host, Command::Rooms) {
            Ok(Reply::Rooms(rooms)) => rooms.into_iter().find(|known| known.room == room),
            other => panic!("rooms are told, not {other:?}"),
        }
    }

    /// What a host is in a room; none when it does not have it.
    pub fn standing(&mut self, host: HostId, room: RoomId) -> Option<RoomStanding> {
        self.summary(host, room).map(|summary| summary.standing)
    }

    /// Whether a host was removed from a room and knows it.
    pub fn is_out(&mut self, host: HostId, room: RoomId) -> bool {
        matches!(self.standing(host, room), Some(RoomStanding::Removed { .. }))
    }

    /// Says something in a room.
    ///
    /// # Errors
    /// The command's error.
    pub fn say(&mut self, host: HostId, room: RoomId, text: &str) -> CommandResult {
        self.call(host, Command::Send { room, text: Text::new(text).expect("a good text"), reply_to: None })
    }
}

fn label(text: &str) -> Name {
    Name::new(text).expect("a good name")
}
