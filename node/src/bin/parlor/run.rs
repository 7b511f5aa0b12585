//! `parlor run`: keeps the node up; with `--json` a bot talks to it in JSON lines.
//!
//! A command line is an object with `cmd` and, if wanted, an `id` that the answer repeats:
//! `{"id":1,"cmd":"send","room":"kitchen","text":"hello"}`. Commands: `rooms`, `members`, `send`,
//! `history`, `join`, `code`, `connection`.

use bytes::BytesMut;
use futures::{StreamExt as _, stream::FuturesUnordered};
use parlor_node::{Command, CommandError, Event, Reply};
use parlor_protocol::{RoomCode, Text};
use serde::Deserialize;
use serde_json::{Value, json};
use std::io;
use tokio_util::codec::{Decoder, FramedRead, LinesCodec, LinesCodecError};

use crate::{
    cli::Cli,
    output::{self, Failure},
    session::Session,
};

/// Longest command line, in bytes: far more than the longest text takes as JSON.
const LINE_MAX: usize = 1024 * 1024;
/// Joins under way at once.
const JOINS_MAX: usize = 16;

/// Lines, and in their place what is wrong with one: a bad line does not end the input.
struct Lines(LinesCodec);

impl Decoder for Lines {
    type Item = Result<String, LinesCodecError>;
    type Error = io::Error;

    fn decode(&mut self, from: &mut BytesMut) -> io::Result<Option<Self::Item>> {
        Ok(self.0.decode(from).transpose())
    }

    fn decode_eof(&mut self, from: &mut BytesMut) -> io::Result<Option<Self::Item>> {
        Ok(self.0.decode_eof(from).transpose())
    }
}

#[derive(Debug, Deserialize)]
#[serde(tag = "cmd", rename_all = "snake_case")]
enum Line {
    Rooms,
    Connection,
    Members { room: String },
    Send { room: String, text: String },
    History { room: String, limit: Option<usize> },
    Join { code: String },
    Code { room: String },
}

pub(crate) async fn run(cli: &Cli) -> Result<(), Failure> {
    let session = Session::online(cli).await?;
    let mut events = session.handle.subscribe();
    // Before anybody is told that it is up: a signal would end it the hard way until then.
    let mut stop = std::pin::pin!(stop_signal());
    if let (false, Reply::Me(me)) = (cli.json, session.call(Command::Me).await?) {
        let name = if me.name.is_empty() { "somebody without a name" } else { &me.name };
        output::print(format_args!(
            "Parlor is up as {} ({}). Stop it with Ctrl-C.",
            output::name(name),
            me.device.short()
        ));
    }
    let mut lines = FramedRead::new(tokio::io::stdin(), Lines(LinesCodec::new_with_max_length(LINE_MAX)));
    let mut has_input = cli.json;
    // A join may take a minute; what is asked after it is answered meanwhile.
    let mut joins = FuturesUnordered::new();
    loop {
        tokio::select! {
            () = &mut stop => break,
            line = lines.next(), if has_input => match line {
                Some(Ok(Ok(line))) if line.trim().is_empty() => {}
                Some(Ok(Ok(line))) => match parse(&line) {
                    (id, Ok(Line::Join { code })) if joins.len() < JOINS_MAX => joins.push(join(&session, id, code)),
                    (id, command) => answer(id, carry_out(&session, command).await),
                },
                Some(Ok(Err(error))) => {
                    answer(Value::Null, Err(Failure::usage(format!("a line was not read: {error}"))));
                }
                // The input has ended; events go on.
                Some(Err(_)) | None => has_input = false,
            },
            Some(()) = joins.next() => {}
            event = events.next() => match event {
                Event::Stopped => break,
                event if cli.json => print_event(&event),
                Event::MessagesAdded { messages, live: true, .. } => {
                    messages.iter().for_each(|message| output::message(message, false));
                }
                Event::PersonWarned { name, warning, .. } => output::complain(format_args!("{}", output::warning(&name, &warning))),
                Event::ProblemRaised(problem) => output::complain(format_args!("{}. {}", problem.what, problem.remedy)),
                _ => {}
            },
        }
    }
    drop(joins);
    session.end().await;
    Ok(())
}

