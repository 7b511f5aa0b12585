//! Tells the desktop of messages, on a thread of its own: some desktops answer slowly or never.

use std::sync::mpsc;

use crate::model::Notice;

/// Notifications that may wait; more at once help nobody.
const QUEUE: usize = 16;

/// The way to the thread. The thread ends when this is dropped.
#[derive(Debug)]
pub(super) struct Desktop {
    notices: Option<mpsc::SyncSender<Notice>>,
}

impl Desktop {
    pub(super) fn new() -> Self {
        let (notices, queue) = mpsc::sync_channel::<Notice>(QUEUE);
        let thread = std::thread::Builder::new().name("notifications".into()).spawn(move || {
            for notice in queue {
                let mut shown = notify_rust::Notification::new();
                shown.appname("Parlor").summary(&plain(&notice.title)).body(&plain(&notice.body));
                if let Err(error) = shown.show() {
                    tracing::debug!(%error, "the desktop did not take a notification");
                }
            }
        });
        if let Err(error) = &thread {
            tracing::warn!(%error, "there will be no notifications");
        }
        Self { notices: thread.is_ok().then_some(notices) }
    }

    pub(super) fn tell(&self, notice: Notice) {
        // A full queue means a burst; the newest ones in the list of rooms say enough.
        if let Some(Err(error)) = self.notices.as_ref().map(|notices| notices.try_send(notice)) {
            tracing::debug!(%error, "a notification was left out");
        }
    }
}

/// Many desktops read notifications as markup.
fn plain(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
