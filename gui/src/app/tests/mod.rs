//! The app driven as a person does: widgets are found by what they are called.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod accounts;
mod browser;
mod devices;
mod dialogs;
mod keys;
mod links;
mod locking;
mod members;
mod naming;
mod people;
mod room;
mod start;
mod timeline;
mod writing;

use egui::{Event, Key, Modifiers, OutputCommand, Vec2, accesskit::Role};
use egui_kittest::{Harness, kittest::Queryable as _};
use jiff::tz::TimeZone;
use parlor_node::Command;
use parlor_protocol::{DeviceId, RoomId};
use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};

use super::{App, Setting, Wish};
use crate::{config::Look, fake::Fake, model::Model, place::Place, view::QrOf};

/// Tuesday, 14 November 2023, 22:13:20 UTC.
pub(super) const NOW: u64 = 1_700_000_000_000;
pub(super) const MINUTE: u64 = 60_000;
pub(super) const DAY: u64 = 24 * 60 * MINUTE;

/// The app in a window that is not there.
pub(super) struct Desk {
    pub(super) fake: Fake,
    pub(super) wishes: Rc<RefCell<Vec<Wish>>>,
    pub(super) clock: Rc<Cell<u64>>,
    /// What was given to the system to open.
    pub(super) opened: Rc<RefCell<Vec<String>>>,
    harness: Harness<'static, Option<App<Fake>>>,
}

impl Desk {
    pub(super) fn new(fake: &Fake) -> Self {
        Self::of_size(fake, [1200.0, 800.0])
    }

    pub(super) fn of_size(fake: &Fake, size: [f32; 2]) -> Self {
        Self::looking(fake, size, Look::default())
    }

    pub(super) fn looking(fake: &Fake, size: [f32; 2], look: Look) -> Self {
        let wishes = Rc::new(RefCell::new(Vec::new()));
        let (node, seen) = (fake.clone(), Rc::clone(&wishes));
        let clock = Rc::new(Cell::new(NOW));
        let opened = Rc::new(RefCell::new(Vec::new()));
        let given = Rc::clone(&opened);
        let told = Rc::clone(&clock);
        let harness = Harness::builder().with_size(Vec2::from(size)).with_max_steps(60).build_ui_state(
            move |ui, app: &mut Option<App<Fake>>| {
                let app = app.get_or_insert_with(|| {
                    let data_folder = "/data/parlor".to_owned();
                    let clock = Rc::clone(&told);
                    let machine = "desk".to_owned();
                    let clock = Box::new(move || clock.get());
                    let place = Place::default();
                    let setting = Setting { clock, zone: TimeZone::UTC, data_folder, page: None, look, machine, place };
                    App::new(ui.ctx(), node.clone(), setting)
                });
                seen.borrow_mut().extend(app.frame(ui));
                ui.ctx().output(|output| {
                    let url = |command: &OutputCommand| match command {
                        OutputCommand::OpenUrl(wanted) => Some(wanted.url.clone()),
                        _ => None,
                    };
                    given.borrow_mut().extend(output.commands.iter().filter_map(url));
                });
            },
            None,
        );
        let mut desk = Self { fake: fake.clone(), wishes, clock, opened, harness };
        desk.run();
        desk
    }

    pub(super) fn run(&mut self) {
        self.harness.run();
        // What was answered in the last frame is drawn in the next.
        self.harness.run();
    }

    /// Frames without anything done by the person.
    pub(super) fn run_quietly(&mut self) {
        self.harness.step();
        self.harness.step();
    }

    /// Time passes and nobody touches anything.
    pub(super) fn passes(&mut self, millis: u64) {
        self.clock.set(self.clock.get() + millis);
        self.run_quietly();
    }

    pub(super) fn app(&self) -> &App<Fake> {
        self.harness.state().as_ref().unwrap()
    }

    pub(super) fn offers(&mut self, code: &str) {
        self.harness.state_mut().as_mut().unwrap().offer_code(code.to_owned());
        self.run();
    }

    /// The shell has read a picture.
    pub(super) fn picture_read(&mut self, of: QrOf, read: Result<String, String>) {
        self.harness.state_mut().as_mut().unwrap().picture_read(of, read);
        self.run();
    }

    /// The shell says that the app runs somewhere else.
    pub(super) fn moves_to(&mut self, place: Place) {
        crate::theme::fit_fingers(&self.harness.ctx, place.is_touched);
        self.harness.state_mut().as_mut().unwrap().set_place(place);
        self.run();
    }

