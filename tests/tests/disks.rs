//! Disks that are full, cannot be written, or hold a damaged store: nothing is lost in silence.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use parlor_tests::process::{self, Background, free_port};
#[cfg(target_os = "linux")]
use parlor_tests::skip::cannot_run;
use std::{path::Path, process::Command};

/// A small disk of its own, seen by one program only, with a file that fills it. Its first words
/// are the folder and the mount options.
#[cfg(target_os = "linux")]
const ON_SMALL_DISK: &str = r#"
    dir="$1" options="$2"; shift 2
    mount -t tmpfs -o "size=24m" none "$dir" || exit 99
    eval "$FIRST" || exit 98
    head -c 64M /dev/zero > "$dir/filler" 2> /dev/null
    truncate -s -256K "$dir/filler"
    mount -o "remount,$options" "$dir" || exit 99
    exec "$@"
"#;

/// Whether a program may have disks of its own; prints why not.
#[cfg(target_os = "linux")]
fn may_mount() -> bool {
    let out = Command::new("unshare").args(["-m", "mount", "-t", "tmpfs", "none", "/mnt"]).output();
    let may = out.is_ok_and(|out| out.status.success());
    if !may {
        cannot_run("mounting is not permitted here");
    }
    may
}

/// The command, run with a small disk at this folder after `first`.
#[cfg(target_os = "linux")]
fn on_small_disk(dir: &Path, options: &str, first: &str, command: &Command) -> Command {
    let mut wrapped = Command::new("unshare");
    wrapped.args(["-m", "sh", "-c", ON_SMALL_DISK, "sh"]).arg(dir).arg(options).env("FIRST", first);
    wrapped.arg(command.get_program()).args(command.get_args());
    wrapped
}

/// Frees the disk that only the program sees.
#[cfg(target_os = "linux")]
fn free_disk(program: &Background, dir: &Path) {
    let seen = format!("/proc/{}/root{}", program.id(), dir.join("filler").display());
    std::fs::remove_file(seen).unwrap();
}

