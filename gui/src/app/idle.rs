//! Locking, by hand and after a while that nobody touched the app.

use parlor_node::store::LockKind;
use std::time::Duration;

use super::{App, Wish};
use crate::{backend::Backend, view::dialog::Dialog};

impl<B: Backend> App<B> {
    /// Locks where there is a passphrase, else shows where one can be set.
    pub(super) fn lock(&mut self) {
        match self.model.lock.kind {
            Some(kind) if kind.has_passphrase() => self.wishes.push(Wish::Lock),
            Some(_) => self.open_dialog(Dialog::settings(&self.model)),
            // Not known yet: locking without a passphrase would lock for ever.
            None => {}
        }
    }

    /// How long until the app locks itself; none when it does not.
    #[must_use]
    pub fn idle_left(&self) -> Option<Duration> {
        let minutes = self.setting.look.lock_after?;
        self.model.lock.kind.filter(|kind| LockKind::has_passphrase(*kind))?;
        // After sleep the clock has jumped and the app locks; set back, it does not lock later than
        // it would have.
        let idle = self.sight.now_ms.abs_diff(self.touched_at);
        Some(Duration::from_secs(u64::from(minutes) * 60).saturating_sub(Duration::from_millis(idle)))
    }
}
