//! Fields to write in.

use egui::{Align, CornerRadius, Frame, Margin, Response, Stroke, TextEdit, Ui};

use crate::theme::{self, radius, size, space};

/// Gives a control the name that screen readers say and tests look for.
pub fn name_it(ui: &Ui, response: &Response, name: &str) {
    ui.ctx().accesskit_node_builder(response.id, |node| node.set_label(name.to_owned()));
}

/// A field for one line. `max_chars` bounds what a paste can bring in.
pub fn text_field(ui: &mut Ui, id: &str, text: &mut String, name: &str, hint: &str, max_chars: usize) -> Response {
    line_field(ui, id, text, name, hint, max_chars, false)
}

pub(super) fn line_field(
    ui: &mut Ui,
    id: &str,
    text: &mut String,
    name: &str,
    hint: &str,
    max_chars: usize,
    is_secret: bool,
) -> Response {
    let palette = theme::palette(ui.visuals());
    let id = egui::Id::new(id);
    let focused = ui.memory(|memory| memory.has_focus(id));
    let line = if focused { Stroke::new(1.5, palette.accent) } else { Stroke::new(1.0, palette.line) };
    let frame = Frame::new()
        .fill(palette.field)
        .stroke(line)
        .corner_radius(CornerRadius::same(radius::S))
        .inner_margin(Margin::symmetric(12, if theme::reach(ui, 0.0) > 0.0 { 13 } else { 9 }));
    let edit = TextEdit::singleline(text)
        .id(id)
        .hint_text(hint.to_owned())
        .char_limit(max_chars)
        .password(is_secret)
        .font(theme::font(size::BODY))
        .desired_width((ui.available_width() - space::XL - 2.0).max(60.0))
        .vertical_align(Align::Center)
        .frame(Frame::NONE);
    let response = frame.show(ui, |ui| ui.add(edit)).inner;
    name_it(ui, &response, name);
    response
}
