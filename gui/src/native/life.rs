//! The life of the node under the window: it starts, runs, is locked away and unlocked, or fails.
//!
//! Locking stops the node and drops the app with everything it knows. What the window library
//! keeps of texts (fields, what was laid out) is dropped too.

use egui::Context;
use parlor_protocol::guard::Passphrase;
use tokio::sync::oneshot;

use super::{
    Arguments,
    bridge::Bridge,
    runtime::{NodeRuntime, Started, Up},
    start::{self, NotStarted},
};
use crate::{
    app::{App, Setting},
    config::Look,
    view::Unlocking,
};

const CLOSING: &str = "Locking. What is under way is written first.";
const TRYING: &str = "One moment.";
const WRONG: &str = "That is not the passphrase. Try again. It cannot be reset: who has forgotten it for good has to start a new profile and join the rooms again.";
const OTHERS_CAN: &str = "Other users of this computer can get at your data.";
const OTHERS_COULD: &str = "Other users of this computer could get at your data.";
const CLOSED: &str = "It is closed to them now.";

/// Where the node stands.
pub(super) enum Stage {
    /// It starts.
    Starting(oneshot::Receiver<Started>),
    /// It runs, and the app is shown over it.
    Running(Box<App<Bridge>>),
    /// It stops, to be locked.
    Closing,
    /// It waits for a passphrase.
    Locked,
    /// It could not start.
    Failed(String),
}

/// A node under the window, or what stands in for it.
pub(super) struct Life {
    arguments: Arguments,
    pub(super) stage: Stage,
    pub(super) unlocking: Unlocking,
    // Dropped after the app, so that the bridge is gone when the node stops.
    node: Option<NodeRuntime>,
}

impl Life {
    /// Starts the node.
    pub(super) fn new(ctx: &Context, arguments: Arguments) -> Self {
        let mut life = Self { arguments, stage: Stage::Closing, unlocking: Unlocking::fresh(), node: None };
        life.start(ctx, None);
        life
    }

    /// Starts the node, with a passphrase where one was typed.
    pub(super) fn start(&mut self, ctx: &Context, passphrase: Option<Passphrase>) {
        if passphrase.is_some() {
            self.unlocking.wait(TRYING);
        }
        // The one before has ended: it failed, or was locked.
        self.node = None;
        match NodeRuntime::start(&self.arguments, passphrase, ctx.clone()) {
            Ok((node, started)) => {
                self.stage = Stage::Starting(started);
                self.node = Some(node);
            }
            Err(error) => {
                let why = format!("the system refused threads ({error}); close other programs and try again");
                self.stage = Stage::Failed(why);
            }
        }
    }

    /// Stops the node and forgets everything; the passphrase is needed to go on.
    pub(super) fn lock(&mut self, ctx: &Context) {
        if !matches!(self.stage, Stage::Running(_)) {
            return;
        }
        self.stage = Stage::Closing;
        self.unlocking = Unlocking::fresh();
        self.unlocking.wait(CLOSING);
        if let Some(node) = &mut self.node {
            node.ask_to_stop();
        }
        ctx.memory_mut(|memory| {
            memory.stop_text_input();
            memory.data.clear();
            memory.caches = egui::cache::CacheStorage::default();
        });
        ctx.send_viewport_cmd(egui::ViewportCommand::Title("Parlor".to_owned()));
        ctx.request_repaint();
    }

    /// Goes on as far as things have come.
    pub(super) fn go_on(&mut self, ctx: &Context, look: Look) {
        match &mut self.stage {
            Stage::Starting(started) => match started.try_recv() {
                Ok(Ok(Up { handle, data_folder, mended })) => {
                    let bridge = {
                        let _runtime = self.node.as_ref().and_then(NodeRuntime::enter);
                        Bridge::new(handle, ctx.clone())
                    };
                    let setting = Setting { look, data_folder, machine: start::machine(), ..Setting::default() };
                    self.unlocking = Unlocking::fresh();
                    let mut app = App::new(ctx, bridge, setting);
                    for mended in &mended {
                        tracing::warn!("{mended}");
                    }
                    match mended.iter().find(|mended| mended.still_open.is_some()).or(mended.first()) {
                        Some(worst) if worst.still_open.is_some() => app.tell(OTHERS_CAN, worst.to_string()),
                        Some(_) => app.tell(OTHERS_COULD, CLOSED),
                        None => {}
                    }
                    self.stage = Stage::Running(Box::new(app));
                }
                Ok(Err(NotStarted::Locked)) => self.locked(None),
                Ok(Err(NotStarted::WrongPassphrase)) => self.locked(Some(WRONG.to_owned())),
                Ok(Err(NotStarted::Failed(why))) => self.stage = Stage::Failed(why),
                Err(oneshot::error::TryRecvError::Empty) => {}
                Err(oneshot::error::TryRecvError::Closed) => {
                    self.stage = Stage::Failed("the node ended while starting; start Parlor again".to_owned());
                }
            },
            Stage::Closing if self.node.as_ref().is_none_or(NodeRuntime::has_stopped) => {
                self.node = None;
                self.locked(None);
            }
            _ => {}
        }
    }

