//! Where the account is signed in, and signing another device out.

use egui::{Align, Label, Layout, RichText, Ui, vec2};
use parlor_node::{AccountCommand, AccountDevice};

use super::AccountForm;
use crate::{
    model::Model,
    theme::{self, size, space},
    view::{Action, Sight},
    widgets::{link_button, name_it, plain_button, warn_button},
    words,
};

/// Room for the button beside a device.
const BUTTON: f32 = 84.0;

impl AccountForm {
    pub(super) fn devices(&mut self, ui: &mut Ui, model: &Model, sight: &Sight) -> Vec<Action> {
        if let Some((device, name)) = self.ends.clone() {
            let mut actions = Vec::new();
            ask(ui, &name, |yes| {
                self.ends = None;
                actions.extend(yes.then(|| Action::Account(Box::new(AccountCommand::SignOut { device }))));
            });
            return actions;
        }
        let palette = theme::palette(ui.visuals());
        let text = "Each of them opens your account without the password.";
        ui.label(RichText::new(text).size(size::SMALL).color(palette.soft));
        ui.add_space(space::XS);
        match &model.account.devices {
            Some(devices) => {
                for device in devices {
                    if row(ui, device, sight) {
                        self.ends = Some((device.device, device.name.clone()));
                    }
                }
            }
            None if model.account.problem.is_none() => {
                ui.label(RichText::new("Asking the archive").size(size::SMALL).color(palette.soft));
            }
            None => {}
        }
        ui.add_space(space::S);
        if plain_button(ui, "Back").clicked() {
            self.close(ui.ctx());
        }
        Vec::new()
    }
}

/// A device; true when it is to be signed out.
fn row(ui: &mut Ui, device: &AccountDevice, sight: &Sight) -> bool {
    let palette = theme::palette(ui.visuals());
    ui.horizontal(|ui| {
        let room = (ui.available_width() - BUTTON).max(60.0);
        ui.allocate_ui(vec2(room, 40.0), |ui| {
            ui.set_width(room);
            ui.vertical(|ui| {
                ui.spacing_mut().item_spacing.y = 1.0;
                ui.add(Label::new(RichText::new(&device.name).color(palette.text)).truncate());
                let moment = |at| words::moment(at, sight.now_ms, &sight.zone);
                let since = format!("signed in {}", moment(device.since));
                let second = match device.last_seen {
                    _ if device.own => format!("this device, {since}"),
                    Some(seen) => format!("{since}, last seen {}", moment(seen)),
                    None => since,
                };
                ui.label(RichText::new(second).size(size::SMALL).color(palette.soft));
            });
        });
        let shown = ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            if device.own {
                return false;
            }
            let button = link_button(ui, "Sign out");
            name_it(ui, &button, &format!("Sign out {}", device.name));
            button.clicked()
        });
        shown.inner
    })
    .inner
}

fn ask(ui: &mut Ui, name: &str, answer: impl FnOnce(bool)) {
    let palette = theme::palette(ui.visuals());
    ui.label(RichText::new(format!("Sign out {name}?")).size(size::TITLE).color(palette.text));
    ui.add_space(space::XS);
    let text = "It forgets the account and the rooms that came by it as soon as it meets the archive. What somebody has \
                read or copied there stays known. If the device was stolen, change your password as well.";
    ui.label(RichText::new(text).color(palette.soft));
    ui.add_space(space::M);
    ui.horizontal(|ui| {
        let yes = warn_button(ui, "Sign out").clicked();
        let no = plain_button(ui, "Back").clicked();
        if yes || no {
            answer(yes);
        }
    });
}
