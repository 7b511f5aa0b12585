//! Whether the person looks at this page. egui only knows whether the canvas has the focus within the page,
//! which it keeps while another window is in front.

use egui::Context;
use wasm_bindgen::{JsCast as _, closure::Closure};

/// What may change it.
const EVENTS: [&str; 3] = ["focus", "blur", "visibilitychange"];

/// Whether this page is in front.
pub(super) fn is_here() -> bool {
    let document = web_sys::window().and_then(|window| window.document());
    document.is_some_and(|document| !document.hidden() && document.has_focus().unwrap_or(true))
}

/// Draws anew whenever that changes, for as long as the page is there.
pub(super) fn watch(ctx: &Context) {
    let Some(window) = web_sys::window() else { return };
    let ctx = ctx.clone();
    let changed = Closure::<dyn Fn()>::new(move || ctx.request_repaint());
    for event in EVENTS {
        let _ = window.add_event_listener_with_callback(event, changed.as_ref().unchecked_ref());
    }
    // The page needs it until it is closed.
    changed.forget();
}

/// Whether fingers are what this page is used with.
pub(super) fn is_touched() -> bool {
    let query = web_sys::window().and_then(|window| window.match_media("(pointer: coarse)").ok().flatten());
    query.is_some_and(|query| query.matches())
}
