//! How many files and connections this process may have open at once.

use std::io;

/// More than all places for connections, with what stores and pages need.
#[cfg(unix)]
const ENOUGH: u64 = 65_536;

/// Raises the number of files and connections that may be open at once, as far as the system lets this process do so
/// by itself. Systems begin with 1,024, for programs of long ago; a connection that finds no place is lost.
///
/// # Errors
/// The system's, when the limit is lower and stays so.
pub fn allow_many() -> io::Result<()> {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        let limit = getrlimit(Resource::Nofile);
        let most = limit.maximum.unwrap_or(u64::MAX).min(ENOUGH);
        if limit.current.is_some_and(|current| current < most) {
            setrlimit(Resource::Nofile, Rlimit { current: Some(most), maximum: limit.maximum })?;
        }
    }
    Ok(())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use rustix::process::{Resource, getrlimit};

    #[test]
    fn as_many_files_may_be_open_as_the_system_allows() -> std::io::Result<()> {
        super::allow_many()?;
        let limit = getrlimit(Resource::Nofile);
        let most = limit.maximum.unwrap_or(u64::MAX).min(super::ENOUGH);
        assert!(limit.current.is_none_or(|current| current >= most), "{limit:?}");
        Ok(())
    }
}
