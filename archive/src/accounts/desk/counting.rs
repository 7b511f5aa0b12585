//! Counting tries: every one before it is answered, for the machine and for the name, whether there is such
//! an account or not. Places are keyed hashes (`blind`), so that nobody can look for a name or a key that
//! shares one with another.
//!
//! A machine that is signed in to the account is counted by itself alone: it waits for what was mistyped on
//! it, and never for what others try. A login that was right takes back what it added itself and no more.

use parlor_protocol::{
    DeviceId,
    account::{AccountRefusal, UserName},
};

use super::{Desk, RETRIES, Stop};
use crate::{
    accounts::backoff::{self, Counted},
    service::now_ms,
    source::Source,
    store::{AccountRow, TryPlace},
};

impl Desk {
    /// Counts a try to sign in; whether it was counted for the name.
    pub(super) async fn count_try(
        &self,
        from: DeviceId,
        source: Source,
        name: &UserName,
        row: Option<&AccountRow>,
    ) -> Result<bool, Stop> {
        if row.is_some_and(|row| row.has(from)) {
            return self.count(self.blind.tries_of_own(from), Counted::Peer).await.map(|()| false);
        }
        self.count(self.blind.tries_of_machine(from), Counted::Peer).await?;
        let (place, now) = (self.blind.tries_of_name(name), now_ms());
        let counted = self.count_in_turn(place, Counted::Name, self.lines.later(place, from, now)).await;
        match &counted {
            Ok(()) => self.lines.leave(place, from),
            Err(Stop::Refused(AccountRefusal::Wait { .. })) => self.lines.stand(place, from, source, now),
            Err(_) => {}
        }
        counted.map(|()| true)
    }

    /// Counts a try, or tells how long to wait.
    pub(super) async fn count(&self, place: TryPlace, counted: Counted) -> Result<(), Stop> {
        self.count_in_turn(place, counted, 0).await
    }

    /// The same for somebody who, where there is a wait, waits so much longer than others.
    async fn count_in_turn(&self, place: TryPlace, counted: Counted, later_ms: u64) -> Result<(), Stop> {
        let store = self.store.accounts();
        for _ in 0..RETRIES {
            let before = store.tries(place).await?;
            let after = backoff::one_more(counted, before, now_ms(), later_ms);
            let after = after.map_err(|ms| AccountRefusal::Wait { ms })?;
            if store.note_tries(place, before, after).await? {
                return Ok(());
            }
        }
        Err(AccountRefusal::Wait { ms: 1_000 }.into())
    }

    /// Takes back one try for a name: it was no guess.
    pub(super) async fn take_back(&self, name: &UserName) -> Result<(), Stop> {
        let (store, place) = (self.store.accounts(), self.blind.tries_of_name(name));
        for _ in 0..RETRIES {
            let before = store.tries(place).await?;
            let Some(count) = before.count.checked_sub(1) else { break };
            if store.note_tries(place, before, backoff::with_count(before, count)).await? {
                break;
            }
        }
        Ok(())
    }

    /// A machine has shown that its person knows a password: on a machine that many use, not everybody
    /// waits for what others mistyped.
    pub(super) async fn forgive_machine(&self, machine: DeviceId) -> Result<(), Stop> {
        for place in [self.blind.tries_of_machine(machine), self.blind.tries_of_own(machine)] {
            let before = self.store.accounts().tries(place).await?;
            // Somebody who tried meanwhile stays counted.
            if before.count > 0 {
                self.store.accounts().note_tries(place, before, backoff::with_count(before, 0)).await?;
            }
        }
        Ok(())
    }

    /// Forgets now and then what is forgiven: made-up names would fill the store.
    pub(crate) async fn forget_tries(&self, now: u64) {
        if let Err(error) = self.store.accounts().forget_tries(now).await {
            tracing::debug!(%error, "tries that are forgiven are not forgotten");
        }
    }
}
