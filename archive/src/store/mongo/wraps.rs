//! Wraps, each a document with what it is wrapped for only inside: an archive reads all of a room's at once,
//! and one by its key.

use futures::TryStreamExt as _;
use mongodb::bson::{Bson, Document, doc};
use parlor_protocol::{RoomId, access::Wrap};

use super::{
    MongoStore,
    documents::{array, binary, bytes, damaged},
};
use crate::store::{StoreError, WrapKey, wrap_key};

fn wrap_id(room: RoomId, key: &WrapKey) -> Bson {
    binary(&[room.as_bytes().as_slice(), key].concat())
}

/// Id, what is set once.
fn wrap_document(room: RoomId, key: &WrapKey, wrap: &Wrap) -> Result<(Bson, Document), StoreError> {
    let bytes = wrap.encode().map_err(|error| StoreError::Other(error.to_string()))?;
    Ok((wrap_id(room, key), doc! { "room": binary(room.as_bytes()), "wrap": binary(&bytes) }))
}

fn read_wrap(document: &Document) -> Result<(WrapKey, Wrap), StoreError> {
    let id = array::<64>(bytes(document, "_id", "wraps")?, "wraps")?;
    let key = id.last_chunk::<32>().copied().ok_or_else(|| damaged("wraps"))?;
    let wrap = Wrap::decode(bytes(document, "wrap", "wraps")?).map_err(|_| damaged("wraps"))?;
    Ok((key, wrap))
}

/// Deletes some and keeps others.
pub(super) async fn change(store: &MongoStore, room: RoomId, put: &[Wrap], gone: &[WrapKey]) -> Result<(), StoreError> {
    let gone: Vec<_> = gone.iter().map(|key| wrap_id(room, key)).collect();
    let mut documents = Vec::with_capacity(put.len());
    for wrap in put {
        documents.push(wrap_document(room, &wrap_key(wrap)?, wrap)?);
    }
    let changing = async {
        if !gone.is_empty() {
            store.tables.wraps.delete_many(doc! { "_id": { "$in": gone } }).await?;
        }
        for (id, document) in documents {
            let update = doc! { "$setOnInsert": document };
            store.tables.wraps.update_one(doc! { "_id": id }, update).upsert(true).await?;
        }
        Ok(())
    };
    changing.await.map_err(|error| store.fault(error))
}

/// Up to `max` wraps of a room in the order of their keys, those that come after one.
pub(super) async fn read(
    store: &MongoStore,
    room: RoomId,
    after: Option<WrapKey>,
    max: usize,
) -> Result<Vec<(WrapKey, Wrap)>, StoreError> {
    let mut wanted = doc! { "room": binary(room.as_bytes()) };
    if let Some(after) = after {
        wanted.insert("_id", doc! { "$gt": wrap_id(room, &after) });
    }
    let limit = i64::try_from(max).unwrap_or(i64::MAX);
    let found = store.tables.wraps.find(wanted).sort(doc! { "_id": 1 }).limit(limit).await;
    let found: Result<Vec<Document>, _> = async { found?.try_collect().await }.await;
    found.map_err(|error| store.fault(error))?.iter().map(read_wrap).collect()
}

/// One wrap.
pub(super) async fn read_one(store: &MongoStore, room: RoomId, key: &WrapKey) -> Result<Option<Wrap>, StoreError> {
    let found = store.tables.wraps.find_one(doc! { "_id": wrap_id(room, key) }).await;
    let found = found.map_err(|error| store.fault(error))?;
    found.as_ref().map(|document| read_wrap(document).map(|(_, wrap)| wrap)).transpose()
}
