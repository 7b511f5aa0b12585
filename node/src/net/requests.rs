//! Our requests under way. Every request ends exactly once. Those of peers are in `asked`.

use std::collections::{HashMap, VecDeque};

use bytes::Bytes;
use libp2p::request_response::OutboundRequestId;
use parlor_protocol::{
    DeviceId,
    limits::{PEER_IN_FLIGHT_MAX, WIRE_MAX},
    rate::Rate,
};
use web_time::{Duration, Instant};

use super::command::RequestId;

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

/// A request that is to be sent.
#[derive(Clone, Debug)]
pub(super) struct ToSend {
    id: RequestId,
    pub(super) bytes: Bytes,
    /// It was under way before, on a connection that was closed.
    is_again: bool,
}

#[derive(Debug)]
struct UnderWay {
    request: ToSend,
    peer: DeviceId,
    sent: Instant,
}

#[derive(Debug, Default)]
struct Lane {
    in_flight: usize,
    queue: VecDeque<ToSend>,
}

/// Our requests.
#[derive(Debug, Default)]
pub(super) struct Outbound {
    lanes: HashMap<DeviceId, Lane>,
    under_way: HashMap<OutboundRequestId, UnderWay>,
}

impl Outbound {
    /// Takes a request. `Err` when too many wait for this peer already.
    pub(super) fn push(&mut self, peer: DeviceId, id: RequestId, bytes: Bytes) -> Result<(), RequestId> {
        let lane = self.lanes.entry(peer).or_default();
        if lane.queue.len() >= QUEUE_MAX {
            return Err(id);
        }
        lane.queue.push_back(ToSend { id, bytes, is_again: false });
        Ok(())
    }

    /// The next request that may be sent to this peer.
    pub(super) fn next(&mut self, peer: &DeviceId) -> Option<ToSend> {
        let lane = self.lanes.get_mut(peer)?;
        if lane.in_flight >= IN_FLIGHT_MAX {
            return None;
        }
        let next = lane.queue.pop_front()?;
        lane.in_flight += 1;
        Some(next)
    }

    /// A request was sent.
    pub(super) fn sent(&mut self, wire: OutboundRequestId, request: ToSend, peer: DeviceId, now: Instant) {
        self.under_way.insert(wire, UnderWay { request, peer, sent: now });
    }

    /// A request ended. `None` when it had ended before.
    pub(super) fn ended(&mut self, wire: OutboundRequestId) -> Option<(RequestId, DeviceId)> {
        self.remove(wire).map(|ended| (ended.request.id, ended.peer))
    }

    fn remove(&mut self, wire: OutboundRequestId) -> Option<UnderWay> {
        let ended = self.under_way.remove(&wire)?;
        if let Some(lane) = self.lanes.get_mut(&ended.peer) {
            lane.in_flight = lane.in_flight.saturating_sub(1);
            if lane.in_flight == 0 && lane.queue.is_empty() {
                self.lanes.remove(&ended.peer);
            }
        }
        Some(ended)
    }

    /// The connection that carried a request was closed, as happens to one of two that were dialed at the same
    /// moment: it is to be sent once more, before all others. False when it was sent again before.
    pub(super) fn again(&mut self, wire: OutboundRequestId) -> bool {
        if self.under_way.get(&wire).is_none_or(|under_way| under_way.request.is_again) {
            return false;
        }
        let Some(UnderWay { mut request, peer, .. }) = self.remove(wire) else { return false };
        request.is_again = true;
        self.lanes.entry(peer).or_default().queue.push_front(request);
        true
    }

    /// The last connection to a peer is closed: what waits for it fails. What is under way is
    /// reported by libp2p.
    pub(super) fn disconnected(&mut self, peer: &DeviceId) -> Vec<RequestId> {
        let Some(lane) = self.lanes.get_mut(peer) else { return Vec::new() };
        let failed = lane.queue.drain(..).map(|request| request.id).collect();
        if lane.in_flight == 0 {
            self.lanes.remove(peer);
        }
        failed
    }

    /// Requests that nobody will answer any more.
    pub(super) fn lost(&mut self, now: Instant) -> Vec<OutboundRequestId> {
        let lost = |sent: &Instant| now.saturating_duration_since(*sent) > LOST;
        self.under_way.iter().filter(|(_, under_way)| lost(&under_way.sent)).map(|(wire, _)| *wire).collect()
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
