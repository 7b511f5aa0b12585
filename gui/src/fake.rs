//! A node without a network, for tests and for looking at the app: it answers every command
//! from memory at once. It is no part of what users run.

mod account;
mod answers;
mod devices;
mod messages;
mod people;
mod stage;

use parlor_node::{
    AccountDevice, AccountView, Command, CommandError, CommandId, CommandResult, Connection, DeviceCommand, Event,
    JoinStage, Member, Message, OwnDevice, RoomSummary, people::NearbyPerson, store::LockKind,
};
use parlor_protocol::{DeviceId, RoomCode, UserId, safety::SafetyNumber};
use std::{cell::RefCell, collections::VecDeque, rc::Rc, sync::Arc};

use crate::backend::Backend;
pub use devices::link_code;

/// A room of the fake.
#[derive(Debug)]
struct Room {
    summary: RoomSummary,
    messages: Vec<Arc<Message>>,
    members: Vec<Member>,
    more: bool,
}

#[derive(Debug, Default)]
struct State {
    me: DeviceId,
    name: String,
    rooms: Vec<Room>,
    connection: Connection,
    events: VecDeque<Event>,
    given: Vec<Command>,
    next: u64,
    fail: Option<CommandError>,
    joins: bool,
    nearby: Vec<NearbyPerson>,
    held: Vec<(CommandId, Command)>,
    lock: Option<LockKind>,
    account: AccountView,
    signed_in: Vec<AccountDevice>,
    /// What this device is called, and the person's others.
    label: String,
    devices: Vec<OwnDevice>,
    /// When a code for a device stops working.
    expires: u64,
}

/// A node without a network. Clones are the same node.
#[derive(Clone, Debug, Default)]
pub struct Fake(Rc<RefCell<State>>);

/// The safety number with a person.
#[must_use]
pub fn safety(user: UserId) -> SafetyNumber {
    SafetyNumber::of(user_of(DeviceId::from_bytes(id32(1))), user)
}

/// In here every person has one device.
#[must_use]
pub fn user_of(device: DeviceId) -> UserId {
    UserId::from_bytes(*device.as_bytes())
}

fn id32(number: u64) -> [u8; 32] {
    let mut bytes = [0; 32];
    for (slot, byte) in bytes.iter_mut().zip(number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes().iter().cycle()) {
        *slot = *byte;
    }
    for (slot, byte) in bytes.iter_mut().zip(number.to_le_bytes()) {
        *slot = byte;
    }
    bytes
}

/// Any generator will do; this one is always the same.
struct Fixed(u8);

impl rand_core::RngCore for Fixed {
    fn next_u32(&mut self) -> u32 {
        u32::from(self.step())
    }
    fn next_u64(&mut self) -> u64 {
        u64::from(self.step())
    }
    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        bytes.iter_mut().for_each(|byte| *byte = self.step());
    }
}

impl rand_core::CryptoRng for Fixed {}

impl Fixed {
    fn step(&mut self) -> u8 {
        self.0 = self.0.wrapping_mul(13).wrapping_add(57);
        self.0 ^ (self.0 >> 3)
    }
}

/// A code that is always the same.
#[must_use]
pub fn code() -> RoomCode {
    RoomCode::random(&mut Fixed(42))
}

impl Fake {
    /// A node of a person; an empty name is a first start.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let fake = Self::default();
        {
            let mut state = fake.0.borrow_mut();
            state.me = DeviceId::from_bytes(id32(1));
            name.clone_into(&mut state.name);
            state.next = 100;
            state.expires = 1_700_000_000_000 + 10 * 60_000;
        }
        fake
    }

    /// This device.
    #[must_use]
    pub fn me(&self) -> DeviceId {
        self.0.borrow().me
    }

    /// How the profile is locked; by the system's keychain unless this says otherwise.
    pub fn locked_by(&self, kind: LockKind) {
        self.0.borrow_mut().lock = Some(kind);
    }

    /// Something happens.
    pub fn tell(&self, event: Event) {
        self.0.borrow_mut().events.push_back(event);
    }

    /// The next command fails.
    pub fn fail_next(&self, error: CommandError) {
        self.0.borrow_mut().fail = Some(error);
    }

    /// Whether joining works at once; otherwise it waits for [`Self::finish_join`].
    pub fn joins_at_once(&self, joins: bool) {
        self.0.borrow_mut().joins = joins;
    }

    /// Ends a join that waits.
    pub fn finish_join(&self, result: CommandResult) {
        let mut state = self.0.borrow_mut();
        if let Some((id, _)) = state.held.pop() {
            state.events.push_back(Event::Replied { id, result });
        }
    }

    /// The commands given so far.
    #[must_use]
    pub fn given(&self) -> Vec<Command> {
        self.0.borrow().given.clone()
    }

    /// Forgets the commands given so far.
    pub fn forget_given(&self) {
        self.0.borrow_mut().given.clear();
    }
}

impl Backend for Fake {
    fn submit(&mut self, command: Command) -> Result<CommandId, CommandError> {
        let mut state = self.0.borrow_mut();
        state.next += 1;
        let id = CommandId(state.next);
        state.given.push(command.clone());
        if let Some(error) = state.fail.take() {
            state.events.push_back(Event::Replied { id, result: Err(error) });
            return Ok(id);
        }
        let links = matches!(&command, Command::Device(command) if matches!(**command, DeviceCommand::Link { .. }));
        if (links || matches!(command, Command::Join(_))) && !state.joins {
            if let Command::Join(code) = &command {
                let stage = JoinStage::Searching { asked: 2 };
                state.events.push_back(Event::JoinProgress { code: code.clone(), stage });
            }
            state.held.push((id, command));
            return Ok(id);
        }
        drop(state);
        let result = self.answer(command);
        self.0.borrow_mut().events.push_back(Event::Replied { id, result });
        Ok(id)
    }

    fn drain(&mut self) -> Vec<Event> {
        self.0.borrow_mut().events.drain(..).collect()
    }
}
