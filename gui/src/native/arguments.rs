//! What can be given on the command line.

use clap::Parser;
use std::path::PathBuf;

/// Private chat for the machines around you.
#[derive(Clone, Debug, Default, Parser)]
#[command(name = "parlor-gui", version, about)]
pub struct Arguments {
    /// The profile to use; each has its own name, rooms and keys
    #[arg(long, value_name = "NAME")]
    pub profile: Option<String>,
    /// The folder that holds the profiles
    #[arg(long, value_name = "DIR", env = "PARLOR_DATA_DIR")]
    pub data_dir: Option<PathBuf>,
    /// Do not look for others by multicast; only addresses given by hand are used
    #[arg(long)]
    pub no_mdns: bool,
    /// The port to listen on (TCP and QUIC); any free one when it is 0
    #[arg(long, value_name = "N")]
    pub listen_port: Option<u16>,
}
