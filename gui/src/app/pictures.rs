//! What comes of pictures that the shell read or saved.

use parlor_node::Command;

use super::App;
use crate::{
    backend::Backend,
    model::{Ask, Effect, Purpose},
    view::{QrOf, dialog::Dialog},
};

impl<B: Backend> App<B> {
    /// What a QR code would be read for now, when a picture comes without having been asked for.
    #[must_use]
    pub fn wants_picture(&self) -> Option<QrOf> {
        match &self.dialog {
            Some(Dialog::Person(card)) if card.compares() => Some(QrOf::Safety(card.user())),
            Some(Dialog::Join(_)) if self.model.joining.is_none() => Some(QrOf::Room),
            Some(Dialog::Devices(page)) if page.is_linking() => Some(QrOf::Link),
            None if self.welcome.is_linking() => Some(QrOf::Link),
            _ => None,
        }
    }

    /// A picture was chosen and read: the text of the QR code in it, or what is wrong.
    pub fn picture_read(&mut self, of: QrOf, read: Result<String, String>) {
        // Who closes the dialog does not want to know any more.
        match (of, &mut self.dialog) {
            (QrOf::Safety(user), Some(Dialog::Person(card))) if card.user() == user => match read {
                Ok(text) => {
                    let ask = Ask::new(Command::CompareSafety { user, text }, Purpose::CompareSafety(user));
                    self.carry_out(vec![Effect::Ask(Box::new(ask))]);
                }
                Err(problem) => self.model.people.compared(user, Some(problem)),
            },
            (QrOf::Room, Some(Dialog::Join(join))) => join.fill(read),
            (QrOf::Link, Some(Dialog::Devices(page))) => page.fill(read),
            (QrOf::Link, None) => self.welcome.fill(read),
            _ => {}
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
