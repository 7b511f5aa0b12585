//! Logs: pages, ends of logs, forks, digests.

use crate::fixtures::{Device, Room, entry_id, flipped, opener, plain_log};
use parlor_protocol::{
    LogId, LogKey, RoomId,
    entry::{Entry, Header, Kind, SIG_LEN},
    error::LogError,
    limits::{BODY_MAX, PAGE_MAX_BYTES, PAGE_MAX_ENTRIES},
    log::{Height, Heights, digest, verify_page, verify_suffix},
};
use proptest::prelude::*;

struct Log {
    room: Room,
    device: Device,
    entries: Vec<Entry>,
}

impl Log {
    fn new(count: usize) -> Self {
        let (room, device) = (Room::new(1), Device::new(2));
        let entries = plain_log(&room, &device, count);
        Self { room, device, entries }
    }

    fn key(&self) -> LogKey {
        LogKey { author: self.device.id(), log: self.device.log }
    }

    fn whole(&self, entries: Vec<Entry>) -> Result<usize, LogError> {
        verify_page(self.room.id(), self.key(), Height::EMPTY, entries).map(|verified| verified.len())
    }

    fn end(&self, entries: Vec<Entry>) -> Result<usize, LogError> {
        verify_suffix(self.room.id(), self.key(), entries).map(|verified| verified.len())
    }
}

#[test]
fn good_pages_and_ends_are_accepted() {
    let log = Log::new(PAGE_MAX_ENTRIES + 1);
    assert_eq!(log.whole(log.entries[..PAGE_MAX_ENTRIES].to_vec()), Ok(PAGE_MAX_ENTRIES));
    let height = Height::after(&log.entries[9]);
    let rest = verify_page(log.room.id(), log.key(), height, log.entries[10..20].to_vec()).unwrap();
    assert_eq!(rest.len(), 10);
    assert_eq!(log.end(log.entries[5..8].to_vec()), Ok(3));
    assert_eq!(log.end(log.entries[7..8].to_vec()), Ok(1));
}

#[test]
fn empty_and_overlong_pages_are_refused() {
    let log = Log::new(PAGE_MAX_ENTRIES + 1);
    let size = |got| Err(LogError::PageSize { max: PAGE_MAX_ENTRIES, got });
    assert_eq!(log.whole(vec![]), size(0));
    assert_eq!(log.end(vec![]), size(0));
    assert_eq!(log.whole(log.entries.clone()), size(PAGE_MAX_ENTRIES + 1));
    assert_eq!(log.end(log.entries.clone()), size(PAGE_MAX_ENTRIES + 1));
}

#[test]
fn gaps_swaps_and_repetitions_are_refused() {
    let log = Log::new(6);
    let mut gap = log.entries.clone();
    gap.remove(3);
    assert_eq!(log.whole(gap.clone()), Err(LogError::Gap { expected: 3, got: 4 }));
    assert_eq!(log.end(gap), Err(LogError::Gap { expected: 3, got: 4 }));
    let mut swapped = log.entries.clone();
    swapped.swap(2, 3);
    assert_eq!(log.whole(swapped), Err(LogError::Gap { expected: 2, got: 3 }));
    let repeated = vec![log.entries[0].clone(), log.entries[0].clone()];
    assert_eq!(log.whole(repeated), Err(LogError::Gap { expected: 1, got: 0 }));
    assert_eq!(log.whole(log.entries[1..].to_vec()), Err(LogError::Gap { expected: 0, got: 1 }));
}

#[test]
fn foreign_entries_are_refused() {
    let log = Log::new(4);
    let by_another = plain_log(&log.room, &Device::new(3), 4);
    let in_another = plain_log(&Room::new(9), &log.device, 4);
    for foreign in [by_another, in_another] {
        let mut page = log.entries.clone();
        page[2] = foreign[2].clone();
        assert_eq!(log.whole(page.clone()), Err(LogError::WrongLog { seq: 2 }));
        assert_eq!(log.end(page), Err(LogError::WrongLog { seq: 2 }));
        assert_eq!(log.whole(foreign), Err(LogError::WrongLog { seq: 0 }));
    }
    let other_key = LogKey { log: LogId(1), ..log.key() };
    let other_log = verify_suffix(log.room.id(), other_key, log.entries.clone());
    assert_eq!(other_log.err(), Some(LogError::WrongLog { seq: 0 }));
}

#[test]
fn a_page_that_does_not_continue_from_here_is_refused() {
    let log = Log::new(4);
    let height = Height { next: 2, head: entry_id(9) };
    let page = verify_page(log.room.id(), log.key(), height, log.entries[2..].to_vec());
    assert_eq!(page.err(), Some(LogError::BrokenLink { seq: 2 }));
}

#[test]
fn an_altered_entry_anywhere_in_a_page_is_refused() {
    let log = Log::new(5);
    for place in 0..5 {
        let entry = &log.entries[place];
        let body_at = entry.bytes().len() - SIG_LEN - 1;
        let mut page = log.entries.clone();
        page[place] = flipped(entry, body_at, 1).unwrap();
        assert!(log.whole(page.clone()).is_err(), "entry {place}");
        assert!(log.end(page).is_err(), "entry {place}");
    }
}

