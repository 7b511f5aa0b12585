//! OPAQUE as Parlor uses it: ristretto255, SHA-512, 3DH, and Argon2id for stretching (RFC 9807).
//!
//! The password's record is filed under the user name. A login is bound to the device that connects
//! and to the archive's device: its messages are of no use on another connection. The functions are
//! generic over the stretching alone, so that the published vectors, which do not stretch, run
//! against this very wiring.

use opaque_ke::{
    CipherSuite, ClientLogin, ClientLoginFinishParameters, ClientRegistration, ClientRegistrationFinishParameters,
    CredentialFinalization, CredentialRequest, CredentialResponse, Identifiers, RegistrationRequest,
    RegistrationResponse, RegistrationUpload, Ristretto255, ServerLogin, ServerLoginParameters, ServerRegistration,
    ServerSetup, TripleDh,
    errors::{InternalError, ProtocolError},
    generic_array::{ArrayLength, GenericArray},
    ksf::Ksf,
    rand,
};
use rand_chacha::ChaCha20Rng;
use rand_core::{CryptoRng, SeedableRng as _};
use std::{fmt, marker::PhantomData, sync::Mutex};
use zeroize::{Zeroize, Zeroizing};

use super::{
    LogInProof, LogInRequest, LogInResponse, Password, RegisterRequest, RegisterResponse, RegisterUpload, UserName,
};
use crate::{
    derive::Purpose,
    error::LogInError,
    ids::DeviceId,
    keys::Secret,
    stretch::{Stretch, Stretched},
};

/// What is stretched is the output of a keyed function that differs for every user and archive, so
/// one salt serves all.
const STRETCH_SALT: &[u8] = b"parlor/v1 password";
const CONTEXT_LABEL: &[u8] = b"parlor/v1 log in\0";

/// The stretching that passwords get: a quarter of a second and 64 MiB, on purpose.
#[derive(Debug, Default)]
struct Stretching(Mutex<Place>);

/// Where it is done.
#[derive(Debug, Default)]
enum Place {
    /// Here.
    #[default]
    Here,
    /// Elsewhere: this only says what has to be stretched, and refuses to go on.
    Asked(Option<Stretch>),
    /// It was done elsewhere.
    Done(Stretched),
}

impl Stretching {
    const fn at(place: Place) -> Self {
        Self(Mutex::new(place))
    }
}

impl Ksf for Stretching {
    fn hash<L: ArrayLength<u8>>(&self, input: GenericArray<u8, L>) -> Result<GenericArray<u8, L>, InternalError> {
        let input = Zeroizing::new(input.to_vec());
        let work = Stretch::new(&input, STRETCH_SALT).giving(L::U32);
        let mut place = self.0.lock().map_err(|_| InternalError::KsfError)?;
        let stretched = match &mut *place {
            Place::Here => work.run().map_err(|_| InternalError::KsfError)?,
            Place::Asked(asked) => {
                *asked = Some(work);
                return Err(InternalError::KsfError);
            }
            Place::Done(stretched) => stretched.clone(),
        };
        GenericArray::from_exact_iter(stretched.expose().iter().copied()).ok_or(InternalError::KsfError)
    }
}

/// What has to be stretched for a step that stops there.
fn asked_for<T>(step: impl FnOnce(&Stretching) -> Result<T, LogInError>) -> Result<Stretch, LogInError> {
    let stretching = Stretching::at(Place::Asked(None));
    let stopped = step(&stretching).err();
    match stretching.0.into_inner() {
        Ok(Place::Asked(Some(work))) => Ok(work),
        _ => Err(stopped.unwrap_or(LogInError::Malformed)),
    }
}

/// Our choice of parts, but for the stretching.
struct Suite<K>(PhantomData<K>);

impl<K: Ksf + 'static> CipherSuite for Suite<K> {
    type OprfCs = Ristretto255;
    type KeyExchange = TripleDh<Ristretto255, sha2::Sha512>;
    type Ksf = K;
}

