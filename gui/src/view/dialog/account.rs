//! The account: a dialog of its own, and signing in on the first screen.

use egui::{Context, RichText, Ui};
use parlor_node::{AccountCommand, RecoveryWords, engine::account::device_name};
use parlor_protocol::account::{AccessToken, Password, RecoveryKey, UserName};

use crate::{
    model::Model,
    theme::{self, size, space},
    view::Action,
    widgets::{
        Typed, dialog, error_line, link_button, main_button, plain_button, secret_field, text_field, warn_button,
    },
};

const PASSWORD: &str = "account password";
const NEW: &str = "account new password";
const AGAIN: &str = "account new password again";

/// What the person wants to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    SignIn,
    Register,
    Change,
    SignOut,
    Delete,
}

/// What is being typed about the account.
#[derive(Clone, Debug, Default)]
pub struct AccountForm {
    wanted: Option<Wanted>,
    name: String,
    password: Typed,
    new: Typed,
    again: Typed,
    recovery: String,
    token: String,
    /// The person says that the password was reset, or that there is a token.
    more: bool,
    problem: Option<String>,
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

    pub(super) fn show(&mut self, ctx: &Context, model: &Model) -> Vec<Action> {
        let mut actions = Vec::new();
        if dialog(ctx, "Account", |ui| actions.extend(self.body(ui, model))) {
            actions.push(Action::CloseDialog);
        }
        actions
    }

    /// The form without its heading.
    pub fn body(&mut self, ui: &mut Ui, model: &Model) -> Vec<Action> {
        let mut actions = Vec::new();
        let palette = theme::palette(ui.visuals());
        // Something was carried out: what was typed for it has done its work.
        if std::mem::replace(&mut self.serial, model.account.serial) != model.account.serial {
            self.close(ui.ctx());
        }
        if let Some(words) = &model.account.recovery {
            return recovery_key(ui, words);
        }
        if model.account.is_busy {
            ui.label(RichText::new("One moment").size(size::SMALL).color(palette.soft));
            return actions;
        }
        match self.wanted {
            None => self.choose(ui, model),
            Some(wanted) => actions.extend(self.fields(ui, wanted)),
        }
        if let Some(problem) = self.problem.as_ref().or(model.account.problem.as_ref()) {
            error_line(ui, problem);
        }
        actions
    }