/// Comes when the person or the system wants the program to end. From this call on such a signal is
/// waited for and does not end the program by itself.
pub(crate) fn stop_signal() -> impl Future<Output = ()> {
    #[cfg(unix)]
    let signals = {
        use tokio::signal::unix::{SignalKind, signal};
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    };
    async move {
        #[cfg(unix)]
        if let (Ok(mut terminate), Ok(mut interrupt)) = signals {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            return;
        }
        let _ = tokio::signal::ctrl_c().await;
    }
}

fn answer(id: Value, result: Result<Reply, Failure>) {
    match result {
        Ok(reply) => output::json(&json!({ "id": id, "ok": reply })),
        Err(failure) => output::json(&json!({ "id": id, "error": failure.to_string() })),
    }
}

/// What a line asks for, and its id.
fn parse(line: &str) -> (Value, Result<Line, Failure>) {
    let bad = |error: serde_json::Error| {
        Failure::usage(format!(
            "not a command ({error}); commands: rooms, members, send, history, join, code, connection"
        ))
    };
    let value: Value = match serde_json::from_str(line) {
        Ok(value) => value,
        Err(error) => return (Value::Null, Err(bad(error))),
    };
    let id = value.get("id").cloned().unwrap_or(Value::Null);
    (id, serde_json::from_value(value).map_err(bad))
}

async fn join(session: &Session, id: Value, code: String) {
    answer(id, carry_out(session, Ok(Line::Join { code })).await);
}

async fn carry_out(session: &Session, line: Result<Line, Failure>) -> Result<Reply, Failure> {
    let invalid = |what: String| Failure::from(CommandError::Invalid { what });
    let command = match line? {
        Line::Rooms => Command::Rooms,
        Line::Connection => Command::Connection,
        Line::Members { room } => Command::Members { room: session.room(&room).await? },
        Line::Send { room, text } => {
            let text = Text::new(&text).map_err(|error| invalid(format!("cannot send this: {error}")))?;
            Command::Send { room: session.room(&room).await?, text, reply_to: None }
        }
        Line::History { room, limit } => {
            Command::History { room: session.room(&room).await?, before: None, limit: limit.unwrap_or(100) }
        }
        Line::Join { code } => {
            let code: RoomCode = code.parse().map_err(|error| invalid(format!("this is not a code: {error}")))?;
            Command::Join(code)
        }
        Line::Code { room } => Command::Code { room: session.room(&room).await? },
    };
    Ok(session.call(command).await?)
}

fn print_event(event: &Event) {
    let value = match event {
        Event::MessagesAdded { room, messages, live } => {
            json!({ "event": "messages_added", "room": room, "live": live, "messages": messages })
        }
        Event::MessageChanged(message) => json!({ "event": "message_changed", "message": message }),
        Event::MessagesGone { room, ids } => json!({ "event": "messages_gone", "room": room, "ids": ids }),
        Event::RoomGone(room) => json!({ "event": "room_gone", "room": room }),
        Event::RoomChanged(room) => json!({ "event": "room_changed", "room": room }),
        Event::MembersChanged { room, members } => {
            json!({ "event": "members_changed", "room": room, "members": members })
        }
        Event::ConnectionChanged(connection) => json!({ "event": "connection_changed", "connection": connection }),
        Event::TypingSeen { room, author } => json!({ "event": "typing_seen", "room": room, "author": author }),
        Event::JoinProgress { stage, .. } => json!({ "event": "join_progress", "progress": stage }),
        Event::AccountChanged(account) => json!({ "event": "account_changed", "account": account }),
        Event::ProblemRaised(problem) => json!({ "event": "problem_raised", "problem": problem }),
        Event::ProfileChanged(profile) => json!({ "event": "profile_changed", "profile": profile }),
        Event::PersonWarned { room, user, name, warning } => {
            json!({ "event": "person_warned", "room": room, "user": user, "name": name, "warning": warning })
        }
        Event::NearbyChanged(people) => json!({ "event": "nearby_changed", "people": people }),
        Event::RoomMoved { from, to } => json!({ "event": "room_moved", "from": from, "to": to }),
        Event::PersonChanged(user) => json!({ "event": "person_changed", "user": user }),
        Event::DeviceLinked { device, label } => json!({ "event": "device_linked", "device": device, "label": label }),
        Event::DevicesChanged => json!({ "event": "devices_changed" }),
        Event::Lagged { missed } => json!({ "event": "lagged", "missed": missed }),
        Event::Replied { .. } | Event::Stopped => return,
    };
    output::json(&value);
}
