//! The life of the node under the canvas: what the browser keeps is looked for, the person says what it
//! shall keep or unlocks it, the node starts, runs, is locked away, or goes to another tab.

use egui::Context;
use parlor_node::{
    Node, NodeConfig, StartError,
    store::{self, KeepError},
};
use parlor_protocol::guard::Passphrase;
use std::{cell::RefCell, rc::Rc};
use zeroize::Zeroizing;

use super::{bridge::Bridge, page, site, tabs::Tabs};
use crate::{
    app::{App, Setting},
    config::Look,
    view::{Keeping, Unlocking},
};

const CLOSING: &str = "Locking. What is under way is written first.";
const WRONG: &str = "That is not the passphrase. Try again. It cannot be reset.";

/// Where something that was started puts its result.
type Slot<T> = Rc<RefCell<Option<T>>>;
/// The running node. Shared, because another tab may ask for it while this one is not drawn.
type Held = Rc<RefCell<Option<Node>>>;

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
    /// It starts.
    Starting(Slot<Result<Node, NotStarted>>),
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
    tabs: Tabs,
    /// A code that came with the page's address.
    code: Option<Zeroizing<String>>,
    /// Another tab took over.
    is_taken: Rc<RefCell<bool>>,
    // Dropped after the app. Dropping it stops the node.
    node: Held,
}

impl Life {
    /// Looks for what the browser keeps.
    pub(super) fn new(ctx: &Context) -> Self {
        let mut life = Self {
            stage: Stage::Elsewhere,
            unlocking: Unlocking::in_browser(),
            is_kept: false,
            tabs: Tabs::new(),
            code: page::take_code().map(Zeroizing::new),
            is_taken: Rc::default(),
            node: Held::default(),
        };
        life.look(ctx);
        life
    }

    /// Looks for what the browser keeps, from the beginning.
    pub(super) fn look(&mut self, ctx: &Context) {
        self.node.take();
        *self.is_taken.borrow_mut() = false;
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
        let free = self.is_kept.then(|| self.tabs.take());
        match self.is_kept {
            true => self.let_go_when_asked(ctx),
            // What is kept nowhere would be lost, and is in nobody's way.
            false => self.tabs.keep(),
        }
        self.stage = Stage::Starting(begin(ctx, async move {
            if let Some(free) = free {
                free.await;
            }
            start(passphrase).await
        }));
    }

    /// When another tab asks for it, the node stops at once, also while this tab is not drawn.
    fn let_go_when_asked(&self, ctx: &Context) {
        let (node, taken, ctx) = (Rc::clone(&self.node), Rc::clone(&self.is_taken), ctx.clone());
        self.tabs.hold(Box::new(move |told| {
            let Some(node) = node.take() else { return false };
            *taken.borrow_mut() = true;
            let ctx = ctx.clone();
            wasm_bindgen_futures::spawn_local(async move {
                node.shutdown().await;
                told();
                ctx.request_repaint();
            });
            true
        }));
    }

    /// Stops the node and forgets what is shown; the passphrase is needed to go on.
    pub(super) fn lock(&mut self, ctx: &Context) {
        let Some(node) = self.node.take() else { return };
        self.unlocking = Unlocking::in_browser();
        self.unlocking.wait(CLOSING);
        self.stage = Stage::Closing(begin(ctx, node.shutdown()));
        ctx.memory_mut(|memory| {
            memory.stop_text_input();
            memory.data.clear();
            memory.caches = egui::cache::CacheStorage::default();
        });
    }

    /// Goes on as far as things have come.
    pub(super) fn go_on(&mut self, ctx: &Context, look: Look) {
        if std::mem::take(&mut *self.is_taken.borrow_mut()) {
            self.stage = Stage::Elsewhere;
        }
        match &self.stage {
            Stage::Looking(slot) => match slot.take() {
                Some(Ok(true)) => self.locked(None),
                Some(Ok(false)) => self.stage = Stage::Asking(Keeping::fresh(None)),
                Some(Err(error @ KeepError::Damaged { .. })) => self.locked(Some(error.to_string())),
                Some(Err(error)) => self.stage = Stage::Asking(Keeping::fresh(Some(error.to_string()))),
                None => {}
            },
            Stage::Starting(slot) => match slot.take() {
                Some(Ok(node)) => self.run(ctx, node, look),
                Some(Err(NotStarted::WrongPassphrase)) => self.locked(Some(WRONG.to_owned())),
                Some(Err(NotStarted::Failed(why))) => self.stage = Stage::Failed(why),
                None => {}
            },
            Stage::Closing(slot) if slot.take().is_some() => self.locked(None),
            _ => {}
        }
    }

    fn run(&mut self, ctx: &Context, node: Node, look: Look) {
        let bridge = Bridge::new(node.handle(), ctx.clone());
        *self.node.borrow_mut() = Some(node);
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

    fn locked(&mut self, problem: Option<String>) {
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
