//! What the archive that serves the page says about itself: `/parlor.json`.
//!
//! ```json
//! {"version": 1, "peer": "12D3Koo...", "ws_path": "/ws", "page": "0123456789abcdef"}
//! ```
//!
//! `page` names the state of the page (see [`super::newer`]). The page's policy lets it talk to where it came from, and
//! to nothing else: another web server that hands it out passes the WebSocket on. Without such a file it is looked for
//! at its usual path.

use parlor_node::{ArchiveAddress, net::VERSION};
use serde::Deserialize;
use std::{cell::Cell, rc::Rc};
use wasm_bindgen::{JsCast as _, JsValue, closure::Closure};
use wasm_bindgen_futures::JsFuture;
use web_sys::{AbortController, RequestCache, RequestInit, Response, Window};

/// The file.
const FILE: &str = "parlor.json";
/// The path of the WebSocket when nothing is said.
const WS_PATH: &str = "/ws";
/// A longer one is not ours.
const FILE_MAX: usize = 4096;
/// How long the archive may take. A machine that wakes takes seconds.
const PATIENCE_MS: i32 = 10_000;

/// What the archive says.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Site {
    version: u8,
    peer: Option<String>,
    ws_path: Option<String>,
    /// What the page is called that it serves now.
    pub(super) page: Option<String>,
}

/// Asks where the archive is to be reached.
///
/// # Errors
/// One line with its remedy.
pub(super) async fn archive() -> Result<String, String> {
    let window = web_sys::window().ok_or("this is no page; open it in a browser")?;
    let location = window.location();
    let host = location.hostname().unwrap_or_default();
    let secure = location.protocol().is_ok_and(|protocol| protocol == "https:");
    let port = location.port().ok().and_then(|port| port.parse().ok()).unwrap_or(if secure { 443 } else { 80 });
    let (path, peer) = match ask().await? {
        Some(site) if site.version != VERSION => {
            return Err(format!(
                "the archive speaks version {} and this page version {VERSION}; load the page anew, past the \
                 browser's cache (Ctrl+Shift+R)",
                site.version
            ));
        }
        Some(site) => (site.ws_path, site.peer),
        None => (None, None),
    };
    let path = path.unwrap_or_else(|| WS_PATH.to_owned());
    let address = ArchiveAddress { host, port, path, secure, peer };
    address.multiaddr().ok_or_else(|| "this page has no address; open it from the archive".to_owned())
}

/// Asks the archive what it says about itself; `None` where the page comes from a web server that has no
/// such file.
///
/// # Errors
/// One line with its remedy, when nobody answers in time or nothing of use.
pub(super) async fn ask() -> Result<Option<Site>, String> {
    let window = web_sys::window().ok_or("this is no page; open it in a browser")?;
    let limit = Limit::begin(&window)?;
    let asked = fetch(&window, &limit).await;
    match asked {
        Ok(site) => Ok(site),
        Err(_) if limit.is_over() => Err(format!(
            "the archive did not answer within {} seconds; see whether it runs, then try again",
            PATIENCE_MS / 1000
        )),
        Err(Fault::Unreachable) => {
            Err("the archive does not answer; see whether it runs and this device is on its network, then try again"
                .to_owned())
        }
        Err(Fault::Refused(status)) => {
            Err(format!("the web server of this page answers {status} instead of the archive; try again in a moment"))
        }
    }
}

/// Why there is no answer.
enum Fault {
    Unreachable,
    Refused(u16),
}

impl From<JsValue> for Fault {
    fn from(_: JsValue) -> Self {
        Self::Unreachable
    }
}

async fn fetch(window: &Window, limit: &Limit) -> Result<Option<Site>, Fault> {
    let asked = RequestInit::new();
    asked.set_signal(Some(&limit.controller.signal()));
    asked.set_cache(RequestCache::NoStore);
    let response = JsFuture::from(window.fetch_with_str_and_init(FILE, &asked)).await?.dyn_into::<Response>()?;
    match response.status() {
        404 => return Ok(None),
        _ if response.ok() => {}
        status => return Err(Fault::Refused(status)),
    }
    let text = JsFuture::from(response.text()?).await?.as_string().unwrap_or_default();
    let site = Some(text).filter(|text| text.len() <= FILE_MAX).and_then(|text| serde_json::from_str(&text).ok());
    if site.is_none() {
        tracing::warn!("{FILE} is not understood; the usual path is tried");
    }
    Ok(site)
}

/// A limit to how long a request may take: after it the browser gives it up.
struct Limit {
    controller: AbortController,
    is_over: Rc<Cell<bool>>,
    timer: i32,
    window: Window,
    _end: Closure<dyn FnMut()>,
}

impl Limit {
    fn begin(window: &Window) -> Result<Self, String> {
        let old = |_| "this browser is too old for Parlor; use a newer one".to_owned();
        let controller = AbortController::new().map_err(old)?;
        let is_over = Rc::new(Cell::new(false));
        let (aborted, over) = (controller.clone(), Rc::clone(&is_over));
        let end = Closure::<dyn FnMut()>::new(move || {
            over.set(true);
            aborted.abort();
        });
        let called = end.as_ref().unchecked_ref();
        let timer = window.set_timeout_with_callback_and_timeout_and_arguments_0(called, PATIENCE_MS).map_err(old)?;
        Ok(Self { controller, is_over, timer, window: window.clone(), _end: end })
    }

    fn is_over(&self) -> bool {
        self.is_over.get()
    }
}

impl Drop for Limit {
    fn drop(&mut self) {
        self.window.clear_timeout_with_handle(self.timer);
    }
}
