//! What other users of this computer may see of ours: nothing. Folders that only their owner may enter, files that
//! only their owner may read, both from the moment they are made, and no core dumps.
//!
//! Members, the app and the archive all use this one piece. It knows files by their modes, not by what is in them,
//! and keeps nothing. Where a system has no such modes (Windows) files take the rights of their folder, and the
//! checks find nothing to say. See `docs/CRYPT.md`, "On the computer itself".

mod dumps;
mod files;
mod mend;
#[cfg(test)]
mod tests;

pub use dumps::{no_core_dumps, no_core_files};
pub use files::{make_file, make_folder, options, write};
pub use mend::{Mended, is_open, mend};
