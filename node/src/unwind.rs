//! Calling a library that may panic on damaged data: the panic becomes an error, and nothing is
//! printed about it.

use std::{
    cell::Cell,
    panic::{self, AssertUnwindSafe},
    sync::Once,
};

thread_local! {
    static IS_QUIET: Cell<bool> = const { Cell::new(false) };
}

static HOOK: Once = Once::new();

/// The call panicked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Panicked;

/// Runs something that may panic. What it worked on must not be used again after a panic.
///
/// # Errors
/// [`Panicked`].
pub fn catch<T>(run: impl FnOnce() -> T) -> Result<T, Panicked> {
    HOOK.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            if IS_QUIET.get() {
                tracing::debug!("caught: {panic}");
            } else {
                usual(panic);
            }
        }));
    });
    let was_quiet = IS_QUIET.replace(true);
    let result = panic::catch_unwind(AssertUnwindSafe(run));
    IS_QUIET.set(was_quiet);
    result.map_err(|_| Panicked)
}

#[cfg(test)]
#[allow(clippy::panic, reason = "it is what is tested")]
mod tests {
    use super::{Panicked, catch};

    #[test]
    fn a_panic_is_an_error_also_inside_another_call() {
        assert_eq!(catch(|| 1), Ok(1));
        assert_eq!(catch(|| catch(|| panic!("inside")).is_err()), Ok(true));
        assert_eq!(catch(|| panic!("outside")), Err::<(), _>(Panicked));
    }
}
