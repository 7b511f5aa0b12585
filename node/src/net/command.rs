//! What the network task is told to do. It knows topics and bytes, not rooms.

use bytes::Bytes;
use parlor_protocol::{DeviceId, TopicId};

/// Numbers our own requests, so that an answer finds its question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// Names a request that a peer made and that waits for our answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InboundId(pub u64);

/// Names a gossip message that waits for our verdict before it is passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GossipId(pub u64);

/// Most devices that one [`NetCommand::Know`] or [`NetCommand::Forget`] names.
pub const KNOWN_BATCH: usize = 1_024;

/// What becomes of a gossip message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Good: pass it on.
    Accept,
    /// Neither good nor bad (for example not checkable yet): do not pass it on.
    Ignore,
    /// Rubbish: do not pass it on, and score the sender down.
    Reject,
}

/// A task for the network.
#[derive(Clone, Debug)]
pub enum NetCommand {
    /// Listen to a topic and pass its messages on.
    Subscribe(TopicId),
    /// Leave a topic.
    Unsubscribe(TopicId),
    /// Publish to a topic. An empty mesh is not an error: sync delivers later.
    Publish {
        /// The topic.
        topic: TopicId,
        /// The message, at most `limits::GOSSIP_MAX` bytes.
        bytes: Bytes,
    },
    /// Judge a gossip message that was received.
    Judge {
        /// Which message.
        message: GossipId,
        /// The verdict.
        verdict: Verdict,
    },
    /// Ask a connected peer. Exactly one `NetEvent::Answered` or `NetEvent::RequestFailed` follows.
    Request {
        /// Chosen by the caller.
        id: RequestId,
        /// Whom.
        peer: DeviceId,
        /// The request, at most `limits::WIRE_MAX` bytes.
        bytes: Bytes,
    },
    /// Answer a peer's request.
    Answer {
        /// Which request.
        id: InboundId,
        /// The answer, at most `limits::WIRE_MAX` bytes.
        bytes: Bytes,
    },
    /// Keep trying to reach this address (`host`, `host:port` or a multiaddr), with backoff.
    AddAddress(String),
    /// Stop trying an address.
    RemoveAddress(String),
    /// These are no strangers: members of own rooms, devices that are signed in, machines that were useful.
    /// They have places that strangers cannot take. At most [`KNOWN_BATCH`] are taken of one command, and
    /// 65,536 in all; whoever was named first counts.
    Know(Vec<DeviceId>),
    /// These are strangers from now on.
    Forget(Vec<DeviceId>),
    /// Close the connection to a peer that misbehaves, and refuse it for a while.
    Ban(DeviceId),
    /// The machine woke or the network came back: try everything now, however long it would have waited.
    LookAnew {
        /// Whether the network was gone: what was connected before is not any more, whatever it looks like.
        lost: bool,
    },
}