    /// Somebody clicked a notification.
    pub(super) fn shows_room(&mut self, room: RoomId) {
        self.harness.state_mut().as_mut().unwrap().show_room(room);
        self.run();
    }

    /// Whether what is typed goes there.
    pub(super) fn has_keyboard(&self, label: &str) -> bool {
        self.harness.get_by_label(label).is_focused()
    }

    /// How tall what can be pressed is.
    pub(super) fn height_of(&self, label: &str) -> f32 {
        self.harness.get_by_label(label).rect().height()
    }

    pub(super) fn model(&self) -> &Model {
        self.app().model()
    }

    pub(super) fn click(&mut self, label: &str) {
        self.harness.get_by_label(label).click();
        self.run();
    }

    pub(super) fn click_containing(&mut self, label: &str) {
        self.harness.get_by_label_contains(label).click();
        self.run();
    }

    pub(super) fn click_secondary(&mut self, label: &str) {
        self.harness.get_by_label(label).click_secondary();
        self.run();
    }

    pub(super) fn sees(&self, label: &str) -> bool {
        self.harness.query_all_by_label_contains(label).next().is_some()
    }

    pub(super) fn shows(&self, label: &str) {
        assert!(self.sees(label), "{label:?} is not on the screen");
    }

    pub(super) fn hides(&self, label: &str) {
        assert!(!self.sees(label), "{label:?} is on the screen");
    }

    /// What is called so to a screen reader and can be followed.
    pub(super) fn link<'a>(&'a self, label: &'a str) -> egui_kittest::Node<'a> {
        self.harness.get_by_role_and_label(Role::Link, label)
    }

    /// How many there are.
    pub(super) fn links(&self) -> usize {
        self.harness.query_all_by_role(Role::Link).count()
    }

    /// What a screen reader says by itself.
    pub(super) fn says_itself(&self) -> Option<String> {
        self.harness.query_by_role(Role::Status).and_then(|node| node.value())
    }

    pub(super) fn field(&self, label: &str) -> String {
        self.harness.get_by_label(label).value().unwrap_or_default()
    }

    pub(super) fn focus(&mut self, label: &str) {
        self.harness.get_by_label(label).focus();
        self.run();
    }

    pub(super) fn types(&mut self, text: &str) {
        self.harness.event(Event::Text(text.to_owned()));
        self.run();
    }

    /// Replaces what stands in a field.
    pub(super) fn retypes(&mut self, label: &str, text: &str) {
        self.focus(label);
        self.press(Modifiers::COMMAND, Key::A);
        self.types(text);
    }

    pub(super) fn pastes(&mut self, text: &str) {
        self.harness.event(Event::Paste(text.to_owned()));
        self.run();
    }

    pub(super) fn press(&mut self, modifiers: Modifiers, key: Key) {
        self.harness.key_press_modifiers(modifiers, key);
        self.run();
    }

    pub(super) fn resize(&mut self, size: [f32; 2]) {
        self.harness.set_size(Vec2::from(size));
        self.run();
    }

    pub(super) fn scroll(&mut self, label: &str, points: f32) {
        let at = self.harness.get_all_by_label_contains(label).next().unwrap().rect().center();
        self.harness.event(Event::PointerMoved(at));
        self.harness.event(Event::MouseWheel {
            unit: egui::MouseWheelUnit::Point,
            delta: egui::vec2(0.0, points),
            modifiers: Modifiers::NONE,
            phase: egui::TouchPhase::Move,
        });
        self.run();
    }

    pub(super) fn top_of(&self, label: &str) -> f32 {
        self.harness.get_by_label(label).rect().top()
    }

    pub(super) fn loses_focus(&mut self) {
        self.harness.input_mut().focused = false;
        self.harness.event(Event::WindowFocused(false));
        self.run();
    }

    /// The last command of a kind.
    pub(super) fn last<T>(&self, pick: impl Fn(&Command) -> Option<T>) -> Option<T> {
        self.fake.given().iter().rev().find_map(pick)
    }

    pub(super) fn sent(&self) -> Vec<String> {
        let texts = self.fake.given();
        let text = |command: &Command| {
            if let Command::Send { text, .. } = command { Some(text.as_str().to_owned()) } else { None }
        };
        texts.iter().filter_map(text).collect()
    }
}

/// A node with a room and another person in it.
pub(super) fn with_room() -> (Fake, RoomId, DeviceId) {
    let fake = Fake::new("Ada");
    let room = fake.room("Kitchen", NOW - DAY);
    let bo = fake.member(room, 1, "Bo", true);
    (fake, room, bo)
}
