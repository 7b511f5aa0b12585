//! Grouping and days.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use jiff::tz::TimeZone;
use parlor_node::MessageBody;
use std::sync::Arc;

use super::rows::{Row, build};
use crate::{fake::Fake, model::Timeline};

const START: u64 = 1_700_000_000_000;

#[test]
fn messages_of_one_author_stand_together_until_five_minutes_pass() {
    let fake = Fake::new("Ada");
    let room = fake.room("Kitchen", START);
    let bo = fake.member(room, 1, "Bo", true);
    let text = || MessageBody::Text { text: "x".into() };
    let messages = [(bo, 0), (bo, 60_000), (fake.me(), 61_000), (bo, 62_000), (bo, 62_000 + 300_000)]
        .map(|(author, after)| Arc::new(fake.message(room, author, text(), START + after)));
    let mut timeline = Timeline::default();
    timeline.take_page(None, messages.to_vec(), false);
    let rows = build(&timeline, None, &TimeZone::UTC);
    let ends: Vec<_> = rows
        .iter()
        .filter_map(|row| if let Row::Message { first, last, .. } = row { Some((*first, *last)) } else { None })
        .collect();
    assert_eq!(ends, [(true, false), (false, true), (true, true), (true, true), (true, true)]);
}

#[test]
fn days_change_at_midnight_of_the_persons_zone() {
    let fake = Fake::new("Ada");
    let room = fake.room("Kitchen", START);
    // 22:13 and 23:30 UTC: one day in UTC, two in a zone two hours ahead.
    let messages: Vec<_> = [0, 77 * 60_000]
        .map(|after| Arc::new(fake.message(room, fake.me(), MessageBody::Deleted, START - 60 * 60_000 + after)))
        .to_vec();
    let mut timeline = Timeline::default();
    timeline.take_page(None, messages, false);
    let days = |zone: &TimeZone| build(&timeline, None, zone).iter().filter(|row| matches!(row, Row::Day(..))).count();
    assert_eq!(days(&TimeZone::UTC), 1);
    assert_eq!(days(&TimeZone::fixed(jiff::tz::offset(2))), 2);
}
