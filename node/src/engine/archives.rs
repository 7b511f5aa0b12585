//! Archives that this device uses: they are given keys in advance for newcomers, sealed for the room's codes,
//! and their word counts where only a member's does otherwise.
//!
//! Any machine may call itself an archive. The first one that keeps a room of this device is used, as is the one
//! that keeps its account; every other one only when the person says so. What else archives do needs no trust:
//! entries are sealed and signed, and every archive in reach is brought them.

use parlor_protocol::DeviceId;

use super::{Engine, io::CallId, unsaved::Again, writing::Pending};
use crate::{
    command::Reply,
    error::CommandError,
    store::{ARCHIVES_MAX, Write},
};

/// What stands in the way when there is an archive that is not used.
const HINT: &str = "another archive";

impl Engine {
    /// Whether a peer is an archive that this device uses.
    pub(super) fn uses_archive(&self, peer: DeviceId) -> bool {
        self.connections.is_archive(peer) && self.is_chosen(peer)
    }

    /// The archives in reach that this device uses.
    pub(super) fn used_archives(&self) -> Vec<DeviceId> {
        self.connections.archives().into_iter().filter(|archive| self.is_chosen(*archive)).collect()
    }

    pub(super) fn is_chosen(&self, archive: DeviceId) -> bool {
        self.connections.archives_record.used.contains(&archive) || self.account_archive() == Some(archive)
    }

    /// All archives that this device uses.
    pub(super) fn chosen_archives(&self) -> Vec<DeviceId> {
        let used = &self.connections.archives_record.used;
        let of_account = self.account_archive().filter(|archive| !used.contains(archive));
        used.iter().copied().chain(of_account).collect()
    }

    fn account_archive(&self) -> Option<DeviceId> {
        self.account.record.as_ref().map(|record| record.archive)
    }

    /// An archive keeps a room of this device: when it is the first one, and nobody said otherwise, it is used
    /// from now on. One that is used is no stranger.
    pub(super) fn note_archive(&mut self, archive: DeviceId) {
        if !self.connections.is_archive(archive) {
            return;
        }
        let is_first = !self.connections.archives_record.is_decided && self.chosen_archives().is_empty();
        if is_first {
            self.connections.archives_record.used.push(archive);
            self.save_archives();
            self.after_archives();
        }
        if self.is_chosen(archive) {
            self.recognise(archive);
        } else {
            self.tell_other_archive();
        }
    }

    /// The person says whether an archive is used.
    pub(super) fn use_archive(&mut self, call: CallId, archive: DeviceId, uses: bool) {
        let of_account = self.account_archive();
        let used = &mut self.connections.archives_record.used;
        match uses {
            true if used.contains(&archive) => {}
            true if used.len() >= ARCHIVES_MAX => {
                let what = format!("at most {ARCHIVES_MAX} archives can be used; stop using another one first");
                return self.reply(Some(call), Err(CommandError::Invalid { what }));
            }
            true => used.push(archive),
            false if of_account == Some(archive) => {
                let what = "this archive keeps your account; sign out first".to_owned();
                return self.reply(Some(call), Err(CommandError::Invalid { what }));
            }
            false => used.retain(|known| *known != archive),
        }
        self.connections.archives_record.is_decided = true;
        self.save_archives();
        self.look_at_known();
        self.after_archives();
        self.reply(Some(call), Ok(Reply::Done));
    }

    pub(super) fn save_archives(&mut self) {
        let used = self.connections.archives_record.clone();
        self.write(vec![Write::PutArchives(used)], Pending::unasked(Again::Archives));
    }

    /// Which archives are used has changed: those that are may lack what lets people in.
    fn after_archives(&mut self) {
        let rooms: Vec<_> = self.rooms.keys().copied().collect();
        let used = self.used_archives();
        for room in rooms {
            self.push_wraps_everywhere(room);
            if let Some(room) = self.rooms.get_mut(&room) {
                room.peers.iter_mut().for_each(|(peer, state)| state.used = used.contains(peer));
                room.summary_changed = true;
            }
        }
        self.tell_other_archive();
        self.tell_connection();
    }

    /// Says that there is an archive that is not used, or no more.
    pub(super) fn tell_other_archive(&mut self) {
        let others = self.connections.archives().into_iter().filter(|archive| !self.is_chosen(*archive));
        // Anybody can make up more of them than anybody wants to read.
        let shorts: Vec<_> = others.take(3).map(|archive| archive.short()).collect();
        // Before any archive is used the next one is by itself.
        let is_decided = self.connections.archives_record.is_decided || !self.chosen_archives().is_empty();
        let is_told = !shorts.is_empty() && is_decided;
        let text = is_told.then(|| {
            format!(
                "A machine that you do not use as an archive calls itself one: {}. It keeps messages sealed, as any \
                 archive does, but cannot let people in. If you know it, use it: in Settings, or with `parlor archives --use`.",
                shorts.join(", ")
            )
        });
        if self.connections.set_hint(HINT, text) {
            self.tell_connection();
        }
    }
}
