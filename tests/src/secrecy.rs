//! What an archive must not know.

use std::{fs, path::Path};

/// Neither the archive's files nor its log, told to tell all it can, have any of the known words.
///
/// # Panics
/// When they have, or when there is nothing to look through.
pub fn reads_nothing(dir: &Path, log: &str, known: &[&str]) {
    assert!(log.len() > 1_000, "the log tells nothing: {log}");
    let files: Vec<_> = fs::read_dir(dir).expect("a folder").map(|file| file.expect("a file").path()).collect();
    assert!(files.iter().any(|file| file.extension().is_some_and(|end| end == "redb")), "{files:?}");
    for word in known {
        assert!(!log.contains(word), "the log has {word:?}");
        for file in &files {
            let bytes = fs::read(file).expect("a file");
            let found = bytes.windows(word.len()).any(|window| window == word.as_bytes());
            assert!(!found, "{} has {word:?}", file.display());
        }
    }
}
