//! What is on the screen. Every view draws a part of the model and returns what the person
//! wants as [`Action`]s; it changes nothing but its own state of drawing and typing.

mod action;
mod composer;
pub mod dialog;
mod header;
mod keep;
mod lock;
mod members;
mod newer;
mod quiet;
mod request;
mod rooms;
mod start;
pub mod timeline;
mod toasts;
mod warnings;

pub use action::{Action, QrOf, Sight};
pub use composer::{COMPOSER, Composer, no_composer};
pub use header::header;
pub use keep::{Keeping, elsewhere};
pub use lock::Unlocking;
pub use members::members;
pub use newer::newer;
pub use quiet::quiet;
pub use request::request;
pub use rooms::rooms;
pub use start::{Welcome, nothing_open, start_failed, starting, welcome};
pub use toasts::{news, toasts};
pub use warnings::warnings;
