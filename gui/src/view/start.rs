//! Screens before there is a conversation: starting, the first start, a failed start, no room.

use egui::{Align, Key, Layout, RichText, Sense, Ui, Vec2, vec2};
use parlor_protocol::Name;

use super::{
    Action, Sight,
    dialog::{Dialog, LinkForm, account::AccountForm},
};
use crate::{
    model::Model,
    theme::{self, size, space},
    widgets::{Icon, error_line, heading, link_button, main_button, plain_button, text_field},
    words,
};

/// What is being typed on the first screen.
#[derive(Debug, Default)]
pub struct Welcome {
    name: String,
    problem: Option<String>,
    asked: bool,
    /// Signing in instead of giving a name.
    account: Option<AccountForm>,
    /// Being linked by another device instead.
    link: Option<LinkForm>,
}

impl Welcome {
    /// Whether this device is being linked.
    #[must_use]
    pub fn is_linking(&self) -> bool {
        self.link.is_some()
    }

    /// What came of a picture with another device's code.
    pub(crate) fn fill(&mut self, read: Result<String, String>) {
        if let Some(form) = &mut self.link {
            form.fill(read);
        }
    }
}

pub(super) fn centered(ui: &mut Ui, tall: f32, content: impl FnOnce(&mut Ui)) {
    let wide = 400.0_f32.min(ui.available_width() - space::XL * 2.0);
    let above = ((ui.available_height() - tall) * 0.42).max(space::L);
    ui.add_space(above);
    ui.vertical_centered(|ui| {
        ui.allocate_ui_with_layout(vec2(wide, tall), Layout::top_down(Align::Min), |ui| {
            ui.set_width(wide);
            content(ui);
        });
    });
}

pub(super) fn mark(ui: &mut Ui) {
    let palette = theme::palette(ui.visuals());
    let (rect, _) = ui.allocate_exact_size(Vec2::splat(60.0), Sense::hover());
    ui.painter().rect_filled(rect, egui::CornerRadius::same(18), palette.accent);
    Icon::Bubble.paint(ui.painter(), rect.shrink(14.0).translate(vec2(0.0, 1.0)), palette.on_accent);
}

/// While the node starts.
pub fn starting(ui: &mut Ui) {
    centered(ui, 140.0, |ui| {
        mark(ui);
        ui.add_space(space::M);
        heading(ui, "Opening Parlor", size::HEADING);
    });
}

/// The first start: a name, no questions more.
pub fn welcome(ui: &mut Ui, state: &mut Welcome, model: &Model, sight: &Sight) -> Vec<Action> {
    let palette = theme::palette(ui.visuals());
    let mut actions = Vec::new();
    if state.account.as_ref().is_some_and(|form| !form.is_open() && model.account.recovery.is_none()) {
        state.account = None;
    }
    if let Some(form) = &mut state.account {
        centered(ui, 380.0, |ui| {
            mark(ui);
            ui.add_space(space::L);
            heading(ui, "Welcome back", size::DISPLAY);
            let text = "With the user name and password of your account. Your rooms come along.";
            ui.label(RichText::new(text).size(size::BODY).color(palette.soft));
            ui.add_space(space::M);
            actions.extend(form.body(ui, model, sight));
        });
        return actions;
    }
    if let Some(form) = &mut state.link {
        let mut goes_back = false;
        centered(ui, 380.0, |ui| {
            mark(ui);
            ui.add_space(space::L);
            heading(ui, "Welcome back", size::DISPLAY);
            ui.add_space(space::S);
            goes_back = form.show(ui, model, sight, &mut actions);
        });
        if goes_back {
            state.link = None;
        }
        return actions;
    }
    centered(ui, 360.0, |ui| {
        mark(ui);
        ui.add_space(space::L);
        heading(ui, "Welcome to Parlor", size::DISPLAY);
        let text = "Private chat for the machines around you. No server, no account needed. What is your name?";
        ui.label(RichText::new(text).size(size::BODY).color(palette.soft));
        ui.add_space(space::M);
        let field = text_field(ui, "welcome name", &mut state.name, "Your name", "Your name", 256);
        if !std::mem::replace(&mut state.asked, true) {
            field.request_focus();
        }
        if field.changed() {
            state.problem = None;
        }
        ui.label(
            RichText::new("The others in your rooms see it. You can change it later.")
                .size(size::SMALL)
                .color(palette.faint),
        );
        let entered = field.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter));
        ui.add_space(space::S);
        if main_button(ui, "Start", !state.name.trim().is_empty()).clicked() || entered {
            match Name::choose(&state.name) {
                Ok(name) => actions.push(Action::SetName(name)),
                Err(error) => {
                    state.problem = Some(words::name_problem(&error));
                    field.request_focus();
                }
            }
        }
        if let Some(problem) = state.problem.as_ref().or(model.name_problem.as_ref()) {
            error_line(ui, problem);
        }
        ui.add_space(space::XS);
        if link_button(ui, "I use Parlor on another device").clicked() {
            state.link = Some(LinkForm::default());
        }
        if link_button(ui, "I have an account: sign in").clicked() {
            state.account = Some(AccountForm::signing_in(model));
        }
    });
    actions
}

/// The node could not start: why, and what to do.
pub fn start_failed(ui: &mut Ui, why: &str) -> Vec<Action> {
    let mut actions = Vec::new();
    centered(ui, 300.0, |ui| {
        mark(ui);
        ui.add_space(space::L);
        heading(ui, "Parlor could not start", size::HEADING);
        error_line(ui, why);
        ui.add_space(space::S);
        ui.horizontal(|ui| {
            if main_button(ui, "Quit", true).clicked() {
                actions.push(Action::Quit);
            }
            if plain_button(ui, "Try again").clicked() {
                actions.push(Action::TryAgain);
            }
            if plain_button(ui, "Copy message").clicked() {
                actions.push(Action::Copy { text: why.to_owned(), what: "Message" });
            }
        });
    });
    actions
}

/// Beside the list while no room is open.
pub fn nothing_open(ui: &mut Ui, model: &Model) -> Vec<Action> {
    let palette = theme::palette(ui.visuals());
    let mut actions = Vec::new();
    let any = model.rooms.as_ref().is_some_and(|rooms| !rooms.is_empty());
    centered(ui, 260.0, |ui| {
        ui.vertical_centered(|ui| {
            mark(ui);
            ui.add_space(space::M);
            let (title, text) = if any {
                ("Choose a room", "Pick one from the list, or press Ctrl+K to go to a room by name.")
            } else {
                ("Start a conversation", "Make a room and share its code with the people around you, or join theirs with the code they show you.")
            };
            heading(ui, title, size::HEADING);
            ui.label(RichText::new(text).size(size::BODY).color(palette.soft));
            ui.add_space(space::S);
            if !any {
                if main_button(ui, "Make a room", true).clicked() {
                    actions.push(Action::Open(Dialog::create()));
                }
                if plain_button(ui, "I have a code").clicked() {
                    actions.push(Action::Open(Dialog::join()));
                }
            }
        });
    });
    actions
}
