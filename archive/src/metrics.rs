//! Counters for operators. No room, device or person appears in them.

use parlor_node::net::Verdict;
use parlor_protocol::wire::Refusal;
use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Why {
    reason: &'static str,
}

/// What the archive counts.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    pub(crate) rooms: Gauge,
    pub(crate) kept: Gauge,
    pub(crate) let_go: Counter,
    pub(crate) peers: Gauge,
    pub(crate) entries: Counter,
    pub(crate) bytes: Counter,
    pub(crate) forks: Counter,
    pub(crate) pruned: Counter,
    pub(crate) store_failures: Counter,
    refusals: Family<Why, Counter>,
    gossip: Family<Why, Counter>,
}

impl Metrics {
    pub(crate) fn count_refusal(&self, refusal: &Refusal) {
        let reason = match refusal {
            Refusal::UnknownRoom => "unknown_room",
            Refusal::NotAdmitted(_) => "not_admitted",
            Refusal::Busy { .. } => "busy",
            Refusal::DoesNotFit => "does_not_fit",
            Refusal::QuotaReached => "quota",
            Refusal::StoreUnavailable => "store",
            Refusal::RegistrationClosed => "closed",
            Refusal::Malformed => "malformed",
            Refusal::Unsupported => "unsupported",
            Refusal::Other { .. } => "other",
        };
        self.refusals.get_or_create(&Why { reason }).inc();
    }

    pub(crate) fn count_gossip(&self, verdict: Verdict) {
        let reason = match verdict {
            Verdict::Accept => "accepted",
            Verdict::Ignore => "ignored",
            Verdict::Reject => "rejected",
        };
        self.gossip.get_or_create(&Why { reason }).inc();
    }

    /// The registry that the metrics page is made from.
    pub(crate) fn registry(&self) -> Registry {
        let mut registry = Registry::with_prefix("parlor_archive");
        registry.register("rooms", "Rooms registered", self.rooms.clone());
        registry.register("kept_bytes", "Bytes of the entries of all rooms", self.kept.clone());
        registry.register("rooms_let_go", "Rooms that went because places or disk were short", self.let_go.clone());
        registry.register("peers", "Peers connected", self.peers.clone());
        registry.register("entries", "Entries stored since the start", self.entries.clone());
        registry.register("stored_bytes", "Bytes of entries stored since the start", self.bytes.clone());
        registry.register("forks", "Logs found to have forked", self.forks.clone());
        registry.register("pruned", "Entries pruned because their time was over", self.pruned.clone());
        registry.register("store_failures", "Failed store operations", self.store_failures.clone());
        registry.register("refusals", "Requests refused, by reason", self.refusals.clone());
        registry.register("gossip", "Gossip messages, by verdict", self.gossip.clone());
        registry
    }
}

/// The metrics page in the OpenMetrics text format.
pub(crate) fn page(registry: &Registry) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = encode(&mut out, registry);
    out
}
