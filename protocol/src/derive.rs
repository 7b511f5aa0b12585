//! Every derived key and hash of the protocol, in one table.
//!
//! `blake3::derive_key` with a context of its own for each purpose keeps uses apart
//! (BLAKE3 specification, section 2.2 and 6.2). Signatures are kept apart by labels instead,
//! because Ed25519 has no context of its own.

use zeroize::{Zeroize as _, Zeroizing};

/// What a derived value is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Entry id, from header and body hash.
    Entry,
    /// Room id, from the id of the genesis entry.
    Room,
    /// Epoch id, from what commits to the key, room and parents.
    EpochId,
    /// What commits an epoch's id to its key, from the key of its last step.
    EpochCommit,
    /// The key of an epoch's next step, from that of the one before.
    EpochStep,
    /// What a sealed epoch key is bound to: the rest of the epoch record.
    EpochChange,
    /// The room's X25519 secret of an epoch, from the key of its last step: responder of message sessions.
    EpochRoomSecret,
    /// The pre-shared key of message sessions of a step.
    EpochPsk,
    /// The key of what contents are put through before a session seals them.
    EpochInner,
    /// The gossip topic of an epoch.
    EpochTopic,
    /// The seed of the admission signing key of an epoch, from the key of its last step.
    EpochAdmission,
    /// The key of signals (typing, presence) of a step.
    EpochSignal,
    /// The key that seals the first keys of earlier epochs, from an epoch's own first key.
    EpochPrevious,
    /// The key that seals an epoch's settings, from the key of its last step.
    EpochSettings,
    /// The digest of the records of a room's epochs.
    EpochsDigest,
    /// The digest of a room's heads.
    HeadsDigest,
    /// The key of a device's key table on disk.
    StoreKey,
    /// The safety number of two users: every round of its hash.
    SafetyNumber,
    /// Its digits.
    SafetyDigits,
    /// Its words.
    SafetyWords,
    /// The key that a passphrase opens a profile's secret with, from the stretched passphrase.
    PassphraseLock,
    /// The key that wraps a vault's key under the password.
    VaultPassword,
    /// The key that wraps a vault's key under the recovery key.
    VaultRecovery,
    /// What an archive keeps of a one-time token.
    AccessToken,
    /// What shows one archive that a device has a token.
    TokenProof,
    /// The name of an archive's account key.
    AccountKeyId,
    /// The pre-shared key of linking a device, from the stretched code.
    LinkPsk,
    /// What says which offer is meant, from the stretched code.
    LinkLocator,
    /// The key that seals what one person's devices tell each other.
    OwnDevices,
    /// The device's part in its random numbers, from a signature.
    HedgeDevice,
    /// What a generator of random numbers begins a turn with.
    HedgeTurn,
    /// Random bytes for one use, with what they are for.
    HedgeUse,
    /// Where a code's door is found, from the stretched code.
    CodeLocator,
    /// The seed of a code's signing key, its door, from the stretched code.
    CodeDoor,
    /// A code's X25519 secret, its lock, from the stretched code.
    CodeLock,
    /// The seed of the key that ties a person's devices together in one room.
    OwnDoor,
}

