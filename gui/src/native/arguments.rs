//! What can be given on the command line.

use clap::{Parser, builder::FalseyValueParser};
use std::path::PathBuf;

/// Private chat for the machines around you.
#[derive(Clone, Debug, Default, Parser)]
#[command(name = "parlor-gui", version, about)]
pub struct Arguments {
    /// The profile to use; each has its own name, rooms and keys
    #[arg(long, env = "PARLOR_PROFILE", value_name = "NAME")]
    pub profile: Option<String>,
    /// The folder that holds the profiles
    #[arg(long, value_name = "DIR", env = "PARLOR_DATA_DIR")]
    pub data_dir: Option<PathBuf>,
    /// Do not use the keychain of this system
    #[arg(long, env = "PARLOR_NO_KEYCHAIN", value_parser = FalseyValueParser::new())]
    pub no_keychain: bool,
    /// Neither find others nor be found by multicast; only addresses given by hand are used
    #[arg(long)]
    pub no_mdns: bool,
    /// TCP and UDP port; 47801, or a free one when that is taken. 0 takes any
    #[arg(long, value_name = "N")]
    pub port: Option<u16>,
    /// Reach this address (host, host:port or a multiaddr); may be repeated
    #[arg(long, value_name = "ADDRESS")]
    pub connect: Vec<String>,
}
