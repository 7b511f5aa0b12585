//! Settings: flags before environment before the config file before the defaults.

use clap::{Args, Parser, Subcommand, ValueEnum};
use directories::ProjectDirs;
use parlor_node::net::{InterfaceFilter, Port, Ports};
use parlor_protocol::rate::Rate;
use serde::{Deserialize, Serialize};
use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use crate::{
    accounts::{ACCOUNTS_MAX, SignUp, UsersAction},
    error::StartError,
    service::Limits,
    store::Usage,
    web::{Tls, WebConfig},
};

/// Keeps the history of Parlor rooms on a spare computer. It stores only ciphertext.
///
/// Start it without any options: machines with Parlor find it by themselves.
#[derive(Debug, Parser)]
#[command(name = "parlor-archive", version, about)]
pub struct Cli {
    /// What to do; runs the archive when absent.
    #[command(subcommand)]
    pub action: Option<Action>,
    /// The settings.
    #[command(flatten)]
    pub settings: Settings,
    /// Prints the settings as a config file and stops.
    #[arg(long)]
    pub print_config: bool,
    /// Shows more, and the causes of errors.
    #[arg(long, short, global = true)]
    pub verbose: bool,
}

/// What else the program can do.
#[derive(Debug, Subcommand)]
pub enum Action {
    /// Writes everything in the store to a file. Stop the archive first when it uses the embedded store.
    Backup {
        /// The file to write; it must not exist yet.
        file: PathBuf,
    },
    /// Reads a backup into the store. What is there already stays.
    Restore {
        /// The file to read.
        file: PathBuf,
    },
    /// Checks every entry, link, signature and admission in the store.
    Verify,
    /// Accounts: who can sign in. Works while the archive runs, too.
    #[command(subcommand)]
    Users(UsersAction),
}

/// Whether rooms and accounts that are not known yet may be registered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Registration {
    /// Everybody on the network may register rooms and make accounts.
    #[default]
    Open,
    /// Everybody may register rooms; accounts need a token from `parlor-archive users token`.
    Token,
    /// Only rooms that are known already are served; accounts need a token that names the user.
    Closed,
}

/// The settings. All of them are optional.
#[derive(Clone, Default, Args, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct Settings {
    /// A config file (TOML) with any of these settings.
    #[arg(long, global = true, env = "PARLOR_ARCHIVE_CONFIG")]
    #[serde(skip)]
    pub config: Option<PathBuf>,
    /// Where data is kept; the platform's data folder when absent.
    #[arg(long, global = true, env = "PARLOR_ARCHIVE_DATA_DIR")]
    pub data_dir: Option<PathBuf>,
    /// Keeps data in MongoDB, for example mongodb://user:password@host/parlor. Passwords on the
    /// command line show in the process list: better give it in the environment or in a file.
    #[arg(long, global = true, env = "PARLOR_MONGODB", hide_env_values = true, value_name = "URI")]
    pub mongodb: Option<String>,
    /// A file that holds the MongoDB address.
    #[arg(long, global = true, value_name = "FILE", conflicts_with = "mongodb")]
    pub mongodb_file: Option<PathBuf>,
    /// TCP and UDP (QUIC) port; 47801, or a free one when that is taken.
    #[arg(long)]
    pub port: Option<u16>,
    /// WebSocket port for pages that another web server hands out. Every website that somebody on the network
    /// opens can reach it too. Absent: browsers come through the page's own address only.
    #[arg(long)]
    pub ws_port: Option<u16>,
    /// Where health and metrics are served; 127.0.0.1:47880 when absent, `off` for nowhere.
    #[arg(long, value_name = "ADDRESS")]
    pub http: Option<String>,
    /// Where the web page is served, for browsers; 0.0.0.0:47803 when absent, `off` for nowhere.
    #[arg(long, value_name = "ADDRESS")]
    pub web: Option<String>,
    /// The folder with the web page; when absent, the page in this program or the folder `web` beside it.
    #[arg(long, value_name = "DIR")]
    pub web_dir: Option<PathBuf>,
    /// A name by which browsers open the page, where it is not the machine's address or a name without dots;
    /// may be repeated. Behind a reverse proxy: the proxy's.
    #[arg(long = "web-host", value_name = "NAME")]
    pub web_hosts: Vec<String>,
    /// Serves the web page over https with this certificate (PEM, with its chain).
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,
    /// The certificate's key (PEM).
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,
    /// Serves the web page over https with a certificate of the archive's own. Browsers warn once;
    /// compare the fingerprint that is printed.
    #[arg(long, conflicts_with = "tls_cert")]
    pub tls_self_signed: bool,
    /// Uses only this network interface to be found; may be repeated.
    #[arg(long = "interface", value_name = "NAME")]
    pub interfaces: Vec<String>,
    /// Does not use this network interface to be found; may be repeated.
    #[arg(long = "exclude-interface", value_name = "NAME")]
    pub exclude_interfaces: Vec<String>,
    /// Is not found by mDNS; machines have to be given the address.
    #[arg(long)]
    pub no_mdns: bool,
    /// Whether new rooms and accounts may be registered: open, token (accounts need one) or closed.
    #[arg(long, value_enum)]
    pub registration: Option<Registration>,
    /// The file with the account key, when several archives share one MongoDB; `opaque.key` in the
    /// data folder when absent.
    #[arg(long, value_name = "FILE")]
    pub account_key: Option<PathBuf>,
    /// Most megabytes one room may take.
    #[arg(long, value_name = "MB")]
    pub max_room_mb: Option<u64>,
    /// Most rooms.
    #[arg(long, value_name = "N")]
    pub max_rooms: Option<usize>,
    /// Most accounts that are made without a token.
    #[arg(long, value_name = "N")]
    pub max_accounts: Option<u64>,
    /// Most kilobytes a second that one machine may store.
    #[arg(long, value_name = "KB")]
    pub max_peer_kb_per_second: Option<u64>,
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The MongoDB address may hold a password.
        f.write_str(&self.to_file().unwrap_or_default())
    }
}

