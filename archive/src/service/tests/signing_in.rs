//! What questions about accounts cost.

use super::*;
use crate::{accounts::SignUp, fixture::rng};
use parlor_protocol::{
    Name,
    account::{
        AccountAnswer, AccountRefusal, AccountRequest, RecoveryKey, RegisterUpload, SealedVault, Server, UserName,
        VaultKey, VaultRecord,
    },
    limits::VAULT_MAX,
    rate::Rate,
};

async fn stage(folder: &TempDir, limits: Limits) -> Stage {
    let store = embedded(folder);
    let archive = DeviceId::from_bytes([200; 32]);
    let desk = Desk::new(Arc::clone(&store), Server::random(&mut rng(1)), archive, SignUp::Open, rng(2));
    Stage::with_desk(store, limits, Some(desk)).await
}

fn largest() -> SealedVault {
    SealedVault::from_bytes(vec![7; VAULT_MAX]).unwrap()
}

fn new_account(number: u32) -> Request {
    let name = UserName::new(&format!("madeup{number}")).unwrap();
    let key = RecoveryKey::random(&mut rng(8));
    let wrapped = VaultKey::random(&mut rng(7)).wrap_for_recovery(&name, &key, &mut rng(9)).unwrap();
    let vault = VaultRecord { version: 1, sealed: largest(), by_password: Some(wrapped.clone()), by_recovery: wrapped };
    let record = RegisterUpload::try_from([4; 192].as_slice()).unwrap();
    let device = Name::new("desk").unwrap();
    Request::Account(AccountRequest::FinishRegister { name, token: None, record, vault, device })
}

fn is_busy(answer: &Answer) -> bool {
    matches!(answer, Answer::Refused(Refusal::Busy { retry_ms: 1.. }))
}

#[tokio::test]
async fn vaults_are_paid_for_by_the_byte() {
    let folder = tempfile::tempdir().unwrap();
    let mut limits = Limits::default();
    limits.rates.bytes = Rate::per_second(1, 3 * VAULT_MAX as u64);
    let mut stage = stage(&folder, limits).await;
    let from = DeviceId::from_bytes([1; 32]);
    let put = Request::Account(AccountRequest::PutVault { expected: 1, sealed: largest() });
    let mut answers = Vec::new();
    for _ in 0..6 {
        answers.push(stage.ask(from, &put).await);
    }
    let not_signed_in = Answer::Account(AccountAnswer::Refused(AccountRefusal::NotSignedIn));
    assert!(answers[..3].iter().all(|answer| *answer == not_signed_in), "{answers:?}");
    assert!(is_busy(&answers[5]), "{answers:?}");
    // Others are served.
    assert_eq!(stage.ask(DeviceId::from_bytes([2; 32]), &put).await, not_signed_in);
    stage.shut_down().await;
}

#[tokio::test]
async fn a_machine_makes_only_so_many_accounts_however_it_begins() {
    let folder = tempfile::tempdir().unwrap();
    let mut limits = Limits::default();
    limits.rates.look_ups = Rate::one_every(2_000, 5);
    let mut stage = stage(&folder, limits).await;
    let from = DeviceId::from_bytes([1; 32]);
    let mut made = 0;
    for number in 0..20 {
        let answer = stage.ask(from, &new_account(number)).await;
        assert!(is_busy(&answer) || answer == Answer::Account(AccountAnswer::Done), "{answer:?}");
        made += u32::from(!is_busy(&answer));
    }
    // Five at once; on a slow machine one more for each two seconds.
    assert!((5..12).contains(&made), "{made}");
    stage.shut_down().await;
}

#[tokio::test]
async fn one_machine_does_not_take_all_places_at_the_desk() {
    let folder = tempfile::tempdir().unwrap();
    let mut stage = stage(&folder, Limits::default()).await;
    let from = DeviceId::from_bytes([1; 32]);
    let status = Request::Account(AccountRequest::Status).encode().unwrap();
    let mut asked = Vec::new();
    for _ in 0..200 {
        asked.push(stage.send_raw(from, status.clone()).await);
    }
    // It is answered all, some with a request to come again; somebody else is answered at once.
    let other = stage.ask_raw(DeviceId::from_bytes([2; 32]), status).await;
    assert_eq!(other, Answer::Account(AccountAnswer::Status(None)));
    for id in asked {
        stage.answer(id).await;
    }
    stage.shut_down().await;
}
