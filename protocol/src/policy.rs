//! What newcomers may read.

use serde::{Deserialize, Serialize};

/// What newcomers of a room may read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HistoryPolicy {
    /// Everything from the room's first message on.
    #[default]
    Everything,
    /// Only what is written from their joining on: every joining changes the epoch.
    FromJoining,
}
