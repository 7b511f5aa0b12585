//! A page cannot ask the network who is there.

use super::super::{
    announcement::{Announcement, Found},
    config::InterfaceFilter,
};

/// There is none.
#[derive(Debug)]
pub(in crate::net) enum Browser {}

/// Why discovery could not start.
#[derive(Debug)]
pub(in crate::net) struct DaemonError(pub(in crate::net) String);

impl Browser {
    /// Says that it cannot.
    pub(in crate::net) fn start(_: &InterfaceFilter, _: Option<&Announcement>) -> Result<Self, DaemonError> {
        Err(DaemonError("browsers have no discovery".to_owned()))
    }

    /// Never called.
    #[allow(clippy::unused_async, reason = "as elsewhere")]
    pub(in crate::net) async fn next(&mut self) -> Found {
        match *self {}
    }

    /// Never called.
    pub(in crate::net) fn refresh(&self) {
        match *self {}
    }

    /// Never called.
    #[allow(clippy::unused_async, reason = "as elsewhere")]
    pub(in crate::net) async fn stop(self) {
        match self {}
    }
}
