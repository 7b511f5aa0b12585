//! Commands about the profile and its rooms.

use indicatif::{ProgressBar, ProgressStyle};
use parlor_node::{Command, Event, JoinStage, Reply, RoomSummary, StartError, SyncState, store::ProfileLock};
use parlor_protocol::{Name, Role, RoomCode};
use std::{io::IsTerminal as _, time::Duration};

use crate::{
    cli::{Cli, TypedCode},
    lock,
    output::{self, Failure},
    secrets,
    session::{self, Session},
};

fn name(text: &str, what: &str) -> Result<Name, Failure> {
    Name::choose(text).map_err(|error| Failure::usage(format!("the {what} cannot be used: {error}")))
}

pub(crate) async fn init(cli: &Cli, wanted: Option<&str>) -> Result<(), Failure> {
    let fallback = std::env::var("USER").or_else(|_| std::env::var("USERNAME")).unwrap_or_default();
    let session = Session::offline(cli).await?;
    let has_name = matches!(session.call(Command::Me).await?, Reply::Me(me) if !me.name.is_empty());
    if wanted.is_some() || !has_name {
        let Ok(name) = name(wanted.unwrap_or(&fallback), "name") else {
            session.end().await;
            return Err(match wanted {
                Some(wanted) => name_error(wanted),
                None => Failure::usage("say who you are: `parlor init --name NAME`"),
            });
        };
        session.call(Command::SetName(name)).await?;
    }
    if let Reply::Me(me) = session.call(Command::Me).await? {
        if cli.json {
            output::json(&me);
        } else {
            output::print(format_args!("You are {} on device {}.", output::name(&me.name), me.device.short()));
        }
    }
    session.end().await;
    Ok(())
}

fn name_error(wanted: &str) -> Failure {
    name(wanted, "name").err().unwrap_or_else(|| Failure::usage("the name cannot be used"))
}

pub(crate) async fn set_name(cli: &Cli, wanted: &str) -> Result<(), Failure> {
    let name = name(wanted, "name")?;
    let session = Session::online(cli).await?;
    session.call(Command::SetName(name)).await?;
    session.end().await;
    Ok(())
}

pub(crate) async fn create(cli: &Cli, wanted: &str, history: Option<&str>) -> Result<(), Failure> {
    let name = name(wanted, "room's name")?;
    let history = history.map(crate::govern::history).transpose()?.unwrap_or_default();
    let session = Session::online(cli).await?;
    let reply = session.call(Command::CreateRoom { name, history }).await?;
    if let Reply::Created { room, code } = &reply {
        if cli.json {
            output::json(&reply);
        } else {
            output::print(format_args!("Made the room {} ({}).", output::name(wanted), room.short()));
            output::print(format_args!("Others join with this code: {code}"));
        }
    }
    // An archive, or members that are here, get the room before this node goes.
    settle(&session).await;
    session.end().await;
    Ok(())
}

/// Gives archives that are found within a moment the time to take what was written.
pub(crate) async fn settle(session: &Session) {
    let mut events = session.handle.subscribe();
    let deadline = tokio::time::Instant::now() + session.wait.min(Duration::from_secs(3));
    loop {
        let archives = match session.call(Command::Connection).await {
            Ok(Reply::Connection(connection)) => connection.peers.iter().filter(|peer| peer.archive).count(),
            _ => 0,
        };
        let rooms = session.handle.rooms().await.unwrap_or_default();
        if archives > 0 && rooms.iter().all(|room| room.kept || room.standing.is_over()) {
            return;
        }
        if tokio::time::timeout_at(deadline, events.next()).await.is_err() {
            return;
        }
    }
}