    fn locked(&mut self, problem: Option<String>) {
        self.stage = Stage::Locked;
        self.unlocking.ready(problem);
    }

    /// Stops the node and waits until everything is written.
    pub(super) fn end(&mut self) {
        self.stage = Stage::Failed(String::new());
        if let Some(mut node) = self.node.take() {
            node.shut_down();
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::{Life, Stage};
    use crate::{config::Look, native::Arguments};
    use parlor_node::{
        Node, NodeConfig,
        store::{LockChange, ProfileLock, Unlock, change_lock},
    };
    use parlor_protocol::guard::Passphrase;
    use std::{path::Path, sync::mpsc, time::Duration};

    fn phrase(text: &str) -> Passphrase {
        Passphrase::new(text).unwrap()
    }

    /// A window that is not there: it goes on whenever it would be drawn.
    fn until(life: &mut Life, ctx: &egui::Context, bell: &mpsc::Receiver<()>, wanted: impl Fn(&Stage) -> bool) {
        loop {
            life.go_on(ctx, Look::default());
            if wanted(&life.stage) {
                return;
            }
            bell.recv_timeout(Duration::from_secs(30)).expect("the window is woken");
            let _ = ctx.run_ui(egui::RawInput::default(), |_| {});
        }
    }

    fn arguments(dir: &Path) -> Arguments {
        Arguments {
            profile: Some("me".into()),
            data_dir: Some(dir.to_owned()),
            no_mdns: true,
            port: Some(0),
            no_keychain: true,
            ..Arguments::default()
        }
    }

    #[test]
    fn a_locked_profile_shows_only_the_field_and_locking_stops_the_node() {
        let dir = tempfile::tempdir().unwrap();
        let mut config = NodeConfig::new(Some("me".into()), Some(dir.path().to_owned()));
        config.online = false;
        let profile = config.profile_dir().unwrap();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async { Box::pin(Node::start(config)).await.unwrap().shutdown().await });
        let set = LockChange::SetPassphrase { current: None, new: phrase("soup on the stove"), at_start: None };
        change_lock(&profile, &Unlock::default(), set).unwrap();

        let ctx = egui::Context::default();
        let (rings, bell) = mpsc::sync_channel(64);
        ctx.set_request_repaint_callback(move |_| {
            // A full queue means that it rings already.
            let _ = rings.try_send(());
        });
        let mut life = Life::new(&ctx, arguments(dir.path()));
        until(&mut life, &ctx, &bell, |stage| matches!(stage, Stage::Locked));
        life.start(&ctx, Some(phrase("bread in the oven")));
        assert!(life.unlocking.is_busy());
        until(&mut life, &ctx, &bell, |stage| matches!(stage, Stage::Locked));
        assert!(format!("{:?}", life.unlocking).contains("not the passphrase"));
        life.start(&ctx, Some(phrase("soup on the stove")));
        until(&mut life, &ctx, &bell, |stage| matches!(stage, Stage::Running(_)));
        assert!(ProfileLock::take(&profile, "me").is_err(), "the node has the profile");

        ctx.data_mut(|data| data.insert_temp(egui::Id::new("draft"), "a secret thought".to_owned()));
        life.lock(&ctx);
        until(&mut life, &ctx, &bell, |stage| matches!(stage, Stage::Locked));
        assert!(ctx.data(|data| data.get_temp::<String>(egui::Id::new("draft"))).is_none());
        drop(ProfileLock::take(&profile, "me").expect("the node is gone"));
        life.start(&ctx, Some(phrase("soup on the stove")));
        until(&mut life, &ctx, &bell, |stage| matches!(stage, Stage::Running(_)));
        life.end();
    }
}
