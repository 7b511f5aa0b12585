//! `parlor account`: signing in on any machine of the network.

use parlor_node::{AccountCommand, AccountDevice, AccountView, Command, Reply, engine::account::device_name};
use parlor_protocol::{
    DeviceId, Name,
    account::{AccessToken, Password, RecoveryKey, UserName},
    error::PasswordError,
    limits::PASSWORD_MAX,
};
use std::{
    io::{BufRead as _, IsTerminal as _, Read as _},
    path::Path,
    time::Duration,
};
use zeroize::Zeroizing;

use crate::{
    cli::{AccountDo, Cli, NewPassword, OldPassword, TypedToken},
    lookup::{Candidate, the_one},
    output::{self, Failure},
    secrets,
    session::Session,
};

/// How long after signing in the program stays at most, so that the rooms arrive.
const ARRIVE_WITHIN: Duration = Duration::from_secs(10);
/// Longest recovery key in a file.
const KEY_FILE_MAX: usize = 4_096;

pub(crate) async fn account(cli: &Cli, action: &AccountDo) -> Result<(), Failure> {
    let mut command = match action {
        AccountDo::Status => return status(cli).await,
        AccountDo::Devices => return devices(cli).await,
        AccountDo::SignOut { device } => return sign_out(cli, device).await,
        AccountDo::Register { name, token, new, .. } => AccountCommand::Register {
            name: user(name)?,
            password: chosen(new)?,
            token: optional_token(token)?,
            device: this_device()?,
            archive: None,
        },
        AccountDo::Login { name, old, recovery_file, .. } => AccountCommand::LogIn {
            name: user(name)?,
            password: current(old, "Password: ")?,
            recovery: recovery_file.as_deref().map(recovery).transpose()?,
            device: this_device()?,
            archive: None,
        },
        AccountDo::Recover { name, token, recovery_file, new, .. } => AccountCommand::Recover {
            name: user(name)?,
            token: token_of(token)?,
            password: chosen(new)?,
            recovery: Some(recovery(recovery_file)?),
            device: this_device()?,
            archive: None,
        },
        AccountDo::Passwd { old, new } => {
            AccountCommand::ChangePassword { old: current(old, "Password until now: ")?, new: chosen(new)? }
        }
        AccountDo::Logout { yes } => {
            ask("This device forgets the account and the rooms that came by it. Sign out?", *yes)?;
            AccountCommand::LogOut
        }
        AccountDo::Delete { yes, old } => {
            ask("The account is deleted, with its copy at the archive, for ever. Delete it?", *yes)?;
            AccountCommand::Delete { password: current(old, "Password: ")? }
        }
    };
    let session = Session::online(cli).await?;
    if let AccountDo::Register { archive: Some(wanted), .. }
    | AccountDo::Login { archive: Some(wanted), .. }
    | AccountDo::Recover { archive: Some(wanted), .. } = action
        && let AccountCommand::Register { archive, .. }
        | AccountCommand::LogIn { archive, .. }
        | AccountCommand::Recover { archive, .. } = &mut command
    {
        match archive_by(&session, wanted).await {
            Ok(found) => *archive = Some(found),
            Err(failure) => {
                session.end().await;
                return Err(failure);
            }
        }
    }
    let reply = session.call(Command::Account(Box::new(command))).await;
    if let (Ok(_), AccountDo::Login { .. } | AccountDo::Recover { .. } | AccountDo::Register { .. }) = (&reply, action)
    {
        settle(&session).await;
    }
    session.end().await;
    tell(cli, action, &reply?);
    Ok(())
}

/// Lets the rooms of the account arrive, or the vault be written.
pub(crate) async fn settle(session: &Session) {
    let deadline = tokio::time::Instant::now() + ARRIVE_WITHIN.min(session.wait);
    let mut events = session.handle.subscribe();
    loop {
        let rooms = session.handle.rooms().await.unwrap_or_default();
        let is_there = |room: &parlor_node::RoomSummary| room.sync == parlor_node::SyncState::Complete;
        if rooms.iter().all(is_there) {
            return;
        }
        match tokio::time::timeout_at(deadline, events.next()).await {
            Ok(parlor_node::Event::Stopped) | Err(_) => return,
            Ok(_) => {}
        }
    }
}

