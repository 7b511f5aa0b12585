//! Coloured initials that stand for a person or a room.

use egui::{Align2, Color32, CornerRadius, Painter, Rect};

use crate::theme;

/// One or two letters of a name.
#[must_use]
pub fn initials(name: &str) -> String {
    let mut words = name.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    let first = words.next().and_then(|word| word.chars().next());
    let last = words.next_back().and_then(|word| word.chars().next());
    let letters: String = first.into_iter().chain(last).flat_map(char::to_uppercase).collect();
    if letters.is_empty() { name.chars().take(1).collect() } else { letters }
}

/// Draws an avatar: round for people, a rounded square for rooms.
pub fn avatar(painter: &Painter, rect: Rect, key: &[u8], name: &str, room: bool) {
    let side = rect.width();
    let corner = if room { side * 0.28 } else { side / 2.0 };
    // Never more than 127 points: avatars are small.
    painter.rect_filled(rect, CornerRadius::from(corner), theme::avatar(key));
    let font = theme::font(side * 0.4);
    painter.text(rect.center(), Align2::CENTER_CENTER, initials(name), font, Color32::WHITE);
}
