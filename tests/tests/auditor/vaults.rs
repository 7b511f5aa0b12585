//! An archive that plays with vaults, and machines that write at once, in the simulator.

use parlor_node::{AccountCommand, Command, CommandError, CommandResult, Reply};
use parlor_protocol::{
    DeviceId, Name, RoomId,
    account::{
        AccountAnswer, AccountRefusal, AccountRequest, Answered, Binding, Password, RegisterUpload, SeenDevice, Server,
        SignedInDevice, UserName, VaultRecord,
    },
    wire::{Answer, Refusal, Request},
};
use parlor_tests::sim::{Faults, Network, Stranger};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;
use std::{cell::RefCell, collections::BTreeMap, collections::BTreeSet, rc::Rc};

const ARCHIVE: DeviceId = DeviceId::from_bytes([0xBB; 32]);

/// An archive that keeps one account and no rooms, and does as the test says.
struct Keeper {
    server: Server,
    account: Option<(RegisterUpload, VaultRecord)>,
    devices: BTreeSet<DeviceId>,
    waiting: BTreeMap<DeviceId, Answered>,
    /// What is shown instead of the vault.
    shows: Option<VaultRecord>,
    /// Every vault that was ever there.
    seen: Vec<VaultRecord>,
    /// Last answers of registering, and lists of devices, that are lost on the way from now on.
    loses: u32,
    writes: u32,
}

impl Keeper {
    fn new() -> Self {
        Self {
            server: Server::random(&mut rng(1)),
            account: None,
            devices: BTreeSet::new(),
            waiting: BTreeMap::new(),
            shows: None,
            seen: Vec::new(),
            loses: 0,
            writes: 0,
        }
    }

    fn vault(&self) -> VaultRecord {
        self.shows.clone().unwrap_or_else(|| self.account.as_ref().unwrap().1.clone())
    }

    fn put(&mut self, vault: VaultRecord) {
        self.seen.push(vault.clone());
        self.writes += 1;
        self.shows = None;
        self.account.as_mut().unwrap().1 = vault;
    }

    fn carry_out(&mut self, from: DeviceId, request: AccountRequest) -> AccountAnswer {
        let refused = AccountAnswer::Refused;
        match request {
            AccountRequest::StartRegister { name, message, .. } => {
                AccountAnswer::Registering(self.server.register(&name, &message).unwrap())
            }
            AccountRequest::FinishRegister { record, vault, .. } => {
                if self.account.as_ref().is_some_and(|(held, _)| *held != record) {
                    return refused(AccountRefusal::NameTaken);
                }
                self.account = Some((record, vault.clone()));
                self.devices.insert(from);
                self.seen.push(vault);
                AccountAnswer::Done
            }
            AccountRequest::StartLogIn { name, message } => {
                let record = self.account.as_ref().map(|(record, _)| record);
                let binding = Binding { device: from, archive: ARCHIVE };
                let answered = self.server.log_in(&name, record, &message, binding, &mut rng(2)).unwrap();
                let message = answered.message.clone();
                self.waiting.insert(from, answered);
                AccountAnswer::LoggingIn(message)
            }
            AccountRequest::FinishLogIn { proof, .. } => {
                if self.waiting.remove(&from).is_some_and(|answered| answered.accepts(&proof)) {
                    self.devices.insert(from);
                    AccountAnswer::LoggedIn(self.vault())
                } else {
                    refused(AccountRefusal::WrongLogIn)
                }
            }
            _ if !self.devices.contains(&from) => refused(AccountRefusal::NotSignedIn),
            AccountRequest::Vault => AccountAnswer::Vault(self.vault()),
            AccountRequest::PutVault { expected, sealed } => {
                let held = self.vault();
                if held.version != expected {
                    return AccountAnswer::VaultChanged(held);
                }
                self.put(VaultRecord { version: expected + 1, sealed, ..held });
                AccountAnswer::Done
            }
            AccountRequest::StartChange { message } => {
                AccountAnswer::Registering(self.server.register(&user(), &message).unwrap())
            }
            AccountRequest::FinishChange { record, expected, vault } => {
                let held = self.vault();
                if held.version != expected && held != vault {
                    return AccountAnswer::VaultChanged(held);
                }
                self.put(vault);
                self.account.as_mut().unwrap().0 = record;
                self.devices.retain(|device| *device == from);
                AccountAnswer::Done
            }
            AccountRequest::Devices => {
                let known = |device: &DeviceId| SeenDevice {
                    device: SignedInDevice { device: *device, name: desk(), since: 0 },
                    last_seen: None,
                };
                AccountAnswer::Devices(self.devices.iter().map(known).collect())
            }
            AccountRequest::LogOut => {
                self.devices.remove(&from);
                AccountAnswer::Done
            }
            _ => refused(AccountRefusal::Unfit),
        }
    }
}

