//! The person's own devices.

use parlor_node::{CommandError, CommandResult, DeviceCommand, Event, OwnDevice, Reply};
use parlor_protocol::{DeviceId, LinkCode};

use super::{Fake, Fixed, id32};

/// A code for a device that is always the same.
#[must_use]
pub fn link_code() -> LinkCode {
    LinkCode::random(&mut Fixed(17))
}

impl Fake {
    /// One more device of this person.
    pub fn owns(&self, number: u64, label: &str, last_seen: Option<u64>) -> DeviceId {
        let device = DeviceId::from_bytes(id32(number + 5_000));
        self.0.borrow_mut().devices.push(OwnDevice {
            device,
            label: label.to_owned(),
            created: 1_690_000_000_000 + number,
            last_seen,
            own: false,
            online: false,
            signed_in: false,
            revoked: None,
            rooms: Vec::new(),
        });
        device
    }

    /// Codes for new devices work until then.
    pub fn offers_until(&self, expires: u64) {
        self.0.borrow_mut().expires = expires;
    }

    pub(super) fn device(&self, command: DeviceCommand) -> CommandResult {
        match command {
            DeviceCommand::List => return Ok(Reply::Devices(self.own_devices())),
            DeviceCommand::Offer { .. } => {
                return Ok(Reply::LinkOffered { code: link_code(), expires: self.0.borrow().expires });
            }
            DeviceCommand::CancelLink => {
                self.finish_join(Err(CommandError::Cancelled));
                return Ok(Reply::Done);
            }
            DeviceCommand::Link { .. } => {
                if self.profile().name.is_empty() {
                    "Anna".clone_into(&mut self.0.borrow_mut().name);
                    self.tell(Event::ProfileChanged(self.profile()));
                }
                let room = self.room("Kitchen", self.latest() + 1);
                self.tell_summary(room);
                return Ok(Reply::Linked { by: "laptop".to_owned(), rooms: 1 });
            }
            DeviceCommand::CancelOffer => return Ok(Reply::Done),
            DeviceCommand::Revoke { device } => {
                let at = self.latest();
                let mut state = self.0.borrow_mut();
                if let Some(known) = state.devices.iter_mut().find(|known| known.device == device) {
                    known.revoked = Some(at);
                }
            }
            DeviceCommand::Rename { device, label } => {
                let mut state = self.0.borrow_mut();
                match state.devices.iter_mut().find(|known| known.device == device) {
                    Some(known) => label.as_str().clone_into(&mut known.label),
                    None => label.as_str().clone_into(&mut state.label),
                }
            }
        }
        self.tell(Event::DevicesChanged);
        Ok(Reply::Done)
    }

    fn own_devices(&self) -> Vec<OwnDevice> {
        let state = self.0.borrow();
        let label = if state.label.is_empty() { state.me.short() } else { state.label.clone() };
        let own = OwnDevice {
            device: state.me,
            label,
            created: 1_690_000_000_000,
            last_seen: None,
            own: true,
            online: true,
            signed_in: state.account.signed_in,
            revoked: None,
            rooms: state.rooms.iter().map(|room| room.summary.room).collect(),
        };
        std::iter::once(own).chain(state.devices.iter().cloned()).collect()
    }
}
