//! Commands about messages.

use jiff::{
    civil::{Date, Time},
    tz::TimeZone,
};
use parlor_node::{Command, Event, Message, Order, Reply, Subscription};
use parlor_protocol::{EntryId, RoomId, Text, limits::TEXT_MAX};
use std::{
    io::Read as _,
    sync::Arc,
    time::{Duration, SystemTime},
};

use crate::{
    cli::Cli,
    output::{self, Failure},
    run::stop_signal,
    session::{self, Session},
};

const PAGE: usize = 500;

/// A text as typed, or read from the standard input.
pub(crate) fn read_text(text: &str) -> Result<Text, Failure> {
    let text = if text == "-" {
        let mut bytes = Vec::new();
        // One byte more than allowed shows that it is too long; the rest need not be read.
        let limit = u64::try_from(TEXT_MAX + 1).unwrap_or(u64::MAX);
        std::io::stdin().lock().take(limit).read_to_end(&mut bytes).map_err(|e| Failure::failed(e.to_string()))?;
        if bytes.len() > TEXT_MAX {
            return Err(Failure::usage(format!(
                "the text is longer than {TEXT_MAX} bytes; nothing was sent. Send it in parts"
            )));
        }
        String::from_utf8(bytes).map_err(|error| {
            let at = error.utf8_error().valid_up_to();
            Failure::usage(format!(
                "the text is not UTF-8 (byte {at}); nothing was sent. Convert it first, for example with iconv"
            ))
        })?
    } else {
        text.to_owned()
    };
    Text::new(text.trim_end_matches(['\n', '\r'])).map_err(|error| Failure::usage(format!("cannot send this: {error}")))
}

pub(crate) async fn send(cli: &Cli, room: &str, text: &str) -> Result<(), Failure> {
    let text = read_text(text)?;
    let session = Session::online(cli).await?;
    let room = session.room(room).await?;
    deliver(cli, session, room, text).await
}

/// Sends a text, waits until somebody has it, and ends the session.
pub(crate) async fn deliver(cli: &Cli, session: Session, room: RoomId, text: Text) -> Result<(), Failure> {
    let mut events = session.handle.subscribe();
    let Reply::Sent(id) = session.call(Command::Send { room, text, reply_to: None }).await? else {
        return Err(Failure::failed("the message was not sent"));
    };
    let patience = if cli.offline { Duration::ZERO } else { session.wait };
    let deadline = tokio::time::Instant::now() + patience;
    let mut message = find(&session, room, id).await;
    while !message.as_ref().is_some_and(|m| m.delivery.archived || m.delivery.reached > 0) {
        match tokio::time::timeout_at(deadline, events.next()).await {
            Ok(Event::MessageChanged(changed)) if changed.id == id => message = Some(changed),
            Ok(Event::Stopped) | Err(_) => break,
            Ok(_) => {}
        }
    }
    let delivery = message.map(|message| message.delivery).unwrap_or_default();
    if cli.json {
        output::json(&serde_json::json!({ "sent": id, "delivery": delivery }));
    } else if delivery.reached > 0 {
        let archive = if delivery.archived { ", archived" } else { "" };
        output::print(format_args!("Sent: reached {} of {}{archive}.", delivery.reached, delivery.of));
    } else if delivery.archived {
        output::print("Sent: archived; the others get it from there.");
    } else {
        output::print(format_args!(
            "Saved, but nobody of the room was found within {} seconds.",
            session.wait.as_secs()
        ));
        output::print(format_args!(
            "It is delivered when this profile next meets a member or the archive, for example with `parlor run`."
        ));
    }
    session.end().await;
    Ok(())
}

async fn find(session: &Session, room: RoomId, id: EntryId) -> Option<Arc<Message>> {
    match session.call(Command::History { room, before: None, limit: 50 }).await {
        Ok(Reply::History { messages, .. }) => messages.into_iter().find(|message| message.id == id),
        _ => None,
    }
}

async fn page(
    session: &Session,
    room: RoomId,
    before: Option<Order>,
    limit: usize,
) -> Result<Vec<Arc<Message>>, Failure> {
    match session.call(Command::History { room, before, limit }).await? {
        Reply::History { messages, .. } => Ok(messages),
        _ => Ok(Vec::new()),
    }
}

