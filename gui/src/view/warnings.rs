//! Warnings about people of the open room. They stay until they are taken away.

use egui::{CornerRadius, Frame, Margin, Panel, RichText, Ui, Vec2};
use parlor_protocol::RoomId;

use super::Action;
use crate::{
    model::Model,
    theme::{self, radius, size, space},
    widgets::{Icon, icon_button, link_button},
};

/// Draws the warnings of a room, newest first.
pub fn warnings(ui: &mut Ui, model: &Model, room: RoomId) -> Vec<Action> {
    let mut actions = Vec::new();
    let Some(warned) = model.people.warned.iter().rev().find(|warned| warned.room == room) else { return actions };
    let palette = theme::palette(ui.visuals());
    let panel = Panel::top("warnings").resizable(false).show_separator_line(false);
    let margin = Margin::symmetric(12, 6);
    panel.frame(Frame::NONE.inner_margin(margin)).show(ui, |ui| {
        let frame = Frame::new()
            .fill(palette.warn_ground)
            .corner_radius(CornerRadius::same(radius::S))
            .inner_margin(Margin::symmetric(12, 6));
        frame.show(ui, |ui| {
            ui.horizontal(|ui| {
                let (icon, _) = ui.allocate_exact_size(Vec2::splat(20.0), egui::Sense::hover());
                Icon::Alert.paint(ui.painter(), icon, palette.warn);
                let room = (ui.available_width() - 120.0).max(80.0);
                ui.vertical(|ui| {
                    ui.set_width(room);
                    let text = RichText::new(&warned.text).size(size::SMALL + 0.5).color(palette.text);
                    ui.add(egui::Label::new(text).wrap());
                });
                if link_button(ui, "Who is this?").clicked() {
                    actions.push(Action::OpenPerson(warned.user));
                }
                ui.add_space(space::XS);
                if icon_button(ui, Icon::Cross, "Dismiss warning", "").clicked() {
                    actions.push(Action::DismissWarning(warned.id));
                }
            });
        });
    });
    actions
}
