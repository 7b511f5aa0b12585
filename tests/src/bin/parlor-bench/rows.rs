//! Which rows there are, in the order of the table.

use crate::{
    compare::{self, Transport},
    crypto, ingest, join, memory,
    table::Outcome,
};

/// One row of the table.
pub struct Row {
    /// Its name on the command line.
    pub name: &'static str,
    /// What it measures.
    pub what: &'static str,
    /// Measures it; `true` asks for few repetitions.
    pub measure: fn(bool) -> anyhow::Result<Outcome>,
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
        name: "memory",
        what: "resident memory and idle processor time of node and archive with 100,000 texts",
        measure: memory::memory,
    },
    Row {
        name: "cold-start",
        what: "two node processes from their start until they are connected",
        measure: memory::cold_start,
    },
];
