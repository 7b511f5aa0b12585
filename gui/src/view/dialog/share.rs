//! Shows a room's code to give to others: to read out, to copy, to scan.

use egui::{Context, RichText, Ui};
use parlor_protocol::{RoomCode, RoomId};

use super::code;
use crate::{
    model::Model,
    theme::{self, size, space},
    view::{Action, dialog::Facts},
    widgets::{QrPicture, dialog, main_button, plain_button, qr},
};

/// The picture of the code, made once. It is a secret, so `Debug` does not show it.
#[derive(Clone)]
pub struct Share {
    room: RoomId,
    picture: Option<(RoomCode, QrPicture)>,
}

impl std::fmt::Debug for Share {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Share({:?})", self.room)
    }
}

impl Share {
    pub(super) fn new(room: RoomId) -> Self {
        Self { room, picture: None }
    }

    /// The room whose code is shown.
    #[must_use]
    pub fn room(&self) -> RoomId {
        self.room
    }

    pub(super) fn show(&mut self, ctx: &Context, model: &Model, facts: Facts<'_>) -> Vec<Action> {
        let mut actions = Vec::new();
        let code = model.chat(self.room).and_then(|chat| chat.code.as_ref());
        let name = model.summary(self.room).map_or("this room", |summary| summary.name.as_str());
        let closed = dialog(ctx, "Share this room", |ui| match code {
            None => {
                ui.label("Making a code");
            }
            Some(code) => actions.extend(self.code(ui, code, name, facts)),
        });
        if closed {
            actions.push(Action::CloseDialog);
        }
        actions
    }

    fn code(&mut self, ui: &mut Ui, code: &RoomCode, name: &str, facts: Facts<'_>) -> Vec<Action> {
        let palette = theme::palette(ui.visuals());
        let mut actions = Vec::new();
        let text = format!("Who has this code can join “{name}”. Show it only to people you want here.");
        ui.label(RichText::new(text).color(palette.soft));
        ui.add_space(space::S);
        let written = code.to_string();
        if self.picture.as_ref().is_none_or(|(known, _)| known != code) {
            self.picture = Some((code.clone(), QrPicture::of(&link(code, facts))));
        }
        ui.vertical_centered(|ui| {
            if let Some((_, picture)) = &self.picture {
                qr(ui, picture, 200.0, "QR picture of the code");
            }
            ui.add_space(space::S);
            code::large(ui, &written);
        });
        ui.add_space(space::S);
        ui.horizontal(|ui| {
            if main_button(ui, "Copy code", true).clicked() {
                actions.push(Action::Copy { text: written, what: "Code" });
            }
            if plain_button(ui, "Copy link").clicked() {
                actions.push(Action::Copy { text: link(code, facts), what: "Link" });
            }
        });
        let hint = "It works while any member or the archive is reachable, also when this machine is off.";
        ui.label(RichText::new(hint).size(size::SMALL).color(palette.faint));
        actions
    }
}

/// A page's link opens the page with the code, also on a device that has no Parlor.
fn link(code: &RoomCode, facts: Facts<'_>) -> String {
    facts.page.map_or_else(|| code.link(), |page| format!("{page}#{code}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::{Facts, link};
    use crate::{config::Look, fake};
    use parlor_protocol::code::read_typed;

    #[test]
    fn a_link_leads_to_the_page_or_to_the_desktop_app_and_is_read_as_the_code() {
        let (look, code) = (Look::default(), fake::code());
        let link = |page| link(&code, Facts { look: &look, data_folder: "", page });
        assert!(link(Some("http://192.168.1.5:47803/")).starts_with("http://192.168.1.5:47803/#"));
        assert!(link(None).starts_with("parlor:"));
        for link in [link(None), link(Some("https://archive.lan/"))] {
            assert_eq!(read_typed(&link).state.unwrap(), code);
        }
    }
}
