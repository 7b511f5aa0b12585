//! What is printed, and how programs end.

use jiff::{Timestamp, tz::TimeZone};
use parlor_node::{CommandError, Message, MessageBody, RoomChange, StartError, Warning, private::Mended};
use parlor_protocol::{HistoryPolicy, Role};
use serde::Serialize;
use std::{borrow::Cow, fmt, io::Write as _};
use terminal_size::{Height, Width, terminal_size_of};

use crate::terminal;

/// Why a command failed: a message with its remedy, and an exit code.
#[derive(Debug)]
pub(crate) struct Failure {
    message: String,
    causes: Vec<String>,
    code: u8,
}

impl Failure {
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self { message: message.into(), causes: Vec::new(), code: 2 }
    }

    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self { message: message.into(), causes: Vec::new(), code: 1 }
    }

    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self { message: message.into(), causes: Vec::new(), code: 3 }
    }

    pub(crate) fn start(message: impl Into<String>) -> Self {
        Self { message: message.into(), causes: Vec::new(), code: 5 }
    }

    pub(crate) const fn is_not_found(&self) -> bool {
        self.code == 3
    }

    pub(crate) const fn exit_code(&self) -> u8 {
        self.code
    }

    pub(crate) fn causes(&self) -> impl Iterator<Item = &String> {
        self.causes.iter()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl From<CommandError> for Failure {
    fn from(error: CommandError) -> Self {
        let code = match error {
            CommandError::NoSuchRoom | CommandError::NoSuchMessage | CommandError::CodeUnknown { .. } => 3,
            CommandError::CodeExpired | CommandError::NoSuchMember | CommandError::NoSuchCode => 3,
            CommandError::NoSuchPerson => 3,
            CommandError::NobodyFound => 4,
            CommandError::Invalid { .. } => 2,
            CommandError::SentNotSaved { .. } => 6,
            _ => 1,
        };
        let hint = match error {
            CommandError::NoSuchRoom => ": `parlor rooms`",
            CommandError::NoName => ": `parlor init --name NAME`",
            _ => "",
        };
        Self { message: format!("{error}{hint}"), causes: Vec::new(), code }
    }
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        let mut causes = Vec::new();
        let mut cause = std::error::Error::source(&error);
        while let Some(next) = cause {
            causes.push(next.to_string());
            cause = next.source();
        }
        let code = if matches!(error, StartError::ProfileName { .. }) { 2 } else { 5 };
        Self { message: error.to_string(), causes, code }
    }
}

/// Prints a line, on a terminal wrapped and the rest of it set in. When nobody reads any more
/// (`parlor history kitchen | head`) the program ends: all that was to be kept is on the disk by then.
pub(crate) fn print(text: impl fmt::Display) {
    write(fitted(text.to_string(), terminal_size_of(std::io::stdout())));
}

/// Says on the standard error what is wrong, or what to be careful about. Parts of it may come from others.
pub(crate) fn complain(text: impl fmt::Display) {
    let shown: Vec<_> = text.to_string().lines().map(terminal::line).collect();
    // There is nobody left to tell when this fails.
    let _ = writeln!(std::io::stderr().lock(), "{}", fitted(shown.join("\n"), terminal_size_of(std::io::stderr())));
}

/// Says what of the profile other users of this computer could get at.
pub(crate) fn mended(mended: &[Mended]) {
    for mended in mended {
        complain(format_args!("parlor: {mended}"));
    }
}

/// Lines as long as the terminal is wide, where there is one.
fn fitted(text: String, size: Option<(Width, Height)>) -> String {
    let Some((Width(width), _)) = size else { return text };
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().filter_map(|name| std::env::var(name).ok());
    let locale = locale.into_iter().find(|value| !value.is_empty()).unwrap_or_default();
    // There terminals show many signs as wide as their own letters.
    let is_wide = ["ja", "ko", "zh"].into_iter().any(|language| locale.starts_with(language));
    terminal::wrapped(&text, width.into(), is_wide)
}

fn write(text: impl fmt::Display) {
    if let Err(error) = writeln!(std::io::stdout().lock(), "{text}") {
        let is_wanted = error.kind() == std::io::ErrorKind::BrokenPipe;
        if !is_wanted {
            eprintln!("parlor: cannot print: {error}");
        }
        std::process::exit(i32::from(!is_wanted));
    }
}

/// Prints one JSON line. Hidden characters are written as escapes, which say the same to programs.
pub(crate) fn json<T: Serialize>(value: &T) {
    match serde_json::to_string(value) {
        Ok(line) => write(escaped(&line)),
        Err(error) => complain(format_args!("parlor: cannot be shown as JSON: {error}")),
    }
}

