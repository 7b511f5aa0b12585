//! The tables of the store file. Names carry the version of their layout; `META` never changes, so that
//! every Parlor can read the schema version.

use redb::TableDefinition;

/// The layout this Parlor writes.
pub(super) const SCHEMA: u64 = super::rows::SCHEMA as u64;

/// Numbers about the file: `schema`, `generation`.
pub(super) const META: TableDefinition<'static, &str, u64> = TableDefinition::new("meta");
/// Sealed records, keyed by kind and key.
pub(super) const RECORDS: TableDefinition<'static, &[u8], &[u8]> = TableDefinition::new("records-1");
/// Entries, keyed by room, author, log, seq.
pub(super) const ENTRIES: TableDefinition<'static, &[u8; 80], &[u8]> = TableDefinition::new("entries-1");
/// How far each log is held, keyed by room, author, log.
pub(super) const HEIGHTS: TableDefinition<'static, &[u8; 72], &[u8; 40]> = TableDefinition::new("heights-1");

/// In [`META`].
pub(super) const META_SCHEMA: &str = "schema";
/// In [`META`]: counts transactions, so that of two copies of a record the newer is known.
pub(super) const META_GENERATION: &str = "generation";
