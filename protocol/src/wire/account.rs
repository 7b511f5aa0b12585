//! Requests and answers about accounts, each a kind of its own. What they mean is in `account/wire.rs`.

use crate::{
    account::{AccountAnswer, AccountRefusal, AccountRequest, VaultRecord},
    codec,
    error::CodecError,
};

use super::{
    AnswerKind, RequestKind,
    frame::{self, Body},
};

pub(super) fn encode_request(ask: &AccountRequest) -> Result<Vec<u8>, CodecError> {
    use {AccountRequest as Ask, RequestKind as Kind};
    match ask {
        Ask::Status => frame::wrap(Kind::Status, Ok),
        Ask::StartRegister { name, token, message } => frame::encode(Kind::StartRegister, &(name, token, message)),
        Ask::FinishRegister { name, token, record, vault, device } => {
            frame::encode(Kind::FinishRegister, &(name, token, record, vault, device))
        }
        Ask::StartLogIn { name, message } => frame::encode(Kind::StartLogIn, &(name, message)),
        Ask::FinishLogIn { proof, device } => frame::encode(Kind::FinishLogIn, &(proof, device)),
        Ask::LogOut => frame::wrap(Kind::LogOut, Ok),
        Ask::StartChange { message } => frame::encode(Kind::StartChange, message),
        Ask::FinishChange { record, by_password } => frame::encode(Kind::FinishChange, &(record, by_password)),
        Ask::StartReset { name, token, message } => frame::encode(Kind::StartReset, &(name, token, message)),
        Ask::FinishReset { name, token, record } => frame::encode(Kind::FinishReset, &(name, token, record)),
        Ask::Vault => frame::wrap(Kind::Vault, Ok),
        Ask::PutVault { expected, sealed } => frame::encode(Kind::PutVault, &(expected, sealed)),
        Ask::PutVaultAndKeys { expected, vault } => frame::encode(Kind::PutVaultAndKeys, &(expected, vault)),
        Ask::Devices => frame::wrap(Kind::Devices, Ok),
        Ask::RenameDevice { device, name } => frame::encode(Kind::RenameDevice, &(device, name)),
        Ask::RevokeDevice { device } => frame::encode(Kind::RevokeDevice, device),
        Ask::Delete => frame::wrap(Kind::Delete, Ok),
    }
}

pub(super) fn decode_request(kind: RequestKind, body: Body<'_>) -> Result<AccountRequest, CodecError> {
    use {AccountRequest as Ask, RequestKind as Kind};
    let ask = match kind {
        Kind::Status => body.empty().map(|()| Ask::Status)?,
        Kind::StartRegister => {
            let (name, token, message) = body.read()?;
            Ask::StartRegister { name, token, message }
        }
        Kind::FinishRegister => {
            let (name, token, record, vault, device) = body.read()?;
            Ask::FinishRegister { name, token, record, vault, device }
        }
        Kind::StartLogIn => {
            let (name, message) = body.read()?;
            Ask::StartLogIn { name, message }
        }
        Kind::FinishLogIn => {
            let (proof, device) = body.read()?;
            Ask::FinishLogIn { proof, device }
        }
        Kind::LogOut => body.empty().map(|()| Ask::LogOut)?,
        Kind::StartChange => Ask::StartChange { message: body.read()? },
        Kind::FinishChange => {
            let (record, by_password) = body.read()?;
            Ask::FinishChange { record, by_password }
        }
        Kind::StartReset => {
            let (name, token, message) = body.read()?;
            Ask::StartReset { name, token, message }
        }
        Kind::FinishReset => {
            let (name, token, record) = body.read()?;
            Ask::FinishReset { name, token, record }
        }
        Kind::Vault => body.empty().map(|()| Ask::Vault)?,
        Kind::PutVault => {
            let (expected, sealed) = body.read()?;
            Ask::PutVault { expected, sealed }
        }
        Kind::PutVaultAndKeys => {
            let (expected, vault) = body.read()?;
            Ask::PutVaultAndKeys { expected, vault }
        }
        Kind::Devices => body.empty().map(|()| Ask::Devices)?,
        Kind::RenameDevice => {
            let (device, name) = body.read()?;
            Ask::RenameDevice { device, name }
        }
        Kind::RevokeDevice => Ask::RevokeDevice { device: body.read()? },
        Kind::Delete => body.empty().map(|()| Ask::Delete)?,
        other => return Err(CodecError::UnknownKind(other.number())),
    };
    ask.check().map(|()| ask)
}

