//! The conversation: only the rows in sight are laid out, whatever the room's length.

mod bubble;
mod menu;
mod rows;
mod scroll;
#[cfg(test)]
mod tests;

pub use scroll::TimelineView;
