//! What other users of the same computer can get at: not the files, not the command lines, not the memory of a crash.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use parlor_tests::process::{self, Background};
use std::{
    fs,
    io::Write as _,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

/// The same program, started by somebody who lets everybody read what he makes.
fn careless(program: &Command) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", "umask 000; exec \"$0\" \"$@\""]).arg(program.get_program()).args(program.get_args());
    for (name, value) in program.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    shell
}

fn parlor(dir: &Path, args: &[&str]) -> Command {
    let mut command = process::parlor(dir, "anna", None).unwrap();
    command.args(["--wait", "0"]).args(args);
    command
}

fn archive(dir: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(process::program("parlor-archive").unwrap());
    for name in ["PARLOR_MONGODB", "PARLOR_ARCHIVE_CONFIG", "PARLOR_ARCHIVE_DATA_DIR", "RUST_LOG"] {
        command.env_remove(name);
    }
    command.args(args).arg("--data-dir").arg(dir);
    command
}

fn run_archive(dir: &Path) -> Command {
    archive(dir, &["--no-mdns", "--port", "0", "--http", "off", "--web", "off"])
}

fn fed(mut command: Command, input: &str) -> Output {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // It may stop reading early, and is right to.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().mode() & 0o777
}

/// Everything in a folder, and the folder, with what others may do with it.
fn open_to_others(dir: &Path) -> Vec<(PathBuf, u32)> {
    let inside = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    inside
        .chain([dir.to_owned()])
        .map(|path| (path.clone(), mode(&path)))
        .filter(|(_, mode)| mode & 0o077 != 0)
        .collect()
}

fn passphrase(dir: &Path) -> String {
    let file = dir.join("passphrase");
    fs::write(&file, "soup on the stove\n").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    file.display().to_string()
}

#[test]
fn a_profile_is_closed_to_others_whatever_is_done_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let profile = data.join("profiles/anna");
    process::run(&mut careless(&parlor(&data, &["init", "--name", "Anna"]))).unwrap();
    assert_eq!(open_to_others(&profile), []);
    assert_eq!(mode(&data), 0o700, "a folder that was missing is made for nobody else");
    process::run(&mut careless(&parlor(&data, &["create", "kitchen"]))).unwrap();
    let phrase = passphrase(dir.path());
    process::run(&mut careless(&parlor(&data, &["lock", "set", "--new-passphrase-file", &phrase]))).unwrap();
    process::run(&mut careless(&parlor(&data, &["repair", "--passphrase-file", &phrase]))).unwrap();
    let bot = Background::start(&mut careless(&parlor(&data, &["run", "--passphrase-file", &phrase]))).unwrap();
    bot.wait_for("is up").unwrap();
    assert!(fs::read_dir(&profile).unwrap().count() >= 5, "store, damaged store, key, lock and its process");
    assert_eq!(open_to_others(&profile), []);
}

#[test]
fn an_archive_and_its_backup_are_closed_to_others() {
    let dir = tempfile::tempdir().unwrap();
    let (data, backup) = (dir.path().join("archive"), dir.path().join("backup"));
    let mut up = Background::start(&mut careless(&run_archive(&data))).unwrap();
    up.wait_for("is running").unwrap();
    assert!(fs::read_dir(&data).unwrap().count() >= 5, "store, two keys, lock and the way in");
    assert_eq!(open_to_others(&data), []);
    assert!(up.stop().unwrap());
    process::run(&mut careless(&archive(&data, &["backup", backup.to_str().unwrap()]))).unwrap();
    assert_eq!(mode(&backup), 0o600);
    assert_eq!(open_to_others(&data), []);
}

#[test]
fn what_was_open_to_others_is_said_once_and_closed() {
    let dir = tempfile::tempdir().unwrap();
    process::run(&mut parlor(dir.path(), &["init", "--name", "Anna"])).unwrap();
    let profile = dir.path().join("profiles/anna");
    fs::set_permissions(profile.join("parlor.redb"), fs::Permissions::from_mode(0o644)).unwrap();
    let told = said(&parlor(dir.path(), &["rooms"]).output().unwrap());
    assert!(
        told.contains("could read") && told.contains("parlor.redb") && told.contains("closed to them now"),
        "{told}"
    );
    assert_eq!(open_to_others(&profile), []);
    assert_eq!(said(&parlor(dir.path(), &["rooms"]).output().unwrap()), "");

    let data = dir.path().join("archive");
    process::run(&mut archive(&data, &["verify"])).unwrap();
    fs::set_permissions(&data, fs::Permissions::from_mode(0o755)).unwrap();
    let told = archive(&data, &["verify"]).output().unwrap();
    let told = said(&told) + &String::from_utf8_lossy(&told.stdout);
    assert!(told.contains("could read") && told.contains("closed to them now"), "{told}");
    assert_eq!(open_to_others(&data), []);
}