fn send(who: &mut Background, id: &str, text: &str) -> String {
    who.tell(&format!(r#"{{"id":"{id}","cmd":"send","room":"kitchen","text":"{text}"}}"#)).unwrap();
    who.wait_for(&format!(r#""id":"{id}""#)).unwrap().1
}

fn first_steps(dir: &Path, who: &str) -> String {
    let parlor = process::program("parlor").unwrap();
    let parlor = format!("'{}' --data-dir '{}' --profile {who} --no-mdns --wait 0", parlor.display(), dir.display());
    format!("{parlor} init --name {who} && {parlor} create kitchen")
}

#[cfg(target_os = "linux")]
#[test]
fn a_node_on_a_full_disk_says_so_and_goes_on_when_there_is_space() {
    if !may_mount() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let mut command = process::parlor(dir.path(), "anna", None).unwrap();
    command.args(["run", "--json"]);
    let first = first_steps(dir.path(), "anna");
    let mut anna = Background::start(&mut on_small_disk(dir.path(), "rw", &first, &command)).unwrap();
    let text = "x".repeat(15_000);
    let mut sent = 0;
    let refused = loop {
        let answer = send(&mut anna, &sent.to_string(), &format!("{sent} {text}"));
        if !answer.contains(r#""ok""#) {
            break answer;
        }
        sent += 1;
        assert!(sent < 2_000, "the disk never fills");
    };
    assert!(refused.contains("disk is full"), "{refused}");
    free_disk(&anna, dir.path());
    let later = send(&mut anna, "later", "there is space again");
    assert!(later.contains(r#""ok""#), "{refused}\n{later}");
    anna.tell(r#"{"id":"all","cmd":"history","room":"kitchen","limit":1000}"#).unwrap();
    let (_, history) = anna.wait_for(r#"{"id":"all","#).unwrap();
    for at in 0..sent {
        assert!(history.contains(&format!(r#""{at} xxx"#)), "{at} was acknowledged");
    }
    assert!(!history.contains(&format!(r#""{sent} xxx"#)), "what was refused is not shown as sent");
    assert!(anna.stop().unwrap());
}

#[cfg(target_os = "linux")]
#[test]
fn an_archive_on_a_full_disk_goes_on_when_there_is_space() {
    if !may_mount() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let (folder, port) = (dir.path().join("archive"), free_port().unwrap());
    std::fs::create_dir(&folder).unwrap();
    let mut command = process::archive(&folder, port).unwrap();
    // It would leave more of it free than there is.
    command.args(["--min-free-mb", "0"]);
    let mut archive =
        Background::start(on_small_disk(&folder, "rw", "true", &command).env("RUST_LOG", "info")).unwrap();
    archive.wait_for("is running").unwrap();
    let connect = format!("127.0.0.1:{port}");
    let anna = || process::parlor(dir.path(), "anna", Some(&connect)).unwrap();
    process::run(anna().args(["init", "--name", "Anna"])).unwrap();
    process::run(anna().args(["create", "kitchen"])).unwrap();
    let mut anna = Background::start(anna().args(["run", "--json"])).unwrap();
    let text = "x".repeat(15_000);
    for at in 0..100 {
        assert!(send(&mut anna, &at.to_string(), &format!("{at} {text}")).contains(r#""ok""#));
    }
    archive.until_said("disk is full").unwrap();
    free_disk(&archive, &folder);
    let last = loop {
        let (_, line) = anna.wait_for(r#""archived":true"#).unwrap();
        if line.contains(r#""99 xxx"#) {
            break line;
        }
    };
    assert!(last.contains(r#""archived":true"#));
    assert!(anna.stop().unwrap() && archive.stop().unwrap());
}

#[cfg(target_os = "linux")]
#[test]
fn a_folder_that_cannot_be_written_is_named() {
    if !may_mount() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let mut command = process::parlor(dir.path(), "anna", None).unwrap();
    command.arg("rooms");
    let out = on_small_disk(dir.path(), "ro", "true", &command).output().unwrap();
    let said = String::from_utf8_lossy(&out.stderr);
    assert_eq!(out.status.code(), Some(5), "{said}");
    assert!(said.contains(&*dir.path().to_string_lossy()) && !said.contains("panicked"), "{said}");
    let command = process::archive(dir.path(), 0).unwrap();
    let out = on_small_disk(dir.path(), "ro", "true", &command).output().unwrap();
    let said = String::from_utf8_lossy(&out.stderr);
    assert!(!out.status.success() && !said.contains("panicked"), "{said}");
    assert!(said.contains(&*dir.path().to_string_lossy()), "{said}");
}

#[test]
fn a_damaged_store_is_told_kept_and_repaired_as_far_as_possible() {
    let dir = tempfile::tempdir().unwrap();
    let parlor = |args: &[&str]| {
        let mut command = process::parlor(dir.path(), "anna", None).unwrap();
        command.args(["--wait", "0"]).args(args);
        command
    };
    process::run(&mut parlor(&["init", "--name", "Anna"])).unwrap();
    process::run(&mut parlor(&["create", "kitchen"])).unwrap();
    for at in 0..20 {
        process::run(&mut parlor(&["send", "kitchen", &format!("message {at}")])).unwrap();
    }
    let file = std::fs::read_dir(dir.path().join("anna"))
        .or_else(|_| std::fs::read_dir(dir.path().join("profiles/anna")))
        .unwrap()
        .map(|file| file.unwrap().path())
        .find(|path| path.extension().is_some_and(|end| end == "redb"))
        .unwrap();
    let whole = std::fs::read(&file).unwrap();
    for (what, bytes) in [
        ("cut short", whole[..whole.len() / 3].to_vec()),
        ("its head overwritten", [vec![0xa5; 512], whole[512..].to_vec()].concat()),
        ("no store at all", b"somebody saved a letter here".to_vec()),
    ] {
        std::fs::write(&file, &bytes).unwrap();
        let out = parlor(&["history", "kitchen"]).output().unwrap();
        let said = String::from_utf8_lossy(&out.stderr).into_owned();
        assert!(!said.contains("panicked"), "{what}: {said}");
        assert_eq!(out.status.code(), Some(5), "{what}: {said}");
        assert!(said.contains("repair"), "{what}: {said}");
        let out = parlor(&["repair"]).output().unwrap();
        let said = String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr);
        assert!(!said.contains("panicked"), "{what}: {said}");
        let kept = std::fs::read_dir(file.parent().unwrap()).unwrap().map(|file| file.unwrap().path());
        let is_kept = kept.into_iter().any(|path| std::fs::read(path).is_ok_and(|found| found == bytes));
        assert!(is_kept, "{what}: the damaged file is gone");
    }
    std::fs::write(&file, &whole).unwrap();
    assert!(process::run(&mut parlor(&["history", "kitchen"])).unwrap().contains("message 19"));
}
