//! What people set: their name, how the app looks, addresses, where the data is.

use egui::{Context, Key, RichText, Slider, Ui, vec2};
use parlor_protocol::Name;

use super::{Dialog, Facts, lock::Lock};
use crate::{
    config::{Look, Theme, ZOOM},
    model::Model,
    place::{Notices, Place},
    theme::{self, size, space},
    view::{Action, Sight},
    widgets::{Icon, dialog, error_line, icon_button, name_it, plain_button, section, text_field},
    words,
};

/// Addresses are short; a paste of a book is cut here.
const ADDRESS_CHARS: usize = 200;

const KEYS: [(&str, &str); 10] = [
    ("Ctrl+K", "Go to a room by name"),
    ("Ctrl+Up, Ctrl+Down", "Room before, room after"),
    ("Ctrl+N", "New room"),
    ("Ctrl+J", "Join with a code"),
    ("Ctrl+I", "Share the room's code"),
    ("Ctrl+F", "Search"),
    ("Ctrl+L", "Lock, where there is a passphrase"),
    ("End, Page Up, Page Down", "Move in the conversation"),
    ("Up, in an empty message", "Edit your last message"),
    ("Enter on a message", "What can be done with it"),
];

/// What is being typed.
#[derive(Clone, Debug)]
pub struct Settings {
    name: String,
    address: String,
    problem: Option<String>,
    zoom: Option<f32>,
    lock: Lock,
}

impl Settings {
    pub(super) fn new(model: &Model) -> Self {
        let name = model.profile.as_ref().map(|profile| profile.name.clone()).unwrap_or_default();
        Self { name, address: String::new(), problem: None, zoom: None, lock: Lock::new(model) }
    }

    pub(super) fn show(&mut self, ctx: &Context, model: &Model, sight: &Sight, facts: Facts<'_>) -> Vec<Action> {
        let mut actions = Vec::new();
        let closed = dialog(ctx, "Settings", |ui| {
            actions.extend(self.name(ui, model));
            actions.extend(yours(ui, model));
            actions.extend(self.look(ui, facts.look));
            actions.extend(notices(ui, facts.look, sight.place));
            actions.extend(seen(ui, model));
            actions.extend(self.lock.show(ui, model, facts.look));
            actions.extend(self.addresses(ui, model));
            actions.extend(archives(ui, model));
            actions.extend(folder(ui, facts.data_folder));
            keys(ui, sight.place);
        });
        if closed {
            actions.push(Action::CloseDialog);
        }
        actions
    }

    fn name(&mut self, ui: &mut Ui, model: &Model) -> Vec<Action> {
        let mut actions = Vec::new();
        section(ui, "Your name");
        let known = model.profile.as_ref().map_or("", |profile| profile.name.as_str());
        let (field, pressed) =
            with_button(ui, "Save name", |ui| text_field(ui, "own name", &mut self.name, "Name", "Your name", 256));
        if field.changed() {
            self.problem = None;
        }
        let entered = field.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter));
        if (pressed || entered) && self.name.trim() != known {
            match Name::choose(&self.name) {
                Ok(name) => actions.push(Action::SetName(name)),
                Err(error) => self.problem = Some(words::name_problem(&error)),
            }
        }
        if let Some(problem) = self.problem.as_ref().or(model.name_problem.as_ref()) {
            error_line(ui, problem);
        }
        actions
    }

    fn look(&mut self, ui: &mut Ui, look: &Look) -> Vec<Action> {
        let mut wanted = *look;
        section(ui, "Colours");
        ui.horizontal(|ui| {
            for (theme, name) in [(Theme::System, "As the system"), (Theme::Light, "Light"), (Theme::Dark, "Dark")] {
                ui.selectable_value(&mut wanted.theme, theme, name);
            }
        });
        section(ui, "Size");
        ui.horizontal(|ui| {
            // Applied when let go: the slider would run away under the pointer.
            let mut zoom = self.zoom.unwrap_or(look.zoom) * 100.0;
            let slider = Slider::new(&mut zoom, ZOOM.start() * 100.0..=ZOOM.end() * 100.0).step_by(5.0).suffix(" %");
            let response = ui.add(slider);
            name_it(ui, &response, "Zoom");
            if response.dragged() {
                self.zoom = Some(zoom / 100.0);
            } else if response.drag_stopped() || response.changed() {
                self.zoom = None;
                wanted.zoom = zoom / 100.0;
            }
            if plain_button(ui, "Normal size").clicked() {
                wanted.zoom = 1.0;
            }
        });
        if wanted == *look { Vec::new() } else { vec![Action::SetLook(wanted)] }
    }

    fn addresses(&mut self, ui: &mut Ui, model: &Model) -> Vec<Action> {
        let palette = theme::palette(ui.visuals());
        let mut actions = Vec::new();
        section(ui, "Machines to reach by address");
        let text = "Needed only where machines do not find each other by themselves.";
        ui.label(RichText::new(text).size(size::SMALL).color(palette.faint));
        let (field, pressed) = with_button(ui, "Add", |ui| {
            text_field(ui, "address", &mut self.address, "Address", "192.168.1.20 or host:port", ADDRESS_CHARS)
        });
        let entered = field.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter));
        let address = self.address.trim();
        if (pressed || entered) && !address.is_empty() {
            actions.push(Action::AddAddress(address.to_owned()));
            self.address.clear();
        }
        if let Some(problem) = &model.address_problem {
            error_line(ui, problem);
        }
        for address in &model.connection.manual {
            ui.horizontal(|ui| {
                let room = ui.available_width() - 48.0;
                ui.allocate_ui(vec2(room, 22.0), |ui| {
                    ui.set_width(room);
                    ui.add(egui::Label::new(RichText::new(address).monospace().size(size::SMALL)).truncate());
                });
                if icon_button(ui, Icon::Trash, &format!("Remove {address}"), "").clicked() {
                    actions.push(Action::RemoveAddress(address.clone()));
                }
            });
        }
        actions
    }
}