fn tell(cli: &Cli, action: &AccountDo, reply: &Reply) {
    if cli.json {
        return output::json(reply);
    }
    match (action, reply) {
        (_, Reply::Registered(words)) => output::print(format_args!(
            "Your account is made. This is its recovery key: if you ever forget the password, only these words open \
             what is in it. Write them down; they are not shown again.\n\n{}",
            numbered(words.expose()).as_str()
        )),
        (AccountDo::Login { .. } | AccountDo::Recover { .. }, _) => {
            output::print("You are signed in. Your rooms are here: `parlor rooms`.");
        }
        (AccountDo::Passwd { .. }, _) => {
            output::print("The password is changed. Your other devices are signed out; sign in there with the new one.")
        }
        (AccountDo::Logout { .. }, _) => output::print("This device is signed out."),
        (AccountDo::Delete { .. }, _) => output::print("The account is gone."),
        _ => {}
    }
}

/// Four words a line, each with its number.
fn numbered(words: &str) -> Zeroizing<String> {
    let mut out = Zeroizing::new(String::new());
    for (at, word) in words.split(' ').enumerate() {
        let end = if at % 4 == 3 { "\n" } else { "  " };
        out.push_str(&format!("{:>2} {word:<10}{end}", at + 1));
    }
    out
}

async fn view(session: &Session) -> Result<AccountView, Failure> {
    match session.call(Command::Account(Box::new(AccountCommand::Status))).await? {
        Reply::Account(view) => Ok(view),
        _ => Ok(AccountView::default()),
    }
}

async fn status(cli: &Cli) -> Result<(), Failure> {
    let session = Session::offline(cli).await?;
    let view = view(&session).await?;
    session.end().await;
    match (&view.name, view.signed_in) {
        _ if cli.json => output::json(&view),
        (None, _) => output::print("No account. Make one with `parlor account register NAME`, or sign in to one."),
        (Some(name), true) => output::print(format_args!("Signed in as {}.", output::name(name))),
        (Some(name), false) => {
            output::print(format_args!("This device was signed out of {}. Sign in again.", output::name(name)));
        }
    }
    Ok(())
}

async fn devices(cli: &Cli) -> Result<(), Failure> {
    let session = connected(cli).await?;
    let reply = session.call(Command::Account(Box::new(AccountCommand::Devices))).await;
    session.end().await;
    if let Reply::AccountDevices(devices) = reply? {
        if cli.json {
            output::json(&devices);
        } else {
            for device in devices {
                let mut marks = Vec::new();
                marks.extend(device.own.then(|| "this one".to_owned()));
                marks.push(format!("signed in {}", output::time(device.since)));
                let seen = device.last_seen.filter(|_| !device.own);
                marks.extend(seen.map(|at| format!("last seen {}", output::time(at))));
                let (id, name) = (device.device.short(), output::name(&device.name));
                output::print(format_args!("{id}  {name}  ({})", marks.join(", ")));
            }
        }
    }
    Ok(())
}

async fn sign_out(cli: &Cli, wanted: &str) -> Result<(), Failure> {
    let session = connected(cli).await?;
    let devices = match session.call(Command::Account(Box::new(AccountCommand::Devices))).await? {
        Reply::AccountDevices(devices) => devices,
        _ => Vec::new(),
    };
    let candidate = |known: &AccountDevice| Candidate {
        thing: known.device,
        name: known.name.clone(),
        ids: vec![known.device.to_string()],
    };
    let candidates: Vec<_> = devices.iter().map(candidate).collect();
    let found = the_one("devices", wanted, &candidates, || {
        format!("no device that is signed in is called {wanted:?}; `parlor account devices` shows all")
    });
    let device = match found {
        Ok(device) => device,
        Err(failure) => {
            session.end().await;
            return Err(failure);
        }
    };
    let reply = session.call(Command::Account(Box::new(AccountCommand::SignOut { device }))).await;
    session.end().await;
    reply?;
    let name = devices.iter().find(|known| known.device == device).map(|known| output::name(&known.name));
    output::print(format_args!("{} is signed out.", name.unwrap_or_default()));
    Ok(())
}

/// The archive whose device begins like this, once it is connected.
pub(crate) async fn archive_by(session: &Session, wanted: &str) -> Result<DeviceId, Failure> {
    let mut events = session.handle.subscribe();
    let deadline = tokio::time::Instant::now() + session.wait;
    loop {
        let peers = match session.call(Command::Connection).await? {
            Reply::Connection(connection) => connection.peers,
            _ => Vec::new(),
        };
        let archives: Vec<_> = peers.iter().filter(|peer| peer.archive).map(|peer| peer.device).collect();
        // Every machine names itself: an archive is meant by its id only.
        let candidate =
            |device: &DeviceId| Candidate { thing: *device, name: String::new(), ids: vec![device.to_string()] };
        let candidates: Vec<_> = archives.iter().map(candidate).collect();
        let found = the_one("archives", wanted, &candidates, || {
            let here: Vec<_> = archives.iter().map(DeviceId::short).collect();
            let here = if here.is_empty() { "none".to_owned() } else { here.join(", ") };
            format!("no archive begins with {wanted:?}; here are: {here}")
        });
        match found {
            Err(failure) if failure.is_not_found() => {
                let event = tokio::time::timeout_at(deadline, events.next()).await;
                if matches!(event, Ok(parlor_node::Event::Stopped) | Err(_)) {
                    return Err(failure);
                }
            }
            done => return done,
        }
    }
}

