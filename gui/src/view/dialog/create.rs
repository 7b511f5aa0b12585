//! Makes a room.

use egui::{Context, Key, RichText, Ui};
use parlor_protocol::Name;

use crate::{
    model::Model,
    theme::{self, size, space},
    view::Action,
    widgets::{dialog, error_line, main_button, section, text_field},
    words,
};

/// What is being typed.
#[derive(Clone, Debug, Default)]
pub struct Create {
    name: String,
    problem: Option<String>,
    asked: bool,
}

impl Create {
    pub(super) fn show(&mut self, ctx: &Context, model: &Model) -> Vec<Action> {
        let mut actions = Vec::new();
        if dialog(ctx, "New room", |ui| actions.extend(self.form(ui, model))) {
            actions.push(Action::CloseDialog);
        }
        actions
    }

    fn form(&mut self, ui: &mut Ui, model: &Model) -> Vec<Action> {
        let palette = theme::palette(ui.visuals());
        let mut actions = Vec::new();
        section(ui, "Name");
        let field = text_field(ui, "room name", &mut self.name, "Room name", "Kitchen, Class 7b, Bridge watch", 256);
        if !std::mem::replace(&mut self.asked, true) {
            field.request_focus();
        }
        if field.changed() {
            self.problem = None;
        }
        ui.add_space(space::S);
        let text = "Who joins with the code can read back to the room's beginning.";
        ui.label(RichText::new(text).size(size::SMALL).color(palette.soft));
        if let Some(problem) = &self.problem {
            error_line(ui, problem);
        }
        ui.add_space(space::M);
        let entered = field.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter));
        let ready = !model.creating && !self.name.trim().is_empty();
        let pressed = main_button(ui, if model.creating { "Making the room" } else { "Make room" }, ready).clicked();
        if (pressed || entered) && !model.creating {
            match Name::choose(&self.name) {
                Ok(name) => actions.push(Action::CreateRoom(name)),
                Err(error) => {
                    self.problem = Some(words::name_problem(&error));
                    field.request_focus();
                }
            }
        }
        actions
    }
}
