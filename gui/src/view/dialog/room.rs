//! A room's own page: who is in it and what they may do, its rules, its codes, and the ways out.
//!
//! Everybody sees how the room is governed; only who may change something finds the controls for it.

mod codes;
mod people;
mod question;
mod rules;

use egui::{Context, RichText, Ui};
use parlor_node::{Command, RoomRulesShown, RoomStanding};
use parlor_protocol::{Role, RoomId};

use crate::{
    model::{Chat, Model},
    theme::{self, size, space},
    view::Action,
    widgets::{dialog, error_line, hint_line, plain_button, warn_button},
    words,
};
use codes::NewCode;
use question::Question;

/// A part of the page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Part {
    #[default]
    People,
    Rules,
    Codes,
}

/// What is open and being typed.
#[derive(Clone, Debug)]
pub struct RoomPage {
    room: RoomId,
    part: Part,
    question: Option<Question>,
    code: NewCode,
    name: Option<String>,
    problem: Option<String>,
}

impl RoomPage {
    pub(super) fn new(room: RoomId) -> Self {
        Self { room, part: Part::default(), question: None, code: NewCode::default(), name: None, problem: None }
    }

    /// The room.
    #[must_use]
    pub fn room(&self) -> RoomId {
        self.room
    }

    pub(super) fn show(&mut self, ctx: &Context, model: &Model) -> Vec<Action> {
        let mut actions = Vec::new();
        let name = model.summary(self.room).map_or("Room", |summary| summary.name.as_str());
        let title = words::shorten(name, 40);
        let closed = dialog(ctx, &title, |ui| match (&self.question, model.chat(self.room)) {
            (Some(_), _) => actions.extend(self.ask(ui)),
            (None, Some(chat)) => actions.extend(self.page(ui, model, chat)),
            (None, None) => {
                ui.label("Reading");
            }
        });
        if closed {
            actions.push(Action::CloseDialog);
        }
        actions
    }

    fn page(&mut self, ui: &mut Ui, model: &Model, chat: &Chat) -> Vec<Action> {
        let mut actions = Vec::new();
        let standing = model.summary(self.room).map(|summary| summary.standing.clone()).unwrap_or_default();
        // In a room of two there is nobody to govern, and no code.
        let is_direct = model.summary(self.room).is_some_and(|summary| summary.direct.is_some());
        if let Some(text) = words::standing(&standing) {
            hint_line(ui, &text);
            ui.add_space(space::S);
        }
        ui.horizontal(|ui| {
            for (part, name) in [(Part::People, "People"), (Part::Rules, "Rules"), (Part::Codes, "Codes")] {
                if !(is_direct && part == Part::Codes) {
                    ui.selectable_value(&mut self.part, part, name);
                }
            }
        });
        ui.add_space(space::S);
        if let Some(problem) = self.problem.as_ref().or(chat.rules_problem.as_ref()) {
            error_line(ui, problem);
            ui.add_space(space::S);
        }
        let rules = chat.rules.as_ref();
        let role = if standing.is_over() { Role::Reader } else { rules.map_or(Role::Reader, |rules| rules.role) };
        match self.part {
            Part::People => actions.extend(self.people(ui, chat, if is_direct { Role::Member } else { role })),
            Part::Rules => actions.extend(self.rules(ui, model, rules, role)),
            Part::Codes => actions.extend(self.codes(ui, model, chat, role)),
        }
        ui.add_space(space::L);
        self.ways_out(ui, rules.filter(|_| !is_direct), &standing);
        actions
    }

    fn ways_out(&mut self, ui: &mut Ui, rules: Option<&RoomRulesShown>, standing: &RoomStanding) {
        ui.horizontal(|ui| {
            if standing.is_over() {
                if plain_button(ui, "Remove from this machine").clicked() {
                    self.question = Some(Question::Forget);
                }
                return;
            }
            if plain_button(ui, "Leave room").clicked() {
                self.question = Some(Question::Leave);
            }
            if rules.is_some_and(|rules| rules.role == Role::Owner) && plain_button(ui, "Dissolve room").clicked() {
                self.question = Some(Question::Dissolve);
            }
        });
    }

    /// Asks before something that cannot be taken back.
    fn ask(&mut self, ui: &mut Ui) -> Vec<Action> {
        let Some(question) = self.question.clone() else { return Vec::new() };
        let palette = theme::palette(ui.visuals());
        let mut actions = Vec::new();
        ui.label(RichText::new(question.title()).size(size::TITLE).color(palette.text));
        ui.add_space(space::XS);
        ui.label(RichText::new(question.text()).color(palette.soft));
        ui.add_space(space::M);
        ui.horizontal(|ui| {
            if warn_button(ui, question.yes()).clicked() {
                actions.push(self.govern(question.command(self.room)));
                if question.ends_the_page() {
                    actions.push(Action::CloseDialog);
                }
                self.question = None;
            }
            if plain_button(ui, "Back").clicked() {
                self.question = None;
            }
        });
        actions
    }

    fn govern(&mut self, command: Command) -> Action {
        self.problem = None;
        Action::Govern(self.room, Box::new(command))
    }
}

/// A line of small print.
fn small(ui: &mut Ui, text: &str) {
    let palette = theme::palette(ui.visuals());
    ui.label(RichText::new(text).size(size::SMALL).color(palette.faint));
}
