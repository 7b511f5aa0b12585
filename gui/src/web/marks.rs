//! Marks of when what was first on the screen (W3C, "User Timing"), for measuring.

/// The first frame is drawn.
const FIRST_FRAME: &str = "parlor-first-frame";
/// The open room shows a screenful of messages, or all it has.
const ROOM_SHOWN: &str = "parlor-room-shown";

/// Which marks were set.
#[derive(Debug, Default)]
pub(super) struct Marks {
    first_frame: bool,
    room_shown: bool,
}

impl Marks {
    /// A frame was drawn, with a room on it or not.
    pub(super) fn drawn(&mut self, shows_room: bool) {
        if !std::mem::replace(&mut self.first_frame, true) {
            set(FIRST_FRAME);
        }
        if shows_room && !std::mem::replace(&mut self.room_shown, true) {
            set(ROOM_SHOWN);
        }
    }
}

fn set(name: &str) {
    if let Some(performance) = web_sys::window().and_then(|window| window.performance()) {
        // A browser without marks does everything else.
        let _ = performance.mark(name);
    }
}