impl Settings {
    /// Reads the config file, if any, for what was not given otherwise.
    ///
    /// # Errors
    /// [`StartError::Config`] when the file cannot be read or has a mistake.
    pub fn with_file(self) -> Result<Self, StartError> {
        let Some(path) = &self.config else { return Ok(self) };
        let bad = |reason: String| StartError::Config { file: path.clone(), reason };
        let text = std::fs::read_to_string(path).map_err(|error| bad(error.to_string()))?;
        let file: Self = toml::from_str(&text).map_err(|error| bad(error.message().to_owned()))?;
        let or = |own: Vec<String>, other: Vec<String>| if own.is_empty() { other } else { own };
        Ok(Self {
            config: self.config.clone(),
            data_dir: self.data_dir.or(file.data_dir),
            mongodb: self.mongodb.or(if self.mongodb_file.is_some() { None } else { file.mongodb }),
            mongodb_file: self.mongodb_file.or(file.mongodb_file),
            port: self.port.or(file.port),
            ws_port: self.ws_port.or(file.ws_port),
            http: self.http.or(file.http),
            web: self.web.or(file.web),
            web_dir: self.web_dir.or(file.web_dir),
            web_hosts: or(self.web_hosts, file.web_hosts),
            // What was given by hand is not mixed with the file's.
            tls_self_signed: self.tls_self_signed || self.tls_cert.is_none() && file.tls_self_signed,
            tls_key: self.tls_key.or(if self.tls_self_signed { None } else { file.tls_key }),
            tls_cert: self.tls_cert.or(if self.tls_self_signed { None } else { file.tls_cert }),
            interfaces: or(self.interfaces, file.interfaces),
            exclude_interfaces: or(self.exclude_interfaces, file.exclude_interfaces),
            no_mdns: self.no_mdns || file.no_mdns,
            registration: self.registration.or(file.registration),
            account_key: self.account_key.or(file.account_key),
            max_room_mb: self.max_room_mb.or(file.max_room_mb),
            max_rooms: self.max_rooms.or(file.max_rooms),
            max_accounts: self.max_accounts.or(file.max_accounts),
            max_peer_kb_per_second: self.max_peer_kb_per_second.or(file.max_peer_kb_per_second),
        })
    }

    /// The settings as a config file. Passwords are left out: what is printed may end up anywhere.
    ///
    /// # Errors
    /// None in practice.
    pub fn to_file(&self) -> Result<String, toml::ser::Error> {
        let mut shown = self.clone();
        shown.mongodb = self.mongodb.as_deref().map(without_login);
        toml::to_string(&shown)
    }

