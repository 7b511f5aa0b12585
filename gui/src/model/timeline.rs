//! The loaded stretch of one room's messages: sorted, without doubles, without holes.
//!
//! The window always reaches to the newest message. Older messages that sync brings while even
//! older ones are still unread on disk are left out here: scrolling up fetches them in order.

use parlor_node::{Message, Order};
use parlor_protocol::EntryId;
use std::{collections::HashMap, sync::Arc};

/// One message and how often it changed, so that what was measured of it can be checked.
#[derive(Clone, Debug)]
pub struct Item {
    /// The message.
    pub message: Arc<Message>,
    /// Counts changes of this message on the screen.
    pub version: u32,
}

/// The loaded messages of a room.
#[derive(Debug, Default)]
pub struct Timeline {
    items: Vec<Item>,
    orders: HashMap<EntryId, Order>,
    revision: u64,
    loaded: bool,
    more: bool,
    loading: bool,
    stalled: bool,
}

impl Timeline {
    /// The messages, oldest first.
    #[must_use]
    pub fn items(&self) -> &[Item] {
        &self.items
    }

    /// Changes whenever anything in the window changed.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// Whether the newest stretch has been read.
    #[must_use]
    pub fn is_loaded(&self) -> bool {
        self.loaded
    }

    /// Whether a stretch is being read now.
    #[must_use]
    pub fn is_loading(&self) -> bool {
        self.loading
    }

    /// Whether the window starts at the beginning of the room.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.loaded && !self.more
    }

    /// Whether an older stretch should be read when the top comes near.
    #[must_use]
    pub fn wants_older(&self) -> bool {
        self.loaded && self.more && !self.loading && !self.stalled
    }

    /// The place of the oldest loaded message.
    #[must_use]
    pub fn oldest(&self) -> Option<Order> {
        self.items.first().map(|item| item.message.order)
    }

    /// A loaded message.
    #[must_use]
    pub fn find(&self, id: EntryId) -> Option<&Arc<Message>> {
        let at = self.position(*self.orders.get(&id)?)?;
        self.items.get(at).map(|item| &item.message)
    }

    /// A stretch has been asked for.
    pub fn expect_page(&mut self) {
        self.loading = true;
    }

    /// The asked stretch did not come.
    pub fn miss_page(&mut self) {
        self.loading = false;
        self.stalled = true;
    }

    /// A stretch came. The newest one replaces the window: after missed events there may be a
    /// hole between it and what was loaded before.
    pub fn take_page(&mut self, before: Option<Order>, messages: Vec<Arc<Message>>, more: bool) {
        if before.is_none() {
            self.items.clear();
            self.orders.clear();
        }
        self.loading = false;
        self.stalled = more && messages.is_empty();
        self.loaded = true;
        self.more = more;
        self.insert(messages);
    }

    /// Messages appeared. Returns those that are now in the window.
    pub fn add(&mut self, messages: Vec<Arc<Message>>) -> usize {
        // Something arrived, so asking for older ones may bring something again.
        self.stalled = false;
        if !self.loaded {
            return 0;
        }
        let floor = if self.more { self.oldest() } else { None };
        let fitting: Vec<_> =
            messages.into_iter().filter(|message| floor.is_none_or(|floor| message.order >= floor)).collect();
        let count = fitting.len();
        self.insert(fitting);
        count
    }

    /// A message changed. Unknown ones are left alone: they are outside the window.
    pub fn change(&mut self, message: Arc<Message>) {
        if self.orders.contains_key(&message.id) {
            self.insert(vec![message]);
        }
    }

    /// Messages that were never sent.
    pub fn remove(&mut self, ids: &[EntryId]) {
        self.items.retain(|item| !ids.contains(&item.message.id));
        self.orders.retain(|id, _| !ids.contains(id));
        self.revision += 1;
    }

    /// Another read may bring older messages now.
    pub fn unstall(&mut self) {
        self.stalled = false;
    }

    fn position(&self, order: Order) -> Option<usize> {
        self.items.binary_search_by(|item| item.message.order.cmp(&order)).ok()
    }

    fn insert(&mut self, messages: Vec<Arc<Message>>) {
        if messages.is_empty() {
            self.revision += 1;
            return;
        }
        let mut sorted = true;
        for message in messages {
            let mut version = 0;
            if let Some(known) = self.orders.get(&message.id).copied() {
                // Positions hold only while the list is sorted.
                if !sorted {
                    self.sort();
                    sorted = true;
                }
                if let Some(at) = self.position(known) {
                    if let Some(item) = self.items.get_mut(at) {
                        version = item.version.wrapping_add(1);
                        if known == message.order {
                            *item = Item { message, version };
                            continue;
                        }
                    }
                    self.items.remove(at);
                }
            }
            sorted = sorted && self.items.last().is_none_or(|last| last.message.order < message.order);
            self.orders.insert(message.id, message.order);
            self.items.push(Item { message, version });
        }
        if !sorted {
            self.sort();
        }
        self.revision += 1;
    }

    fn sort(&mut self) {
        self.items.sort_by_key(|item| item.message.order);
    }
}