struct Shared(Rc<RefCell<Keeper>>);

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keeper")
    }
}

impl Stranger for Shared {
    fn answer(&mut self, _: Request) -> Option<Answer> {
        Some(Answer::Refused(Refusal::UnknownRoom))
    }

    fn answer_to(&mut self, from: DeviceId, request: Request) -> Option<Answer> {
        match request {
            Request::Account(ask) => {
                let mut keeper = self.0.borrow_mut();
                let is_last = matches!(ask, AccountRequest::FinishRegister { .. } | AccountRequest::Devices);
                let answer = keeper.carry_out(from, ask);
                if is_last && keeper.loses > 0 {
                    keeper.loses -= 1;
                    return None;
                }
                Some(Answer::Account(answer))
            }
            _ => Some(Answer::Refused(Refusal::RegistrationClosed)),
        }
    }
}

fn rng(seed: u64) -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(seed)
}

fn user() -> UserName {
    UserName::new("anna").unwrap()
}

fn password() -> Password {
    Password::new("correct horse").unwrap()
}

fn desk() -> Name {
    Name::new("desk").unwrap()
}

fn ask(network: &mut Network, host: usize, command: AccountCommand) -> CommandResult {
    network.call(host, Command::Account(Box::new(command)))
}

fn register(network: &mut Network, host: usize) -> CommandResult {
    let command =
        AccountCommand::Register { name: user(), password: password(), token: None, device: desk(), archive: None };
    ask(network, host, command)
}

fn log_in(network: &mut Network, host: usize) -> CommandResult {
    let command =
        AccountCommand::LogIn { name: user(), password: password(), recovery: None, device: desk(), archive: None };
    ask(network, host, command)
}

fn has(network: &mut Network, host: usize, room: RoomId) -> bool {
    match network.call(host, Command::Rooms) {
        Ok(Reply::Rooms(rooms)) => rooms.iter().any(|summary| summary.room == room),
        _ => false,
    }
}

fn network(hosts: usize, seed: u64) -> (Network, Rc<RefCell<Keeper>>) {
    let mut network = Network::new(hosts, seed, Faults::NONE);
    let keeper = Rc::new(RefCell::new(Keeper::new()));
    network.add_stranger(ARCHIVE, Box::new(Shared(Rc::clone(&keeper))));
    (0..hosts).for_each(|host| network.meet(host, ARCHIVE, true));
    (network, keeper)
}

#[test]
fn rooms_made_at_once_on_two_machines_of_one_person_end_on_both() {
    let (mut network, _) = network(2, 71);
    network.cut(&[0], &[1]);
    let (before, _) = network.create(0, "before");
    register(&mut network, 0).unwrap();
    log_in(&mut network, 1).unwrap();
    assert!(has(&mut network, 1, before));
    // The two never meet: only the vault goes between them.
    let (one, _) = network.create(0, "one");
    let (two, _) = network.create(1, "two");
    let all = [one, two];
    let united = |network: &mut Network| (0..2).all(|host| all.iter().all(|room| has(network, host, *room)));
    assert!(network.run_until(united), "both rooms on both machines");
}

#[test]
fn answers_that_are_lost_make_no_second_account_and_no_half_one() {
    let (mut network, keeper) = network(1, 72);
    // The last answer of registering is lost: the account is there, and the same step again says so.
    keeper.borrow_mut().loses = 2;
    let result = register(&mut network, 0);
    assert!(matches!(result, Ok(Reply::Registered(_))), "{result:?}");
    assert!(keeper.borrow().account.is_some());
    assert_eq!(keeper.borrow().devices.len(), 1);
}

