//! Why the network could not start. What goes wrong later is a `NetEvent`.

use thiserror::Error;

/// Why the network could not start.
#[derive(Debug, Error)]
pub enum NetError {
    /// A port that was asked for by number is in use.
    #[error(
        "{transport} port {port} is in use by another program. Close that program, choose another port, or leave the \
         port out so that a free one is taken."
    )]
    PortTaken {
        /// `TCP`, `QUIC (UDP)` or `WebSocket`.
        transport: &'static str,
        /// The port.
        port: u16,
    },
    /// Not one address could be listened on.
    #[error("Parlor could not listen on any address ({reason}). Check that a network adapter is on, then try again.")]
    NothingToListenOn {
        /// What the system said.
        reason: String,
    },
    /// The network code could not be set up.
    #[error("The network could not be set up ({reason}). Restart Parlor; if that does not help, run `parlor doctor`.")]
    Setup {
        /// What went wrong.
        reason: String,
    },
}