/// A session whose archive is connected, if it comes in time.
async fn connected(cli: &Cli) -> Result<Session, Failure> {
    let session = Session::online(cli).await?;
    let mut events = session.handle.subscribe();
    let deadline = tokio::time::Instant::now() + session.wait;
    loop {
        let view = view(&session).await?;
        if view.name.is_none() || view.reachable {
            return Ok(session);
        }
        match tokio::time::timeout_at(deadline, events.next()).await {
            Ok(parlor_node::Event::Stopped) | Err(_) => return Ok(session),
            Ok(_) => {}
        }
    }
}

fn user(name: &str) -> Result<UserName, Failure> {
    UserName::new(name).map_err(|error| Failure::usage(error.to_string()))
}

/// A token where one was given, in whatever way.
fn optional_token(typed: &TypedToken) -> Result<Option<AccessToken>, Failure> {
    (typed.token.is_some() || typed.token_file.is_some()).then(|| token_of(typed)).transpose()
}

fn token_of(typed: &TypedToken) -> Result<AccessToken, Failure> {
    let text = secrets::code(typed.token.as_deref(), typed.token_file.as_deref(), secrets::TOKEN)?;
    text.parse().map_err(|error| Failure::usage(format!("the token cannot be right: {error}")))
}

pub(crate) fn this_device() -> Result<Name, Failure> {
    let host = std::env::var("HOSTNAME").or_else(|_| std::env::var("COMPUTERNAME")).ok();
    let host = host.or_else(|| std::fs::read_to_string("/etc/hostname").ok());
    device_name(host.as_deref()).ok_or_else(|| Failure::usage("this device has no usable name"))
}

fn recovery(file: &Path) -> Result<RecoveryKey, Failure> {
    let text = secrets::from_file(file, KEY_FILE_MAX)?;
    // As printed: with numbers before the words.
    let is_word = |word: &&str| !word.chars().all(|c| c.is_ascii_digit());
    let words = Zeroizing::new(text.split_whitespace().filter(is_word).collect::<Vec<_>>().join(" "));
    words.parse().map_err(|error| Failure::usage(format!("{}: {error}", file.display())))
}

fn from_file(file: &Path, read: fn(&str) -> Result<Password, PasswordError>) -> Result<Password, Failure> {
    let text = secrets::from_file(file, PASSWORD_MAX + 3)?;
    let line = text.lines().next().unwrap_or_default();
    read(line).map_err(|error| Failure::usage(error.to_string()))
}

fn asked(prompt: &str, read: fn(&str) -> Result<Password, PasswordError>) -> Result<Password, Failure> {
    let typed = secrets::asked(prompt, |why| {
        Failure::usage(format!("no password could be asked for ({why}); give it with --password-file FILE"))
    })?;
    read(&typed).map_err(|error| Failure::usage(error.to_string()))
}

fn current(old: &OldPassword, prompt: &str) -> Result<Password, Failure> {
    match &old.password_file {
        Some(file) => from_file(file, Password::new),
        None => asked(prompt, Password::new),
    }
}

fn chosen(new: &NewPassword) -> Result<Password, Failure> {
    if let Some(file) = &new.new_password_file {
        return from_file(file, Password::choose);
    }
    let first = asked("New password: ", Password::choose)?;
    let second = asked("The same again: ", Password::new)?;
    if first == second { Ok(first) } else { Err(Failure::usage("these two differ; nothing was changed")) }
}

pub(crate) fn ask(question: &str, yes: bool) -> Result<(), Failure> {
    if yes {
        return Ok(());
    }
    if !std::io::stdin().is_terminal() {
        return Err(Failure::usage(format!("{question} Say so with --yes")));
    }
    eprint!("{question} [y/N] ");
    let mut answer = String::new();
    let read = std::io::stdin().lock().take(16).read_line(&mut answer);
    match read {
        Ok(_) if matches!(answer.trim(), "y" | "Y" | "yes") => Ok(()),
        _ => Err(Failure::failed("nothing was changed")),
    }
}
