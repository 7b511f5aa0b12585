//! The window: starts the node, shows the app over it, or why it could not start.

use egui::{CentralPanel, Frame, ViewportBuilder, ViewportCommand};
use std::path::PathBuf;
use tokio::sync::oneshot;

use super::{
    Arguments,
    bridge::Bridge,
    fonts::SystemFonts,
    notify::Desktop,
    runtime::{NodeRuntime, Started},
    settings, start,
};
use crate::{
    app::{App, Setting, Wish},
    config::Look,
    theme,
    view::{self, Action},
};

/// Opens the window and runs until it is closed.
///
/// # Errors
/// When the system gives no window.
pub fn run(arguments: Arguments) -> eframe::Result {
    let dir = start::node_config(&arguments).profile_dir().ok();
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
        Box::new(move |cc| Ok(Box::new(Window::new(&cc.egui_ctx, &arguments, dir, look)))),
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

enum Stage {
    Starting(oneshot::Receiver<Started>),
    Running(Box<App<Bridge>>),
    Failed(String),
}

struct Window {
    stage: Stage,
    // Dropped after the app, so that the bridge is gone when the node stops.
    node: Option<NodeRuntime>,
    desktop: Desktop,
    fonts: SystemFonts,
    dir: Option<PathBuf>,
    look: Look,
}

impl Window {
    fn new(ctx: &egui::Context, arguments: &Arguments, dir: Option<PathBuf>, look: Look) -> Self {
        theme::install(ctx);
        ctx.set_theme(look.preference());
        ctx.set_zoom_factor(look.zoom);
        let (stage, node) = match NodeRuntime::start(arguments, ctx.clone()) {
            Ok((node, started)) => (Stage::Starting(started), Some(node)),
            Err(error) => (
                Stage::Failed(format!("the system refused threads ({error}); close other programs and try again")),
                None,
            ),
        };
        Self { stage, node, desktop: Desktop::new(), fonts: SystemFonts::new(ctx), dir, look }
    }

    fn look_whether_started(&mut self, ctx: &egui::Context) {
        let Stage::Starting(started) = &mut self.stage else { return };
        let (handle, data_folder) = match started.try_recv() {
            Ok(Ok(started)) => started,
            Ok(Err(why)) => {
                self.stage = Stage::Failed(why);
                return;
            }
            Err(oneshot::error::TryRecvError::Empty) => return,
            Err(oneshot::error::TryRecvError::Closed) => {
                self.stage = Stage::Failed("the node ended while starting; start Parlor again".to_owned());
                return;
            }
        };
        let bridge = {
            let _runtime = self.node.as_ref().and_then(NodeRuntime::enter);
            Bridge::new(handle, ctx.clone())
        };
        let setting = Setting { look: self.look, data_folder, ..Setting::default() };
        self.stage = Stage::Running(Box::new(App::new(ctx, bridge, setting)));
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
        self.look_whether_started(ctx);
        // A hidden window draws nothing, but messages should still be told.
        if let Stage::Running(app) = &mut self.stage {
            if !ctx.input(|input| input.focused) {
                app.look_away();
            }
            let wishes = app.take_in();
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
        let wishes = match &mut self.stage {
            Stage::Starting(_) => {
                CentralPanel::no_frame().frame(ground).show(ui, view::starting);
                Vec::new()
            }
            Stage::Running(app) => app.frame(ui),
            Stage::Failed(why) => {
                let shown = CentralPanel::no_frame().frame(ground).show(ui, |ui| view::start_failed(ui, why));
                let quits = shown.inner.iter().any(|action| matches!(action, Action::Quit));
                for action in shown.inner {
                    if let Action::Copy { text, .. } = action {
                        ctx.copy_text(text);
                    }
                }
                if quits { vec![Wish::Quit] } else { Vec::new() }
            }
        };
        self.grant(&ctx, wishes);
    }

    fn on_exit(&mut self, _: Option<&eframe::glow::Context>) {
        self.keep_look();
        self.stage = Stage::Failed(String::new());
        if let Some(mut node) = self.node.take() {
            node.shut_down();
        }
    }
}
