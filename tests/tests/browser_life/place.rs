//! An archive with a page, and a browser that opens it.

use parlor_archive::{Archive, WebConfig};
use parlor_node::Node;
use parlor_protocol::{RoomCode, RoomId};
use parlor_tests::{
    browser::{Browser, ENTER},
    real::{PATIENCE, address, archive_config, create, node, until},
};
use serde_json::Value;
use std::{
    fs,
    io::{Read as _, Write as _},
    net::SocketAddr,
    path::{Path, PathBuf},
};

pub const PHRASE: &str = "soup on the stove";
const NAMED: &str = "<meta name=\"parlor-page\" content=\"";

/// The same page under another name, as a newer version of it would be.
pub fn renamed(page: &Path, to: &Path, name: &str) -> PathBuf {
    fs::create_dir_all(to).unwrap();
    for file in fs::read_dir(page).unwrap() {
        let file = file.unwrap().path();
        fs::copy(&file, to.join(file.file_name().unwrap())).unwrap();
    }
    let packed = to.join("index.html.gz");
    let mut index = String::new();
    flate2::read::GzDecoder::new(fs::File::open(&packed).unwrap()).read_to_string(&mut index).unwrap();
    let (before, rest) = index.split_once(NAMED).expect("the page says what it is called");
    let (_, after) = rest.split_once('"').unwrap();
    let mut file = flate2::write::GzEncoder::new(fs::File::create(&packed).unwrap(), flate2::Compression::fast());
    file.write_all(format!("{before}{NAMED}{name}\"{after}").as_bytes()).unwrap();
    file.finish().unwrap();
    to.to_owned()
}

/// An archive that serves a page, and starts again at the same address with another one.
pub struct Place {
    pub dir: tempfile::TempDir,
    page: PathBuf,
    archive: Option<Archive>,
    pub web: SocketAddr,
    tcp: u16,
}

impl Place {
    pub async fn new(page: PathBuf) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut place =
            Self { dir, page: page.clone(), archive: None, web: SocketAddr::from(([127, 0, 0, 1], 0)), tcp: 0 };
        place.serve(page).await;
        let archive = place.archive.as_ref().unwrap();
        (place.web, place.tcp) = (archive.page().unwrap().address, archive.net().tcp_port().unwrap());
        place
    }

    pub async fn serve(&mut self, page: PathBuf) {
        let mut config = archive_config(&self.dir.path().join("archive"));
        if self.tcp != 0 {
            config.ports.tcp = parlor_node::net::Port::Exactly(self.tcp);
        }
        config.web = WebConfig { address: Some(self.web), dir: Some(page), ..WebConfig::default() };
        self.archive = Some(Archive::start(config).await.unwrap());
    }

    pub async fn stop(&mut self) {
        self.archive.take().unwrap().shutdown().await;
    }

    /// Starts again with the same page under another name.
    pub async fn update(&mut self, name: &str) {
        self.stop().await;
        let newer = renamed(&self.page, &self.dir.path().join(name), name);
        self.serve(newer).await;
    }

    pub fn site(&self) -> String {
        format!("http://{}/", self.web)
    }

    pub async fn anna(&self) -> (Node, RoomId, RoomCode) {
        let anna = node(self.dir.path(), "anna", &[address(self.archive.as_ref().unwrap().net())]).await;
        let (room, code) = create(&anna.handle(), "kitchen").await;
        (anna, room, code)
    }
}

/// A page whose browser keeps what it does, in the room.
pub async fn joined(browser: &Browser, site: &str, code: &RoomCode) {
    browser.open(&format!("{site}#{code}")).await;
    browser.until_loaded().await;
    come_in(browser).await;
}

/// The first time in this browser, with the code of a link.
pub async fn come_in(browser: &Browser) {
    browser.comes_in(PHRASE, "Bea", "kitchen").await;
    browser.until_focused("Message").await;
}

pub async fn unlock(browser: &Browser) {
    browser.until_loaded().await;
    browser.until_focused("Passphrase").await;
    browser.types(&format!("{PHRASE}{ENTER}")).await;
    browser.until_title("kitchen - Parlor").await;
    browser.until_focused("Message").await;
}

/// Marks the document: a page that is loaded anew has no mark.
pub async fn mark(browser: &Browser) {
    browser.script("window.marked = true").await;
}

pub async fn is_marked(browser: &Browser) -> bool {
    browser.script("return window.marked === true").await == Value::Bool(true)
}

/// A page that is out of sight need not wait until nobody touches it.
pub async fn put_out_of_sight(browser: &Browser) {
    browser.script("Object.defineProperty(document, 'hidden', { configurable: true, get: () => true })").await;
}

pub async fn put_in_sight(browser: &Browser) {
    browser.script("delete document.hidden; document.dispatchEvent(new Event('visibilitychange'))").await;
}

/// Lets the page look for a newer one, until it has the answer and has drawn. A page that looked by itself
/// and is loaded anew already, so that its mark is gone, has looked too.
pub async fn until_it_looked(browser: &Browser) {
    let asked = "return performance.getEntriesByName(new URL('parlor.json', location)).length";
    let before = browser.script(asked).await.as_u64().unwrap();
    browser.script("window.dispatchEvent(new Event('online'))").await;
    until("the page looked for a newer one", async || {
        let has_asked = browser.script(asked).await.as_u64().unwrap() > before;
        (has_asked || !is_marked(browser).await).then_some(())
    })
    .await;
    let frames = "return new Promise(done => { let left = 20; const step = () => left-- ? setTimeout(step, 10) : done(true); step(); })";
    assert_eq!(browser.script(frames).await, Value::Bool(true));
}

pub async fn until_loaded_anew(browser: &Browser) {
    until("the page is loaded anew", async || (!is_marked(browser).await).then_some(())).await;
    browser.until_loaded().await;
}

pub async fn name(browser: &Browser) -> String {
    let name = browser.script("return document.querySelector('meta[name=parlor-page]').content").await;
    name.as_str().unwrap().to_owned()
}

pub async fn until_console(browser: &Browser, words: &str) {
    let mut seen = Vec::new();
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while !seen.iter().any(|line: &String| line.contains(words)) {
        assert!(tokio::time::Instant::now() < deadline, "{words:?} is not in {seen:?}");
        seen.extend(browser.console().await);
    }
}
