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
pub struct Bridge {
    handle: NodeHandle,
    events: mpsc::Receiver<Event>,
    waiting: Arc<AtomicBool>,
}

impl Bridge {
    /// Subscribes to a node. Must be called within the runtime that the node runs on.
    #[must_use]
    pub fn new(handle: NodeHandle, ctx: egui::Context) -> Self {
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::{Backend as _, Bridge};
    use parlor_node::{Command, Event, Node, NodeConfig, Reply};
    use parlor_protocol::Name;
    use std::{sync::Arc, time::Duration};
    use tokio::sync::Notify;

    /// A window that is not there: it rings when it would be woken, and then draws a frame.
    struct Window {
        ctx: egui::Context,
        bell: Arc<Notify>,
    }

    /// A node of its own, without network.
    async fn bridge(dir: &std::path::Path) -> (Node, Bridge, Window) {
        let mut config = NodeConfig::new(Some("test".into()), Some(dir.to_owned()));
        config.online = false;
        let node = Box::pin(Node::start(config)).await.unwrap();
        let (ctx, bell) = (egui::Context::default(), Arc::new(Notify::new()));
        let rings = Arc::clone(&bell);
        ctx.set_request_repaint_callback(move |_| rings.notify_one());
        let bridge = Bridge::new(node.handle(), ctx.clone());
        (node, bridge, Window { ctx, bell })
    }

    async fn wait_for(bridge: &mut Bridge, window: &Window, wanted: impl Fn(&Event) -> bool) {
        let found = async {
            while !bridge.drain().iter().any(&wanted) {
                window.bell.notified().await;
                let _ = window.ctx.run_ui(egui::RawInput::default(), |_| {});
            }
        };
        tokio::time::timeout(Duration::from_secs(20), found).await.expect("the event never came");
    }

    #[tokio::test]
    async fn answers_of_a_real_node_wake_the_window() {
        let dir = tempfile::tempdir().unwrap();
        let (node, mut bridge, window) = bridge(dir.path()).await;
        let id = bridge.submit(Command::SetName(Name::new("Ada").unwrap())).unwrap();
        wait_for(&mut bridge, &window, |event| matches!(event, Event::Replied { id: of, result: Ok(_) } if *of == id))
            .await;
        let id = bridge.submit(Command::Me).unwrap();
        let named = |event: &Event| matches!(event, Event::Replied { id: of, result: Ok(Reply::Me(me)) } if *of == id && me.name == "Ada");
        wait_for(&mut bridge, &window, named).await;
        node.shutdown().await;
        // The last handle keeps the stream open, so the end is told by the node's refusal.
        assert!(bridge.submit(Command::Me).is_err());
    }
}
