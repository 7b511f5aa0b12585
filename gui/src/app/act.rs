//! Carries out what the views ask for, and the keys that work everywhere.

use egui::{Context, Key, Modifiers, Ui};
use parlor_node::{AccountCommand, Command, DeviceCommand, MessageBody};
use parlor_protocol::HistoryPolicy;

use super::{App, Wish};
use crate::{
    backend::Backend,
    links::{self, Target},
    model::{Ask, Effect, Offer, Purpose, Writing},
    view::{Action, COMPOSER, dialog::Dialog},
};

/// Opens a web page or writes a mail, and nothing else.
fn open(ctx: &Context, url: String) {
    if links::may_open(&url) {
        ctx.open_url(egui::OpenUrl::new_tab(url));
    }
}

impl<B: Backend> App<B> {
    fn ask(&mut self, command: Command, purpose: Purpose) {
        self.carry_out(vec![Effect::Ask(Box::new(Ask::new(command, purpose)))]);
    }

    pub(super) fn act(&mut self, ctx: &Context, action: Action) {
        self.show_toast(&action);
        match action {
            Action::OpenRoom(room) => self.carry_out(vec![Effect::Open(room)]),
            Action::CloseRoom => self.model.close_room(),
            Action::StepRoom(step) => self.step_room(step),
            Action::Open(dialog) => self.open_dialog(dialog),
            Action::CloseDialog => {
                self.dialog = None;
                self.ready_to_write();
            }
            Action::SetName(name) => self.ask(Command::SetName(name), Purpose::SetName),
            Action::CreateRoom(name) => {
                self.model.creating = true;
                let history = HistoryPolicy::Everything;
                self.ask(Command::CreateRoom { name, history }, Purpose::Create);
            }
            Action::Join(code) => {
                let effects = self.model.join(code);
                self.carry_out(effects);
            }
            Action::CancelJoin => {
                let effects = self.model.cancel_join();
                self.carry_out(effects);
            }
            Action::Send => self.send(),
            Action::Typed => {
                let effects = self.model.typed();
                self.carry_out(effects);
            }
            Action::ComposerProblem(problem) => {
                if let Some(room) = self.model.open {
                    self.model.chat_mut(room).draft.problem = Some(problem);
                }
            }
            Action::LoadOlder => {
                let effects = self.model.load_older();
                self.carry_out(effects);
            }
            Action::ShowMessage(room, message) => self.hunt_for(room, message),
            Action::Search(words) => {
                let effects = self.model.search(None, &words);
                self.carry_out(effects);
            }
            Action::AddAddress(address) => {
                self.model.address_problem = None;
                self.ask(Command::AddAddress(address.clone()), Purpose::AddAddress(address));
            }
            Action::Govern(room, command) => self.ask(*command, Purpose::Govern(room)),
            Action::UseArchive(archive, uses) => self.ask(Command::UseArchive { archive, uses }, Purpose::Shown),
            Action::RemoveAddress(address) => self.ask(Command::RemoveAddress(address), Purpose::Shown),
            Action::Copy { text, .. } => ctx.copy_text(text),
            Action::OpenLink(text) => match Target::of(&text) {
                Some(target) if target.doubts.is_empty() => open(ctx, target.url),
                Some(target) => self.dialog = Some(Dialog::Link(target)),
                None => {}
            },
            Action::OpenNow(url) => open(ctx, url),
            Action::ToggleMembers => {
                let mut look = self.setting.look;
                look.members = !look.members;
                self.set_look(ctx, look);
            }
            Action::SetLook(look) => self.set_look(ctx, look),
            Action::Message(user) => {
                self.dialog = None;
                self.ask(Command::OpenDirect { user }, Purpose::OpenDirect);
            }
            Action::AnswerRequest(room, answer) => {
                self.ask(Command::AnswerRequest { room, answer }, Purpose::Shown);
            }
            Action::SetVisible(visible) => self.ask(Command::SetVisible(visible), Purpose::Shown),
            Action::OpenPerson(user) => {
                self.model.people.look_at(user);
                self.open_dialog(Dialog::person(user));
                self.ask(Command::Person { user }, Purpose::Person(user));
            }
            Action::Verify(user, verified) => self.ask(Command::Verify { user, verified }, Purpose::Shown),
            Action::CompareSafety(user, text) => {
                self.ask(Command::CompareSafety { user, text }, Purpose::CompareSafety(user));
            }
            Action::ReadPicture(of) => {
                self.model.people.problem = None;
                self.wishes.push(Wish::ReadPicture(of));
            }
            Action::TakePicture(of) => {
                self.model.people.problem = None;
                self.wishes.push(Wish::TakePicture(of));
            }
            Action::SavePicture(picture) => self.wishes.push(Wish::SavePicture(picture)),
            Action::Block(user, blocked) => self.ask(Command::Block { user, blocked }, Purpose::Shown),
            Action::DismissWarning(id) => self.model.people.dismiss(id),
            Action::DismissToast(id) => self.model.toasts.retain(|toast| toast.id != id),
            Action::Quit => self.wishes.push(Wish::Quit),
            Action::LockNow => self.lock(),
            Action::AllowNotices => {
                self.set_look(ctx, crate::config::Look { notify: true, ..self.setting.look });
                self.wishes.push(Wish::AllowNotices);
            }
            Action::Account(command) => self.act_on_account(command),
            Action::Device(command) => self.act_on_devices(command),
            Action::RecoveryNoted => self.model.account.recovery = None,
            Action::ChangeLock(change) => {
                self.model.lock.is_changing = true;
                self.model.lock.problem = None;
                self.ask(Command::ChangeLock(change), Purpose::ChangeLock);
            }
            // Only the shell shows what asks for these.
            Action::Unlock(_) | Action::TryAgain | Action::Keep(_) | Action::ForgetKept | Action::LoadAnew => {}
            Action::Reply(_)
            | Action::Edit(_)
            | Action::EditLast
            | Action::CancelWriting
            | Action::Delete(_)
            | Action::DeleteNow(_)
            | Action::React(..) => self.act_on_message(action),
        }
    }

