//! The page around the app: its address, its storage, its title, its parts.

use crate::agent;
use wasm_bindgen::{JsCast as _, closure::Closure};
use web_sys::{Event, EventTarget, HtmlCanvasElement, Storage};

/// The canvas that the app is drawn on. `gui/web/index.html` has it.
const CANVAS: &str = "parlor";
/// What covers the canvas while the program loads, by `gui/web/load.js`.
const LOADING: &str = "loading";
/// Where the page says what it is called, so that it can be told from a newer one.
const NAMED: &str = "meta[name=parlor-page]";
/// Where the page names the script that begins a worker, and has it loaded before it is needed.
const WORKER: &str = "link[rel=modulepreload]";
/// Longest value that is read from the page's storage.
const STORED_MAX: usize = 64 * 1024;

/// The canvas.
pub(super) fn canvas() -> Option<HtmlCanvasElement> {
    let canvas = web_sys::window()?.document()?.get_element_by_id(CANVAS)?;
    canvas.dyn_into().ok()
}

/// Takes away what covered the canvas.
pub(super) fn uncover() {
    let document = web_sys::window().and_then(|window| window.document());
    if let Some(cover) = document.and_then(|document| document.get_element_by_id(LOADING)) {
        cover.remove();
    }
}

/// The title of the browser's tab.
pub(super) fn set_title(title: &str) {
    if let Some(document) = web_sys::window().and_then(|window| window.document()) {
        document.set_title(title);
    }
}

/// The code in a link such as `http://archive/#7KQ2-...`. It is taken out of the address at once, so
/// that it does not stay in the browser's history. Browsers never send this part to anybody.
pub(super) fn take_code() -> Option<String> {
    let window = web_sys::window()?;
    let location = window.location();
    let hash = location.hash().ok()?;
    let code = hash.strip_prefix('#').filter(|code| !code.is_empty())?.to_owned();
    let bare = location.pathname().unwrap_or_else(|_| "/".to_owned());
    if let Ok(history) = window.history() {
        let _ = history.replace_state_with_url(&wasm_bindgen::JsValue::NULL, "", Some(&bare));
    }
    Some(code)
}

/// The page's own address, without what is behind `#`: `http://192.168.1.5:47803/`.
pub(super) fn address() -> Option<String> {
    let location = web_sys::window()?.location();
    Some(format!("{}{}", location.origin().ok()?, location.pathname().ok()?))
}

/// What this browser is called among a person's devices.
pub(super) fn machine() -> String {
    let agent = web_sys::window().and_then(|window| window.navigator().user_agent().ok());
    agent::device_name(&agent.unwrap_or_default())
}

/// What this state of the page is called; none where it was not put together by our build.
pub(super) fn own_name() -> Option<String> {
    let name = web_sys::window()?.document()?.query_selector(NAMED).ok()??.get_attribute("content")?;
    Some(name).filter(|name| !name.is_empty())
}

/// The script that begins a worker.
pub(super) fn worker_script() -> Option<String> {
    web_sys::window()?.document()?.query_selector(WORKER).ok()??.get_attribute("href")
}

/// Whether nobody sees the page now.
pub(super) fn is_hidden() -> bool {
    web_sys::window().and_then(|window| window.document()).is_some_and(|document| document.hidden())
}

fn storage() -> Option<Storage> {
    // Refused where a person forbids pages to keep anything.
    web_sys::window()?.local_storage().ok()?
}

/// What is kept as long as the tab is open, also when the page is loaded anew.
fn storage_of_tab() -> Option<Storage> {
    web_sys::window()?.session_storage().ok()?
}

/// A value that the tab keeps; `None` when the browser does not let it.
pub(super) fn stored_by_tab(key: &str) -> Option<String> {
    let value = storage_of_tab()?.get_item(key).ok()?.unwrap_or_default();
    Some(value).filter(|value| value.len() <= STORED_MAX)
}

/// Lets the tab keep a value. False when the browser does not.
pub(super) fn store_by_tab(key: &str, value: &str) -> bool {
    storage_of_tab().is_some_and(|storage| storage.set_item(key, value).is_ok())
}

