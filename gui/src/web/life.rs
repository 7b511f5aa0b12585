//! The life of the node under the canvas: what the browser keeps is looked for, the person says what it
//! shall keep or unlocks it, the node starts, runs, is locked away, or goes to another tab.

use egui::Context;
use parlor_node::{
    Node, NodeConfig, NodeHandle, StartError,
    store::{self, KeepError},
};
use parlor_protocol::guard::Passphrase;
use std::{cell::RefCell, rc::Rc};
use zeroize::Zeroizing;

use super::{bridge::Bridge, held::Held, newer::Newer, page, page::Leaving, site, tabs::Tabs};
use crate::{
    app::{App, Setting},
    config::Look,
    view::{Keeping, Unlocking},
};

const CLOSING: &str = "Locking. What is under way is written first.";
const LOADING: &str = "One moment. The page is loaded anew.";
const WRONG: &str = "That is not the passphrase. Try again. It cannot be reset.";

/// Where something that was started puts its result.
type Slot<T> = Rc<RefCell<Option<T>>>;

/// Why the node did not start.
pub(super) enum NotStarted {
    WrongPassphrase,
    Failed(String),
}

/// Where the node stands.
pub(super) enum Stage {
    /// What the browser keeps is looked for.
    Looking(Slot<Result<bool, KeepError>>),
    /// The person says what the browser shall keep.
    Asking(Keeping),
    /// It waits for a passphrase.
    Locked,
    /// It starts, unless another tab takes over.
    Starting(Slot<Option<Result<NodeHandle, NotStarted>>>),
    /// It runs, and the app is shown over it.
    Running(Box<App<Bridge>>),
    /// It stops, to be locked or to go to another tab.
    Closing(Slot<()>),
    /// Another tab has what the browser keeps.
    Elsewhere,
    /// It could not start.
    Failed(String),
}

/// A node under the canvas, or what stands in for it.
pub(super) struct Life {
    pub(super) stage: Stage,
    pub(super) unlocking: Unlocking,
    /// Whether the browser keeps what this page does.
    pub(super) is_kept: bool,
    /// Whether the archive has a newer version of the page.
    pub(super) newer: Newer,
    tabs: Tabs,
    /// Hears that a page goes that keeps nothing.
    leaving: Option<Leaving>,
    /// A code that came with the page's address.
    code: Option<Zeroizing<String>>,
    // Dropped after the app. Dropping it stops the node.
    held: Rc<Held>,
}

impl Life {
    /// Looks for what the browser keeps.
    pub(super) fn new(ctx: &Context) -> Self {
        let mut life = Self {
            stage: Stage::Elsewhere,
            unlocking: Unlocking::in_browser(),
            is_kept: false,
            newer: Newer::new(ctx),
            tabs: Tabs::new(),
            leaving: None,
            code: page::take_code().map(Zeroizing::new),
            held: Held::nothing(),
        };
        life.look(ctx);
        life
    }

    /// Looks for what the browser keeps, from the beginning.
    pub(super) fn look(&mut self, ctx: &Context) {
        self.held = Held::nothing();
        self.stage = Stage::Looking(begin(ctx, store::is_kept()));
    }

    /// Forgets everything that the browser keeps, and begins anew.
    pub(super) fn forget(&mut self, ctx: &Context) {
        let forgotten = async {
            store::forget().await?;
            store::is_kept().await
        };
        self.stage = Stage::Looking(begin(ctx, forgotten));
    }

    /// Starts the node; with a passphrase the browser keeps it.
    pub(super) fn start(&mut self, ctx: &Context, passphrase: Option<Passphrase>) {
        self.is_kept = passphrase.is_some();
        self.held = Held::nothing();
        let free = self.is_kept.then(|| self.tabs.take());
        let started = self.held.start(ctx, async move {
            if let Some(free) = free {
                free.await;
            }
            start(passphrase).await
        });
        match self.is_kept {
            true => {
                let (held, ctx) = (Rc::clone(&self.held), ctx.clone());
                self.tabs.hold(Box::new(move |is_newer, told| held.let_go(&ctx, is_newer, told)));
            }
            // What is kept nowhere would be lost, and is in nobody's way.
            false => self.tabs.keep(),
        }
        // A guest says goodbye. Browsers let a page that goes finish what needs no waiting.
        let held = Rc::downgrade(&self.held);
        self.leaving = (!self.is_kept).then(|| {
            Leaving::hear(move || {
                if let Some(held) = held.upgrade() {
                    wasm_bindgen_futures::spawn_local(held.stop());
                }
            })
        });
        self.stage = Stage::Starting(begin(ctx, started));
    }

    /// Stops the node and forgets what is shown; the passphrase is needed to go on.
    pub(super) fn lock(&mut self, ctx: &Context) {
        if !matches!(self.stage, Stage::Running(_)) {
            return;
        }
        self.unlocking = Unlocking::in_browser();
        self.unlocking.wait(CLOSING);
        self.stage = Stage::Closing(begin(ctx, self.held.stop()));
        ctx.memory_mut(|memory| {
            memory.stop_text_input();
            memory.data.clear();
            memory.caches = egui::cache::CacheStorage::default();
        });
    }

