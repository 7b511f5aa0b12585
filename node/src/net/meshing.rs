//! Peers that were strangers a moment ago and are not in the mesh of their topics yet.
//!
//! What a stranger says to gossipsub is dropped, its wish to be in the mesh as well. Once it is known the
//! next heartbeat takes it in. A message that is passed on before that goes past it, and it would hear of it
//! only when heights are compared. So in its topics messages that are good wait until it is in the mesh.

use libp2p::{PeerId, gossipsub::MessageId};
use parlor_protocol::TopicId;
use std::time::Duration;
use web_time::Instant;

use super::gossip::HEARTBEAT;

/// How long messages wait at most: a heartbeat, and another one for a machine that is busy.
const PATIENCE: Duration = HEARTBEAT.saturating_mul(2);
/// How often to look whether they are in the mesh.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Most pairs of peer and topic that are waited for, and most messages that wait. Beyond that messages are
/// passed on at once, and sync finds what was missed.
const AWAITED_MAX: usize = 4_096;
const HELD_MAX: usize = 1_024;

#[derive(Debug)]
struct Awaited {
    peer: PeerId,
    topic: TopicId,
    until: Instant,
}

/// A message that is good and waits to be passed on.
#[derive(Debug)]
struct Held {
    message: MessageId,
    from: PeerId,
    topic: TopicId,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Meshing {
    awaited: Vec<Awaited>,
    held: Vec<Held>,
    look_at: Option<Instant>,
}

impl Meshing {
    /// A peer that listens to these topics is no stranger from now on.
    pub(super) fn expect(&mut self, peer: PeerId, topics: impl Iterator<Item = TopicId>, now: Instant) {
        let places = AWAITED_MAX.saturating_sub(self.awaited.len());
        let until = now + PATIENCE;
        self.awaited.extend(topics.take(places).map(|topic| Awaited { peer, topic, until }));
        if !self.awaited.is_empty() && self.look_at.is_none() {
            self.look_at = Some(now + LOOK_EVERY);
        }
    }

    /// Keeps a message that is good, if somebody is awaited in its topic; gives it back otherwise.
    pub(super) fn hold(&mut self, message: MessageId, from: PeerId, topic: TopicId) -> Option<(MessageId, PeerId)> {
        let waits = self.held.len() < HELD_MAX && self.awaited.iter().any(|awaited| awaited.topic == topic);
        if !waits {
            return Some((message, from));
        }
        self.held.push(Held { message, from, topic });
        None
    }

    /// When to look again.
    pub(super) const fn due(&self) -> Option<Instant> {
        self.look_at
    }

    /// Looks who is in the mesh by now; gives the messages that wait for nobody any more, in their order.
    pub(super) fn look(
        &mut self,
        now: Instant,
        is_in_mesh: impl Fn(&PeerId, &TopicId) -> bool,
    ) -> Vec<(MessageId, PeerId)> {
        if self.look_at.is_none_or(|at| now < at) {
            return Vec::new();
        }
        self.awaited.retain(|awaited| now < awaited.until && !is_in_mesh(&awaited.peer, &awaited.topic));
        let awaited = &self.awaited;
        let (kept, free): (Vec<_>, Vec<_>) =
            self.held.drain(..).partition(|held| awaited.iter().any(|awaited| awaited.topic == held.topic));
        self.held = kept;
        self.look_at = (!self.awaited.is_empty()).then(|| now + LOOK_EVERY);
        free.into_iter().map(|held| (held.message, held.from)).collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const TOPIC: TopicId = TopicId::from_bytes([1; 32]);
    const OTHER: TopicId = TopicId::from_bytes([2; 32]);

    fn message(n: u8) -> MessageId {
        MessageId::new(&[n])
    }

    #[test]
    fn messages_wait_for_who_is_new_in_their_topic_and_keep_their_order() {
        let (new, from, now) = (PeerId::random(), PeerId::random(), Instant::now());
        let mut meshing = Meshing::default();
        assert!(meshing.hold(message(0), from, TOPIC).is_some(), "nobody is awaited");
        meshing.expect(new, std::iter::once(TOPIC), now);
        assert!(meshing.hold(message(1), from, OTHER).is_some(), "another topic");
        assert!(meshing.hold(message(2), from, TOPIC).is_none() && meshing.hold(message(3), from, TOPIC).is_none());
        let soon = meshing.due().unwrap();
        assert!(meshing.look(soon, |_, _| false).is_empty());
        let later = meshing.due().unwrap();
        let free: Vec<_> = meshing.look(later, |peer, topic| (*peer, *topic) == (new, TOPIC));
        assert_eq!(free, [(message(2), from), (message(3), from)]);
        assert!(meshing.due().is_none() && meshing.hold(message(4), from, TOPIC).is_some());
    }

    #[test]
    fn who_never_gets_into_the_mesh_is_waited_for_only_so_long() {
        let (new, from, now) = (PeerId::random(), PeerId::random(), Instant::now());
        let mut meshing = Meshing::default();
        meshing.expect(new, std::iter::once(TOPIC), now);
        assert!(meshing.hold(message(1), from, TOPIC).is_none());
        assert_eq!(meshing.look(now + PATIENCE, |_, _| false), [(message(1), from)]);
        assert!(meshing.due().is_none());
    }

    #[test]
    fn only_so_many_messages_wait() {
        let (from, now) = (PeerId::random(), Instant::now());
        let mut meshing = Meshing::default();
        (0..AWAITED_MAX + 9).for_each(|_| meshing.expect(PeerId::random(), std::iter::once(TOPIC), now));
        assert_eq!(meshing.awaited.len(), AWAITED_MAX);
        let kept = (0..HELD_MAX + 9).filter(|_| meshing.hold(message(1), from, TOPIC).is_none()).count();
        assert_eq!(kept, HELD_MAX);
    }
}
