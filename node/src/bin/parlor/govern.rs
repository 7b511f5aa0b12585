//! Commands about who is in a room and what its rules are.

use parlor_node::{CodeInfo, Command, Member, Reply, RoomChange};
use parlor_protocol::{HistoryPolicy, Locator, Name, Role, RoomCode, RoomId, UserId};
use std::time::Duration;
use zeroize::Zeroizing;

use crate::{
    cli::{Cli, CodesDo, RoleName},
    lookup::{Candidate, the_one},
    output::{self, Failure},
    rooms::settle,
    secrets,
    session::{self, Session},
};

impl From<RoleName> for Role {
    fn from(name: RoleName) -> Self {
        match name {
            RoleName::Owner => Self::Owner,
            RoleName::Moderator => Self::Moderator,
            RoleName::Member => Self::Member,
            RoleName::Reader => Self::Reader,
        }
    }
}

/// Finds something of the members: what `thing` makes of each that it knows, by the name, or by the id of a device or person.
async fn of_members<T: Clone + PartialEq>(
    session: &Session,
    room: RoomId,
    wanted: &str,
    what: &str,
    thing: impl Fn(&Member) -> Option<T>,
) -> Result<T, Failure> {
    let candidate = |member: Member| {
        let user = member.user.map(|user| user.to_string());
        let ids = user.into_iter().chain([member.device.to_string()]).collect();
        thing(&member).map(|thing| Candidate { thing, name: member.name, ids })
    };
    let candidates: Vec<_> = session.handle.members(room).await?.into_iter().filter_map(candidate).collect();
    the_one(what, wanted, &candidates, || {
        format!("nobody called {wanted:?} is in this room; `parlor members` lists who is")
    })
}

/// The one member who is meant.
async fn member(session: &Session, room: RoomId, wanted: &str) -> Result<UserId, Failure> {
    of_members(session, room, wanted, "people", |member| member.user).await
}

/// Gives a command in a room, and lets others hear of it.
async fn carry(
    cli: &Cli,
    room: &str,
    command: impl AsyncFnOnce(&Session, RoomId) -> Result<Command, Failure>,
) -> Result<(), Failure> {
    let (session, room) = Session::updated_in(cli, room).await?;
    let command = command(&session, room).await?;
    let reply = session.call(command).await?;
    match &reply {
        Reply::Code(code) if !cli.json => output::print(format_args!("{code}")),
        _ if cli.json => output::json(&reply),
        _ => {}
    }
    settle(&session).await;
    session.end().await;
    Ok(())
}

pub(crate) async fn remove(cli: &Cli, room: &str, who: &str, only_device: bool) -> Result<(), Failure> {
    carry(cli, room, async |session, room| {
        if only_device {
            let device = of_members(session, room, who, "devices", |member| Some(member.device)).await?;
            return Ok(Command::RemoveDevice { room, device });
        }
        Ok(Command::RemovePerson { room, user: member(session, room, who).await? })
    })
    .await
}

pub(crate) async fn role(cli: &Cli, room: &str, who: &str, role: RoleName) -> Result<(), Failure> {
    carry(cli, room, async |session, room| {
        let user = member(session, room, who).await?;
        Ok(Command::SetRole { room, user, role: role.into() })
    })
    .await
}

pub(crate) async fn mute(cli: &Cli, room: &str, who: &str, time: &str) -> Result<(), Failure> {
    let lasts = span(time)?.map(Duration::from_millis);
    carry(cli, room, async |session, room| {
        let user = member(session, room, who).await?;
        Ok(Command::Mute { room, user, lasts })
    })
    .await
}

pub(crate) async fn leave(cli: &Cli, room: &str) -> Result<(), Failure> {
    carry(cli, room, async |_, room| Ok(Command::LeaveRoom { room })).await
}

pub(crate) async fn dissolve(cli: &Cli, room: &str) -> Result<(), Failure> {
    carry(cli, room, async |_, room| Ok(Command::DissolveRoom { room })).await
}

pub(crate) async fn forget(cli: &Cli, room: &str) -> Result<(), Failure> {
    carry(cli, room, async |_, room| Ok(Command::ForgetRoom { room })).await
}

/// What is typed to change the rules of a room.
#[derive(Debug)]
pub(crate) struct Wanted<'a> {
    pub(crate) name: Option<&'a str>,
    pub(crate) history: Option<&'a str>,
    pub(crate) newcomers: Option<RoleName>,
    pub(crate) vanish: Option<&'a str>,
    pub(crate) slow: Option<&'a str>,
}

