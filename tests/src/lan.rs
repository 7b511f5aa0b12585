//! Several hosts on one machine: Linux network namespaces joined by a bridge. Each has its own
//! interfaces, addresses and multicast; none sees the machine's own network.

use std::{
    path::Path,
    process::{self, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
};

use crate::{process::program, skip::cannot_run};

static LANS: AtomicU32 = AtomicU32::new(0);

/// A network of its own. It goes away when dropped.
#[derive(Debug)]
pub struct Lan {
    name: String,
    hosts: Vec<String>,
}

fn ip(args: &[&str]) -> Result<(), String> {
    let out = Command::new("ip").args(args).stdin(Stdio::null()).output().map_err(|error| format!("ip: {error}"))?;
    let said = String::from_utf8_lossy(&out.stderr);
    if out.status.success() { Ok(()) } else { Err(format!("ip {}: {}", args.join(" "), said.trim())) }
}

impl Lan {
    /// A network with this many hosts; `None`, with the reason printed, where it is not permitted.
    ///
    /// # Panics
    /// When `PARLOR_TEST_ALL` is set and it is not permitted.
    #[must_use]
    pub fn with(hosts: u8) -> Option<Self> {
        match Self::of(hosts) {
            Ok(lan) => Some(lan),
            Err(reason) => {
                cannot_run(&format!("no network namespaces here: {reason}"));
                None
            }
        }
    }

    /// A network with this many hosts.
    ///
    /// # Errors
    /// The reason where it is not permitted.
    pub fn of(hosts: u8) -> Result<Self, String> {
        // Namespaces have names for the whole machine.
        let name = format!("parlor-{}-{}", process::id(), LANS.fetch_add(1, Ordering::Relaxed));
        let mut lan = Self { name, hosts: Vec::new() };
        lan.build(hosts).map(|()| lan)
    }

    fn build(&mut self, hosts: u8) -> Result<(), String> {
        let switch = self.switch();
        ip(&["netns", "add", &switch])?;
        ip(&["-n", &switch, "link", "add", "bridge", "type", "bridge"])?;
        ip(&["-n", &switch, "link", "set", "bridge", "up"])?;
        for at in 0..hosts {
            let (host, port) = (format!("{}-{at}", self.name), format!("port{at}"));
            ip(&["netns", "add", &host])?;
            self.hosts.push(host.clone());
            ip(&["link", "add", "eth0", "netns", &host, "type", "veth", "peer", "name", &port, "netns", &switch])?;
            ip(&["-n", &switch, "link", "set", &port, "master", "bridge", "up"])?;
            ip(&["-n", &host, "addr", "add", &format!("{}/24", Self::address(at)), "dev", "eth0"])?;
            ip(&["-n", &host, "link", "set", "lo", "up"])?;
            ip(&["-n", &host, "link", "set", "eth0", "up"])?;
        }
        Ok(())
    }

    fn switch(&self) -> String {
        format!("{}-switch", self.name)
    }

    /// The address that a host has at first.
    #[must_use]
    pub fn address(host: u8) -> String {
        format!("10.77.0.{}", u16::from(host) + 1)
    }

    /// The name by which the system knows a host.
    #[must_use]
    pub fn host(&self, host: u8) -> &str {
        &self.hosts[usize::from(host)]
    }

    /// One of our programs on a host.
    ///
    /// # Panics
    /// When it was not built.
    #[must_use]
    pub fn on(&self, host: u8, name: &str, data_dir: &Path) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", self.host(host)]).arg(program(name).expect("it was built"));
        for name in ["PARLOR_PROFILE", "PARLOR_DATA_DIR", "PARLOR_MONGODB", "RUST_LOG"] {
            command.env_remove(name);
        }
        command.arg("--data-dir").arg(data_dir);
        command
    }

    /// Changes something at a host with `ip`.
    ///
    /// # Panics
    /// When `ip` refuses.
    pub fn change(&self, host: u8, args: &[&str]) {
        ip(&[&["-n", self.host(host)], args].concat()).expect("ip does it");
    }

    /// Pulls out a host's cable.
    ///
    /// # Panics
    /// When `ip` refuses.
    pub fn cut(&self, host: u8) {
        ip(&["-n", &self.switch(), "link", "set", &format!("port{host}"), "down"]).expect("ip does it");
    }

    /// Puts it in again.
    ///
    /// # Panics
    /// When `ip` refuses.
    pub fn mend(&self, host: u8) {
        ip(&["-n", &self.switch(), "link", "set", &format!("port{host}"), "up"]).expect("ip does it");
    }
}

impl Lan {
    /// Divides the network: these hosts reach each other, and none of the others.
    ///
    /// # Panics
    /// When `ip` refuses.
    pub fn split(&self, hosts: &[u8]) {
        let at_switch = |args: &[&str]| ip(&[&["-n", &self.switch()], args].concat()).expect("ip does it");
        at_switch(&["link", "add", "other", "type", "bridge"]);
        at_switch(&["link", "set", "other", "up"]);
        for host in hosts {
            at_switch(&["link", "set", &format!("port{host}"), "master", "other"]);
        }
    }

    /// Ends [`Lan::split`].
    ///
    /// # Panics
    /// When `ip` refuses.
    pub fn rejoin(&self) {
        for host in 0..self.hosts.len() {
            ip(&["-n", &self.switch(), "link", "set", &format!("port{host}"), "master", "bridge"]).expect("ip does it");
        }
        ip(&["-n", &self.switch(), "link", "delete", "other"]).expect("ip does it");
    }
}

impl Drop for Lan {
    fn drop(&mut self) {
        for name in self.hosts.iter().chain([&self.switch()]) {
            // It may never have come to be.
            let _ = ip(&["netns", "delete", name]);
        }
    }
}
