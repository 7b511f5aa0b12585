//! The screen of a locked profile: one field, nothing else.

use egui::{Key, RichText, Ui};
use parlor_protocol::guard::Passphrase;

use super::{Action, start};
use crate::{
    theme::{self, size, space},
    widgets::{Typed, error_line, heading, hint_line, link_button, main_button, plain_button, secret_field},
    words,
};

/// What is being typed to open a profile.
#[derive(Debug, Default)]
pub struct Unlocking {
    typed: Typed,
    problem: Option<String>,
    /// The passphrase is being tried, or the node is still closing.
    busy: Option<&'static str>,
    was_shown: bool,
    /// In a browser there is nothing to quit, but something to forget.
    in_browser: bool,
    /// Forgetting was asked for, and is asked about.
    forgetting: bool,
}

impl Unlocking {
    /// A fresh screen.
    #[must_use]
    pub fn fresh() -> Self {
        Self::default()
    }

    /// A fresh screen in a browser.
    #[must_use]
    pub fn in_browser() -> Self {
        Self { in_browser: true, ..Self::default() }
    }

    /// Nothing can be typed meanwhile; says why.
    pub fn wait(&mut self, why: &'static str) {
        self.busy = Some(why);
    }

    /// It can be typed again. `problem` says what was wrong.
    pub fn ready(&mut self, problem: Option<String>) {
        self.busy = None;
        self.problem = problem;
        self.was_shown = false;
    }

    /// Whether somebody is typing here, or is asked whether to forget everything.
    #[must_use]
    pub fn is_begun(&self) -> bool {
        self.forgetting || !self.typed.is_empty()
    }

    /// Whether something is under way.
    #[must_use]
    pub const fn is_busy(&self) -> bool {
        self.busy.is_some()
    }

    /// Draws the screen and says what the person wants.
    pub fn show(&mut self, ui: &mut Ui) -> Vec<Action> {
        let palette = theme::palette(ui.visuals());
        let mut actions = Vec::new();
        start::centered(ui, 340.0, |ui| {
            start::mark(ui);
            ui.add_space(space::L);
            heading(ui, "Parlor is locked", size::DISPLAY);
            let text = self.busy.unwrap_or("Nothing comes in and nothing is shown until you unlock it.");
            ui.label(RichText::new(text).size(size::BODY).color(palette.soft));
            ui.add_space(space::M);
            if self.is_busy() {
                return;
            }
            let field = secret_field(ui, "unlock passphrase", &mut self.typed, "Passphrase");
            if !std::mem::replace(&mut self.was_shown, true) {
                field.request_focus();
            }
            if field.changed() {
                self.problem = None;
            }
            let entered = field.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter));
            ui.add_space(space::S);
            ui.horizontal(|ui| {
                if main_button(ui, "Unlock", !self.typed.is_empty()).clicked() || entered {
                    match Passphrase::new(self.typed.text()) {
                        Ok(passphrase) => {
                            self.typed.clear(ui.ctx(), "unlock passphrase");
                            actions.push(Action::Unlock(passphrase));
                        }
                        Err(error) => {
                            self.problem = Some(words::passphrase_problem(error));
                            field.request_focus();
                        }
                    }
                }
                if !self.in_browser && plain_button(ui, "Quit").clicked() {
                    actions.push(Action::Quit);
                }
            });
            if let Some(problem) = &self.problem {
                error_line(ui, problem);
            }
            if self.in_browser {
                actions.extend(self.forget(ui));
            }
        });
        actions
    }

    fn forget(&mut self, ui: &mut Ui) -> Option<Action> {
        ui.add_space(space::L);
        if !self.forgetting {
            self.forgetting = link_button(ui, "Forget everything in this browser").clicked();
            return None;
        }
        let text = "The keys and rooms in this browser will be gone for good. You can join the rooms again with their codes, as somebody new.";
        hint_line(ui, text);
        if plain_button(ui, "Forget everything").clicked() {
            return Some(Action::ForgetKept);
        }
        self.forgetting = !link_button(ui, "Do not forget").clicked();
        None
    }
}
