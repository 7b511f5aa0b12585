//! The page as an archive serves it, for tests with a browser.

use parlor_archive::{Archive, Tls, WebConfig};
use std::path::{Path, PathBuf};
use tokio::sync::{Mutex, MutexGuard};

use crate::{
    browser::{has_browser, page},
    real::archive_config,
    skip::cannot_run,
};

/// One test of a program at a time: a browser without a graphics card keeps a processor busy.
static TURN: Mutex<()> = Mutex::const_new(());

/// The page and the turn to try it; `None`, with the reason printed, where it cannot be tried.
///
/// # Panics
/// When `PARLOR_TEST_ALL` is set and it cannot.
pub async fn page_in_turn() -> Option<(PathBuf, MutexGuard<'static, ()>)> {
    let Some(page) = page().filter(|_| has_browser()) else {
        cannot_run("it needs chromedriver and the page (`cargo xtask web`)");
        return None;
    };
    Some((page, TURN.lock().await))
}

/// An archive that serves the page, and the page's address.
///
/// # Panics
/// When it does not start.
pub async fn archive_with(page: PathBuf, dir: &Path) -> (Archive, String) {
    archive_over(Tls::Off, page, dir).await
}

/// The same over http or https.
///
/// # Panics
/// When it does not start.
pub async fn archive_over(tls: Tls, page: PathBuf, dir: &Path) -> (Archive, String) {
    let mut config = archive_config(&dir.join("archive"));
    config.web = WebConfig { address: Some(([127, 0, 0, 1], 0).into()), dir: Some(page), tls, ..WebConfig::default() };
    let archive = Archive::start(config).await.expect("an archive starts");
    let site = archive.page().expect("it serves the page").links().swap_remove(0);
    (archive, site)
}
