//! The app: takes in events, shows the views, carries out what they ask for. The same for
//! every shell; what only a shell can do comes back as a [`Wish`].

mod act;
mod glyphs;
mod idle;
mod pictures;
mod screen;
#[cfg(test)]
mod tests;

use jiff::tz::TimeZone;
use parlor_protocol::{EntryId, RoomId};
use std::collections::HashMap;
use zeroize::Zeroizing;

use crate::{
    backend::Backend,
    config::Look,
    model::{Ask, Effect, Model, Notice},
    place::{Notices, Place},
    theme,
    view::{Action, Composer, QrOf, Sight, Welcome, dialog::Dialog, timeline::TimelineView},
    widgets::QrPicture,
    words,
};

/// Pages read at most to find one message: some 190,000 messages.
const HUNT_PAGES: u32 = 200;

/// What only the shell can do.
#[derive(Clone, Debug, PartialEq)]
pub enum Wish {
    /// Tell the desktop of a message.
    Notify(Notice),
    /// Keep how the app looks.
    KeepLook(Look),
    /// Find fonts that have these characters.
    Glyphs(Vec<char>),
    /// Let the person choose a picture, and read the QR code in it; the answer goes to
    /// [`App::picture_read`].
    ReadPicture(QrOf),
    /// The same with a picture that is taken with the camera.
    TakePicture(QrOf),
    /// Save a QR picture where the person says; the answer goes to [`App::picture_saved`].
    SavePicture(QrPicture),
    /// Leave.
    Quit,
    /// Stop the node, forget everything shown, and ask for the passphrase.
    Lock,
    /// Ask the browser whether it shows notifications; what it says comes with [`App::set_place`].
    AllowNotices,
}

/// What the shell gives the app.
pub struct Setting {
    /// The wall clock, in milliseconds since 1970.
    pub clock: Box<dyn Fn() -> u64>,
    /// The person's time zone.
    pub zone: TimeZone,
    /// How the app looks.
    pub look: Look,
    /// Where the data is, to show it; empty where there are no folders.
    pub data_folder: String,
    /// The page's own address where the app is one, to make links to rooms: `http://192.168.1.5:47803/`.
    pub page: Option<String>,
    /// What this machine is called; empty where nobody knows.
    pub machine: String,
    /// Where the app runs.
    pub place: Place,
}

impl std::fmt::Debug for Setting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Setting")
            .field("look", &self.look)
            .field("data_folder", &self.data_folder)
            .field("page", &self.page)
            .field("machine", &self.machine)
            .field("place", &self.place)
            .finish_non_exhaustive()
    }
}

impl Default for Setting {
    #[allow(clippy::disallowed_methods, reason = "web-time, which is the system's own clock on a desktop")]
    fn default() -> Self {
        let clock = || {
            let since = web_time::SystemTime::now().duration_since(web_time::SystemTime::UNIX_EPOCH);
            since.map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
        };
        Self {
            clock: Box::new(clock),
            zone: TimeZone::system(),
            look: Look::default(),
            data_folder: String::new(),
            page: None,
            machine: String::new(),
            place: Place::default(),
        }
    }
}

/// A code that came by a link. Never printed.
struct Offered(Zeroizing<String>);

impl std::fmt::Debug for Offered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Offered(..)")
    }
}

/// A message that is looked for by reading older and older stretches.
#[derive(Debug)]
struct Hunt {
    room: RoomId,
    message: EntryId,
    pages_left: u32,
}

/// The app over any node.
#[derive(Debug)]
pub struct App<B> {
    backend: B,
    setting: Setting,
    model: Model,
    sight: Sight,
    dialog: Option<Dialog>,
    welcome: Welcome,
    composer: Composer,
    timelines: HashMap<RoomId, TimelineView>,
    hunt: Option<Hunt>,
    wishes: Vec<Wish>,
    zoom_seen: f32,
    title_told: String,
    glyphs: glyphs::Glyphs,
    /// The room to open again once the rooms are known.
    reopen: Option<RoomId>,
    /// A code that came with a link, to be joined by once there is a name.
    offered: Option<Offered>,
    /// When somebody touched the app last, in milliseconds since 1970.
    touched_at: u64,
}