#[test]
fn a_question_whose_answer_is_lost_is_asked_again_and_not_for_ever() {
    let (mut network, keeper) = network(1, 76);
    register(&mut network, 0).unwrap();
    keeper.borrow_mut().loses = 3;
    let Ok(Reply::AccountDevices(devices)) = ask(&mut network, 0, AccountCommand::Devices) else {
        panic!("no devices")
    };
    assert!(devices.len() == 1 && devices[0].own);
    keeper.borrow_mut().loses = u32::MAX;
    assert_eq!(ask(&mut network, 0, AccountCommand::Devices).unwrap_err(), CommandError::ArchiveSilent);
}

#[test]
fn a_vault_that_is_rolled_back_or_swapped_changes_nothing_and_is_told() {
    let (mut network, keeper) = network(1, 73);
    register(&mut network, 0).unwrap();
    let (room, _) = network.create(0, "kitchen");
    assert!(network.run_until(|_| keeper.borrow().writes > 0), "the room is in the vault");
    network.run_for(5_000);
    let first = keeper.borrow().seen[0].clone();
    keeper.borrow_mut().account.as_mut().unwrap().1 = first.clone();
    let told = |network: &mut Network, what: &str| network.problems(0).iter().any(|problem| problem.contains(what));
    assert!(network.run_until(|network| told(network, "older copy")), "{:?}", network.problems(0));
    assert!(has(&mut network, 0, room), "nothing is lost here");
    // And what this machine knows is written over it.
    network.run_for(120_000);
    assert_ne!(keeper.borrow().vault().sealed, first.sealed);

    let mut swapped = keeper.borrow().vault();
    swapped.version += 7;
    keeper.borrow_mut().shows = Some(swapped);
    assert!(network.run_until(|network| told(network, "not this account's")), "{:?}", network.problems(0));
    assert!(has(&mut network, 0, room));
}

#[test]
fn a_power_cut_at_any_moment_of_signing_in_leaves_it_done_or_not() {
    for cut_after in (0..700).step_by(47) {
        let (mut network, _) = network(2, 74 + cut_after);
        network.cut(&[0], &[1]);
        let (room, _) = network.create(0, "kitchen");
        register(&mut network, 0).unwrap();
        let command =
            AccountCommand::LogIn { name: user(), password: password(), recovery: None, device: desk(), archive: None };
        network.submit(1, Command::Account(Box::new(command)));
        network.run_for(cut_after);
        network.stop(1);
        network.start(1);
        network.meet(1, ARCHIVE, true);
        let Ok(Reply::Account(view)) = ask(&mut network, 1, AccountCommand::Status) else { panic!() };
        if view.name.is_none() {
            assert!(!has(&mut network, 1, room), "{cut_after}: rooms without an account");
            log_in(&mut network, 1).unwrap();
        }
        // Signed in, so its rooms come, at the latest with the next look at the vault.
        assert!(network.run_until(|network| has(network, 1, room)), "{cut_after}: no room");
    }
}

fn change(network: &mut Network, host: usize, old: &str, new: &str) -> CommandResult {
    let [old, new] = [old, new].map(|text| Password::new(text).unwrap());
    ask(network, host, AccountCommand::ChangePassword { old, new })
}

fn log_in_with(network: &mut Network, host: usize, text: &str) -> CommandResult {
    let password = Password::new(text).unwrap();
    ask(network, host, AccountCommand::LogIn { name: user(), password, recovery: None, device: desk(), archive: None })
}

