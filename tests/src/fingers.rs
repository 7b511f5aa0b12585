//! A browser as phones have it, and what fingers, wheels and input methods do in it, through Chromium's own
//! [protocol](https://chromedevtools.github.io/devtools-protocol/).

use serde_json::{Value, json};
use std::time::Duration;

use crate::browser::Browser;

/// A phone's screen, in pixels of a page.
pub const PHONE: (u32, u32) = (390, 844);
/// How long a tap lasts.
const TAP: Duration = Duration::from_millis(60);

impl Browser {
    /// Behaves like a phone from the next page on.
    pub async fn is_a_phone(&self) {
        let (width, height) = PHONE;
        let screen = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": true });
        self.devtools("Emulation.setDeviceMetricsOverride", &screen).await;
        self.devtools("Emulation.setTouchEmulationEnabled", &json!({ "enabled": true, "maxTouchPoints": 5 })).await;
    }

    /// Prefers light or dark.
    pub async fn prefers(&self, scheme: &str) {
        let wanted = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        self.devtools("Emulation.setEmulatedMedia", &wanted).await;
    }

    /// Touches the page for a moment.
    pub async fn taps(&self, (x, y): (u32, u32)) {
        let points = json!({ "type": "touchStart", "touchPoints": [{ "x": x, "y": y }] });
        self.devtools("Input.dispatchTouchEvent", &points).await;
        // A person's finger, not the test's patience.
        tokio::time::sleep(TAP).await;
        self.devtools("Input.dispatchTouchEvent", &json!({ "type": "touchEnd", "touchPoints": [] })).await;
    }

    /// Clicks with the mouse.
    pub async fn clicks(&self, (x, y): (u32, u32)) {
        for (kind, button) in [("mouseMoved", "none"), ("mousePressed", "left"), ("mouseReleased", "left")] {
            let event = json!({ "type": kind, "x": x, "y": y, "button": button, "clickCount": 1 });
            self.devtools("Input.dispatchMouseEvent", &event).await;
        }
    }

    /// Writes with an input method: the text on its way, step by step, and then what was chosen.
    pub async fn composes(&self, steps: &[&str], chosen: &str) {
        for step in steps {
            let long = step.encode_utf16().count();
            let text = json!({ "text": step, "selectionStart": long, "selectionEnd": long });
            self.devtools("Input.imeSetComposition", &text).await;
        }
        self.devtools("Input.insertText", &json!({ "text": chosen })).await;
    }

    /// What a script says in the end, as a text.
    pub async fn says(&self, script: &str) -> String {
        match self.script(script).await {
            Value::String(text) => text,
            other => other.to_string(),
        }
    }
}