    /// Goes on as far as things have come.
    pub(super) fn go_on(&mut self, ctx: &Context, look: Look) {
        if self.held.was_taken() {
            self.stage = Stage::Elsewhere;
        }
        match &self.stage {
            Stage::Looking(slot) => match slot.take() {
                Some(Ok(true)) => self.locked(None),
                Some(Ok(false)) => self.stage = Stage::Asking(Keeping::fresh(None)),
                // Nothing is lost as long as nobody asks for it.
                Some(Err(error @ KeepError::Newer)) => self.failed(error.to_string()),
                Some(Err(error @ (KeepError::Damaged { .. } | KeepError::Older))) => {
                    self.locked(Some(error.to_string()));
                }
                Some(Err(error)) => self.stage = Stage::Asking(Keeping::fresh(Some(error.to_string()))),
                None => {}
            },
            Stage::Starting(slot) => match slot.take() {
                Some(Some(Ok(handle))) => self.run(ctx, handle, look),
                Some(Some(Err(NotStarted::WrongPassphrase))) => self.locked(Some(WRONG.to_owned())),
                Some(Some(Err(NotStarted::Failed(why)))) => self.failed(why),
                Some(None) => self.stage = Stage::Elsewhere,
                None => {}
            },
            Stage::Closing(slot) if slot.take().is_some() => self.locked(None),
            _ => {}
        }
        let is_connected = matches!(&self.stage, Stage::Running(app) if app.is_with_archive());
        self.newer.note_connected(is_connected);
        if self.newer.may_load(ctx, self.is_at_rest()) {
            self.load_anew(ctx);
        }
    }

    /// Whether loading the page anew would cost nobody more than typing the passphrase again.
    fn is_at_rest(&self) -> bool {
        match &self.stage {
            Stage::Looking(_) | Stage::Starting(_) | Stage::Closing(_) => false,
            Stage::Asking(keeping) => !keeping.is_begun(),
            Stage::Locked => !self.unlocking.is_begun(),
            Stage::Running(app) => self.is_kept && app.is_at_rest(),
            Stage::Elsewhere | Stage::Failed(_) => true,
        }
    }

    /// Loads the page anew, when everything is written. A code that nobody used yet comes along.
    pub(super) fn load_anew(&mut self, ctx: &Context) {
        let code = match &self.stage {
            Stage::Running(app) => app.offered_code().map(|code| Zeroizing::new(code.to_owned())),
            _ => self.code.take(),
        };
        let stopped = self.held.stop();
        self.unlocking = Unlocking::in_browser();
        self.unlocking.wait(LOADING);
        self.stage = Stage::Closing(begin(ctx, async move {
            stopped.await;
            page::reload(code.as_ref().map(|code| code.as_str()));
            // The page ends here.
            std::future::pending().await
        }));
    }

    /// Whether what is here outlives the page.
    pub(super) fn outlives_the_page(&self) -> bool {
        self.is_kept || !matches!(self.stage, Stage::Starting(_) | Stage::Running(_))
    }

    fn run(&mut self, ctx: &Context, handle: NodeHandle, look: Look) {
        let bridge = Bridge::new(handle, ctx.clone());
        self.unlocking = Unlocking::in_browser();
        let mut app = App::new(
            ctx,
            bridge,
            Setting { look, page: page::address(), machine: page::machine(), ..Setting::default() },
        );
        if let Some(code) = self.code.take() {
            app.offer_code(code.to_string());
        }
        self.stage = Stage::Running(Box::new(app));
    }

    fn failed(&mut self, why: String) {
        tracing::warn!(%why, "not started");
        self.stage = Stage::Failed(why);
    }

    fn locked(&mut self, problem: Option<String>) {
        if let Some(problem) = &problem {
            tracing::warn!(%problem, "locked");
        }
        self.stage = Stage::Locked;
        self.unlocking.ready(problem);
    }
}

/// Starts something; its result is in the slot when the canvas is drawn next.
fn begin<T: 'static>(ctx: &Context, work: impl Future<Output = T> + 'static) -> Slot<T> {
    let slot = Slot::default();
    let (result, ctx) = (Rc::clone(&slot), ctx.clone());
    wasm_bindgen_futures::spawn_local(async move {
        let done = work.await;
        *result.borrow_mut() = Some(done);
        ctx.request_repaint();
    });
    slot
}

async fn start(passphrase: Option<Passphrase>) -> Result<Node, NotStarted> {
    let archive = site::archive().await.map_err(NotStarted::Failed)?;
    let config = NodeConfig { connect: vec![archive], passphrase };
    Node::start(config).await.map_err(|error| match error {
        StartError::Keep(KeepError::PassphraseWrong) => NotStarted::WrongPassphrase,
        other => NotStarted::Failed(other.to_string()),
    })
}