type Ours = Suite<Stretching>;

/// Our generators as the older interface that `opaque-ke` wants.
struct Legacy<'a>(&'a mut dyn CryptoRng);

impl rand::RngCore for Legacy<'_> {
    fn next_u32(&mut self) -> u32 {
        self.0.next_u32()
    }

    fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    fn fill_bytes(&mut self, out: &mut [u8]) {
        self.0.fill_bytes(out);
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), rand::Error> {
        self.0.fill_bytes(out);
        Ok(())
    }
}

impl rand::CryptoRng for Legacy<'_> {}

fn refused(error: ProtocolError) -> LogInError {
    match error {
        ProtocolError::InvalidLoginError => LogInError::Wrong,
        ProtocolError::LibraryError(InternalError::KsfError) => LogInError::NoMemory,
        _ => LogInError::Malformed,
    }
}

/// What both sides of a login must agree on besides the password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Binding {
    /// The device that signs in.
    pub device: DeviceId,
    /// The archive's device.
    pub archive: DeviceId,
}

impl Binding {
    fn context(&self) -> Vec<u8> {
        [CONTEXT_LABEL, self.device.as_bytes(), self.archive.as_bytes()].concat()
    }
}

fn identifiers(user: &[u8]) -> Identifiers<'_> {
    Identifiers { client: Some(user), server: None }
}

/// 64 bytes that only the password gives, together with the archive: they unwrap the vault's key.
#[derive(Clone)]
pub struct ExportKey(Zeroizing<[u8; 64]>);

impl ExportKey {
    fn take(output: &mut GenericArray<u8, impl ArrayLength<u8>>) -> Self {
        let mut bytes = Zeroizing::new([0; 64]);
        bytes.iter_mut().zip(output.iter()).for_each(|(to, from)| *to = *from);
        output.as_mut_slice().zeroize();
        Self(bytes)
    }

    pub(super) fn expose(&self) -> &[u8] {
        self.0.as_slice()
    }
}

impl fmt::Debug for ExportKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ExportKey(..)")
    }
}

/// Setting a password, between the first message and the last.
pub struct Registering {
    state: ClientRegistration<Ours>,
    password: Password,
    user: UserName,
}

/// A password that was set.
#[derive(Debug)]
pub struct Registered {
    /// For the archive to keep.
    pub record: RegisterUpload,
    /// To wrap the vault's key with.
    pub export: ExportKey,
}

impl Registering {
    /// Begins to set a password.
    ///
    /// # Errors
    /// None in practice.
    pub fn start(
        user: UserName,
        password: Password,
        rng: &mut dyn CryptoRng,
    ) -> Result<(Self, RegisterRequest), LogInError> {
        let (state, message) = client::start_registration(password.expose(), rng)?;
        Ok((Self { state, password, user }, message))
    }

    /// Finishes it. It takes a quarter of a second and 64 MiB: keep it off threads that must stay
    /// responsive. `seed` is 32 fresh random bytes.
    ///
    /// # Errors
    /// [`LogInError`] when the answer is none, or there is not enough memory.
    pub fn finish(self, answer: &RegisterResponse, seed: &Secret) -> Result<Registered, LogInError> {
        self.go_on(answer, seed, &Stretching::default())
    }

    /// The part of finishing that takes long, to be done elsewhere.
    ///
    /// # Errors
    /// [`LogInError`] when the answer is none.
    pub fn stretching(&self, answer: &RegisterResponse, seed: &Secret) -> Result<Stretch, LogInError> {
        asked_for(|stretching| self.go_on(answer, seed, stretching))
    }

    /// Finishes it with what came of that, the same answer and the same seed.
    ///
    /// # Errors
    /// [`LogInError`] when the answer is none.
    pub fn stretched(
        self,
        answer: &RegisterResponse,
        seed: &Secret,
        stretched: Stretched,
    ) -> Result<Registered, LogInError> {
        self.go_on(answer, seed, &Stretching::at(Place::Done(stretched)))
    }

