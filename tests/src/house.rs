//! A folder, an archive in it as a process, and people with accounts who run `parlor` as processes.

use anyhow::Context as _;
use std::{
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};
use tempfile::TempDir;

use crate::{
    process::{self, Background, free_port},
    relay::Relay,
};

/// How long a command waits for others, in seconds.
const WAIT: &str = "8";

/// A house.
#[derive(Debug)]
pub struct House {
    dir: TempDir,
    port: u16,
    settings: Vec<String>,
    mongodb: Option<String>,
    archive: Option<Background>,
}

impl House {
    /// One whose archive runs with these settings, on a database if one is named.
    ///
    /// # Errors
    /// When the archive does not start.
    pub fn open(settings: &[&str], mongodb: Option<String>) -> anyhow::Result<Self> {
        let settings = settings.iter().map(|setting| (*setting).to_owned()).collect();
        let mut house = Self { dir: tempfile::tempdir()?, port: free_port()?, settings, mongodb, archive: None };
        house.start_archive()?;
        Ok(house)
    }

    /// The archive's folder.
    #[must_use]
    pub fn folder(&self) -> PathBuf {
        self.dir.path().join("archive")
    }

    /// Where the archive listens.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    fn with_database<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command.env_remove("RUST_LOG");
        if let Some(uri) = &self.mongodb {
            command.env("PARLOR_MONGODB", uri);
        }
        command
    }

    /// Starts the archive (again).
    ///
    /// # Errors
    /// When it does not start.
    pub fn start_archive(&mut self) -> anyhow::Result<()> {
        let mut command = process::archive(&self.folder(), self.port)?;
        let archive = Background::start(self.with_database(&mut command).args(&self.settings))?;
        archive.wait_for("is running")?;
        self.archive = Some(archive);
        Ok(())
    }

    /// Kills the archive without warning.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn kill_archive(&mut self) -> anyhow::Result<()> {
        self.archive.take().map_or(Ok(()), |mut archive| archive.kill())
    }

    /// `parlor-archive users ...`.
    ///
    /// # Errors
    /// When it fails: with what it said.
    pub fn users(&self, args: &[&str]) -> anyhow::Result<String> {
        let mut command = Command::new(process::program("parlor-archive")?);
        self.with_database(&mut command).arg("users").args(args).arg("--data-dir").arg(self.folder());
        process::run(&mut command)
    }

    /// The token in what `users` said.
    ///
    /// # Errors
    /// When there is none.
    pub fn token(&self, args: &[&str]) -> anyhow::Result<String> {
        let said = self.users(args)?;
        let token = said.split_whitespace().find(|word| word.len() == 22 && word.matches('-').count() == 4);
        Ok(token.with_context(|| format!("no token in {said:?}"))?.to_owned())
    }

    /// `parlor` for somebody's profile, through a relay if there is one.
    ///
    /// # Errors
    /// When it was not built.
    pub fn parlor(&self, profile: &str, through: Option<&Relay>, args: &[&str]) -> anyhow::Result<Command> {
        let address = format!("127.0.0.1:{}", through.map_or(self.port, Relay::port));
        let mut command = process::parlor(self.dir.path(), profile, Some(&address))?;
        command.args(["--wait", WAIT]).args(args);
        Ok(command)
    }

    /// Runs `parlor` to its end.
    ///
    /// # Errors
    /// When it fails: with what it said.
    pub fn ask(&self, profile: &str, args: &[&str]) -> anyhow::Result<String> {
        process::run(&mut self.parlor(profile, None, args)?).with_context(|| format!("{profile}: parlor {args:?}"))
    }

    /// Runs `parlor`, which is refused something; what it said.
    ///
    /// # Errors
    /// When it succeeds, or panics.
    pub fn refused(&self, profile: &str, args: &[&str]) -> anyhow::Result<String> {
        let Output { status, stdout, stderr } = self.parlor(profile, None, args)?.stdin(Stdio::null()).output()?;
        let said = String::from_utf8_lossy(&stderr).into_owned();
        anyhow::ensure!(!status.success(), "parlor {args:?} said {}", String::from_utf8_lossy(&stdout));
        anyhow::ensure!(!said.contains("panicked"), "{said}");
        Ok(said)
    }

    /// A profile with a name.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn newcomer(&self, profile: &str) -> anyhow::Result<()> {
        self.ask(profile, &["init", "--name", profile]).map(drop)
    }

    /// A file with one line, such as a password.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn file(&self, text: &str) -> anyhow::Result<String> {
        let name: String = text.chars().filter(char::is_ascii_alphanumeric).take(60).collect();
        let file = self.dir.path().join(format!("{name}.txt"));
        std::fs::write(&file, format!("{text}\n"))?;
        Ok(path(&file))
    }

    /// Makes an account with the profile's rooms in it; what was printed.
    ///
    /// # Errors
    /// When it is refused.
    pub fn register(&self, profile: &str, name: &str, password: &str) -> anyhow::Result<String> {
        self.ask(profile, &["account", "register", name, "--new-password-file", &self.file(password)?])
    }

    /// Signs in.
    ///
    /// # Errors
    /// When it is refused.
    pub fn log_in(&self, profile: &str, name: &str, password: &str) -> anyhow::Result<String> {
        self.ask(profile, &["account", "login", name, "--password-file", &self.file(password)?])
    }

    /// Whether somebody can sign in from a machine that is not signed in, with a password that is right
    /// or wrong. Signs out again.
    ///
    /// # Errors
    /// When it fails for another reason than the password.
    pub fn opens(&self, profile: &str, name: &str, password: &str) -> anyhow::Result<bool> {
        match self.log_in(profile, name, password) {
            Ok(_) => self.ask(profile, &["account", "logout", "--yes"]).map(|_| true),
            Err(error) if format!("{error:#}").contains("the user name or the password is wrong") => Ok(false),
            Err(error) => Err(error),
        }
    }
}

fn path(file: &Path) -> String {
    file.display().to_string()
}
