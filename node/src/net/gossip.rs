//! Gossip: parameters of gossipsub, and the messages that wait for a verdict.
//!
//! Gossipsub runs anonymous: entries carry their own signature, so messages have no second one,
//! no source and no sequence number, and are named by [`MessageIdFn`]. Every message is judged
//! by the engine before it is passed on ([GossipSub v1.1][spec], "Extended Validators").
//!
//! [spec]: https://github.com/libp2p/specs/blob/master/pubsub/gossipsub/gossipsub-v1.1.md

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    time::Duration,
};

use libp2p::{
    PeerId,
    gossipsub::{
        self, AllowAllSubscriptionFilter, IdentTopic, IdentityTransform, MaxCountSubscriptionFilter,
        MessageAuthenticity, MessageId, PeerScoreParams, PeerScoreThresholds, TopicHash, TopicScoreParams,
        ValidationMode,
    },
};
use parlor_protocol::{TopicId, limits::GOSSIP_MAX};

use super::{command::GossipId, config::MessageIdFn, error::NetError};

/// Gossipsub as Parlor uses it.
pub(super) type Gossipsub =
    gossipsub::Behaviour<IdentityTransform, MaxCountSubscriptionFilter<AllowAllSubscriptionFilter>>;

/// How often meshes are mended and lost messages asked for. Faster than the default second,
/// because a LAN has the bandwidth and people wait.
pub(super) const HEARTBEAT: Duration = Duration::from_millis(700);
/// With fewer peers than this in the mesh of a topic a heartbeat takes more in. Those beyond are told what
/// there was with a heartbeat, and ask for it.
pub(super) const MESH_LOW: usize = 5;
/// For how many heartbeats a message is kept for others and for its verdict: about 8 seconds.
const HISTORY: usize = 12;
/// Room for the topic and the framing around a message of `GOSSIP_MAX` bytes.
const FRAME_MAX: usize = 1024;
/// Most messages that wait for one slow peer. What overflows is found by sync.
const PEER_QUEUE_MAX: usize = 2048;
/// Most topics one peer may listen to, and so most that we listen to: a peer that connects is told all
/// of them in one message, of at most 150 KiB, and takes it as a whole or not at all.
pub(super) const TOPICS_PER_PEER_MAX: usize = 2048;
/// Most messages that wait for a verdict.
const WAITING_MAX: usize = 8192;
/// Peers below this score are not listened to any more. One rejected message costs 4 points
/// times the square of their number, so the fifth crosses it.
pub(super) const GRAYLIST: f64 = -80.0;

/// The application's score of a stranger: far below [`GRAYLIST`], so that nothing it sends is looked at, and
/// nothing is sent to it. What it listens to is heard all the same.
pub(super) const STRANGER: f64 = -1_000.0;

/// Builds gossipsub.
pub(super) fn gossipsub(message_id: MessageIdFn) -> Result<Gossipsub, NetError> {
    let setup = |reason: &dyn std::fmt::Display| NetError::Setup { reason: reason.to_string() };
    let config = gossipsub::ConfigBuilder::default()
        .validation_mode(ValidationMode::Anonymous)
        .validate_messages()
        .message_id_fn(move |message| {
            // What is in no topic of ours is not looked at, whatever it is called.
            let topic = topic_id(&message.topic).unwrap_or_default();
            MessageId::new(&message_id(topic, &message.data))
        })
        .max_transmit_size(GOSSIP_MAX + FRAME_MAX)
        // Subscriptions count as control: the usual 16 KiB are 220 topics.
        .max_control_message_size(GOSSIP_MAX + FRAME_MAX)
        .heartbeat_interval(HEARTBEAT)
        .heartbeat_initial_delay(Duration::from_millis(200))
        .history_length(HISTORY)
        .history_gossip(4)
        // Up to a dozen devices everyone hears everyone; fifty are two hops apart.
        .mesh_n(8)
        .mesh_n_low(MESH_LOW)
        .mesh_n_high(12)
        .mesh_outbound_min(2)
        .gossip_lazy(6)
        .flood_publish(true)
        .connection_handler_queue_len(PEER_QUEUE_MAX)
        .duplicate_cache_time(Duration::from_secs(120))
        // Who restarts must not wait a minute to be in the mesh again.
        .prune_backoff(Duration::from_secs(10))
        .unsubscribe_backoff(Duration::from_secs(2))
        .build()
        .map_err(|error| setup(&error))?;
    let filter = MaxCountSubscriptionFilter {
        filter: AllowAllSubscriptionFilter {},
        max_subscribed_topics: TOPICS_PER_PEER_MAX,
        max_subscriptions_per_request: TOPICS_PER_PEER_MAX,
    };
    let mut gossip = gossipsub::Behaviour::new_with_subscription_filter(MessageAuthenticity::Anonymous, config, filter)
        .map_err(|error| setup(&error))?;
    let params = PeerScoreParams {
        // Many devices behind one address are a class room, not an attack, and a slow peer is
        // slow, not bad.
        ip_colocation_factor_weight: 0.0,
        slow_peer_weight: 0.0,
        behaviour_penalty_weight: -1.0,
        behaviour_penalty_threshold: 6.0,
        behaviour_penalty_decay: 0.9,
        retain_score: Duration::from_secs(600),
        ..PeerScoreParams::default()
    };
    let thresholds = PeerScoreThresholds {
        gossip_threshold: -15.0,
        publish_threshold: -35.0,
        graylist_threshold: GRAYLIST,
        accept_px_threshold: 1000.0,
        opportunistic_graft_threshold: 0.5,
    };
    gossip.with_peer_score(params, thresholds).map_err(|error| setup(&error))?;
    Ok(gossip)
}

