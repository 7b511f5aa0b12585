//! How this machine is connected: what is in the way, who is reached how, where it listens.

use egui::{
    Align, Context, CornerRadius, Frame, Layout, Margin, Rect, RichText, Sense, Ui, Vec2, WidgetInfo, WidgetType, vec2,
};
use parlor_node::Peer;

use crate::{
    model::Model,
    theme::{self, radius, size, space},
    view::{Action, dialog::Dialog},
    widgets::{Icon, avatar, dialog, hint_line, icon_button, plain_button, section},
    words,
};

pub(super) fn show(ctx: &Context, model: &Model) -> Vec<Action> {
    let mut actions = Vec::new();
    if dialog(ctx, "Connection", |ui| actions.extend(content(ui, model))) {
        actions.push(Action::CloseDialog);
    }
    actions
}

fn content(ui: &mut Ui, model: &Model) -> Vec<Action> {
    let palette = theme::palette(ui.visuals());
    let mut actions = Vec::new();
    let connection = &model.connection;
    let (archives, machines): (Vec<_>, Vec<_>) = connection.peers.iter().partition(|peer| peer.archive);
    for hint in &connection.hints {
        hint_line(ui, hint);
    }
    section(ui, "Archive");
    if archives.is_empty() {
        let text = "None in sight. Messages go from machine to machine; who is away gets them when someone who has them is there.";
        ui.label(RichText::new(text).size(size::SMALL + 0.5).color(palette.soft));
    }
    for peer in archives {
        row(ui, peer);
    }
    section(ui, "Machines");
    if machines.is_empty() {
        let text = "No other machine in sight yet. Machines on this network appear by themselves. If one does not, add its address in Settings.";
        ui.label(RichText::new(text).size(size::SMALL + 0.5).color(palette.soft));
        if plain_button(ui, "Add an address").clicked() {
            actions.push(Action::Open(Dialog::settings(model)));
        }
    }
    for peer in machines {
        row(ui, peer);
    }
    section(ui, "Others reach this machine at");
    if connection.listening.is_empty() {
        ui.label(RichText::new("No address yet.").size(size::SMALL + 0.5).color(palette.soft));
    }
    for address in &connection.listening {
        ui.horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = space::XS;
            let room = ui.available_width() - 42.0;
            ui.allocate_ui(vec2(room, 20.0), |ui| {
                ui.set_width(room);
                ui.add(
                    egui::Label::new(RichText::new(address).size(size::SMALL).monospace().color(palette.text))
                        .truncate(),
                );
            });
            if icon_button(ui, Icon::Copy, &format!("Copy {address}"), "").clicked() {
                actions.push(Action::Copy { text: address.clone(), what: "Address" });
            }
        });
    }
    actions
}

fn row(ui: &mut Ui, peer: &Peer) {
    let palette = theme::palette(ui.visuals());
    let frame = Frame::new()
        .fill(palette.side)
        .corner_radius(CornerRadius::same(radius::M))
        .inner_margin(Margin::symmetric(12, 8));
    let shown = frame.show(ui, |ui| {
        ui.set_width(ui.available_width());
        ui.horizontal(|ui| {
            let (face, _) = ui.allocate_exact_size(Vec2::splat(32.0), Sense::hover());
            if peer.archive {
                ui.painter().rect_filled(face, CornerRadius::same(9), palette.chosen);
                Icon::Box.paint(ui.painter(), Rect::from_center_size(face.center(), Vec2::splat(18.0)), palette.accent);
            } else {
                avatar(ui.painter(), face, peer.device.as_bytes(), &peer.name, false);
            }
            let room = (ui.available_width() - 120.0).max(60.0);
            ui.allocate_ui(vec2(room, 36.0), |ui| {
                ui.vertical(|ui| {
                    ui.set_width(room);
                    ui.spacing_mut().item_spacing.y = 1.0;
                    ui.add(egui::Label::new(RichText::new(&peer.name).color(palette.text)).truncate());
                    let address = RichText::new(&peer.address).size(size::TINY).color(palette.faint);
                    ui.add(egui::Label::new(address).truncate());
                });
            });
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                ui.label(RichText::new(words::reach(peer)).size(size::SMALL).color(palette.soft));
            });
        });
    });
    let kind = if peer.archive { "Archive" } else { "Machine" };
    shown.response.widget_info(|| {
        WidgetInfo::labeled(WidgetType::Label, true, format!("{kind} {}, {}", peer.name, words::reach(peer)))
    });
}
