//! The words people read: days, times, sizes, delivery, errors. Pure functions.

mod members;
mod rooms;
#[cfg(test)]
mod tests;

pub use members::{came, is_gone, member, visit};
pub use rooms::{code_line, quiet, role_name, room_change, standing, vanishing};

use jiff::{Timestamp, ZonedDateTime, civil::Date, tz::TimeZone};
use parlor_node::{CommandError, Delivery, Member, Message, MessageBody, Peer, SyncState, Warning, store::LockKind};
use parlor_protocol::{
    Role,
    error::{CodeError, TextError},
    guard::PassphraseError,
    limits::TEXT_MAX,
};

/// What to say of a role; nothing of the ordinary one.
#[must_use]
pub const fn role(role: Role) -> Option<&'static str> {
    match role {
        Role::Owner => Some("owner"),
        Role::Moderator => Some("moderator"),
        Role::Member => None,
        Role::Reader => Some("reads only"),
    }
}

/// A moment in the person's time zone; moments past all calendars are shown as 1970.
#[must_use]
pub fn local(at_ms: u64, zone: &TimeZone) -> ZonedDateTime {
    let at = i64::try_from(at_ms).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
    at.unwrap_or(Timestamp::UNIX_EPOCH).to_zoned_datetime(zone.clone())
}

/// `14:05`.
#[must_use]
pub fn clock(at_ms: u64, zone: &TimeZone) -> String {
    let at = local(at_ms, zone);
    format!("{:02}:{:02}", at.hour(), at.minute())
}

/// The full date and time, for tooltips.
#[must_use]
pub fn full_time(at_ms: u64, zone: &TimeZone) -> String {
    local(at_ms, zone).strftime("%A, %-d %B %Y, %H:%M:%S").to_string()
}

/// A moment in plain words: `today 14:03`, `yesterday 09:12`, `on 4 May`, `on 4 May 2023`.
#[must_use]
pub fn moment(at_ms: u64, now_ms: u64, zone: &TimeZone) -> String {
    let (date, today) = (local(at_ms, zone).date(), local(now_ms, zone).date());
    let days = date.until(today).map_or(0, |span| span.get_days());
    match days {
        0 => format!("today {}", clock(at_ms, zone)),
        1 => format!("yesterday {}", clock(at_ms, zone)),
        _ if date.year() == today.year() => date.strftime("on %-d %B").to_string(),
        _ => date.strftime("on %-d %B %Y").to_string(),
    }
}

/// How long a code goes on working: `9 more minutes`. What is begun counts.
#[must_use]
pub fn time_left(ms: u64) -> String {
    count(usize::try_from(ms.div_ceil(60_000)).unwrap_or(usize::MAX), "more minute", "more minutes")
}

/// `Today`, `Yesterday`, `Monday, 4 May`, `4 May 2023`.
#[must_use]
pub fn day(date: Date, today: Date) -> String {
    let days = date.until(today).map_or(0, |span| span.get_days());
    match days {
        0 => "Today".to_owned(),
        1 => "Yesterday".to_owned(),
        _ if date.year() == today.year() => date.strftime("%A, %-d %B").to_string(),
        _ => date.strftime("%-d %B %Y").to_string(),
    }
}

/// The short time in the list of rooms: `14:05`, `Mon`, `4 May`, `4 May 2023`.
#[must_use]
pub fn list_time(at_ms: u64, now_ms: u64, zone: &TimeZone) -> String {
    let (date, today) = (local(at_ms, zone).date(), local(now_ms, zone).date());
    let days = date.until(today).map_or(0, |span| span.get_days());
    match days {
        0 => clock(at_ms, zone),
        1..=6 => date.strftime("%a").to_string(),
        _ if date.year() == today.year() => date.strftime("%-d %b").to_string(),
        _ => date.strftime("%-d %b %Y").to_string(),
    }
}

/// `512 bytes`, `16.3 kB`, `10.0 MB`. A kB is 1,000 bytes.
#[must_use]
pub fn bytes(count: usize) -> String {
    match count {
        0..1_000 => format!("{count} bytes"),
        1_000..1_000_000 => format!("{}.{} kB", count / 1_000, count % 1_000 / 100),
        _ => format!("{}.{} MB", count / 1_000_000, count % 1_000_000 / 100_000),
    }
}

/// `1 member`, `3 members`.
#[must_use]
pub fn count(number: usize, one: &str, many: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{number} {many}") }
}

/// How far an own message got.
#[must_use]
pub fn delivery(delivery: &Delivery) -> String {
    let reached = match (delivery.reached, delivery.of) {
        _ if !delivery.stored => return "Saving".to_owned(),
        (_, 0) => None,
        (0, _) => Some("Pending".to_owned()),
        (reached, of) if reached >= of => {
            Some(if of == 1 { "Reached".to_owned() } else { format!("Reached all {of}") })
        }
        (reached, of) => Some(format!("Reached {reached} of {of}")),
    };
    match (reached, delivery.archived) {
        (Some(reached), true) if delivery.reached > 0 => format!("{reached}, archived"),
        (_, true) => "Archived".to_owned(),
        (Some(reached), false) => reached,
        (None, false) => "Saved here".to_owned(),
    }
}

