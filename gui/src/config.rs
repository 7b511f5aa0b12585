//! What people set about the app itself. Kept by the shell, not by the node.

use parlor_protocol::RoomId;
use serde::{Deserialize, Serialize};

/// Smallest and largest zoom.
pub const ZOOM: std::ops::RangeInclusive<f32> = 0.6..=2.5;

/// Light or dark.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Theme {
    /// As the system.
    #[default]
    System,
    /// Light.
    Light,
    /// Dark.
    Dark,
}

/// How the app looks.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Look {
    /// Light or dark.
    pub theme: Theme,
    /// 1 is the normal size.
    pub zoom: f32,
    /// Whether the column of members is shown where there is room for it.
    pub members: bool,
    /// Whether messages of others are told to the desktop.
    pub notify: bool,
    /// The window's size in points.
    pub window: [f32; 2],
    /// The room that was open last; it is opened again at the next start.
    pub room: Option<RoomId>,
    /// After how many minutes that nobody touched it the app locks itself; never when absent.
    pub lock_after: Option<u32>,
}

impl Default for Look {
    fn default() -> Self {
        Self {
            theme: Theme::System,
            zoom: 1.0,
            members: true,
            notify: true,
            window: [1120.0, 760.0],
            room: None,
            lock_after: None,
        }
    }
}

impl Look {
    /// The same with every number in its bounds: the file may have been edited by hand.
    #[must_use]
    pub fn bounded(mut self) -> Self {
        let fit = |value: f32, low: f32, high: f32, normal: f32| {
            if value.is_finite() { value.clamp(low, high) } else { normal }
        };
        self.lock_after = self.lock_after.map(|minutes| minutes.clamp(1, 24 * 60));
        self.zoom = fit(self.zoom, *ZOOM.start(), *ZOOM.end(), 1.0);
        let [wide, tall] = self.window;
        self.window = [fit(wide, 360.0, 8_000.0, 1120.0), fit(tall, 320.0, 8_000.0, 760.0)];
        self
    }

    /// The theme as egui names it.
    #[must_use]
    pub fn preference(&self) -> egui::ThemePreference {
        match self.theme {
            Theme::System => egui::ThemePreference::System,
            Theme::Light => egui::ThemePreference::Light,
            Theme::Dark => egui::ThemePreference::Dark,
        }
    }
}
