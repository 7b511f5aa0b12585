//! Commands about the network.

use parlor_node::{Command, Event, Reply, doctor};

use crate::{
    cli::Cli,
    output::{self, Failure},
    session::Session,
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
                output::safe(&peer.name),
                peer.address,
                peer.transport
            ));
        }
    }
    if connection.peers.is_empty() {
        connection.hints.iter().for_each(|hint| eprintln!("{hint}"));
        return Err(parlor_node::CommandError::NobodyFound.into());
    }
    Ok(())
}

pub(crate) async fn doctor(cli: &Cli) -> Result<(), Failure> {
    let config = crate::session::config(cli, true);
    let options = doctor::DoctorOptions {
        ports: config.ports,
        interfaces: config.interfaces,
        ..doctor::DoctorOptions::default()
    };
    let report = doctor::examine(&options).await;
    if cli.json {
        output::json(&report);
    } else {
        output::print(format_args!("{report}"));
    }
    Ok(())
}
