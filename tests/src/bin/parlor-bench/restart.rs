//! How long an archive with many rooms takes from its start until it serves.

use parlor_archive::store::{EmbeddedStore, Registrant, RoomRow, Store as _};
use parlor_tests::process::{self, Background, free_port};
use std::{
    path::Path,
    time::{Duration, Instant},
};

use crate::{
    author::{Author, Founded},
    big_room::append,
    compare::runtime,
    sample::{median, show_micros, wall_ms},
    table::Outcome,
};

/// What the archive holds.
const ROOMS: u64 = 2_000;
/// Epochs of each room: a year of weekly ones.
const EPOCHS: usize = 50;
/// Devices that each epoch names: a household.
const DEVICES: u64 = 8;
const TARGET: Duration = Duration::from_secs(5);

/// See the module.
pub fn restart(quick: bool) -> anyhow::Result<Outcome> {
    let (rooms, rounds) = if quick { (20, 1) } else { (ROOMS, 5) };
    let dir = tempfile::tempdir()?;
    let folder = dir.path().join("archive");
    runtime()?.block_on(fill(&folder, rooms))?;
    let mut times = Vec::new();
    let mut memory: f64 = 0.0;
    for _ in 0..rounds {
        let mut command = process::archive(&folder, free_port()?)?;
        let begin = Instant::now();
        let mut archive = Background::start(command.env_remove("RUST_LOG"))?;
        let (at, _) = archive.wait_for("is running")?;
        times.push(at.duration_since(begin).as_secs_f64() * 1e6);
        memory = memory.max(archive.resident_mb()?);
        anyhow::ensure!(archive.stop()?, "the archive did not end well");
    }
    let time = median(times);
    Ok(Outcome {
        figure: show_micros(time),
        target: "<= 5 s",
        met: Some(time <= TARGET.as_secs_f64() * 1e6),
        notes: vec![format!(
            "{rooms} rooms of {EPOCHS} epochs for {DEVICES} devices each, embedded store; memory then {memory:.0} MB; median of {rounds}"
        )],
        ..Outcome::default()
    })
}

/// Fills the store of an archive that does not run yet.
async fn fill(dir: &Path, rooms: u64) -> anyhow::Result<()> {
    std::fs::create_dir_all(dir)?;
    let store = EmbeddedStore::open(dir)?;
    let wall = wall_ms();
    for number in 0..rooms {
        if number % 200 == 199 {
            eprintln!("    {} of {rooms} rooms", number + 1);
        }
        let mut owner = Author::new(1_000 + number);
        let room = Founded::new(&mut owner, wall)?;
        let id = room.secrets.room();
        let genesis = room.genesis.clone();
        store.put_room(RoomRow { room: id, genesis, registered: wall, by: Registrant::default() }).await?;
        let mut record = room.record().ok_or_else(|| anyhow::anyhow!("no record"))?;
        let mut entries = room.start;
        let mut secrets = room.secrets;
        for _ in 1..EPOCHS {
            let (next, entry) = owner.begin_epoch(&secrets, record, DEVICES, wall)?;
            (secrets, record) = (next, entry.id());
            entries.push(entry);
        }
        append(&store, id, entries).await?;
    }
    store.close().await;
    Ok(())
}
