//! Keeps how the app looks in `gui.json` in the profile's folder. A damaged file is not worth
//! stopping for: it is replaced by the defaults.

use parlor_node::private;
use std::{io, path::Path};

use crate::config::Look;

/// The file's name.
const FILE: &str = "gui.json";
/// A larger file is not ours.
const FILE_MAX: u64 = 64 * 1024;

/// Reads the settings; defaults when there are none or they are damaged.
pub(super) fn read(dir: &Path) -> Look {
    let path = dir.join(FILE);
    let text = match std::fs::metadata(&path) {
        Err(_) => return Look::default(),
        Ok(meta) if meta.len() > FILE_MAX => Err(io::Error::other("it is too large")),
        Ok(_) => std::fs::read_to_string(&path),
    };
    let look = text.and_then(|text| serde_json::from_str::<Look>(&text).map_err(io::Error::other));
    match look {
        Ok(look) => look.bounded(),
        Err(error) => {
            tracing::warn!(%error, "the app's settings are damaged; the defaults are used");
            Look::default()
        }
    }
}

/// Writes the settings in one step, so that a crash leaves the old ones.
pub(super) fn write(dir: &Path, look: &Look) -> io::Result<()> {
    let text = serde_json::to_vec_pretty(look).map_err(io::Error::other)?;
    private::write(&dir.join(FILE), &text)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::{FILE, read, write};
    use crate::config::{Look, Theme};

    #[test]
    fn settings_come_back_as_they_were_written() {
        let dir = tempfile::tempdir().unwrap();
        let look = Look { theme: Theme::Dark, zoom: 1.5, ..Look::default() };
        write(dir.path(), &look).unwrap();
        assert_eq!(read(dir.path()), look);
    }

    #[test]
    fn a_damaged_file_gives_the_defaults() {
        let dir = tempfile::tempdir().unwrap();
        for text in ["", "{", "[]", "{\"theme\":\"pink\"}", "\u{0}\u{0}"] {
            std::fs::write(dir.path().join(FILE), text).unwrap();
            assert_eq!(read(dir.path()), Look::default(), "{text:?}");
        }
    }

    #[test]
    fn impossible_numbers_are_brought_into_bounds() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(FILE), "{\"zoom\": 900.0, \"window\": [1.0, -4.0]}").unwrap();
        let look = read(dir.path());
        assert!(look.zoom <= 2.5 && look.window.iter().all(|side| *side >= 320.0));
    }
}
