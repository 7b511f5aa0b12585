//! What becomes of what engines want: disk, gossip, requests, stretching, each after its delay.

use bytes::Bytes;
use parlor_node::{
    engine::{Input, Output},
    net::{GossipId, InboundId, NetCommand, NetEvent},
    store::LocalStore as _,
};
use parlor_protocol::{LinkCode, RoomCode, TopicId, access::CodeKeys, stretch::Stretched, wire::Request};

use super::{
    host::HostId,
    network::{Happening, Network},
};

/// What stretching a room's code comes to in a simulation, where only time on the simulated clock is to
/// pass: different for each code, and found in no time. With Argon2 it would be a third of all the work of a
/// thousand networks.
#[must_use]
pub fn stretched(code: &RoomCode) -> CodeKeys {
    let work = code.stretching();
    let mut bytes = work.encode();
    // The code stands at the end.
    let length = usize::try_from(work.length()).unwrap_or_default();
    bytes.reverse();
    bytes.resize(length, 0);
    CodeKeys::from(&Stretched::of(&work, bytes).expect("as many bytes as asked for"))
}

/// How long a lost request takes to fail, in milliseconds.
const REQUEST_TIMEOUT_MS: u64 = 2_000;

impl Network {
    pub(super) fn carry_out(&mut self, host: HostId, outputs: Vec<Output>) {
        for output in outputs {
            match output {
                Output::Event(event) if self.keeps_events => self.hosts[host].events.push(event),
                Output::Event(_) => {}
                Output::Reply { call, result } => {
                    self.hosts[host].replies.insert(call.0, result);
                }
                Output::Flush | Output::Tidy => {}
                // What a host that stops has not written yet is lost.
                Output::Write { id, writes, .. } => self.schedule(self.disk_ms, host, Happening::Write { id, writes }),
                Output::Read { id, read } => self.schedule(self.disk_ms, host, Happening::Read { id, read }),
                Output::Stretch { job, code } => self.schedule(250, host, Happening::Stretched { job, code }),
                Output::StretchLink { job, code } => self.schedule(250, host, Happening::LinkStretched { job, code }),
                // A host of the simulator has no folder to lock.
                Output::Lock { job, .. } => self.schedule(self.disk_ms, host, Happening::Locked { job }),
                Output::Password { job, work } => self.schedule(250, host, Happening::Password { job, work }),
                Output::Net(command) => self.carry_out_net(host, command),
            }
        }
        if let Some(deadline) = self.hosts[host].engine.as_ref().and_then(|engine| engine.next_deadline()) {
            let at = deadline.max(self.clock);
            // One tick on its way is enough, unless something is due sooner.
            if self.hosts[host].wakes.is_none_or(|wakes| at < wakes) {
                self.hosts[host].wakes = Some(at);
                self.schedule(at - self.clock, host, Happening::Tick);
            }
        }
    }

    fn carry_out_net(&mut self, host: HostId, command: NetCommand) {
        match command {
            NetCommand::Subscribe(topic) => self.subscribe(host, topic),
            NetCommand::Publish { topic, bytes } => self.publish(host, topic, &bytes),
            NetCommand::Request { id, peer, bytes } => {
                self.traffic.requests += 1;
                self.traffic.request_bytes += bytes.len() as u64;
                if self.strangers.contains_key(&peer) {
                    return self.ask_stranger(host, peer, id, &bytes);
                }
                let to = self.host_of(peer).filter(|to| self.hosts[host].connected.contains(to));
                match to {
                    Some(to) if !self.chance(self.faults.loss_percent) => {
                        let from_life = self.hosts[host].life;
                        let held_up = Request::decode(&bytes).map_or(0, |request| (self.holds_up)(&request));
                        let delay = self.delay() + held_up;
                        self.schedule(delay, to, Happening::Asked { from: host, from_life, request: id, bytes });
                    }
                    _ => {
                        let event = NetEvent::RequestFailed { id, reason: "lost".into() };
                        self.schedule(REQUEST_TIMEOUT_MS, host, Happening::Net(event));
                    }
                }
            }
            NetCommand::Answer { id, bytes } => {
                self.traffic.request_bytes += bytes.len() as u64;
                let Some((to, life, request)) = self.inbound.remove(&id) else { return };
                let from = self.hosts[host].device();
                if self.hosts[to].life == life && self.hosts[to].engine.is_some() {
                    let lost = self.chance(self.faults.loss_percent) || !self.hosts[host].connected.contains(&to);
                    let (delay, event) = if lost {
                        (REQUEST_TIMEOUT_MS, NetEvent::RequestFailed { id: request, reason: "lost".into() })
                    } else {
                        (self.delay(), NetEvent::Answered { id: request, from, bytes })
                    };
                    self.schedule(delay, to, Happening::Net(event));
                }
            }
            NetCommand::Ban(peer) => self.ban(host, peer),
            _ => {}
        }
    }

