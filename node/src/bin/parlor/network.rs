//! Commands about the network.

use parlor_node::{Command, Event, Reply, doctor, store::lock_kind};

use crate::{
    cli::Cli,
    lock,
    output::{self, Failure},
    session::{self, Session},
};

pub(crate) async fn peers(cli: &Cli) -> Result<(), Failure> {
    let session = Session::online(cli).await?;
    let mut events = session.handle.subscribe();
    // Others are found within a moment; the list is printed when nobody new came for a while.
    let quiet = std::time::Duration::from_secs(3).min(session.wait);
    loop {
        match tokio::time::timeout(quiet, events.next()).await {
            Ok(Event::Stopped) | Err(_) => break,
            Ok(_) => {}
        }
    }
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
