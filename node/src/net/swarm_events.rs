//! What the swarm reports, translated.

use libp2p::{
    PeerId,
    core::ConnectedPoint,
    gossipsub, identify, ping, request_response,
    swarm::{ConnectionId, DialError, SwarmEvent},
};
use parlor_protocol::{TopicId, limits::GOSSIP_MAX};
use web_time::{Duration, Instant};

use super::{
    address, asked::From, behaviour::BehaviourEvent, capability::Capabilities, config::VERSION, event::NetEvent,
    gossip, hints, identity, peers::Link, task::Task,
};

/// How long a peer that speaks something else is left alone.
const STRANGER: Duration = Duration::from_secs(60);

impl Task {
    pub(super) fn on_swarm_event(&mut self, event: SwarmEvent<BehaviourEvent>) {
        match event {
            SwarmEvent::NewListenAddr { address, .. } => {
                self.list_interfaces();
                self.emit(NetEvent::Listening(address.to_string()));
            }
            SwarmEvent::ExpiredListenAddr { address, .. } => {
                self.list_interfaces();
                self.emit(NetEvent::StoppedListening(address.to_string()));
            }
            SwarmEvent::ListenerClosed { addresses, reason, .. } => {
                tracing::warn!(?addresses, ?reason, "a listener closed");
                for address in addresses {
                    self.emit(NetEvent::StoppedListening(address.to_string()));
                }
            }
            SwarmEvent::ConnectionEstablished { peer_id, connection_id, endpoint, .. } => {
                self.on_opened(peer_id, connection_id, &endpoint);
            }
            SwarmEvent::ConnectionClosed { peer_id, connection_id, cause, .. } => {
                tracing::debug!(peer = %peer_id, ?cause, "connection closed");
                self.on_closed(&peer_id, connection_id);
            }
            SwarmEvent::OutgoingConnectionError { connection_id, error, .. } => {
                self.on_dial_failed(connection_id, &error);
            }
            SwarmEvent::Behaviour(BehaviourEvent::Gossip(event)) => self.on_gossip(event),
            SwarmEvent::Behaviour(BehaviourEvent::Identify(identify::Event::Received { peer_id, info, .. })) => {
                self.on_identified(peer_id, &info);
            }
            SwarmEvent::Behaviour(BehaviourEvent::Ping(event)) => self.on_ping(event),
            SwarmEvent::Behaviour(BehaviourEvent::Wire(event)) => self.on_wire(event),
            other => tracing::trace!(?other, "nothing to do"),
        }
    }

    fn on_opened(&mut self, peer: PeerId, connection: ConnectionId, endpoint: &ConnectedPoint) {
        let now = Instant::now();
        let Some(device) = identity::device_of(&peer) else {
            let _ = self.swarm.disconnect_peer_id(peer);
            return;
        };
        let (address, dialed) = match endpoint {
            ConnectedPoint::Dialer { address, .. } => (address.clone(), true),
            ConnectedPoint::Listener { send_back_addr, .. } => (send_back_addr.clone(), false),
        };
        let typed = self.dialer.established(connection, device);
        if typed.is_some() {
            self.point_at_typed();
        }
        let known = self.is_known(&peer);
        if dialed && known {
            self.dialer.remember(device, &[address::with_peer(&address, peer)], now);
        }
        self.set_heard(&peer, known);
        let link = Link { remote: self.doors.remote(&address), address, dialed, by_hand: typed.is_some(), since: now };
        let was_connected = self.peers.opened(peer, device, connection, link);
        if let Some(text) = typed {
            self.clear_address_hint(&text);
            if was_connected {
                // Several ways to one typed host were tried and two arrived: one is enough.
                self.swarm.close_connection(connection);
            }
        }
        if self.alone.met() == Some(hints::Change::Clear) {
            self.hint("alone", None);
        }
    }

    fn on_closed(&mut self, peer: &PeerId, connection: ConnectionId) {
        let Some((device, was_shown)) = self.peers.closed(peer, connection) else { return };
        for id in self.outbound.disconnected(&device) {
            self.emit(NetEvent::RequestFailed { id, reason: "the connection was closed".to_owned() });
        }
        if was_shown {
            self.emit(NetEvent::PeerDisconnected(device));
        }
        self.dialer.disconnected(device, Instant::now());
    }

    fn on_dial_failed(&mut self, connection: ConnectionId, error: &DialError) {
        tracing::debug!(%connection, %error, "dial failed");
        let is_own = matches!(error, DialError::LocalPeerId { .. });
        if let Some((text, failures)) = self.dialer.failed(connection, Instant::now())
            && (is_own || failures == hints::TYPED_FAILURES)
        {
            let words = if is_own { hints::own_address(&text) } else { hints::no_answer(&text) };
            self.show_address_hint(&text, words);
        }
    }

    fn on_identified(&mut self, peer: PeerId, info: &identify::Info) {
        let now = Instant::now();
        let Some(device) = identity::device_of(&peer) else { return };
        let version = info.protocol_version.strip_prefix("/parlor/").and_then(|version| version.parse::<u8>().ok());
        if version != Some(VERSION) {
            if let (Some(theirs), true) = (version, self.peers.is_connected(&peer)) {
                self.emit(NetEvent::VersionMismatch { peer: device, theirs });
            }
            self.ban(peer, STRANGER, now);
            return;
        }
        self.swarm.behaviour_mut().gate.places.spoke(&peer);
        let capabilities = Capabilities::read(&info.agent_version);
        let (events, learnt) = self.peers.identified(peer, capabilities, &info.listen_addrs, &self.interfaces);
        if !learnt.is_empty() {
            self.dialer.said(device, &learnt, now);
            self.dialer.keep(device, self.is_known(&peer));
        }
        self.emit_all(events);
    }

