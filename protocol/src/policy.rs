//! What newcomers may read, and what people may do.

use serde::{Deserialize, Serialize};

/// What newcomers of a room may read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HistoryPolicy {
    /// Everything from the room's first message on.
    #[default]
    Everything,
    /// Only what is written from their joining on: each is given a later step of the epoch's keys.
    FromJoining,
    /// What was written in the last so many days: the epoch's keys go a step on every day.
    LastDays(u16),
}

/// What a person may do in a room; each role may do what the ones below it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Reads, and writes nothing that others are shown.
    Reader,
    /// Writes.
    #[default]
    Member,
    /// Takes back messages of others, and silences people for a while.
    Moderator,
    /// Removes people, gives roles, changes and dissolves the room.
    Owner,
}
