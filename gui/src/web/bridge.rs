//! The app's door to the node in the same page. A task waits for events and wakes the canvas.

use parlor_node::{Command, CommandError, CommandId, Event, NodeHandle, Subscription};
use std::{cell::Cell, rc::Rc};

use crate::backend::Backend;

/// Events that the app takes in before it draws once.
const TURN: usize = 1024;

/// A node's handle and the events that wait in its queue. When the app falls behind, the node says
/// so with [`Event::Lagged`].
#[derive(Debug)]
pub(super) struct Bridge {
    handle: NodeHandle,
    events: Subscription,
    waiting: Rc<Cell<bool>>,
    ctx: egui::Context,
}

impl Bridge {
    /// Subscribes to a node.
    #[must_use]
    pub(super) fn new(handle: NodeHandle, ctx: egui::Context) -> Self {
        let events = handle.subscribe();
        let waiting = Rc::new(Cell::new(false));
        let asked = Rc::downgrade(&waiting);
        let mut bell = handle.subscribe();
        let drawn = ctx.clone();
        wasm_bindgen_futures::spawn_local(async move {
            loop {
                let event = bell.next().await;
                let Some(asked) = asked.upgrade() else { break };
                // One wish to draw is enough until the app has read.
                if !asked.replace(true) {
                    ctx.request_repaint();
                }
                if matches!(event, Event::Stopped) {
                    break;
                }
            }
        });
        Self { handle, events, waiting, ctx: drawn }
    }
}

impl Backend for Bridge {
    fn submit(&mut self, command: Command) -> Result<CommandId, CommandError> {
        self.handle.submit(command)
    }

    fn drain(&mut self) -> Vec<Event> {
        self.waiting.set(false);
        let events: Vec<_> = std::iter::from_fn(|| self.events.try_next()).take(TURN).collect();
        if events.len() == TURN {
            // The rest has rung already, and nobody rings for it again.
            self.ctx.request_repaint();
        }
        events
    }
}
