//! Small drawn things that several views share. They know colours and shapes, nothing of chat.

mod avatar;
mod button;
mod field;
mod icon;
mod panel;
mod qr;
mod rich;
mod secret;

pub use avatar::{avatar, initials};
pub(crate) use button::ring;
pub use button::{ICON_BUTTON, icon_button, link_button, main_button, plain_button, warn_button};
pub use field::{name_it, text_field};
pub use icon::Icon;
pub use panel::{dialog, error_line, good_line, heading, hint_line, say, section, title_row};
pub use qr::{QrPicture, qr};
pub use rich::{Rich, rich_galley, rich_text};
pub use secret::{Typed, secret_field, visible_secret_field};
