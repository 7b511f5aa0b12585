//! A quiet line under a room's header: what to know of what is shown, without a warning's noise.

use egui::{Frame, Label, Margin, Panel, RichText, Ui};
use parlor_protocol::RoomId;

use crate::{
    model::Model,
    theme::{self, size},
    words,
};

/// Draws the line, where there is something to say. It goes by itself.
pub fn quiet(ui: &mut Ui, model: &Model, room: RoomId) {
    let Some(text) = model.summary(room).and_then(words::quiet) else { return };
    let palette = theme::palette(ui.visuals());
    let panel = Panel::top("quiet").resizable(false).show_separator_line(false);
    panel.frame(Frame::NONE.inner_margin(Margin::symmetric(16, 6))).show(ui, |ui| {
        ui.add(Label::new(RichText::new(text).size(size::SMALL).color(palette.soft)).wrap());
    });
}