#[test]
fn a_new_password_seals_the_vault_anew_and_other_devices_sign_in_again() {
    let (mut network, keeper) = network(3, 77);
    let apart: [&[usize]; 3] = [&[0], &[1], &[2]];
    apart.iter().for_each(|one| apart.iter().filter(|other| other != &one).for_each(|other| network.cut(one, other)));
    register(&mut network, 0).unwrap();
    log_in(&mut network, 1).unwrap();
    let (kitchen, _) = network.create(1, "kitchen");
    assert!(network.run_until(|network| has(network, 0, kitchen)));
    let before = keeper.borrow().vault();
    change(&mut network, 0, "correct horse", "battery staple").unwrap();
    let after = keeper.borrow().vault();
    assert!(after.by_password != before.by_password && after.by_recovery != before.by_recovery);
    // What the other device writes now, the person would not find: it is told to sign in.
    let told = |network: &mut Network| network.problems(1).iter().any(|problem| problem.contains("signed out"));
    assert!(network.run_until(told), "{:?}", network.problems(1));
    assert_eq!(log_in_with(&mut network, 2, "correct horse").unwrap_err(), CommandError::WrongLogIn);
    log_in_with(&mut network, 2, "battery staple").unwrap();
    assert!(has(&mut network, 2, kitchen));
    // The device that changed it goes on as before.
    let (attic, _) = network.create(0, "attic");
    assert!(network.run_until(|network| has(network, 2, attic)));
    assert!(network.problems(0).is_empty(), "{:?}", network.problems(0));
}

#[test]
fn what_another_device_writes_while_the_password_changes_is_not_lost() {
    for late in (0..400).step_by(23) {
        let (mut network, _) = network(3, 78 + late);
        register(&mut network, 0).unwrap();
        log_in(&mut network, 1).unwrap();
        network.cut(&[0], &[1]);
        network.cut(&[1], &[2]);
        let [old, new] = ["correct horse", "battery staple"].map(|text| Password::new(text).unwrap());
        network.submit(0, Command::Account(Box::new(AccountCommand::ChangePassword { old, new })));
        let (room, _) = network.create(1, "kitchen");
        network.run_for(late);
        let told = |network: &mut Network| network.problems(1).iter().any(|problem| problem.contains("signed out"));
        assert!(network.run_until(told), "{late}: {:?}", network.problems(1));
        log_in_with(&mut network, 1, "battery staple").unwrap();
        assert!(has(&mut network, 1, room), "{late}");
        network.cut(&[0], &[2]);
        log_in_with(&mut network, 2, "battery staple").unwrap();
        assert!(network.run_until(|network| has(network, 2, room)), "{late}: the room is lost");
    }
}

#[test]
fn a_power_cut_at_any_moment_of_a_change_of_the_password_locks_nobody_out() {
    for cut_after in (0..900).step_by(41) {
        let (mut network, keeper) = network(2, 80 + cut_after);
        network.cut(&[0], &[1]);
        register(&mut network, 0).unwrap();
        let (room, _) = network.create(0, "kitchen");
        assert!(network.run_until(|_| keeper.borrow().writes > 0), "the room is in the vault");
        let [old, new] = ["correct horse", "battery staple"].map(|text| Password::new(text).unwrap());
        network.submit(0, Command::Account(Box::new(AccountCommand::ChangePassword { old, new })));
        network.run_for(cut_after);
        network.stop(0);
        network.start(0);
        network.meet(0, ARCHIVE, true);
        // The device opens what is there, whether it heard of the end or not, and writes on.
        let (attic, _) = network.create(0, "attic");
        network.run_for(120_000);
        assert!(network.problems(0).is_empty(), "{cut_after}: {:?}", network.problems(0));
        let opens = ["correct horse", "battery staple"].map(|text| {
            let is_open = log_in_with(&mut network, 1, text).is_ok();
            if is_open {
                assert!(has(&mut network, 1, room) && has(&mut network, 1, attic), "{cut_after}");
                ask(&mut network, 1, AccountCommand::LogOut).unwrap();
            }
            is_open
        });
        assert!(opens[0] != opens[1], "{cut_after}: {opens:?}");
    }
}

#[test]
fn nobody_signs_in_without_an_archive_and_the_person_is_told_what_to_do() {
    let mut network = Network::new(1, 75, Faults::NONE);
    let error = log_in(&mut network, 0).unwrap_err();
    assert_eq!(error, CommandError::NoArchive);
    assert!(error.to_string().contains("Start it"));
}
