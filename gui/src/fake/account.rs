//! The account.

use parlor_node::{AccountCommand, AccountView, CommandError, CommandResult, Event, RecoveryWords, Reply};
use parlor_protocol::account::Password;

use super::Fake;

impl Fake {
    pub(super) fn account(&self, command: AccountCommand) -> CommandResult {
        use AccountCommand::{Delete, LogIn, LogOut, Recover, Register, Status};
        let registers = matches!(command, Register { .. });
        match command {
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
