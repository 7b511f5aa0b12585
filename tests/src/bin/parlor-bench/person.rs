//! A person with an account at an archive and a machine of their own, step by step, so that rows can
//! leave out what is slow on purpose.

use parlor_protocol::{
    Name,
    account::{
        AccountAnswer, AccountRequest, Binding, LogInResponse, LoggingIn, Password, Proven, RecoveryKey,
        RegisterUpload, Registering, UserName, VaultKey, VaultRecord,
    },
    keys::{DeviceKey, Secret},
    wire::{Answer, Request},
};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;

use crate::machine::Machine;

const PASSWORD: &str = "correct horse battery";
/// Bytes of what is in a vault: a few rooms.
const VAULT_LEN: usize = 3_000;

/// One person.
pub struct Person {
    machine: Machine,
    name: UserName,
    password: Password,
    device: Name,
    rng: ChaCha20Rng,
    /// What the archive was given for the account.
    made: Option<(RegisterUpload, VaultRecord)>,
}

/// A login between its two steps.
pub struct Begun {
    state: LoggingIn,
    answer: LogInResponse,
    seed: Secret,
}

impl Begun {
    /// Stretches the password, which takes long on purpose.
    pub async fn stretch(self) -> anyhow::Result<Proven> {
        let Self { state, answer, seed } = self;
        Ok(tokio::task::spawn_blocking(move || state.finish(&answer, &seed)).await??)
    }
}

impl Person {
    /// Somebody without an account. Seeds are different people.
    pub async fn new(seed: u64, address: &str) -> anyhow::Result<Self> {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let machine = Machine::connect(&DeviceKey::random(&mut rng), address).await?;
        let name = UserName::new(&format!("person{seed}"))?;
        Ok(Self { machine, name, password: Password::new(PASSWORD)?, device: Name::new("desk")?, rng, made: None })
    }

    async fn ask(&mut self, request: AccountRequest) -> anyhow::Result<AccountAnswer> {
        match self.machine.insist(&Request::Account(request)).await? {
            Answer::Account(answer) => Ok(answer),
            other => anyhow::bail!("no answer about accounts: {other:?}"),
        }
    }

    async fn ask_done(&mut self, request: AccountRequest) -> anyhow::Result<()> {
        let answer = self.ask(request).await?;
        anyhow::ensure!(answer == AccountAnswer::Done, "not done: {answer:?}");
        Ok(())
    }

    /// Makes the account, and signs out again.
    pub async fn register(&mut self) -> anyhow::Result<()> {
        self.register_with(VAULT_LEN).await
    }

    /// The same with a vault of so many bytes.
    pub async fn register_with(&mut self, len: usize) -> anyhow::Result<()> {
        let (state, message) = Registering::start(self.name.clone(), self.password.clone(), &mut self.rng)?;
        let start = AccountRequest::StartRegister { name: self.name.clone(), token: None, message };
        let AccountAnswer::Registering(answer) = self.ask(start).await? else { anyhow::bail!("not let in") };
        let seed = Secret::random(&mut self.rng);
        let set = tokio::task::spawn_blocking(move || state.finish(&answer, &seed)).await??;
        let (key, recovery) = (VaultKey::random(&mut self.rng), RecoveryKey::random(&mut self.rng));
        let vault = VaultRecord {
            version: 1,
            sealed: key.seal(&self.name, 1, &recovery.lock(), &vec![7; len], &mut self.rng)?,
            by_password: Some(key.wrap(&self.name, &set.export, &mut self.rng)?),
            by_recovery: key.wrap_for_recovery(&self.name, &recovery.lock(), &mut self.rng)?,
        };
        self.made = Some((set.record, vault));
        let name = self.name.clone();
        self.register_as(&name).await?;
        self.log_out().await
    }

    /// Makes another account of what the own one was made of. Nobody can sign in to it, which an archive
    /// does not see: for rows that need many names.
    pub async fn register_as(&mut self, name: &UserName) -> anyhow::Result<()> {
        let (record, vault) = self.made.clone().ok_or_else(|| anyhow::anyhow!("no account was made"))?;
        let (name, device) = (name.clone(), self.device.clone());
        self.ask_done(AccountRequest::FinishRegister { name, token: None, record, vault, device }).await
    }

    /// The first step of signing in, with the name of anybody and a password that is theirs or not.
    pub async fn begin_as(&mut self, name: &UserName, password: &Password) -> anyhow::Result<Begun> {
        let binding = Binding { device: self.machine.device(), archive: self.machine.archive() };
        let (state, message) = LoggingIn::start(name.clone(), password.clone(), binding, &mut self.rng)?;
        let seed = Secret::random(&mut self.rng);
        match self.ask(AccountRequest::StartLogIn { name: name.clone(), message }).await? {
            AccountAnswer::LoggingIn(answer) => Ok(Begun { state, answer, seed }),
            other => anyhow::bail!("no login begins: {other:?}"),
        }
    }

    /// The first step of signing in.
    pub async fn begin(&mut self) -> anyhow::Result<Begun> {
        let (name, password) = (self.name.clone(), self.password.clone());
        self.begin_as(&name, &password).await
    }

    /// The last step, until what is in the vault can be read.
    pub async fn finish(&mut self, proven: Proven) -> anyhow::Result<()> {
        let Proven { proof, export } = proven;
        match self.ask(AccountRequest::FinishLogIn { proof, device: self.device.clone() }).await? {
            AccountAnswer::LoggedIn(VaultRecord { version, sealed, by_password: Some(wrapped), .. }) => {
                let key = VaultKey::unwrap(&self.name, &export, &wrapped)?;
                anyhow::ensure!(key.open(&self.name, version, &sealed)?.contents.len() == VAULT_LEN, "another vault");
                Ok(())
            }
            other => anyhow::bail!("not signed in: {other:?}"),
        }
    }

    /// Signs out.
    pub async fn log_out(&mut self) -> anyhow::Result<()> {
        self.ask_done(AccountRequest::LogOut).await
    }
}
