//! The rows of a conversation: days, the "new" mark, messages grouped by author.

use jiff::{civil::Date, tz::TimeZone};
use parlor_node::{Message, MessageBody, Order};
use std::sync::Arc;

use crate::{
    model::{Item, Timeline},
    words,
};

/// Messages of one author closer than this stand together, in milliseconds.
const GROUP_MS: u64 = 5 * 60 * 1000;

/// What a row shows.
#[derive(Clone, Debug)]
pub(super) enum Row {
    /// The beginning of the room, or that older messages are being read.
    Top { complete: bool },
    /// A new day; the place of its first message.
    Day(Date, Order),
    /// From here on it is new.
    New,
    /// A line about the room.
    System(Arc<Message>),
    /// A message; `first` and `last` of its group.
    Message { message: Arc<Message>, version: u32, first: bool, last: bool },
}

/// Names a row across rebuilds, so that the view stays where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum RowKey {
    Top,
    Day(Order),
    New,
    At(Order),
}

impl Row {
    pub(super) fn key(&self) -> RowKey {
        match self {
            Self::Top { .. } => RowKey::Top,
            Self::Day(_, order) => RowKey::Day(*order),
            Self::New => RowKey::New,
            Self::System(message) | Self::Message { message, .. } => RowKey::At(message.order),
        }
    }

    /// Changes when the row has to be measured again.
    pub(super) fn stamp(&self) -> u32 {
        match self {
            Self::Message { version, first, last, .. } => {
                version.wrapping_mul(4) + u32::from(*first) * 2 + u32::from(*last)
            }
            _ => 0,
        }
    }

    /// A guess of the height before the row was ever in sight.
    pub(super) fn guess(&self, wrap: f32) -> f32 {
        match self {
            Self::Message { message, first, .. } => {
                let chars = if let MessageBody::Text { text } = &message.body { text.len().min(20_000) } else { 20 };
                let per_line = (wrap / 7.5).max(10.0);
                let lines = (u16::try_from(chars).map_or(0.0, f32::from) / per_line).ceil().max(1.0);
                let quote = if message.reply_to.is_some() { 46.0 } else { 0.0 };
                let reactions = if message.reactions.is_empty() { 0.0 } else { 30.0 };
                22.0 + lines * 20.0 + if *first { 26.0 } else { 3.0 } + quote + reactions
            }
            Self::Top { .. } => 64.0,
            _ => 40.0,
        }
    }
}

/// Builds the rows of a window.
pub(super) fn build(timeline: &Timeline, marker: Option<Order>, zone: &TimeZone) -> Vec<Row> {
    let items = timeline.items();
    let mut rows = Vec::with_capacity(items.len() + items.len() / 16 + 3);
    rows.push(Row::Top { complete: timeline.is_complete() });
    let mut marker = marker;
    // Consecutive messages mostly share a day; converting each would be slow.
    let mut days = Days::new(zone);
    let mut today = None;
    let mut open_group: Option<usize> = None;
    for (index, Item { message, version }) in items.iter().enumerate() {
        if is_makers_joining(items, index) {
            continue;
        }
        let date = days.of(message.at);
        let mut broken = false;
        if today != Some(date) {
            today = Some(date);
            rows.push(Row::Day(date, message.order));
            broken = true;
        }
        if marker.is_some_and(|marker| message.order >= marker) {
            marker = None;
            rows.push(Row::New);
            broken = true;
        }
        if !matches!(message.body, MessageBody::Text { .. } | MessageBody::Deleted) {
            rows.push(Row::System(Arc::clone(message)));
            open_group = None;
            continue;
        }
        let before = index.checked_sub(1).and_then(|at| items.get(at));
        let joined =
            !broken && open_group.is_some() && before.is_some_and(|before| continues(&before.message, message));
        if joined && let Some(Row::Message { last, .. }) = open_group.and_then(|at| rows.get_mut(at)) {
            *last = false;
        }
        open_group = Some(rows.len());
        rows.push(Row::Message { message: Arc::clone(message), version: *version, first: !joined, last: true });
    }
    rows
}

/// Who makes a room also joins it; saying both would be noise.
fn is_makers_joining(items: &[Item], index: usize) -> bool {
    let Some(message) = items.get(index).map(|item| &item.message).filter(|m| m.body == MessageBody::Joined) else {
        return false;
    };
    let before = index.checked_sub(1).and_then(|at| items.get(at));
    let mut beside = before.into_iter().chain(items.get(index + 1));
    beside.any(|item| item.message.body == MessageBody::RoomCreated && item.message.author == message.author)
}

fn continues(before: &Message, message: &Message) -> bool {
    before.author == message.author && message.at.abs_diff(before.at) < GROUP_MS
}

struct Days<'a> {
    zone: &'a TimeZone,
    known: Option<(u64, u64, Date)>,
}

impl<'a> Days<'a> {
    fn new(zone: &'a TimeZone) -> Self {
        Self { zone, known: None }
    }

    fn of(&mut self, at_ms: u64) -> Date {
        if let Some((from, to, date)) = self.known.filter(|(from, to, _)| (*from..*to).contains(&at_ms)) {
            self.known = Some((from, to, date));
            return date;
        }
        let at = words::local(at_ms, self.zone);
        let date = at.date();
        let day = at.start_of_day().ok().zip(at.tomorrow().ok().and_then(|next| next.start_of_day().ok()));
        if let Some((start, end)) = day {
            let millis = |at: jiff::Timestamp| u64::try_from(at.as_millisecond()).unwrap_or(0);
            self.known = Some((millis(start.timestamp()), millis(end.timestamp()), date));
        }
        date
    }
}