pub(crate) async fn code(cli: &Cli, room: &str, new: bool, expires: Option<&str>) -> Result<(), Failure> {
    let lifetime = crate::govern::lifetime(expires)?;
    let session = Session::online(cli).await?;
    let room = session.room(room).await?;
    let command = if new {
        Command::MakeCode { room, lifetime, uses: None, members_only: false }
    } else {
        Command::Code { room }
    };
    if let Reply::Code(code) = session.call(command).await? {
        if cli.json {
            output::json(&serde_json::json!({ "code": code, "link": code.link() }));
        } else {
            output::print(format_args!("{code}"));
        }
    }
    if new {
        settle(&session).await;
    }
    session.end().await;
    Ok(())
}

pub(crate) async fn join(cli: &Cli, typed: &TypedCode, no_wait: bool) -> Result<(), Failure> {
    let code = secrets::code(typed.code.as_deref(), typed.code_file.as_deref(), secrets::CODE)?;
    let code: RoomCode = code.parse().map_err(|error| Failure::usage(format!("this is not a code: {error}")))?;
    let session = Session::online(cli).await?;
    let mut events = session.handle.subscribe();
    let handle = session.handle.clone();
    let joining = tokio::spawn(async move { handle.call(Command::Join(code)).await });
    let bar = progress(cli);
    let mut joining = std::pin::pin!(joining);
    let mut room = None;
    let mut is_complete = false;
    let patience = tokio::time::sleep(session.wait.max(Duration::from_secs(60)));
    tokio::pin!(patience);
    loop {
        tokio::select! {
            result = &mut joining, if room.is_none() => {
                match result.map_err(|error| Failure::failed(error.to_string()))? {
                    Ok(Reply::Joined(joined)) => room = Some(joined),
                    Ok(_) => {}
                    Err(error) => {
                        bar.finish_and_clear();
                        session.end().await;
                        return Err(error.into());
                    }
                }
            }
            event = events.next() => match event {
                Event::JoinProgress { stage, .. } => is_complete |= show_stage(&bar, &stage),
                Event::RoomChanged(summary) if Some(summary.room) == room => {
                    is_complete |= summary.sync == SyncState::Complete;
                }
                Event::Stopped => break,
                _ => {}
            },
            () = &mut patience => break,
        }
        if room.is_some() && (is_complete || no_wait) {
            break;
        }
    }
    bar.finish_and_clear();
    let Some(room) = room else { return Err(Failure::failed("joining took too long; try again")) };
    let rooms = session.handle.rooms().await?;
    let name = rooms.into_iter().find(|known| known.room == room).map(|known| known.name).unwrap_or_default();
    if cli.json {
        output::json(&serde_json::json!({ "joined": room, "name": name, "complete": is_complete }));
    } else {
        output::print(format_args!("Joined {} ({}).", output::name(&name), room.short()));
    }
    settle(&session).await;
    session.end().await;
    Ok(())
}

fn progress(cli: &Cli) -> ProgressBar {
    if cli.json || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(120));
    bar
}

/// Shows where joining stands; true when everything is here.
fn show_stage(bar: &ProgressBar, stage: &JoinStage) -> bool {
    match stage {
        JoinStage::Preparing => bar.set_message("preparing"),
        JoinStage::Searching { asked: 0 } => bar.set_message("looking for other machines"),
        JoinStage::Searching { asked } => bar.set_message(format!("asking {asked} machines")),
        JoinStage::Found { name, .. } => bar.set_message(format!("found {}", output::name(name))),
        JoinStage::Reading { have, total, .. } => bar.set_message(format!("reading history: {have} of {total}")),
        JoinStage::Finished { .. } => return true,
        JoinStage::Failed => {}
    }
    false
}

