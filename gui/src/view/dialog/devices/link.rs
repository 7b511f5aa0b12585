//! This device becomes one more of the person whose other device shows a code. On the first screen
//! too.

use egui::{Key, RichText, Ui};
use parlor_node::DeviceCommand;
use parlor_protocol::link::read_typed_link;
use zeroize::Zeroizing;

use crate::{
    model::Model,
    theme::{self, size, space},
    view::{
        Action, QrOf, Sight,
        dialog::{code, qr_buttons},
    },
    widgets::{Typed, error_line, main_button, plain_button, visible_secret_field},
};

const FIELD: &str = "link code";

/// What is being typed. It is a secret, so `Debug` does not show it.
#[derive(Clone, Debug, Default)]
pub struct LinkForm {
    input: Typed,
    asked: bool,
    was_linking: bool,
    /// What was wrong was wrong with something else before.
    tried: bool,
    /// What was wrong with a picture.
    unread: Option<String>,
}

impl LinkForm {
    /// Takes the code that was in a picture, or says what is wrong with the picture.
    pub(in crate::view) fn fill(&mut self, read: Result<String, String>) {
        match read.map(Zeroizing::new) {
            Ok(code) => (self.input, self.unread) = (Typed::of(&code), None),
            Err(problem) => self.unread = Some(problem),
        }
    }

    /// Draws it. True when it is done, or given up.
    pub(in crate::view) fn show(
        &mut self,
        ui: &mut Ui,
        model: &Model,
        sight: &Sight,
        actions: &mut Vec<Action>,
    ) -> bool {
        let palette = theme::palette(ui.visuals());
        let (is_linking, problem) = (model.devices.is_linking, model.devices.problem.as_ref());
        let was_linking = std::mem::replace(&mut self.was_linking, is_linking);
        if is_linking {
            ui.label(RichText::new("Looking for your other device").size(size::TITLE).color(palette.text));
            ui.label(RichText::new("Keep Parlor open on both.").size(size::SMALL).color(palette.soft));
            ui.add_space(space::M);
            if plain_button(ui, "Cancel").clicked() {
                actions.push(Action::Device(Box::new(DeviceCommand::CancelLink)));
            }
            return false;
        }
        if was_linking && problem.is_none() {
            self.input.clear(ui.ctx(), FIELD);
            return true;
        }
        let text = "On your other device open Settings, Your devices, Add a device. Type the code that it shows. Both have \
                    to be on the same network. What is here already comes along.";
        ui.label(RichText::new(text).color(palette.soft));
        ui.add_space(space::S);
        let field = visible_secret_field(ui, FIELD, &mut self.input, "Code of the other device");
        if !std::mem::replace(&mut self.asked, true) {
            field.request_focus();
        }
        if field.changed() {
            self.unread = None;
        }
        let typed = read_typed_link(self.input.text());
        let error = typed.state.as_ref().err();
        code::groups(ui, &typed.groups, error);
        match problem.filter(|_| self.tried && error.is_none()) {
            Some(problem) => error_line(ui, problem),
            None => code::state(ui, self.input.text(), error),
        }
        if let Some(problem) = &self.unread {
            error_line(ui, problem);
        }
        ui.add_space(space::M);
        let entered = field.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter));
        ui.horizontal_wrapped(|ui| {
            let pressed = main_button(ui, "Link this device", typed.state.is_ok()).clicked();
            actions.extend(qr_buttons(ui, QrOf::Link, sight));
            if let (true, Ok(code), Some(label)) = (pressed || entered, typed.state, sight.device_name()) {
                self.tried = true;
                actions.push(Action::Device(Box::new(DeviceCommand::Link { code, label })));
            }
            let back = plain_button(ui, "Back").clicked();
            if back {
                self.input.clear(ui.ctx(), FIELD);
            }
            back
        })
        .inner
    }
}