impl<B: Backend> App<B> {
    /// The app; sets the theme on the context and asks the node the first questions.
    pub fn new(ctx: &egui::Context, backend: B, setting: Setting) -> Self {
        theme::install(ctx);
        let look = setting.look.bounded();
        ctx.set_theme(look.preference());
        ctx.set_zoom_factor(look.zoom);
        let (zone, machine) = (setting.zone.clone(), setting.machine.clone());
        let sight = Sight { now_ms: (setting.clock)(), zone, machine, place: setting.place };
        let mut app = Self {
            backend,
            setting: Setting { look, ..setting },
            model: Model::default(),
            sight,
            dialog: None,
            welcome: Welcome::default(),
            composer: Composer::default(),
            timelines: HashMap::new(),
            hunt: None,
            wishes: Vec::new(),
            zoom_seen: look.zoom,
            title_told: String::new(),
            glyphs: glyphs::Glyphs::default(),
            reopen: look.room,
            offered: None,
            touched_at: 0,
        };
        app.touched_at = app.sight.now_ms;
        app.carry_out(Model::first_questions());
        app
    }

    /// Tells the person something to be careful about that was found before the app was there.
    pub fn tell(&mut self, what: impl Into<String>, remedy: impl Into<String>) {
        self.model.now_ms = self.sight.now_ms;
        self.model.toast(what, remedy, true);
    }

    /// What the app knows.
    #[must_use]
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// The dialog that is open.
    #[must_use]
    pub fn dialog(&self) -> Option<&Dialog> {
        self.dialog.as_ref()
    }

    /// The drawing state of a room's conversation.
    #[must_use]
    pub fn timeline(&self, room: RoomId) -> Option<&TimelineView> {
        self.timelines.get(&room)
    }

    /// What can be done where the app runs may change: a browser was asked, a finger came.
    pub fn set_place(&mut self, place: Place) {
        self.sight.place = place;
    }

    /// Opens a room that the shell was asked for, by a click on a notification.
    pub fn show_room(&mut self, room: RoomId) {
        if self.model.summary(room).is_some() {
            self.carry_out(vec![Effect::Open(room)]);
        }
    }

    /// Takes in what happened. The shell calls it even while the window is hidden, so that
    /// notifications come.
    pub fn take_in(&mut self) -> Vec<Wish> {
        self.sight.now_ms = (self.setting.clock)();
        self.model.now_ms = self.sight.now_ms;
        for event in self.backend.drain() {
            let effects = self.model.apply(event);
            self.carry_out(effects);
        }
        self.go_on_hunting();
        self.tell_failed_join();
        if self.idle_left().is_some_and(|left| left.is_zero()) {
            self.lock();
        }
        std::mem::take(&mut self.wishes)
    }

    /// Offers to join with a code that came by a link: the dialog opens with it, as soon as the person
    /// has a name and no other dialog is open.
    pub fn offer_code(&mut self, code: String) {
        self.offered = Some(Offered(Zeroizing::new(code)));
    }

    /// The code that was offered and is not used yet.
    #[must_use]
    pub fn offered_code(&self) -> Option<&str> {
        self.offered.as_ref().map(|code| code.0.as_str())
    }

    /// Whether an archive is connected.
    #[must_use]
    pub fn is_with_archive(&self) -> bool {
        self.model.connection.peers.iter().any(|peer| peer.archive)
    }

    /// Whether the app could be closed and opened again without anybody losing anything: nothing is being
    /// typed, asked or joined, and everything written has left this machine.
    #[must_use]
    pub fn is_at_rest(&self) -> bool {
        let has_name = self.model.profile.as_ref().is_some_and(|profile| !profile.name.is_empty());
        has_name && self.dialog.is_none() && self.hunt.is_none() && self.model.is_at_rest()
    }

    fn open_offered(&mut self) {
        let is_ready = self.model.profile.as_ref().is_some_and(|profile| !profile.name.is_empty());
        if is_ready
            && self.dialog.is_none()
            && self.model.joining.is_none()
            && let Some(code) = self.offered.take()
        {
            self.open_dialog(Dialog::join_with(&code.0));
        }
    }

