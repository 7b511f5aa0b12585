//! In the place of the field for writing, while somebody asks this person into a room of two.

use egui::{Margin, RichText, Ui};
use parlor_node::RequestAnswer;
use parlor_protocol::RoomId;

use super::Action;
use crate::{
    theme::{self, size, space},
    widgets::{main_button, plain_button, warn_button},
    words,
};

/// Asks what to do with a request.
pub fn request(ui: &mut Ui, room: RoomId, name: &str) -> Vec<Action> {
    let palette = theme::palette(ui.visuals());
    let mut actions = Vec::new();
    egui::Frame::NONE.inner_margin(Margin::symmetric(16, 12)).show(ui, |ui| {
        let name = words::shorten(name, 40);
        let text = format!("{name} wants to write to you. Until you accept, nobody is told that you have read this.");
        ui.label(RichText::new(text).size(size::SMALL + 0.5).color(palette.soft));
        ui.add_space(space::XS);
        ui.horizontal(|ui| {
            if main_button(ui, "Accept", true).clicked() {
                actions.push(Action::AnswerRequest(room, RequestAnswer::Accept));
            }
            if plain_button(ui, "Refuse").clicked() {
                actions.push(Action::AnswerRequest(room, RequestAnswer::Refuse));
            }
            if warn_button(ui, "Block").clicked() {
                actions.push(Action::AnswerRequest(room, RequestAnswer::Block));
            }
        });
    });
    actions
}
