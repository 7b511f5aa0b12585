//! A program with everything that a removed or revoked device had on its disk asks an archive straight
//! over the network, by no engine's rules: it reads nothing, writes nothing and gets nothing back.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use parlor_archive::Archive;
use parlor_node::{
    AccountCommand, Command, DeviceCommand, MessageBody, Node, Reply, RoomChange,
    store::{DiskStore, Loaded, LocalStore as _, Unlock},
};
use parlor_protocol::{
    DeviceId, LogId, LogKey, Name, RoomCode, RoomId,
    access::wire::{Enter, Entered, Look, NotAdmitted, NotEntered},
    account::{
        AccountAnswer, AccountRefusal, AccountRequest, LogInProof, Password, RegisterUpload, Registering, UserName,
        VaultRecord,
    },
    card::{DeviceCard, UserKey},
    entry::{Entry, Header, Kind},
    epoch::{EpochChange, EpochRecord, EpochSecrets, RoomSettings},
    keys::{DeviceKey, DhSecret, Secret},
    log::Height,
    wire::{Answer, Refusal, Request, RoomRequest},
};
use parlor_tests::{
    attacker::Attacker,
    door,
    real::{
        address, archive, create, join, members, messages, node, send, until, until_archived, until_texts, use_archive,
    },
};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;
use std::path::Path;

/// What lay on a device's disk.
struct Loot {
    loaded: Loaded,
    key: DeviceKey,
}

impl Loot {
    fn of(dir: &Path, profile: &str) -> Self {
        let mut store = DiskStore::open_with(&dir.join("profiles").join(profile), &Unlock::default()).unwrap();
        let loaded = store.load().unwrap();
        let key = DeviceKey::from_seed(&loaded.identity.as_ref().unwrap().device_seed);
        Self { loaded, key }
    }

    fn seed(&self) -> [u8; 32] {
        *self.key.seed()
    }

    fn device(&self) -> DeviceId {
        self.key.id()
    }

    /// The room as the device knew it.
    fn room(&self, room: RoomId) -> Room<'_> {
        let (record, heights) = self.loaded.rooms.iter().find(|(record, _)| record.room == room).unwrap();
        let secrets = record.epochs.iter().map(|epoch| epoch.secrets(room).unwrap());
        let log = LogKey { author: self.device(), log: record.own_log };
        Room {
            loot: self,
            room,
            genesis: record.genesis.clone(),
            epochs: self.loaded.epochs.iter().filter(|entry| entry.room() == room).cloned().collect(),
            secrets: secrets.collect(),
            log,
            height: heights.get(&log).copied().unwrap_or(Height::EMPTY),
        }
    }
}

/// A room as a device knew it.
struct Room<'a> {
    loot: &'a Loot,
    room: RoomId,
    genesis: Entry,
    epochs: Vec<Entry>,
    secrets: Vec<EpochSecrets>,
    log: LogKey,
    height: Height,
}