    /// Turns the settings into what the archive is started with.
    ///
    /// # Errors
    /// [`StartError`] when one of them is unusable.
    pub fn resolve(&self) -> Result<ArchiveConfig, StartError> {
        let data_dir = match &self.data_dir {
            Some(dir) => dir.clone(),
            None => ProjectDirs::from("", "", "parlor-archive").ok_or(StartError::NoDataDir)?.data_dir().to_owned(),
        };
        let mut config = ArchiveConfig::new(data_dir);
        config.mongodb = match &self.mongodb_file {
            Some(file) => Some(read_uri(file)?),
            None => self.mongodb.clone(),
        };
        if let Some(port) = self.port {
            (config.ports.tcp, config.ports.quic) = (Port::from(port), Port::from(port));
        }
        if let Some(port) = self.ws_port {
            config.ports.ws = Port::from(port);
        }
        config.http = match self.http.as_deref() {
            None => config.http,
            Some("off") => None,
            Some(address) => {
                let bad = |_| StartError::Http { address: address.to_owned(), reason: "not ADDRESS:PORT".into() };
                Some(address.parse::<SocketAddr>().map_err(bad)?)
            }
        };
        config.web.address = match self.web.as_deref() {
            None => config.web.address,
            Some("off") => None,
            Some(address) => {
                let bad = |_| StartError::Web { address: address.to_owned(), reason: "not ADDRESS:PORT".into() };
                Some(address.parse::<SocketAddr>().map_err(bad)?)
            }
        };
        config.web.dir.clone_from(&self.web_dir);
        config.web.hosts.clone_from(&self.web_hosts);
        config.web.tls = match (&self.tls_cert, &self.tls_key) {
            (Some(cert), Some(key)) => Tls::Files { cert: cert.clone(), key: key.clone() },
            (None, None) if self.tls_self_signed => Tls::SelfSigned,
            (None, None) => Tls::Off,
            (Some(file), None) | (None, Some(file)) => {
                let reason = "certificate and key belong together; only one of them was given".to_owned();
                return Err(StartError::Tls { file: file.clone(), reason });
            }
        };
        config.interfaces =
            InterfaceFilter { include: self.interfaces.clone(), exclude: self.exclude_interfaces.clone() };
        config.mdns = !self.no_mdns;
        let limits = &mut config.limits;
        let registration = self.registration.unwrap_or_default();
        limits.is_open = registration != Registration::Closed;
        limits.rooms = self.max_rooms.unwrap_or(limits.rooms);
        if let Some(mb) = self.max_room_mb {
            limits.room = Usage { bytes: mb.saturating_mul(1024 * 1024), ..limits.room };
        }
        if let Some(kb) = self.max_peer_kb_per_second {
            let bytes = kb.saturating_mul(1024);
            limits.rates.bytes = Rate::per_second(bytes, bytes.saturating_mul(10));
        }
        config.sign_up = match registration {
            Registration::Open => SignUp::Open,
            Registration::Token => SignUp::Token,
            Registration::Closed => SignUp::Closed,
        };
        config.accounts_max = self.max_accounts.unwrap_or(config.accounts_max);
        config.account_key.clone_from(&self.account_key);
        Ok(config)
    }
}

/// A MongoDB address with user and password replaced.
fn without_login(uri: &str) -> String {
    let Some((scheme, rest)) = uri.split_once("://") else { return "mongodb://...".to_owned() };
    // Everything before the last @ goes: a password may contain what it should not.
    match rest.rsplit_once('@') {
        Some((_, rest)) => format!("{scheme}://USER:PASSWORD@{rest}"),
        None => uri.to_owned(),
    }
}

fn read_uri(file: &Path) -> Result<String, StartError> {
    let text = std::fs::read_to_string(file);
    text.map(|text| text.trim().to_owned())
        .map_err(|error| StartError::Config { file: file.to_owned(), reason: error.to_string() })
}

/// What an archive is started with.
#[derive(Clone)]
pub struct ArchiveConfig {
    /// The folder for the device key and the embedded store.
    pub data_dir: PathBuf,
    /// MongoDB instead of the embedded store.
    pub mongodb: Option<String>,
    /// Where to listen.
    pub ports: Ports,
    /// Where health and metrics are served.
    pub http: Option<SocketAddr>,
    /// How the web page is served.
    pub web: WebConfig,
    /// Which interfaces take part in discovery.
    pub interfaces: InterfaceFilter,
    /// Whether to be found by mDNS.
    pub mdns: bool,
    /// What may be taken and kept.
    pub limits: Limits,
    /// Who may make an account.
    pub sign_up: SignUp,
    /// Most accounts that are made without a token.
    pub accounts_max: u64,
    /// The file with the account key, if it is not in the data folder.
    pub account_key: Option<PathBuf>,
}

/// Where health and metrics are served unless told otherwise: this machine only.
pub const DEFAULT_HTTP: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 47880);

impl ArchiveConfig {
    /// The usual set-up in a folder.
    #[must_use]
    pub fn new(data_dir: PathBuf) -> Self {
        Self {
            data_dir,
            mongodb: None,
            // Browsers come through the page, which sees where they come from.
            ports: Ports { ws: Port::Local, ..Ports::default() },
            http: Some(DEFAULT_HTTP),
            web: WebConfig::default(),
            interfaces: InterfaceFilter::default(),
            mdns: true,
            limits: Limits::default(),
            sign_up: SignUp::default(),
            accounts_max: ACCOUNTS_MAX,
            account_key: None,
        }
    }
}

