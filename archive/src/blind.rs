//! Names and addresses as keyed hashes: a store that is stolen tells neither, and a stranger cannot work out
//! which name or key has the same place as another one.
//!
//! The key follows from the account key, which all archives of one database share and which is kept apart
//! from the store.

use parlor_protocol::{
    DeviceId,
    account::{Server, UserName},
};
use zeroize::Zeroizing;

use crate::{
    source::Source,
    store::{Registrant, TryPlace},
};

const CONTEXT: &str = "parlor-archive v1 places of names, machines and addresses";

/// What is hashed.
#[derive(Clone, Copy)]
enum Kind {
    TriesOfName,
    TriesOfMachine,
    TriesOfOwn,
    RegistrantAccount,
    RegistrantAddress,
}

/// The key of the hashes.
#[derive(Clone)]
pub(crate) struct Blind(Zeroizing<[u8; 32]>);

impl std::fmt::Debug for Blind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Blind(..)")
    }
}

impl Blind {
    /// The key that follows from an account key.
    pub(crate) fn of(accounts: &Server) -> Self {
        Self(Zeroizing::new(blake3::derive_key(CONTEXT, &accounts.to_bytes())))
    }

    fn hash(&self, kind: Kind, id: &[u8]) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new_keyed(&self.0);
        hasher.update(&[kind as u8]).update(id);
        *hasher.finalize().as_bytes()
    }

    /// Where tries for a user name are counted, whether there is such an account or not.
    pub(crate) fn tries_of_name(&self, name: &UserName) -> TryPlace {
        self.place(Kind::TriesOfName, name.as_str().as_bytes())
    }

    /// Where tries by a machine are counted.
    pub(crate) fn tries_of_machine(&self, machine: DeviceId) -> TryPlace {
        self.place(Kind::TriesOfMachine, machine.as_bytes())
    }

    /// Where tries by a machine are counted that is signed in to the account it tries.
    pub(crate) fn tries_of_own(&self, machine: DeviceId) -> TryPlace {
        self.place(Kind::TriesOfOwn, machine.as_bytes())
    }

    fn place(&self, kind: Kind, id: &[u8]) -> TryPlace {
        TryPlace(self.hash(kind, id).first_chunk::<8>().map_or(0, |bytes| u64::from_be_bytes(*bytes)))
    }

    /// Who registers a room, where somebody signed in does.
    pub(crate) fn account(&self, name: &UserName) -> Registrant {
        self.registrant(Kind::RegistrantAccount, name.as_str().as_bytes())
    }

    /// The same for somebody of whom only the address is known.
    pub(crate) fn address(&self, source: Source) -> Registrant {
        self.registrant(Kind::RegistrantAddress, &source.bytes())
    }

    fn registrant(&self, kind: Kind, id: &[u8]) -> Registrant {
        Registrant(self.hash(kind, id).first_chunk::<16>().copied().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::fixture::rng;

    #[test]
    fn places_differ_with_the_key_the_kind_and_the_name_and_nothing_else() {
        let server = Server::random(&mut rng(1));
        let (one, same) = (Blind::of(&server), Blind::of(&server));
        let other = Blind::of(&Server::random(&mut rng(2)));
        let (anna, ben) = (UserName::new("anna").unwrap(), UserName::new("ben").unwrap());
        assert_eq!(one.tries_of_name(&anna), same.tries_of_name(&anna));
        assert_ne!(one.tries_of_name(&anna), one.tries_of_name(&ben));
        assert_ne!(one.tries_of_name(&anna), other.tries_of_name(&anna), "nobody else can work it out");
        assert_ne!(one.account(&anna), other.account(&anna));
        let machine = DeviceId::from_bytes([1; 32]);
        assert_eq!(one.tries_of_machine(machine), same.tries_of_machine(machine));
        assert_ne!(one.address(Source::Unknown), one.address(Source::V4([192, 0, 2, 1].into())));
        assert!(!format!("{one:?}").contains(char::is_numeric));
    }
}
