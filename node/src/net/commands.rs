//! What the network is told to do, done.

use libp2p::{PeerId, gossipsub::MessageAcceptance};
use parlor_protocol::{
    DeviceId, TopicId,
    limits::{GOSSIP_MAX, WIRE_MAX},
};
use web_time::Instant;

use super::{
    address::Typed,
    command::{GossipId, KNOWN_BATCH, NetCommand, RequestId, Verdict},
    event::NetEvent,
    gossip, hints, identity,
    task::{BAN, Task},
};

impl Task {
    pub(super) fn on_command(&mut self, command: NetCommand) {
        let now = Instant::now();
        match command {
            NetCommand::Subscribe(topic) => self.subscribe(topic),
            NetCommand::Unsubscribe(topic) => self.unsubscribe(topic),
            NetCommand::Publish { topic, bytes } if bytes.len() <= GOSSIP_MAX => {
                // Nobody there, or everybody busy: the log has the entry, and sync delivers it.
                if let Err(error) = self.swarm.behaviour_mut().gossip.publish(gossip::topic(&topic), bytes) {
                    tracing::debug!(?topic, %error, "not gossiped");
                }
            }
            NetCommand::Publish { topic, bytes } => {
                tracing::warn!(?topic, bytes = bytes.len(), "too large for gossip, left to sync");
            }
            NetCommand::Judge { message, verdict } => self.judge(message, verdict, now),
            NetCommand::Request { id, peer, bytes } => self.request(id, peer, bytes),
            NetCommand::Answer { id, bytes } => {
                // Without a channel the peer is gone or waits no longer.
                if let Some(channel) = self.asked.take(id)
                    && bytes.len() <= WIRE_MAX
                {
                    let _ = self.swarm.behaviour_mut().wire.send_response(channel, bytes);
                }
            }
            NetCommand::AddAddress(text) => self.add_address(&text, now),
            NetCommand::RemoveAddress(text) => {
                self.dialer.remove_typed(text.trim());
                self.point_at_typed();
                self.clear_address_hint(text.trim());
            }
            NetCommand::Know(devices) => self.set_known(devices.get(..KNOWN_BATCH).unwrap_or(&devices), true, now),
            NetCommand::Forget(devices) => self.set_known(devices.get(..KNOWN_BATCH).unwrap_or(&devices), false, now),
            NetCommand::Ban(device) => {
                if let Some(peer) = identity::peer_of(&device) {
                    self.ban(peer, BAN, now);
                }
            }
            NetCommand::LookAnew { lost } => {
                for peer in self.peers.ids().into_iter().filter(|_| lost) {
                    // Not connected any more is fine, too.
                    let _ = self.swarm.disconnect_peer_id(peer);
                }
                self.look_anew(now);
            }
        }
    }

    fn unsubscribe(&mut self, id: TopicId) {
        self.waiting.later.remove(&id);
        self.waiting.topics.remove(&id);
        self.swarm.behaviour_mut().gossip.unsubscribe(&gossip::topic(&id));
        if let Some(next) = self.waiting.later.pop_first() {
            self.subscribe(next);
        }
    }

    fn subscribe(&mut self, id: TopicId) {
        if self.waiting.topics.len() >= gossip::TOPICS_PER_PEER_MAX && !self.waiting.topics.contains(&id) {
            // One too many, and whoever connects would believe that we listen to nothing.
            if self.waiting.later.is_empty() {
                tracing::warn!("more topics than peers take; the rest comes by sync");
            }
            self.waiting.later.insert(id);
            return;
        }
        let topic = gossip::topic(&id);
        let gossipsub = &mut self.swarm.behaviour_mut().gossip;
        if let Err(error) = gossipsub.subscribe(&topic) {
            tracing::warn!(topic = ?id, %error, "not subscribed");
            return;
        }
        if let Err(error) = gossipsub.set_topic_params(topic.clone(), gossip::topic_score()) {
            tracing::warn!(topic = ?id, %error, "peers are not scored");
        }
        let hash = topic.hash();
        let there: Vec<PeerId> =
            gossipsub.all_peers().filter(|(_, topics)| topics.contains(&&hash)).map(|(peer, _)| *peer).collect();
        if self.waiting.topics.insert(id) {
            for peer in there {
                self.peer_subscribed(peer, id);
            }
        }
    }

    fn judge(&mut self, message: GossipId, verdict: Verdict, now: Instant) {
        let Some((id, from, topic)) = self.waiting.take(message) else { return };
        let (id, from) = match verdict {
            Verdict::Accept => match self.meshing.hold(id, from, topic) {
                Some(message) => message,
                None => return,
            },
            _ => (id, from),
        };
        let acceptance = match verdict {
            Verdict::Accept => MessageAcceptance::Accept,
            Verdict::Ignore => MessageAcceptance::Ignore,
            Verdict::Reject => MessageAcceptance::Reject,
        };
        let gossipsub = &mut self.swarm.behaviour_mut().gossip;
        gossipsub.report_message_validation_result(&id, &from, acceptance);
        if verdict == Verdict::Reject && gossipsub.peer_score(&from).is_some_and(|score| score < gossip::GRAYLIST) {
            tracing::warn!(peer = %from, "refused for a while: it sent rubbish again and again");
            self.ban(from, BAN, now);
        }
    }

    fn request(&mut self, id: RequestId, device: DeviceId, bytes: bytes::Bytes) {
        let fail = |reason: &str| NetEvent::RequestFailed { id, reason: reason.to_owned() };
        let is_connected = identity::peer_of(&device).is_some_and(|peer| self.peers.is_connected(&peer));
        if bytes.len() > WIRE_MAX {
            self.emit(fail("the request is larger than the protocol allows"));
        } else if !is_connected {
            self.emit(fail("not connected to that device"));
        } else if self.outbound.push(device, id, bytes).is_err() {
            self.emit(fail("too many requests wait for that device already"));
        } else {
            self.send_requests(device);
        }
    }

    /// Sends what may be sent to this peer.
    pub(super) fn send_requests(&mut self, device: DeviceId) {
        let Some(peer) = identity::peer_of(&device) else { return };
        while self.peers.is_connected(&peer)
            && let Some(request) = self.outbound.next(&device)
        {
            let wire = self.swarm.behaviour_mut().wire.send_request(&peer, request.bytes.clone());
            self.outbound.sent(wire, request, device, Instant::now());
        }
    }

    pub(super) fn add_address(&mut self, text: &str, now: Instant) {
        let text = text.trim();
        if Typed::parse(text).is_some() {
            self.dialer.add_typed(text, now);
        } else {
            self.show_address_hint(text, hints::not_an_address(text));
        }
    }

    pub(super) fn show_address_hint(&mut self, text: &str, words: String) {
        if self.address_hint.as_deref() != Some(text) {
            self.address_hint = Some(text.to_owned());
            self.hint("address", Some(words));
        }
    }

    pub(super) fn clear_address_hint(&mut self, text: &str) {
        if self.address_hint.as_deref() == Some(text) {
            self.address_hint = None;
            self.hint("address", None);
        }
    }
}
