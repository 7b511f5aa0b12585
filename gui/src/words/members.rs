//! Words about members: what stands below a name in the list.

use jiff::tz::TimeZone;
use parlor_node::{Came, Member, Visit};

use super::{clock, local, role, shorten};

/// Longest name of somebody else in such a line.
const NAME_CHARS: usize = 32;

/// Whether a member's visit is over.
#[must_use]
pub fn is_gone(member: &Member) -> bool {
    member.visit.is_some_and(|visit| visit.over)
}

/// How somebody came: `joined by the code of Ada`.
#[must_use]
pub fn came(came: &Came) -> String {
    came.words(|name| shorten(name, NAME_CHARS))
}

/// What is to be said of a guest: `visiting until 21:00`, `visiting until Wed 09:00`, `gone`.
#[must_use]
pub fn visit(visit: Visit, now_ms: u64, zone: &TimeZone) -> String {
    let (until, now) = (local(visit.until, zone), local(now_ms, zone));
    match visit.over {
        true => "gone".to_owned(),
        false if until.date() == now.date() => format!("visiting until {}", clock(visit.until, zone)),
        false => format!("visiting until {} {}", until.strftime("%a"), clock(visit.until, zone)),
    }
}

/// Everything that is said of a member besides the name.
#[must_use]
pub fn member(member: &Member, now_ms: u64, zone: &TimeZone) -> String {
    let mut parts = Vec::new();
    let mut say = |what: &str| parts.push(what.to_owned());
    if member.own {
        say("this is you");
    }
    role(member.role).into_iter().for_each(&mut say);
    if !member.own && !is_gone(member) {
        say(if member.online { "online" } else { "away" });
    }
    for (holds, what) in
        [(member.verified, "verified"), (member.blocked, "blocked"), (member.looks_like.is_some(), "careful")]
    {
        if holds {
            say(what);
        }
    }
    parts.extend(member.visit.map(|known| visit(known, now_ms, zone)));
    parts.extend(member.came.as_ref().map(came));
    parts.join(", ")
}
