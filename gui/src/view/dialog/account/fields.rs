//! What is filled in, and the command that it makes.

use egui::{Key, Response, RichText, Ui};
use parlor_node::{AccountCommand, Peer};
use parlor_protocol::{
    DeviceId,
    account::{AccessToken, Password, RecoveryKey, UserName},
};

use super::{AccountForm, Wanted};
use crate::{
    model::Model,
    theme::{self, size, space},
    view::{Action, Sight},
    widgets::{link_button, main_button, plain_button, secret_field, text_field, visible_secret_field, warn_button},
    words,
};

pub(super) const PASSWORD: &str = "account password";
pub(super) const NEW: &str = "account new password";
pub(super) const AGAIN: &str = "account new password again";
pub(super) const RECOVERY: &str = "account recovery key";
pub(super) const TOKEN: &str = "account token";

impl AccountForm {
    pub(super) fn fields(&mut self, ui: &mut Ui, wanted: Wanted, model: &Model, sight: &Sight) -> Vec<Action> {
        let mut actions = Vec::new();
        let mut shown = Vec::new();
        if matches!(wanted, Wanted::SignIn | Wanted::Register | Wanted::Reset) {
            shown.push(text_field(ui, "account name", &mut self.name, "User name", "User name", 256));
        }
        if wanted == Wanted::Reset {
            shown.push(visible_secret_field(ui, TOKEN, &mut self.token, "Token"));
        }
        if matches!(wanted, Wanted::SignIn | Wanted::Change | Wanted::Delete) {
            shown.push(secret_field(ui, PASSWORD, &mut self.password, "Password"));
        }
        if matches!(wanted, Wanted::Register | Wanted::Change | Wanted::Reset) {
            shown.push(secret_field(ui, NEW, &mut self.new, "New password"));
            shown.push(secret_field(ui, AGAIN, &mut self.again, "The same again"));
        }
        if let Some(first) = shown.first().filter(|_| self.asked != Some(wanted)) {
            first.request_focus();
            self.asked = Some(wanted);
        }
        // Enter in the last one is enough, where nothing else has to be filled in and nothing is given up.
        let is_short = matches!(wanted, Wanted::SignIn | Wanted::Register | Wanted::Change) && !self.more;
        let entered = shown.last().is_some_and(Response::lost_focus) && ui.input(|input| input.key_pressed(Key::Enter));
        if wanted == Wanted::Reset {
            visible_secret_field(ui, RECOVERY, &mut self.recovery, "Recovery key, 24 words");
        }
        let archives = model.archives();
        if matches!(wanted, Wanted::SignIn | Wanted::Register | Wanted::Reset) {
            self.which(ui, &archives);
        }
        self.more(ui, wanted);
        let kept = match archives.as_slice() {
            [one] => {
                format!("Four or five words are good. The archive {} keeps the account, sealed.", one.device.short())
            }
            _ => "Four or five words are good. The archive of your network keeps the account, sealed.".to_owned(),
        };
        let note = match wanted {
            Wanted::Reset => {
                "The token comes from whoever runs the archive of your network. The recovery key opens what is in \
                 the account: you wrote its words down when you made it."
            }
            Wanted::Register => &kept,
            Wanted::SignOut => "This machine forgets the account and the rooms that came by it.",
            Wanted::Delete => "The account is deleted for ever. Rooms on your machines stay.",
            Wanted::SignIn | Wanted::Change | Wanted::Devices => "",
        };
        if !note.is_empty() {
            let palette = theme::palette(ui.visuals());
            ui.label(RichText::new(note).size(size::SMALL).color(palette.faint));
        }
        ui.add_space(space::XS);
        ui.horizontal(|ui| {
            let go = match wanted {
                Wanted::SignIn | Wanted::Devices => main_button(ui, "Sign in", true),
                Wanted::Reset => main_button(ui, "Set the password", true),
                Wanted::Register => main_button(ui, "Make the account", true),
                Wanted::Change => main_button(ui, "Save password", true),
                Wanted::SignOut => warn_button(ui, "Sign out"),
                Wanted::Delete => warn_button(ui, "Delete account"),
            };
            if go.clicked() || (is_short && entered) {
                match self.command(wanted, sight) {
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

    /// Which archive, where there are several: anybody can call a machine so.
    fn which(&mut self, ui: &mut Ui, archives: &[&Peer]) {
        let is_there = |wanted: DeviceId| archives.iter().any(|peer| peer.device == wanted);
        self.archive = self.archive.filter(|wanted| is_there(*wanted) && archives.len() > 1);
        if archives.len() < 2 {
            return;
        }
        let palette = theme::palette(ui.visuals());
        let note = "There are several archives here. Which one? Each shows these letters when it starts.";
        ui.label(RichText::new(note).size(size::SMALL).color(palette.soft));
        for peer in archives {
            let text = format!("{}, {}", peer.device.short(), words::host(&peer.address));
            ui.radio_value(&mut self.archive, Some(peer.device), text);
        }
    }

    /// What only some people need: the recovery key, and tokens.
    fn more(&mut self, ui: &mut Ui, wanted: Wanted) {
        match wanted {
            Wanted::SignIn if self.more => {
                visible_secret_field(ui, RECOVERY, &mut self.recovery, "Recovery key, 24 words");
            }
            Wanted::Register if self.more => {
                visible_secret_field(ui, TOKEN, &mut self.token, "Token");
            }
            _ => {}
        }
        let (reset, token) = match wanted {
            Wanted::SignIn => (!self.more, true),
            Wanted::Register => (false, !self.more),
            _ => (false, false),
        };
        ui.horizontal_wrapped(|ui| {
            ui.spacing_mut().item_spacing.x = space::L;
            if reset && link_button(ui, "The password was reset").clicked() {
                self.more = true;
            }
            if token && link_button(ui, "I have a token").clicked() {
                match wanted {
                    Wanted::SignIn => {
                        self.wanted = Some(Wanted::Reset);
                        self.problem = None;
                    }
                    _ => self.more = true,
                }
            }
        });
    }

    fn command(&self, wanted: Wanted, sight: &Sight) -> Result<AccountCommand, String> {
        let says = |error: &dyn std::fmt::Display| words::sentence(&error.to_string());
        let name = || UserName::new(&self.name).map_err(|error| says(&error));
        let password = || Password::new(self.password.text()).map_err(|error| says(&error));
        let device = || sight.device_name().ok_or_else(|| "This machine has no name.".to_owned());
        let chosen = || match Password::choose(self.new.text()) {
            Ok(_) if self.new.text() != self.again.text() => {
                Err("The two new passwords differ. Type the same one in both fields.".to_owned())
            }
            chosen => chosen.map_err(|error| says(&error)),
        };
        let recovery = || {
            let text = self.recovery.text().trim();
            (!text.is_empty()).then(|| text.parse::<RecoveryKey>()).transpose().map_err(|error| says(&error))
        };
        let token = || self.token.text().trim().parse::<AccessToken>().map_err(|error| says(&error));
        Ok(match wanted {
            Wanted::SignIn | Wanted::Devices => AccountCommand::LogIn {
                name: name()?,
                password: password()?,
                recovery: recovery()?,
                device: device()?,
                archive: self.archive,
            },
            Wanted::Reset => AccountCommand::Recover {
                name: name()?,
                token: token()?,
                password: chosen()?,
                recovery: recovery()?,
                device: device()?,
                archive: self.archive,
            },
            Wanted::Register => AccountCommand::Register {
                name: name()?,
                password: chosen()?,
                token: if self.token.text().trim().is_empty() { None } else { Some(token()?) },
                device: device()?,
                archive: self.archive,
            },
            Wanted::Change => AccountCommand::ChangePassword { old: password()?, new: chosen()? },
            Wanted::SignOut => AccountCommand::LogOut,
            Wanted::Delete => AccountCommand::Delete { password: password()? },
        })
    }
}
