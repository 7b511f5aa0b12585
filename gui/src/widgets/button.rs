//! Buttons. Each has a name for screen readers and a visible focus ring.

use egui::{
    Color32, CornerRadius, Response, RichText, Sense, Stroke, StrokeKind, Ui, Vec2, WidgetInfo, WidgetType, vec2,
};

use super::Icon;
use crate::theme::{self, radius, size};

/// A side of a button with a picture, for a mouse.
pub const ICON_BUTTON: f32 = 34.0;

/// The one thing to do on a screen.
pub fn main_button(ui: &mut Ui, text: &str, enabled: bool) -> Response {
    let palette = theme::palette(ui.visuals());
    filled(ui, text, enabled, palette.accent, palette.accent_hover, palette.on_accent)
}

/// Something that cannot be undone.
pub fn warn_button(ui: &mut Ui, text: &str) -> Response {
    let palette = theme::palette(ui.visuals());
    let ground = palette.ground;
    filled(ui, text, true, palette.bad, palette.bad.gamma_multiply(0.85), ground)
}

/// Something else to do.
pub fn plain_button(ui: &mut Ui, text: &str) -> Response {
    let palette = theme::palette(ui.visuals());
    filled(ui, text, true, palette.button, palette.chosen, palette.text)
}

fn filled(ui: &mut Ui, text: &str, enabled: bool, fill: Color32, hover: Color32, on: Color32) -> Response {
    let galley = ui.painter().layout_no_wrap(text.to_owned(), theme::font(size::BODY), on);
    let wanted = vec2(galley.size().x + 32.0, theme::reach(ui, 36.0));
    let sense = if enabled { Sense::click() } else { Sense::hover() };
    let (rect, response) = ui.allocate_exact_size(wanted, sense);
    response.widget_info(|| WidgetInfo::labeled(WidgetType::Button, enabled, text));
    if ui.is_rect_visible(rect) {
        let palette = theme::palette(ui.visuals());
        let (fill, on) = match (enabled, response.hovered() || response.has_focus()) {
            (true, true) => (hover, on),
            (true, false) => (fill, on),
            (false, _) => (palette.button, palette.faint),
        };
        ui.painter().rect_filled(rect, CornerRadius::same(radius::S), fill);
        let at = rect.center() - galley.size() / 2.0;
        ui.painter().galley_with_override_text_color(at, galley, on);
        ring(ui, &response, rect, radius::S);
    }
    if enabled { response.on_hover_cursor(egui::CursorIcon::PointingHand) } else { response }
}

/// Words that act as a button.
pub fn link_button(ui: &mut Ui, text: &str) -> Response {
    let palette = theme::palette(ui.visuals());
    let button = egui::Button::new(RichText::new(text).color(palette.link)).frame(false);
    ui.add(button).on_hover_cursor(egui::CursorIcon::PointingHand)
}

/// A square button with a picture. The name is its tooltip and what screen readers say.
pub fn icon_button(ui: &mut Ui, icon: Icon, name: &str, shortcut: &str) -> Response {
    let palette = theme::palette(ui.visuals());
    let side = theme::reach(ui, ICON_BUTTON);
    let (rect, response) = ui.allocate_exact_size(Vec2::splat(side), Sense::click());
    response.widget_info(|| WidgetInfo::labeled(WidgetType::Button, true, name));
    if ui.is_rect_visible(rect) {
        if response.hovered() || response.has_focus() {
            ui.painter().rect_filled(rect, CornerRadius::same(radius::S), palette.hover);
        }
        let color = if response.hovered() { palette.text } else { palette.soft };
        icon.paint(ui.painter(), egui::Rect::from_center_size(rect.center(), Vec2::splat(18.0)), color);
        ring(ui, &response, rect, radius::S);
    }
    let tip = if shortcut.is_empty() { name.to_owned() } else { format!("{name} ({shortcut})") };
    response.on_hover_cursor(egui::CursorIcon::PointingHand).on_hover_text(tip)
}

/// The ring around what has the keyboard.
pub(crate) fn ring(ui: &Ui, response: &Response, rect: egui::Rect, corner: u8) {
    if response.has_focus() {
        let stroke = Stroke::new(2.0, theme::palette(ui.visuals()).accent);
        ui.painter().rect_stroke(rect, CornerRadius::same(corner), stroke, StrokeKind::Inside);
    }
}
