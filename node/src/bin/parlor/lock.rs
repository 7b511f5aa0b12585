//! Opening a locked profile, and `parlor lock`: how the profile is locked, and changing that.

use parlor_node::{
    Node, StartError,
    store::{LockChange, LockKind, ProfileLock, StoreError, Unlock, change_lock, lock_kind},
};
use parlor_protocol::{
    guard::{Passphrase, PassphraseError},
    limits::PASSPHRASE_MAX,
};
use std::path::Path;

use crate::{
    cli::{Cli, LockDo},
    output::{self, Failure},
    secrets, session,
};

/// How often a passphrase may be typed wrongly before the program ends.
const TRIES: usize = 3;

/// What opens the profile, as far as the command line says.
pub(crate) fn unlock(cli: &Cli) -> Result<Unlock, Failure> {
    let mut unlock = if cli.no_keychain { Unlock::default() } else { Unlock::with_system() };
    if let Some(file) = &cli.passphrase_file {
        unlock.passphrase = Some(from_file(file, Passphrase::new)?);
    }
    Ok(unlock)
}

/// Opens something of the profile; where a passphrase is needed, asks for it.
pub(crate) async fn opened<T, F: Future<Output = Result<T, StartError>>>(
    cli: &Cli,
    open: impl Fn(Unlock) -> F,
) -> Result<T, Failure> {
    let mut unlock = unlock(cli)?;
    let may_ask = unlock.passphrase.is_none();
    let mut tries = 0;
    loop {
        match open(unlock.clone()).await {
            Err(StartError::Store(StoreError::PassphraseNeeded)) if may_ask => {}
            Err(StartError::Store(StoreError::PassphraseWrong)) if may_ask && tries < TRIES => {
                output::complain(format_args!("parlor: the passphrase is wrong"));
            }
            other => return Ok(other?),
        }
        tries += 1;
        let typed = tokio::task::spawn_blocking(|| asked("Passphrase of this profile: ", Passphrase::new)).await;
        unlock.passphrase = Some(typed.map_err(|error| Failure::failed(error.to_string()))??);
    }
}

/// Starts the node of the profile.
pub(crate) async fn start(cli: &Cli, online: bool) -> Result<Node, Failure> {
    let config = session::config(cli, online);
    let node = opened(cli, |unlock| {
        let mut config = config.clone();
        config.unlock = unlock;
        Box::pin(Node::start(config))
    })
    .await?;
    output::mended(node.mended());
    Ok(node)
}

/// Reads a passphrase from a file, without the line's end.
fn from_file(file: &Path, read: fn(&str) -> Result<Passphrase, PassphraseError>) -> Result<Passphrase, Failure> {
    let text = secrets::from_file(file, PASSPHRASE_MAX + 3)?;
    let failed = |error| Failure::usage(format!("cannot read a passphrase from {} ({error})", file.display()));
    read(secrets::without_line_end(&text)).map_err(failed)
}

/// Asks at the terminal, without showing what is typed.
fn asked(prompt: &str, read: fn(&str) -> Result<Passphrase, PassphraseError>) -> Result<Passphrase, Failure> {
    let typed = secrets::asked(prompt, |why| {
        Failure::start(format!(
            "this profile is locked, and no passphrase could be asked for ({why}); give it with --passphrase-file FILE"
        ))
    })?;
    read(&typed).map_err(|error| Failure::usage(error.to_string()))
}

/// A new passphrase, from a file or typed twice.
fn chosen(file: Option<&Path>) -> Result<Passphrase, Failure> {
    if let Some(file) = file {
        return from_file(file, Passphrase::choose);
    }
    output::complain(format_args!(
        "It cannot be reset: whoever forgets it loses this profile. Four or five words are good."
    ));
    let first = asked("New passphrase: ", Passphrase::choose)?;
    let second = asked("The same again: ", Passphrase::new)?;
    if first == second { Ok(first) } else { Err(Failure::usage("these two differ; nothing was changed")) }
}

/// The passphrase until now, where there is one: as given, or asked for.
fn current(given: Option<Passphrase>, kind: LockKind) -> Result<Option<Passphrase>, Failure> {
    match given {
        _ if !kind.has_passphrase() => Ok(None),
        Some(given) => Ok(Some(given)),
        None => asked("Passphrase until now: ", Passphrase::new).map(Some),
    }
}

pub(crate) fn lock(cli: &Cli, action: &LockDo) -> Result<(), Failure> {
    let config = session::config(cli, false);
    let dir = config.profile_dir()?;
    let kind = lock_kind(&dir).map_err(StartError::from)?;
    let Some(kind) = kind else {
        return Err(Failure::not_found(format!(
            "there is no profile in {} yet; make one with `parlor init --name NAME`",
            dir.display()
        )));
    };
    if matches!(action, LockDo::Status) {
        tell(cli, kind, &dir);
        return Ok(());
    }
    // Held to the end: no other program may open the profile meanwhile.
    let lock = ProfileLock::take(&dir, &config.profile).map_err(StartError::from)?;
    output::mended(lock.mended());
    let Unlock { keychain, passphrase } = unlock(cli)?;
    let change = match action {
        LockDo::Status => return Ok(()),
        LockDo::Set { .. } if kind.has_passphrase() => {
            return Err(Failure::failed(
                "this profile has a passphrase already; change it with `parlor lock change`, or take it away with \
                 `parlor lock remove`",
            ));
        }
        LockDo::Set { after_locking, new_passphrase_file } => LockChange::SetPassphrase {
            current: None,
            new: chosen(new_passphrase_file.as_deref())?,
            at_start: Some(!after_locking),
        },
        LockDo::Change { .. } | LockDo::Remove if !kind.has_passphrase() => {
            return Err(Failure::failed(StoreError::NoPassphrase.to_string()));
        }
        LockDo::Change { new_passphrase_file } => LockChange::SetPassphrase {
            current: current(passphrase, kind)?,
            new: chosen(new_passphrase_file.as_deref())?,
            at_start: None,
        },
        LockDo::Remove => match current(passphrase, kind)? {
            Some(current) => LockChange::RemovePassphrase { current },
            None => return Err(Failure::failed(StoreError::NoPassphrase.to_string())),
        },
        LockDo::Keychain => LockChange::UseKeychain,
    };
    let unlock = Unlock { keychain, passphrase: None };
    let kind = change_lock(&dir, &unlock, change).map_err(|error| Failure::failed(error.to_string()))?;
    tell(cli, kind, &dir);
    Ok(())
}

fn tell(cli: &Cli, kind: LockKind, dir: &Path) {
    if cli.json {
        output::json(&serde_json::json!({ "lock": kind }));
    } else {
        output::print(in_words(kind, dir));
    }
}

/// How a profile is locked, and what to do about it when it is not.
pub(crate) fn in_words(kind: LockKind, dir: &Path) -> String {
    match kind {
        LockKind::File => format!(
            "Not locked: the key lies beside the messages in {}, so whoever copies this folder can read everything. Set a \
             passphrase with `parlor lock set`, or, on a desktop, give the key to the system's keychain with `parlor lock \
             keychain`.",
            dir.display()
        ),
        LockKind::Keychain => {
            "Locked: the system's keychain has the key. Whoever copies the folder cannot open it; nor can \
                               you on another computer, unless you set a passphrase first (`parlor lock set`)."
                .to_owned()
        }
        LockKind::Passphrase => "Locked: the passphrase is asked at every start.".to_owned(),
        LockKind::Both => {
            "Locked: the system's keychain opens it at start. The passphrase is asked after locking in the app, \
                           and on another computer."
                .to_owned()
        }
    }
}
