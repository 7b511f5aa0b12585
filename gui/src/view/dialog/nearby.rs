//! Who is on the network and wants to be seen; a click begins a conversation of two.

use egui::{Context, RichText};

use crate::{
    model::Model,
    theme::{self, size},
    view::Action,
    widgets::{dialog, plain_button},
    words,
};

/// Draws the list.
pub(super) fn show(ctx: &Context, model: &Model) -> Vec<Action> {
    let mut actions = Vec::new();
    let closed = dialog(ctx, "People nearby", |ui| {
        let palette = theme::palette(ui.visuals());
        let text = "Everybody on this network who uses Parlor and wants to be seen. Whoever does not know you yet is asked first.";
        ui.label(RichText::new(text).color(palette.soft));
        for person in &model.people.nearby {
            let mark = match (person.verified, person.known) {
                (true, _) => ", verified",
                (false, true) => "",
                (false, false) => ", not met yet",
            };
            let name = words::shorten(&person.name, 40);
            if plain_button(ui, &format!("Write to {name}{mark}")).clicked() {
                actions.push(Action::Message(person.user));
            }
        }
        if model.people.nearby.is_empty() {
            let text = "Nobody is seen. Start Parlor on another machine of this network.";
            ui.label(RichText::new(text).size(size::SMALL).color(palette.faint));
        }
    });
    if closed {
        actions.push(Action::CloseDialog);
    }
    actions
}
