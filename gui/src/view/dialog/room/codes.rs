//! The codes of a room: which work, for how long, and who made them.

use egui::{Align, ComboBox, Layout, RichText, Ui, vec2};
use parlor_node::{CodeInfo, Command};
use parlor_protocol::Role;
use std::time::Duration;

use super::{Question, RoomPage, small};
use crate::{
    model::{Chat, Model},
    theme::{self, size, space},
    view::Action,
    widgets::{Icon, icon_button, name_it, plain_button, section},
    words,
};

/// How long a new code works, as offered, in hours.
const HOURS: [(Option<u64>, &str); 4] = [
    (Some(168), "Works for a week"),
    (Some(24), "Works for a day"),
    (Some(1), "Works for an hour"),
    (None, "Works until it is ended"),
];
/// How many may join with it, as offered.
const USES: [(Option<u32>, &str); 4] =
    [(None, "for anybody"), (Some(1), "for one person"), (Some(5), "for five people"), (Some(30), "for thirty people")];

/// What a new code is to be like.
#[derive(Clone, Copy, Debug)]
pub(super) struct NewCode {
    hours: Option<u64>,
    uses: Option<u32>,
    members_only: bool,
}

impl Default for NewCode {
    fn default() -> Self {
        Self { hours: HOURS[0].0, uses: None, members_only: false }
    }
}

impl RoomPage {
    pub(super) fn codes(&mut self, ui: &mut Ui, model: &Model, chat: &Chat, role: Role) -> Vec<Action> {
        let mut actions = Vec::new();
        let Some(codes) = &chat.codes else {
            ui.label("Reading");
            return actions;
        };
        let (works, over): (Vec<_>, Vec<_>) = codes.iter().partition(|code| code.works);
        if works.is_empty() {
            small(ui, "No code works now. Make one to let somebody in.");
        }
        for code in works {
            actions.extend(self.code(ui, model, code, role));
        }
        if !over.is_empty() {
            small(ui, &format!("{} that no longer work", words::count(over.len(), "code", "codes")));
        }
        section(ui, "New code");
        ui.horizontal(|ui| {
            pick(ui, "How long the code works", &mut self.code.hours, &HOURS);
            pick(ui, "How many may join with it", &mut self.code.uses, &USES);
        });
        ui.checkbox(&mut self.code.members_only, "Only while a member is there (the archive gets no key)");
        ui.add_space(space::S);
        ui.horizontal(|ui| {
            if plain_button(ui, "Make code").clicked() {
                let lifetime = self.code.hours.map(|hours| Duration::from_secs(hours * 3_600));
                let command = Command::MakeCode {
                    room: self.room,
                    lifetime,
                    uses: self.code.uses,
                    members_only: self.code.members_only,
                };
                actions.push(self.govern(command));
            }
            if role == Role::Owner && plain_button(ui, "End all codes").clicked() {
                self.question = Some(Question::Rotate);
            }
        });
        actions
    }

    fn code(&mut self, ui: &mut Ui, model: &Model, code: &CodeInfo, role: Role) -> Vec<Action> {
        let mut actions = Vec::new();
        let palette = theme::palette(ui.visuals());
        let mine = model.profile.as_ref().is_some_and(|profile| profile.device == code.maker);
        ui.horizontal(|ui| {
            let room = ui.available_width() - 84.0;
            ui.allocate_ui(vec2(room, 40.0), |ui| {
                ui.set_width(room);
                ui.vertical(|ui| {
                    let shown =
                        code.code.as_ref().map_or_else(|| "A code shown elsewhere".to_owned(), ToString::to_string);
                    ui.label(RichText::new(shown).monospace().color(palette.text));
                    let said = words::code_line(code, model.now_ms);
                    ui.label(RichText::new(said).size(size::TINY + 0.5).color(palette.faint));
                });
            });
            let name = format!("End the code of {}", code.maker_name);
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                if (mine || role >= Role::Moderator) && icon_button(ui, Icon::Trash, &name, "").clicked() {
                    let command = Command::RevokeCode { room: self.room, locator: code.locator };
                    actions.push(self.govern(command));
                }
                if let Some(code) = &code.code
                    && icon_button(ui, Icon::Copy, &format!("Copy {code}"), "").clicked()
                {
                    actions.push(Action::Copy { text: code.to_string(), what: "Code" });
                }
            });
        });
        actions
    }
}

fn pick<T: Copy + PartialEq>(ui: &mut Ui, name: &str, value: &mut T, offered: &[(T, &str)]) {
    let now = offered.iter().find(|(known, _)| known == value).map_or("", |(_, said)| said);
    let shown = ComboBox::from_id_salt(name).selected_text(now).width(190.0).show_ui(ui, |ui| {
        for (known, said) in offered {
            ui.selectable_value(value, *known, *said);
        }
    });
    name_it(ui, &shown.response, name);
}
