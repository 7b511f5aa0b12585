//! `parlor devices`: a person's own devices, and adding one.

use parlor_node::{Command, DeviceCommand, Event, OwnDevice, Reply};
use parlor_protocol::{LinkCode, Name};
use std::time::Duration;

use crate::{
    account::{ask, settle, this_device},
    cli::{Cli, DevicesDo, TypedCode},
    lookup::{Candidate, the_one},
    output::{self, Failure},
    secrets,
    session::Session,
};

/// How long the old device stays after somebody was linked, so that the new one gets what it has.
const STAY: Duration = Duration::from_secs(10);

pub(crate) async fn devices(cli: &Cli, action: &DevicesDo) -> Result<(), Failure> {
    match action {
        DevicesDo::List => list(cli).await,
        DevicesDo::Offer => offer(cli).await,
        DevicesDo::Link { code } => link(cli, code).await,
        DevicesDo::Revoke { device, yes } => revoke(cli, device, *yes).await,
        DevicesDo::Rename { device, name } => rename(cli, device, name).await,
    }
}

fn command(command: DeviceCommand) -> Command {
    Command::Device(Box::new(command))
}

async fn own(session: &Session) -> Result<Vec<OwnDevice>, Failure> {
    match session.call(command(DeviceCommand::List)).await? {
        Reply::Devices(devices) => Ok(devices),
        _ => Err(Failure::failed("the node gave another answer than was asked for")),
    }
}

async fn list(cli: &Cli) -> Result<(), Failure> {
    let session = Session::updated(cli).await?;
    let devices = own(&session).await?;
    session.end().await;
    for device in &devices {
        if cli.json {
            output::json(device);
            continue;
        }
        let mut marks = Vec::new();
        marks.extend(device.own.then(|| "this one".to_owned()));
        marks.extend(device.revoked.map(|at| format!("revoked {}", output::time(at))));
        marks.extend((device.online && !device.own).then(|| "here now".to_owned()));
        marks.extend(device.signed_in.then(|| "signed in".to_owned()));
        marks.extend(device.last_seen.filter(|_| !device.own).map(|at| format!("last seen {}", output::time(at))));
        let rooms = device.rooms.len();
        marks.push(format!("{rooms} room{}", if rooms == 1 { "" } else { "s" }));
        output::print(format_args!(
            "{}  {}  ({})",
            device.device.short(),
            output::name(&device.label),
            marks.join(", ")
        ));
    }
    Ok(())
}

/// Finds a device by its id, the beginning of it, or its name.
async fn find(session: &Session, wanted: &str) -> Result<OwnDevice, Failure> {
    let candidate =
        |known: OwnDevice| Candidate { name: known.label.clone(), ids: vec![known.device.to_string()], thing: known };
    let candidates: Vec<_> = own(session).await?.into_iter().map(candidate).collect();
    the_one("devices", wanted, &candidates, || {
        format!("no device of yours is called {wanted:?}; `parlor devices list` shows all with their ids")
    })
}

async fn offer(cli: &Cli) -> Result<(), Failure> {
    let session = Session::online(cli).await?;
    let mut events = session.handle.subscribe();
    let reply = session.call(command(DeviceCommand::Offer { label: this_device()? })).await?;
    let Reply::LinkOffered { code, expires } = &reply else {
        return Err(Failure::failed("the node gave another answer than was asked for"));
    };
    if cli.json {
        output::json(&serde_json::json!({ "code": code, "link": code.link(), "expires": expires }));
    } else {
        output::print(format_args!("Code for one new device, for ten minutes: {code}"));
        output::print("Type it there, where `parlor devices link` asks for it. This program waits until it was used.");
    }
    // A device that used the code at the last moment may say nothing of itself; the node tells of it then.
    let ends = tokio::time::Instant::now() + Duration::from_secs(10 * 60 + 15);
    let linked = loop {
        match tokio::time::timeout_at(ends, events.next()).await {
            Ok(Event::DeviceLinked { device, label }) => break Some((device, label)),
            Ok(Event::ProblemRaised(problem)) => output::print(format_args!("{}. {}", problem.what, problem.remedy)),
            Ok(Event::Stopped) | Err(_) => break None,
            Ok(_) => {}
        }
    };
    let Some((device, label)) = linked else {
        session.end().await;
        return Err(Failure::failed("nobody used the code in time; make another one when you need it"));
    };
    if cli.json {
        output::json(&serde_json::json!({ "linked": device, "label": label }));
    } else {
        output::print(format_args!("Linked: {} ({}).", output::name(&label), device.short()));
        output::print("If that is not your device, revoke it at once: `parlor devices revoke`.");
    }
    tokio::time::sleep(STAY.min(session.wait)).await;
    session.end().await;
    Ok(())
}

async fn link(cli: &Cli, typed: &TypedCode) -> Result<(), Failure> {
    let code = secrets::code(typed.code.as_deref(), typed.code_file.as_deref(), secrets::CODE)?;
    let code: LinkCode = code.parse().map_err(|error| Failure::usage(format!("this code cannot be right: {error}")))?;
    let session = Session::online(cli).await?;
    let reply = session.call(command(DeviceCommand::Link { code, label: this_device()? })).await;
    if reply.is_ok() {
        settle(&session).await;
    }
    session.end().await;
    let reply = reply?;
    if cli.json {
        output::json(&reply);
    } else if let Reply::Linked { by, rooms } = &reply {
        let rooms = format!("{rooms} room{}", if *rooms == 1 { "" } else { "s" });
        output::print(format_args!("This device is linked with {}: {rooms}. See `parlor rooms`.", output::name(by)));
    }
    Ok(())
}

async fn revoke(cli: &Cli, wanted: &str, yes: bool) -> Result<(), Failure> {
    let session = Session::online(cli).await?;
    let found = find(&session, wanted).await?;
    let asked = ask(&format!("{} goes from all your rooms, for ever. Revoke it?", output::name(&found.label)), yes);
    if let Err(failure) = asked {
        session.end().await;
        return Err(failure);
    }
    let result = session.call(command(DeviceCommand::Revoke { device: found.device })).await;
    // Others should have it before this program goes.
    crate::rooms::settle(&session).await;
    session.end().await;
    result?;
    output::print(format_args!(
        "{} is revoked. Rooms of others follow when their owners are online.",
        output::name(&found.label)
    ));
    output::print("Change your account's password too, if you have one: `parlor account passwd`.");
    Ok(())
}

async fn rename(cli: &Cli, wanted: &str, name: &str) -> Result<(), Failure> {
    let label = Name::choose(name).map_err(|error| Failure::usage(format!("the name cannot be used: {error}")))?;
    let session = Session::online(cli).await?;
    let device = find(&session, wanted).await?.device;
    session.call(command(DeviceCommand::Rename { device, label })).await?;
    session.end().await;
    Ok(())
}