    fn subscribe(&mut self, host: HostId, topic: TopicId) {
        self.hosts[host].topics.insert(topic);
        let others: Vec<_> =
            self.hosts[host].connected.iter().copied().filter(|o| self.hosts[*o].topics.contains(&topic)).collect();
        for other in others {
            for (to, from) in [(host, other), (other, host)] {
                let peer = self.hosts[from].device();
                self.schedule(1, to, Happening::Net(NetEvent::PeerSubscribed { peer, topic }));
            }
        }
    }

    /// Floods: every connected listener gets the message once, or not, or twice.
    fn publish(&mut self, host: HostId, topic: TopicId, bytes: &Bytes) {
        self.published.push((host, bytes.clone()));
        self.traffic.published += 1;
        let from = self.hosts[host].device();
        let listeners: Vec<_> =
            self.hosts[host].connected.iter().copied().filter(|o| self.hosts[*o].topics.contains(&topic)).collect();
        for listener in listeners {
            let copies = match () {
                () if self.chance(self.faults.loss_percent) => 0,
                () if self.chance(self.faults.duplicate_percent) => 2,
                () => 1,
            };
            for _ in 0..copies {
                let delay = self.delay();
                self.schedule(delay, listener, Happening::Gossip { from, topic, bytes: bytes.clone() });
            }
        }
    }

    /// Lets the next thing happen. False when nothing will ever happen again.
    pub(super) fn step(&mut self) -> bool {
        let Some(((at, _), (host, life, happening))) = self.queue.pop_first() else { return false };
        self.clock = self.clock.max(at);
        self.traffic.happenings += 1;
        if self.hosts[host].life != life || self.hosts[host].engine.is_none() {
            return true;
        }
        let input = match happening {
            Happening::Tick => {
                if self.hosts[host].wakes.is_some_and(|wakes| wakes <= at) {
                    self.hosts[host].wakes = None;
                }
                Input::Tick
            }
            Happening::Write { id, writes } => {
                let host = &mut self.hosts[host];
                let result = match host.disk_full {
                    true => Err("no space left".to_owned()),
                    false => host.store.apply(&[writes]).remove(0),
                };
                Input::Written { id, result }
            }
            Happening::Read { id, read } => Input::Read { id, result: self.hosts[host].store.read(&read) },
            Happening::Stretched { job, code } => Input::Stretched { job, code: Some(Box::new(stretched(&code))) },
            Happening::LinkStretched { job, code } => {
                let stretch = |code: &LinkCode| code.stretch().expect("there is memory");
                let link = self.links.entry(code).or_insert_with_key(stretch).clone();
                Input::LinkStretched { job, link: Some(link) }
            }
            Happening::Locked { job } => Input::Locked { job, result: Ok(parlor_node::store::LockKind::File) },
            Happening::Password { job, work } => Input::Password { job, worked: work.run() },
            Happening::Gossip { from, topic, bytes } => {
                self.counter += 1;
                Input::Net(NetEvent::Gossip { message: GossipId(self.counter), from, topic, bytes })
            }
            Happening::Asked { from, from_life, request, bytes } => {
                let Some(engine) = self.hosts[from].engine.as_ref() else { return true };
                let asker = engine.device();
                self.counter += 1;
                let id = InboundId(self.counter);
                self.inbound.insert(id, (from, from_life, request));
                Input::Net(NetEvent::Asked { id, from: asker, bytes })
            }
            Happening::Net(event) => Input::Net(event),
        };
        let clock = self.clock;
        let outputs = self.hosts[host].input(clock, input);
        self.carry_out(host, outputs);
        true
    }
}
