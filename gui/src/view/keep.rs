//! The first screen in a browser: whether it keeps anything.

use egui::{Key, RichText, Ui};
use parlor_protocol::guard::Passphrase;

use super::{Action, start};
use crate::{
    theme::{self, size, space},
    widgets::{Typed, error_line, heading, hint_line, main_button, plain_button, secret_field},
    words,
};

const NEW: &str = "keep passphrase";
const AGAIN: &str = "keep passphrase again";

/// What is being typed.
#[derive(Debug, Default)]
pub struct Keeping {
    new: Typed,
    again: Typed,
    problem: Option<String>,
    /// Why the browser cannot keep anything.
    refused: Option<String>,
    was_shown: bool,
}

impl Keeping {
    /// A fresh screen; `refused` says why the browser cannot keep anything, where it cannot.
    #[must_use]
    pub fn fresh(refused: Option<String>) -> Self {
        Self { refused, ..Self::default() }
    }

    /// Whether somebody is typing here.
    #[must_use]
    pub fn is_begun(&self) -> bool {
        !self.new.is_empty() || !self.again.is_empty()
    }

    /// Draws the screen and says what the person wants.
    pub fn show(&mut self, ui: &mut Ui) -> Vec<Action> {
        let palette = theme::palette(ui.visuals());
        let mut actions = Vec::new();
        egui::ScrollArea::vertical().auto_shrink([false, false]).show(ui, |ui| {
            start::centered(ui, 480.0, |ui| {
                start::mark(ui);
                ui.add_space(space::L);
                heading(ui, "Whose device is this?", size::DISPLAY);
                ui.add_space(space::S);
                let soft = |text: &str| RichText::new(text).size(size::BODY).color(palette.soft);
                if let Some(refused) = &self.refused {
                    hint_line(ui, refused);
                } else {
                    ui.label(soft("Mine: keep my keys and rooms in this browser, sealed with a passphrase."));
                    let first = secret_field(ui, NEW, &mut self.new, "New passphrase");
                    if !std::mem::replace(&mut self.was_shown, true) {
                        first.request_focus();
                    }
                    let again = secret_field(ui, AGAIN, &mut self.again, "The same again");
                    let entered = again.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter));
                    if main_button(ui, "Keep them here", !self.new.is_empty()).clicked() || entered {
                        actions.extend(self.keep(ui));
                    }
                    if let Some(problem) = &self.problem {
                        error_line(ui, problem);
                    }
                    let text = "Nobody can reset it. Who forgets it joins the rooms again with their codes.";
                    ui.label(RichText::new(text).size(size::SMALL).color(palette.faint));
                }
                ui.add_space(space::L);
                let text = "Shared: keep nothing. You are a guest in your rooms, for half a day at most. \
                            Everything is gone when this page is closed.";
                ui.label(soft(text));
                if plain_button(ui, "Keep nothing").clicked() {
                    actions.push(Action::Keep(None));
                }
            });
        });
        actions
    }

    fn keep(&mut self, ui: &Ui) -> Option<Action> {
        match Passphrase::choose(self.new.text()) {
            Err(error) => self.problem = Some(words::passphrase_problem(error)),
            Ok(_) if self.new.text() != self.again.text() => {
                self.problem = Some("The two differ. Type the same passphrase in both fields.".to_owned());
            }
            Ok(passphrase) => {
                self.new.clear(ui.ctx(), NEW);
                self.again.clear(ui.ctx(), AGAIN);
                return Some(Action::Keep(Some(passphrase)));
            }
        }
        None
    }
}

/// Another tab has what this browser keeps.
pub fn elsewhere(ui: &mut Ui) -> Vec<Action> {
    let palette = theme::palette(ui.visuals());
    let mut actions = Vec::new();
    start::centered(ui, 260.0, |ui| {
        start::mark(ui);
        ui.add_space(space::L);
        heading(ui, "Parlor is open in another tab", size::HEADING);
        let text = "Only one tab of this browser can use what it keeps. Go on there, or bring it here.";
        ui.label(RichText::new(text).size(size::BODY).color(palette.soft));
        ui.add_space(space::S);
        if main_button(ui, "Use it here", true).clicked() {
            actions.push(Action::TryAgain);
        }
    });
    actions
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::{Action, Keeping};
    use egui_kittest::{Harness, kittest::Queryable as _};

    struct Screen {
        keeping: Keeping,
        actions: Vec<Action>,
    }

    fn screen(refused: Option<&str>) -> Harness<'static, Screen> {
        let state = Screen { keeping: Keeping::fresh(refused.map(str::to_owned)), actions: Vec::new() };
        let mut harness = Harness::builder().with_size([700.0, 700.0]).build_ui_state(
            |ui, state: &mut Screen| {
                crate::theme::install(ui.ctx());
                let actions = state.keeping.show(ui);
                state.actions.extend(actions);
            },
            state,
        );
        harness.run();
        harness
    }

    fn types(screen: &mut Harness<'static, Screen>, field: &str, text: &str) {
        screen.get_by_label(field).focus();
        screen.run();
        screen.get_by_label(field).type_text(text);
        screen.run();
    }

    #[test]
    fn a_browser_keeps_only_under_a_passphrase_that_was_typed_twice() {
        let mut screen = screen(None);
        types(&mut screen, "New passphrase", "soup on the stove");
        types(&mut screen, "The same again", "soup on the");
        screen.get_by_label("Keep them here").click();
        screen.run();
        assert!(screen.state().actions.is_empty());
        types(&mut screen, "The same again", " stove");
        screen.get_by_label("Keep them here").click();
        screen.run();
        assert!(matches!(screen.state().actions.as_slice(), [Action::Keep(Some(_))]));
        assert!(!format!("{:?}{:?}", screen.state().keeping, screen.state().actions).contains("stove"));
    }

    #[test]
    fn a_browser_that_keeps_nothing_says_so_and_goes_on() {
        let mut screen = screen(Some("This browser keeps nothing for this page."));
        assert!(screen.query_by_label("New passphrase").is_none());
        screen.get_by_label("Keep nothing").click();
        screen.run();
        assert!(matches!(screen.state().actions.as_slice(), [Action::Keep(None)]));
    }
}
