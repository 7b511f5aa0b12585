//! The account.

use parlor_node::{
    AccountCommand, AccountDevice, AccountView, CommandError, CommandResult, Event, RecoveryWords, Reply,
};
use parlor_protocol::{DeviceId, account::Password};

use super::{Fake, id32};

impl Fake {
    /// The account is signed in on one more device; on this one when the number is zero.
    pub fn is_signed_in(&self, number: u64, name: &str, since: u64, last_seen: u64) {
        let mut state = self.0.borrow_mut();
        let own = number == 0;
        let device = if own { state.me } else { DeviceId::from_bytes(id32(number + 5_000)) };
        state.signed_in.push(AccountDevice { device, name: name.to_owned(), since, last_seen: Some(last_seen), own });
        if own {
            state.account = AccountView { name: Some("anna".to_owned()), signed_in: true, ..AccountView::default() };
        }
    }

    pub(super) fn account(&self, command: AccountCommand) -> CommandResult {
        use AccountCommand::{Delete, LogIn, LogOut, Recover, Register, Status};
        let registers = matches!(command, Register { .. });
        match command {
            AccountCommand::Devices => return Ok(Reply::AccountDevices(self.0.borrow().signed_in.clone())),
            AccountCommand::SignOut { device } => {
                self.0.borrow_mut().signed_in.retain(|known| known.device != device);
                return Ok(Reply::Done);
            }
            Status => return Ok(Reply::Account(self.0.borrow().account.clone())),
            LogIn { password, .. } if password == Password::new("wrong password").unwrap_or(password.clone()) => {
                return Err(CommandError::WrongLogIn);
            }
            Register { name, .. } | LogIn { name, .. } | Recover { name, .. } => {
                let name = Some(name.as_str().to_owned());
                self.0.borrow_mut().account = AccountView { name, signed_in: true, ..AccountView::default() };
            }
            LogOut | Delete { .. } => self.0.borrow_mut().account = AccountView::default(),
            _ => {}
        }
        let view = self.0.borrow().account.clone();
        self.tell(Event::AccountChanged(view));
        let words = vec!["abandon"; 23].join(" ") + " art";
        Ok(if registers { Reply::Registered(RecoveryWords::new(words.into())) } else { Reply::Done })
    }
}
