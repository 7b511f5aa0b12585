//! What the app knows: rooms, loaded messages, drafts, connection. No drawing, no IO.

mod apply;
mod chat;
mod command;
mod devices;
mod naming;
mod people;
mod state;
#[cfg(test)]
mod tests;
mod timeline;

pub(crate) use apply::ask_about;
pub use chat::{Chat, Draft, Writing};
pub use command::{Ask, Effect, Notice, Purpose};
pub use devices::{Devices, Offer};
pub use people::{People, Warned};
pub use state::{Found, Joining, Locking, Model, News, Toast};
pub use timeline::{Item, Timeline};
