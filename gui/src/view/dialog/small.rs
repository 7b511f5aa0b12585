//! Dialogs of a few lines.

use egui::{Context, RichText};
use parlor_protocol::EntryId;

use crate::{
    model::Model,
    theme::{self, space},
    view::{Action, Sight, members as members_view},
    widgets::{dialog, plain_button, warn_button},
    words,
};

/// Asks before a message is deleted.
pub(super) fn delete(ctx: &Context, model: &Model, message: EntryId) -> Vec<Action> {
    let mut actions = Vec::new();
    let closed = dialog(ctx, "Delete this message?", |ui| {
        let palette = theme::palette(ui.visuals());
        if let Some(message) = model.open_chat().and_then(|chat| chat.timeline.find(message)) {
            ui.label(RichText::new(format!("“{}”", words::one_line(message, 160))).color(palette.text));
        }
        let text = "It disappears for everybody. Who read it already may remember it or have copied it.";
        ui.label(RichText::new(text).color(palette.soft));
        ui.add_space(space::S);
        ui.horizontal(|ui| {
            if warn_button(ui, "Delete").clicked() {
                actions.push(Action::DeleteNow(message));
                actions.push(Action::CloseDialog);
            }
            if plain_button(ui, "Keep").clicked() {
                actions.push(Action::CloseDialog);
            }
        });
    });
    if closed {
        actions.push(Action::CloseDialog);
    }
    actions
}

/// The members, where the window has no column for them.
pub(super) fn members(ctx: &Context, model: &Model, sight: &Sight) -> Vec<Action> {
    let mut actions = Vec::new();
    let closed = dialog(ctx, "Members", |ui| {
        if let Some(chat) = model.open_chat() {
            actions.extend(members_view(ui, chat, sight));
        }
    });
    if closed {
        actions.push(Action::CloseDialog);
    }
    actions
}
