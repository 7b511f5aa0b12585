//! The part of the page that can be seen, and the colour around the canvas. Safari on phones does not make the page smaller when its keyboard
//! comes, it lays the keyboard over it: then the canvas is made as large as what is left.

use wasm_bindgen::{JsCast as _, closure::Closure};
use web_sys::{HtmlCanvasElement, VisualViewport};

/// Less than this, in pixels, is no keyboard.
const KEYBOARD_MIN: f64 = 60.0;
/// Nearer than this the page was not made larger with two fingers.
const SCALE_NEAR: f64 = 0.01;

/// Fits the canvas whenever the keyboard comes or goes, for as long as the page is there.
pub(super) fn fit(canvas: HtmlCanvasElement) {
    let Some(seen) = web_sys::window().and_then(|window| window.visual_viewport()) else { return };
    let target = seen.clone();
    let changed = Closure::<dyn Fn()>::new(move || fit_once(&canvas, &seen));
    for event in ["resize", "scroll"] {
        let _ = target.add_event_listener_with_callback(event, changed.as_ref().unchecked_ref());
    }
    // The page needs it until it is closed.
    changed.forget();
}

/// What is around the canvas, beside a phone's camera and rounded corners, has the colour of the app.
pub(super) fn set_ground(ground: egui::Color32) {
    let body = web_sys::window().and_then(|window| window.document()).and_then(|document| document.body());
    if let Some(body) = body {
        let [red, green, blue, _] = ground.to_array();
        let _ = body.style().set_property("background", &format!("rgb({red}, {green}, {blue})"));
    }
}

fn fit_once(canvas: &HtmlCanvasElement, seen: &VisualViewport) {
    let whole = web_sys::window().and_then(|window| window.inner_height().ok()).and_then(|height| height.as_f64());
    let is_covered =
        whole.is_some_and(|whole| whole - seen.height() > KEYBOARD_MIN) && (seen.scale() - 1.0).abs() < SCALE_NEAR;
    let style = canvas.style();
    if is_covered {
        let _ = style.set_property("height", &format!("{}px", seen.height()));
        let _ = style.set_property("top", &format!("{}px", seen.offset_top()));
    } else {
        // As the page's style has it.
        let _ = style.remove_property("height");
        let _ = style.remove_property("top");
    }
}
