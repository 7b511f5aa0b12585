//! The app's only door to a node. The app never waits: it submits and later drains.

use parlor_node::{Command, CommandError, CommandId, Event};

/// What the app needs of a node.
pub trait Backend {
    /// Gives a command; the answer comes as [`Event::Replied`] with this id.
    ///
    /// # Errors
    /// When the node is gone or too much is under way.
    fn submit(&mut self, command: Command) -> Result<CommandId, CommandError>;

    /// What happened since the last call, oldest first. Must not block.
    fn drain(&mut self) -> Vec<Event>;
}
