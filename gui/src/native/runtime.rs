//! The node's runtime, beside the window's loop: starts the node, and stops it at the end.

use parlor_node::{Node, NodeHandle, private::Mended};
use parlor_protocol::guard::Passphrase;
use tokio::{runtime::Runtime, sync::oneshot, task::JoinHandle};

use super::{
    Arguments,
    start::{self, NotStarted},
};

/// How long the end waits for the node to write and to say good-bye.
const STOP_WAIT: std::time::Duration = std::time::Duration::from_secs(5);

/// A node that runs.
#[derive(Debug)]
pub(super) struct Up {
    pub(super) handle: NodeHandle,
    pub(super) data_folder: String,
    /// What of the folder other users of this computer could get at.
    pub(super) mended: Vec<Mended>,
}

/// What became of starting.
pub(super) type Started = Result<Up, NotStarted>;

/// A node that starts or runs on threads of its own.
#[derive(Debug)]
pub(super) struct NodeRuntime {
    runtime: Option<Runtime>,
    node: Option<JoinHandle<()>>,
    stop: Option<oneshot::Sender<()>>,
}

impl NodeRuntime {
    /// Starts a node; what became of it comes through the receiver, and the window is woken.
    pub(super) fn start(
        arguments: &Arguments,
        passphrase: Option<Passphrase>,
        ctx: egui::Context,
    ) -> std::io::Result<(Self, oneshot::Receiver<Started>)> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        let config = start::node_config(arguments, passphrase);
        let (told, started) = oneshot::channel();
        let (stop, stopped) = oneshot::channel::<()>();
        let node = runtime.spawn(async move {
            match Box::pin(start::start_node(config)).await {
                Ok(node) => {
                    let data_folder = node.dir().display().to_string();
                    let up = Up { handle: node.handle(), data_folder, mended: node.mended().to_vec() };
                    // When the window is gone already there is nobody to tell.
                    let _ = told.send(Ok(up));
                    ctx.request_repaint();
                    run(node, stopped).await;
                    // Whoever waits for the end looks again.
                    ctx.request_repaint();
                }
                Err(why) => {
                    tracing::info!(?why, "the node did not start");
                    let _ = told.send(Err(why));
                    ctx.request_repaint();
                }
            }
        });
        Ok((Self { runtime: Some(runtime), node: Some(node), stop: Some(stop) }, started))
    }

    /// Enters the runtime, to spawn tasks on it.
    pub(super) fn enter(&self) -> Option<tokio::runtime::EnterGuard<'_>> {
        self.runtime.as_ref().map(Runtime::enter)
    }

    /// Tells the node to stop, without waiting.
    pub(super) fn ask_to_stop(&mut self) {
        self.stop.take();
    }

    /// Whether everything is written and the node gone.
    pub(super) fn has_stopped(&self) -> bool {
        self.node.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Stops the node and waits until everything is written.
    pub(super) fn shut_down(&mut self) {
        self.stop.take();
        let Some(runtime) = self.runtime.take() else { return };
        if let Some(node) = self.node.take() {
            let ended = runtime.block_on(async { tokio::time::timeout(STOP_WAIT, node).await });
            if ended.is_err() {
                tracing::warn!("the node did not stop in time");
            }
        }
        runtime.shutdown_background();
    }
}

async fn run(node: Node, stopped: oneshot::Receiver<()>) {
    // The sender is dropped at the end; both ways mean: stop.
    let _ = stopped.await;
    node.shutdown().await;
}

impl Drop for NodeRuntime {
    fn drop(&mut self) {
        self.shut_down();
    }
}