    /// Opens the room that was open when the app was closed; on a narrow screen the list of rooms
    /// comes first.
    fn open_last_room(&mut self, wide: f32) {
        let Some(rooms) = &self.model.rooms else { return };
        let Some(last) = self.reopen.take() else { return };
        let known = rooms.iter().any(|room| room.room == last);
        if known && self.model.open.is_none() && wide >= theme::width::NARROW {
            self.carry_out(vec![Effect::Open(last)]);
        }
    }

    /// The person does not look at the window any more.
    pub fn look_away(&mut self) {
        // Marking as read needs attention, so nothing is asked here.
        let _ = self.model.set_attentive(false);
    }

    /// Draws one frame and carries out what the person wants.
    pub fn frame(&mut self, ui: &mut egui::Ui) -> Vec<Wish> {
        if ui.input(|input| !input.events.is_empty()) {
            self.touched_at = (self.setting.clock)();
        }
        let mut wishes = self.take_in();
        self.open_last_room(ui.available_width());
        self.open_offered();
        self.shortcuts(ui);
        let actions = self.draw(ui);
        for action in actions {
            self.act(ui.ctx(), action);
        }
        self.watch_zoom(ui.ctx());
        self.plan_repaint(ui.ctx());
        let missing = self.glyphs.missing(ui.ctx());
        if !missing.is_empty() {
            wishes.push(Wish::Glyphs(missing));
        }
        wishes.append(&mut self.wishes);
        wishes
    }

    fn carry_out(&mut self, effects: Vec<Effect>) {
        let mut effects = std::collections::VecDeque::from(effects);
        while let Some(effect) = effects.pop_front() {
            match effect {
                Effect::Ask(ask) => {
                    let Ask { command, purpose } = *ask;
                    match self.backend.submit(command) {
                        Ok(id) => self.model.expect(id, purpose),
                        Err(error) => effects.extend(self.model.answer(purpose, Err(error))),
                    }
                }
                Effect::Notify(notice) => {
                    if self.setting.look.notify && self.sight.place.notices == Notices::Ready {
                        self.wishes.push(Wish::Notify(notice));
                    }
                }
                Effect::Open(room) => {
                    self.dialog = None;
                    if self.setting.look.room.replace(room) != Some(room) {
                        self.wishes.push(Wish::KeepLook(self.setting.look));
                    }
                    self.ready_to_write();
                    effects.extend(self.model.open_room(room));
                }
                Effect::Share(room) => self.dialog = Some(Dialog::share(room)),
            }
        }
    }

    /// The keyboard is the composer's. Not by itself where that covers half of a screen.
    fn ready_to_write(&mut self) {
        if !self.sight.place.is_touched {
            self.composer.focus();
        }
    }

    /// A message that was asked for is shown as soon as it is loaded.
    fn go_on_hunting(&mut self) {
        let Some(hunt) = &mut self.hunt else { return };
        let Some(chat) = self.model.chat(hunt.room).filter(|_| self.model.open == Some(hunt.room)) else {
            self.hunt = None;
            return;
        };
        if chat.timeline.find(hunt.message).is_some() {
            self.timelines.entry(hunt.room).or_default().jump_to(hunt.message);
            self.hunt = None;
        } else if chat.timeline.is_loading() || !chat.timeline.is_loaded() {
            // Its answer brings this further.
        } else if chat.timeline.wants_older() && hunt.pages_left > 0 {
            hunt.pages_left -= 1;
            let effects = self.model.load_older();
            self.carry_out(effects);
        } else {
            self.hunt = None;
            self.model.toast(
                "That message is not on this machine.",
                "It may still arrive when more members are here.",
                false,
            );
        }
    }

    /// A join that fails while its dialog is closed is told in a toast.
    fn tell_failed_join(&mut self) {
        if matches!(self.dialog, Some(Dialog::Join(_))) {
            return;
        }
        let error = self.model.joining.as_ref().and_then(|joining| joining.error.clone());
        if let Some(error) = error {
            self.model.joining = None;
            if error != parlor_node::CommandError::Cancelled {
                self.model.toast("Joining did not work.", words::command_error(&error), true);
            }
        }
    }

