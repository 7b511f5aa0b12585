//! Commands about the network.

use parlor_node::{Command, Event, Reply, doctor, store::lock_kind};

use crate::{
    account::archive_by,
    cli::Cli,
    lock,
    output::{self, Failure},
    session::{self, Session},
};

/// Waits until nothing new is heard: others are found within a moment.
async fn until_quiet(session: &Session) {
    let mut events = session.handle.subscribe();
    let quiet = std::time::Duration::from_secs(3).min(session.wait);
    while !matches!(tokio::time::timeout(quiet, events.next()).await, Ok(Event::Stopped) | Err(_)) {}
}

pub(crate) async fn peers(cli: &Cli) -> Result<(), Failure> {
    let session = Session::online(cli).await?;
    until_quiet(&session).await;
    let Reply::Connection(connection) = session.call(Command::Connection).await? else { return Ok(()) };
    session.end().await;
    for peer in &connection.peers {
        if cli.json {
            output::json(peer);
        } else {
            output::print(format_args!(
                "{}  {}  {} ({})",
                peer.device.short(),
                output::name(&peer.name),
                peer.address,
                peer.transport
            ));
        }
    }
    if connection.peers.is_empty() {
        connection.hints.iter().for_each(|hint| output::complain(format_args!("{hint}")));
        return Err(parlor_node::CommandError::NobodyFound.into());
    }
    Ok(())
}

/// Lists the archives, after the change that was asked for.
pub(crate) async fn archives(cli: &Cli, add: Option<&str>, drop: Option<&str>) -> Result<(), Failure> {
    let session = Session::online(cli).await?;
    if let Some(wanted) = add.or(drop) {
        let archive = archive_by(&session, wanted).await?;
        session.call(Command::UseArchive { archive, uses: add.is_some() }).await?;
    } else {
        until_quiet(&session).await;
    }
    let Reply::Connection(connection) = session.call(Command::Connection).await? else { return Ok(()) };
    session.end().await;
    let there = connection.peers.iter().filter(|peer| peer.archive).map(|peer| peer.device);
    let away = connection.archives.iter().copied().filter(|used| !connection.peers.iter().any(|p| p.device == *used));
    let mut is_any = false;
    for archive in there.chain(away) {
        is_any = true;
        let used = connection.archives.contains(&archive);
        if cli.json {
            output::json(&serde_json::json!({ "archive": archive, "used": used }));
        } else {
            output::print(format_args!("{}  {}", archive.short(), if used { "in use" } else { "not in use" }));
        }
    }
    if !is_any && !cli.json {
        output::print(format_args!("There is no archive. On a spare computer, start one with: parlor-archive"));
    }
    Ok(())
}

pub(crate) async fn doctor(cli: &Cli) -> Result<(), Failure> {
    let config = session::config(cli, true);
    let dir = config.profile_dir()?;
    let options = doctor::DoctorOptions {
        ports: config.ports,
        interfaces: config.interfaces,
        ..doctor::DoctorOptions::default()
    };
    let report = doctor::examine(&options).await;
    let kind = lock_kind(&dir).ok().flatten();
    if cli.json {
        let mut shown = serde_json::json!(report);
        if let Some(fields) = shown.as_object_mut() {
            fields.insert("lock".into(), serde_json::json!(kind));
        }
        output::json(&shown);
    } else {
        output::print(format_args!("{report}"));
        if let Some(kind) = kind {
            output::print(format_args!("The profile\n  {}", lock::in_words(kind, &dir)));
        }
    }
    Ok(())
}
