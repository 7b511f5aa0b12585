//! What the archive that serves the page says about itself: `/parlor.json`.
//!
//! ```json
//! {"version": 1, "peer": "12D3Koo...", "ws_port": 47802, "ws_path": "/"}
//! ```
//!
//! `ws_port` is left out where the WebSocket has the port of the page. Without such a file (any web
//! server may hand out the app) the usual port is tried.

use parlor_node::{
    ArchiveAddress,
    net::{DEFAULT_WS_PORT, VERSION},
};
use serde::Deserialize;
use wasm_bindgen::JsCast as _;
use wasm_bindgen_futures::JsFuture;
use web_sys::{Response, Window};

/// The file.
const FILE: &str = "parlor.json";
/// A longer one is not ours.
const FILE_MAX: usize = 4096;

#[derive(Clone, Debug, Deserialize)]
struct Site {
    version: u8,
    peer: Option<String>,
    ws_port: Option<u16>,
    ws_path: Option<String>,
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
    let own = location.port().ok().and_then(|port| port.parse().ok()).unwrap_or(if secure { 443 } else { 80 });
    let address = match ask(&window).await {
        Some(site) if site.version != VERSION => {
            return Err(format!(
                "the archive speaks version {} and this page version {VERSION}; load the page anew, past the \
                 browser's cache (Ctrl+Shift+R)",
                site.version
            ));
        }
        Some(site) => {
            let path = site.ws_path.unwrap_or_else(|| "/".to_owned());
            ArchiveAddress { host, port: site.ws_port.unwrap_or(own), path, secure, peer: site.peer }
        }
        None => ArchiveAddress { host, port: DEFAULT_WS_PORT, path: "/".to_owned(), secure, peer: None },
    };
    address.multiaddr().ok_or_else(|| "this page has no address; open it from the archive".to_owned())
}

async fn ask(window: &Window) -> Option<Site> {
    let response = JsFuture::from(window.fetch_with_str(FILE)).await.ok()?.dyn_into::<Response>().ok()?;
    if !response.ok() {
        return None;
    }
    let text = JsFuture::from(response.text().ok()?).await.ok()?.as_string()?;
    let site = Some(text).filter(|text| text.len() <= FILE_MAX).and_then(|text| serde_json::from_str(&text).ok());
    if site.is_none() {
        tracing::warn!("{FILE} is not understood; the usual port is tried");
    }
    site
}
