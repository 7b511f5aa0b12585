//! The part of the settings about the profile's lock.

use egui::{Context, RichText, Ui};
use parlor_node::store::{LockChange, LockKind};
use parlor_protocol::guard::Passphrase;

use crate::{
    config::Look,
    model::Model,
    theme::{self, size, space},
    view::Action,
    widgets::{Typed, error_line, hint_line, main_button, plain_button, secret_field, section},
    words,
};

const CURRENT: &str = "current passphrase";
const NEW: &str = "new passphrase";
const AGAIN: &str = "new passphrase again";
/// After how many idle minutes the app can lock itself.
const IDLE: [(Option<u32>, &str); 5] =
    [(None, "Never"), (Some(1), "1 minute"), (Some(5), "5 minutes"), (Some(15), "15 minutes"), (Some(60), "1 hour")];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    Set,
    Change,
    Remove,
}

/// What is being typed about the lock.
#[derive(Clone, Debug)]
pub(super) struct Lock {
    wanted: Option<Wanted>,
    current: Typed,
    new: Typed,
    again: Typed,
    at_start: bool,
    problem: Option<String>,
    serial: u64,
}

impl Lock {
    pub(super) fn new(model: &Model) -> Self {
        Self {
            wanted: None,
            current: Typed::default(),
            new: Typed::default(),
            again: Typed::default(),
            at_start: true,
            problem: None,
            serial: model.lock.serial,
        }
    }

    pub(super) fn show(&mut self, ui: &mut Ui, model: &Model, look: &Look) -> Vec<Action> {
        let mut actions = Vec::new();
        let Some(kind) = model.lock.kind else { return actions };
        let palette = theme::palette(ui.visuals());
        // A change was carried out: what was typed for it has done its work.
        if std::mem::replace(&mut self.serial, model.lock.serial) != model.lock.serial {
            self.close(ui.ctx());
        }
        section(ui, "Lock");
        if kind == LockKind::File {
            hint_line(ui, words::lock_kind(kind));
        } else {
            ui.label(RichText::new(words::lock_kind(kind)).size(size::SMALL).color(palette.soft));
        }
        if model.lock.is_changing {
            ui.label(RichText::new("One moment").size(size::SMALL).color(palette.soft));
            return actions;
        }
        match self.wanted {
            None => actions.extend(self.choose(ui, kind)),
            Some(wanted) => actions.extend(self.fields(ui, kind, wanted)),
        }
        if let Some(problem) = self.problem.as_ref().or(model.lock.problem.as_ref()) {
            error_line(ui, problem);
        }
        if kind.has_passphrase() {
            actions.extend(idle(ui, look));
        }
        actions
    }

    fn choose(&mut self, ui: &mut Ui, kind: LockKind) -> Vec<Action> {
        let mut actions = Vec::new();
        ui.horizontal_wrapped(|ui| {
            if kind.has_passphrase() {
                if main_button(ui, "Lock now", true).clicked() {
                    actions.push(Action::LockNow);
                }
                if plain_button(ui, "Change passphrase").clicked() {
                    self.wanted = Some(Wanted::Change);
                    self.at_start = kind == LockKind::Passphrase;
                }
                if plain_button(ui, "Remove passphrase").clicked() {
                    self.wanted = Some(Wanted::Remove);
                }
            } else {
                if plain_button(ui, "Set a passphrase").clicked() {
                    self.wanted = Some(Wanted::Set);
                }
                if kind == LockKind::File && plain_button(ui, "Use the system's keychain").clicked() {
                    actions.push(Action::ChangeLock(Box::new(LockChange::UseKeychain)));
                }
            }
        });
        actions
    }

    fn fields(&mut self, ui: &mut Ui, kind: LockKind, wanted: Wanted) -> Vec<Action> {
        let mut actions = Vec::new();
        let palette = theme::palette(ui.visuals());
        if kind.has_passphrase() {
            secret_field(ui, CURRENT, &mut self.current, "Passphrase until now");
        }
        if wanted != Wanted::Remove {
            secret_field(ui, NEW, &mut self.new, "New passphrase");
            secret_field(ui, AGAIN, &mut self.again, "The same again");
            ui.horizontal_wrapped(|ui| {
                ui.selectable_value(&mut self.at_start, true, "Ask at every start");
                ui.selectable_value(&mut self.at_start, false, "Ask only after locking");
            });
            let text = "Four or five words are good. Write it down somewhere safe: nobody can reset it, and without it your \
                        keys and messages on this machine are lost.";
            ui.label(RichText::new(text).size(size::SMALL).color(palette.faint));
        }
        ui.add_space(space::XS);
        let name = match wanted {
            Wanted::Set => "Set passphrase",
            Wanted::Change => "Save passphrase",
            Wanted::Remove => "Remove it",
        };
        ui.horizontal(|ui| {
            if main_button(ui, name, true).clicked() {
                match self.change(kind, wanted) {
                    Ok(change) => {
                        self.problem = None;
                        actions.push(Action::ChangeLock(Box::new(change)));
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

    fn change(&self, kind: LockKind, wanted: Wanted) -> Result<LockChange, String> {
        let current = || Passphrase::new(self.current.text()).map_err(words::passphrase_problem);
        if wanted == Wanted::Remove {
            return Ok(LockChange::RemovePassphrase { current: current()? });
        }
        let new = Passphrase::choose(self.new.text()).map_err(words::passphrase_problem)?;
        if self.new.text() != self.again.text() {
            return Err("The two new passphrases differ. Type the same one in both fields.".to_owned());
        }
        let current = if kind.has_passphrase() { Some(current()?) } else { None };
        Ok(LockChange::SetPassphrase { current, new, at_start: Some(self.at_start) })
    }

    fn close(&mut self, ctx: &Context) {
        self.wanted = None;
        self.problem = None;
        self.at_start = true;
        for (typed, id) in [(&mut self.current, CURRENT), (&mut self.new, NEW), (&mut self.again, AGAIN)] {
            typed.clear(ctx, id);
        }
    }
}

/// When the app locks itself.
fn idle(ui: &mut Ui, look: &Look) -> Vec<Action> {
    let mut wanted = *look;
    let palette = theme::palette(ui.visuals());
    ui.label(RichText::new("Lock by itself when nobody touched it for").size(size::SMALL).color(palette.soft));
    ui.horizontal_wrapped(|ui| {
        for (minutes, name) in IDLE {
            ui.selectable_value(&mut wanted.lock_after, minutes, name);
        }
    });
    if wanted == *look { Vec::new() } else { vec![Action::SetLook(wanted)] }
}