/// A value from the page's storage.
pub(super) fn stored(key: &str) -> Option<String> {
    storage()?.get_item(key).ok()?.filter(|value| value.len() <= STORED_MAX)
}

/// Keeps a value in the page's storage. False when the browser does not.
pub(super) fn store(key: &str, value: &str) -> bool {
    storage().is_some_and(|storage| storage.set_item(key, value).is_ok())
}

/// Takes a value out of the page's storage.
pub(super) fn remove(key: &str) {
    if let Some(storage) = storage() {
        // Where nothing can be removed nothing was kept.
        let _ = storage.remove_item(key);
    }
}

/// What the browser calls it when a page is shown or hidden.
const VISIBILITY: &str = "visibilitychange";

/// Hears that the page is shown again or the network is back, until it is dropped.
pub(super) struct Returning {
    closure: Closure<dyn FnMut(Event)>,
}

/// Where and as what the browser says so.
fn returns() -> [(Option<EventTarget>, &'static str); 3] {
    let window = web_sys::window();
    let document = window.as_ref().and_then(web_sys::Window::document);
    let (window, document) = (window.map(EventTarget::from), document.map(EventTarget::from));
    [(window.clone(), "online"), (window, "pageshow"), (document, VISIBILITY)]
}

impl Returning {
    /// Begins to listen.
    pub(super) fn hear(mut then: impl FnMut() + 'static) -> Self {
        let closure = Closure::<dyn FnMut(Event)>::new(move |event: Event| {
            // Going out of sight is the same event as coming back.
            if event.type_() != VISIBILITY || !is_hidden() {
                then();
            }
        });
        for (target, name) in returns() {
            if let Some(target) = target {
                let _ = target.add_event_listener_with_callback(name, closure.as_ref().unchecked_ref());
            }
        }
        Self { closure }
    }
}

impl Drop for Returning {
    fn drop(&mut self) {
        for (target, name) in returns() {
            if let Some(target) = target {
                let _ = target.remove_event_listener_with_callback(name, self.closure.as_ref().unchecked_ref());
            }
        }
    }
}

/// What browsers call it when a page goes, to be closed or kept aside, and when it comes.
const GOES: &str = "pagehide";
const COMES: &str = "pageshow";

/// Hears that the page goes away, until it is dropped.
pub(super) struct Leaving {
    closure: Closure<dyn FnMut(Event)>,
}

impl Leaving {
    /// Begins to listen. `then` is for what is over with the page: one that the browser kept aside and
    /// shows again is loaded anew.
    pub(super) fn hear(mut then: impl FnMut() + 'static) -> Self {
        let mut has_left = false;
        let closure = Closure::<dyn FnMut(Event)>::new(move |event: Event| {
            if event.type_() == GOES {
                has_left = true;
                then();
            } else if has_left {
                reload(None);
            }
        });
        if let Some(window) = web_sys::window() {
            for name in [GOES, COMES] {
                let _ = window.add_event_listener_with_callback(name, closure.as_ref().unchecked_ref());
            }
        }
        Self { closure }
    }
}

impl Drop for Leaving {
    fn drop(&mut self) {
        if let Some(window) = web_sys::window() {
            for name in [GOES, COMES] {
                let _ = window.remove_event_listener_with_callback(name, self.closure.as_ref().unchecked_ref());
            }
        }
    }
}

/// Waits for some milliseconds.
pub(super) async fn pause(millis: i32) {
    let promise = js_sys::Promise::new(&mut |resolve, _| {
        if let Some(window) = web_sys::window() {
            let _ = window.set_timeout_with_callback_and_timeout_and_arguments_0(&resolve, millis);
        }
    });
    // It cannot be refused.
    let _ = wasm_bindgen_futures::JsFuture::from(promise).await;
}

/// Loads the page anew. A code that nobody used yet is put back where it came from.
pub(super) fn reload(code: Option<&str>) {
    let Some(window) = web_sys::window() else { return };
    if let (Some(code), Ok(history)) = (code, window.history()) {
        let _ = history.replace_state_with_url(&wasm_bindgen::JsValue::NULL, "", Some(&format!("#{code}")));
    }
    let _ = window.location().reload();
}