    /// Ctrl and + or - change the zoom inside egui; the shell keeps it.
    fn watch_zoom(&mut self, ctx: &egui::Context) {
        let zoom = ctx.zoom_factor();
        if (zoom - self.zoom_seen).abs() > f32::EPSILON {
            self.zoom_seen = zoom;
            self.setting.look.zoom = zoom;
            self.setting.look = self.setting.look.bounded();
            self.wishes.push(Wish::KeepLook(self.setting.look));
        }
    }

    /// Nothing is drawn without a cause; what goes out of date by itself is drawn when it does.
    fn plan_repaint(&mut self, ctx: &egui::Context) {
        let now = self.sight.now_ms;
        self.model.toasts.retain(|toast| toast.until > now);
        let toast = self.model.toasts.iter().map(|toast| toast.until).min();
        let typing = self.model.open_chat().and_then(|chat| chat.typing_until(now));
        if let Some(left) = self.idle_left() {
            ctx.request_repaint_after(left + std::time::Duration::from_millis(20));
        }
        let code = self.model.devices.offer_changes_at(now).filter(|_| matches!(self.dialog, Some(Dialog::Devices(_))));
        if let Some(at) = toast.into_iter().chain(typing).chain(code).min() {
            ctx.request_repaint_after(std::time::Duration::from_millis(at.saturating_sub(now) + 20));
        }
    }

    fn hunt_for(&mut self, room: RoomId, message: EntryId) {
        self.hunt = Some(Hunt { room, message, pages_left: HUNT_PAGES });
        if self.model.open != Some(room) {
            let effects = self.model.open_room(room);
            self.carry_out(effects);
        }
        self.go_on_hunting();
    }

    fn step_room(&mut self, step: isize) {
        let rooms = self.model.rooms.as_deref().unwrap_or_default();
        let count = rooms.len();
        if count == 0 {
            return;
        }
        let at = self.model.open.and_then(|open| rooms.iter().position(|room| room.room == open));
        let next = match at {
            None => 0,
            Some(at) => at.saturating_add_signed(step).min(count - 1),
        };
        if let Some(room) = rooms.get(next).map(|room| room.room).filter(|room| Some(*room) != self.model.open) {
            self.carry_out(vec![Effect::Open(room)]);
        }
    }

    fn open_dialog(&mut self, dialog: Dialog) {
        if let Dialog::Share(share) = &dialog {
            let room = share.room();
            self.carry_out(vec![Effect::Ask(Box::new(Ask::new(
                parlor_node::Command::Code { room },
                crate::model::Purpose::Code(room),
            )))]);
        }
        if let Dialog::Room(page) = &dialog {
            let room = page.room();
            self.model.chat_mut(room).rules_problem = None;
            self.carry_out(crate::model::ask_about(room));
        }
        if matches!(dialog, Dialog::Devices(_)) {
            self.model.devices.problem = None;
            let list = parlor_node::Command::Device(Box::new(parlor_node::DeviceCommand::List));
            self.carry_out(vec![Effect::Ask(Box::new(Ask::new(list, crate::model::Purpose::Devices)))]);
        }
        if matches!(dialog, Dialog::Connection) {
            let ask = Ask::new(parlor_node::Command::Connection, crate::model::Purpose::Connection);
            self.carry_out(vec![Effect::Ask(Box::new(ask))]);
        }
        self.model.lock.problem = None;
        self.model.name_problem = None;
        self.model.address_problem = None;
        self.dialog = Some(dialog);
    }

    fn show_toast(&mut self, action: &Action) {
        if let Action::Copy { what, .. } = action {
            self.model.toast(format!("{what} copied"), "", false);
        }
    }

    /// What the window is called.
    #[must_use]
    pub fn window_title(&self) -> String {
        let unread = self.model.unread();
        if self.model.profile.as_ref().is_some_and(|profile| profile.name.is_empty()) {
            return "Welcome to Parlor".to_owned();
        }
        let room = self.model.open.and_then(|room| self.model.summary(room));
        let name =
            room.map_or_else(|| "Parlor".to_owned(), |room| format!("{} - Parlor", words::shorten(&room.name, 60)));
        if unread > 0 { format!("({unread}) {name}") } else { name }
    }
}
