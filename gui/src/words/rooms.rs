//! Words about how rooms are governed: roles, rules, codes.

use parlor_node::{CodeInfo, RoomChange, RoomStanding, RoomSummary};
use parlor_protocol::{HistoryPolicy, Role};

use super::{capital, shorten};

/// What a role is called.
#[must_use]
pub const fn role_name(role: Role) -> &'static str {
    match role {
        Role::Owner => "Owner",
        Role::Moderator => "Moderator",
        Role::Member => "Member",
        Role::Reader => "Reader",
    }
}

/// Why nothing can be written in a room, if so.
#[must_use]
pub fn standing(standing: &RoomStanding) -> Option<String> {
    let by = |name: &str| if name.is_empty() { "An owner".to_owned() } else { name.to_owned() };
    match standing {
        RoomStanding::Member => None,
        RoomStanding::Changing => Some(
            "Owners changed this room at the same time. You can write again as soon as one of them is online."
                .to_owned(),
        ),
        RoomStanding::Leaving => Some("You are leaving this room. It goes as soon as somebody knows.".to_owned()),
        RoomStanding::Left => Some("You have left this room.".to_owned()),
        RoomStanding::Removed { by: name } => {
            Some(format!("{} removed you from this room. What is here you can still read.", by(name)))
        }
        RoomStanding::ShutOut => {
            Some("Somebody was removed while you joined, so your code is of no use. Ask for a new one.".to_owned())
        }
        RoomStanding::VisitOver => Some(
            "Your visit to this room is over. What is here you can still read. Ask for a code to come in again."
                .to_owned(),
        ),
        RoomStanding::Dissolved { by: name } => Some(format!("{} ended this room for everybody.", by(name))),
    }
}

/// What to know of what a room shows, if there is something.
#[must_use]
pub fn quiet(room: &RoomSummary) -> Option<String> {
    if room.unconfirmed && !room.standing.is_over() {
        let text = "Only the archive has answered so far: what it shows may be old. This goes away when somebody of \
                    the room is on.";
        return Some(text.to_owned());
    }
    room.held_up.then(|| {
        let name = shorten(&room.name, 40);
        format!(
            "The machine of {name} takes no more requests just now, so your messages are not there yet. They are sent \
             again by themselves."
        )
    })
}

/// What to say of a code that works.
#[must_use]
pub fn code_line(code: &CodeInfo, now_ms: u64) -> String {
    let mut parts = vec![format!("made by {}", code.maker_name)];
    if let Some(expires) = code.expires {
        parts.push(match expires.saturating_sub(now_ms) / 60_000 {
            0 => "about to expire".to_owned(),
            minutes if minutes < 120 => format!("works for {}", counted(minutes, "minute")),
            minutes if minutes < 48 * 60 => format!("works for {}", counted(minutes / 60, "hour")),
            minutes => format!("works for {}", counted(minutes / 1_440, "day")),
        });
    }
    parts.push(match (code.used, code.uses) {
        (used, Some(uses)) => format!("used {used} of {uses} times"),
        (0, None) => "not used yet".to_owned(),
        (1, None) => "used once".to_owned(),
        (used, None) => format!("used {used} times"),
    });
    if code.members_only {
        parts.push("only while a member is there".to_owned());
    }
    capital(&parts.join(", "))
}

/// A role with its article.
pub(super) const fn a_role(role: Role) -> &'static str {
    match role {
        Role::Owner => "an owner",
        Role::Moderator => "a moderator",
        Role::Member => "a member",
        Role::Reader => "a reader",
    }
}

fn span(ms: u64) -> String {
    match ms / 1000 {
        seconds if seconds % 86_400 == 0 && seconds > 0 => counted(seconds / 86_400, "day"),
        seconds if seconds % 3_600 == 0 && seconds > 0 => counted(seconds / 3_600, "hour"),
        seconds if seconds % 60 == 0 && seconds > 0 => counted(seconds / 60, "minute"),
        seconds => counted(seconds, "second"),
    }
}

/// How long messages of a room stay.
#[must_use]
pub fn vanishing(ms: u64) -> String {
    format!("Messages vanish after {}", span(ms))
}

/// What a rule of a room was changed to.
#[must_use]
pub fn room_change(change: &RoomChange) -> String {
    match change {
        RoomChange::Name(name) => format!("it is called {} now", name.as_str()),
        RoomChange::Newcomers(Role::Reader) => "newcomers can only read".to_owned(),
        RoomChange::Newcomers(_) => "newcomers can read and write".to_owned(),
        RoomChange::History(HistoryPolicy::Everything) => "newcomers can read everything".to_owned(),
        RoomChange::History(HistoryPolicy::FromJoining) => "newcomers can read from their joining on".to_owned(),
        RoomChange::History(HistoryPolicy::LastDays(days)) => {
            format!("newcomers can read the last {}", counted(u64::from(*days), "day"))
        }
        RoomChange::Lifetime(Some(ms)) => vanishing(*ms).to_lowercase(),
        RoomChange::Lifetime(None) => "messages stay".to_owned(),
        RoomChange::Slow(Some(ms)) => format!("everybody waits {} between messages", span(*ms)),
        RoomChange::Slow(None) => "nobody has to wait between messages".to_owned(),
    }
}

fn counted(number: u64, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}
