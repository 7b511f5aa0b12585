//! A machine that has a person's account key, and tells the person's devices what is not true.

use parlor_node::engine::account::AccountBundle;
use parlor_protocol::{
    DeviceId,
    keys::Secret,
    link::{OwnKey, OwnMessage},
    wire::{Answer, Request},
};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;
use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use super::stranger::Stranger;

/// Whoever stole an account key, or a device that is a liar.
#[derive(Debug)]
pub struct Liar {
    key: OwnKey,
    device: DeviceId,
    rng: ChaCha20Rng,
    tells: Vec<u8>,
    asked: Arc<AtomicU32>,
}

impl Liar {
    /// One who says to be this device and tells everybody who asks the same.
    #[must_use]
    pub fn new(account_key: &Secret, device: DeviceId, lies: &AccountBundle) -> Self {
        let tells = lies.encode().expect("lies are short").to_vec();
        let (key, rng) = (OwnKey::of(account_key), ChaCha20Rng::seed_from_u64(1));
        Self { key, device, rng, tells, asked: Arc::default() }
    }

    /// How often it was asked, to be looked at while it is in a network.
    #[must_use]
    pub fn asked(&self) -> Arc<AtomicU32> {
        Arc::clone(&self.asked)
    }
}

impl Stranger for Liar {
    fn answer(&mut self, _: Request) -> Option<Answer> {
        None
    }

    fn answer_to(&mut self, from: DeviceId, request: Request) -> Option<Answer> {
        let Request::Own(_) = request else { return None };
        self.asked.fetch_add(1, Ordering::Relaxed);
        let sealed = self.key.seal(OwnMessage::Tell, self.device, from, &self.tells, &mut self.rng);
        Some(Answer::Own(Some(sealed.expect("a lie is short"))))
    }
}
