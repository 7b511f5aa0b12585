//! Keeps how the app looks in the page's storage. Damaged settings are replaced by the defaults.

use super::page;
use crate::config::Look;

/// The key in the page's storage.
const KEY: &str = "parlor.look";

/// Reads the settings; defaults when there are none or they are damaged.
pub(super) fn read() -> Look {
    let look = page::stored(KEY).and_then(|text| serde_json::from_str::<Look>(&text).ok());
    look.unwrap_or_default().bounded()
}

/// Forgets the settings: the room that was open last is among them.
pub(super) fn forget() {
    page::remove(KEY);
}

/// Writes the settings.
pub(super) fn write(look: &Look) {
    let kept = serde_json::to_string(look).is_ok_and(|text| page::store(KEY, &text));
    if !kept {
        tracing::warn!("this browser does not keep the app's settings");
    }
}
