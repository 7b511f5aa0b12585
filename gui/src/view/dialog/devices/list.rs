//! A line for each of the own devices.

use egui::{Align, Label, Layout, RichText, Ui, vec2};
use parlor_node::OwnDevice;

use crate::{
    theme::{self, size},
    view::Sight,
    widgets::{Icon, icon_button},
    words,
};

/// Room for the buttons beside a device.
const BUTTONS: f32 = 88.0;

/// What is to be done with a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pressed {
    Rename,
    Revoke,
}

pub(super) fn row(ui: &mut Ui, device: &OwnDevice, sight: &Sight) -> Option<Pressed> {
    let palette = theme::palette(ui.visuals());
    let mut pressed = None;
    ui.horizontal(|ui| {
        let room = (ui.available_width() - BUTTONS).max(60.0);
        ui.allocate_ui(vec2(room, 40.0), |ui| {
            ui.set_width(room);
            ui.vertical(|ui| {
                ui.spacing_mut().item_spacing.y = 1.0;
                let color = if device.revoked.is_some() { palette.faint } else { palette.text };
                ui.add(Label::new(RichText::new(&device.label).color(color)).truncate());
                ui.label(RichText::new(second_line(device, sight)).size(size::SMALL).color(palette.soft));
            });
        });
        if device.revoked.is_some() {
            return;
        }
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            ui.spacing_mut().item_spacing.x = 4.0;
            if device.own {
                // The pens stand below each other.
                ui.add_space(38.0);
            } else if icon_button(ui, Icon::Trash, &format!("Revoke {}", device.label), "").clicked() {
                pressed = Some(Pressed::Revoke);
            }
            if icon_button(ui, Icon::Pen, &format!("Rename {}", device.label), "").clicked() {
                pressed = Some(Pressed::Rename);
            }
        });
    });
    pressed
}

fn second_line(device: &OwnDevice, sight: &Sight) -> String {
    let when = |at| words::moment(at, sight.now_ms, &sight.zone);
    if let Some(at) = device.revoked {
        return format!("revoked {}", when(at));
    }
    let seen = match device.last_seen {
        _ if device.own => "this device".to_owned(),
        _ if device.online => "here now".to_owned(),
        Some(at) => format!("last seen {}", when(at)),
        None => "not seen from here yet".to_owned(),
    };
    format!("{seen}, {}", words::count(device.rooms.len(), "room", "rooms"))
}
