//! What is logged goes to the browser's console: warnings, or as much as `parlor.log` in the page's
//! storage says (`info`, `debug`, `trace`).

use std::io;
use tracing::Level;

use super::page;

/// The key in the page's storage.
const KEY: &str = "parlor.log";
/// A line is cut here.
const LINE_MAX: usize = 4096;

/// Writes lines to the console.
#[derive(Clone, Copy, Debug)]
struct Console;

impl io::Write for Console {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let line = String::from_utf8_lossy(bytes.get(..LINE_MAX).unwrap_or(bytes));
        web_sys::console::log_1(&line.trim_end().into());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Begins to log.
pub(super) fn start() {
    let level = page::stored(KEY).and_then(|level| level.parse::<Level>().ok()).unwrap_or(Level::WARN);
    let lines = tracing_subscriber::fmt().with_max_level(level).with_ansi(false).without_time().with_writer(|| Console);
    if lines.try_init().is_err() {
        web_sys::console::warn_1(&"somebody else logs already".into());
    }
}