pub(crate) async fn policy(cli: &Cli, room: &str, wanted: Wanted<'_>) -> Result<(), Failure> {
    let mut changes = Vec::new();
    if let Some(name) = wanted.name {
        let name = Name::choose(name).map_err(|error| Failure::usage(format!("the name cannot be used: {error}")))?;
        changes.push(RoomChange::Name(name));
    }
    changes.extend(wanted.history.map(history).transpose()?.map(RoomChange::History));
    changes.extend(wanted.newcomers.map(|role| RoomChange::Newcomers(role.into())));
    changes.extend(wanted.vanish.map(span).transpose()?.map(RoomChange::Lifetime));
    changes.extend(wanted.slow.map(span).transpose()?.map(RoomChange::Slow));
    let (session, room) = Session::updated_in(cli, room).await?;
    let has_changes = !changes.is_empty();
    for change in changes {
        session.call(Command::ChangeRoom { room, change }).await?;
    }
    if let Reply::Rules(rules) = session.call(Command::Rules { room }).await? {
        if cli.json {
            output::json(&rules);
        } else {
            let seconds = |ms: Option<u64>| ms.map_or_else(|| "never".to_owned(), |ms| format!("{} s", ms / 1000));
            output::print(format_args!("you: {}", output::role_name(rules.role)));
            output::print(format_args!("newcomers: {}", output::role_name(rules.newcomers)));
            output::print(format_args!("history for newcomers: {}", output::history_name(rules.history)));
            output::print(format_args!("messages vanish after: {}", seconds(rules.lifetime_ms)));
            output::print(format_args!("wait between messages: {}", seconds(rules.slow_ms)));
        }
    }
    if has_changes {
        settle(&session).await;
    }
    session.end().await;
    Ok(())
}

/// `everything`, `from-joining`, or a number of days.
pub(crate) fn history(text: &str) -> Result<HistoryPolicy, Failure> {
    let days = || text.strip_suffix('d').and_then(|days| days.parse().ok()).map(HistoryPolicy::LastDays);
    match text {
        "everything" => Ok(HistoryPolicy::Everything),
        "from-joining" => Ok(HistoryPolicy::FromJoining),
        _ => days().ok_or_else(|| Failure::usage("type everything, from-joining, or a number of days like 7d")),
    }
}

fn span(text: &str) -> Result<Option<u64>, Failure> {
    if matches!(text, "never" | "none" | "off") {
        return Ok(None);
    }
    let span = session::duration(text).and_then(|span: Duration| u64::try_from(span.as_millis()).ok());
    span.map(Some).ok_or_else(|| Failure::usage(format!("{text:?} is no time; type 90m, 2h, 7d or never")))
}

/// How long a new code works: a week, unless somebody says otherwise.
pub(crate) fn lifetime(expires: Option<&str>) -> Result<Option<Duration>, Failure> {
    const WEEK: Duration = Duration::from_secs(7 * 24 * 60 * 60);
    match expires {
        None => Ok(Some(WEEK)),
        Some(text) => span(text).map(|span| span.map(Duration::from_millis)),
    }
}

pub(crate) async fn codes(cli: &Cli, room: &str, action: CodesDo) -> Result<(), Failure> {
    match action {
        CodesDo::List => list_codes(cli, room).await,
        CodesDo::New { expires, uses, members_only } => {
            let lifetime = lifetime(expires.as_deref())?;
            carry(cli, room, async |_, room| Ok(Command::MakeCode { room, lifetime, uses, members_only })).await
        }
        CodesDo::Revoke { code, code_file } => {
            // Ids of codes are no secret.
            let id = code.as_deref().filter(|code| *code != "-" && code.parse::<RoomCode>().is_err());
            let wanted = match &id {
                Some(id) => Zeroizing::new((*id).to_owned()),
                None => secrets::code(code.as_deref(), code_file.as_deref(), secrets::CODE)?,
            };
            carry(cli, room, async |session, room| {
                let Reply::Codes(codes) = session.call(Command::Codes { room }).await? else {
                    return Err(Failure::failed("the codes cannot be read"));
                };
                Ok(Command::RevokeCode { room, locator: which(&codes, &wanted)? })
            })
            .await
        }
        CodesDo::Rotate => carry(cli, room, async |_, room| Ok(Command::RotateCodes { room })).await,
    }
}

/// The code that is meant: by itself, by its id, or by the beginning of that.
fn which(codes: &[CodeInfo], wanted: &str) -> Result<Locator, Failure> {
    let typed: Option<RoomCode> = wanted.parse().ok();
    if let Some(known) = codes.iter().find(|known| typed.is_some() && known.code == typed) {
        return Ok(known.locator);
    }
    let candidate =
        |known: &CodeInfo| Candidate { thing: known.locator, name: String::new(), ids: vec![known.locator.hex()] };
    let candidates: Vec<_> = codes.iter().map(candidate).collect();
    the_one("codes", wanted, &candidates, || "there is no such code; `parlor codes ROOM list` lists them".into())
}

async fn list_codes(cli: &Cli, room: &str) -> Result<(), Failure> {
    let (session, room) = Session::updated_in(cli, room).await?;
    if let Reply::Codes(codes) = session.call(Command::Codes { room }).await? {
        for code in codes {
            if cli.json {
                output::json(&code);
                continue;
            }
            let id: String = code.locator.hex().chars().take(8).collect();
            let shown = code.code.as_ref().map_or_else(|| "(known to its maker)".to_owned(), ToString::to_string);
            let state = match (code.works, code.revoked) {
                (true, _) => "works",
                (false, true) => "ended",
                (false, false) => "works no longer",
            };
            let uses = code.uses.map_or_else(String::new, |uses| format!(" of {uses}"));
            let maker = output::name(&code.maker_name);
            let only = if code.members_only { ", only while a member is there" } else { "" };
            output::print(format_args!("{id}  {shown}  {state}, made by {maker}, used {}{uses}{only}", code.used));
        }
    }
    session.end().await;
    Ok(())
}
