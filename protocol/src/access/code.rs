//! What a code stretches to: where its door is found, the key that signs at it, and the secret that opens
//! what is wrapped to it.

use ed25519_dalek::SigningKey;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

use crate::{
    derive::{Label, Purpose},
    ids::{DoorKey, Locator},
    keys::{self, DhPublic, DhSecret, Secret, Sig},
    stretch::Stretched,
};

/// The keys of a code, once it was stretched ([`RoomCode::stretching`](crate::RoomCode::stretching)).
/// Whoever has them has the code. Wiped when dropped, never printed; serialised as the one secret from
/// which all of it follows, for stores that seal.
#[derive(Clone)]
pub struct CodeKeys {
    secret: Secret,
    locator: Locator,
    door: SigningKey,
    lock: DhSecret,
}

impl CodeKeys {
    pub(super) fn of(secret: Secret) -> Self {
        let bytes = secret.expose();
        let mut locator = [0; 16];
        let hashed = Purpose::CodeLocator.secret(bytes);
        locator.iter_mut().zip(hashed.iter()).for_each(|(to, from)| *to = *from);
        Self {
            locator: Locator(locator),
            door: SigningKey::from_bytes(&Purpose::CodeDoor.secret(bytes)),
            lock: DhSecret::from_bytes(*Purpose::CodeLock.secret(bytes)),
            secret,
        }
    }

    /// Where its door is found.
    #[must_use]
    pub const fn locator(&self) -> Locator {
        self.locator
    }

    /// The public half of the key that signs.
    #[must_use]
    pub fn door(&self) -> DoorKey {
        DoorKey::from_bytes(self.door.verifying_key().to_bytes())
    }

    /// The public half of what opens.
    #[must_use]
    pub fn lock(&self) -> DhPublic {
        self.lock.public()
    }

    pub(super) const fn lock_secret(&self) -> &DhSecret {
        &self.lock
    }

    pub(super) fn sign(&self, label: Label, message: &[u8]) -> Sig {
        keys::sign(&self.door, label, message)
    }
}

impl From<&Stretched> for CodeKeys {
    fn from(stretched: &Stretched) -> Self {
        // Any length gives 32 bytes, so that this cannot fail.
        Self::of(
            stretched
                .expose()
                .try_into()
                .map_or_else(|_| Secret::from_bytes(*blake3::hash(stretched.expose()).as_bytes()), Secret::from_bytes),
        )
    }
}

impl PartialEq for CodeKeys {
    fn eq(&self, other: &Self) -> bool {
        self.secret == other.secret
    }
}

impl Eq for CodeKeys {}

impl fmt::Debug for CodeKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CodeKeys(..)")
    }
}

impl Serialize for CodeKeys {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        self.secret.serialize(s)
    }
}

impl<'de> Deserialize<'de> for CodeKeys {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Secret::deserialize(d).map(Self::of)
    }
}