/// How peers are scored in a topic: only rubbish counts. Quiet rooms are normal, so missing
/// deliveries say nothing.
pub(super) fn topic_score() -> TopicScoreParams {
    TopicScoreParams {
        topic_weight: 1.0,
        time_in_mesh_weight: 0.01,
        time_in_mesh_quantum: Duration::from_secs(1),
        time_in_mesh_cap: 100.0,
        first_message_deliveries_weight: 0.0,
        mesh_message_deliveries_weight: 0.0,
        mesh_failure_penalty_weight: 0.0,
        invalid_message_deliveries_weight: -4.0,
        invalid_message_deliveries_decay: gossipsub::score_parameter_decay(Duration::from_secs(600)),
        ..TopicScoreParams::default()
    }
}

/// The topic as gossipsub knows it.
pub(super) fn topic(id: &TopicId) -> IdentTopic {
    IdentTopic::new(id.to_string())
}

/// The topic behind gossipsub's name for it. `None` for topics that are not ours.
pub(super) fn topic_id(hash: &TopicHash) -> Option<TopicId> {
    hash.as_str().parse().ok()
}

/// What we listen to, and the messages that wait for a verdict.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    pub(super) topics: BTreeSet<TopicId>,
    /// Topics that there is no place for now.
    pub(super) later: BTreeSet<TopicId>,
    messages: HashMap<GossipId, (MessageId, PeerId, TopicId)>,
    order: VecDeque<GossipId>,
    next: u64,
}

impl Waiting {
    /// Takes a message and names it. The oldest is forgotten when too many wait: it is then
    /// simply not passed on, and sync finds it.
    pub(super) fn push(&mut self, message: MessageId, from: PeerId, topic: TopicId) -> GossipId {
        let id = GossipId(self.next);
        self.next += 1;
        self.messages.insert(id, (message, from, topic));
        self.order.push_back(id);
        while self.order.len() > WAITING_MAX {
            if let Some(oldest) = self.order.pop_front() {
                self.messages.remove(&oldest);
            }
        }
        id
    }

    /// The message that is judged.
    pub(super) fn take(&mut self, id: GossipId) -> Option<(MessageId, PeerId, TopicId)> {
        let found = self.messages.remove(&id);
        // Verdicts come mostly in order, so this stays short.
        while self.order.front().is_some_and(|front| !self.messages.contains_key(front)) {
            self.order.pop_front();
        }
        found
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_parameters_are_accepted_by_gossipsub() {
        gossipsub(|_, _| [0; 20]).unwrap();
        topic_score().validate().unwrap();
    }

    #[test]
    fn a_topic_survives_the_way_to_gossipsub_and_back() {
        let id = TopicId::from_bytes([7; 32]);
        assert_eq!(topic_id(&topic(&id).hash()), Some(id));
        assert_eq!(topic_id(&TopicHash::from_raw("blocks")), None);
    }

    #[test]
    fn messages_without_a_verdict_are_forgotten_in_the_end() {
        let mut waiting = Waiting::default();
        let topic = TopicId::from_bytes([7; 32]);
        let first = waiting.push(MessageId::new(b"0"), PeerId::random(), topic);
        for n in 0..WAITING_MAX {
            waiting.push(MessageId::new(&n.to_le_bytes()), PeerId::random(), topic);
        }
        assert!(waiting.take(first).is_none());
        assert_eq!(waiting.messages.len(), WAITING_MAX);
    }
}
