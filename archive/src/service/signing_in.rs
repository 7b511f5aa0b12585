//! Questions about accounts: passed to the desk, a bounded number at a time, and paid for like everything
//! else: bytes by the byte, what begins something as a look-up.

use parlor_node::net::InboundId;
use parlor_protocol::{
    DeviceId,
    account::{AccountAnswer, AccountRefusal, AccountRequest},
    wire::Answer,
};
use std::{sync::Arc, time::Instant};
use tokio::sync::Semaphore;

use super::{Done, RETRY_MS, Service, TASKS_MAX, busy, peers, rates::Cost};
use crate::accounts::Desk;

/// Questions that are worked on at once; more wait. Each is half a millisecond of processor, for which
/// messages would have to wait when a whole class signs in.
const AT_ONCE: usize = 4;
/// Questions that may wait; more are told to come again, so that messages have places whatever happens
/// at the desk.
const WAITING_MAX: usize = TASKS_MAX / 2;

/// The desk, and the way to it.
#[derive(Debug)]
pub(super) struct DeskQueue {
    desk: Arc<Desk>,
    places: Arc<Semaphore>,
    turns: Arc<Semaphore>,
}

impl DeskQueue {
    /// The desk itself.
    pub(super) fn desk(&self) -> Arc<Desk> {
        Arc::clone(&self.desk)
    }

    /// A peer is gone: what it proved on its connection is over.
    pub(super) fn disconnected(&self, peer: DeviceId) {
        self.desk.disconnected(peer);
    }

    pub(super) fn new(desk: Arc<Desk>) -> Self {
        let (places, turns) = (Semaphore::new(WAITING_MAX), Semaphore::new(AT_ONCE));
        Self { desk, places: Arc::new(places), turns: Arc::new(turns) }
    }
}

impl Service {
    pub(super) fn ask_desk(&mut self, id: InboundId, from: DeviceId, ask: AccountRequest) -> Option<Answer> {
        let Some(queue) = &self.desk else {
            return Some(Answer::Account(AccountAnswer::Refused(AccountRefusal::Closed)));
        };
        let who = self.peers.asker(from);
        let mut costs = Vec::new();
        let bytes = brings(&ask);
        if bytes > 0 {
            costs.push(Cost::Bytes(bytes));
        }
        if matches!(ask, AccountRequest::FinishRegister { token: None, .. }) {
            costs.push(Cost::Account);
        }
        let now = Instant::now();
        if let Some(wait) = costs.into_iter().find_map(|cost| self.meter.take(who, cost, now).err()) {
            return Some(busy(wait));
        }
        let again = Some(busy(RETRY_MS.into()));
        if !self.in_flight.bring(id, bytes) {
            return again;
        }
        let Ok(place) = Arc::clone(&queue.places).try_acquire_owned() else { return again };
        let (desk, turns) = (Arc::clone(&queue.desk), Arc::clone(&queue.turns));
        self.tasks.spawn(async move {
            // Nobody closes it.
            let _turn = turns.acquire().await;
            let registers = peers::makes_account(&ask);
            let answer = desk.answer(from, who.source, ask).await;
            drop(place);
            Done::AtDesk { inbound: id, from, registers, answer }
        });
        None
    }
}

/// Whether a request begins to register, sign in or reset, or makes an account: these cost more than others.
pub(super) fn begins(ask: &AccountRequest) -> bool {
    use AccountRequest::{FinishRegister, StartLogIn, StartRegister, StartReset};
    matches!(ask, StartLogIn { .. } | StartRegister { .. } | FinishRegister { .. } | StartReset { .. })
}

/// How many bytes a request brings to be stored.
fn brings(ask: &AccountRequest) -> usize {
    match ask {
        AccountRequest::PutVault { sealed, .. } => sealed.as_bytes().len(),
        AccountRequest::FinishRegister { vault, .. }
        | AccountRequest::FinishChange { vault, .. }
        | AccountRequest::PutVaultAndKeys { vault, .. } => vault.sealed.as_bytes().len(),
        _ => 0,
    }
}
