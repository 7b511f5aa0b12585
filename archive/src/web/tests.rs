#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use super::*;
use flate2::{Compression, write::GzEncoder};
use std::{io::Write as _, path::Path};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

const SCRIPT: &str = "parlor-0123456789abcdef.js";
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
/// A bound for everything that is waited for.
const SOON: Duration = Duration::from_secs(20);

/// A page of two files as `cargo xtask web` lays it out.
fn page(dir: &Path) {
    for (name, text) in [(INDEX, "<!doctype html><title>Parlor</title>"), (SCRIPT, "export default 1;")] {
        let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
        packed.write_all(text.as_bytes()).unwrap();
        std::fs::write(dir.join(format!("{name}.gz")), packed.finish().unwrap()).unwrap();
    }
}

struct Running {
    served: Served,
    stop: watch::Sender<bool>,
    task: tokio::task::JoinHandle<()>,
    dir: tempfile::TempDir,
}

/// Serves a page whose WebSocket is at `ws_port`.
async fn running(ws_port: u16, tls: Tls) -> Running {
    let dir = tempfile::tempdir().unwrap();
    page(dir.path());
    let address = Some(([127, 0, 0, 1], 0).into());
    let config = WebConfig { address, dir: Some(dir.path().to_owned()), tls, hosts: Vec::new() };
    let site = Site::open(&config, dir.path()).await.unwrap().unwrap();
    let (served, (stop, stopping)) = (site.served.clone(), watch::channel(false));
    let task = tokio::spawn(async move { site.serve("12D3KooWArchive", ws_port, stopping).await });
    Running { served, stop, task, dir }
}

impl Running {
    async fn end(self) {
        self.stop.send(true).unwrap();
        tokio::time::timeout(SOON, self.task).await.unwrap().unwrap();
    }

    /// One request, with the rest of its head; the whole answer.
    async fn ask(&self, line: &str, head: &str) -> String {
        let mut stream = TcpStream::connect(self.served.address).await.unwrap();
        let request = format!("{line} HTTP/1.1\r\nHost: archive\r\nConnection: close\r\n{head}\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        tokio::time::timeout(SOON, stream.read_to_end(&mut answer)).await.unwrap().unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    }
}

/// A WebSocket server that sends back what it gets after the handshake, with a greeting before.
async fn echo() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    stream.read_buf(&mut head).await.unwrap();
                }
                assert!(String::from_utf8(head).unwrap().contains(KEY));
                let answer = "HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: it-is-me\r\n\r\nhello";
                stream.write_all(answer.as_bytes()).await.unwrap();
                let (mut read, mut write) = stream.split();
                let _ = tokio::io::copy(&mut read, &mut write).await;
            });
        }
    });
    port
}

fn upgrade(more: &str) -> String {
    format!("Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n{more}")
}

#[tokio::test]
async fn the_page_is_served_with_its_rules_and_kept_as_long_as_it_may_be() {
    let running = running(1, Tls::Off).await;
    let index = running.ask("GET /", "").await;
    assert!(index.starts_with("HTTP/1.1 200") && index.contains("<title>Parlor</title>"), "{index}");
    assert!(index.contains("content-security-policy: default-src 'none'; script-src 'self' 'wasm-unsafe-eval'"));
    assert!(index.contains("x-content-type-options: nosniff") && index.contains("cache-control: no-cache"));
    let script = running.ask(&format!("GET /{SCRIPT}"), "Accept-Encoding: br, gzip\r\n").await;
    assert!(script.contains("content-encoding: gzip") && script.contains("text/javascript"), "{script}");
    assert!(script.contains("immutable") && script.contains("content-security-policy"));
    let tag = index.lines().find_map(|line| line.strip_prefix("etag: ")).unwrap();
    let again = running.ask("GET /", &format!("If-None-Match: {tag}\r\n")).await;
    assert!(again.starts_with("HTTP/1.1 304") && !again.contains("<title>"), "{again}");
    let head = running.ask("HEAD /", "").await;
    assert!(head.starts_with("HTTP/1.1 200") && !head.contains("<title>"), "{head}");
    running.end().await;
}

