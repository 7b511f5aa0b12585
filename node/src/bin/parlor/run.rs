//! `parlor run`: keeps the node up; with `--json` a bot talks to it in JSON lines.
//!
//! A command line is an object with `cmd` and, if wanted, an `id` that the answer repeats:
//! `{"id":1,"cmd":"send","room":"kitchen","text":"hello"}`. Commands: `rooms`, `members`, `send`,
//! `history`, `join`, `code`, `connection`.

use parlor_node::{Command, CommandError, Event, Reply};
use parlor_protocol::{RoomCode, Text};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};

use crate::{
    cli::Cli,
    output::{self, Failure},
    session::Session,
};

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
    if let (false, Reply::Me(me)) = (cli.json, session.call(Command::Me).await?) {
        let name = if me.name.is_empty() { "somebody without a name" } else { &me.name };
        println!("Parlor is up as {} ({}). Stop it with Ctrl-C.", output::safe(name), me.device.short());
    }
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    let mut has_input = cli.json;
    loop {
        tokio::select! {
            _ = stop_signal() => break,
            line = lines.next_line(), if has_input => match line {
                Ok(Some(line)) if line.trim().is_empty() => {}
                Ok(Some(line)) => answer(&session, &line).await,
                // The input has ended; events go on.
                _ => has_input = false,
            },
            event = events.next() => match event {
                Event::Stopped => break,
                event if cli.json => print_event(&event),
                Event::MessagesAdded { messages, live: true, .. } => {
                    messages.iter().for_each(|message| output::message(message, false));
                }
                Event::ProblemRaised(problem) => eprintln!("{}. {}", problem.what, problem.remedy),
                _ => {}
            },
        }
    }
    session.end().await;
    Ok(())
}

async fn stop_signal() {
    #[cfg(unix)]
    if let Ok(mut terminate) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = tokio::signal::ctrl_c() => {}
        }
        return;
    }
    let _ = tokio::signal::ctrl_c().await;
}

async fn answer(session: &Session, line: &str) {
    let value: Value = serde_json::from_str(line).unwrap_or(Value::Null);
    let id = value.get("id").cloned().unwrap_or(Value::Null);
    match carry_out(session, value).await {
        Ok(reply) => output::json(&json!({ "id": id, "ok": reply })),
        Err(failure) => output::json(&json!({ "id": id, "error": failure.to_string() })),
    }
}

async fn carry_out(session: &Session, value: Value) -> Result<Reply, Failure> {
    let line: Line = serde_json::from_value(value)
        .map_err(|error| Failure::usage(format!("not a command ({error}); see `parlor run --help`")))?;
    let invalid = |what: String| Failure::from(CommandError::Invalid { what });
    let command = match line {
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
        Event::RoomChanged(room) => json!({ "event": "room_changed", "room": room }),
        Event::MembersChanged { room, members } => {
            json!({ "event": "members_changed", "room": room, "members": members })
        }
        Event::ConnectionChanged(connection) => json!({ "event": "connection_changed", "connection": connection }),
        Event::TypingSeen { room, author } => json!({ "event": "typing_seen", "room": room, "author": author }),
        Event::JoinProgress { stage, .. } => json!({ "event": "join_progress", "progress": stage }),
        Event::ProblemRaised(problem) => json!({ "event": "problem_raised", "problem": problem }),
        Event::ProfileChanged(profile) => json!({ "event": "profile_changed", "profile": profile }),
        Event::Lagged { missed } => json!({ "event": "lagged", "missed": missed }),
        Event::Replied { .. } | Event::Stopped => return,
    };
    output::json(&value);
}
