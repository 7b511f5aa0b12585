//! The one door to a node: sends commands, subscribes to events.

use parlor_protocol::RoomId;
use tokio::sync::{broadcast, mpsc, oneshot};

use crate::{
    command::{Command, CommandId, CommandResult, Reply},
    error::CommandError,
    event::Event,
};

/// Events a slow subscriber may fall behind before it gets [`Event::Lagged`].
pub(crate) const EVENT_QUEUE: usize = 4096;
/// Commands that may wait for the engine; senders wait when it is full.
pub(crate) const COMMAND_QUEUE: usize = 256;

/// A command on its way to the engine.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) command: Command,
    pub(crate) answer: Answer,
}

/// Where the answer of a command goes.
#[derive(Debug)]
pub(crate) enum Answer {
    /// To the one who waits.
    Once(oneshot::Sender<CommandResult>),
    /// To everybody, as [`Event::Replied`].
    Event(CommandId),
}

/// A cheap clone that talks to a running node. The node stops when `shutdown` is called or when
/// its owner drops it, not when handles are dropped.
#[derive(Clone, Debug)]
pub struct NodeHandle {
    pub(crate) calls: mpsc::Sender<Call>,
    pub(crate) events: broadcast::Sender<Event>,
    pub(crate) next_id: std::sync::Arc<std::sync::atomic::AtomicU64>,
}

impl NodeHandle {
    /// Gives a command and waits for its answer.
    ///
    /// # Errors
    /// The command's error, or [`CommandError::Stopped`] when the node is gone.
    pub async fn call(&self, command: Command) -> CommandResult {
        let (answer, result) = oneshot::channel();
        let call = Call { command, answer: Answer::Once(answer) };
        self.calls.send(call).await.map_err(|_| CommandError::Stopped)?;
        result.await.map_err(|_| CommandError::Stopped)?
    }

    /// Gives a command without waiting; the answer comes as [`Event::Replied`] with this id.
    /// For user interfaces, which may not wait.
    ///
    /// # Errors
    /// [`CommandError::Stopped`] when the node is gone, [`CommandError::Invalid`] when more than
    /// 256 commands are waiting.
    pub fn submit(&self, command: Command) -> Result<CommandId, CommandError> {
        let id = CommandId(self.next_id.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
        match self.calls.try_send(Call { command, answer: Answer::Event(id) }) {
            Ok(()) => Ok(id),
            Err(mpsc::error::TrySendError::Closed(_)) => Err(CommandError::Stopped),
            Err(mpsc::error::TrySendError::Full(_)) => {
                Err(CommandError::Invalid { what: "too much is under way; try again in a moment".into() })
            }
        }
    }

    /// Everything that happens from now on.
    #[must_use]
    pub fn subscribe(&self) -> Subscription {
        Subscription { events: self.events.subscribe() }
    }

    /// All rooms, newest activity first.
    ///
    /// # Errors
    /// [`CommandError::Stopped`] when the node is gone.
    pub async fn rooms(&self) -> Result<Vec<crate::event::RoomSummary>, CommandError> {
        match self.call(Command::Rooms).await? {
            Reply::Rooms(rooms) => Ok(rooms),
            _ => Ok(Vec::new()),
        }
    }

    /// Members of a room, oldest first.
    ///
    /// # Errors
    /// [`CommandError::NoSuchRoom`], or [`CommandError::Stopped`] when the node is gone.
    pub async fn members(&self, room: RoomId) -> Result<Vec<crate::event::Member>, CommandError> {
        match self.call(Command::Members { room }).await? {
            Reply::Members(members) => Ok(members),
            _ => Ok(Vec::new()),
        }
    }
}

/// A stream of events.
#[derive(Debug)]
pub struct Subscription {
    events: broadcast::Receiver<Event>,
}

impl Subscription {
    /// The next event. After the node has stopped it is always [`Event::Stopped`].
    pub async fn next(&mut self) -> Event {
        match self.events.recv().await {
            Ok(event) => event,
            Err(broadcast::error::RecvError::Lagged(missed)) => Event::Lagged { missed },
            Err(broadcast::error::RecvError::Closed) => Event::Stopped,
        }
    }

    /// The next event if one is there already.
    pub fn try_next(&mut self) -> Option<Event> {
        match self.events.try_recv() {
            Ok(event) => Some(event),
            Err(broadcast::error::TryRecvError::Lagged(missed)) => Some(Event::Lagged { missed }),
            Err(broadcast::error::TryRecvError::Closed) => Some(Event::Stopped),
            Err(broadcast::error::TryRecvError::Empty) => None,
        }
    }
}