pub(super) fn encode_answer(answer: &AccountAnswer) -> Result<Vec<u8>, CodecError> {
    use {AccountAnswer as Is, AnswerKind as Kind};
    match answer {
        Is::Refused(refusal) => frame::wrap(Kind::AccountRefused, |bytes| append_refusal(*refusal, bytes)),
        Is::Done => frame::wrap(Kind::AccountDone, Ok),
        Is::Status(status) => frame::encode(Kind::AccountStatus, status),
        Is::Registering(response) => frame::encode(Kind::Registering, response),
        Is::LoggingIn(response) => frame::encode(Kind::LoggingIn, response),
        Is::LoggedIn(vault) => frame::encode(Kind::LoggedIn, vault),
        Is::Vault(vault) => frame::encode(Kind::Vault, vault),
        Is::VaultChanged(vault) => frame::encode(Kind::VaultChanged, vault),
        Is::Devices(devices) => frame::encode(Kind::AccountDevices, devices),
    }
}

pub(super) fn decode_answer(kind: AnswerKind, body: Body<'_>) -> Result<AccountAnswer, CodecError> {
    use {AccountAnswer as Is, AnswerKind as Kind};
    let answer = match kind {
        Kind::AccountRefused => Is::Refused(read_refusal(body)?),
        Kind::AccountDone => body.empty().map(|()| Is::Done)?,
        Kind::AccountStatus => Is::Status(body.read()?),
        Kind::Registering => Is::Registering(body.read()?),
        Kind::LoggingIn => Is::LoggingIn(body.read()?),
        Kind::LoggedIn => Is::LoggedIn(body.read::<VaultRecord>()?),
        Kind::Vault => Is::Vault(body.read::<VaultRecord>()?),
        Kind::VaultChanged => Is::VaultChanged(body.read::<VaultRecord>()?),
        Kind::AccountDevices => Is::Devices(body.read()?),
        other => return Err(CodecError::UnknownKind(other.number())),
    };
    answer.check().map(|()| answer)
}

fn append_refusal(refusal: AccountRefusal, bytes: Vec<u8>) -> Result<Vec<u8>, CodecError> {
    let reason = |number: u16| Ok([bytes.as_slice(), &number.to_le_bytes()].concat());
    match refusal {
        AccountRefusal::WrongLogIn => reason(1),
        AccountRefusal::NotSignedIn => reason(2),
        AccountRefusal::LogInAgain => reason(3),
        AccountRefusal::NameTaken => reason(4),
        AccountRefusal::Closed => reason(5),
        AccountRefusal::Token => reason(6),
        AccountRefusal::Wait { ms } => codec::append(reason(7)?, &ms),
        AccountRefusal::Disabled => reason(8),
        AccountRefusal::TooManyDevices => reason(9),
        AccountRefusal::Full => reason(10),
        AccountRefusal::Unavailable => reason(11),
        AccountRefusal::Unfit => reason(12),
        AccountRefusal::Other { reason: number } => reason(number),
    }
}

fn read_refusal(body: Body<'_>) -> Result<AccountRefusal, CodecError> {
    let (reason, rest) = body.split_number()?;
    let known = match reason {
        1 => AccountRefusal::WrongLogIn,
        2 => AccountRefusal::NotSignedIn,
        3 => AccountRefusal::LogInAgain,
        4 => AccountRefusal::NameTaken,
        5 => AccountRefusal::Closed,
        6 => AccountRefusal::Token,
        7 => return Ok(AccountRefusal::Wait { ms: rest.read()? }),
        8 => AccountRefusal::Disabled,
        9 => AccountRefusal::TooManyDevices,
        10 => AccountRefusal::Full,
        11 => AccountRefusal::Unavailable,
        12 => AccountRefusal::Unfit,
        reason => return Ok(AccountRefusal::Other { reason }),
    };
    rest.empty().map(|()| known)
}
