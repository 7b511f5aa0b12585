//! Reading everything but the entries at start.

use parlor_protocol::log::Heights;
use redb::{Database, ReadableDatabase as _, ReadableTable as _};
use std::{cmp::Reverse, collections::BTreeMap, path::Path};

use super::{
    super::{
        Loaded, PeerRecord, RoomRecord, StoreError,
        frame::{Frame, Kind, Sealer},
        rows::{decode_height, decode_record, split_log_key},
        tables::{HEIGHTS, RECORDS},
    },
    Fault, store_error,
};

/// Reads all records and heights.
pub(super) fn load(db: &Database, sealer: &Sealer, file: &Path) -> Result<Loaded, StoreError> {
    let raw = records(db).map_err(|fault| store_error(file, fault))?;
    let mut heights = heights(db).map_err(|fault| store_error(file, fault))?;
    let mut loaded = Loaded::default();
    let mut rooms: Vec<RoomRecord> = Vec::new();
    let mut peers: Vec<(Reverse<u64>, PeerRecord)> = Vec::new();
    for value in raw {
        let frame = Frame::decode(&value);
        let kind = frame.map(|frame| frame.kind);
        let opened = frame.and_then(|frame| Some((frame, sealer.open(&frame)?)));
        let known = opened.and_then(|(frame, plain)| {
            match frame.kind {
                Kind::KeyCheck | Kind::Entry => {}
                Kind::Identity => loaded.identity = Some(decode_record(&plain)?),
                Kind::Room => rooms.push(decode_record(&plain)?),
                Kind::Account => loaded.account = decode_record(&plain)?,
                Kind::Person => loaded.person = decode_record(&plain)?,
                Kind::Manual => loaded.manual = decode_record(&plain)?,
                Kind::Archives => loaded.archives = decode_record(&plain)?,
                Kind::Peer => peers.push((Reverse(frame.generation), decode_record(&plain)?)),
                Kind::Epoch => loaded.epochs.push(decode_record(&plain)?),
                Kind::Fork => loaded.forks.push(decode_record(&plain)?),
                Kind::Contact => loaded.contacts.push(decode_record(&plain)?),
            }
            Some(())
        });
        match (known, kind) {
            (Some(()), _) => {}
            // Known machines are a convenience: never a reason not to start.
            (None, Some(Kind::Peer)) => {}
            (None, kind) => {
                let detail = kind.map_or_else(|| "a record".into(), |kind| format!("its {kind:?} record"));
                return Err(StoreError::Damaged { file: file.to_owned(), detail: format!("{detail} is unreadable") });
            }
        }
    }
    loaded.rooms = rooms
        .into_iter()
        .map(|record| {
            let heights = heights.remove(&record.room).unwrap_or_default();
            (record, heights)
        })
        .collect();
    peers.sort_by_key(|(generation, _)| *generation);
    loaded.peers = peers.into_iter().map(|(_, peer)| peer).collect();
    Ok(loaded)
}

fn records(db: &Database) -> Result<Vec<Vec<u8>>, Fault> {
    let records = db.begin_read()?.open_table(RECORDS)?;
    let mut values = Vec::new();
    for item in records.iter()? {
        values.push(item?.1.value().to_vec());
    }
    Ok(values)
}

fn heights(db: &Database) -> Result<BTreeMap<parlor_protocol::RoomId, Heights>, Fault> {
    let table = db.begin_read()?.open_table(HEIGHTS)?;
    let mut heights: BTreeMap<_, Heights> = BTreeMap::new();
    for item in table.iter()? {
        let (key, value) = item?;
        if let Some((room, log)) = split_log_key(key.value()) {
            heights.entry(room).or_default().insert(log, decode_height(value.value()));
        }
    }
    Ok(heights)
}
