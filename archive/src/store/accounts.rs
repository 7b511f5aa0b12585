//! What an archive keeps of accounts, in the words of its domain. Both stores keep it.
//!
//! An account is one row, with its vault and its devices in it, so that every change is whole: a row
//! is replaced only when nobody else replaced it meanwhile.

use async_trait::async_trait;
use parlor_protocol::{
    DeviceId,
    account::{RegisterUpload, SignedInDevice, TOKEN_MARK_LEN, UserName, VaultRecord},
};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt::Debug};

use super::StoreError;

/// An account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountRow {
    /// Its name.
    pub name: UserName,
    /// The password's record.
    pub record: RegisterUpload,
    /// Which vault belongs to it. The vault itself lies beside it, so that whoever signs in is answered as
    /// fast whatever is in it.
    pub vault: VaultNote,
    /// The devices that are signed in.
    pub devices: Vec<SignedInDevice>,
    /// Closed by the archive's operator.
    pub disabled: bool,
    /// What lets somebody set a new password once.
    pub reset: Option<Pass>,
    /// When it was made, in milliseconds since 1970.
    pub created: u64,
    /// Counts changes of the row; the store's own.
    pub revision: u64,
}

impl AccountRow {
    /// Whether a device is signed in.
    #[must_use]
    pub fn has(&self, device: DeviceId) -> bool {
        self.devices.iter().any(|known| known.device == device)
    }
}

/// A vault, without what is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VaultNote {
    /// Its version.
    pub version: u64,
    /// How many bytes its contents take, sealed.
    pub len: u64,
}

impl VaultNote {
    /// The note of a vault.
    #[must_use]
    pub fn of(vault: &VaultRecord) -> Self {
        Self { version: vault.version, len: vault.sealed.as_bytes().len() as u64 }
    }
}

/// A one-time token that was given out: its hash, and until when it works.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pass {
    /// Hash of the token.
    pub hash: [u8; 32],
    /// Until when, in milliseconds since 1970.
    pub expires: u64,
    /// The only name that it registers; any when absent.
    pub name: Option<UserName>,
}

/// The hashes that begin with a mark: from the first to the last of them.
pub(super) fn range_of(mark: [u8; TOKEN_MARK_LEN]) -> ([u8; 32], [u8; 32]) {
    let begin = |rest: u8| {
        let mut hash = [rest; 32];
        hash.iter_mut().zip(mark).for_each(|(to, from)| *to = from);
        hash
    };
    (begin(0), begin(u8::MAX))
}

/// What became of a new account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Added {
    /// It is there.
    Stored,
    /// Somebody has the name, or one that looks like it.
    NameTaken,
    /// The token was used already.
    PassUsed,
}

/// Whose tries are counted, under a keyed hash. Made-up names fill the store with nothing that lasts: what
/// is forgiven is forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TryPlace(pub u64);

/// How often somebody tried, and when last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Tries {
    /// How often.
    pub count: u32,
    /// When last, in milliseconds since 1970.
    pub last: u64,
    /// When all of it is forgiven, in milliseconds since 1970.
    pub until: u64,
}

/// What an archive keeps of accounts. All writes are durable when they return.
#[async_trait]
pub trait AccountStore: Send + Sync + Debug {
    /// The account with a name.
    async fn account(&self, name: &UserName) -> Result<Option<AccountRow>, StoreError>;

    /// The same with as much work where there is none: for whoever may not learn by time whether there is.
    async fn account_evenly(&self, name: &UserName) -> Result<Option<AccountRow>, StoreError>;

    /// The account that a device is signed in to.
    async fn account_of(&self, device: DeviceId) -> Result<Option<AccountRow>, StoreError>;

    /// The vault of an account, which is the one that its row names.
    async fn vault(&self, name: &UserName) -> Result<Option<VaultRecord>, StoreError>;

    /// All accounts, by name.
    async fn accounts(&self) -> Result<Vec<AccountRow>, StoreError>;

    /// How many accounts there are, at least about.
    async fn account_count(&self) -> Result<u64, StoreError>;

    /// Makes an account with its vault; with a token, if one is needed, which is used up by the same write.
    async fn add_account(
        &self,
        row: AccountRow,
        vault: VaultRecord,
        pass: Option<[u8; 32]>,
    ) -> Result<Added, StoreError>;

    /// Replaces an account's row, and its vault where one comes along, together; false when it has another
    /// revision by now, or is gone. The row names the vault that it has afterwards.
    async fn change_account(&self, row: AccountRow, vault: Option<VaultRecord>) -> Result<bool, StoreError>;

    /// Notes when a device that is signed in was last seen, in milliseconds since 1970; the same time
    /// again costs no write. It goes when the device is signed out.
    async fn note_seen(&self, device: DeviceId, at: u64) -> Result<(), StoreError>;

    /// When the devices of an account were last seen, as far as that is known.
    async fn seen(&self, row: &AccountRow) -> Result<BTreeMap<DeviceId, u64>, StoreError>;

    /// Deletes an account; false when there is none.
    async fn remove_account(&self, name: &UserName) -> Result<bool, StoreError>;

    /// Notes a token that was given out. Those past `now` are forgotten.
    async fn put_pass(&self, pass: Pass, now: u64) -> Result<(), StoreError>;

    /// Tokens that were given out and not used, whose hashes begin like this: one, or by a rare chance more.
    async fn passes(&self, mark: [u8; TOKEN_MARK_LEN]) -> Result<Vec<Pass>, StoreError>;

    /// How often somebody tried.
    async fn tries(&self, place: TryPlace) -> Result<Tries, StoreError>;

    /// Notes tries; false when they are not `before` any more.
    async fn note_tries(&self, place: TryPlace, before: Tries, after: Tries) -> Result<bool, StoreError>;

    /// Forgets tries that are all forgiven by `now`.
    async fn forget_tries(&self, now: u64) -> Result<(), StoreError>;

    /// Names the account key that the accounts work with. The first one stays; it is returned.
    async fn claim_account_key(&self, id: [u8; 32]) -> Result<[u8; 32], StoreError>;
}
