//! The account: a dialog of its own, and signing in on the first screen.

mod devices;
mod fields;
mod recovery;

use egui::{Context, RichText, Ui};
use parlor_node::AccountCommand;
use parlor_protocol::DeviceId;

use crate::{
    model::Model,
    theme::{self, size},
    view::{Action, Sight},
    widgets::{Typed, dialog, error_line, main_button, plain_button},
};

/// What the person wants to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    SignIn,
    /// Set a new password with a token.
    Reset,
    Register,
    Change,
    SignOut,
    Delete,
    /// See where the account is signed in.
    Devices,
}

/// What is being typed about the account.
#[derive(Clone, Debug, Default)]
pub struct AccountForm {
    wanted: Option<Wanted>,
    name: String,
    password: Typed,
    new: Typed,
    again: Typed,
    recovery: Typed,
    token: Typed,
    /// Which archive, where there are several.
    archive: Option<DeviceId>,
    /// The person says that the password was reset, or that there is a token.
    more: bool,
    /// The device that is to be signed out, once that was answered.
    ends: Option<(DeviceId, String)>,
    problem: Option<String>,
    /// Whose first field had the keyboard already.
    asked: Option<Wanted>,
    serial: u64,
}

impl AccountForm {
    /// A form as it is when nothing was typed.
    #[must_use]
    pub fn new(model: &Model) -> Self {
        Self { serial: model.account.serial, ..Self::default() }
    }

    /// Begins with signing in, for the first screen.
    #[must_use]
    pub fn signing_in(model: &Model) -> Self {
        Self { wanted: Some(Wanted::SignIn), ..Self::new(model) }
    }

    /// Whether there is something to fill in.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.wanted.is_some()
    }

    pub(super) fn show(&mut self, ctx: &Context, model: &Model, sight: &Sight) -> Vec<Action> {
        let mut actions = Vec::new();
        if dialog(ctx, "Account", |ui| actions.extend(self.body(ui, model, sight))) {
            actions.push(Action::CloseDialog);
        }
        actions
    }

    /// The form without its heading.
    pub fn body(&mut self, ui: &mut Ui, model: &Model, sight: &Sight) -> Vec<Action> {
        let mut actions = Vec::new();
        let palette = theme::palette(ui.visuals());
        // Something was carried out: what was typed for it has done its work.
        if std::mem::replace(&mut self.serial, model.account.serial) != model.account.serial {
            self.close(ui.ctx());
        }
        if let Some(words) = &model.account.recovery {
            return recovery::show(ui, words);
        }
        if model.account.is_busy {
            ui.label(RichText::new("One moment").size(size::SMALL).color(palette.soft));
            return actions;
        }
        match self.wanted {
            None => actions.extend(self.choose(ui, model)),
            Some(Wanted::Devices) => actions.extend(self.devices(ui, model, sight)),
            Some(wanted) => actions.extend(self.fields(ui, wanted, model, sight)),
        }
        if let Some(problem) = self.problem.as_ref().or(model.account.problem.as_ref()) {
            error_line(ui, problem);
        }
        actions
    }

    fn choose(&mut self, ui: &mut Ui, model: &Model) -> Option<Action> {
        let palette = theme::palette(ui.visuals());
        let view = model.account.view.clone().unwrap_or_default();
        let soft = |ui: &mut Ui, text: String| ui.label(RichText::new(text).size(size::SMALL).color(palette.soft));
        let before = self.wanted;
        match (&view.name, view.signed_in) {
            (Some(name), true) => {
                soft(ui, format!("You are signed in as {name}. Sign in elsewhere to find your rooms there."));
                ui.horizontal_wrapped(|ui| {
                    for (text, wanted) in [
                        ("Signed-in devices", Wanted::Devices),
                        ("Change password", Wanted::Change),
                        ("Sign out", Wanted::SignOut),
                        ("Delete account", Wanted::Delete),
                    ] {
                        if plain_button(ui, text).clicked() {
                            self.wanted = Some(wanted);
                        }
                    }
                });
            }
            (Some(name), false) => {
                soft(ui, format!("This device was signed out of {name} from elsewhere."));
                if main_button(ui, "Sign in again", true).clicked() {
                    self.name.clone_from(name);
                    self.wanted = Some(Wanted::SignIn);
                }
            }
            (None, _) => {
                soft(
                    ui,
                    "You need no account. With one, you sign in on any machine of this network and find your rooms."
                        .to_owned(),
                );
                ui.horizontal_wrapped(|ui| {
                    if plain_button(ui, "Sign in").clicked() {
                        self.wanted = Some(Wanted::SignIn);
                    }
                    if plain_button(ui, "Make an account").clicked() {
                        self.wanted = Some(Wanted::Register);
                    }
                });
            }
        }
        (before != self.wanted && self.wanted == Some(Wanted::Devices))
            .then(|| Action::Account(Box::new(AccountCommand::Devices)))
    }

    fn close(&mut self, ctx: &Context) {
        self.wanted = None;
        self.asked = None;
        self.problem = None;
        self.more = false;
        self.ends = None;
        for (typed, id) in [
            (&mut self.password, fields::PASSWORD),
            (&mut self.new, fields::NEW),
            (&mut self.again, fields::AGAIN),
            (&mut self.recovery, fields::RECOVERY),
            (&mut self.token, fields::TOKEN),
        ] {
            typed.clear(ctx, id);
        }
    }
}
