//! Who has a place among the connections. A state machine without IO.
//!
//! Known devices have places of their own, which strangers cannot take. Strangers share theirs fairly:
//! whoever has most at one address gives way to whoever has fewer, and who does nothing gives way first.
//! Incoming ones and those that were dialed are counted apart, so that no stranger keeps this machine from
//! dialing. Keys cost nothing, so strangers are counted by the address that they come from.

use std::collections::{HashMap, HashSet};

use libp2p::{Multiaddr, PeerId, swarm::ConnectionId};
use web_time::{Duration, Instant};

mod known;

use super::{config::ConnectionLimits, source::Source};
use known::Known;

/// Most connections of one peer. Two are kept at most for long, but racing dials over several
/// interfaces meet for a moment, and refusing the wrong one would cost a redial.
const OF_PEER_MAX: usize = 8;
/// How long a stranger may take to say that it speaks Parlor.
const SPEAK_WITHIN: Duration = Duration::from_secs(10);
/// How long a stranger may ask nothing, and have nothing asked of it.
const IDLE_MAX: Duration = Duration::from_secs(60);
/// For so long a stranger keeps its place against others like it: time for what it came for.
const GRACE: Duration = Duration::from_secs(10);
/// Most connections to known devices, and to strangers, that are being dialed.
const DIALING_MAX: usize = 128;
const DIALING_STRANGERS_MAX: usize = 32;

/// What becomes of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It has a place.
    Welcome,
    /// It has the place of this one.
    Instead(ConnectionId),
    /// There is none.
    Full,
}

#[derive(Debug)]
struct Link {
    peer: PeerId,
    /// The other end.
    address: Multiaddr,
    source: Option<Source>,
    dialed: bool,
    /// A person typed the address.
    by_hand: bool,
    since: Instant,
    /// Whether it has shown that it speaks Parlor.
    spoke: bool,
    /// When it asked last, or was asked.
    active: Instant,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Places {
    limits: ConnectionLimits,
    pub(super) known: Known,
    links: HashMap<ConnectionId, Link>,
    /// Dials that are under way: to whom, and whether a person typed the address.
    dialing: HashMap<ConnectionId, (Option<PeerId>, bool)>,
    /// Dials that will be under way because a person typed the address.
    by_hand: HashSet<ConnectionId>,
    /// Who answered where a person typed, as long as that is typed: no stranger either.
    typed: HashSet<PeerId>,
}

impl Places {
    pub(super) fn new(limits: ConnectionLimits) -> Self {
        Self {
            limits,
            known: Known::default(),
            links: HashMap::new(),
            dialing: HashMap::new(),
            by_hand: HashSet::new(),
            typed: HashSet::new(),
        }
    }

    /// Whether a peer is no stranger: it is known, or answers where a person typed.
    pub(super) fn is_known(&self, peer: &PeerId) -> bool {
        self.is_named(peer) || self.links.values().any(|link| link.peer == *peer && link.by_hand)
    }

    /// The same without a look at its connections.
    fn is_named(&self, peer: &PeerId) -> bool {
        self.known.contains(peer) || self.typed.contains(peer)
    }

    fn is_stranger(&self, link: &Link) -> bool {
        !link.by_hand && !self.is_named(&link.peer)
    }

    /// These answer where a person typed, and nobody else.
    pub(super) fn set_typed(&mut self, peers: impl IntoIterator<Item = PeerId>) {
        self.typed = peers.into_iter().collect();
    }

    /// How soon a peer was known: whoever a person points at comes before all.
    fn rank(&self, peer: &PeerId) -> Option<u64> {
        if self.typed.contains(peer) { Some(0) } else { self.known.rank(peer).map(|rank| rank + 1) }
    }

    /// The connection that is dialed next goes where a person typed: nothing stands in its way.
    pub(super) fn will_dial_by_hand(&mut self, connection: ConnectionId) {
        self.by_hand.insert(connection);
    }