#[test]
fn of_contents_only_the_last_signature_of_a_page_is_checked() {
    // The reason why stores must remember which entries were checked by themselves.
    let log = Log::new(3);
    for place in 0..3 {
        let last_byte = log.entries[place].bytes().len() - 1;
        let mut page = log.entries.clone();
        page[place] = flipped(&page[place], last_byte, 1).unwrap();
        assert_eq!(log.whole(page).is_ok(), place < 2, "signature of entry {place}");
    }
}

#[test]
fn what_others_are_shown_by_itself_has_to_be_signed_by_itself() {
    let log = Log::new(1);
    for kind in [Kind::Epoch, Kind::Access, Kind::Door] {
        let mut at = Height::EMPTY;
        let mut page: Vec<Entry> = [kind, Kind::Content]
            .into_iter()
            .map(|kind| {
                let header = Header { kind, ..log.room.content_header(&log.device, at) };
                let entry = Entry::sign(&log.device.key, header, &opener(b"body")).unwrap().into_inner();
                at = Height::after(&entry);
                entry
            })
            .collect();
        assert_eq!(log.whole(page.clone()), Ok(2), "{kind:?}");
        page[0] = flipped(&page[0], page[0].bytes().len() - 1, 1).unwrap();
        assert_eq!(log.whole(page.clone()), Err(LogError::BadSignature { seq: 0 }), "{kind:?}");
        assert_eq!(log.end(page), Err(LogError::BadSignature { seq: 0 }), "{kind:?}");
    }
}

#[test]
fn a_page_that_nobody_could_pass_on_is_refused() {
    let log = Log::new(1);
    let mut at = Height::EMPTY;
    let page: Vec<Entry> = (0..18)
        .map(|_| {
            let header = log.room.content_header(&log.device, at);
            let entry = Entry::sign(&log.device.key, header, &opener(&[7; BODY_MAX - 4])).unwrap().into_inner();
            at = Height::after(&entry);
            entry
        })
        .collect();
    let bytes = |count: usize| page[..count].iter().map(|entry| entry.bytes().len()).sum::<usize>();
    assert!(bytes(17) <= PAGE_MAX_BYTES && bytes(18) > PAGE_MAX_BYTES);
    assert_eq!(log.whole(page[..17].to_vec()), Ok(17));
    assert_eq!(log.whole(page.clone()), Err(LogError::PageBytes { max: PAGE_MAX_BYTES, got: bytes(18) }));
}

#[test]
fn a_log_may_begin_with_a_link_to_an_older_one() {
    let log = Log::new(1);
    let header = Header { prev: entry_id(5), ..*log.entries[0].header() };
    let linked = Entry::sign(&log.device.key, header, &opener(b"x")).unwrap().into_inner();
    assert_eq!(log.whole(vec![linked]), Ok(1));
}

#[test]
fn heights_never_run_over() {
    let log = Log::new(1);
    let height = Height { next: u64::MAX, head: entry_id(1) };
    assert!(height.check_next(log.room.id(), log.key(), &log.entries[0]).is_err());
}

fn heights(parts: &[(u8, u64, u64, u8)]) -> Heights {
    let device = |byte| parlor_protocol::DeviceId::from_bytes([byte; 32]);
    let one = |(author, log, next, head): &(u8, u64, u64, u8)| {
        (LogKey { author: device(*author), log: LogId(*log) }, Height { next: *next, head: entry_id(*head) })
    };
    parts.iter().map(one).collect()
}

proptest! {
    #[test]
    fn digests_are_equal_exactly_when_the_heights_are(
        a in prop::collection::vec((0..3u8, 0..3u64, 0..3u64, 0..3u8), 0..4),
        b in prop::collection::vec((0..3u8, 0..3u64, 0..3u64, 0..3u8), 0..4),
    ) {
        let (a, b) = (heights(&a), heights(&b));
        prop_assert_eq!(digest(&a) == digest(&b), a == b);
    }

    #[test]
    fn any_bytes_are_no_page_or_a_good_one(bytes: Vec<u8>) {
        crate::targets::page(&bytes);
    }

    #[test]
    fn any_order_but_the_right_one_is_refused(order in Just((0..6usize).collect::<Vec<_>>()).prop_shuffle()) {
        let log = Log::new(6);
        let page: Vec<Entry> = order.iter().map(|at| log.entries[*at].clone()).collect();
        prop_assert_eq!(log.whole(page).is_ok(), order.is_sorted());
    }
}

#[test]
fn a_room_mismatch_is_noticed_before_any_signature() {
    let log = Log::new(2);
    let page = verify_page(RoomId::default(), log.key(), Height::EMPTY, log.entries.clone());
    assert_eq!(page.err(), Some(LogError::WrongLog { seq: 0 }));
}
