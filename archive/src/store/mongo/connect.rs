//! Connecting to MongoDB: options, checks of the server, indexes, errors in our words.

use mongodb::{
    Client, Database, IndexModel,
    bson::doc,
    error::{Error, ErrorKind, WriteFailure},
    options::{Acknowledgment, ClientOptions, DatabaseOptions, IndexOptions, WriteConcern},
};
use std::time::Duration;

use super::Tables;
use crate::store::StoreError;

/// The format of the database.
const SCHEMA: i64 = 1;
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
    let options = DatabaseOptions::builder().write_concern(concern).build();
    let database = client.database_with_options(&database, options);
    Ok((client, database, name))
}

/// Checks the server and makes what is missing.
pub(super) async fn prepare(database: &Database, tables: &Tables, name: &str) -> Result<(), StoreError> {
    let hello = database.run_command(doc! { "hello": 1 }).await.map_err(|error| fault(name, error))?;
    let wire = hello.get_i32("maxWireVersion").unwrap_or(0);
    if wire < WIRE_MIN {
        let found = format!("{name} speaks wire version {wire}, which");
        return Err(StoreError::TooOld { found, needed: "MongoDB 4.4".into() });
    }
    if !hello.get_bool("isWritablePrimary").unwrap_or(true) {
        return Err(StoreError::ReadOnly { what: name.to_owned() });
    }
    let schema = tables.meta.find_one(doc! { "_id": "schema" }).await.map_err(|error| fault(name, error))?;
    let found = schema.and_then(|schema| schema.get_i64("version").ok());
    if let Some(found) = found.filter(|found| *found > SCHEMA) {
        return Err(StoreError::NewerSchema { found: found.unsigned_abs(), known: SCHEMA.unsigned_abs() });
    }
    let update = doc! { "$set": { "version": SCHEMA } };
    let done = async {
        tables.meta.update_one(doc! { "_id": "schema" }, update).upsert(true).await?;
        tables.entries.create_index(index(doc! { "room": 1, "arrival": -1, "_id": -1 }, "by_arrival")).await?;
        tables.entries.create_index(index(doc! { "room": 1, "plain": 1, "arrival": 1 }, "by_kind")).await?;
        tables.heights.create_index(index(doc! { "room": 1 }, "by_room")).await?;
        tables.forks.create_index(index(doc! { "room": 1 }, "by_room")).await?;
        Ok(())
    };
    done.await.map_err(|error: Error| fault(name, error))
}

fn index(keys: mongodb::bson::Document, name: &str) -> IndexModel {
    IndexModel::builder().keys(keys).options(IndexOptions::builder().name(name.to_owned()).build()).build()
}

/// What the driver reports, in our words.
pub(super) fn fault(name: &str, error: Error) -> StoreError {
    let code = match error.kind.as_ref() {
        ErrorKind::Command(command) => Some(command.code),
        ErrorKind::Write(WriteFailure::WriteConcernError(concern)) => Some(concern.code),
        ErrorKind::Write(WriteFailure::WriteError(write)) => Some(write.code),
        _ => None,
    };
    let what = name.to_owned();
    match (error.kind.as_ref(), code) {
        (ErrorKind::Authentication { .. }, _) | (_, Some(13 | 18)) => StoreError::LoginRefused { what },
        (_, Some(10107 | 13435 | 11602 | 189 | 91)) => StoreError::ReadOnly { what },
        (ErrorKind::ServerSelection { .. } | ErrorKind::Io(_) | ErrorKind::ConnectionPoolCleared { .. }, _) => {
            StoreError::Unreachable { what, last_error: with_hint(name, &error) }
        }
        (_, Some(14031 | 28)) => StoreError::Full { reason: error.to_string() },
        _ => StoreError::Other(error.to_string()),
    }
}

/// MongoDB 5 and later do not start on processors without AVX, which spare computers often are.
fn with_hint(name: &str, error: &Error) -> String {
    let is_local = ["localhost", "127.0.0.1", "[::1]"].iter().any(|host| name.contains(host));
    let has_no_avx = std::fs::read_to_string("/proc/cpuinfo")
        .is_ok_and(|info| info.lines().any(|line| line.starts_with("flags") && !line.contains(" avx")));
    let reason = first_line(&error.to_string());
    if is_local && has_no_avx {
        format!(
            "{reason}; this processor has no AVX, which MongoDB 5 and later need: leave --mongodb out to use the \
             embedded store"
        )
    } else {
        reason
    }
}

fn first_line(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    line.chars().take(300).collect()
}
