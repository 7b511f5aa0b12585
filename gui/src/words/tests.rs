use jiff::tz::TimeZone;

use super::{moment, time_left};

const MINUTE: u64 = 60_000;
const DAY: u64 = 24 * 60 * MINUTE;
/// Tuesday, 14 November 2023, 22:13:20 UTC.
const NOW: u64 = 1_700_000_000_000;

#[test]
fn a_moment_is_said_the_shorter_the_nearer_it_is() {
    let said = |ago| moment(NOW - ago, NOW, &TimeZone::UTC);
    assert_eq!(said(MINUTE), "today 22:12");
    assert_eq!(said(DAY), "yesterday 22:13");
    assert_eq!(said(2 * DAY), "on 12 November");
    assert_eq!(said(400 * DAY), "on 10 October 2022");
}

#[test]
fn a_minute_that_is_begun_counts() {
    let said = [10 * MINUTE, 9 * MINUTE + 1, 9 * MINUTE, MINUTE, 1].map(time_left);
    assert_eq!(said, ["10 more minutes", "10 more minutes", "9 more minutes", "1 more minute", "1 more minute"]);
}