#[test]
fn a_page_is_called_what_it_calls_itself_and_one_that_does_not_by_its_hash() {
    let dir = tempfile::tempdir().unwrap();
    page(dir.path());
    assert_eq!(Page::read(dir.path()).unwrap().version().len(), 32);
    for (name, is_one) in [("0123456789abcdef", true), ("{page}", false), ("0123456789abcdef0", false)] {
        let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
        packed.write_all(format!("<meta name=\"parlor-page\" content=\"{name}\">").as_bytes()).unwrap();
        std::fs::write(dir.path().join("index.html.gz"), packed.finish().unwrap()).unwrap();
        assert_eq!(Page::read(dir.path()).unwrap().version() == name, is_one, "{name}");
    }
}

#[tokio::test]
async fn it_says_who_the_archive_is_and_answers_nothing_else() {
    let running = running(1, Tls::Off).await;
    let about = running.ask("GET /parlor.json", "").await;
    let json: serde_json::Value = serde_json::from_str(about.split("\r\n\r\n").nth(1).unwrap()).unwrap();
    assert_eq!((&json["version"], &json["peer"]), (&1.into(), &"12D3KooWArchive".into()));
    assert_eq!(json["ws_path"], "/ws");
    assert_eq!(json["page"].as_str().unwrap().len(), 32);
    for path in ["/archive.key", "/../archive.key", "/%2e%2e/archive.key", "/metrics", "/parlor-0123456789abcdef.js.gz"]
    {
        let answer = running.ask(&format!("GET {path}"), "").await;
        assert!(answer.starts_with("HTTP/1.1 404"), "{path}: {answer}");
    }
    assert!(running.ask("POST /", "Content-Length: 0\r\n").await.starts_with("HTTP/1.1 405"));
    let long = running.ask("GET /", &format!("X: {}\r\n", "x".repeat(2 * HEAD_MAX))).await;
    assert!(long.starts_with("HTTP/1.1 431"), "{long}");
    running.end().await;
}

#[tokio::test]
async fn who_asks_for_the_name_of_a_website_is_told_how_to_open_the_page() {
    let running = running(1, Tls::Off).await;
    for line in ["GET /", "GET /ws", "GET /parlor.json"] {
        let mut stream = TcpStream::connect(running.served.address).await.unwrap();
        let request = format!("{line} HTTP/1.1\r\nHost: evil.example:47803\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        tokio::time::timeout(SOON, stream.read_to_string(&mut answer)).await.unwrap().unwrap();
        assert!(answer.starts_with("HTTP/1.1 421") && answer.contains("--web-host"), "{answer}");
    }
    running.end().await;
}

#[tokio::test]
async fn the_websocket_is_handed_on_both_ways_to_own_pages_only() {
    let running = running(echo().await, Tls::Off).await;
    assert!(running.ask("GET /ws", "").await.starts_with("HTTP/1.1 426"));
    let foreign = running.ask("GET /ws", &upgrade("Origin: http://elsewhere.example\r\n")).await;
    assert!(foreign.starts_with("HTTP/1.1 403"), "{foreign}");
    let mut stream = TcpStream::connect(running.served.address).await.unwrap();
    let own = upgrade("Connection: keep-alive, Upgrade\r\nOrigin: http://archive\r\n");
    stream.write_all(format!("GET /ws HTTP/1.1\r\nHost: archive\r\n{own}\r\n").as_bytes()).await.unwrap();
    let mut got = Vec::new();
    let said = |got: &[u8], word: &str| String::from_utf8_lossy(got).ends_with(word);
    while !said(&got, "hello") {
        assert_ne!(tokio::time::timeout(SOON, stream.read_buf(&mut got)).await.unwrap().unwrap(), 0);
    }
    let head = String::from_utf8_lossy(&got).to_lowercase();
    assert!(head.starts_with("http/1.1 101") && head.contains("sec-websocket-accept: it-is-me"), "{head}");
    stream.write_all(b"and back").await.unwrap();
    while !said(&got, "and back") {
        assert_ne!(tokio::time::timeout(SOON, stream.read_buf(&mut got)).await.unwrap().unwrap(), 0);
    }
    running.end().await;
    assert_eq!(tokio::time::timeout(SOON, stream.read_buf(&mut got)).await.unwrap().unwrap_or(0), 0);
}

#[tokio::test]
async fn a_browser_that_stays_silent_is_let_go_when_the_archive_closes() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let running = running(listener.local_addr().unwrap().port(), Tls::Off).await;
    let archive = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            stream.read_buf(&mut head).await.unwrap();
        }
        let answer = "HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: it-is-me\r\n\r\n";
        stream.write_all(answer.as_bytes()).await.unwrap();
    });
    let mut stream = TcpStream::connect(running.served.address).await.unwrap();
    let ask = upgrade("Connection: Upgrade\r\n");
    stream.write_all(format!("GET /ws HTTP/1.1\r\nHost: archive\r\n{ask}\r\n").as_bytes()).await.unwrap();
    archive.await.unwrap();
    let mut got = Vec::new();
    tokio::time::timeout(SOON, stream.read_to_end(&mut got)).await.unwrap().unwrap();
    assert!(String::from_utf8_lossy(&got).starts_with("HTTP/1.1 101"));
    running.end().await;
}

