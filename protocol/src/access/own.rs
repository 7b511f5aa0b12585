//! The key that ties the devices of one person together in one room, so that a person can send a lost
//! device out. Archives see that devices belong together, and not to whom: the key is another one in
//! each room, and nothing public leads from the account to it.

use ed25519_dalek::SigningKey;
use std::fmt;
use zeroize::Zeroizing;

use crate::{
    card::UserKey,
    derive::{Label, Purpose},
    ids::{OwnId, RoomId},
    keys::{self, Sig},
};

/// A person's key in one room. It follows from the account key, so that all devices of the person have it.
#[derive(Clone)]
pub struct OwnKey(SigningKey);

impl OwnKey {
    /// The key of an account in a room.
    #[must_use]
    pub fn new(account: &UserKey, room: RoomId) -> Self {
        let mut material = Zeroizing::new([0; 64]);
        let (seed, of_room) = material.split_at_mut(32);
        seed.copy_from_slice(account.seed().as_ref());
        of_room.copy_from_slice(room.as_bytes());
        Self(SigningKey::from_bytes(&Purpose::OwnDoor.secret(material.as_ref())))
    }

    /// The public half.
    #[must_use]
    pub fn id(&self) -> OwnId {
        OwnId::from_bytes(self.0.verifying_key().to_bytes())
    }

    pub(super) fn sign(&self, label: Label, message: &[u8]) -> Sig {
        keys::sign(&self.0, label, message)
    }
}

impl fmt::Debug for OwnKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OwnKey({})", self.id().short())
    }
}
