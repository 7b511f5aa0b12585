//! Codes, tokens, passwords and passphrases: typed when asked for, read from the standard input or from a file.
//!
//! What stands on a command line can be read by every user of the computer while the program runs, and shells write
//! it down. It is taken there too, with a warning.

use parlor_node::private;
use std::{
    fmt::Display,
    fs::File,
    io::{BufRead as _, IsTerminal as _, Read as _, Write as _},
    path::Path,
};
use zeroize::Zeroizing;

use crate::output::{self, Failure};

/// Stands for the standard input.
const INPUT: &str = "-";
/// Longest code or token, as link or text, in bytes.
const CODE_MAX: usize = 4_096;

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted {
    /// What it is, in a sentence: `the code`.
    pub(crate) what: &'static str,
    /// What is shown where it is typed.
    pub(crate) prompt: &'static str,
    /// How it is given by a file.
    pub(crate) flag: &'static str,
}

/// The code of a room or for linking a device.
pub(crate) const CODE: Wanted = Wanted { what: "the code", prompt: "Code: ", flag: "--code-file FILE" };
/// A token from whoever runs the archive.
pub(crate) const TOKEN: Wanted = Wanted { what: "the token", prompt: "Token: ", flag: "--token-file FILE" };

/// A code or token: from the command line, from a file, from the standard input, or typed when asked for.
pub(crate) fn code(argument: Option<&str>, file: Option<&Path>, wanted: Wanted) -> Result<Zeroizing<String>, Failure> {
    let text = match (argument, file) {
        (Some(text), _) if text != INPUT => {
            warn_of_argument(wanted);
            Zeroizing::new(text.to_owned())
        }
        (None, Some(file)) if file != Path::new(INPUT) => from_file(file, CODE_MAX)?,
        _ => asked_openly(wanted)?,
    };
    Ok(Zeroizing::new(text.trim().to_owned()))
}

/// Says that what was given as an argument is no secret on this computer.
fn warn_of_argument(wanted: Wanted) {
    output::complain(format_args!(
        "parlor: careful, other users of this computer can see {} on the command line. Leave it out and type it when \
         asked, or give it with {}.",
        wanted.what, wanted.flag
    ));
}

/// One line of the standard input. At a terminal it is asked for, and shown while it is typed: codes are long and
/// easily mistyped.
fn asked_openly(wanted: Wanted) -> Result<Zeroizing<String>, Failure> {
    if std::io::stdin().is_terminal() {
        let mut stderr = std::io::stderr().lock();
        // Whoever does not see the question can answer all the same.
        let _ = write!(stderr, "{}", wanted.prompt).and_then(|()| stderr.flush());
    }
    let line =
        from_input(CODE_MAX).map_err(|error| Failure::usage(format!("cannot read {} ({error})", wanted.what)))?;
    if line.trim().is_empty() {
        return Err(Failure::usage(format!(
            "{} is missing; type it when asked, or give it with {}",
            wanted.what, wanted.flag
        )));
    }
    Ok(line)
}

/// Asks at the terminal for something that is not shown while it is typed. `otherwise` says how to give it where
/// there is no terminal.
pub(crate) fn asked(
    prompt: &str,
    otherwise: impl FnOnce(&dyn Display) -> Failure,
) -> Result<Zeroizing<String>, Failure> {
    if !std::io::stderr().is_terminal() && !std::io::stdin().is_terminal() {
        return Err(otherwise(&"there is no terminal"));
    }
    rpassword::prompt_password(prompt).map(Zeroizing::new).map_err(|error| otherwise(&error))
}

/// The beginning of a file of this many bytes, or one line of the standard input for `-`.
pub(crate) fn from_file(file: &Path, max: usize) -> Result<Zeroizing<String>, Failure> {
    let failed = |reason: &dyn Display| Failure::usage(format!("cannot read {} ({reason})", file.display()));
    if file == Path::new(INPUT) {
        return from_input(max).map_err(|error| failed(&error));
    }
    let source = File::open(file).map_err(|error| failed(&error))?;
    if private::is_open(&source).is_some() {
        output::complain(format_args!("parlor: others on this machine may read {}; `chmod 600` it", file.display()));
    }
    read(source, max).map_err(|error| failed(&error))
}

/// One line of the standard input, at most so many bytes of it; what follows is left for others.
fn from_input(max: usize) -> std::io::Result<Zeroizing<String>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(max));
    std::io::stdin().lock().take(max as u64).read_until(b'\n', &mut bytes)?;
    text(&bytes)
}

fn read(source: impl std::io::Read, max: usize) -> std::io::Result<Zeroizing<String>> {
    // As large as it gets: what it would outgrow would stay in memory.
    let mut bytes = Zeroizing::new(Vec::with_capacity(max));
    source.take(max as u64).read_to_end(&mut bytes)?;
    text(&bytes)
}

fn text(bytes: &[u8]) -> std::io::Result<Zeroizing<String>> {
    let text = std::str::from_utf8(bytes).map_err(|_| std::io::Error::other("it is not UTF-8"))?;
    Ok(Zeroizing::new(text.to_owned()))
}

/// A text without the end of its line.
pub(crate) fn without_line_end(text: &str) -> &str {
    let text = text.strip_suffix('\n').unwrap_or(text);
    text.strip_suffix('\r').unwrap_or(text)
}