    fn act_on_account(&mut self, command: Box<AccountCommand>) {
        let account = &mut self.model.account;
        account.problem = None;
        let purpose = match *command {
            AccountCommand::Devices => {
                account.devices = None;
                Purpose::SignedIn
            }
            AccountCommand::SignOut { .. } => Purpose::SignedIn,
            _ => {
                account.is_busy = true;
                Purpose::Account
            }
        };
        self.ask(Command::Account(command), purpose);
    }

    fn act_on_devices(&mut self, command: Box<DeviceCommand>) {
        let devices = &mut self.model.devices;
        devices.problem = None;
        let purpose = match *command {
            DeviceCommand::Offer { .. } => {
                devices.offer = Offer::Making;
                Purpose::OfferLink
            }
            DeviceCommand::CancelOffer => {
                devices.offer = Offer::None;
                Purpose::Quiet
            }
            DeviceCommand::Link { .. } => {
                devices.is_linking = true;
                Purpose::Link
            }
            DeviceCommand::CancelLink => Purpose::Quiet,
            _ => Purpose::Devices,
        };
        self.ask(Command::Device(command), purpose);
    }

    fn act_on_message(&mut self, action: Action) {
        let Some(room) = self.model.open else { return };
        match action {
            Action::Reply(message) => {
                self.model.chat_mut(room).draft.reply(message);
                self.composer.focus();
            }
            Action::Edit(message) => self.edit(room, message),
            Action::EditLast => {
                if let Some(id) = self.model.open_chat().and_then(|chat| chat.last_own()).map(|message| message.id) {
                    self.edit(room, id);
                }
            }
            Action::CancelWriting => {
                self.model.chat_mut(room).draft.cancel();
                self.composer.focus();
            }
            Action::Delete(message) => self.dialog = Some(Dialog::Delete(message)),
            Action::DeleteNow(target) => self.ask(Command::Delete { room, target }, Purpose::Shown),
            Action::React(target, emoji, present) => {
                self.ask(Command::React { room, target, emoji, present }, Purpose::Shown);
            }
            _ => {}
        }
    }

    fn edit(&mut self, room: parlor_protocol::RoomId, message: parlor_protocol::EntryId) {
        let chat = self.model.chat_mut(room);
        let found = chat.timeline.find(message).map(|message| message.body.clone());
        if let Some(MessageBody::Text { text }) = found {
            chat.draft.edit(message, &text);
            self.composer.focus();
        }
    }

