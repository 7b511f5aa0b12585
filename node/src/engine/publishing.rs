//! Publishing: what one turn of the engine gives to gossip goes out at its end, entries that follow
//! each other as one message.
//!
//! Nothing waits for company: a turn takes what is there already. A lone entry is published as
//! itself; when several commands wait, or one wrote several entries, others get them as a run and
//! check one signature for all of it.

use bytes::Bytes;
use parlor_protocol::{
    TopicId,
    entry::{Entry, Kind, Verified},
    epoch::EpochSecrets,
    limits::{GOSSIP_MAX, PAGE_MAX_ENTRIES},
    wire::Gossip,
};

use super::{Engine, io::Output};
use crate::net::NetCommand;

/// Version and kind in front of a gossip message.
const FRAME_BYTES: usize = 2;

/// Own entries that leave at the end of the turn.
#[derive(Debug, Default)]
pub(super) struct ToPublish {
    /// Each for its topic.
    entries: Vec<(TopicId, Entry)>,
    /// Records of epochs, each for all topics that are listened to by then.
    epochs: Vec<Entry>,
}

impl Engine {
    /// Publishes an own entry at the end of this turn.
    pub(super) fn publish(&mut self, entry: &Verified<Entry>) {
        let Some(room) = self.rooms.get(&entry.room()) else { return };
        if entry.header().kind == Kind::Epoch {
            return self.to_publish.epochs.push(entry.inner().clone());
        }
        let secrets = room.membership.secrets(entry.header().epoch).or_else(|| room.membership.current());
        let topic = secrets.map(EpochSecrets::topic);
        if let Some(topic) = topic {
            self.to_publish.entries.push((topic, entry.inner().clone()));
        }
    }

    /// Publishes what this turn has written.
    pub(super) fn publish_all(&mut self) {
        let ToPublish { entries, epochs } = std::mem::take(&mut self.to_publish);
        for entry in epochs {
            // Who is removed hears of it too, and who missed the last epochs.
            let room = self.rooms.get(&entry.room()).map(|room| room.membership.heard_secrets());
            let topics: Vec<_> = room.unwrap_or_default().iter().map(|secrets| secrets.topic()).collect();
            let Ok(bytes) = Gossip::Entry(entry).encode().map(Bytes::from) else { continue };
            for topic in topics {
                self.out.push(Output::Net(NetCommand::Publish { topic, bytes: bytes.clone() }));
            }
        }
        for (topic, run) in runs(entries) {
            if let Ok(bytes) = run.encode() {
                self.out.push(Output::Net(NetCommand::Publish { topic, bytes: Bytes::from(bytes) }));
            }
        }
    }
}

/// Puts entries that follow each other together, as far as they fit into one message.
fn runs(entries: Vec<(TopicId, Entry)>) -> Vec<(TopicId, Gossip)> {
    let mut runs: Vec<(TopicId, Vec<Entry>, usize)> = Vec::new();
    for (topic, entry) in entries {
        let len = entry.bytes().len();
        // Rooms may take turns: the run that this entry goes on with need not be the newest one.
        let before = runs.iter_mut().rev().find(|(of, run, _)| *of == topic && is_next(run, &entry));
        match before {
            Some((_, run, bytes)) if run.len() < PAGE_MAX_ENTRIES && *bytes + len <= GOSSIP_MAX => {
                run.push(entry);
                *bytes += len;
            }
            _ => runs.push((topic, vec![entry], FRAME_BYTES + len)),
        }
    }
    let message = |mut run: Vec<Entry>| match (run.pop(), run.is_empty()) {
        (Some(only), true) => Some(Gossip::Entry(only)),
        (Some(last), false) => {
            run.push(last);
            Some(Gossip::Run(run))
        }
        (None, _) => None,
    };
    runs.into_iter().filter_map(|(topic, run, _)| message(run).map(|message| (topic, message))).collect()
}

fn is_next(run: &[Entry], entry: &Entry) -> bool {
    run.last().is_some_and(|last| {
        let next_to = last.room() == entry.room() && last.log_key() == entry.log_key();
        next_to && entry.header().seq == last.header().seq + 1 && entry.header().prev == last.id()
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use parlor_protocol::{
        EntryId, EpochId, LogId, RoomId,
        entry::Header,
        keys::{DeviceKey, Secret},
        limits::BODY_MAX,
        log::Height,
    };

    /// Entries of one log of a room, each with a body of so many bytes.
    fn log(room: u8, bodies: &[usize]) -> Vec<(TopicId, Entry)> {
        let key = DeviceKey::from_seed(&Secret::from_bytes([7; 32]));
        let mut height = Height { next: 5, head: EntryId::from_bytes([9; 32]) };
        let mut sign = |len: &usize| {
            let header = Header {
                kind: Kind::Content,
                room: RoomId::from_bytes([room; 32]),
                author: key.id(),
                log: LogId(1),
                seq: height.next,
                prev: height.head,
                epoch: EpochId::default(),
                session: 5,
            };
            let entry = Entry::sign(&key, header, &vec![0; *len]).unwrap().into_inner();
            height = Height::after(&entry);
            (TopicId::from_bytes([room; 32]), entry)
        };
        bodies.iter().map(&mut sign).collect()
    }

    fn lengths(entries: Vec<(TopicId, Entry)>) -> Vec<usize> {
        let length = |(_, message): (TopicId, Gossip)| match message {
            Gossip::Entry(_) => 1,
            Gossip::Run(run) => run.len(),
            Gossip::Signal(_) => panic!("only entries were given"),
        };
        runs(entries).into_iter().map(length).collect()
    }

    #[test]
    fn a_lone_entry_is_published_as_itself() {
        assert_eq!(lengths(log(1, &[10])), [1]);
        assert_eq!(lengths(Vec::new()), [0; 0]);
    }

    #[test]
    fn entries_that_follow_each_other_are_one_message_also_when_rooms_take_turns() {
        assert_eq!(lengths(log(1, &[10; 3])), [3]);
        let both = log(1, &[10; 3]).into_iter().zip(log(2, &[10; 3])).flat_map(|(a, b)| [a, b]);
        assert_eq!(lengths(both.collect()), [3, 3]);
    }

    #[test]
    fn a_gap_begins_a_new_message() {
        let mut entries = log(1, &[10; 5]);
        entries.remove(2);
        assert_eq!(lengths(entries), [2, 2]);
    }

    #[test]
    fn no_message_is_longer_than_the_protocol_allows() {
        assert_eq!(lengths(log(1, &[BODY_MAX; 5])), [3, 2]);
        assert_eq!(lengths(log(1, &[1; PAGE_MAX_ENTRIES + 2])), [PAGE_MAX_ENTRIES, 2]);
        let messages = runs(log(1, &[BODY_MAX, 8_000, 300, 90, BODY_MAX, BODY_MAX, 1]));
        assert!(messages.iter().all(|(_, message)| message.encode().is_ok()), "each can be sent");
    }
}