    fn go_on(
        &self,
        answer: &RegisterResponse,
        seed: &Secret,
        stretching: &Stretching,
    ) -> Result<Registered, LogInError> {
        let mut rng = ChaCha20Rng::from_seed(*seed.expose());
        let user = identifiers(self.user.as_str().as_bytes());
        let (state, password) = (self.state.clone(), self.password.expose());
        client::finish_registration(state, password, answer, user, stretching, &mut rng)
    }
}

impl fmt::Debug for Registering {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Registering(..)")
    }
}

/// Signing in, between the first message and the last.
pub struct LoggingIn {
    state: ClientLogin<Ours>,
    password: Password,
    user: UserName,
    binding: Binding,
}

/// A login that the archive's answer showed to be right.
#[derive(Debug)]
pub struct Proven {
    /// For the archive.
    pub proof: LogInProof,
    /// To unwrap the vault's key with.
    pub export: ExportKey,
}

impl LoggingIn {
    /// Begins to sign in.
    ///
    /// # Errors
    /// None in practice.
    pub fn start(
        user: UserName,
        password: Password,
        binding: Binding,
        rng: &mut dyn CryptoRng,
    ) -> Result<(Self, LogInRequest), LogInError> {
        let (state, message) = client::start_login(password.expose(), rng)?;
        Ok((Self { state, password, user, binding }, message))
    }

    /// Finishes it. It takes a quarter of a second and 64 MiB: keep it off threads that must stay
    /// responsive. `seed` is 32 fresh random bytes.
    ///
    /// # Errors
    /// [`LogInError::Wrong`] when name or password is wrong, the archive does not have its account
    /// key, or the login was meant for another connection.
    pub fn finish(self, answer: &LogInResponse, seed: &Secret) -> Result<Proven, LogInError> {
        self.go_on(answer, seed, &Stretching::default())
    }

    /// The part of finishing that takes long, to be done elsewhere.
    ///
    /// # Errors
    /// [`LogInError`] when the answer is none.
    pub fn stretching(&self, answer: &LogInResponse, seed: &Secret) -> Result<Stretch, LogInError> {
        asked_for(|stretching| self.go_on(answer, seed, stretching))
    }

    /// Finishes it with what came of that, the same answer and the same seed.
    ///
    /// # Errors
    /// As [`LoggingIn::finish`].
    pub fn stretched(self, answer: &LogInResponse, seed: &Secret, stretched: Stretched) -> Result<Proven, LogInError> {
        self.go_on(answer, seed, &Stretching::at(Place::Done(stretched)))
    }

    fn go_on(&self, answer: &LogInResponse, seed: &Secret, stretching: &Stretching) -> Result<Proven, LogInError> {
        let mut rng = ChaCha20Rng::from_seed(*seed.expose());
        let (user, context) = (identifiers(self.user.as_str().as_bytes()), self.binding.context());
        let (state, password) = (self.state.clone(), self.password.expose());
        client::finish_login(state, password, answer, user, &context, stretching, &mut rng)
    }
}

impl fmt::Debug for LoggingIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LoggingIn(..)")
    }
}

/// The archive's side: its account key. It is kept apart from the accounts: who has both can try
/// passwords, who has one cannot.
pub struct Server(ServerSetup<Ours>);

/// An archive's answer to the first message of a login, and what it waits for.
pub struct Answered {
    /// The answer.
    pub message: LogInResponse,
    state: ServerLogin<Ours>,
    user: UserName,
    binding: Binding,
}

impl Server {
    /// Length of the key, in bytes.
    pub const KEY_LEN: usize = 128;

    /// A fresh key.
    pub fn random(rng: &mut dyn CryptoRng) -> Self {
        Self(ServerSetup::new(&mut Legacy(rng)))
    }

