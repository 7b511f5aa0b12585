//! Stops a change at one of its steps, as a power cut would.

use std::{cell::Cell, io};

thread_local! {
    static LEFT: Cell<Option<usize>> = const { Cell::new(None) };
}

/// Runs something that is cut off after so many steps.
pub(super) fn at<T>(steps: usize, run: impl FnOnce() -> T) -> T {
    LEFT.set(Some(steps));
    let result = run();
    LEFT.set(None);
    result
}

/// One step of a change; an error when it is the last one.
pub(in crate::store::guard) fn step() -> io::Result<()> {
    match LEFT.get() {
        Some(0) => Err(io::Error::other("power cut")),
        Some(left) => {
            LEFT.set(Some(left - 1));
            Ok(())
        }
        None => Ok(()),
    }
}