#[test]
fn codes_come_by_the_input_or_a_file_and_as_an_argument_with_a_warning() {
    let dir = tempfile::tempdir().unwrap();
    process::run(&mut parlor(dir.path(), &["init", "--name", "Anna"])).unwrap();
    process::run(&mut parlor(dir.path(), &["create", "kitchen"])).unwrap();
    let code = process::run(&mut parlor(dir.path(), &["code", "kitchen"])).unwrap();
    let code = code.trim();
    let file = dir.path().join("code");
    fs::write(&file, format!("{code}\n")).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    let file = file.to_str().unwrap();
    // Somebody who is in the room already may show its code again.
    for args in [&["join"][..], &["join", "-"], &["join", "--code-file", "-"]] {
        let joined = fed(parlor(dir.path(), args), &format!("  {code} \nsomething else\n"));
        assert!(joined.status.success() && joined.stderr.is_empty(), "{args:?}: {}", said(&joined));
    }
    let joined = parlor(dir.path(), &["join", "--code-file", file]).output().unwrap();
    assert!(joined.status.success() && joined.stderr.is_empty(), "{}", said(&joined));
    let joined = parlor(dir.path(), &["join", code]).output().unwrap();
    assert!(joined.status.success() && said(&joined).contains("other users of this computer can see the code"));

    fs::set_permissions(file, fs::Permissions::from_mode(0o644)).unwrap();
    let joined = parlor(dir.path(), &["join", "--code-file", file]).output().unwrap();
    assert!(joined.status.success() && said(&joined).contains("chmod 600"), "{}", said(&joined));
    let none = fed(parlor(dir.path(), &["join"]), "");
    assert_eq!(none.status.code(), Some(2));
    assert!(said(&none).contains("the code is missing") && said(&none).contains("--code-file"), "{}", said(&none));
    let both = parlor(dir.path(), &["join", code, "--code-file", file]).output().unwrap();
    assert_eq!(both.status.code(), Some(2));

    let wrong = fed(parlor(dir.path(), &["devices", "link"]), code);
    assert!(said(&wrong).contains("is for a room") && !said(&wrong).contains("careful"), "{}", said(&wrong));
    let ended = fed(parlor(dir.path(), &["codes", "kitchen", "revoke", "-"]), code);
    assert!(ended.status.success() && ended.stderr.is_empty(), "{}", said(&ended));
}

#[test]
fn tokens_come_by_the_input_or_a_file_and_as_an_argument_with_a_warning() {
    let dir = tempfile::tempdir().unwrap();
    let password = passphrase(dir.path());
    let args = ["account", "register", "anna", "--new-password-file", &password];
    let with = |more: &[&str], input: &str| said(&fed(parlor(dir.path(), &[&args[..], more].concat()), input));
    let wrong = "the token cannot be right";
    let told = with(&["--token", "-"], "nonsense\n");
    assert!(told.contains(wrong) && !told.contains("careful"), "{told}");
    let told = with(&["--token-file", &password], "");
    assert!(told.contains(wrong) && !told.contains("careful"), "{told}");
    let told = with(&["--token", "nonsense"], "");
    assert!(told.contains(wrong) && told.contains("other users of this computer can see the token"), "{told}");
    let told = with(&[], "");
    assert!(!told.contains("token"), "where none is needed none is asked for: {told}");
    let recover = ["account", "recover", "anna", "--new-password-file", &password, "--recovery-file", &password];
    let told = said(&fed(parlor(dir.path(), &recover), "nonsense\n"));
    assert!(told.contains(wrong) && !told.contains("careful"), "{told}");
}

#[test]
fn a_passphrase_comes_by_the_input_before_what_is_sent() {
    let dir = tempfile::tempdir().unwrap();
    process::run(&mut parlor(dir.path(), &["init", "--name", "Anna"])).unwrap();
    process::run(&mut parlor(dir.path(), &["create", "kitchen"])).unwrap();
    let phrase = passphrase(dir.path());
    process::run(&mut parlor(dir.path(), &["lock", "set", "--new-passphrase-file", &phrase])).unwrap();
    let input = "soup on the stove\nhello from the input\n";
    // The text is read before the profile is opened.
    let sent = fed(parlor(dir.path(), &["--passphrase-file", "-", "send", "kitchen", "hello"]), input);
    assert!(sent.status.success(), "{}", said(&sent));
    let bot = r#"{"id":1,"cmd":"rooms"}"#;
    let mut up = Background::start(&mut parlor(dir.path(), &["--passphrase-file", "-", "run", "--json"])).unwrap();
    up.tell("soup on the stove").unwrap();
    up.tell(bot).unwrap();
    assert!(up.wait_for(r#""id":1"#).unwrap().1.contains("kitchen"));
}

/// What the system grants a process of core dumps: the present limit.
#[cfg(target_os = "linux")]
fn core_limit(id: u32) -> String {
    let limits = fs::read_to_string(format!("/proc/{id}/limits")).unwrap();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max core file size")).unwrap();
    line.split_whitespace().next().unwrap().to_owned()
}

#[cfg(target_os = "linux")]
#[test]
fn a_crash_of_a_member_or_an_archive_leaves_no_core_dump() {
    let dir = tempfile::tempdir().unwrap();
    let mut member = Background::start(&mut parlor(dir.path(), &["run"])).unwrap();
    member.wait_for("is up").unwrap();
    let mut up = Background::start(&mut run_archive(&dir.path().join("archive"))).unwrap();
    up.wait_for("is running").unwrap();
    for id in [member.id(), up.id()] {
        assert_eq!(core_limit(id), "0");
        // What the system shows of a process that leaves no dump belongs to root, whoever runs it.
        assert_eq!(fs::metadata(format!("/proc/{id}/status")).unwrap().uid(), 0);
    }
    assert!(member.stop().unwrap() && up.stop().unwrap());
}
