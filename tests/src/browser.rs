//! A real browser without a screen: Chromium with chromedriver.
//!
//! It may run on a host of a [`Lan`](crate::lan::Lan): then it is driven through a pipe, which a cut cable
//! does not cut.
//!
//! chromedriver speaks [WebDriver](https://www.w3.org/TR/webdriver2/): JSON over HTTP, one request at a
//! time, which takes no more than a socket.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Value, json};
use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

use crate::real::until;

/// Where WebDriver has its special keys.
pub const ENTER: char = '\u{e007}';
/// The key Esc.
pub const ESCAPE: char = '\u{e00c}';
/// The tabulator.
pub const TAB: char = '\u{e004}';
/// The key Alt, to be held.
pub const ALT: char = '\u{e00a}';
/// The key Ctrl, to be held.
pub const CTRL: char = '\u{e009}';
/// The key Shift, to be held.
pub const SHIFT: char = '\u{e008}';
/// The arrow to the left.
pub const LEFT: char = '\u{e012}';
/// The arrow downwards.
pub const DOWN: char = '\u{e015}';
/// How long between two keys: a person does not type faster.
const KEY_MS: u64 = 30;
/// How long a browser may take to close.
const CLOSED_WITHIN: Duration = Duration::from_secs(10);

/// The page, when `cargo xtask web` has built it.
#[must_use]
pub fn page() -> Option<PathBuf> {
    let target = env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../target"), PathBuf::from);
    Some(target.join("web")).filter(|dir| dir.join("index.html").is_file())
}

/// Whether a browser can be driven here.
#[must_use]
pub fn has_browser() -> bool {
    let paths = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&paths).any(|dir| dir.join("chromedriver").is_file())
}

async fn read_head(stream: &mut TcpStream) -> std::io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

/// A browser. It goes away when dropped.
#[derive(Debug)]
pub struct Browser {
    driver: Child,
    port: u16,
    session: String,
    program: Option<TempDir>,
}

/// What starts Chromium on a host, for chromedriver to start.
#[cfg(unix)]
fn program_on(host: &str) -> TempDir {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().expect("a folder");
    let program = dir.path().join("chromium");
    fs::write(&program, format!("#!/bin/sh\nexec ip netns exec {host} chromium \"$@\"\n")).expect("a script");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("a script that can be run");
    dir
}

#[cfg(not(unix))]
fn program_on(_: &str) -> TempDir {
    panic!("hosts of their own are for Linux");
}

impl Drop for Browser {
    fn drop(&mut self) {
        // A browser does not always go with its driver, so it is closed first.
        let _ = self.close();
        let _ = Command::new("kill").arg(self.driver.id().to_string()).status();
        let _ = self.driver.wait();
    }
}