/// What [`delivery`] means, for tooltips.
#[must_use]
pub fn delivery_meaning(delivery: &Delivery) -> String {
    let base = match (delivery.stored, delivery.reached) {
        (false, _) => "Being written to this machine's disk.",
        (true, 0) if delivery.archived => "The archive keeps it for members who are away.",
        (true, 0) => "Safe on this machine. It goes out by itself as soon as someone is there.",
        (true, _) => "How many other members have it on their machines.",
    };
    if delivery.archived && delivery.reached > 0 { format!("{base} The archive has it too.") } else { base.to_owned() }
}

/// What stands in the place of a message of a blocked person.
pub const HIDDEN: &str = "Hidden: you blocked this person";

/// A message as one line, for lists and notifications.
#[must_use]
pub fn one_line(message: &Message, max_chars: usize) -> String {
    match &message.body {
        _ if message.hidden => HIDDEN.to_owned(),
        MessageBody::Text { text } => shorten(text, max_chars),
        MessageBody::Deleted => "Message deleted".to_owned(),
        _ => system_line(message),
    }
}

/// The host in a peer's address: `192.168.1.5` of `/ip4/192.168.1.5/tcp/47801`.
#[must_use]
pub fn host(address: &str) -> &str {
    address.split('/').nth(2).unwrap_or(address)
}

/// What to be careful about with a person.
#[must_use]
pub fn warning(name: &str, warning: &Warning) -> String {
    match warning {
        Warning::NewDevice => {
            format!(
                "A new device was added to the account of {name}. If you are not sure it is theirs, ask {name} in person."
            )
        }
        Warning::OwnDevice => {
            "A new device of yours was added. If you did not add it, revoke it: Settings, Your devices.".to_owned()
        }
        Warning::LooksLike { name: other, .. } => {
            format!("{name} is not {other}, though the names look alike: they are two people.")
        }
    }
}

/// The same with a capital at the beginning.
#[must_use]
pub fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().into_iter().flat_map(char::to_uppercase).chain(chars).collect()
}

/// A line about the room rather than from a person.
#[must_use]
pub fn system_line(message: &Message) -> String {
    let name = if message.own { "You" } else { &message.author_name };
    if let (Some(careful), MessageBody::Joined | MessageBody::Renamed { .. }) = (&message.warning, &message.body) {
        return format!("Careful: {}", warning(&message.author_name, careful));
    }
    match &message.body {
        MessageBody::Joined => format!("{name} joined"),
        MessageBody::Renamed { from } if message.own => {
            format!("You changed your name from {from} to {}", message.author_name)
        }
        MessageBody::Renamed { from } => format!("{from} is now {name}"),
        MessageBody::RoomCreated => format!("{name} made this room"),
        MessageBody::Left => format!("{name} left"),
        MessageBody::Removed { name: who, device: false, .. } => format!("{name} removed {who}"),
        MessageBody::Removed { name: who, device: true, .. } => format!("{name} removed a device of {who}"),
        MessageBody::RoleGiven { name: who, role, .. } => format!("{name} made {who} {}", rooms::a_role(*role)),
        MessageBody::Muted { name: who, until: Some(_), .. } => format!("{name} silenced {who} for a while"),
        MessageBody::Muted { name: who, until: None, .. } => format!("{name} lets {who} write again"),
        MessageBody::RoomChanged { change } => format!("{name} changed the room: {}", room_change(change)),
        MessageBody::CodesEnded => format!("{name} ended all codes made before"),
        MessageBody::Dissolved => format!("{name} ended this room for everybody"),
        _ => "A message that this version cannot show. Update Parlor to read it.".to_owned(),
    }
}

/// A text as one line, cut to a number of characters.
#[must_use]
pub fn shorten(text: &str, max_chars: usize) -> String {
    let flat = text.trim().chars().map(|c| if c.is_whitespace() { ' ' } else { c });
    let mut out: String = flat.clone().take(max_chars).collect();
    if flat.count() > max_chars {
        out.push('…');
    }
    out
}

/// `Ada is typing`, `Ada and Bo are typing`, `Several people are typing`.
#[must_use]
pub fn typing(names: &[&str]) -> Option<String> {
    match names {
        [] => None,
        [one] => Some(format!("{one} is typing")),
        [one, two] => Some(format!("{one} and {two} are typing")),
        _ => Some("Several people are typing".to_owned()),
    }
}

/// How complete a room's history is, when it is worth a word.
#[must_use]
pub fn sync(state: SyncState) -> Option<String> {
    match state {
        SyncState::Alone => Some("Nobody else of this room is here now".to_owned()),
        SyncState::Syncing { have, total } if total > have => Some(format!("Reading history: {have} of {total}")),
        SyncState::Syncing { .. } => Some("Reading history".to_owned()),
        SyncState::Complete => None,
    }
}

