//! Tests that cannot run here. One that passes shows nothing of what it prints, so it is written past that,
//! and counted by `cargo xtask test`.

use std::{
    env,
    fs::OpenOptions,
    io::{self, Write as _},
    thread,
};

/// Says that this test cannot run here, and why. `cargo xtask test` counts it.
///
/// # Panics
/// When `PARLOR_TEST_ALL` is set: then nothing may be left out.
pub fn cannot_run(why: &str) {
    assert!(env::var_os("PARLOR_TEST_ALL").is_none(), "PARLOR_TEST_ALL: {why}");
    leave_out(why);
}

/// Says that this test is left out on purpose, and why. `cargo xtask test` counts it.
pub fn leave_out(why: &str) {
    let thread = thread::current();
    let line = format!("skipped: {}: {why}\n", thread.name().unwrap_or("a test"));
    // Not the macro: a test that passes would show nothing of it. What cannot be written changes no result.
    let _ = io::stderr().write_all(line.as_bytes());
    if let Some(list) = env::var_os("PARLOR_SKIPPED") {
        let list = OpenOptions::new().create(true).append(true).open(list);
        let _ = list.and_then(|mut list| list.write_all(line.as_bytes()));
    }
}
