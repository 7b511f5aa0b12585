//! The app in a real browser: a member like any other, wherever it runs, and what it keeps.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod accounts;
mod create;
mod link;
#[cfg(target_os = "linux")]
mod other_host;
mod shared;

use parlor_archive::{Archive, WebConfig};
use parlor_tests::{
    browser::{has_browser, page},
    real::archive_config,
};
use std::{
    env,
    io::Write as _,
    path::{Path, PathBuf},
};
use tokio::sync::{Mutex, MutexGuard};

/// One test at a time: a browser without a graphics card keeps a processor busy.
static TURN: Mutex<()> = Mutex::const_new(());

/// The page and the turn to try it, unless it cannot be tried here.
async fn page_in_turn() -> Option<(PathBuf, MutexGuard<'static, ()>)> {
    let Some(page) = page().filter(|_| has_browser()) else {
        assert!(env::var_os("PARLOR_TEST_ALL").is_none(), "PARLOR_TEST_ALL: build the page with `cargo xtask web`");
        // Not the macro: a test that passes would show nothing of it.
        let _ = writeln!(std::io::stderr(), "skipped: it needs chromedriver and the page (`cargo xtask web`)");
        return None;
    };
    Some((page, TURN.lock().await))
}

/// An archive that serves the page, and the page's address.
async fn archive_with(page: PathBuf, dir: &Path) -> (Archive, String) {
    let mut config = archive_config(&dir.join("archive"));
    config.web = WebConfig { address: Some(([127, 0, 0, 1], 0).into()), dir: Some(page), ..WebConfig::default() };
    let archive = Archive::start(config).await.unwrap();
    let site = archive.page().unwrap().links().swap_remove(0);
    (archive, site)
}
