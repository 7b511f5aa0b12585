//! What the app knows of the person's own devices.

use parlor_node::{Command, CommandError, DeviceCommand, OwnDevice, Reply};
use parlor_protocol::LinkCode;

use super::{
    command::{Effect, Purpose},
    state::Model,
};
use crate::words;

/// A code that links a new device.
#[derive(Clone, Debug, Default)]
pub enum Offer {
    /// None.
    #[default]
    None,
    /// It is being made.
    Making,
    /// It is on the screen.
    Shown {
        /// The code.
        code: LinkCode,
        /// When it stops working, in milliseconds since 1970.
        expires: u64,
    },
    /// It was used.
    Used {
        /// What the new device is called.
        label: String,
    },
}

/// The person's own devices as the app shows them.
#[derive(Debug, Default)]
pub struct Devices {
    /// All of them, this one first; absent until they are read.
    pub list: Option<Vec<OwnDevice>>,
    /// The code for a new one.
    pub offer: Offer,
    /// This device is being linked.
    pub is_linking: bool,
    /// What was wrong with the last thing that was tried.
    pub problem: Option<String>,
}

impl Devices {
    /// When what is said of the code on the screen is out of date.
    #[must_use]
    pub fn offer_changes_at(&self, now: u64) -> Option<u64> {
        let Offer::Shown { expires, .. } = &self.offer else { return None };
        let left = expires.checked_sub(now)?.checked_sub(1)?;
        Some(now.saturating_add(left % 60_000 + 1))
    }
}

impl Model {
    /// A device is new; when nobody here offered it, that is worth a second look.
    pub(super) fn device_linked(&mut self, label: &str) -> Vec<Effect> {
        let is_expected = matches!(self.devices.offer, Offer::Shown { .. });
        if is_expected {
            self.devices.offer = Offer::Used { label: label.to_owned() };
        }
        let label = words::shorten(label, 48);
        let remedy = "If you did not add it, revoke it at once: Settings, Your devices.";
        self.toast(format!("A new device of yours: {label}."), remedy, !is_expected);
        self.devices_changed()
    }

    /// Reads the list again, where it was read before.
    pub(super) fn devices_changed(&mut self) -> Vec<Effect> {
        if self.devices.list.is_some() { vec![list()] } else { Vec::new() }
    }

    pub(super) fn devices_answered(&mut self, purpose: &Purpose, reply: Reply) -> Vec<Effect> {
        self.devices.problem = None;
        match (purpose, reply) {
            (_, Reply::Devices(devices)) => self.devices.list = Some(devices),
            (_, Reply::LinkOffered { code, expires }) => self.devices.offer = Offer::Shown { code, expires },
            (_, Reply::Linked { by, rooms }) => {
                self.devices.is_linking = false;
                let rooms = words::count(rooms, "room comes", "rooms come");
                self.toast(
                    format!("This device is linked with {}.", words::shorten(&by, 48)),
                    format!("{rooms} along."),
                    false,
                );
                return vec![
                    Effect::ask(Command::Me, Purpose::Me),
                    Effect::ask(Command::Rooms, Purpose::Rooms),
                    list(),
                ];
            }
            // Something about one of them changed.
            _ => return vec![list()],
        }
        Vec::new()
    }

    pub(super) fn devices_failed(&mut self, purpose: &Purpose, error: &CommandError) {
        match purpose {
            // Unless a newer one is on the screen already.
            Purpose::OfferLink if matches!(self.devices.offer, Offer::Making) => self.devices.offer = Offer::None,
            Purpose::Link => self.devices.is_linking = false,
            _ => {}
        }
        if *error != CommandError::Cancelled {
            self.devices.problem = Some(words::command_error(error));
        }
    }
}

fn list() -> Effect {
    Effect::ask(Command::Device(Box::new(DeviceCommand::List)), Purpose::Devices)
}