pub(crate) async fn tail(cli: &Cli, room: &str, follow: bool, lines: usize) -> Result<(), Failure> {
    let (session, room) = if follow {
        let session = Session::online(cli).await?;
        let room = session.room(room).await?;
        (session, room)
    } else {
        Session::updated_in(cli, room).await?
    };
    let mut events = session.handle.subscribe();
    for message in newest(&session, room, lines).await? {
        output::message(&message, cli.json);
    }
    if follow {
        follow_room(&mut events, room, cli.json).await;
    }
    session.end().await;
    Ok(())
}

/// Prints what arrives until the person has enough.
async fn follow_room(events: &mut Subscription, room: RoomId, as_json: bool) {
    let mut stop = std::pin::pin!(stop_signal());
    loop {
        tokio::select! {
            () = &mut stop => return,
            event = events.next() => match event {
                Event::MessagesAdded { room: other, messages, .. } if other == room => {
                    messages.iter().for_each(|message| output::message(message, as_json));
                }
                Event::Lagged { missed } => eprintln!("parlor: {missed} events were missed; see `parlor history`"),
                Event::Stopped => return,
                _ => {}
            },
        }
    }
}

/// The newest `limit` messages, oldest first.
async fn newest(session: &Session, room: RoomId, limit: usize) -> Result<Vec<Arc<Message>>, Failure> {
    collect(session, room, limit, 0).await
}

/// The newest `limit` messages since a time, oldest first.
async fn collect(session: &Session, room: RoomId, limit: usize, since: u64) -> Result<Vec<Arc<Message>>, Failure> {
    let mut found: Vec<Arc<Message>> = Vec::new();
    let mut before = None;
    while found.len() < limit {
        let messages = page(session, room, before, PAGE.min(limit - found.len())).await?;
        before = messages.first().map(|message| message.order);
        let is_last = messages.is_empty() || messages.first().is_some_and(|message| message.at < since);
        found.extend(messages.into_iter().rev().filter(|message| message.at >= since));
        if is_last {
            break;
        }
    }
    found.reverse();
    Ok(found)
}

/// Milliseconds since 1970 of `2h`, `7d` (ago) or a date.
fn since_millis(text: &str) -> Result<u64, Failure> {
    let bad = || Failure::usage(format!("{text:?} is no time; type 2h, 7d or a date like 2026-03-01"));
    if let Some(ago) = session::duration(text) {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
        return Ok(u64::try_from(now.saturating_sub(ago).as_millis()).unwrap_or(u64::MAX));
    }
    let date: Date = text.parse().map_err(|_| bad())?;
    let start =
        date.to_datetime(Time::midnight()).to_zoned_datetime(TimeZone::system()).map_err(|_| bad())?.timestamp();
    u64::try_from(start.as_millisecond()).map_err(|_| bad())
}

pub(crate) async fn history(cli: &Cli, room: &str, since: Option<&str>, limit: Option<usize>) -> Result<(), Failure> {
    let since = since.map(since_millis).transpose()?.unwrap_or(0);
    let (session, room) = Session::updated_in(cli, room).await?;
    for message in collect(&session, room, limit.unwrap_or(usize::MAX), since).await? {
        output::message(&message, cli.json);
    }
    session.end().await;
    Ok(())
}

pub(crate) async fn search(cli: &Cli, words: &str, room: Option<&str>, limit: usize) -> Result<(), Failure> {
    let session = Session::updated(cli).await?;
    for known in session.handle.rooms().await? {
        session.room(&known.room.to_string()).await?;
    }
    let room = match room {
        Some(room) => Some(session.room(room).await?),
        None => None,
    };
    let found = session.call(Command::Search { room, words: words.to_owned(), limit }).await?;
    session.end().await;
    let Reply::Found(messages) = found else { return Ok(()) };
    messages.iter().rev().for_each(|message| output::message(message, cli.json));
    if messages.is_empty() {
        return Err(Failure::not_found("no message contains all these words"));
    }
    Ok(())
}