    /// Whether a dial may begin.
    pub(super) fn dial(&mut self, connection: ConnectionId, peer: Option<PeerId>) -> Verdict {
        let by_hand = self.by_hand.remove(&connection);
        let is_known = |peer: &Option<PeerId>| peer.is_some_and(|peer| self.is_named(&peer));
        let like_it = self.dialing.values().filter(|(to, hand)| !hand && is_known(to) == is_known(&peer)).count();
        let most = if is_known(&peer) { DIALING_MAX } else { DIALING_STRANGERS_MAX };
        let strangers = || self.links.values().filter(|link| link.dialed && self.is_stranger(link)).count();
        let has_place = is_known(&peer) || strangers() + like_it < self.limits.dialed_strangers;
        if !by_hand && (like_it >= most || !has_place) {
            return Verdict::Full;
        }
        self.dialing.insert(connection, (peer, by_hand));
        Verdict::Welcome
    }

    /// A dial failed.
    pub(super) fn dial_failed(&mut self, connection: ConnectionId) {
        self.dialing.remove(&connection);
        self.by_hand.remove(&connection);
    }

    /// Whether a connection that was dialed has a place, now that it is known to whom it leads.
    pub(super) fn reached(&self, connection: ConnectionId, peer: PeerId) -> Verdict {
        if self.of_peer(&peer) >= OF_PEER_MAX {
            return Verdict::Full;
        }
        if self.dialing.get(&connection).is_some_and(|(_, by_hand)| *by_hand) {
            return Verdict::Welcome;
        }
        match self.rank(&peer) {
            Some(rank) => self.place_for_known(rank),
            None => self.place_for_stranger(true),
        }
    }

    /// Whether a connection that comes in has a place. `now` judges who had its time.
    pub(super) fn incoming(&self, peer: PeerId, source: Option<Source>, now: Instant) -> Verdict {
        if self.of_peer(&peer) >= OF_PEER_MAX {
            return Verdict::Full;
        }
        if let Some(rank) = self.rank(&peer) {
            return self.place_for_known(rank);
        }
        let like_it = |link: &&Link| !link.dialed && self.is_stranger(link) && link.source == source;
        if source.is_some() && self.links.values().filter(like_it).count() >= self.limits.of_address {
            // Who had its time goes, the longest silent first.
            let idle = self.links.iter().filter(|(_, link)| like_it(link) && had_its_time(link, now));
            return instead(idle.min_by_key(|(_, link)| (link.spoke, link.active)));
        }
        match self.place_for_stranger(false) {
            Verdict::Full => self.place_of_another(source, now),
            verdict => verdict,
        }
    }

    fn of_peer(&self, peer: &PeerId) -> usize {
        self.links.values().filter(|link| link.peer == *peer).count()
    }

    fn place_for_known(&self, rank: u64) -> Verdict {
        let known = || self.links.iter().filter(|(_, link)| !self.is_stranger(link));
        if known().count() < self.limits.known {
            return Verdict::Welcome;
        }
        // Made-up rooms make their devices known as well, so the one known last gives way, and nobody to
        // whom a person pointed.
        let last = known().filter_map(|(id, link)| Some((id, self.rank(&link.peer).filter(|_| !link.by_hand)?)));
        match last.max_by_key(|(_, rank)| *rank) {
            Some((connection, last)) if last > rank => Verdict::Instead(*connection),
            _ => Verdict::Full,
        }
    }

    fn place_for_stranger(&self, dialed: bool) -> Verdict {
        let most = if dialed { self.limits.dialed_strangers } else { self.limits.strangers };
        let there = self.links.values().filter(|link| link.dialed == dialed && self.is_stranger(link)).count();
        if there < most { Verdict::Welcome } else { Verdict::Full }
    }

