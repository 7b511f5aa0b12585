//! The window of messages under every order of arrival.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use parlor_node::{Delivery, Message, MessageBody, Order};
use parlor_protocol::{DeviceId, EntryId, Hlc, LogId, LogKey, RoomId};
use std::{collections::BTreeMap, sync::Arc};

use super::Timeline;

fn message(number: u8, at: u64) -> Message {
    let author = DeviceId::from_bytes([number % 3; 32]);
    Message {
        id: EntryId::from_bytes([number; 32]),
        room: RoomId::default(),
        order: Order { hlc: Hlc::at(at), log: LogKey { author, log: LogId(1) }, seq: u64::from(number) },
        author,
        author_name: "A".into(),
        user: None,
        verified: false,
        hidden: false,
        warning: None,
        own: false,
        at,
        body: MessageBody::Text { text: format!("{number}") },
        reply_to: None,
        edited: false,
        reactions: Vec::new(),
        delivery: Delivery::default(),
    }
}

/// A small generator: the same numbers in every run of a seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

fn check(timeline: &Timeline, expected: &BTreeMap<Order, Arc<Message>>) {
    let shown: Vec<_> = timeline.items().iter().map(|item| Arc::clone(&item.message)).collect();
    let wanted: Vec<_> = expected.values().cloned().collect();
    assert_eq!(shown, wanted);
    for message in wanted {
        assert_eq!(timeline.find(message.id), Some(&message));
    }
}

#[test]
fn any_order_with_doubles_and_changes_ends_in_the_same_window() {
    for seed in 0..300 {
        let mut dice = Dice(seed);
        let mut timeline = Timeline::default();
        timeline.take_page(None, Vec::new(), false);
        let mut expected: BTreeMap<Order, Arc<Message>> = BTreeMap::new();
        for _ in 0..60 {
            let batch = 1 + dice.roll(5);
            let mut messages = Vec::new();
            for _ in 0..batch {
                let number = u8::try_from(dice.roll(40)).unwrap();
                // Two times for some: a clock far ahead is shown in another place later.
                let at = 1_000 + (u64::from(number) * 7_919) % 400 + if dice.roll(6) == 0 { 50 } else { 0 };
                let mut message = message(number, at);
                message.edited = dice.roll(2) == 0;
                let message = Arc::new(message);
                let known = expected.values().any(|known| known.id == message.id);
                expected.retain(|_, known| known.id != message.id);
                if known && dice.roll(2) == 0 {
                    timeline.change(Arc::clone(&message));
                } else {
                    messages.push(Arc::clone(&message));
                }
                expected.insert(message.order, message);
                if !messages.is_empty() {
                    timeline.add(std::mem::take(&mut messages));
                }
            }
            check(&timeline, &expected);
        }
    }
}

#[test]
fn a_batch_with_the_same_message_twice_shows_it_once() {
    let mut timeline = Timeline::default();
    timeline.take_page(None, Vec::new(), false);
    let (one, two) = (Arc::new(message(1, 10)), Arc::new(message(2, 5)));
    timeline.add(vec![Arc::clone(&one), Arc::clone(&two), Arc::clone(&one), Arc::clone(&two)]);
    let ids: Vec<_> = timeline.items().iter().map(|item| item.message.id).collect();
    assert_eq!(ids, [two.id, one.id]);
}

#[test]
fn backlog_below_an_incomplete_window_waits_until_it_is_scrolled_to() {
    let mut timeline = Timeline::default();
    timeline.take_page(None, vec![Arc::new(message(5, 500)), Arc::new(message(6, 600))], true);
    timeline.add(vec![Arc::new(message(1, 100))]);
    assert_eq!(timeline.items().len(), 2);
    assert!(timeline.wants_older());
    timeline.expect_page();
    assert!(!timeline.wants_older());
    timeline.take_page(timeline.oldest(), vec![Arc::new(message(1, 100)), Arc::new(message(2, 200))], false);
    assert_eq!(timeline.items().len(), 4);
    assert!(timeline.is_complete());
}

#[test]
fn an_empty_page_with_more_to_come_is_not_asked_again_until_something_arrives() {
    let mut timeline = Timeline::default();
    timeline.take_page(None, vec![Arc::new(message(5, 500))], true);
    timeline.expect_page();
    timeline.take_page(timeline.oldest(), Vec::new(), true);
    assert!(!timeline.wants_older());
    timeline.add(vec![Arc::new(message(1, 100))]);
    assert!(timeline.wants_older());
}

#[test]
fn messages_before_the_first_page_are_left_to_it() {
    let mut timeline = Timeline::default();
    assert_eq!(timeline.add(vec![Arc::new(message(1, 1))]), 0);
    assert!(timeline.items().is_empty());
}

#[test]
fn messages_that_could_not_be_saved_leave_the_screen() {
    let mut timeline = Timeline::default();
    timeline.take_page(None, vec![Arc::new(message(1, 10)), Arc::new(message(2, 20))], false);
    let revision = timeline.revision();
    timeline.remove(&[message(2, 20).id]);
    assert_eq!(timeline.items().len(), 1);
    assert!(timeline.find(message(2, 20).id).is_none() && timeline.find(message(1, 10).id).is_some());
    assert_ne!(timeline.revision(), revision, "the screen is drawn anew");
}