impl std::fmt::Debug for ArchiveConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The MongoDB address may hold a password.
        f.debug_struct("ArchiveConfig")
            .field("data_dir", &self.data_dir)
            .field("mongodb", &self.mongodb.is_some())
            .field("ports", &self.ports)
            .field("http", &self.http)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn flags_win_over_the_config_file() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("archive.toml");
        std::fs::write(&file, "port = 1\nmax-rooms = 7\nregistration = \"closed\"\n").unwrap();
        let cli = Cli::parse_from(["parlor-archive", "--port", "2", "--config", file.to_str().unwrap()]);
        let settings = cli.settings.with_file().unwrap();
        assert_eq!((settings.port, settings.max_rooms), (Some(2), Some(7)));
        assert!(!settings.resolve().unwrap().limits.is_open);
    }

    #[test]
    fn a_mistake_in_the_config_file_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("archive.toml");
        std::fs::write(&file, "prot = 1\n").unwrap();
        let cli = Cli::parse_from(["parlor-archive", "--config", file.to_str().unwrap()]);
        let error = cli.settings.with_file().unwrap_err().to_string();
        assert!(error.contains("prot") && error.contains("archive.toml"), "{error}");
    }

    #[test]
    fn the_printed_settings_are_a_config_file_without_the_password() {
        let settings = Settings {
            mongodb: Some("mongodb://anna:hunter2@host:1,other:2/db?w=2".into()),
            port: Some(5),
            ..Settings::default()
        };
        let printed = settings.to_file().unwrap();
        assert!(!printed.contains("hunter2") && !printed.contains("anna"), "{printed}");
        let read: Settings = toml::from_str(&printed).unwrap();
        assert_eq!(read.mongodb.unwrap(), "mongodb://USER:PASSWORD@host:1,other:2/db?w=2");
        assert_eq!(read.port, Some(5));
        let debug = format!("{settings:?}");
        assert!(!debug.contains("hunter2"), "{debug}");
        assert_eq!(without_login("mongodb://host/db"), "mongodb://host/db");
    }

    #[test]
    fn the_example_file_knows_every_setting() {
        let example = include_str!("../deploy/archive.toml");
        let nothing: Settings = toml::from_str(example).unwrap();
        assert_eq!(nothing.to_file().unwrap(), Settings::default().to_file().unwrap(), "all lines are comments");
        let is_setting = |line: &&str| line.strip_prefix("# ").is_some_and(|line| line.contains(" = "));
        let all: Vec<_> = example.lines().filter(is_setting).map(|line| &line[2..]).collect();
        let settings: Settings = toml::from_str(&all.join("\n")).unwrap();
        let shown: Vec<_> = settings.to_file().unwrap().lines().map(str::to_owned).collect();
        assert_eq!(shown.len(), all.len());
        assert_eq!(settings.max_peer_kb_per_second, Some(32 * 1024));
    }

    #[test]
    fn the_address_of_a_file_wins_over_the_one_in_the_config_file() {
        let dir = tempfile::tempdir().unwrap();
        let (config, secret) = (dir.path().join("archive.toml"), dir.path().join("uri"));
        std::fs::write(&config, "mongodb = \"mongodb://config\"\n").unwrap();
        std::fs::write(&secret, "mongodb://file\n").unwrap();
        let secret = secret.to_str().unwrap();
        let args = ["parlor-archive", "--mongodb-file", secret, "--config", config.to_str().unwrap()];
        let settings = Cli::parse_from(args).settings.with_file().unwrap();
        assert_eq!(settings.resolve().unwrap().mongodb.as_deref(), Some("mongodb://file"));
    }

    #[test]
    fn without_settings_everything_has_a_sensible_value() {
        let settings = Settings { data_dir: Some("x".into()), ..Settings::default() };
        let config = settings.resolve().unwrap();
        assert_eq!((config.http, config.mongodb, config.mdns), (Some(DEFAULT_HTTP), None, true));
        assert!(DEFAULT_HTTP.ip().is_loopback() && config.limits.is_open);
        let off = Settings { http: Some("off".into()), ..settings.clone() };
        assert_eq!(off.resolve().unwrap().http, None);
        let wrong = Settings { http: Some("nowhere".into()), ..settings };
        assert!(wrong.resolve().unwrap_err().to_string().contains("nowhere"));
    }

    #[test]
    fn the_password_is_not_in_the_debug_output() {
        let mut config = ArchiveConfig::new("x".into());
        config.mongodb = Some("mongodb://anna:hunter2@host".into());
        assert!(!format!("{config:?}").contains("hunter2"));
    }
}
