//! Keeping memory out of core dumps: a program that crashed would leave its keys in a file, or with a service of the
//! system that others may ask.

use std::io;

/// Keeps what is in this process's memory out of core dumps, and lets no other process of the same user look into
/// it. For programs without a window: portals of desktops refuse a process that they cannot look at.
///
/// # Errors
/// The system's, when core dumps are still possible.
pub fn no_core_dumps() -> io::Result<()> {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};
        set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    }
    no_core_files()
}

/// Sets the limit for core dumps to nothing. The system writes no file then, and services that collect crashes keep
/// no memory.
///
/// # Errors
/// The system's, when the limit is another one and stays so.
pub fn no_core_files() -> io::Result<()> {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        let limit = getrlimit(Resource::Core);
        if limit.current != Some(0) {
            // The upper limit stays: programs that this one starts decide for themselves.
            setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: limit.maximum })?;
        }
    }
    Ok(())
}
