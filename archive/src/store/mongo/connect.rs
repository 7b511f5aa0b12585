//! Connecting to MongoDB: options, checks of the server, indexes, errors in our words.

use mongodb::{
    Client, Database, IndexModel,
    bson::{Document, doc},
    error::{Error, ErrorKind, WriteFailure},
    options::{Acknowledgment, ClientOptions, DatabaseOptions, IndexOptions, ReadConcern, WriteConcern},
};
use std::time::Duration;

use super::Tables;
use crate::store::{StoreError, check_schema};

/// The format of the database.
const SCHEMA: i64 = 5;
/// The database when the address names none.
const DEFAULT_DATABASE: &str = "parlor";
/// How long to look for a server before saying that there is none.
const SELECT_WITHIN: Duration = Duration::from_secs(5);
/// Wire version of MongoDB 4.4, the oldest that is supported.
const WIRE_MIN: i32 = 9;

/// Connects and says what it connected to, without user and password.
pub(super) async fn connect(uri: &str) -> Result<(Client, Database, String), StoreError> {
    let bad = |error: Error| StoreError::Other(format!("the MongoDB address is not usable: {error}"));
    let mut options = ClientOptions::parse(uri).await.map_err(bad)?;
    options.app_name.get_or_insert_with(|| "parlor-archive".into());
    options.server_selection_timeout.get_or_insert(SELECT_WITHIN);
    options.connect_timeout.get_or_insert(SELECT_WITHIN);
    options.retry_writes = Some(true);
    options.retry_reads = Some(true);
    let hosts: Vec<String> = options.hosts.iter().map(ToString::to_string).collect();
    let database = options.default_database.clone().unwrap_or_else(|| DEFAULT_DATABASE.into());
    let name = format!("MongoDB at {} (database {database})", hosts.join(","));
    let client = Client::with_options(options).map_err(bad)?;
    let concern = WriteConcern::builder().w(Acknowledgment::Majority).journal(true).build();
    // Only what a majority holds is read, so that no acknowledgement rests on what may be rolled back.
    let options = DatabaseOptions::builder().write_concern(concern).read_concern(ReadConcern::majority()).build();
    let database = client.database_with_options(&database, options);
    Ok((client, database, name))
}

/// Checks the server and makes what is missing.
pub(super) async fn prepare(database: &Database, tables: &Tables, name: &str) -> Result<(), StoreError> {
    let hello = database.run_command(doc! { "hello": 1 }).await.map_err(|error| fault(name, error))?;
    judge(&hello, name)?;
    let schema = tables.meta.find_one(doc! { "_id": "schema" }).await.map_err(|error| fault(name, error))?;
    let found = schema.and_then(|schema| schema.get_i64("version").ok());
    if let Some(found) = found {
        check_schema(found.unsigned_abs(), SCHEMA.unsigned_abs())?;
    }
    let update = doc! { "$set": { "version": SCHEMA } };
    let done = async {
        tables.meta.update_one(doc! { "_id": "schema" }, update).upsert(true).await?;
        tables.entries.create_index(index(doc! { "room": 1, "arrival": -1, "_id": -1 }, "by_arrival")).await?;
        tables.entries.create_index(index(doc! { "room": 1, "plain": 1, "arrival": 1 }, "by_kind")).await?;
        tables.heights.create_index(index(doc! { "room": 1 }, "by_room")).await?;
        tables.forks.create_index(index(doc! { "room": 1 }, "by_room")).await?;
        tables.doors.create_index(index(doc! { "locator": 1 }, "by_locator")).await?;
        tables.steps.create_index(index(doc! { "room": 1 }, "by_room")).await?;
        tables.wraps.create_index(index(doc! { "room": 1 }, "by_room")).await?;
        tables.records.create_index(index(doc! { "room": 1 }, "by_room")).await?;
        tables.tries.create_index(index(doc! { "until": 1 }, "by_until")).await?;
        tables.accounts.create_index(unique(doc! { "skeleton": 1 }, "by_skeleton")).await?;
        tables.accounts.create_index(unique(doc! { "pass": 1 }, "by_pass")).await?;
        tables.accounts.create_index(index(doc! { "devices.device": 1 }, "by_device")).await?;
        Ok(())
    };
    done.await.map_err(|error: Error| fault(name, error))
}