    fn send(&mut self) {
        let edits = self.model.open_chat().is_some_and(|chat| matches!(chat.draft.writing, Writing::Edit(_)));
        let effects = self.model.send();
        // After sending, one wants to see what was sent.
        if let Some(room) = self.model.open.filter(|_| !effects.is_empty() && !edits) {
            self.timelines.entry(room).or_default().jump_to_end();
        }
        self.carry_out(effects);
        self.composer.focus();
    }

    fn set_look(&mut self, ctx: &Context, look: crate::config::Look) {
        let look = look.bounded();
        ctx.set_theme(look.preference());
        if (look.zoom - self.setting.look.zoom).abs() > f32::EPSILON {
            ctx.set_zoom_factor(look.zoom);
            self.zoom_seen = look.zoom;
        }
        self.setting.look = look;
        self.wishes.push(Wish::KeepLook(look));
    }

    /// Keys that work everywhere. They are taken before any field sees them.
    pub(super) fn shortcuts(&mut self, ui: &Ui) {
        if self.model.profile.as_ref().is_none_or(|profile| profile.name.is_empty()) || self.dialog.is_some() {
            return;
        }
        let room = self.model.open;
        let key = |modifiers, key| ui.input_mut(|input| input.consume_key(modifiers, key));
        let mut action = None;
        let is_browser = self.sight.place.is_browser;
        for (name, wanted) in [
            (Key::K, Action::Open(Dialog::switcher())),
            (Key::N, Action::Open(Dialog::create())),
            (Key::J, Action::Open(Dialog::join())),
            (Key::F, Action::Open(Dialog::search())),
            (Key::Comma, Action::Open(Dialog::settings(&self.model))),
            (Key::L, Action::LockNow),
            (Key::Q, Action::Quit),
            (Key::ArrowUp, Action::StepRoom(-1)),
            (Key::ArrowDown, Action::StepRoom(1)),
        ] {
            // A new window, the address, leaving: these keys are the browser's.
            let is_taken = is_browser && matches!(name, Key::N | Key::L | Key::Q);
            if !is_taken && key(Modifiers::COMMAND, name) {
                action = Some(wanted);
            }
        }
        if let Some(room) = room.filter(|_| key(Modifiers::COMMAND, Key::I)) {
            action = Some(Action::Open(Dialog::share(room)));
        }
        if room.is_some() && key(Modifiers::ALT, Key::ArrowLeft) {
            action = Some(Action::CloseRoom);
        }
        if let Some(room) = room {
            self.move_keys(ui, room);
        }
        if let Some(action) = action {
            self.act(ui.ctx(), action);
        }
    }

    /// Moving in the conversation, and typing without having clicked into the field.
    fn move_keys(&mut self, ui: &Ui, room: parlor_protocol::RoomId) {
        let empty = self.model.open_chat().is_none_or(|chat| chat.draft.text.is_empty());
        let focus = ui.memory(|memory| memory.focused());
        let key = |key| ui.input_mut(|input| input.consume_key(Modifiers::NONE, key));
        let view = self.timelines.entry(room).or_default();
        if key(Key::PageUp) {
            view.turn_pages(-0.9);
        }
        if key(Key::PageDown) {
            view.turn_pages(0.9);
        }
        if empty && key(Key::End) {
            view.jump_to_end();
        }
        // egui takes the keyboard from the field on Esc before the field could see it.
        let leaves = ui.input(|input| input.key_pressed(Key::Escape)) && !egui::Popup::is_any_open(ui.ctx());
        if leaves && self.model.open_chat().is_some_and(|chat| chat.draft.writing != Writing::New) {
            self.act(ui.ctx(), Action::CancelWriting);
        }
        if ui.input(|input| input.key_pressed(Key::Escape)) {
            // Out of a menu or a message, back to where one writes.
            self.composer.focus();
        }
        let typing = |event: &egui::Event| matches!(event, egui::Event::Text(_) | egui::Event::Paste(_));
        let may_write = self.model.why_not_write(room).is_none();
        if may_write && focus.is_none() && ui.input(|input| input.events.iter().any(typing)) {
            ui.memory_mut(|memory| memory.request_focus(egui::Id::new(COMPOSER)));
        }
    }
}