    fn on_ping(&mut self, event: ping::Event) {
        match event.result {
            Ok(time) => {
                let Some(device) = identity::device_of(&event.peer) else { return };
                let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
                self.emit_of(&event.peer, NetEvent::RoundTrip { peer: device, micros });
            }
            Err(ping::Failure::Unsupported) => {}
            // libp2p only reports the second failure in a row.
            Err(error) => {
                tracing::debug!(peer = %event.peer, %error, "no answer to pings: closing");
                self.swarm.close_connection(event.connection);
            }
        }
    }

    fn emit_of(&mut self, peer: &PeerId, event: NetEvent) {
        let events = self.peers.order(peer, event);
        self.emit_all(events);
    }

    pub(super) fn peer_subscribed(&mut self, peer: PeerId, topic: TopicId) {
        if let Some(device) = identity::device_of(&peer) {
            self.emit_of(&peer, NetEvent::PeerSubscribed { peer: device, topic });
        }
    }

    fn on_gossip(&mut self, event: gossipsub::Event) {
        match event {
            gossipsub::Event::Message { propagation_source, message_id, message } => {
                self.on_message(propagation_source, message_id, message);
            }
            gossipsub::Event::Subscribed { peer_id, topic, .. } => {
                if let Some(topic) = gossip::topic_id(&topic)
                    && self.waiting.topics.contains(&topic)
                {
                    self.peer_subscribed(peer_id, topic);
                }
            }
            gossipsub::Event::Unsubscribed { peer_id, topic } => {
                if let (Some(topic), Some(device)) = (gossip::topic_id(&topic), identity::device_of(&peer_id))
                    && self.waiting.topics.contains(&topic)
                {
                    self.emit_of(&peer_id, NetEvent::PeerUnsubscribed { peer: device, topic });
                }
            }
            gossipsub::Event::GossipsubNotSupported { .. } | gossipsub::Event::SlowPeer { .. } => {}
        }
    }

    fn on_message(&mut self, from: PeerId, id: gossipsub::MessageId, message: gossipsub::Message) {
        let gossipsub = &mut self.swarm.behaviour_mut().gossip;
        if message.data.len() > GOSSIP_MAX {
            gossipsub.report_message_validation_result(&id, &from, gossipsub::MessageAcceptance::Reject);
            return;
        }
        let ours = gossip::topic_id(&message.topic).filter(|topic| self.waiting.topics.contains(topic));
        let (Some(topic), Some(device), true) = (ours, identity::device_of(&from), self.peers.is_connected(&from))
        else {
            gossipsub.report_message_validation_result(&id, &from, gossipsub::MessageAcceptance::Ignore);
            return;
        };
        let message_id = self.waiting.push(id, from, topic);
        let event = NetEvent::Gossip { message: message_id, from: device, topic, bytes: message.data.into() };
        self.emit_of(&from, event);
    }

    fn on_wire(&mut self, event: request_response::Event<bytes::Bytes, bytes::Bytes>) {
        use request_response::{Event, Message};
        match event {
            Event::Message { peer, message: Message::Request { request_id, request, channel }, .. } => {
                let now = Instant::now();
                let places = &mut self.swarm.behaviour_mut().gate.places;
                places.active(&peer, now);
                let asks = if places.is_known(&peer) { From::Known } else { From::Stranger(places.source(&peer)) };
                let Some(entry) = self.peers.entry(&peer) else { return };
                let from = entry.device;
                // A dropped channel closes the stream, which the peer sees at once.
                if !entry.may_ask(now) {
                    tracing::debug!(peer = %peer, "asks too fast");
                    return;
                }
                match self.asked.push(request_id, channel, asks, request.len(), now) {
                    Some(id) => self.emit_of(&peer, NetEvent::Asked { id, from, bytes: request }),
                    None => tracing::debug!(peer = %peer, ?asks, "too many requests are under way"),
                }
            }
            Event::Message { peer, message: Message::Response { request_id, response }, .. } => {
                self.swarm.behaviour_mut().gate.places.active(&peer, Instant::now());
                if let Some((id, from)) = self.outbound.ended(request_id) {
                    self.emit(NetEvent::Answered { id, from, bytes: response });
                    self.send_requests(from);
                }
            }
            Event::OutboundFailure { peer, request_id, error, .. } => {
                let is_elsewhere = matches!(error, request_response::OutboundFailure::ConnectionClosed)
                    && self.peers.is_connected(&peer);
                if is_elsewhere && self.outbound.again(request_id) {
                    if let Some(device) = self.peers.entry(&peer).map(|entry| entry.device) {
                        self.send_requests(device);
                    }
                } else if let Some((id, device)) = self.outbound.ended(request_id) {
                    self.emit(NetEvent::RequestFailed { id, reason: in_plain_words(&error) });
                    self.send_requests(device);
                }
            }
            Event::InboundFailure { request_id, .. } => self.asked.failed(request_id),
            Event::ResponseSent { .. } => {}
        }
    }
}

fn in_plain_words(error: &request_response::OutboundFailure) -> String {
    use request_response::OutboundFailure as Failure;
    match error {
        Failure::DialFailure => "not connected to that device".to_owned(),
        Failure::Timeout => "no answer in time".to_owned(),
        Failure::ConnectionClosed => "the connection was closed".to_owned(),
        Failure::UnsupportedProtocols => "the other side does not know this protocol; update Parlor there".to_owned(),
        Failure::Io(error) => format!("the other side broke off ({error})"),
    }
}