impl Room<'_> {
    fn newest(&self) -> &EpochSecrets {
        self.secrets.last().unwrap()
    }

    fn entry(&self, kind: Kind, log: LogId, height: Height, epoch: &EpochSecrets, body: &[u8]) -> Entry {
        let header = Header {
            kind,
            room: self.room,
            author: self.loot.device(),
            log,
            seq: height.next,
            prev: height.head,
            epoch: epoch.id(),
            session: height.next,
        };
        Entry::sign(&self.loot.key, header, body).unwrap().into_inner()
    }

    /// The next words in the device's own log.
    fn words(&self) -> Entry {
        self.entry(Kind::Content, self.log.log, self.height, self.newest(), &[0; 300])
    }

    /// The beginning of a new log of the device, with words.
    fn new_log(&self, epoch: &EpochSecrets) -> Vec<Entry> {
        let log = LogId(77);
        let user = UserKey::from_seed(&self.loot.loaded.identity.as_ref().unwrap().user_seed);
        let comes_in = door::comes_by_name(&user, &self.loot.key, epoch, log.0);
        let words = self.entry(Kind::Content, log, Height::after(&comes_in), epoch, &[0; 300]);
        vec![comes_in, words]
    }

    /// A decision of the device that follows a record, as if its person owned the room.
    fn decision(&self, after: &Entry, removed: DeviceId) -> Entry {
        let identity = self.loot.loaded.identity.as_ref().unwrap();
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let parents = vec![after.header().epoch];
        let secrets = EpochSecrets::derive(self.room, &parents, Secret::random(&mut rng)).unwrap();
        let user = UserKey::from_seed(&identity.user_seed);
        let card = DeviceCard::sign(&user, &self.loot.key, identity.noise.public(), identity.created);
        let change = EpochChange {
            parents,
            after: vec![after.id()],
            removed: vec![removed],
            recipients: vec![(self.loot.device(), identity.noise.public())],
            ..EpochChange::default()
        };
        let settings = RoomSettings::default();
        let record = EpochRecord::seal(&secrets, &change, &settings, &[], &card, &identity.noise, &mut rng).unwrap();
        let body = record.encode().unwrap();
        self.entry(Kind::Epoch, self.log.log, self.height, &secrets, &body)
    }

    fn register(&self, epochs: Vec<Entry>) -> RoomRequest {
        RoomRequest::Register { genesis: self.genesis.clone(), epochs }
    }

    async fn ask(&self, attacker: &mut Attacker, ask: RoomRequest) -> Answer {
        attacker.ask(&Request::Room { room: self.room, ask }).await
    }
}

/// Tries everything about a room that a member may ask an archive. `others` wrote in it.
async fn storm(attacker: &mut Attacker, room: &Room<'_>, others: &[LogKey], owner: DeviceId) {
    let not_admitted = Answer::Refused(Refusal::NotAdmitted(NotAdmitted::Removed));
    let mut asks = vec![
        RoomRequest::Heights { digest: [0; 32], epochs: [0; 32] },
        RoomRequest::Tail { limit: 100 },
        RoomRequest::Page { log: room.log, from: 0 },
        RoomRequest::Received { heights: vec![(room.log, 1)] },
        RoomRequest::Push { entries: vec![room.words()] },
        RoomRequest::Push { entries: room.new_log(room.newest()) },
        room.register(room.epochs.clone()),
        room.register(Vec::new()),
    ];
    asks.extend(others.iter().map(|log| RoomRequest::Page { log: *log, from: 0 }));
    for ask in asks {
        let answer = room.ask(attacker, ask.clone()).await;
        assert_eq!(answer, not_admitted, "{ask:?}");
    }
    // It comes in again by its name, with every key that it ever had.
    for epoch in &room.secrets {
        let entry = room.new_log(epoch).remove(0);
        let enter = Enter { room: room.room, entry, for_keys: true };
        let answer = attacker.ask(&Request::Enter(Box::new(enter))).await;
        assert_eq!(answer, Answer::Entered(Entered::Refused(NotEntered::Removed)));
    }
    // It is told who removed it, and of nothing after that.
    let Answer::Epochs { entries, tips } = room.ask(attacker, RoomRequest::Epochs { tips: Vec::new() }).await else {
        panic!("it is told who removed it");
    };
    let device = room.loot.device();
    let records: Vec<_> = entries.iter().map(|entry| (entry, EpochRecord::decode(entry.body()).unwrap())).collect();
    let (removal, record) = records.iter().find(|(_, record)| record.removed.contains(&device)).unwrap();
    assert!(tips.is_empty() && records.iter().all(|(_, later)| !later.after.contains(&removal.id())));
    let identity = room.loot.loaded.identity.as_ref().unwrap();
    let prekeys: Vec<&DhSecret> = identity.prekeys.iter().map(|(key, _)| key).chain([&identity.noise]).collect();
    assert!(record.open(room.room, device, &prekeys).is_err(), "no key for it");
    // A decision of its own that follows the removal counts for nobody, however it comes.
    let forged = room.decision(removal, owner);
    let push = RoomRequest::Push { entries: vec![forged.clone()] };
    assert_eq!(room.ask(attacker, push).await, not_admitted);
    let answer = room.ask(attacker, room.register(vec![forged])).await;
    assert_eq!(answer, Answer::Refused(Refusal::Malformed));
}

