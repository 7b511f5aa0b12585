//! The canvas: starts the node, shows the app over it, or why it could not start.

use egui::{CentralPanel, Context, Frame};
use std::time::Duration;

use super::{
    attention, clipboard,
    fonts::DrawnFonts,
    keys,
    life::{Life, Stage},
    links, log,
    marks::Marks,
    notices::Desktop,
    page,
    pictures::{self, Pictures},
    reader::Reader,
    settings, viewport,
};
use crate::{
    app::Wish,
    config::Look,
    place::Place,
    theme,
    view::{self, Action},
};

/// Runs the app on the page's canvas.
pub fn run() {
    log::start();
    // The same program in a worker has nothing to draw.
    if parlor_node::serve_as_worker() {
        return;
    }
    if let Some(script) = page::worker_script() {
        parlor_node::stretch_in_workers(script);
    }
    let Some(canvas) = page::canvas() else {
        web_sys::console::error_1(&"the page has no canvas for Parlor".into());
        return;
    };
    let runner = eframe::WebRunner::new();
    let look = settings::read();
    keys::keep();
    viewport::fit(canvas.clone());
    wasm_bindgen_futures::spawn_local(async move {
        let window = Box::new(move |cc: &eframe::CreationContext<'_>| {
            Ok(Box::new(Window::new(&cc.egui_ctx, look)) as Box<dyn eframe::App>)
        });
        let leave = |event: &egui::Event| !keys::is_the_browsers(event);
        let options = eframe::WebOptions { should_prevent_default: Box::new(leave), ..Default::default() };
        match runner.start(canvas, options, window).await {
            Ok(()) => page::uncover(),
            Err(error) => web_sys::console::error_2(&"no canvas for Parlor:".into(), &error),
        }
    });
}

/// As many messages fill any screen.
const SCREENFUL: usize = 30;

struct Window {
    life: Life,
    look: Look,
    title: String,
    ground: egui::Color32,
    desktop: Desktop,
    fonts: DrawnFonts,
    pictures: Pictures,
    reader: Reader,
    marks: Marks,
    /// What had the keyboard when the page was drawn last, and whether it was hidden since: then egui forgot.
    focus: Option<egui::Id>,
    was_hidden: bool,
}

impl Window {
    fn new(ctx: &Context, look: Look) -> Self {
        theme::install(ctx);
        ctx.set_theme(look.preference());
        ctx.set_zoom_factor(look.zoom);
        attention::watch(ctx);
        let (desktop, fonts, pictures) = (Desktop::new(ctx), DrawnFonts::new(ctx), Pictures::new(ctx));
        Self {
            life: Life::new(ctx),
            look,
            title: String::new(),
            ground: egui::Color32::TRANSPARENT,
            desktop,
            fonts,
            pictures,
            reader: Reader::new(ctx),
            marks: Marks::default(),
            focus: None,
            was_hidden: false,
        }
    }

    fn place(&self) -> Place {
        Place { is_browser: true, is_touched: attention::is_touched(), notices: self.desktop.may() }
    }

    fn grant(&mut self, ctx: &Context, wishes: Vec<Wish>) {
        for wish in wishes {
            match wish {
                Wish::KeepLook(look) => {
                    self.look = look;
                    // A shared computer keeps nothing, not even which room was open.
                    if self.life.is_kept {
                        settings::write(&self.look);
                    }
                }
                Wish::Lock => {
                    self.desktop.clear();
                    self.life.lock(ctx);
                }
                Wish::ReadPicture(of) => self.pictures.choose(of, false),
                Wish::TakePicture(of) => self.pictures.choose(of, true),
                Wish::SavePicture(picture) => {
                    let problem = pictures::save(&picture);
                    if let Stage::Running(app) = &mut self.life.stage {
                        app.picture_saved(problem);
                    }
                }
                Wish::AllowNotices => self.desktop.ask(),
                Wish::Notify(notice) => {
                    if !attention::is_here() {
                        self.desktop.tell(&notice);
                    }
                }
                Wish::Glyphs(letters) => self.fonts.want(letters),
                // A page does not close itself.
                Wish::Quit => {}
            }
        }
    }

    /// The title that the app wants for its window becomes the title of the tab.
    fn tell_title(&mut self, title: String) {
        if self.title != title {
            page::set_title(&title);
            self.title = title;
        }
    }
}

