//! One message sealed and opened; pages opened in bulk. One core, no disk, no network.

use parlor_protocol::{
    entry::{Entry, Verified},
    limits::PAGE_MAX_ENTRIES,
    log::{Height, verify_page},
    session::OpeningSession,
    wire::Answer,
};
use std::{hint::black_box, time::Instant};

use crate::{
    author::{Author, Founded},
    sample::{Sample, median},
    table::Outcome,
};

const WALL: u64 = 1_750_000_000_000;
const SEAL_TARGET_US: f64 = 25.0;
const OPEN_TARGET_US: f64 = 50.0;
const BULK_TARGET: f64 = 300_000.0;

fn room() -> anyhow::Result<(Author, Founded)> {
    let mut author = Author::new(1);
    let room = Founded::new(&mut author, WALL)?;
    Ok((author, room))
}

fn opener(room: &Founded) -> anyhow::Result<OpeningSession> {
    let opens = |entry: &&Verified<Entry>| OpeningSession::accept(&room.secrets, entry).is_ok();
    let entry = room.start.iter().find(opens);
    let entry = entry.ok_or_else(|| anyhow::anyhow!("the room has no session"))?;
    Ok(OpeningSession::accept(&room.secrets, entry)?)
}

/// Seals and signs one text of 256 bytes.
pub fn seal(quick: bool) -> anyhow::Result<Outcome> {
    let (mut author, room) = room()?;
    let mut times = Sample::new()?;
    for number in 0..if quick { 1_000 } else { 50_000 } {
        let start = Instant::now();
        black_box(author.say(&room.secrets, number, WALL)?);
        times.add(start.elapsed());
    }
    let target = Some(times.p50() <= SEAL_TARGET_US);
    Ok(Outcome { figure: times.show(), target: "<= 25 us", met: target, ..Outcome::default() })
}

/// Decodes, verifies and opens one entry.
pub fn open(quick: bool) -> anyhow::Result<Outcome> {
    let (mut author, room) = room()?;
    let session = opener(&room)?;
    let mut times = Sample::new()?;
    for number in 0..if quick { 1_000 } else { 50_000 } {
        let bytes = author.say(&room.secrets, number, WALL)?.bytes().to_vec();
        let start = Instant::now();
        let entry = Entry::decode(bytes)?.verify()?;
        black_box(session.open(&entry)?);
        times.add(start.elapsed());
    }
    let target = Some(times.p50() <= OPEN_TARGET_US);
    Ok(Outcome { figure: times.show(), target: "<= 50 us", met: target, ..Outcome::default() })
}

/// Pages as they come over the wire: decoded, verified, opened.
pub fn bulk(quick: bool) -> anyhow::Result<Outcome> {
    let (mut author, room) = room()?;
    let session = opener(&room)?;
    let mut height = room.start.last().map_or(Height::EMPTY, |entry| Height::after(entry));
    let mut pages = Vec::new();
    for page in 0..if quick { 20 } else { 200 } {
        let entries: Result<Vec<_>, _> = (0..PAGE_MAX_ENTRIES)
            .map(|at| author.say(&room.secrets, page * PAGE_MAX_ENTRIES + at, WALL).map(Verified::into_inner))
            .collect();
        pages.push(Answer::Page(entries?).encode()?);
    }
    let start_height = height;
    let mut rates = Vec::new();
    for _ in 0..if quick { 1 } else { 7 } {
        height = start_height;
        let start = Instant::now();
        for page in &pages {
            let Answer::Page(entries) = Answer::decode(page)? else { anyhow::bail!("not a page") };
            let entries = verify_page(room.secrets.room(), author.log_key(), height, entries)?;
            for entry in &entries {
                black_box(session.open(entry)?);
            }
            height = entries.last().map_or(height, |entry| Height::after(entry));
        }
        rates.push((pages.len() * PAGE_MAX_ENTRIES) as f64 / start.elapsed().as_secs_f64());
    }
    let rate = median(rates);
    Ok(Outcome {
        figure: format!("{rate:.0} entries/s"),
        target: ">= 300,000 /s",
        met: Some(rate >= BULK_TARGET),
        ..Outcome::default()
    })
}
