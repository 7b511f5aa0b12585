//! The files that come with the archive: for systemd, and for containers with MongoDB.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
#![cfg(unix)]

use mongodb::options::{ClientOptions, ServerAddress};
use std::{
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::Path,
    process::Command,
};

const UNIT: &str = include_str!("../deploy/parlor-archive.service");
const COMPOSE: &str = include_str!("../deploy/compose.yaml");

/// The lines of one service of the compose file, without comments.
fn service(name: &str) -> Vec<&'static str> {
    let lines = COMPOSE.lines().filter(|line| !line.trim_start().starts_with('#'));
    let from = lines.skip_while(|line| *line != format!("  {name}:")).skip(1);
    let found: Vec<_> = from.take_while(|line| line.starts_with("    ")).map(str::trim).collect();
    assert!(!found.is_empty(), "no service {name}");
    found
}

#[test]
fn the_unit_keeps_no_memory_of_a_crash_and_bounds_what_the_archive_takes() {
    for line in ["LimitCORE=0", "MemoryMax=3G", "TasksMax=1024", "UMask=0077", "StateDirectoryMode=0700"] {
        assert!(UNIT.lines().any(|known| known == line), "{line}");
    }
}

#[test]
fn in_containers_mongodb_has_no_network_and_nobody_but_the_archive_meets_it() {
    let mongodb = service("mongodb");
    assert!(mongodb.contains(&"network_mode: none"));
    assert!(!mongodb.iter().any(|line| line.starts_with("ports:") || line.starts_with("expose:")), "{mongodb:?}");
    let archive = service("archive");
    assert!(archive.contains(&"network_mode: host"), "mDNS does not cross Docker's bridge");
    assert!(archive.contains(&"- meeting:/meeting:ro") && mongodb.contains(&"- meeting:/meeting"));
    assert!(archive.iter().any(|line| line.contains("--mongodb-file") && line.contains("/meeting/uri")));
    for bound in ["mem_limit: 3g", "pids_limit: 1024", "ulimits: { core: 0 }", "read_only: true", "cap_drop: [ALL]"] {
        assert!(archive.contains(&bound), "{bound}");
    }
    assert!(!COMPOSE.contains("mongodb://"), "an address with a login is nowhere but in its volume");
}

/// Starts MongoDB's container as far as it goes without one, and gives what MongoDB would be started with.
fn start(dir: &Path) -> String {
    let [data, meeting, bin] = ["data", "meeting", "bin"].map(|name| dir.join(name));
    for dir in [&data, &meeting, &bin] {
        fs::create_dir_all(dir).unwrap();
    }
    let fake = bin.join("docker-entrypoint.sh");
    fs::write(&fake, "#!/bin/sh\necho \"$@\"\n").unwrap();
    fs::set_permissions(&fake, fs::Permissions::from_mode(0o755)).unwrap();
    let own = fs::metadata(dir).unwrap();
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/mongodb.sh");
    let mut command = Command::new("bash");
    command.arg(script).env("PATH", path).env("PARLOR_DATA", &data).env("PARLOR_MEETING", &meeting);
    command.env("PARLOR_OWNER", own.uid().to_string()).env("PARLOR_GROUP", own.gid().to_string());
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o777
}

#[tokio::test]
async fn the_login_is_made_once_and_the_archive_finds_it_with_the_socket() {
    let dir = tempfile::tempdir().unwrap();
    let started = start(dir.path());
    for setting in ["--keyFile", "--bind_ip 127.0.0.1", "--unixSocketPrefix", "--filePermissions 0770"] {
        assert!(started.contains(setting), "{started}");
    }
    assert!(!started.contains("noauth") && !started.contains("bind_ip_all"), "{started}");
    let [data, meeting] = ["data", "meeting"].map(|name| dir.path().join(name));
    let uri = fs::read_to_string(meeting.join("uri")).unwrap();
    let options = ClientOptions::parse(uri.trim()).await.unwrap();
    let [ServerAddress::Unix { path }] = options.hosts.as_slice() else { panic!("{:?}", options.hosts) };
    assert_eq!(path, Path::new("/meeting/mongodb-27017.sock"));
    assert_eq!((options.default_database.as_deref(), options.direct_connection), (Some("parlor"), Some(true)));
    let login = options.credential.unwrap();
    assert_eq!((login.username.as_deref(), login.source.as_deref()), (Some("parlor"), Some("admin")));
    let password = login.password.unwrap();
    assert!(password.len() == 64 && password.bytes().all(|byte| byte.is_ascii_hexdigit()), "256 bits");
    assert_ne!(password, fs::read_to_string(data.join("admin.password")).unwrap());
    assert_eq!((mode(&meeting), mode(&meeting.join("uri"))), (0o770, 0o640));
    for secret in ["admin.password", "parlor.password", "member.key"] {
        assert_eq!(mode(&data.join(secret)), 0o600, "{secret}");
    }
    // The next start finds the same ones: MongoDB knows them.
    start(dir.path());
    assert_eq!(fs::read_to_string(meeting.join("uri")).unwrap(), uri);
}