/// The archives that are connected, and which of them are used.
fn archives(ui: &mut Ui, model: &Model) -> Vec<Action> {
    let archives = model.archives();
    if archives.is_empty() {
        return Vec::new();
    }
    section(ui, "Archives");
    let palette = theme::palette(ui.visuals());
    let text = "An archive that you use lets people in by your rooms' codes while nobody is there. Use only one that \
                somebody you trust runs. It shows these letters when it starts.";
    ui.label(RichText::new(text).size(size::SMALL).color(palette.faint));
    let mut actions = Vec::new();
    for peer in archives {
        let id = peer.device.short();
        ui.horizontal(|ui| {
            ui.label(RichText::new(&id).monospace());
            ui.label(if peer.used { "in use" } else { "not in use" });
            let (word, uses) = if peer.used { ("Stop using", false) } else { ("Use", true) };
            let button = plain_button(ui, word);
            name_it(ui, &button, &format!("{word} the archive {id}"));
            if button.clicked() {
                actions.push(Action::UseArchive(peer.device, uses));
            }
        });
    }
    actions
}

/// Whether new messages are told to the desktop, or why they cannot be.
fn notices(ui: &mut Ui, look: &Look, place: Place) -> Option<Action> {
    section(ui, "Notifications");
    let palette = theme::palette(ui.visuals());
    let text = "Show new messages on the desktop while in the background";
    let why = match place.notices {
        Notices::Ready => {
            let mut notify = look.notify;
            let changed = ui.checkbox(&mut notify, text).changed();
            return changed.then_some(Action::SetLook(Look { notify, ..*look }));
        }
        Notices::Unasked => {
            let asked = ui.checkbox(&mut false, text).changed();
            return asked.then_some(Action::AllowNotices);
        }
        Notices::Refused => {
            "You told this browser that this page may not show any. Allow it in the browser's settings for this page."
        }
        Notices::Insecure => {
            "Browsers show none of a page that came over plain http. Whoever runs the archive can turn on https; the \
             number of unread messages is in the tab's title meanwhile."
        }
        Notices::Absent => {
            "This browser shows none of a page. The number of unread messages is in the tab's title; the desktop app \
             has notifications."
        }
    };
    ui.label(RichText::new(why).size(size::SMALL).color(palette.soft));
    None
}

/// The ways to the person's devices and account.
fn yours(ui: &mut Ui, model: &Model) -> Option<Action> {
    section(ui, "Devices and account");
    ui.horizontal(|ui| {
        let devices = plain_button(ui, "Your devices").clicked().then(Dialog::devices);
        let account = plain_button(ui, "Your account").clicked().then(|| Dialog::account(model));
        devices.or(account).map(Action::Open)
    })
    .inner
}

/// Whether others on the network see this person.
fn seen(ui: &mut Ui, model: &Model) -> Option<Action> {
    section(ui, "People nearby");
    let mut visible = model.profile.as_ref().is_some_and(|profile| profile.visible);
    let changed = ui.checkbox(&mut visible, "People on this network may see me and write to me").changed();
    changed.then_some(Action::SetVisible(visible))
}

fn with_button<R>(ui: &mut Ui, name: &str, field: impl FnOnce(&mut Ui) -> R) -> (R, bool) {
    ui.horizontal(|ui| {
        let button = 116.0;
        let room = ui.available_width() - button;
        let shown = ui.allocate_ui(vec2(room, 38.0), |ui| {
            ui.set_width(room);
            field(ui)
        });
        (shown.inner, plain_button(ui, name).clicked())
    })
    .inner
}

fn folder(ui: &mut Ui, folder: &str) -> Vec<Action> {
    let palette = theme::palette(ui.visuals());
    let mut actions = Vec::new();
    if folder.is_empty() {
        return actions;
    }
    section(ui, "Data folder");
    ui.horizontal(|ui| {
        let room = ui.available_width() - 48.0;
        ui.allocate_ui(vec2(room, 22.0), |ui| {
            ui.set_width(room);
            ui.add(egui::Label::new(RichText::new(folder).monospace().size(size::SMALL)).truncate());
        });
        if icon_button(ui, Icon::Copy, "Copy data folder", "").clicked() {
            actions.push(Action::Copy { text: folder.to_owned(), what: "Folder" });
        }
    });
    let text = "Everything Parlor keeps is here, but the key where the system's keychain has it. To go to another machine, set a passphrase, close Parlor and move this folder there; never use two copies of it.";
    ui.label(RichText::new(text).size(size::SMALL).color(palette.faint));
    actions
}

/// Keys that belong to the browser where the app runs in one.
const BROWSERS_KEYS: [&str; 2] = ["Ctrl+N", "Ctrl+L"];

fn keys(ui: &mut Ui, place: Place) {
    if place.is_touched {
        return;
    }
    let palette = theme::palette(ui.visuals());
    section(ui, "Keys");
    egui::Grid::new("keys").num_columns(2).spacing(vec2(space::L, space::XS)).show(ui, |ui| {
        for (keys, meaning) in KEYS {
            if place.is_browser && BROWSERS_KEYS.contains(&keys) {
                continue;
            }
            ui.label(RichText::new(keys).size(size::SMALL).color(palette.text));
            ui.label(RichText::new(meaning).size(size::SMALL).color(palette.soft));
            ui.end_row();
        }
    });
}
