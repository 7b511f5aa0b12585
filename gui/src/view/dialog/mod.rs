//! What opens over the conversation. Each dialog keeps only what is being typed in it.

pub mod account;
mod code;
mod connection;
mod create;
mod devices;
mod join;
mod link;
mod lock;
mod nearby;
mod person;
mod room;
mod search;
mod settings;
mod share;
mod small;
mod switcher;

use egui::{Context, Ui};
use parlor_protocol::{EntryId, RoomId, UserId};

use super::{Action, QrOf, Sight};
use crate::{config::Look, links::Target, model::Model, widgets::plain_button};

pub use create::Create;
pub use devices::{DevicesPage, LinkForm};
pub use join::Join;
pub use person::PersonDialog;
pub use room::RoomPage;
pub use search::Search;
pub use settings::Settings;
pub use share::Share;
pub use switcher::Switcher;

/// The dialog that is open.
#[derive(Clone, Debug)]
pub enum Dialog {
    /// Make a room.
    Create(Create),
    /// Join with a code.
    Join(Join),
    /// Show a room's code.
    Share(Share),
    /// A room's people, rules and codes.
    Room(RoomPage),
    /// Settings.
    Settings(Settings),
    /// How this machine is connected.
    Connection,
    /// Who is in the room (where there is no column for them).
    Members,
    /// Search in all rooms.
    Search(Search),
    /// Go to a room by name.
    Switcher(Switcher),
    /// Really delete?
    Delete(EntryId),
    /// Who somebody is.
    Person(PersonDialog),
    /// Who is on the network.
    Nearby,
    /// The account.
    Account(Box<account::AccountForm>),
    /// The person's own devices.
    Devices(DevicesPage),
    /// Really open this link?
    Link(Target),
}

/// What dialogs show besides the model.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// How the app looks.
    pub look: &'a Look,
    /// Where everything of this profile is kept; empty where there are no folders.
    pub data_folder: &'a str,
    /// The page's own address where the app is one.
    pub page: Option<&'a str>,
}

impl Dialog {
    /// Make a room.
    #[must_use]
    pub fn create() -> Self {
        Self::Create(Create::default())
    }

    /// Join with a code.
    #[must_use]
    pub fn join() -> Self {
        Self::Join(Join::default())
    }

    /// Join with a code that is there already, to be looked at once more.
    #[must_use]
    pub fn join_with(code: &str) -> Self {
        Self::Join(Join::with(code))
    }

    /// Show a room's code.
    #[must_use]
    pub fn share(room: RoomId) -> Self {
        Self::Share(Share::new(room))
    }

    /// A room's people, rules and codes.
    #[must_use]
    pub fn room(room: RoomId) -> Self {
        Self::Room(RoomPage::new(room))
    }

    /// Settings.
    #[must_use]
    pub fn settings(model: &Model) -> Self {
        Self::Settings(Settings::new(model))
    }

    /// The account.
    #[must_use]
    pub fn account(model: &Model) -> Self {
        Self::Account(Box::new(account::AccountForm::new(model)))
    }

    /// The person's own devices.
    #[must_use]
    pub fn devices() -> Self {
        Self::Devices(DevicesPage::default())
    }

    /// Search.
    #[must_use]
    pub fn search() -> Self {
        Self::Search(Search::default())
    }

    /// Who somebody is.
    #[must_use]
    pub fn person(user: UserId) -> Self {
        Self::Person(PersonDialog::new(user))
    }

    /// Go to a room.
    #[must_use]
    pub fn switcher() -> Self {
        Self::Switcher(Switcher::default())
    }

    /// Draws the dialog and says what the person wants.
    pub fn show(&mut self, ctx: &Context, model: &Model, sight: &Sight, facts: Facts<'_>) -> Vec<Action> {
        match self {
            Self::Create(state) => state.show(ctx, model),
            Self::Join(state) => state.show(ctx, model, sight),
            Self::Share(state) => state.show(ctx, model, facts),
            Self::Room(state) => state.show(ctx, model),
            Self::Settings(state) => state.show(ctx, model, sight, facts),
            Self::Account(state) => state.show(ctx, model, sight),
            Self::Devices(state) => state.show(ctx, model, sight),
            Self::Connection => connection::show(ctx, model),
            Self::Members => small::members(ctx, model, sight),
            Self::Search(state) => state.show(ctx, model, sight),
            Self::Switcher(state) => state.show(ctx, model),
            Self::Delete(message) => small::delete(ctx, model, *message),
            Self::Nearby => nearby::show(ctx, model),
            Self::Link(target) => link::show(ctx, target),
            Self::Person(state) => state.show(ctx, model, sight),
        }
    }
}

/// The ways to a picture with a QR code: a file, and where there is one the camera.
pub(super) fn qr_buttons(ui: &mut Ui, of: QrOf, sight: &Sight) -> Option<Action> {
    let mut wanted = None;
    if sight.place.is_touched && plain_button(ui, "Camera").clicked() {
        wanted = Some(Action::TakePicture(of));
    }
    if plain_button(ui, "From a picture...").clicked() {
        wanted = Some(Action::ReadPicture(of));
    }
    wanted
}
