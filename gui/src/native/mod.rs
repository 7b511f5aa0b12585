//! The desktop shell: the window, the thread of the node, the file of settings, notifications,
//! picture files.
//! Everything that only exists on a desktop is here and nowhere else in this crate.

mod arguments;
mod bridge;
mod fonts;
mod life;
mod notify;
mod pictures;
mod runtime;
mod settings;
mod start;
mod window;

pub use arguments::Arguments;
#[doc(hidden)]
pub use bridge::Bridge;
pub use window::run;