/// Anna with a desktop and a laptop that is off now, and Ben, who owns the kitchen. The attic is Anna's.
struct House {
    dir: tempfile::TempDir,
    archive: Archive,
    at: String,
    desktop: Node,
    ben: Node,
    laptop: Loot,
    kitchen: RoomId,
    attic: RoomId,
    code: RoomCode,
}

async fn account(node: &Node, command: AccountCommand) -> Reply {
    node.handle().call(Command::Account(Box::new(command))).await.unwrap()
}

impl House {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let archive = archive(&dir.path().join("archive")).await;
        let at = address(archive.net());
        let desktop = node(dir.path(), "anna", std::slice::from_ref(&at)).await;
        let laptop = node(dir.path(), "laptop", std::slice::from_ref(&at)).await;
        let ben = node(dir.path(), "ben", std::slice::from_ref(&at)).await;
        let (kitchen, code) = create(&ben.handle(), "kitchen").await;
        join(&desktop.handle(), &code).await;
        let (attic, _) = create(&desktop.handle(), "attic").await;
        let (name, password) = (UserName::new("anna").unwrap(), Password::new("correct horse battery").unwrap());
        let device = Name::new("desk").unwrap();
        let register = AccountCommand::Register {
            name: name.clone(),
            password: password.clone(),
            token: None,
            device: device.clone(),
            archive: None,
        };
        account(&desktop, register).await;
        account(&laptop, AccountCommand::LogIn { name, password, recovery: None, device, archive: None }).await;
        for room in [kitchen, attic] {
            send(&desktop.handle(), room, "before").await;
            until_texts(&laptop.handle(), room, &["before"]).await;
            send(&laptop.handle(), room, "from the laptop").await;
            until_archived(&laptop.handle(), room).await;
        }
        until_texts(&ben.handle(), kitchen, &["before", "from the laptop"]).await;
        let devices = async || match desktop.handle().call(Command::Device(Box::new(DeviceCommand::List))).await {
            Ok(Reply::Devices(devices)) => devices.len(),
            _ => 0,
        };
        until("the desktop knows of the laptop", async || (devices().await == 2).then_some(())).await;
        laptop.shutdown().await;
        let laptop = Loot::of(dir.path(), "laptop");
        Self { dir, archive, at, desktop, ben, laptop, kitchen, attic, code }
    }

    /// Waits until the laptop is out of a room, and lets time go on there. Members heed a revocation at
    /// once, archives when an owner has changed the keys: the owner is to have said so often that it is out.
    async fn go_on(&self, owner: &Node, room: RoomId, said: usize) {
        let laptop = self.laptop.device();
        until("the laptop is out", async || {
            let is_out = members(&owner.handle(), room).await.iter().all(|member| member.device != laptop);
            let messages = messages(&owner.handle(), room).await;
            let lines = messages.iter().filter(|line| line.own && matches!(line.body, MessageBody::Removed { .. }));
            (is_out && lines.count() == said).then_some(())
        })
        .await;
        let change = RoomChange::Lifetime(Some(1_000_000_000));
        owner.handle().call(Command::ChangeRoom { room, change }).await.unwrap();
        send(&owner.handle(), room, "after").await;
        until_archived(&owner.handle(), room).await;
    }

    async fn logs(&self, node: &Node, room: RoomId) -> Vec<LogKey> {
        let others = members(&node.handle(), room).await.into_iter().map(|member| member.device);
        // Which logs they write stands on the laptop's disk.
        let (_, heights) = self.laptop.loaded.rooms.iter().find(|(record, _)| record.room == room).unwrap();
        others.flat_map(|device| heights.keys().filter(move |log| log.author == device).copied()).collect()
    }

    /// Attacks both rooms, and sees that nothing came of it.
    async fn storm(&self) -> Attacker {
        let mut attacker = Attacker::reach(self.laptop.seed(), &self.at).await;
        for (owner, room) in [(&self.ben, self.kitchen), (&self.desktop, self.attic)] {
            let others = self.logs(owner, room).await;
            let device = members(&owner.handle(), room).await.into_iter().find(|member| member.own).unwrap().device;
            assert!(!others.is_empty());
            storm(&mut attacker, &self.laptop.room(room), &others, device).await;
        }
        let old = Look::sign(&door::code_keys(&self.code), self.laptop.device(), attacker.victim());
        assert_eq!(attacker.ask(&Request::Look(old)).await, Answer::Found(None), "the code that it knew");
        attacker
    }

    /// Whoever is new reads what the honest wrote, from the archive alone.
    async fn ends_unharmed(self, attacker: Attacker) {
        attacker.end().await;
        let fresh = self
            .ben
            .handle()
            .call(Command::MakeCode { room: self.kitchen, lifetime: None, uses: None, members_only: false })
            .await;
        let Ok(Reply::Code(fresh)) = fresh else { panic!("a code, not {fresh:?}") };
        send(&self.ben.handle(), self.kitchen, "all is well").await;
        until_archived(&self.ben.handle(), self.kitchen).await;
        self.ben.shutdown().await;
        self.desktop.shutdown().await;
        let clara = node(self.dir.path(), "clara", std::slice::from_ref(&self.at)).await;
        join(&clara.handle(), &fresh).await;
        let texts = ["before", "from the laptop", "after", "all is well"];
        until_texts(&clara.handle(), self.kitchen, &texts).await;
        let laptop = self.laptop.device();
        assert!(members(&clara.handle(), self.kitchen).await.iter().all(|member| member.device != laptop));
        clara.shutdown().await;
        self.archive.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_owners_removed_gets_nothing_from_an_archive_whatever_it_forges() {
    let house = House::new().await;
    let device = house.laptop.device();
    for (owner, room) in [(&house.ben, house.kitchen), (&house.desktop, house.attic)] {
        owner.handle().call(Command::RemoveDevice { room, device }).await.unwrap();
        house.go_on(owner, room, 1).await;
    }
    let attacker = house.storm().await;
    house.ends_unharmed(attacker).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_device_gets_nothing_from_an_archive_also_not_with_its_old_session() {
    let house = House::new().await;
    let device = house.laptop.device();
    let revoke = DeviceCommand::Revoke { device };
    house.desktop.handle().call(Command::Device(Box::new(revoke))).await.unwrap();
    // Ben's machine changes the keys by itself; the desktop has revoked it as well.
    for (owner, room, said) in [(&house.ben, house.kitchen, 1), (&house.desktop, house.attic, 2)] {
        house.go_on(owner, room, said).await;
    }
    let signed_in = async || match account(&house.desktop, AccountCommand::Devices).await {
        Reply::AccountDevices(devices) => devices.into_iter().map(|known| known.device).collect::<Vec<_>>(),
        other => panic!("devices, not {other:?}"),
    };
    until("the laptop is signed out", async || (signed_in().await.len() == 1).then_some(())).await;
    let mut attacker = house.storm().await;
    // It signed in a moment ago, and has the vault's key.
    let desktop = signed_in().await[0];
    let record = house.laptop.loaded.account.clone().unwrap();
    let before = house.archive.accounts().account(&record.name).await.unwrap().unwrap();
    let version = before.vault.version;
    let mut rng = ChaCha20Rng::seed_from_u64(2);
    let kept = house.archive.accounts().vault(&record.name).await.unwrap().unwrap();
    let sealed = record.vault_key.seal(&record.name, version + 1, &record.lock, b"nothing", &mut rng).unwrap();
    let vault = VaultRecord { version: version + 1, sealed: sealed.clone(), ..kept.clone() };
    let mine = Password::new("the thief's own").unwrap();
    let (_, message) = Registering::start(record.name.clone(), mine, &mut rng).unwrap();
    let upload = RegisterUpload::try_from([4; 192].as_slice()).unwrap();
    let asks = [
        AccountRequest::Vault,
        AccountRequest::PutVault { expected: version, sealed },
        AccountRequest::PutVaultAndKeys { expected: version, vault: vault.clone() },
        AccountRequest::Devices,
        AccountRequest::RenameDevice { device: desktop, name: Name::new("mine").unwrap() },
        AccountRequest::RevokeDevice { device: desktop },
        AccountRequest::StartChange { message },
        AccountRequest::FinishChange { record: upload, expected: version, vault },
        AccountRequest::FinishLogIn {
            proof: LogInProof::try_from([1; 64].as_slice()).unwrap(),
            device: Name::new("desk").unwrap(),
        },
        AccountRequest::LogOut,
        AccountRequest::Delete,
    ];
    for ask in asks {
        let answer = attacker.ask(&Request::Account(ask.clone())).await;
        let Answer::Account(AccountAnswer::Refused(refusal)) = answer else { panic!("{ask:?}: {answer:?}") };
        assert!(matches!(refusal, AccountRefusal::NotSignedIn | AccountRefusal::LogInAgain), "{ask:?}: {refusal:?}");
    }
    let status = attacker.ask(&Request::Account(AccountRequest::Status)).await;
    assert_eq!(status, Answer::Account(AccountAnswer::Status(None)));
    let after = house.archive.accounts().account(&record.name).await.unwrap().unwrap();
    let vault = house.archive.accounts().vault(&record.name).await.unwrap().unwrap();
    assert_eq!((after.record, vault.by_password), (before.record, kept.by_password));
    assert_eq!(signed_in().await, [desktop]);
    house.ends_unharmed(attacker).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_registers_the_room_anew_at_another_archive_is_out_there_as_soon_as_a_member_comes() {
    let house = House::new().await;
    let device = house.laptop.device();
    house.ben.handle().call(Command::RemoveDevice { room: house.kitchen, device }).await.unwrap();
    house.go_on(&house.ben, house.kitchen, 1).await;
    let other = archive(&house.dir.path().join("other")).await;
    let at = address(other.net());
    let mut attacker = Attacker::reach(house.laptop.seed(), &at).await;
    let room = house.laptop.room(house.kitchen);
    // An archive that never heard of the room cannot know that it was removed; but nobody let it in.
    let answer = room.ask(&mut attacker, room.register(room.epochs.clone())).await;
    assert_eq!(answer, Answer::Done);
    let answer = room.ask(&mut attacker, RoomRequest::Push { entries: room.new_log(room.newest()) }).await;
    assert!(matches!(answer, Answer::Refused(Refusal::NotAdmitted(NotAdmitted::Show))), "{answer:?}");
    let House { dir, archive, ben, desktop, kitchen, .. } = house;
    let code =
        ben.handle().call(Command::MakeCode { room: kitchen, lifetime: None, uses: None, members_only: false }).await;
    let Ok(Reply::Code(code)) = code else { panic!("a code, not {code:?}") };
    ben.shutdown().await;
    desktop.shutdown().await;
    archive.shutdown().await;
    // Ben comes to it, with the removal.
    let ben = node(dir.path(), "ben", std::slice::from_ref(&at)).await;
    use_archive(&ben.handle()).await;
    send(&ben.handle(), kitchen, "here now").await;
    until_archived(&ben.handle(), kitchen).await;
    let laptop = room.loot;
    for ask in [
        RoomRequest::Heights { digest: [0; 32], epochs: [0; 32] },
        RoomRequest::Tail { limit: 100 },
        RoomRequest::Push { entries: vec![room.words()] },
        room.register(room.epochs.clone()),
    ] {
        let answer = room.ask(&mut attacker, ask.clone()).await;
        assert_eq!(answer, Answer::Refused(Refusal::NotAdmitted(NotAdmitted::Removed)), "{ask:?}");
    }
    attacker.end().await;
    let texts = ["before", "from the laptop", "after", "here now"];
    until_texts(&ben.handle(), kitchen, &texts).await;
    ben.shutdown().await;
    let clara = node(dir.path(), "clara", std::slice::from_ref(&at)).await;
    join(&clara.handle(), &code).await;
    until_texts(&clara.handle(), kitchen, &texts).await;
    assert!(members(&clara.handle(), kitchen).await.iter().all(|member| member.device != laptop.device()));
    clara.shutdown().await;
    other.shutdown().await;
}
