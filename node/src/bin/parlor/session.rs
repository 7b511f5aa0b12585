//! Starting the node that a command needs, and finding the room that was meant.

use parlor_node::{
    Command, CommandError, CommandResult, Event, Node, NodeConfig, NodeHandle, Reply, RoomSummary, SyncState,
    net::{InterfaceFilter, Ports},
};
use parlor_protocol::{RoomId, UserId};
use std::time::Duration;

use crate::{
    cli::Cli,
    lock,
    lookup::{Candidate, the_one},
    output::{self, Failure},
};

/// How long it takes at most until a machine that is there is found.
const FOUND_WITHIN: Duration = Duration::from_secs(2);
/// The same for a machine whose address was given: somebody expects it to be there.
const REACHED_WITHIN: Duration = Duration::from_secs(5);

/// A node for the time of one command.
pub(crate) struct Session {
    node: Node,
    pub(crate) handle: NodeHandle,
    pub(crate) wait: Duration,
}

pub(crate) fn config(cli: &Cli, online: bool) -> NodeConfig {
    let mut config = NodeConfig::new(cli.profile.clone(), cli.data_dir.clone());
    config.online = online;
    config.mdns = !cli.no_mdns;
    config.connect.clone_from(&cli.connect);
    config.interfaces = InterfaceFilter { include: cli.interface.clone(), exclude: cli.exclude_interface.clone() };
    config.ports = cli.port.map(Ports::from_number).unwrap_or_default();
    config
}

impl Session {
    /// A node on the network, unless that is not wanted.
    pub(crate) async fn online(cli: &Cli) -> Result<Self, Failure> {
        Self::start(cli, !cli.offline).await
    }

    /// A node without network, for commands that only read what is here.
    pub(crate) async fn offline(cli: &Cli) -> Result<Self, Failure> {
        Self::start(cli, false).await
    }

    /// A node that has taken what others have, when somebody is there; for commands that only
    /// read. With `--offline` it shows what is here.
    pub(crate) async fn updated(cli: &Cli) -> Result<Self, Failure> {
        let session = Self::start(cli, !cli.offline).await?;
        session.update(cli, None).await?;
        Ok(session)
    }

    /// The same for one room: what others have of it is taken.
    pub(crate) async fn updated_in(cli: &Cli, wanted: &str) -> Result<(Self, RoomId), Failure> {
        let session = Self::start(cli, !cli.offline).await?;
        if let Ok(room) = session.room(wanted).await {
            session.update(cli, Some(room)).await?;
            return Ok((session, room));
        }
        // It may come from the account or from another device.
        session.update(cli, None).await?;
        let room = session.room(wanted).await?;
        Ok((session, room))
    }

    /// Waits until all rooms, or one of them, are complete: compared with all who are there. At most as
    /// long as the person wants, and while nobody is there not for long.
    async fn update(&self, cli: &Cli, only: Option<RoomId>) -> Result<(), Failure> {
        if cli.offline {
            return Ok(());
        }
        let mut events = self.handle.subscribe();
        let start = tokio::time::Instant::now();
        let found_within = if cli.connect.is_empty() { FOUND_WITHIN } else { REACHED_WITHIN };
        loop {
            let mut rooms = self.handle.rooms().await?;
            rooms.retain(|room| only.is_none_or(|only| room.room == only));
            let is_syncing = rooms.iter().any(|room| matches!(room.sync, SyncState::Syncing { .. }));
            let is_alone = rooms.iter().any(|room| room.sync == SyncState::Alone);
            let patience = match (is_syncing, is_alone) {
                (true, _) => self.wait,
                (false, true) => self.wait.min(found_within),
                (false, false) => return Ok(()),
            };
            match tokio::time::timeout_at(start + patience, events.next()).await {
                Ok(Event::Stopped) | Err(_) => return Ok(()),
                Ok(_) => {}
            }
        }
    }

    async fn start(cli: &Cli, online: bool) -> Result<Self, Failure> {
        let node = lock::start(cli, online).await?;
        let handle = node.handle();
        Ok(Self { node, handle, wait: Duration::from_secs(cli.wait) })
    }

    /// Carries out a command; one that came before its room was read from the store waits for that.
    pub(crate) async fn call(&self, command: Command) -> CommandResult {
        let mut events = self.handle.subscribe();
        loop {
            let done = self.handle.call(command.clone()).await;
            if !matches!(done, Err(CommandError::StillReading)) {
                return done;
            }
            if matches!(events.next().await, Event::Stopped) {
                return Err(CommandError::Stopped);
            }
        }
    }

    /// Finds a room by its id, the beginning of it, or its name, once it is read from the store.
    pub(crate) async fn room(&self, wanted: &str) -> Result<RoomId, Failure> {
        let rooms = self.handle.rooms().await?;
        let candidate = |room: &RoomSummary| Candidate {
            thing: room.room,
            name: room.name.clone(),
            ids: vec![room.room.to_string()],
        };
        let candidates: Vec<_> = rooms.iter().map(candidate).collect();
        let room = the_one("rooms", wanted, &candidates, || {
            if rooms.is_empty() {
                "this profile is in no room yet; make one with `parlor create NAME`, or join one with `parlor join`"
                    .into()
            } else {
                format!("no room is called {wanted:?}; you are in: {}", names(&rooms))
            }
        })?;
        self.until_loaded(room).await?;
        Ok(room)
    }

    /// Finds a person by the account key, the beginning of it, or the name.
    pub(crate) async fn person(&self, wanted: &str) -> Result<UserId, Failure> {
        let mut people: Vec<(UserId, String)> = match self.call(Command::People).await? {
            Reply::People(people) => people.into_iter().map(|person| (person.user, person.name)).collect(),
            _ => Vec::new(),
        };
        if let Reply::Nearby(nearby) = self.call(Command::Nearby).await? {
            let new = nearby.into_iter().filter(|near| people.iter().all(|(user, _)| *user != near.user));
            let new: Vec<_> = new.map(|near| (near.user, near.name)).collect();
            people.extend(new);
        }
        let candidate = |(user, name): (UserId, String)| Candidate { thing: user, name, ids: vec![user.to_string()] };
        let candidates: Vec<_> = people.into_iter().map(candidate).collect();
        the_one("people", wanted, &candidates, || {
            format!("nobody known here is called {wanted:?}; see `parlor people`")
        })
    }

    /// A question for history is answered once the room was read from the store. Before that it is
    /// known neither what can be shown nor whether this device may write.
    async fn until_loaded(&self, room: RoomId) -> Result<(), Failure> {
        self.call(Command::History { room, before: None, limit: 1 }).await?;
        Ok(())
    }

    pub(crate) async fn end(self) {
        self.node.shutdown().await;
    }
}

fn names(rooms: &[RoomSummary]) -> String {
    rooms.iter().map(|room| output::name(&room.name)).collect::<Vec<_>>().join(", ")
}

/// A time as people type it, `90s`, `15m`, `2h`, `7d`.
pub(crate) fn duration(text: &str) -> Option<Duration> {
    let unit = text.chars().last()?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        'w' => 7 * 86_400,
        _ => return None,
    };
    let number: u64 = text.strip_suffix(unit)?.parse().ok()?;
    Some(Duration::from_secs(number.checked_mul(seconds)?))
}