impl eframe::App for Window {
    fn raw_input_hook(&mut self, _: &Context, input: &mut egui::RawInput) {
        input.focused &= attention::is_here();
        input.events.extend(self.reader.wishes());
    }

    fn logic(&mut self, ctx: &Context, _: &mut eframe::Frame) {
        self.was_hidden |= page::is_hidden();
        self.life.go_on(ctx, self.look);
        self.fonts.go_on();
        let place = self.place();
        theme::fit_fingers(ctx, place.is_touched);
        if attention::is_here() {
            self.desktop.clear();
        }
        if let Stage::Running(app) = &mut self.life.stage {
            app.set_place(place);
            if let Some(room) = self.desktop.clicked() {
                app.show_room(room);
            }
            if let Some((of, read)) = self.pictures.take() {
                app.picture_read(of, read);
            }
            self.pictures.want(app.wants_picture());
            if !ctx.input(|input| input.focused) {
                app.look_away();
            }
            if let Some(code) = page::take_code() {
                app.offer_code(code);
            }
            let wishes = app.take_in();
            if let Some(left) = app.idle_left() {
                ctx.request_repaint_after(left + Duration::from_millis(20));
            }
            self.grant(ctx, wishes);
        }
    }

    fn ui(&mut self, ui: &mut egui::Ui, _: &mut eframe::Frame) {
        let ctx = ui.ctx().clone();
        if std::mem::take(&mut self.was_hidden)
            && let Some(focus) = self.focus
        {
            // Whoever was writing goes on where they were.
            ctx.memory_mut(|memory| memory.request_focus(focus));
        }
        if ctx.input(|input| !input.events.is_empty()) {
            self.life.newer.touch();
        }
        let mut actions = match self.life.newer.is_there() {
            true => view::newer(ui, self.life.outlives_the_page()),
            false => Vec::new(),
        };
        let color = theme::palette(ui.visuals()).ground;
        if std::mem::replace(&mut self.ground, color) != color {
            viewport::set_ground(color);
        }
        let ground = Frame::new().fill(color);
        let alone = |ui: &mut egui::Ui, show: &mut dyn FnMut(&mut egui::Ui) -> Vec<Action>| {
            CentralPanel::no_frame().frame(ground).show(ui, |ui| show(ui)).inner
        };
        let Life { stage, unlocking, .. } = &mut self.life;
        let mut shows_room = false;
        let asked = match stage {
            Stage::Running(app) => {
                let wishes = app.frame(ui);
                let title = app.window_title();
                let chat = app.model().open_chat().map(|chat| &chat.timeline);
                shows_room = chat.is_some_and(|all| all.items().len() >= SCREENFUL || all.is_complete());
                self.tell_title(title);
                self.grant(&ctx, wishes);
                Vec::new()
            }
            Stage::Looking(_) | Stage::Starting(_) => alone(ui, &mut |ui| {
                view::starting(ui);
                Vec::new()
            }),
            Stage::Asking(keeping) => alone(ui, &mut |ui| keeping.show(ui)),
            Stage::Closing(_) | Stage::Locked => alone(ui, &mut |ui| unlocking.show(ui)),
            Stage::Elsewhere => alone(ui, &mut view::elsewhere),
            Stage::Failed(why) => alone(ui, &mut |ui| view::start_failed(ui, why)),
        };
        actions.extend(asked);
        if !matches!(self.life.stage, Stage::Running(_)) {
            // The name of a room is nothing for a locked page.
            self.tell_title("Parlor".to_owned());
        }
        for action in actions {
            match action {
                Action::Unlock(passphrase) => self.life.start(&ctx, Some(passphrase)),
                Action::Keep(passphrase) => self.life.start(&ctx, passphrase),
                Action::ForgetKept => {
                    settings::forget();
                    self.look = Look::default();
                    self.life.forget(&ctx);
                }
                Action::TryAgain => self.life.look(&ctx),
                Action::Copy { text, .. } => ctx.copy_text(text),
                Action::Quit | Action::LoadAnew => self.life.load_anew(&ctx),
                _ => {}
            }
        }
        clipboard::copy_what_waits(&ctx);
        self.marks.drawn(shows_room);
        links::open_what_waits(&ctx);
        self.focus = ctx.memory(egui::Memory::focused);
        self.reader.tell(&ctx);
    }
}
