//! What every store must do, as one suite that runs against the trait. Each function is one
//! promise; the macro makes a test of each for a backend.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

pub(crate) mod accounts;
pub(super) mod appending;
pub(super) mod ending;
pub(super) mod keeping;
pub(super) mod wraps;

use async_trait::async_trait;
use parlor_protocol::{RoomId, entry::Entry};
use std::sync::Arc;

use super::{Kept, Store};
use crate::fixture::TestRoom;

/// A place where a store can be opened again and again.
#[async_trait]
pub(crate) trait Place: Send + Sync {
    async fn open(&self) -> Arc<dyn Store>;
}

fn entries_of(run: &[Kept]) -> Vec<Entry> {
    run.iter().map(|kept| kept.entry.inner().clone()).collect()
}

/// All plain entries of a room, read a few at a time.
async fn plain(store: &dyn Store, room: RoomId) -> Vec<Kept> {
    let (mut plain, mut from) = (Vec::new(), 0);
    loop {
        let page = store.plain(room, from, 2, usize::MAX).await.unwrap();
        let Some(last) = page.last() else { return plain };
        from = last.number + 1;
        plain.extend(page.into_iter().map(|arrived| arrived.kept));
    }
}

/// A registered room whose owner's first three entries are stored.
pub(crate) async fn founded(store: &dyn Store, seed: u64) -> TestRoom {
    let room = TestRoom::new(seed);
    store.put_room(room.row()).await.unwrap();
    store.append(room.run(room.start.clone())).await.unwrap();
    room
}

/// Runs the whole suite, each promise as a test of its own; `$place` makes a new, empty place.
macro_rules! conforms {
    ($place:expr) => {
        $crate::store::conformance::conforms!($place =>
            appending::an_empty_store_knows_nothing,
            appending::a_room_registered_twice_stays_as_it_was,
            appending::entries_come_back_as_they_were,
            appending::storing_again_changes_nothing,
            appending::a_gap_is_refused,
            appending::another_entry_at_a_held_place_is_a_conflict,
            appending::the_newest_come_by_arrival,
            wraps::rooms_are_found_by_what_opens_their_doors,
            wraps::wraps_are_kept_a_page_at_a_time_until_they_are_deleted,
            wraps::the_highest_step_of_each_epoch_is_kept,
            keeping::fork_proofs_are_kept,
            keeping::pages_end_at_their_limits,
            keeping::what_is_pruned_keeps_its_place_its_order_and_its_proof,
            keeping::rooms_do_not_mix,
            ending::a_room_that_has_ended_keeps_its_records_and_nothing_else,
            ending::an_ended_room_of_many_entries_is_gone_to_the_last_one,
            ending::a_room_that_is_removed_leaves_nothing_and_can_be_registered_again,
            keeping::plain_entries_come_a_page_at_a_time,
            keeping::everything_is_there_after_opening_anew,
            keeping::many_writers_at_once_lose_nothing,
            keeping::a_closed_store_finishes_what_it_took_and_takes_no_more,
            accounts::an_account_comes_back_by_name_and_by_device,
            accounts::a_name_and_its_look_alikes_are_given_out_once,
            accounts::of_two_changes_at_once_one_stands,
            accounts::when_a_device_was_last_seen_is_kept_until_it_is_signed_out,
            accounts::a_vault_changes_with_its_account_or_not_at_all,
            accounts::a_name_is_looked_up_evenly_whether_it_is_there_or_not,
            accounts::tries_that_are_forgiven_are_forgotten,
            accounts::a_token_registers_one_account,
            accounts::tries_and_the_account_key_outlive_a_restart,
        );
    };
    ($place:expr => $($module:ident :: $name:ident,)*) => {
        $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                let place = $place.await;
                $crate::store::conformance::$module::$name(&place).await;
            }
        )*
    };
}
pub(crate) use conforms;
