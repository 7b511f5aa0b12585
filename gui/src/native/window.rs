//! The window: starts the node, shows the app over it, or why it could not start.

use egui::{CentralPanel, Frame, ViewportBuilder, ViewportCommand};
use std::{path::PathBuf, time::Duration};

use super::{
    Arguments,
    fonts::SystemFonts,
    life::{Life, Stage},
    notify::Desktop,
    pictures::{Came, Pictures},
    settings, start,
};
use crate::{
    app::Wish,
    config::Look,
    theme,
    view::{self, Action},
};

/// Opens the window and runs until it is closed.
///
/// # Errors
/// When the system gives no window.
pub fn run(arguments: Arguments) -> eframe::Result {
    let dir = start::node_config(&arguments, None).profile_dir().ok();
    let look = dir.as_deref().map(settings::read).unwrap_or_default();
    let viewport = ViewportBuilder::default()
        .with_title("Parlor")
        .with_app_id("parlor")
        .with_icon(icon())
        .with_min_inner_size([360.0, 320.0])
        .with_inner_size(look.window);
    let options = eframe::NativeOptions { viewport, ..Default::default() };
    eframe::run_native(
        "parlor",
        options,
        Box::new(move |cc| Ok(Box::new(Window::new(&cc.egui_ctx, arguments, dir, look)))),
    )
}

/// The mark of Parlor: a speech bubble on its colour.
fn icon() -> egui::IconData {
    const SIDE: u8 = 64;
    let mut rgba = Vec::with_capacity(usize::from(SIDE) * usize::from(SIDE) * 4);
    for y in 0..SIDE {
        for x in 0..SIDE {
            let (dx, dy) = (x.abs_diff(31).max(1), y.abs_diff(31).max(1));
            let corner = dx > 22 && dy > 22 && (u16::from(dx) - 22).pow(2) + (u16::from(dy) - 22).pow(2) > 81;
            let body = (14..=49).contains(&x) && (16..=42).contains(&y);
            let tail = (20..=30).contains(&x) && y > 42 && y < 52 && x - 20 < 52 - y;
            let pixel = if corner {
                [0, 0, 0, 0]
            } else if body || tail {
                [0xff, 0xff, 0xff, 0xff]
            } else {
                [0x0f, 0x6e, 0x63, 0xff]
            };
            rgba.extend_from_slice(&pixel);
        }
    }
    egui::IconData { rgba, width: u32::from(SIDE), height: u32::from(SIDE) }
}

struct Window {
    life: Life,
    desktop: Desktop,
    fonts: SystemFonts,
    pictures: Pictures,
    dir: Option<PathBuf>,
    look: Look,
}

impl Window {
    fn new(ctx: &egui::Context, arguments: Arguments, dir: Option<PathBuf>, look: Look) -> Self {
        theme::install(ctx);
        ctx.set_theme(look.preference());
        ctx.set_zoom_factor(look.zoom);
        Self {
            life: Life::new(ctx, arguments),
            desktop: Desktop::new(),
            fonts: SystemFonts::new(ctx),
            pictures: Pictures::new(ctx),
            dir,
            look,
        }
    }

    fn grant(&mut self, ctx: &egui::Context, wishes: Vec<Wish>) {
        for wish in wishes {
            match wish {
                Wish::Notify(notice) => {
                    if !ctx.input(|input| input.focused) {
                        self.desktop.tell(notice);
                        ctx.send_viewport_cmd(ViewportCommand::RequestUserAttention(
                            egui::UserAttentionType::Informational,
                        ));
                    }
                }
                Wish::KeepLook(look) => {
                    self.look = Look { window: self.look.window, ..look };
                    self.keep_look();
                }
                Wish::Glyphs(chars) => self.fonts.want(chars),
                Wish::ReadPicture(of) | Wish::TakePicture(of) => self.pictures.read(of),
                Wish::SavePicture(picture) => self.pictures.save(&picture),
                Wish::Lock => self.life.lock(ctx),
                // A desktop asks nobody.
                Wish::AllowNotices => {}
                Wish::Quit => ctx.send_viewport_cmd(ViewportCommand::Close),
            }
        }
    }

    fn keep_look(&self) {
        let Some(dir) = self.dir.as_deref().filter(|dir| dir.is_dir()) else { return };
        if let Err(error) = settings::write(dir, &self.look) {
            tracing::warn!(%error, "the app's settings could not be kept");
        }
    }
}

impl eframe::App for Window {
    fn logic(&mut self, ctx: &egui::Context, _: &mut eframe::Frame) {
        self.life.go_on(ctx, self.look);
        // A hidden window draws nothing, but messages should still be told, and it locks itself.
        let pictures = self.pictures.take();
        if let Stage::Running(app) = &mut self.life.stage {
            for came in pictures {
                match came {
                    Came::Read(of, read) => app.picture_read(of, read),
                    Came::Saved(problem) => app.picture_saved(problem),
                }
            }
            if !ctx.input(|input| input.focused) {
                app.look_away();
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
        let size = ctx.content_rect().size() * ctx.zoom_factor();
        if size.x > 1.0 && !ctx.input(|input| input.viewport().maximized.unwrap_or(false)) {
            self.look.window = size.into();
        }
        let ground = Frame::new().fill(theme::palette(ui.visuals()).ground);
        let alone = |ui: &mut egui::Ui, show: &mut dyn FnMut(&mut egui::Ui) -> Vec<Action>| {
            CentralPanel::no_frame().frame(ground).show(ui, |ui| show(ui)).inner
        };
        let Life { stage, unlocking, .. } = &mut self.life;
        let actions = match stage {
            Stage::Running(app) => {
                let wishes = app.frame(ui);
                self.grant(&ctx, wishes);
                return;
            }
            Stage::Starting(_) if !unlocking.is_busy() => alone(ui, &mut |ui| {
                view::starting(ui);
                Vec::new()
            }),
            Stage::Starting(_) | Stage::Closing | Stage::Locked => alone(ui, &mut |ui| unlocking.show(ui)),
            Stage::Failed(why) => alone(ui, &mut |ui| view::start_failed(ui, why)),
        };
        for action in actions {
            match action {
                Action::Unlock(passphrase) => self.life.start(&ctx, Some(passphrase)),
                Action::TryAgain => self.life.start(&ctx, None),
                Action::Copy { text, .. } => ctx.copy_text(text),
                Action::Quit => self.grant(&ctx, vec![Wish::Quit]),
                _ => {}
            }
        }
    }

    fn on_exit(&mut self, _: Option<&eframe::glow::Context>) {
        self.keep_look();
        self.life.end();
    }
}
