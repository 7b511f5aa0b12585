//! Requests and answers under way, ours and those of peers. Every request ends exactly once.

use std::collections::{HashMap, VecDeque};

use bytes::Bytes;
use libp2p::request_response::{InboundRequestId, OutboundRequestId, ResponseChannel};
use parlor_protocol::{
    DeviceId,
    limits::{PEER_IN_FLIGHT_MAX, WIRE_MAX},
    rate::Rate,
};
use web_time::{Duration, Instant};

use super::command::{InboundId, RequestId};

/// How long an answer may take.
pub(super) const TIMEOUT: Duration = Duration::from_secs(20);
/// When a request counts as lost although libp2p said nothing: libp2p drops a stream silently
/// when a connection is at its limit of streams.
const LOST: Duration = Duration::from_secs(25);
/// Most streams of one connection, both ways: what one peer may have under way to us, over
/// the size of the largest message.
pub(super) const STREAMS_MAX: usize = PEER_IN_FLIGHT_MAX / WIRE_MAX;
/// Most of our requests that one peer works on at once. Far below [`STREAMS_MAX`], so that both
/// sides together stay under it.
const IN_FLIGHT_MAX: usize = 16;
/// Most of our requests that wait for one peer.
const QUEUE_MAX: usize = 256;
/// Requests that a peer may make on average and at once: a full sync by pages stays far below.
pub(super) const REQUESTS: Rate = Rate::per_second(200, 400);
/// Most requests of peers that wait for our answer.
const INBOUND_MAX: usize = 1024;

#[derive(Debug, Default)]
struct Lane {
    in_flight: usize,
    queue: VecDeque<(RequestId, Bytes)>,
}

/// Our requests.
#[derive(Debug, Default)]
pub(super) struct Outbound {
    lanes: HashMap<DeviceId, Lane>,
    under_way: HashMap<OutboundRequestId, (RequestId, DeviceId, Instant)>,
}

impl Outbound {
    /// Takes a request. `Err` when too many wait for this peer already.
    pub(super) fn push(&mut self, peer: DeviceId, id: RequestId, bytes: Bytes) -> Result<(), RequestId> {
        let lane = self.lanes.entry(peer).or_default();
        if lane.queue.len() >= QUEUE_MAX {
            return Err(id);
        }
        lane.queue.push_back((id, bytes));
        Ok(())
    }

    /// The next request that may be sent to this peer.
    pub(super) fn next(&mut self, peer: &DeviceId) -> Option<(RequestId, Bytes)> {
        let lane = self.lanes.get_mut(peer)?;
        if lane.in_flight >= IN_FLIGHT_MAX {
            return None;
        }
        let next = lane.queue.pop_front()?;
        lane.in_flight += 1;
        Some(next)
    }

    /// A request was sent.
    pub(super) fn sent(&mut self, wire: OutboundRequestId, id: RequestId, peer: DeviceId, now: Instant) {
        self.under_way.insert(wire, (id, peer, now));
    }

    /// A request ended. `None` when it had ended before.
    pub(super) fn ended(&mut self, wire: OutboundRequestId) -> Option<(RequestId, DeviceId)> {
        let (id, peer, _) = self.under_way.remove(&wire)?;
        if let Some(lane) = self.lanes.get_mut(&peer) {
            lane.in_flight = lane.in_flight.saturating_sub(1);
        }
        Some((id, peer))
    }

    /// The last connection to a peer is closed: what waits for it fails. What is under way is
    /// reported by libp2p.
    pub(super) fn disconnected(&mut self, peer: &DeviceId) -> Vec<RequestId> {
        let Some(lane) = self.lanes.get_mut(peer) else { return Vec::new() };
        let failed = lane.queue.drain(..).map(|(id, _)| id).collect();
        if lane.in_flight == 0 {
            self.lanes.remove(peer);
        }
        failed
    }

    /// Requests that nobody will answer any more.
    pub(super) fn lost(&mut self, now: Instant) -> Vec<OutboundRequestId> {
        let lost = |sent: &Instant| now.saturating_duration_since(*sent) > LOST;
        self.under_way.iter().filter(|(_, (_, _, sent))| lost(sent)).map(|(wire, _)| *wire).collect()
    }
}

/// Requests of peers.
#[derive(Debug, Default)]
pub(super) struct Inbound {
    waiting: HashMap<InboundId, (InboundRequestId, ResponseChannel<Bytes>)>,
    names: HashMap<InboundRequestId, InboundId>,
    next: u64,
}

impl Inbound {
    /// Takes a request. `None` when too many wait: dropping the channel tells the peer.
    pub(super) fn push(&mut self, wire: InboundRequestId, channel: ResponseChannel<Bytes>) -> Option<InboundId> {
        if self.waiting.len() >= INBOUND_MAX {
            return None;
        }
        let id = InboundId(self.next);
        self.next += 1;
        self.waiting.insert(id, (wire, channel));
        self.names.insert(wire, id);
        Some(id)
    }

    /// Where the answer goes.
    pub(super) fn take(&mut self, id: InboundId) -> Option<ResponseChannel<Bytes>> {
        let (wire, channel) = self.waiting.remove(&id)?;
        self.names.remove(&wire);
        Some(channel)
    }

    /// The request failed before it was answered.
    pub(super) fn failed(&mut self, wire: InboundRequestId) {
        if let Some(id) = self.names.remove(&wire) {
            self.waiting.remove(&id);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn only_so_many_requests_are_under_way_and_only_so_many_wait() {
        let mut outbound = Outbound::default();
        let peer = DeviceId::from_bytes([1; 32]);
        for n in 0..QUEUE_MAX as u64 {
            outbound.push(peer, RequestId(n), Bytes::new()).unwrap();
        }
        assert_eq!(outbound.push(peer, RequestId(999), Bytes::new()), Err(RequestId(999)));
        assert_eq!(std::iter::from_fn(|| outbound.next(&peer)).count(), IN_FLIGHT_MAX);
        assert_eq!(outbound.disconnected(&peer).len(), QUEUE_MAX - IN_FLIGHT_MAX);
    }
}