/// Whether a server that introduces itself like this can be used.
pub(super) fn judge(hello: &Document, name: &str) -> Result<(), StoreError> {
    let wire = hello.get_i32("maxWireVersion").unwrap_or(0);
    if wire < WIRE_MIN {
        let found = format!("{name} speaks wire version {wire}, which");
        return Err(StoreError::TooOld { found, needed: "MongoDB 4.4".into() });
    }
    if hello.get_bool("isWritablePrimary").unwrap_or(true) {
        Ok(())
    } else {
        Err(StoreError::ReadOnly { what: name.to_owned() })
    }
}

fn index(keys: Document, name: &str) -> IndexModel {
    IndexModel::builder().keys(keys).options(IndexOptions::builder().name(name.to_owned()).build()).build()
}

/// No two documents with the same value; those without one do not count.
fn unique(keys: Document, name: &str) -> IndexModel {
    let options = IndexOptions::builder().name(name.to_owned()).unique(true).sparse(true).build();
    IndexModel::builder().keys(keys).options(options).build()
}

/// What the driver reports, in our words.
pub(super) fn fault(name: &str, error: Error) -> StoreError {
    let code = match error.kind.as_ref() {
        ErrorKind::Command(command) => Some(command.code),
        ErrorKind::Write(WriteFailure::WriteConcernError(concern)) => Some(concern.code),
        ErrorKind::Write(WriteFailure::WriteError(write)) => Some(write.code),
        ErrorKind::InsertMany(failed) => {
            let of_write = failed.write_errors.iter().flatten().next().map(|write| write.code);
            failed.write_concern_error.as_ref().map(|concern| concern.code).or(of_write)
        }
        _ => None,
    };
    let what = name.to_owned();
    match (error.kind.as_ref(), code) {
        (ErrorKind::Authentication { .. }, _) | (_, Some(13 | 18)) => StoreError::LoginRefused { what },
        (_, Some(10107 | 13435 | 11602 | 189)) => StoreError::ReadOnly { what },
        (_, Some(91 | 11600)) => StoreError::Unreachable { what, last_error: "it is shutting down".into() },
        (ErrorKind::ServerSelection { message, .. }, _) if message.contains("driver requires") => {
            StoreError::TooOld { found: first_line(message), needed: "MongoDB 4.4".into() }
        }
        (ErrorKind::ServerSelection { .. } | ErrorKind::Io(_) | ErrorKind::ConnectionPoolCleared { .. }, _) => {
            StoreError::Unreachable { what, last_error: with_hint(name, &error) }
        }
        (_, Some(14031 | 28)) => StoreError::Full { reason: error.to_string() },
        _ => StoreError::Other(error.to_string()),
    }
}

/// MongoDB 5 and later do not start on older processors, which spare computers often have.
fn with_hint(name: &str, error: &Error) -> String {
    let is_local = ["localhost", "127.0.0.1", "[::1]", ".sock"].iter().any(|host| name.contains(host));
    let reason = first_line(&error.to_string());
    match std::fs::read_to_string("/proc/cpuinfo") {
        Ok(info) if is_local && is_too_old(&info) => format!(
            "{reason}; MongoDB 5 and later do not run on this processor (it has no AVX, or is older than ARMv8.2): \
             leave --mongodb out to use the embedded store"
        ),
        _ => reason,
    }
}

/// Whether Linux describes a processor that MongoDB 5 and later do not run on. They need AVX, or on
/// ARM version 8.2, of which the atomic instructions are a sign.
pub(super) fn is_too_old(cpuinfo: &str) -> bool {
    let lacks = |line: &str, feature: &str| !line.split_whitespace().any(|word| word == feature);
    cpuinfo.lines().any(|line| {
        line.starts_with("flags") && lacks(line, "avx") || line.starts_with("Features") && lacks(line, "atomics")
    })
}

fn first_line(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    line.chars().take(300).collect()
}