/// `3 members, 2 online`.
#[must_use]
pub fn members(members: &[Member], known: usize) -> String {
    let here = members.iter().filter(|member| !is_gone(member)).count();
    let all = count(here.max(known), "member", "members");
    let others = members.iter().filter(|member| member.online && !member.own).count();
    let me = members.iter().filter(|member| member.own).count();
    if others == 0 { all } else { format!("{all}, {} online", others + me) }
}

/// How a peer is reached: `QUIC, 1.2 ms`.
#[must_use]
pub fn reach(peer: &Peer) -> String {
    let transport = match peer.transport.as_str() {
        "quic" => "QUIC",
        "tcp" => "TCP",
        "websocket" => "WebSocket",
        other => other,
    };
    match peer.rtt_us {
        Some(us) => format!("{transport}, {}.{} ms", us / 1_000, us % 1_000 / 100),
        None => transport.to_owned(),
    }
}

/// What is wrong with a text, and what to do.
#[must_use]
pub fn text_problem(error: &TextError) -> String {
    match error {
        TextError::Empty => "Write something first.".to_owned(),
        TextError::TooLong { max, got } => {
            format!(
                "Too long by {}: shorten it to {} or send it in parts. Your text is kept.",
                bytes(got.saturating_sub(*max)),
                bytes(*max)
            )
        }
        TextError::ControlCharacter { .. } | TextError::LooksLikeId => {
            "It has invisible control characters, which no screen can show. Remove them; your text is kept.".to_owned()
        }
    }
}

/// What is wrong with a name, and what to do.
#[must_use]
pub fn name_problem(error: &TextError) -> String {
    match error {
        TextError::Empty => "Write a name first.".to_owned(),
        TextError::TooLong { max, .. } => format!("Too long: use at most {}.", bytes(*max)),
        TextError::ControlCharacter { .. } => {
            "It has invisible control characters. Type it by hand instead of pasting.".to_owned()
        }
        TextError::LooksLikeId => {
            "It looks like the id of something: only digits and the letters a to f. Add another letter.".to_owned()
        }
    }
}

/// A paste that no message can hold.
#[must_use]
pub fn paste_problem(got: usize) -> String {
    format!(
        "What you pasted has {}, one message holds {}. Nothing was changed here; paste a shorter part or send it as several messages.",
        bytes(got),
        bytes(TEXT_MAX)
    )
}

/// What is wrong with a code so far; nothing while it is only incomplete.
#[must_use]
pub fn code_problem(error: &CodeError) -> Option<String> {
    Some(match error {
        CodeError::TooShort { .. } => return None,
        CodeError::TooLong { expected, got } => {
            format!("Too long: {got} symbols instead of {expected}. Paste only the code.")
        }
        CodeError::BadSymbol { group, symbol } => {
            format!("Group {group} has “{symbol}”, which no code contains. Compare group {group} with the original.")
        }
        CodeError::Mistyped { group, .. } => {
            format!("Group {group} looks mistyped. Compare group {group} with the original.")
        }
        CodeError::Scrambled => {
            "Several symbols are wrong or swapped. Compare every group with the original.".to_owned()
        }
        CodeError::ForDevice => "This code is not for a room: it links a new device to a person.".to_owned(),
        CodeError::ForRoom => "This code is for a room, not for linking a device.".to_owned(),
    })
}

/// Why a command was not carried out, in the app's terms.
#[must_use]
pub fn command_error(error: &CommandError) -> String {
    match error {
        CommandError::NoSuchRoom => "This device is not in that room any more. Choose a room from the list.".to_owned(),
        CommandError::NoName => "Choose a name first, in Settings, so that others know who writes.".to_owned(),
        CommandError::NobodyFound => "Found no other Parlor machine to ask. Check that both are on the same network. If they are, the network may filter multicast: add the other machine's address in Settings.".to_owned(),
        CommandError::Stopped => "Parlor has stopped. Close this window and start it again.".to_owned(),
        other => sentence(&other.to_string()),
    }
}

/// Why a text is no passphrase.
#[must_use]
pub fn passphrase_problem(error: PassphraseError) -> String {
    sentence(&error.to_string())
}

/// How the profile is locked.
#[must_use]
pub const fn lock_kind(kind: LockKind) -> &'static str {
    match kind {
        LockKind::File => {
            "Not locked: the key lies in the data folder. Whoever copies the folder can read everything. Set a passphrase, or let the system's keychain keep the key."
        }
        LockKind::Keychain => {
            "The system's keychain has the key. Whoever copies the data folder cannot read it. With a passphrase you can also lock Parlor while you are away."
        }
        LockKind::Passphrase => "The passphrase is asked at every start.",
        LockKind::Both => "The system's keychain opens Parlor at start. The passphrase is asked after locking.",
    }
}

/// A text that begins with a capital and ends with a full stop.
#[must_use]
pub fn sentence(text: &str) -> String {
    let mut out = capital(text);
    if !out.ends_with(['.', '!', '?']) {
        out.push('.');
    }
    out
}
