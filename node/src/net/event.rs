//! What the network task reports.

use bytes::Bytes;
use parlor_protocol::{DeviceId, TopicId};
use std::net::IpAddr;

use super::command::{GossipId, InboundId, RequestId};

/// Something that happened on the network.
#[derive(Clone, Debug)]
pub enum NetEvent {
    /// The node listens on this address (a multiaddr without the peer id).
    Listening(String),
    /// An address is gone.
    StoppedListening(String),
    /// A peer is connected (its first connection), before anything else is said about it. Its
    /// agent is known, or it did not say within three seconds; if it then turns out to be an
    /// archive, this is sent once more.
    PeerConnected {
        /// The peer.
        peer: DeviceId,
        /// Its address as seen from here, a multiaddr. One that ends in `/p2p/...` can be dialed
        /// again and is worth remembering (for `NetConfig::known`): the address that was dialed,
        /// or where a peer that dialed us says it listens, if that is where it came from. Without
        /// that ending it is the peer's passing port.
        address: String,
        /// Where its connection comes from, or goes to: what a limit may count by, because keys cost
        /// nothing. `None` where the transport has no such thing.
        remote: Option<IpAddr>,
        /// `tcp`, `quic` or `websocket`.
        transport: &'static str,
        /// True when the peer runs an archive.
        archive: bool,
    },
    /// The last connection to a peer is closed. Its subscriptions end without further events.
    PeerDisconnected(DeviceId),
    /// A round trip was measured.
    RoundTrip {
        /// The peer.
        peer: DeviceId,
        /// In microseconds.
        micros: u64,
    },
    /// A peer listens to a topic that this node listens to as well.
    PeerSubscribed {
        /// The peer.
        peer: DeviceId,
        /// The topic.
        topic: TopicId,
    },
    /// A peer left a topic.
    PeerUnsubscribed {
        /// The peer.
        peer: DeviceId,
        /// The topic.
        topic: TopicId,
    },
    /// A gossip message arrived; answer with `NetCommand::Judge`.
    Gossip {
        /// For the verdict.
        message: GossipId,
        /// Who passed it on (not who wrote it).
        from: DeviceId,
        /// The topic.
        topic: TopicId,
        /// The message.
        bytes: Bytes,
    },
    /// A peer asks; answer with `NetCommand::Answer`.
    Asked {
        /// For the answer.
        id: InboundId,
        /// Who asks.
        from: DeviceId,
        /// The request.
        bytes: Bytes,
    },
    /// A peer answered our request.
    Answered {
        /// Our request.
        id: RequestId,
        /// Who answered.
        from: DeviceId,
        /// The answer.
        bytes: Bytes,
    },
    /// Our request got no answer.
    RequestFailed {
        /// Our request.
        id: RequestId,
        /// Why, in plain words.
        reason: String,
    },
    /// A peer speaks another protocol version; the person should update.
    VersionMismatch {
        /// The peer.
        peer: DeviceId,
        /// The version it speaks.
        theirs: u8,
    },
    /// Something that stands in the way, with its remedy (multicast filtered, port taken, ...).
    Hint {
        /// Names the hint, so that a later one replaces it.
        key: &'static str,
        /// Plain words with the remedy; `None` when it no longer holds.
        text: Option<String>,
    },
}
