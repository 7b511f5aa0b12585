//! Loading: what the store holds of a room, a page at a time, so that a room of any size takes no more memory
//! than what follows from it.

use parlor_protocol::{
    EpochId, RoomId,
    entry::Entry,
    limits::WRAPS_MAX,
    log::{ForkProof, Heights},
};
use std::sync::Arc;

use super::{Done, Page, Service, Waiter, keys::Place, room::RoomState, storing::in_time};
use crate::store::{RoomRow, Store, StoreError, Usage, each_plain};

/// What the store holds of a room besides its plain entries.
#[derive(Debug)]
pub(super) struct Rest {
    pub(super) heights: Heights,
    pub(super) forks: Vec<ForkProof>,
    pub(super) usage: Usage,
    /// Records of epochs that were kept of a room that has ended.
    pub(super) records: Vec<Entry>,
    pub(super) wraps: Vec<Place>,
    /// The highest step of each epoch in which something was written.
    pub(super) steps: Vec<(EpochId, u32)>,
}

async fn rest(store: &dyn Store, room: RoomId) -> Result<Rest, StoreError> {
    Ok(Rest {
        // Heights first: what arrives meanwhile only makes the rest newer.
        heights: store.heights(room).await?,
        forks: store.forks(room).await?,
        usage: store.usage(room).await?,
        records: store.records(room).await?,
        wraps: wraps(store, room).await?,
        steps: store.steps(room).await?,
    })
}

/// What is to be known of the wraps of a room, which are read a few at a time.
async fn wraps(store: &dyn Store, room: RoomId) -> Result<Vec<Place>, StoreError> {
    let (mut places, mut after) = (Vec::new(), None);
    loop {
        let wraps = store.wraps(room, after, WRAPS_MAX).await?;
        let Some((last, _)) = wraps.last() else { return Ok(places) };
        after = Some(*last);
        places.extend(wraps.iter().map(|(key, wrap)| Place::stored(*key, wrap)));
    }
}

/// Reads a room.
///
/// # Errors
/// The store's, and [`StoreError::Damaged`] when its genesis is none.
pub(super) async fn load(store: &dyn Store, row: &RoomRow) -> Result<Box<RoomState<Waiter>>, StoreError> {
    let mut room = RoomState::new(row).map_err(|error| StoreError::Damaged { what: error.to_string() })?;
    room.absorb(rest(store, row.room).await?);
    // What lets somebody in may need what arrived after it: again, until nothing changes.
    let mut before = usize::MAX;
    loop {
        let mut waiting = 0;
        each_plain(store, row.room, |page| waiting += room.take_plain(page)).await?;
        if waiting == 0 || waiting >= before {
            break;
        }
        before = waiting;
    }
    room.settle();
    Ok(Box::new(room))
}

impl Service {
    /// Reads a room anew, because another archive writes to the same store.
    pub(super) fn reload(&mut self, room: RoomId) {
        let (store, pages) = (Arc::clone(&self.store), self.to_pages.clone());
        self.tasks.spawn(async move { Done::Reloaded { room, result: read_anew(&*store, &pages, room).await } });
    }

    /// Some of the plain entries of a room that is read anew.
    pub(super) fn on_page(&mut self, page: Page) {
        if let Some(room) = self.rooms.get_mut(&page.room) {
            room.waiting += room.take_plain(page.plain);
        }
    }

    /// All of them were read.
    pub(super) async fn on_reloaded(&mut self, room_id: RoomId, result: Result<Option<Box<Rest>>, StoreError>) {
        match (result, self.rooms.get_mut(&room_id)) {
            (Ok(Some(rest)), Some(room)) => {
                room.absorb(*rest);
                room.settle();
                let (waiting, before) = (std::mem::take(&mut room.waiting), room.waited);
                room.waited = if waiting == 0 { usize::MAX } else { waiting };
                if waiting > 0 && waiting < before {
                    self.reload(room_id);
                }
            }
            // Another archive with the same store let it go.
            (Ok(None), Some(_)) => self.forget_room(room_id).await,
            (Ok(_), None) => {}
            (Err(error), _) => drop(self.note_failure(&error)),
        }
        self.listen(room_id).await;
        self.note_changes(room_id).await;
    }
}

async fn read_anew(
    store: &dyn Store,
    pages: &tokio::sync::mpsc::Sender<Page>,
    room: RoomId,
) -> Result<Option<Box<Rest>>, StoreError> {
    if in_time(store.room(room)).await?.is_none() {
        return Ok(None);
    }
    let rest = in_time(rest(store, room)).await?;
    let mut from = 0;
    loop {
        let arrived =
            in_time(store.plain(room, from, crate::store::PLAIN_STEP, crate::store::PLAIN_STEP_BYTES)).await?;
        let Some(last) = arrived.last() else { return Ok(Some(Box::new(rest))) };
        from = last.number.saturating_add(1);
        let plain = arrived.into_iter().map(|arrived| arrived.kept).collect();
        // Nobody listens any more when the service ends.
        if pages.send(Page { room, plain }).await.is_err() {
            return Err(StoreError::Stopped);
        }
    }
}
