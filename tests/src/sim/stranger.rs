//! Machines that keep no rules: what they answer is the test's to choose.

use bytes::Bytes;
use parlor_node::net::{NetEvent, RequestId};
use parlor_protocol::{
    DeviceId,
    wire::{Answer, Request},
};
use std::{fmt::Debug, net::IpAddr};

use super::{
    host::HostId,
    network::{Happening, Network},
};

/// A machine that answers as it likes.
pub trait Stranger: Debug {
    /// The answer to a request of a host; `None` lets it wait in vain.
    fn answer(&mut self, request: Request) -> Option<Answer>;

    /// The same, for one who looks at who asks.
    fn answer_to(&mut self, from: DeviceId, request: Request) -> Option<Answer> {
        let _ = from;
        self.answer(request)
    }

    /// How long a host waits for an answer that does not come, in milliseconds.
    fn silence_ms(&self) -> u64 {
        0
    }

    /// What is sent as the answer: its bytes, unless the stranger writes something else.
    fn write(&mut self, answer: &Answer) -> Vec<u8> {
        answer.encode().expect("an answer that can be written")
    }
}

impl Network {
    /// Puts a stranger into the network, connected with nobody yet.
    pub fn add_stranger(&mut self, device: DeviceId, stranger: Box<dyn Stranger>) {
        self.strangers.insert(device, stranger);
    }

    /// Connects a host with a stranger, who says that it is an archive, or a member.
    pub fn meet(&mut self, host: HostId, stranger: DeviceId, archive: bool) {
        self.meet_at(host, stranger, archive, [10, 0, 9, 9].into());
    }

    /// The same, with a stranger who comes from an address of its own.
    pub fn meet_at(&mut self, host: HostId, stranger: DeviceId, archive: bool, ip: IpAddr) {
        let version = if ip.is_ipv4() { 4 } else { 6 };
        let event = NetEvent::PeerConnected {
            peer: stranger,
            address: format!("/ip{version}/{ip}/tcp/47801"),
            remote: Some(ip),
            transport: "tcp",
            archive,
            capabilities: Default::default(),
        };
        self.schedule(0, host, Happening::Net(event));
        if !archive {
            let topics: Vec<_> = self.hosts[host].topics.iter().copied().collect();
            for topic in topics {
                self.schedule(1, host, Happening::Net(NetEvent::PeerSubscribed { peer: stranger, topic }));
            }
        }
    }

    pub(super) fn ask_stranger(&mut self, host: HostId, stranger: DeviceId, id: RequestId, bytes: &Bytes) {
        let is_out = self.banned.contains(&(host, stranger));
        let from = self.hosts[host].device();
        let request = Request::decode(bytes).expect("a host asks properly");
        let answer = self.strangers.get_mut(&stranger).filter(|_| !is_out).and_then(|other| {
            let answer = other.answer_to(from, request)?;
            Some(other.write(&answer))
        });
        let event = match answer {
            Some(bytes) => NetEvent::Answered { id, from: stranger, bytes: bytes.into() },
            None => NetEvent::RequestFailed { id, reason: "no answer".into() },
        };
        let is_answered = matches!(event, NetEvent::Answered { .. });
        let silence = self.strangers.get(&stranger).filter(|_| !is_answered).map_or(0, |other| other.silence_ms());
        let delay = self.delay() + silence;
        self.schedule(delay, host, Happening::Net(event));
    }

    pub(super) fn ban(&mut self, host: HostId, peer: DeviceId) {
        self.banned.push((host, peer));
        if self.strangers.contains_key(&peer) {
            self.schedule(0, host, Happening::Net(NetEvent::PeerDisconnected(peer)));
        }
    }
}