    fn choose(&mut self, ui: &mut Ui, model: &Model) {
        let palette = theme::palette(ui.visuals());
        let view = model.account.view.clone().unwrap_or_default();
        let soft = |ui: &mut Ui, text: String| ui.label(RichText::new(text).size(size::SMALL).color(palette.soft));
        match (&view.name, view.signed_in) {
            (Some(name), true) => {
                soft(ui, format!("You are signed in as {name}. Sign in elsewhere to find your rooms there."));
                ui.horizontal_wrapped(|ui| {
                    for (text, wanted) in [
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
    }

    fn fields(&mut self, ui: &mut Ui, wanted: Wanted) -> Vec<Action> {
        let mut actions = Vec::new();
        let palette = theme::palette(ui.visuals());
        if matches!(wanted, Wanted::SignIn | Wanted::Register) {
            text_field(ui, "account name", &mut self.name, "User name", "User name", 256);
        }
        if matches!(wanted, Wanted::SignIn | Wanted::Change | Wanted::Delete) {
            secret_field(ui, PASSWORD, &mut self.password, "Password");
        }
        if matches!(wanted, Wanted::Register | Wanted::Change) {
            secret_field(ui, NEW, &mut self.new, "New password");
            secret_field(ui, AGAIN, &mut self.again, "The same again");
        }
        let (link, hint) = match wanted {
            Wanted::SignIn => ("The password was reset", "Recovery key, 24 words"),
            Wanted::Register => ("I have a token", "Token"),
            _ => ("", ""),
        };
        if !link.is_empty() && self.more {
            let text = if wanted == Wanted::SignIn { &mut self.recovery } else { &mut self.token };
            text_field(ui, "account more", text, hint, hint, 1024);
        } else if !link.is_empty() && link_button(ui, link).clicked() {
            self.more = true;
        }
        let note = match wanted {
            Wanted::Register => "Four or five words are good. The archive of your network keeps the account, sealed.",
            Wanted::SignOut => "This machine forgets the account and the rooms that came by it.",
            Wanted::Delete => "The account is deleted for ever. Rooms on your machines stay.",
            Wanted::SignIn | Wanted::Change => "",
        };
        if !note.is_empty() {
            ui.label(RichText::new(note).size(size::SMALL).color(palette.faint));
        }
        ui.add_space(space::XS);
        ui.horizontal(|ui| {
            let go = match wanted {
                Wanted::SignIn => main_button(ui, "Sign in", true),
                Wanted::Register => main_button(ui, "Make the account", true),
                Wanted::Change => main_button(ui, "Save password", true),
                Wanted::SignOut => warn_button(ui, "Sign out"),
                Wanted::Delete => warn_button(ui, "Delete account"),
            };
            if go.clicked() {
                match self.command(wanted) {
                    Ok(command) => {
                        self.problem = None;
                        actions.push(Action::Account(Box::new(command)));
                    }
                    Err(problem) => self.problem = Some(problem),
                }
            }
            if plain_button(ui, "Cancel").clicked() {
                self.close(ui.ctx());
            }
        });
        actions
    }

    fn command(&self, wanted: Wanted) -> Result<AccountCommand, String> {
        let words = |error: &dyn std::fmt::Display| {
            let text = error.to_string();
            let mut chars = text.chars();
            chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).chain(['.']).collect())
        };
        let name = || UserName::new(&self.name).map_err(|error| words(&error));
        let password = || Password::new(self.password.text()).map_err(|error| words(&error));
        let device = || device_name(host().as_deref()).ok_or_else(|| "This machine has no name.".to_owned());
        let chosen = || match Password::choose(self.new.text()) {
            Ok(_) if self.new.text() != self.again.text() => {
                Err("The two new passwords differ. Type the same one in both fields.".to_owned())
            }
            chosen => chosen.map_err(|error| words(&error)),
        };
        let optional = |text: &str| (!text.trim().is_empty()).then(|| text.trim().to_owned());
        Ok(match wanted {
            Wanted::SignIn => AccountCommand::LogIn {
                name: name()?,
                password: password()?,
                recovery: optional(&self.recovery)
                    .map(|text| text.parse::<RecoveryKey>())
                    .transpose()
                    .map_err(|error| words(&error))?,
                device: device()?,
                archive: None,
            },
            Wanted::Register => AccountCommand::Register {
                name: name()?,
                password: chosen()?,
                token: optional(&self.token)
                    .map(|text| text.parse::<AccessToken>())
                    .transpose()
                    .map_err(|error| words(&error))?,
                device: device()?,
                archive: None,
            },
            Wanted::Change => AccountCommand::ChangePassword { old: password()?, new: chosen()? },
            Wanted::SignOut => AccountCommand::LogOut,
            Wanted::Delete => AccountCommand::Delete { password: password()? },
        })
    }

    fn close(&mut self, ctx: &Context) {
        self.wanted = None;
        self.problem = None;
        self.more = false;
        self.recovery.clear();
        self.token.clear();
        for (typed, id) in [(&mut self.password, PASSWORD), (&mut self.new, NEW), (&mut self.again, AGAIN)] {
            typed.clear(ctx, id);
        }
    }
}

/// What this machine is called, as far as its system says.
fn host() -> Option<String> {
    std::env::var("HOSTNAME").or_else(|_| std::env::var("COMPUTERNAME")).ok()
}

/// The recovery key, once.
fn recovery_key(ui: &mut Ui, words: &RecoveryWords) -> Vec<Action> {
    let mut actions = Vec::new();
    let palette = theme::palette(ui.visuals());
    let text = "Your account is made. This is its recovery key: if you forget the password, only these words open what is \
                in it. Write them down. They are not shown again.";
    ui.label(RichText::new(text).size(size::BODY).color(palette.text));
    ui.add_space(space::XS);
    let list: Vec<&str> = words.expose().split(' ').collect();
    for (row, line) in list.chunks(4).enumerate() {
        let number = |(at, word): (usize, &&str)| format!("{:>2} {word}", row * 4 + at + 1);
        let line = line.iter().enumerate().map(number).collect::<Vec<_>>().join("   ");
        ui.label(RichText::new(line).monospace().size(size::SMALL).color(palette.text));
    }
    ui.add_space(space::XS);
    ui.horizontal(|ui| {
        if main_button(ui, "I have written it down", true).clicked() {
            actions.push(Action::RecoveryNoted);
        }
        if plain_button(ui, "Copy").clicked() {
            actions.push(Action::Copy { text: words.expose().to_owned(), what: "Recovery key" });
        }
    });
    actions
}
