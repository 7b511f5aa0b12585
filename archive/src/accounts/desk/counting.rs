//! Counting tries: every one before it is answered, for the machine and for the name.
//!
//! Names share a fixed number of places, whether there is such an account or not: who fills places with
//! made-up names learns nothing about others. So a login that was right takes back what it added itself
//! and no more. If it forgave the whole place, somebody with an account in the same place as another
//! name could try that name for ever.

use parlor_protocol::{
    DeviceId,
    account::{AccountRefusal, UserName},
};

use super::{Desk, RETRIES, Stop};
use crate::{
    accounts::backoff::{self, Counted},
    service::now_ms,
    store::{AccountRow, Tries, TryPlace},
};

impl Desk {
    /// Counts a try to sign in, for the name whether it exists or not and for the machine; whether it
    /// was counted for the name. A machine that is signed in to the account does not wait for what
    /// strangers try.
    pub(super) async fn count_try(
        &self,
        from: DeviceId,
        name: &UserName,
        row: Option<&AccountRow>,
    ) -> Result<bool, Stop> {
        self.count(TryPlace::of_peer(from), Counted::Peer).await?;
        if row.is_some_and(|row| row.has(from)) {
            return Ok(false);
        }
        let (place, now) = (TryPlace::of_name(name), now_ms());
        let counted = self.count_in_turn(place, Counted::Name, self.lines.later(place, from, now)).await;
        match &counted {
            Ok(()) => self.lines.leave(place, from),
            Err(Stop::Refused(AccountRefusal::Wait { .. })) => self.lines.stand(place, from, now),
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
        let (store, place) = (self.store.accounts(), TryPlace::of_name(name));
        for _ in 0..RETRIES {
            let before = store.tries(place).await?;
            let Some(count) = before.count.checked_sub(1) else { break };
            if store.note_tries(place, before, Tries { count, ..before }).await? {
                break;
            }
        }
        Ok(())
    }

    /// A machine has shown that its person knows a password: on a machine that many use, not everybody
    /// waits for what others mistyped.
    pub(super) async fn forgive_machine(&self, machine: DeviceId) -> Result<(), Stop> {
        let place = TryPlace::of_peer(machine);
        let before = self.store.accounts().tries(place).await?;
        // Somebody who tried meanwhile stays counted.
        self.store.accounts().note_tries(place, before, Tries { count: 0, ..before }).await?;
        Ok(())
    }
}
