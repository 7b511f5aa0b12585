//! Where a link really leads, before it is opened.

use egui::{Context, RichText, TextStyle};

use crate::{
    links::{Doubt, Target},
    theme::{self, space},
    view::Action,
    widgets::{dialog, plain_button, warn_button},
};

const fn why(doubt: Doubt) -> &'static str {
    match doubt {
        Doubt::Invisible => "It has letters that cannot be seen.",
        Doubt::LookAlike => "Its host has letters that look like others, or is written in an unusual way.",
        Doubt::UserInfo => "What stands before the @ is not where it leads.",
        Doubt::Port => "It leads to an unusual port.",
    }
}

/// Shows the host of a link that could deceive, and asks.
pub(super) fn show(ctx: &Context, target: &Target) -> Vec<Action> {
    let mut actions = Vec::new();
    let closed = dialog(ctx, "Open this link?", |ui| {
        let palette = theme::palette(ui.visuals());
        let is_mail = target.url.starts_with("mailto:");
        ui.label(RichText::new(if is_mail { "It writes a mail to" } else { "It leads to" }).color(palette.soft));
        ui.label(RichText::new(&target.host).strong().color(palette.text));
        if target.ascii != target.host {
            ui.label(RichText::new("in plain letters").color(palette.soft));
            ui.label(RichText::new(&target.ascii).text_style(TextStyle::Monospace).color(palette.text));
        }
        ui.add_space(space::S);
        for doubt in &target.doubts {
            ui.label(RichText::new(why(*doubt)).color(palette.warn));
        }
        ui.add_space(space::S);
        ui.label(RichText::new(&target.url).text_style(TextStyle::Monospace).color(palette.soft));
        ui.add_space(space::S);
        ui.horizontal(|ui| {
            if warn_button(ui, "Open").clicked() {
                actions.push(Action::OpenNow(target.url.clone()));
                actions.push(Action::CloseDialog);
            }
            if plain_button(ui, "Copy").clicked() {
                actions.push(Action::Copy { text: target.url.clone(), what: "The link" });
                actions.push(Action::CloseDialog);
            }
            if plain_button(ui, "Cancel").clicked() {
                actions.push(Action::CloseDialog);
            }
        });
    });
    if closed {
        actions.push(Action::CloseDialog);
    }
    actions
}
