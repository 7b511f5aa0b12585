//! What comes of pictures that the shell read or saved.

use parlor_node::Command;
use parlor_protocol::UserId;

use super::App;
use crate::{
    backend::Backend,
    model::{Ask, Effect, Purpose},
    view::dialog::Dialog,
};

impl<B: Backend> App<B> {
    /// A picture was chosen and read: the text of the QR code in it, or what is wrong.
    pub fn picture_read(&mut self, user: UserId, read: Result<String, String>) {
        // Who closes the card does not want to know any more.
        if !matches!(&self.dialog, Some(Dialog::Person(card)) if card.user() == user) {
            return;
        }
        match read {
            Ok(text) => {
                let ask = Ask::new(Command::CompareSafety { user, text }, Purpose::CompareSafety(user));
                self.carry_out(vec![Effect::Ask(Box::new(ask))]);
            }
            Err(problem) => self.model.people.compared(user, Some(problem)),
        }
    }

    /// A picture was saved, or could not be.
    pub fn picture_saved(&mut self, problem: Option<String>) {
        match problem {
            None => self.model.toast("Picture saved", "", false),
            Some(problem) => self.model.toast("The picture was not saved.", problem, true),
        }
    }
}
