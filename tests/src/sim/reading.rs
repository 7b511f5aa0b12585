//! What a changed program could read on a host: everything on its disk, with every key that is there.

use parlor_node::store::{LocalStore as _, Read};
use parlor_protocol::{
    RoomId,
    content::{Body, Content},
    entry::{Entry, Kind},
    epoch::EpochSecrets,
    session::OpeningSession,
};

use super::{host::HostId, network::Network};

impl Network {
    /// All entries of a room on a host's disk.
    pub fn entries_of(&mut self, host: HostId, room: RoomId) -> Vec<Entry> {
        let store = &mut self.hosts[host].store;
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let run = store.read(&Read::Scan { room, after }).expect("a store in memory is read").runs.concat();
            let Some(last) = run.last() else { return all };
            after = Some((last.entry.log_key(), last.entry.header().seq));
            all.extend(run.into_iter().map(|stored| stored.entry.into_inner()));
        }
    }

    /// The keys of a room's epochs on a host's disk.
    pub fn keys_of(&mut self, host: HostId, room: RoomId) -> Vec<EpochSecrets> {
        let loaded = self.hosts[host].store.load().expect("a store in memory loads");
        let record = loaded.rooms.into_iter().find(|(record, _)| record.room == room).map(|(record, _)| record);
        let epochs = record.map(|record| record.epochs).unwrap_or_default();
        epochs.iter().filter_map(|epoch| epoch.secrets(room).ok()).collect()
    }

    /// The texts of a room that can be opened with what lies on a host's disk, in no particular order.
    pub fn readable(&mut self, host: HostId, room: RoomId) -> Vec<String> {
        let (entries, keys) = (self.entries_of(host, room), self.keys_of(host, room));
        let opened = keys.iter().flat_map(|secrets| opened_with(&entries, secrets));
        let texts = opened.filter_map(|content| match content.body {
            Body::Text { text, .. } => Some(text.as_str().to_owned()),
            _ => None,
        });
        texts.collect()
    }
}

/// The contents among entries that the key of one epoch opens.
#[must_use]
pub fn opened_with(entries: &[Entry], secrets: &EpochSecrets) -> Vec<Content> {
    let of_epoch = entries.iter().filter(|e| e.header().kind == Kind::Content && e.header().epoch == secrets.id());
    let open = |entry: &Entry| {
        let (log, start) = (entry.log_key(), entry.header().session);
        let opener = entries.iter().find(|opener| opener.log_key() == log && opener.header().seq == start)?;
        let session = OpeningSession::accept(secrets, &opener.clone().verify().ok()?).ok()?;
        session.open(&entry.clone().verify().ok()?).ok()
    };
    of_epoch.filter_map(open).collect()
}