/// JSON in which nothing is hidden. Outside of texts it has no such characters.
fn escaped(json: &str) -> Cow<'_, str> {
    if !json.chars().any(terminal::is_hidden) {
        return Cow::Borrowed(json);
    }
    let mut out = String::with_capacity(json.len() + 64);
    for c in json.chars() {
        if terminal::is_hidden(c) {
            c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| out.push_str(&format!("\\u{unit:04x}")));
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

/// A name, as it may go to a terminal.
pub(crate) use terminal::name;

/// Local date and time.
pub(crate) fn time(millis: u64) -> String {
    let timestamp = i64::try_from(millis).ok().and_then(|millis| Timestamp::from_millisecond(millis).ok());
    timestamp.map_or_else(
        || "????-??-?? ??:??".to_owned(),
        |timestamp| timestamp.to_zoned_datetime(TimeZone::system()).strftime("%Y-%m-%d %H:%M").to_string(),
    )
}

/// What to be careful about with a person.
pub(crate) fn warning(name: &str, warning: &Warning) -> String {
    let name = self::name(name);
    match warning {
        Warning::OwnDevice => {
            "Careful: a new device of yours was added. If it was not you, look at `parlor devices list`.".to_owned()
        }
        Warning::NewDevice => format!(
            "Careful: a new device was added to the account of {name}. Ask {name} whether it is theirs (`parlor person`)."
        ),
        Warning::LooksLike { name: other, .. } => {
            format!("Careful: {name} is not {}, though the names look alike. They are two people.", self::name(other))
        }
    }
}

/// Prints a message, as a line or as JSON.
pub(crate) fn message(message: &Message, as_json: bool) {
    if as_json {
        json(message);
        return;
    }
    let name = self::name(&message.author_name);
    let when = time(message.at);
    if let Some(warning) = message.warning.as_ref().filter(|_| !matches!(message.body, MessageBody::Text { .. })) {
        print(format_args!("{when}  ! {}", self::warning(&message.author_name, warning)));
    }
    if message.hidden {
        print(format_args!("{when}  (hidden: you blocked this person)"));
        return;
    }
    match &message.body {
        MessageBody::Text { text } => {
            let edited = if message.edited { " (edited)" } else { "" };
            print(format_args!("{when}  {name}: {}{edited}", terminal::text(text)));
        }
        MessageBody::Deleted => print(format_args!("{when}  {name} deleted a message")),
        MessageBody::Joined => print(format_args!("{when}  * {name} joined")),
        MessageBody::Renamed { from } => print(format_args!("{when}  * {} is now {name}", self::name(from))),
        MessageBody::RoomCreated => print(format_args!("{when}  * {name} made the room")),
        MessageBody::Left => print(format_args!("{when}  * {name} left")),
        MessageBody::Removed { name: who, device: false, .. } => {
            print(format_args!("{when}  * {name} removed {}", self::name(who)));
        }
        MessageBody::Removed { name: who, device: true, .. } => {
            print(format_args!("{when}  * {name} removed a device of {}", self::name(who)));
        }
        MessageBody::RoleGiven { name: who, role, .. } => {
            print(format_args!("{when}  * {name} gave {} the role of {}", self::name(who), role_name(*role)));
        }
        MessageBody::Muted { name: who, until: Some(_), .. } => {
            print(format_args!("{when}  * {name} silenced {} for a while", self::name(who)));
        }
        MessageBody::Muted { name: who, until: None, .. } => {
            print(format_args!("{when}  * {name} lets {} write again", self::name(who)));
        }
        MessageBody::RoomChanged { change } => {
            print(format_args!("{when}  * {name} changed the room: {}", room_change(change)));
        }
        MessageBody::CodesEnded => print(format_args!("{when}  * {name} ended all codes made before")),
        MessageBody::Dissolved => print(format_args!("{when}  * {name} ended the room for everybody")),
        MessageBody::NeedsUpdate => print(format_args!("{when}  {name}: (a newer Parlor is needed to show this)")),
    }
}

/// The name of a role, as it is typed.
pub(crate) const fn role_name(role: Role) -> &'static str {
    match role {
        Role::Owner => "owner",
        Role::Moderator => "moderator",
        Role::Member => "member",
        Role::Reader => "reader",
    }
}

/// What a rule of a room was changed to.
fn room_change(change: &RoomChange) -> String {
    let seconds = |ms: u64| format!("{} seconds", ms / 1000);
    match change {
        RoomChange::Name(name) => format!("name {}", self::name(name.as_str())),
        RoomChange::Newcomers(role) => format!("newcomers are {}s", role_name(*role)),
        RoomChange::History(policy) => format!("newcomers read {}", history_name(*policy)),
        RoomChange::Lifetime(ms) => format!("messages vanish after {}", ms.map_or_else(|| "never".into(), seconds)),
        RoomChange::Slow(ms) => format!("wait between messages {}", ms.map_or_else(|| "none".into(), seconds)),
    }
}

/// What newcomers may read, as it is typed.
pub(crate) fn history_name(policy: HistoryPolicy) -> String {
    match policy {
        HistoryPolicy::Everything => "everything".into(),
        HistoryPolicy::FromJoining => "from-joining".into(),
        HistoryPolicy::LastDays(days) => format!("{days}d"),
    }
}
