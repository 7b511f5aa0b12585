//! Keys that the app has and browsers too: the app's meaning counts. Some are left to the browser, see
//! `App::shortcuts`.

use wasm_bindgen::{JsCast as _, closure::Closure};
use web_sys::{AddEventListenerOptions, KeyboardEvent};

/// With Ctrl: go to a room, join, search, share.
const OURS: [&str; 4] = ["k", "j", "f", "i"];

/// Keeps the browser from doing something else with them, for as long as the page is there.
pub(super) fn keep() {
    let Some(window) = web_sys::window() else { return };
    let pressed = Closure::<dyn Fn(KeyboardEvent)>::new(|event: KeyboardEvent| {
        let alone = (event.ctrl_key() || event.meta_key()) && !event.shift_key() && !event.alt_key();
        if alone && OURS.contains(&event.key().as_str()) {
            event.prevent_default();
        }
    });
    let first = AddEventListenerOptions::new();
    first.set_capture(true);
    let callback = pressed.as_ref().unchecked_ref();
    let _ = window.add_event_listener_with_callback_and_add_event_listener_options("keydown", callback, &first);
    // The page needs it until it is closed.
    pressed.forget();
}

/// What egui must leave to the browser: making the page larger and smaller with the wheel.
pub(super) fn is_the_browsers(event: &egui::Event) -> bool {
    match event {
        egui::Event::Zoom(_) => true,
        egui::Event::MouseWheel { modifiers, .. } => modifiers.ctrl || modifiers.command,
        _ => false,
    }
}
