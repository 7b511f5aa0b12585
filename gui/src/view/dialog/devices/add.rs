//! The code that a new device is linked with: as text, as a picture, and how long it works.

use egui::{RichText, Ui};
use parlor_node::DeviceCommand;
use parlor_protocol::LinkCode;

use super::{DevicesPage, Part};
use crate::{
    model::{Model, Offer},
    theme::{self, size, space},
    view::{Action, Sight, dialog::code},
    widgets::{QrPicture, error_line, good_line, hint_line, main_button, plain_button, qr},
    words,
};

/// Asks for a code.
pub(super) fn offer(sight: &Sight) -> Option<Action> {
    sight.device_name().map(|label| Action::Device(Box::new(DeviceCommand::Offer { label })))
}

impl DevicesPage {
    pub(super) fn add(&mut self, ui: &mut Ui, model: &Model, sight: &Sight, actions: &mut Vec<Action>) -> Option<Part> {
        let palette = theme::palette(ui.visuals());
        if let Some(problem) = &model.devices.problem {
            error_line(ui, problem);
        }
        let mut is_shown = false;
        match &model.devices.offer {
            Offer::Making => {
                ui.label(RichText::new("Making a code").color(palette.soft));
            }
            Offer::Shown { code, expires } if *expires > sight.now_ms => {
                is_shown = true;
                actions.extend(self.code(ui, code, expires - sight.now_ms));
            }
            Offer::Used { label } => {
                good_line(ui, &format!("Linked: {}. Your rooms are on their way to it.", words::shorten(label, 48)));
            }
            Offer::Shown { .. } => hint_line(ui, "This code does not work any more."),
            Offer::None => {}
        }
        ui.add_space(space::S);
        let mut next = None;
        ui.horizontal(|ui| {
            let again = matches!(model.devices.offer, Offer::Shown { .. } | Offer::None) && !is_shown;
            if again && main_button(ui, "Show a new code", true).clicked() {
                actions.extend(offer(sight));
            }
            if is_shown && plain_button(ui, "Take the code back").clicked() {
                actions.push(Action::Device(Box::new(DeviceCommand::CancelOffer)));
                next = Some(Part::List);
            }
            if plain_button(ui, "Back").clicked() {
                next = Some(Part::List);
            }
        });
        next
    }

    fn code(&mut self, ui: &mut Ui, shown: &LinkCode, left: u64) -> Option<Action> {
        let palette = theme::palette(ui.visuals());
        let text = "On the new device choose “I use Parlor on another device” and type this code. Whoever types it becomes \
                    you: show it to nobody.";
        ui.label(RichText::new(text).color(palette.soft));
        ui.add_space(space::S);
        if self.picture.as_ref().is_none_or(|(known, _)| known != shown) {
            self.picture = Some((shown.clone(), QrPicture::of(&shown.link())));
        }
        ui.vertical_centered(|ui| {
            if let Some((_, picture)) = &self.picture {
                qr(ui, picture, 180.0, "QR picture of the code");
            }
            ui.add_space(space::S);
            code::large(ui, &shown.to_string());
        });
        ui.add_space(space::S);
        let text = format!("It works once, and for {}.", words::time_left(left));
        ui.label(RichText::new(text).size(size::SMALL).color(palette.soft));
        let copy = plain_button(ui, "Copy code").clicked();
        copy.then(|| Action::Copy { text: shown.to_string(), what: "Code" })
    }
}
