//! The recovery key of an account that was just made, shown once.

use egui::{RichText, Ui};
use parlor_node::RecoveryWords;

use crate::{
    theme::{self, size, space},
    view::Action,
    widgets::{main_button, plain_button},
};

pub(super) fn show(ui: &mut Ui, words: &RecoveryWords) -> Vec<Action> {
    let mut actions = Vec::new();
    let palette = theme::palette(ui.visuals());
    let text = "Your account is made. This is its recovery key: if you forget the password, only these words open what is \
                in it. Write them down. They are not shown again.";
    ui.label(RichText::new(text).size(size::BODY).color(palette.text));
    ui.add_space(space::XS);
    let list: Vec<&str> = words.expose().split(' ').collect();
    for (row, line) in list.chunks(4).enumerate() {
        // Words have at most eight letters, so the columns stand below each other.
        let number = |(at, word): (usize, &&str)| format!("{:>2} {word:<8}", row * 4 + at + 1);
        let line = line.iter().enumerate().map(number).collect::<Vec<_>>().join("  ");
        ui.label(RichText::new(line.trim_end()).monospace().size(size::SMALL).color(palette.text));
    }
    ui.add_space(space::XS);
    ui.horizontal(|ui| {
        if main_button(ui, "I have written it down", true).clicked() {
            actions.push(Action::RecoveryNoted);
        }
        if plain_button(ui, "Copy").clicked() {
            actions.push(Action::Copy { text: words.expose().to_owned(), what: "Recovery key" });
        }
    });
    actions
}
