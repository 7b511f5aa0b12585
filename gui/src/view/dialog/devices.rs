//! The person's own devices: all of them, a new one by a code, and revoking a lost one.

mod add;
mod link;
mod list;

use egui::{Context, Key, RichText, Ui};
use parlor_node::DeviceCommand;
use parlor_protocol::{DeviceId, LinkCode, Name};

use crate::{
    model::{Model, Offer},
    theme::{self, size, space},
    view::{Action, Sight},
    widgets::{QrPicture, dialog, error_line, link_button, main_button, plain_button, text_field, warn_button},
    words,
};
pub use link::LinkForm;

/// What the page shows.
#[derive(Clone, Debug, Default)]
enum Part {
    #[default]
    List,
    /// The code for a new device.
    Add,
    /// This device is the new one.
    Link(LinkForm),
    /// Another name for a device.
    Rename { device: DeviceId, label: String },
    /// Really revoke?
    Revoke { device: DeviceId, label: String },
}

/// What is open and being typed, and the picture of the code, made once.
#[derive(Clone, Debug, Default)]
pub struct DevicesPage {
    part: Part,
    picture: Option<(LinkCode, QrPicture)>,
    problem: Option<String>,
}

impl DevicesPage {
    /// Whether this device is being linked.
    #[must_use]
    pub fn is_linking(&self) -> bool {
        matches!(self.part, Part::Link(_))
    }

    /// What came of a picture with another device's code.
    pub(crate) fn fill(&mut self, read: Result<String, String>) {
        if let Part::Link(form) = &mut self.part {
            form.fill(read);
        }
    }

    pub(super) fn show(&mut self, ctx: &Context, model: &Model, sight: &Sight) -> Vec<Action> {
        let mut actions = Vec::new();
        if dialog(ctx, "Your devices", |ui| actions.extend(self.page(ui, model, sight))) {
            actions.push(Action::CloseDialog);
        }
        actions
    }

    fn page(&mut self, ui: &mut Ui, model: &Model, sight: &Sight) -> Vec<Action> {
        let mut actions = Vec::new();
        let mut next = None;
        match &mut self.part {
            Part::List => next = self.list(ui, model, sight, &mut actions),
            Part::Add => next = self.add(ui, model, sight, &mut actions),
            Part::Link(form) => {
                if form.show(ui, model, sight, &mut actions) {
                    next = Some(Part::List);
                }
            }
            Part::Rename { device, label } => {
                match rename(ui, label) {
                    Some(Ok(label)) => {
                        let command = DeviceCommand::Rename { device: *device, label };
                        actions.push(Action::Device(Box::new(command)));
                        next = Some(Part::List);
                    }
                    Some(Err(Some(problem))) => self.problem = Some(problem),
                    Some(Err(None)) => next = Some(Part::List),
                    None => {}
                }
                if let Some(problem) = &self.problem {
                    error_line(ui, problem);
                }
            }
            Part::Revoke { device, label } => {
                if let Some(yes) = ask(ui, label) {
                    let command = DeviceCommand::Revoke { device: *device };
                    actions.extend(yes.then(|| Action::Device(Box::new(command))));
                    next = Some(Part::List);
                }
            }
        }
        if let Some(next) = next {
            self.part = next;
            self.problem = None;
        }
        actions
    }

    fn list(&mut self, ui: &mut Ui, model: &Model, sight: &Sight, actions: &mut Vec<Action>) -> Option<Part> {
        let palette = theme::palette(ui.visuals());
        let mut next = None;
        let text = "On all of them you are the same person: the same rooms, the same name. No account is needed.";
        ui.label(RichText::new(text).size(size::SMALL).color(palette.soft));
        ui.add_space(space::XS);
        let Some(devices) = &model.devices.list else {
            ui.label(RichText::new("Reading").size(size::SMALL).color(palette.soft));
            return None;
        };
        for device in devices {
            match list::row(ui, device, sight) {
                Some(list::Pressed::Rename) => {
                    next = Some(Part::Rename { device: device.device, label: device.label.clone() });
                }
                Some(list::Pressed::Revoke) => {
                    next = Some(Part::Revoke { device: device.device, label: device.label.clone() });
                }
                None => {}
            }
        }
        if let Some(problem) = &model.devices.problem {
            error_line(ui, problem);
        }
        ui.add_space(space::S);
        if main_button(ui, "Add a device", true).clicked() {
            // A code that was shown before is still there.
            if !matches!(model.devices.offer, Offer::Shown { expires, .. } if expires > sight.now_ms) {
                actions.extend(add::offer(sight));
            }
            next = Some(Part::Add);
        }
        if link_button(ui, "This is the new device: I have a code").clicked() {
            next = Some(Part::Link(LinkForm::default()));
        }
        next
    }
}

/// Another name: the name, what is wrong with it, or nothing when it stays.
fn rename(ui: &mut Ui, label: &mut String) -> Option<Result<Name, Option<String>>> {
    let palette = theme::palette(ui.visuals());
    let field = text_field(ui, "device name", label, "Name of the device", "Name of the device", 256);
    let text = "Only your own devices learn it.";
    ui.label(RichText::new(text).size(size::SMALL).color(palette.faint));
    ui.add_space(space::S);
    let entered = field.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter));
    ui.horizontal(|ui| {
        if main_button(ui, "Save name", true).clicked() || entered {
            return Some(Name::choose(label).map_err(|error| Some(words::name_problem(&error))));
        }
        plain_button(ui, "Back").clicked().then_some(Err(None))
    })
    .inner
}

fn ask(ui: &mut Ui, label: &str) -> Option<bool> {
    let palette = theme::palette(ui.visuals());
    let title = format!("Revoke {}?", words::shorten(label, 48));
    ui.label(RichText::new(title).size(size::TITLE).color(palette.text));
    ui.add_space(space::XS);
    let text = "For a device that is lost or not yours. It is taken out of every room and of your account, and reads and \
                writes nothing more there. Rooms of others follow when their owners are online. What is on it \
                already can still be read there. This cannot be taken back.";
    ui.label(RichText::new(text).color(palette.soft));
    ui.add_space(space::M);
    ui.horizontal(|ui| {
        if warn_button(ui, "Revoke").clicked() {
            return Some(true);
        }
        plain_button(ui, "Back").clicked().then_some(false)
    })
    .inner
}
