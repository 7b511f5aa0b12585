//! What this tab has of what the browser keeps: a node that starts, runs or stops, and how it lets go
//! when another tab asks for it. That happens also while this tab is not drawn.

use egui::Context;
use futures::{
    channel::oneshot,
    future::{self, Either},
};
use parlor_node::{Node, NodeHandle};
use std::{
    cell::{Cell, RefCell},
    pin::pin,
    rc::Rc,
};

/// Tells whoever asked that this tab has let go.
pub(super) type Told = Box<dyn FnOnce()>;

enum State {
    Nothing,
    /// It starts; whoever sends here ends that.
    Starting(oneshot::Sender<Told>),
    Running(Node),
    /// It stops; these are told when it has.
    Stopping(Vec<Told>),
}

/// A node, as far as it is there. Made anew for every start. Dropping it stops the node without waiting.
pub(super) struct Held {
    state: RefCell<State>,
    was_taken: Cell<bool>,
}

impl Held {
    /// Nothing yet.
    pub(super) fn nothing() -> Rc<Self> {
        Rc::new(Self { state: RefCell::new(State::Nothing), was_taken: Cell::new(false) })
    }

    /// Whether another tab took over since this was asked last.
    pub(super) fn was_taken(&self) -> bool {
        self.was_taken.take()
    }

    /// Starts a node; `None` when another tab took over meanwhile. From now on that is possible.
    pub(super) fn start<E, W: Future<Output = Result<Node, E>>>(
        self: &Rc<Self>,
        ctx: &Context,
        work: W,
    ) -> impl Future<Output = Option<Result<NodeHandle, E>>> + use<E, W> {
        let (ask, asked) = oneshot::channel();
        *self.state.borrow_mut() = State::Starting(ask);
        let (held, ctx) = (Rc::clone(self), ctx.clone());
        async move {
            let ended = {
                let work = pin!(work);
                match future::select(asked, work).await {
                    Either::Left((told, _)) => Err(told.ok()),
                    Either::Right((started, _)) => Ok(started),
                }
            };
            // What had begun is gone here, so nothing of it writes any more.
            match ended {
                Ok(Ok(node)) => Some(Ok(held.run(node, ctx))),
                Ok(Err(error)) => {
                    *held.state.borrow_mut() = State::Nothing;
                    Some(Err(error))
                }
                Err(told) => {
                    held.was_taken.set(true);
                    if let Some(told) = told {
                        told();
                    }
                    None
                }
            }
        }
    }

    fn run(self: &Rc<Self>, mut node: Node, ctx: Context) -> NodeHandle {
        let (handle, taken, held) = (node.handle(), node.taken(), Rc::downgrade(self));
        *self.state.borrow_mut() = State::Running(node);
        wasm_bindgen_futures::spawn_local(async move {
            // The store found out by itself: this tab slept while another one asked.
            if taken.await
                && let Some(held) = held.upgrade()
            {
                held.let_go(&ctx, true, Box::new(|| ()));
            }
        });
        handle
    }

    /// Stops the node, if one runs; the future ends when everything is written.
    pub(super) fn stop(self: &Rc<Self>) -> impl Future<Output = ()> + use<> {
        let node = match self.state.replace(State::Nothing) {
            State::Running(node) => Some(node),
            other => {
                *self.state.borrow_mut() = other;
                None
            }
        };
        if node.is_some() {
            *self.state.borrow_mut() = State::Stopping(Vec::new());
        }
        let held = Rc::clone(self);
        async move {
            let Some(node) = node else { return };
            node.shutdown().await;
            if let State::Stopping(told) = held.state.replace(State::Nothing) {
                told.into_iter().for_each(|told| told());
            }
        }
    }

    /// Lets go for another tab. `is_newer` says whether that tab began after this one did. False when there
    /// is nothing to let go of, or when the other tab has to.
    pub(super) fn let_go(self: &Rc<Self>, ctx: &Context, is_newer: bool, told: Told) -> bool {
        let mut state = self.state.borrow_mut();
        match &mut *state {
            State::Nothing => false,
            // Two tabs that start at once would else both let go.
            State::Starting(_) if !is_newer => false,
            State::Starting(_) => match std::mem::replace(&mut *state, State::Nothing) {
                State::Starting(ask) => ask.send(told).is_ok(),
                _ => false,
            },
            State::Stopping(waiting) => {
                waiting.push(told);
                true
            }
            State::Running(_) => {
                drop(state);
                let stopped = self.stop();
                if let State::Stopping(waiting) = &mut *self.state.borrow_mut() {
                    waiting.push(told);
                }
                self.was_taken.set(true);
                let ctx = ctx.clone();
                wasm_bindgen_futures::spawn_local(async move {
                    stopped.await;
                    ctx.request_repaint();
                });
                true
            }
        }
    }
}