    /// The key, for a file of its own.
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(self.0.serialize().to_vec())
    }

    /// The key from its file.
    ///
    /// # Errors
    /// [`LogInError::Malformed`] when the bytes are no key.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, LogInError> {
        if bytes.len() != Self::KEY_LEN {
            return Err(LogInError::Malformed);
        }
        ServerSetup::deserialize(bytes).map(Self).map_err(refused)
    }

    /// Names the key without telling it: accounts of one key do not work with another.
    #[must_use]
    pub fn id(&self) -> [u8; 32] {
        Purpose::AccountKeyId.hash(&self.0.keypair().public().serialize())
    }

    /// Answers the first message of setting a password.
    ///
    /// # Errors
    /// [`LogInError::Malformed`] when it is none.
    pub fn register(&self, user: &UserName, message: &RegisterRequest) -> Result<RegisterResponse, LogInError> {
        server::register(&self.0, user.as_str().as_bytes(), message)
    }

    /// Answers the first message of a login. Without a record the answer looks like one for a
    /// record, takes as long, and fits no password.
    ///
    /// # Errors
    /// [`LogInError::Malformed`] when the message or the record is none.
    pub fn log_in(
        &self,
        user: &UserName,
        record: Option<&RegisterUpload>,
        message: &LogInRequest,
        binding: Binding,
        rng: &mut dyn CryptoRng,
    ) -> Result<Answered, LogInError> {
        let name = user.as_str().as_bytes();
        let (state, message) =
            server::start_login(&self.0, name, record, message, identifiers(name), &binding.context(), rng)?;
        Ok(Answered { message, state, user: user.clone(), binding })
    }
}

impl Answered {
    /// The user that is signing in.
    #[must_use]
    pub fn user(&self) -> &UserName {
        &self.user
    }

    /// Whether the last message shows that the password was right.
    #[must_use]
    pub fn accepts(self, proof: &LogInProof) -> bool {
        let user = identifiers(self.user.as_str().as_bytes());
        server::finish_login(self.state, proof, user, &self.binding.context()).is_ok()
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Server(..)")
    }
}

impl fmt::Debug for Answered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Answered(..)")
    }
}

/// The device's half.
mod client {
    use super::{
        ClientLogin, ClientLoginFinishParameters, ClientRegistration, ClientRegistrationFinishParameters,
        CredentialResponse, CryptoRng, ExportKey, Identifiers, Ksf, Legacy, LogInError, LogInProof, LogInRequest,
        LogInResponse, Proven, RegisterRequest, RegisterResponse, RegisterUpload, Registered, RegistrationResponse,
        Suite, refused,
    };

    pub(super) fn start_registration<K: Ksf + 'static>(
        password: &[u8],
        rng: &mut dyn CryptoRng,
    ) -> Result<(ClientRegistration<Suite<K>>, RegisterRequest), LogInError> {
        let started = ClientRegistration::<Suite<K>>::start(&mut Legacy(rng), password).map_err(refused)?;
        let message = RegisterRequest::try_from(started.message.serialize().as_slice());
        Ok((started.state, message.map_err(|_| LogInError::Malformed)?))
    }

    pub(super) fn finish_registration<K: Ksf + 'static>(
        state: ClientRegistration<Suite<K>>,
        password: &[u8],
        answer: &RegisterResponse,
        identifiers: Identifiers<'_>,
        stretching: &K,
        rng: &mut dyn CryptoRng,
    ) -> Result<Registered, LogInError> {
        let answer = RegistrationResponse::<Suite<K>>::deserialize(answer.as_bytes()).map_err(refused)?;
        let params = ClientRegistrationFinishParameters::new(identifiers, Some(stretching));
        let mut done = state.finish(&mut Legacy(rng), password, answer, params).map_err(refused)?;
        let record = RegisterUpload::try_from(done.message.serialize().as_slice());
        Ok(Registered {
            record: record.map_err(|_| LogInError::Malformed)?,
            export: ExportKey::take(&mut done.export_key),
        })
    }

    pub(super) fn start_login<K: Ksf + 'static>(
        password: &[u8],
        rng: &mut dyn CryptoRng,
    ) -> Result<(ClientLogin<Suite<K>>, LogInRequest), LogInError> {
        let started = ClientLogin::<Suite<K>>::start(&mut Legacy(rng), password).map_err(refused)?;
        let message = LogInRequest::try_from(started.message.serialize().as_slice());
        Ok((started.state, message.map_err(|_| LogInError::Malformed)?))
    }

    pub(super) fn finish_login<K: Ksf + 'static>(
        state: ClientLogin<Suite<K>>,
        password: &[u8],
        answer: &LogInResponse,
        identifiers: Identifiers<'_>,
        context: &[u8],
        stretching: &K,
        rng: &mut dyn CryptoRng,
    ) -> Result<Proven, LogInError> {
        let answer = CredentialResponse::<Suite<K>>::deserialize(answer.as_bytes()).map_err(refused)?;
        let params = ClientLoginFinishParameters::new(Some(context), identifiers, Some(stretching));
        let mut done = state.finish(&mut Legacy(rng), password, answer, params).map_err(refused)?;
        let proof = LogInProof::try_from(done.message.serialize().as_slice()).map_err(|_| LogInError::Malformed)?;
        Ok(Proven { proof, export: ExportKey::take(&mut done.export_key) })
    }
}

