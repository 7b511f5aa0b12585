//! Who is known to this machine and who is a stranger, and what follows from it: places, gossip, addresses
//! that are worth coming back to.

use libp2p::{
    PeerId,
    gossipsub::{MessageAcceptance, TopicHash},
};
use parlor_protocol::{DeviceId, TopicId};
use web_time::Instant;

use super::{gossip, identity, system, task::Task};

/// No strangers while the process uses more memory than this. What is theirs is bounded by itself; this is
/// for what nobody thought of.
const MEMORY_MAX: usize = 2 * 1024 * 1024 * 1024;

impl Task {
    pub(super) fn is_known(&self, peer: &PeerId) -> bool {
        self.swarm.behaviour().gate.places.is_known(peer)
    }

    /// Devices are known from now on, or strangers.
    pub(super) fn set_known(&mut self, devices: &[DeviceId], known: bool, now: Instant) {
        for (device, peer) in devices.iter().filter_map(|device| Some((*device, identity::peer_of(device)?))) {
            if self.swarm.behaviour_mut().gate.set_known(peer, known, now) {
                let known = self.is_known(&peer);
                self.dialer.keep(device, known);
                self.set_heard(&peer, known);
                if known {
                    self.expect_in_mesh(peer, now);
                }
            }
        }
    }

    /// Who answers where a person typed is no stranger as long as that is typed.
    pub(super) fn point_at_typed(&mut self) {
        let typed: Vec<_> = self.dialer.typed_peers().filter_map(|device| identity::peer_of(&device)).collect();
        self.swarm.behaviour_mut().gate.places.set_typed(typed);
    }

    /// Gossip of strangers is not listened to, and they are told none. What they have to say to a room comes
    /// by sync, where they show that they were admitted.
    pub(super) fn set_heard(&mut self, peer: &PeerId, heard: bool) {
        let score = if heard { 0.0 } else { gossip::STRANGER };
        // Who is not connected has no score yet.
        self.swarm.behaviour_mut().gossip.set_application_score(peer, score);
    }

    /// What a peer that was a stranger said of its topics was heard, but not that it wants to be in their mesh:
    /// the next heartbeat takes it in.
    fn expect_in_mesh(&mut self, peer: PeerId, now: Instant) {
        let gossip = &self.swarm.behaviour().gossip;
        let topics = gossip.all_peers().find(|(id, _)| **id == peer).map(|(_, topics)| topics).unwrap_or_default();
        let is_awaited = |topic: &&TopicHash| gossip.mesh_peers(topic).count() < gossip::MESH_LOW;
        let topics = topics.into_iter().filter(is_awaited).filter_map(gossip::topic_id);
        let own = &self.waiting.topics;
        self.meshing.expect(peer, topics.filter(|topic| own.contains(topic)), now);
    }

    /// Passes on what waited for peers to be in the mesh.
    pub(super) fn pass_on_held(&mut self, now: Instant) {
        let gossip = &self.swarm.behaviour().gossip;
        let is_in_mesh =
            |peer: &PeerId, topic: &TopicId| gossip.mesh_peers(&gossip::topic(topic).hash()).any(|there| there == peer);
        let free = self.meshing.look(now, is_in_mesh);
        let gossip = &mut self.swarm.behaviour_mut().gossip;
        for (message, from) in free {
            gossip.report_message_validation_result(&message, &from, MessageAcceptance::Accept);
        }
    }

    /// Lets strangers go that speak no Parlor or ask for nothing, and all of them when memory is short.
    pub(super) fn judge_strangers(&mut self, now: Instant) {
        let gate = &mut self.swarm.behaviour_mut().gate;
        gate.close_overdue(now);
        if system::memory().is_some_and(|used| used > MEMORY_MAX) {
            gate.close_strangers();
        }
    }
}
