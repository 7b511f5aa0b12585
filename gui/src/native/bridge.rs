//! The app's door to a running node. A task outside of the frame loop waits for events and
//! wakes the window only when there are some.

use parlor_node::{Command, CommandError, CommandId, Event, NodeHandle};
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
    mpsc,
};

use crate::backend::Backend;

/// Events that may wait for the window. When it is full the task waits, the node's own queue
/// fills, and the node says so with [`Event::Lagged`]: nothing is lost without a word.
const QUEUE: usize = 1024;

/// A node's handle and the events that wait for the window.
#[derive(Debug)]
pub(super) struct Bridge {
    handle: NodeHandle,
    events: mpsc::Receiver<Event>,
    waiting: Arc<AtomicBool>,
}

impl Bridge {
    /// Subscribes to a node. Must be called within the runtime that the node runs on.
    pub(super) fn new(handle: NodeHandle, ctx: egui::Context) -> Self {
        let (sender, events) = mpsc::sync_channel(QUEUE);
        let waiting = Arc::new(AtomicBool::new(false));
        let mut subscription = handle.subscribe();
        let asked = Arc::clone(&waiting);
        tokio::spawn(async move {
            loop {
                let event = subscription.next().await;
                let last = matches!(event, Event::Stopped);
                if !forward(&sender, event, &ctx).await {
                    break;
                }
                // One wish to draw is enough until the window has read.
                if !asked.swap(true, Ordering::AcqRel) {
                    ctx.request_repaint();
                }
                if last {
                    break;
                }
            }
        });
        Self { handle, events, waiting }
    }
}

/// Hands an event over, waiting while the queue is full. False when the window is gone.
async fn forward(sender: &mpsc::SyncSender<Event>, event: Event, ctx: &egui::Context) -> bool {
    let mut event = event;
    loop {
        match sender.try_send(event) {
            Ok(()) => return true,
            Err(mpsc::TrySendError::Disconnected(_)) => return false,
            Err(mpsc::TrySendError::Full(back)) => {
                event = back;
                ctx.request_repaint();
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        }
    }
}

impl Backend for Bridge {
    fn submit(&mut self, command: Command) -> Result<CommandId, CommandError> {
        self.handle.submit(command)
    }

    fn drain(&mut self) -> Vec<Event> {
        self.waiting.store(false, Ordering::Release);
        self.events.try_iter().take(QUEUE).collect()
    }
}