#[tokio::test]
async fn a_websocket_that_is_not_there_is_said_to_be_so() {
    let nobody = TcpListener::bind(("127.0.0.1", 0)).await.unwrap().local_addr().unwrap().port();
    let running = running(nobody, Tls::Off).await;
    let answer = running.ask("GET /ws", &upgrade("")).await;
    assert!(answer.starts_with("HTTP/1.1 502"), "{answer}");
    running.end().await;
}

#[tokio::test]
async fn with_tls_only_who_checks_the_certificate_gets_in_and_it_is_the_right_one() {
    use rustls::pki_types::{CertificateDer, pem::PemObject as _};
    let running = running(1, Tls::SelfSigned).await;
    assert!(running.served.links()[0].starts_with("https://127.0.0.1:"));
    assert_eq!(running.served.fingerprint.as_ref().unwrap().len(), 95);
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(running.dir.path().join("web.crt")).unwrap()).unwrap();
    let config = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(running.served.address).await.unwrap();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    let mut stream = connector.connect("localhost".try_into().unwrap(), stream).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    let _ = tokio::time::timeout(SOON, stream.read_to_end(&mut answer)).await.unwrap();
    assert!(String::from_utf8_lossy(&answer).contains("<title>Parlor</title>"));
    let plain = running.ask("GET /", "").await;
    assert!(!plain.contains("Parlor"), "{plain}");
    running.end().await;
}

#[tokio::test]
async fn a_folder_without_a_page_and_an_address_that_is_taken_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let config = WebConfig { dir: Some(dir.path().to_owned()), ..WebConfig::default() };
    let error = Site::open(&config, dir.path()).await.err().unwrap().to_string();
    assert!(error.contains("cargo xtask web"), "{error}");
    page(dir.path());
    let taken = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = taken.local_addr().unwrap();
    let config = WebConfig { address: Some(address), ..config };
    let error = Site::open(&config, dir.path()).await.err().unwrap().to_string();
    assert!(error.contains(&address.to_string()) && error.contains("--web"), "{error}");
}

/// The sources that a policy allows for each kind of thing.
fn directives(policy: &str) -> std::collections::BTreeMap<String, Vec<String>> {
    let words = policy.split(';').map(|part| part.split_whitespace().map(str::to_owned).collect::<Vec<_>>());
    words.filter_map(|mut words| (!words.is_empty()).then(|| (words.remove(0), words))).collect()
}

#[test]
fn the_page_talks_to_its_own_host_only_whoever_hands_it_out() {
    let page = include_str!("../../../gui/web/index.html");
    let (_, rest) = page.split_once("http-equiv=\"Content-Security-Policy\" content=\"").unwrap();
    let (own, given) = (directives(rest.split_once('"').unwrap().0), directives(POLICY));
    assert_eq!(own["default-src"], ["'none'"]);
    for (kind, sources) in &own {
        assert!(sources.iter().all(|source| given[kind].contains(source)), "{kind}: the archive allows no more");
        // No scheme (ws:), no wildcard, no host by name: only where it came from, and what is written in the page.
        let is_own = |source: &String| source.starts_with('\'') || kind == "img-src" && source == "data:";
        assert!(sources.iter().all(is_own), "{kind}: {sources:?}");
    }
    assert_eq!((&own["connect-src"], &given["connect-src"]), (&vec!["'self'".to_owned()], &vec!["'self'".to_owned()]));
}
