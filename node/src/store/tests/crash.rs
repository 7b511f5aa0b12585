//! A process that is killed while it writes loses nothing that it acknowledged.

use std::{
    env,
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Command, Stdio},
};

use super::{
    super::{DiskStore, LocalStore as _, Read},
    Author, put,
};

const CHILD: &str = "PARLOR_TEST_CRASH_DIR";
const ACKNOWLEDGED: usize = 60;

/// Not a test by itself: the process that is killed.
#[test]
fn the_child_that_is_killed() {
    let Some(dir) = env::var_os(CHILD) else { return };
    let mut author = Author::new(1);
    let mut store = DiskStore::open(Path::new(&dir)).unwrap();
    for n in 0_u64.. {
        let entry = author.write(&n.to_be_bytes().repeat(200));
        put(&mut store, author.append(&[entry]));
        println!("acknowledged {n}");
        std::io::stdout().flush().unwrap();
    }
}

#[test]
fn everything_acknowledged_is_there_after_kill_minus_nine() {
    let dir = tempfile::tempdir().unwrap();
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["--exact", "store::tests::crash::the_child_that_is_killed", "--nocapture"])
        .env(CHILD, dir.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut last = 0;
    let mut seen = 0;
    while seen < ACKNOWLEDGED {
        let line = lines.next().expect("the child went on writing").unwrap();
        if let Some((_, n)) = line.split_once("acknowledged ") {
            last = n.parse().unwrap();
            seen += 1;
        }
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let later = lines.map_while(Result::ok).filter_map(|line| line.split_once("acknowledged ")?.1.parse::<u64>().ok());
    let last = later.last().unwrap_or(last);

    let author = Author::new(1);
    let mut store = DiskStore::open(dir.path()).unwrap();
    let (mut next, mut read) = (0, Read::Run { room: author.room, log: author.log, from: 0, max: 10_000 });
    loop {
        let result = store.read(&read).unwrap();
        assert_eq!(result.damaged, []);
        if result.runs[0].is_empty() {
            break;
        }
        next += result.runs[0].len() as u64;
        read = Read::Run { room: author.room, log: author.log, from: next, max: 10_000 };
    }
    assert!(next > last, "{next} entries held, number {last} was acknowledged");
}
