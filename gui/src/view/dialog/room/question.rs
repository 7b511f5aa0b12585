//! What is asked before something that cannot be taken back.

use parlor_node::Command;
use parlor_protocol::{DeviceId, RoomId, UserId};

/// A question.
#[derive(Clone, Debug)]
pub(super) enum Question {
    /// Remove a person; a device that did not say whose it is.
    Remove { user: Option<UserId>, device: DeviceId, name: String },
    /// End all codes.
    Rotate,
    /// Leave.
    Leave,
    /// End the room for everybody.
    Dissolve,
    /// Remove a room that is over from this machine.
    Forget,
}

impl Question {
    pub(super) fn title(&self) -> String {
        match self {
            Self::Remove { name, .. } => format!("Remove {name}?"),
            Self::Rotate => "End all codes?".to_owned(),
            Self::Leave => "Leave this room?".to_owned(),
            Self::Dissolve => "Dissolve this room?".to_owned(),
            Self::Forget => "Remove this room from this machine?".to_owned(),
        }
    }

    pub(super) fn text(&self) -> &'static str {
        match self {
            Self::Remove { .. } => {
                "The room gets a new lock at once, and all codes end. Who is removed reads and writes nothing more \
                 here, and keeps what was read already. The others need not do anything."
            }
            Self::Rotate => "Nobody can join with a code made before. You get a fresh one. Members stay.",
            Self::Leave => {
                "You read and write nothing more in it, on none of your machines, and its messages are removed from \
                 this one. To come back you need a new code."
            }
            Self::Dissolve => {
                "It ends for everybody. Archives give it to nobody any more, and delete it after a week. Members keep on \
                 their machines what they have. This cannot be taken back."
            }
            Self::Forget => "Its messages are removed from this machine. This cannot be taken back.",
        }
    }

    pub(super) fn yes(&self) -> &'static str {
        match self {
            Self::Remove { .. } => "Remove",
            Self::Rotate => "End all codes",
            Self::Leave => "Leave",
            Self::Dissolve => "Dissolve",
            Self::Forget => "Remove room",
        }
    }

    pub(super) fn command(&self, room: RoomId) -> Command {
        match self {
            Self::Remove { user: Some(user), .. } => Command::RemovePerson { room, user: *user },
            Self::Remove { device, .. } => Command::RemoveDevice { room, device: *device },
            Self::Rotate => Command::RotateCodes { room },
            Self::Leave => Command::LeaveRoom { room },
            Self::Dissolve => Command::DissolveRoom { room },
            Self::Forget => Command::ForgetRoom { room },
        }
    }

    pub(super) fn ends_the_page(&self) -> bool {
        matches!(self, Self::Leave | Self::Forget)
    }
}