/// The archive's half.
mod server {
    use super::{
        CredentialFinalization, CredentialRequest, CryptoRng, Identifiers, Ksf, Legacy, LogInError, LogInProof,
        LogInRequest, LogInResponse, RegisterRequest, RegisterResponse, RegisterUpload, RegistrationRequest,
        RegistrationUpload, ServerLogin, ServerLoginParameters, ServerRegistration, ServerSetup, Suite, refused,
    };

    pub(super) fn register<K: Ksf + 'static>(
        setup: &ServerSetup<Suite<K>>,
        user: &[u8],
        message: &RegisterRequest,
    ) -> Result<RegisterResponse, LogInError> {
        let message = RegistrationRequest::<Suite<K>>::deserialize(message.as_bytes()).map_err(refused)?;
        let started = ServerRegistration::<Suite<K>>::start(setup, message, user).map_err(refused)?;
        RegisterResponse::try_from(started.message.serialize().as_slice()).map_err(|_| LogInError::Malformed)
    }

    pub(super) fn start_login<K: Ksf + 'static>(
        setup: &ServerSetup<Suite<K>>,
        user: &[u8],
        record: Option<&RegisterUpload>,
        message: &LogInRequest,
        identifiers: Identifiers<'_>,
        context: &[u8],
        rng: &mut dyn CryptoRng,
    ) -> Result<(ServerLogin<Suite<K>>, LogInResponse), LogInError> {
        let record = record.map(|record| RegistrationUpload::<Suite<K>>::deserialize(record.as_bytes()));
        let record = record.transpose().map_err(refused)?.map(ServerRegistration::finish);
        let message = CredentialRequest::<Suite<K>>::deserialize(message.as_bytes()).map_err(refused)?;
        let params = ServerLoginParameters { context: Some(context), identifiers };
        let started = ServerLogin::start(&mut Legacy(rng), setup, record, message, user, params).map_err(refused)?;
        let message = LogInResponse::try_from(started.message.serialize().as_slice());
        Ok((started.state, message.map_err(|_| LogInError::Malformed)?))
    }

    pub(super) fn finish_login<K: Ksf + 'static>(
        state: ServerLogin<Suite<K>>,
        proof: &LogInProof,
        identifiers: Identifiers<'_>,
        context: &[u8],
    ) -> Result<(), LogInError> {
        let proof = CredentialFinalization::<Suite<K>>::deserialize(proof.as_bytes()).map_err(refused)?;
        let params = ServerLoginParameters { context: Some(context), identifiers };
        state.finish(proof, params).map(drop).map_err(refused)
    }
}

#[cfg(test)]
mod tests;