impl Purpose {
    const fn context(self) -> &'static str {
        match self {
            Self::Entry => "parlor/v1/entry",
            Self::Room => "parlor/v1/room",
            Self::EpochId => "parlor/v1/epoch id",
            Self::EpochCommit => "parlor/v1/epoch commit",
            Self::EpochStep => "parlor/v1/epoch step",
            Self::EpochChange => "parlor/v1/epoch change",
            Self::EpochRoomSecret => "parlor/v1/epoch room secret",
            Self::EpochPsk => "parlor/v1/epoch psk",
            Self::EpochInner => "parlor/v1/epoch inner key",
            Self::EpochTopic => "parlor/v1/epoch topic",
            Self::EpochAdmission => "parlor/v1/epoch admission",
            Self::EpochSignal => "parlor/v1/epoch signal",
            Self::EpochPrevious => "parlor/v1/epoch previous key",
            Self::EpochSettings => "parlor/v1/epoch settings",
            Self::EpochsDigest => "parlor/v1/epochs digest",
            Self::HeadsDigest => "parlor/v1/heads digest",
            Self::StoreKey => "parlor/v1/store key",
            Self::SafetyNumber => "parlor/v1/safety number",
            Self::SafetyDigits => "parlor/v1/safety digits",
            Self::SafetyWords => "parlor/v1/safety words",
            Self::PassphraseLock => "parlor/v1/passphrase lock",
            Self::VaultPassword => "parlor/v1/vault password key",
            Self::VaultRecovery => "parlor/v1/vault recovery key",
            Self::AccessToken => "parlor/v1/access token",
            Self::TokenProof => "parlor/v1/token proof",
            Self::AccountKeyId => "parlor/v1/account key id",
            Self::LinkPsk => "parlor/v1/link psk",
            Self::LinkLocator => "parlor/v1/link locator",
            Self::OwnDevices => "parlor/v1/own devices",
            Self::HedgeDevice => "parlor/v1/hedge device",
            Self::HedgeTurn => "parlor/v1/hedge turn",
            Self::HedgeUse => "parlor/v1/hedge use",
            Self::CodeLocator => "parlor/v1/code locator",
            Self::CodeDoor => "parlor/v1/code door",
            Self::CodeLock => "parlor/v1/code lock",
            Self::OwnDoor => "parlor/v1/own door",
        }
    }

    /// A hasher for this purpose; feed it parts of fixed layout.
    pub(crate) fn hasher(self) -> blake3::Hasher {
        blake3::Hasher::new_derive_key(self.context())
    }

    /// Derives 32 public bytes.
    pub(crate) fn hash(self, material: &[u8]) -> [u8; 32] {
        blake3::derive_key(self.context(), material)
    }

    /// Derives a secret of 32 bytes.
    pub(crate) fn secret(self, material: &[u8]) -> Zeroizing<[u8; 32]> {
        let mut hasher = self.hasher();
        hasher.update(material);
        let mut hash = hasher.finalize();
        let secret = Zeroizing::new(*hash.as_bytes());
        // blake3 wipes nothing by itself.
        hasher.zeroize();
        hash.zeroize();
        secret
    }
}

/// What a signature is over. Each label ends with a zero byte and none is a prefix of another;
/// all differ from what libp2p signs with the same device key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Label {
    /// An entry id.
    Entry,
    /// A device card, by user and device.
    Card,
    /// A prekey, by its device.
    Prekey,
    /// Coming in with an epoch's key, by the epoch's admission key.
    Admission,
    /// A signal, by its device.
    Signal,
    /// Nothing that is ever sent: the device's part in its random numbers.
    Hedge,
    /// A door that was made, by its code.
    Door,
    /// Coming in, by the key that ties a person's devices together.
    InOwn,
    /// Coming in, by a code.
    InByCode,
    /// Going out, by the key that ties a person's devices together.
    Out,
    /// A look for a door, by its code.
    Look,
    /// A wrapped key, by the member who wrapped it.
    Wrap,
}

impl Label {
    pub(crate) const fn bytes(self) -> &'static [u8] {
        match self {
            Self::Entry => b"parlor/v1 signature: entry\0",
            Self::Card => b"parlor/v1 signature: card\0",
            Self::Prekey => b"parlor/v1 signature: prekey\0",
            Self::Admission => b"parlor/v1 signature: admission\0",
            Self::Signal => b"parlor/v1 signature: signal\0",
            Self::Hedge => b"parlor/v1 signature: hedge\0",
            Self::Door => b"parlor/v1 signature: door\0",
            Self::InOwn => b"parlor/v1 signature: in by own\0",
            Self::InByCode => b"parlor/v1 signature: in by code\0",
            Self::Out => b"parlor/v1 signature: out\0",
            Self::Look => b"parlor/v1 signature: look\0",
            Self::Wrap => b"parlor/v1 signature: wrap\0",
        }
    }
}

/// The key of a device's key table on disk, from the secret that guards the profile.
#[must_use]
pub fn store_key(guard: &[u8; 32]) -> Zeroizing<[u8; 32]> {
    Purpose::StoreKey.secret(guard)
}

#[cfg(test)]
mod tests;