pub(crate) async fn list(cli: &Cli) -> Result<(), Failure> {
    let session = Session::updated(cli).await?;
    for known in session.handle.rooms().await? {
        session.room(&known.room.to_string()).await?;
    }
    let rooms = session.handle.rooms().await?;
    for room in &rooms {
        if cli.json {
            output::json(room);
        } else {
            let unread = if room.unread > 0 { format!("  {} new", room.unread) } else { String::new() };
            let when = output::time(room.active_at);
            let members = if room.members == 1 { "1 member".to_owned() } else { format!("{} members", room.members) };
            let mark = match mark(room) {
                Some(mark) => format!("  ({mark})"),
                None => String::new(),
            };
            output::print(format_args!(
                "{}  {when}  {} ({members}){unread}{mark}",
                room.room.short(),
                output::name(&room.name)
            ));
        }
    }
    if rooms.is_empty() && !cli.json {
        output::print(format_args!(
            "No rooms yet. Make one with `parlor create NAME`, or join one with `parlor join`."
        ));
    }
    session.end().await;
    Ok(())
}

/// What to know of a room before its messages are believed, or waited for.
const fn mark(room: &RoomSummary) -> Option<&'static str> {
    match room {
        RoomSummary { unconfirmed: true, .. } => Some("only the archive has answered so far: this may be old"),
        RoomSummary { held_up: true, .. } => Some("not there yet: their machine takes no more requests just now"),
        _ => None,
    }
}

/// What to say of a role; nothing of the ordinary one.
fn role_word(role: Role) -> Option<&'static str> {
    match role {
        Role::Owner => Some("owner"),
        Role::Moderator => Some("moderator"),
        Role::Member => None,
        Role::Reader => Some("reads only"),
    }
}

pub(crate) async fn members(cli: &Cli, room: &str) -> Result<(), Failure> {
    let (session, room) = Session::updated_in(cli, room).await?;
    for member in session.handle.members(room).await? {
        if cli.json {
            output::json(&member);
        } else {
            let marks = member.own.then_some("you").into_iter().chain(role_word(member.role));
            let marks = marks.chain(member.verified.then_some("verified")).chain(member.blocked.then_some("blocked"));
            let careful = member.looks_like.as_ref().map(|name| format!("careful, looks like {}", output::name(name)));
            let came = member.came.as_ref().map(|came| came.words(output::name));
            let visit = member.visit.map(|visit| match visit.over {
                true => "gone".to_owned(),
                false => format!("visiting until {}", output::time(visit.until)),
            });
            let marks: Vec<_> =
                marks.chain([&came, &visit, &careful].into_iter().filter_map(Option::as_deref)).collect();
            let mark = if marks.is_empty() { String::new() } else { format!("  ({})", marks.join(", ")) };
            output::print(format_args!("{}  {}{mark}", member.device.short(), output::name(&member.name)));
        }
    }
    session.end().await;
    Ok(())
}

pub(crate) async fn repair(cli: &Cli) -> Result<(), Failure> {
    let config = session::config(cli, false);
    let dir = config.profile_dir()?;
    if !dir.is_dir() {
        return Err(Failure::not_found(format!("there is no profile in {}", dir.display())));
    }
    // Held to the end: no other program may use the store meanwhile.
    let lock = ProfileLock::take(&dir, &config.profile).map_err(StartError::from)?;
    output::mended(lock.mended());
    let stamp = jiff::ZonedDateTime::now().strftime("%Y%m%d-%H%M%S").to_string();
    let (place, stamp) = (dir.as_path(), stamp.as_str());
    let repair = |unlock| async move { Ok(parlor_node::store::repair(place, stamp, &unlock)?) };
    let salvage = lock::opened(cli, repair).await?;
    let rooms = if salvage.rooms == 1 { "1 room".to_owned() } else { format!("{} rooms", salvage.rooms) };
    output::print(format_args!("Saved {rooms} and {} messages and records.", salvage.entries));
    if !salvage.identity {
        output::print("The keys and the name of this device were lost; join the rooms again.");
    }
    if salvage.lost_entries > 0 {
        output::print(format_args!(
            "{} are damaged; they come back from other members or the archive.",
            salvage.lost_entries
        ));
    }
    output::print(format_args!("The file as it was is kept as {}.", salvage.kept.display()));
    Ok(())
}