    /// The place of a stranger at an address that has more of them than the one that comes, or else of one
    /// that had its time.
    fn place_of_another(&self, source: Option<Source>, now: Instant) -> Verdict {
        let strangers: Vec<_> = self.links.iter().filter(|(_, link)| !link.dialed && self.is_stranger(link)).collect();
        let mut counts: HashMap<Option<Source>, usize> = HashMap::new();
        strangers.iter().for_each(|(_, link)| *counts.entry(link.source).or_default() += 1);
        let count = |source: &Option<Source>| counts.get(source).copied().unwrap_or_default();
        let own = count(&source) + 1;
        let gives_way = |link: &Link| count(&link.source) > own || had_its_time(link, now);
        let candidates = strangers.into_iter().filter(|(_, link)| gives_way(link));
        instead(
            candidates
                .max_by_key(|(_, link)| (count(&link.source), !link.spoke, now.saturating_duration_since(link.active))),
        )
    }

    /// A connection is open.
    pub(super) fn opened(
        &mut self,
        connection: ConnectionId,
        peer: PeerId,
        address: Multiaddr,
        source: Option<Source>,
        dialed: bool,
        now: Instant,
    ) {
        let by_hand = self.dialing.remove(&connection).is_some_and(|(_, by_hand)| by_hand);
        let link = Link { peer, address, source, dialed, by_hand, since: now, spoke: false, active: now };
        self.links.insert(connection, link);
    }

    /// A connection is closed, or told to close.
    pub(super) fn closed(&mut self, connection: ConnectionId) {
        self.links.remove(&connection);
    }

    /// A peer showed that it speaks Parlor.
    pub(super) fn spoke(&mut self, peer: &PeerId) {
        self.links.values_mut().filter(|link| link.peer == *peer).for_each(|link| link.spoke = true);
    }

    /// A peer asks something, or is asked something.
    pub(super) fn active(&mut self, peer: &PeerId, now: Instant) {
        for link in self.links.values_mut().filter(|link| link.peer == *peer) {
            link.spoke = true;
            link.active = now;
        }
    }

    /// Strangers that speak no Parlor, or ask for nothing.
    pub(super) fn overdue(&self, now: Instant) -> Vec<(PeerId, ConnectionId)> {
        let is_overdue = |link: &Link| {
            let (age, idle) = (now.saturating_duration_since(link.since), now.saturating_duration_since(link.active));
            !link.spoke && age >= SPEAK_WITHIN || idle >= IDLE_MAX
        };
        self.strangers().filter(|(_, link)| is_overdue(link)).map(|(id, link)| (link.peer, *id)).collect()
    }

    /// All strangers, for when memory is short.
    pub(super) fn all_strangers(&self) -> Vec<(PeerId, ConnectionId)> {
        self.strangers().map(|(id, link)| (link.peer, *id)).collect()
    }

    fn strangers(&self) -> impl Iterator<Item = (&ConnectionId, &Link)> {
        self.links.iter().filter(|(_, link)| self.is_stranger(link))
    }

    /// Where a peer is.
    pub(super) fn source(&self, peer: &PeerId) -> Option<Source> {
        self.links.values().find(|link| link.peer == *peer)?.source
    }

    /// The connections of a peer: the other end, as what it is counted, and whether this machine dialed.
    pub(super) fn links_of(&self, peer: &PeerId) -> impl Iterator<Item = (&Multiaddr, Option<Source>, bool)> {
        let links = self.links.values().filter(move |link| link.peer == *peer);
        links.map(|link| (&link.address, link.source, link.dialed))
    }

    /// Whose connection it is.
    pub(super) fn peer_of(&self, connection: ConnectionId) -> Option<PeerId> {
        self.links.get(&connection).map(|link| link.peer)
    }
}

fn had_its_time(link: &Link, now: Instant) -> bool {
    now.saturating_duration_since(link.since) >= GRACE
}

fn instead<'a>(found: Option<(&'a ConnectionId, &'a Link)>) -> Verdict {
    found.map_or(Verdict::Full, |(connection, _)| Verdict::Instead(*connection))
}

#[cfg(test)]
mod tests;