impl Browser {
    /// Starts a browser with a window of this size.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn start(wide: u32, tall: u32) -> Self {
        Self::start_on(None, wide, tall).await
    }

    /// The same on a host of a [`Lan`](crate::lan::Lan), by its [name](crate::lan::Lan::host).
    ///
    /// # Panics
    /// When it does not start.
    pub async fn start_on(host: Option<&str>, wide: u32, tall: u32) -> Self {
        let program = host.map(program_on);
        let port = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port").local_addr().expect("an address").port();
        let driver = Command::new("chromedriver")
            .arg(format!("--port={port}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver starts");
        let mut browser = Self { driver, port, session: String::new(), program };
        until("chromedriver listens", async || TcpStream::connect(("127.0.0.1", port)).await.ok().map(drop)).await;
        let size = format!("--window-size={wide},{tall}");
        let mut arguments = vec![
            "--headless=new",
            "--no-sandbox",
            "--disable-dev-shm-usage",
            "--use-angle=swiftshader",
            "--enable-unsafe-swiftshader",
            &size,
        ];
        let mut options = json!({});
        if let Some(program) = &browser.program {
            arguments.push("--remote-debugging-pipe");
            options["binary"] = json!(program.path().join("chromium"));
        }
        options["args"] = json!(arguments);
        let wanted = json!({ "capabilities": { "alwaysMatch": {
            "acceptInsecureCerts": true,
            "goog:loggingPrefs": { "browser": "ALL" },
            "goog:chromeOptions": options,
        } } });
        let session = browser.ask("POST", "/session", &wanted).await;
        browser.session = format!("/session/{}", session["sessionId"].as_str().expect("a session"));
        browser
    }

    /// Ends the session, which closes the browser.
    fn close(&self) -> std::io::Result<()> {
        use std::io::{Read as _, Write as _};
        let mut stream = std::net::TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(CLOSED_WITHIN))?;
        write!(stream, "DELETE {} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n", self.session)?;
        stream.read_exact(&mut [0])
    }

    async fn ask(&self, method: &str, path: &str, body: &Value) -> Value {
        let asked = tokio::time::timeout(Duration::from_secs(120), self.exchange(method, path, body)).await;
        let answer = asked.expect("the browser answers in time").expect("the browser answers");
        assert!(answer["value"]["error"].is_null(), "the browser refuses {path}: {answer}");
        answer["value"].clone()
    }

    async fn exchange(&self, method: &str, path: &str, body: &Value) -> std::io::Result<Value> {
        let body = if method == "GET" { String::new() } else { body.to_string() };
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await?;
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).await?;
        stream.write_all(body.as_bytes()).await?;
        let head = read_head(&mut stream).await?.to_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length:")).expect("a length");
        let mut answer = vec![0; length.trim().parse().expect("a number")];
        stream.read_exact(&mut answer).await?;
        Ok(serde_json::from_slice(&answer).expect("JSON"))
    }

    /// Runs a script in every page before the page's own ones (DevTools protocol).
    pub async fn runs_first(&self, script: &str) {
        self.devtools("Page.addScriptToEvaluateOnNewDocument", &json!({ "source": script })).await;
    }

    /// Opens a page.
    pub async fn open(&self, url: &str) {
        self.ask("POST", &format!("{}/url", self.session), &json!({ "url": url })).await;
    }

    /// Loads the page anew.
    pub async fn reload(&self) {
        self.ask("POST", &format!("{}/refresh", self.session), &json!({})).await;
    }

    /// The tab that is looked at.
    pub async fn tab(&self) -> String {
        let tab = self.ask("GET", &format!("{}/window", self.session), &Value::Null).await;
        tab.as_str().expect("a tab").to_owned()
    }

    /// Opens another tab, goes to it, and says how the one before is called.
    pub async fn open_tab(&self) -> String {
        let before = self.tab().await;
        let tab = self.ask("POST", &format!("{}/window/new", self.session), &json!({ "type": "tab" })).await;
        self.go_to_tab(tab["handle"].as_str().expect("a tab")).await;
        before
    }

    /// Goes to a tab.
    pub async fn go_to_tab(&self, tab: &str) {
        self.ask("POST", &format!("{}/window", self.session), &json!({ "handle": tab })).await;
    }

    /// Runs a script in the page.
    pub async fn script(&self, script: &str) -> Value {
        self.ask("POST", &format!("{}/execute/sync", self.session), &json!({ "script": script, "args": [] })).await
    }

    /// Types keys, one after the other.
    pub async fn types(&self, text: &str) {
        let keys = text.chars().flat_map(|key| {
            [
                json!({ "type": "keyDown", "value": key }),
                json!({ "type": "keyUp", "value": key }),
                json!({ "type": "pause", "duration": KEY_MS }),
            ]
        });
        let keys: Vec<Value> = keys.collect();
        let actions = json!({ "actions": [{ "type": "key", "id": "keys", "actions": keys }] });
        self.ask("POST", &format!("{}/actions", self.session), &actions).await;
    }

    /// Presses a key while another is held.
    pub async fn presses(&self, held: char, key: char) {
        let keys = json!([
            { "type": "keyDown", "value": held },
            { "type": "keyDown", "value": key },
            { "type": "keyUp", "value": key },
            { "type": "keyUp", "value": held },
        ]);
        let actions = json!({ "actions": [{ "type": "key", "id": "keys", "actions": keys }] });
        self.ask("POST", &format!("{}/actions", self.session), &actions).await;
    }

    /// Lets the page read what was copied, which a person would be asked for.
    pub async fn may_use_the_clipboard(&self) {
        let granted = json!({ "permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"] });
        self.devtools("Browser.grantPermissions", &granted).await;
    }

    /// The tab's title.
    pub async fn title(&self) -> String {
        let title = self.ask("GET", &format!("{}/title", self.session), &Value::Null).await;
        title.as_str().unwrap_or_default().to_owned()
    }

    /// Waits until the tab has this title.
    pub async fn until_title(&self, title: &str) {
        let path = format!("{}/title", self.session);
        until(&format!("the title {title:?}"), async || {
            (self.ask("GET", &path, &Value::Null).await.as_str() == Some(title)).then_some(())
        })
        .await;
    }

    /// What the page tells screen readers, a line for each part: its role and its name.
    pub async fn told(&self) -> String {
        let parts = "return [...document.querySelectorAll('#parts > *')].map(part =>
            `${part.getAttribute('role') ?? 'text'} ${part.getAttribute('aria-label') ?? part.textContent}`).join('\\n')";
        self.script(parts).await.as_str().unwrap_or_default().to_owned()
    }

    /// Waits until the page tells screen readers of a part whose role and name have this in them, and says
    /// all that it tells.
    pub async fn until_told(&self, what: &str) -> String {
        until(&format!("{what:?} is told"), async || Some(self.told().await).filter(|told| told.contains(what))).await
    }

    /// Presses a part as a screen reader does, once it is there and does something.
    pub async fn presses_part(&self, name: &str) {
        let press = format!(
            "const part = [...document.querySelectorAll('#parts > *')].find(part => part.tabIndex === -1 &&
                 part.hasAttribute('tabindex') && part.ariaDisabled !== 'true' &&
                 (part.ariaLabel ?? part.textContent) === {});
             part?.click();
             return part !== undefined;",
            Value::from(name)
        );
        until(&format!("{name:?} can be pressed"), async || (self.script(&press).await == true).then_some(())).await;
    }

    /// Waits until a part has the keyboard.
    pub async fn until_focused(&self, name: &str) {
        let focused = "const active = document.activeElement;
            const part = document.getElementById(active.getAttribute('aria-activedescendant')) ?? active;
            return part.ariaLabel ?? part.textContent;";
        until(&format!("{name:?} has the keyboard"), async || {
            (self.script(focused).await.as_str() == Some(name)).then_some(())
        })
        .await;
    }

    /// Waits until the app is drawn.
    pub async fn until_loaded(&self) {
        until("the app is loaded", async || {
            let loaded = self.script("return document.getElementById('loading') === null").await;
            (loaded == Value::Bool(true)).then_some(())
        })
        .await;
    }

    /// What the page wrote to the console.
    pub async fn console(&self) -> Vec<String> {
        let lines = self.ask("POST", &format!("{}/se/log", self.session), &json!({ "type": "browser" })).await;
        let lines = lines.as_array().cloned().unwrap_or_default();
        lines.iter().filter_map(|line| line["message"].as_str().map(str::to_owned)).collect()
    }

    /// A picture of the page, as PNG.
    ///
    /// # Panics
    /// When there is none.
    pub async fn picture(&self) -> Vec<u8> {
        let picture = self.ask("GET", &format!("{}/screenshot", self.session), &Value::Null).await;
        BASE64_STANDARD.decode(picture.as_str().unwrap_or_default()).expect("base64")
    }

    /// Gives a command of Chromium's own protocol.
    pub async fn devtools(&self, command: &str, what: &Value) -> Value {
        let body = json!({ "cmd": command, "params": what });
        self.ask("POST", &format!("{}/goog/cdp/execute", self.session), &body).await
    }
}
