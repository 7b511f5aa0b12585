//! Which rows there are, in the order of the table.

use crate::{
    app,
    compare::{self, Transport},
    crypto, epochs, growth_entries, growth_members, growth_nodes, hosts, ingest, join, login, logins, memory, mqtt,
    restart, siege,
    table::Outcome,
    web,
};

/// The rows that are measured by name only: they take long.
pub const GROWTH: &str = "growth";

/// One row of the table.
pub struct Row {
    /// Its name on the command line.
    pub name: &'static str,
    /// What it measures.
    pub what: &'static str,
    /// Measures it; `true` asks for few repetitions.
    pub measure: fn(bool) -> anyhow::Result<Outcome>,
}

impl Row {
    /// Whether it is meant by a name on the command line.
    pub fn answers_to(&self, name: &str) -> bool {
        self.name == name || (name == GROWTH && self.is_growth())
    }

    fn is_growth(&self) -> bool {
        self.name.strip_prefix(GROWTH).is_some_and(|rest| rest.starts_with('-'))
    }

    /// Whether it is to be measured when these are asked for.
    pub fn is_wanted(&self, names: &[String]) -> bool {
        match names {
            [] => !self.is_growth(),
            names => names.iter().any(|name| self.answers_to(name)),
        }
    }
}

/// Prints all rows.
pub fn list() {
    for row in ROWS {
        let note = if row.is_growth() { " (long: only by name, or all of them as `growth`)" } else { "" };
        println!("{:<18} {}{note}", row.name, row.what);
    }
}

/// All rows.
pub const ROWS: &[Row] = &[
    Row { name: "seal", what: "one text of 256 B sealed and signed", measure: crypto::seal },
    Row { name: "open", what: "one entry decoded, verified and opened", measure: crypto::open },
    Row { name: "bulk", what: "pages decoded, verified and opened, on one core", measure: crypto::bulk },
    Row {
        name: "latency-tcp-2",
        what: "send in one node to event in the other, TCP",
        measure: |quick| compare::latency(Transport::Tcp, 2, quick),
    },
    Row {
        name: "latency-quic-2",
        what: "send in one node to event in the other, QUIC",
        measure: |quick| compare::latency(Transport::Quic, 2, quick),
    },
    Row {
        name: "latency-tcp-10",
        what: "send in one node to event in each of nine others, TCP",
        measure: |quick| compare::latency(Transport::Tcp, 10, quick),
    },
    Row {
        name: "latency-quic-10",
        what: "send in one node to event in each of nine others, QUIC",
        measure: |quick| compare::latency(Transport::Quic, 10, quick),
    },
    Row {
        name: "mosquitto",
        what: "publish to receive through a Mosquitto broker, QoS 0, beside Parlor",
        measure: mqtt::latency,
    },
    Row { name: "rate-2", what: "messages a second until the other has all", measure: |quick| compare::rate(2, quick) },
    Row {
        name: "rate-10",
        what: "messages a second until nine others have all",
        measure: |quick| compare::rate(10, quick),
    },
    Row {
        name: "join-10k",
        what: "a room of 10,000 texts joined from the archive",
        measure: |quick| join::join(10_000, quick),
    },
    Row {
        name: "join-100k",
        what: "a room of 100,000 texts joined from the archive",
        measure: |quick| join::join(100_000, quick),
    },
    Row {
        name: "ingest-embedded",
        what: "entries a second that an archive acknowledges as durable, embedded store",
        measure: ingest::embedded,
    },
    Row {
        name: "ingest-mongodb",
        what: "the same with MongoDB, beside the bare driver's insert_many",
        measure: ingest::mongodb,
    },
    Row {
        name: "restart-2000",
        what: "an archive with 2,000 rooms of 50 epochs, from its start until it serves",
        measure: restart::restart,
    },
    Row {
        name: "strangers",
        what: "messages through an archive that 600 strangers besiege, beside the same without them",
        measure: siege::strangers,
    },
    Row { name: "login", what: "signing in at an archive, without stretching the password", measure: login::login },
    Row {
        name: "logins-200",
        what: "messages through an archive while 200 people sign in at once, beside the same without them",
        measure: logins::at_once,
    },
    Row {
        name: "enumeration",
        what: "an archive's answer to an unknown name beside that to a wrong password",
        measure: login::enumeration,
    },
    Row {
        name: "epoch-500",
        what: "a member of 500 removed until all others have the new key, in the simulator",
        measure: epochs::change,
    },
    Row {
        name: "catch-up-50",
        what: "a node that was away for 50 epochs, until it reads what was written in the last",
        measure: epochs::catch_up,
    },
    Row {
        name: "memory",
        what: "resident memory and idle processor time of node and archive with 100,000 texts",
        measure: memory::memory,
    },
    Row {
        name: "cold-start",
        what: "two node processes from their start until they are connected",
        measure: memory::cold_start,
    },
    Row {
        name: "cold-start-hosts",
        what: "the same on two hosts that know nothing of each other, by mDNS",
        measure: hosts::cold_start,
    },
    Row {
        name: "frame",
        what: "the app with 100,000 texts: frames while scrolling, memory, frames while idle",
        measure: app::frame,
    },
    Row {
        name: "web-load",
        what: "the page in a browser: size, first frame, joining a room of 10,000 texts",
        measure: web::load,
    },
    Row {
        name: "web-scroll",
        what: "the page in a browser: frames while scrolling 10,000 texts",
        measure: web::scroll,
    },
    Row {
        name: "growth-entries",
        what: "joining, opening, memory, the archive with 10,000 to 1,000,000 texts",
        measure: growth_entries::entries,
    },
    Row {
        name: "growth-nodes",
        what: "latency and rate with 2 to 64 nodes in one process",
        measure: growth_nodes::nodes,
    },
    Row {
        name: "growth-members",
        what: "work and memory of rooms of 10 to 512 members, in the simulator",
        measure: growth_members::members,
    },
];
