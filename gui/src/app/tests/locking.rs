use egui::{Key, Modifiers};
use parlor_node::{
    Command, CommandError,
    store::{LockChange, LockKind},
};

use super::{Desk, MINUTE, NOW, with_room};
use crate::{app::Wish, config::Look};

fn changed(desk: &Desk) -> Option<LockChange> {
    desk.last(|command| if let Command::ChangeLock(change) = command { Some((**change).clone()) } else { None })
}

fn locks(desk: &Desk) -> bool {
    desk.wishes.borrow().contains(&Wish::Lock)
}

#[test]
fn an_unlocked_profile_is_called_so_with_the_remedy() {
    let (fake, ..) = with_room();
    fake.locked_by(LockKind::File);
    let mut desk = Desk::new(&fake);
    desk.hides("Lock");
    desk.press(Modifiers::COMMAND, Key::Comma);
    desk.shows("Whoever copies the folder can read everything");
    desk.click("Use the system's keychain");
    assert!(matches!(changed(&desk), Some(LockChange::UseKeychain)));
    desk.hides("Whoever copies the folder can read everything");
}

#[test]
fn a_passphrase_is_set_by_typing_it_twice_and_then_there_is_a_lock_button() {
    let (fake, ..) = with_room();
    let mut desk = Desk::of_size(&fake, [1200.0, 1800.0]);
    desk.press(Modifiers::COMMAND, Key::Comma);
    desk.click("Set a passphrase");
    desk.shows("nobody can reset it");
    desk.focus("New passphrase");
    desk.types("short");
    desk.click("Set passphrase");
    desk.shows("at least 8 characters");
    desk.retypes("New passphrase", "short but longer now");
    desk.focus("The same again");
    desk.types("something else");
    desk.click("Set passphrase");
    desk.shows("differ");
    assert!(changed(&desk).is_none());
    desk.retypes("The same again", "short but longer now");
    desk.click("Ask only after locking");
    desk.click("Set passphrase");
    let change = changed(&desk).unwrap();
    assert!(matches!(change, LockChange::SetPassphrase { current: None, at_start: Some(false), .. }));
    assert!(!format!("{change:?} {:?}", desk.app()).contains("longer now"), "it is nowhere in what is printed");
    desk.hides("The same again");
    desk.press(Modifiers::NONE, Key::Escape);
    assert!(!locks(&desk));
    desk.click("Lock");
    assert!(locks(&desk));
}

#[test]
fn a_wrong_passphrase_is_told_and_can_be_typed_again() {
    let (fake, ..) = with_room();
    fake.locked_by(LockKind::Passphrase);
    let mut desk = Desk::new(&fake);
    desk.press(Modifiers::COMMAND, Key::Comma);
    desk.click("Remove passphrase");
    desk.focus("Passphrase until now");
    desk.types("soup on the stove");
    fake.fail_next(CommandError::LockRefused { reason: "the passphrase is wrong; try again".into() });
    desk.click("Remove it");
    desk.shows("The passphrase is wrong; try again.");
    desk.click("Remove it");
    assert!(matches!(changed(&desk), Some(LockChange::RemovePassphrase { .. })));
    desk.hides("wrong");
    desk.shows("Set a passphrase");
}

#[test]
fn an_app_that_nobody_touches_locks_itself_and_a_touch_puts_it_off() {
    let (fake, ..) = with_room();
    fake.locked_by(LockKind::Both);
    let look = Look { lock_after: Some(5), ..Look::default() };
    let mut desk = Desk::looking(&fake, [1200.0, 800.0], look);
    desk.passes(4 * MINUTE);
    assert!(!locks(&desk));
    desk.types("x");
    desk.passes(4 * MINUTE);
    assert!(!locks(&desk), "it was touched");
    desk.passes(MINUTE);
    assert!(locks(&desk));
}

#[test]
fn without_a_passphrase_nothing_locks_by_itself_and_ctrl_l_shows_where_to_set_one() {
    let (fake, ..) = with_room();
    let look = Look { lock_after: Some(1), ..Look::default() };
    let mut desk = Desk::looking(&fake, [1200.0, 800.0], look);
    desk.passes(600 * MINUTE);
    assert!(!locks(&desk));
    desk.press(Modifiers::COMMAND, Key::L);
    assert!(!locks(&desk));
    desk.shows("Set a passphrase");
}

#[test]
fn a_clock_that_is_set_back_does_not_keep_the_app_open() {
    let (fake, ..) = with_room();
    fake.locked_by(LockKind::Both);
    let look = Look { lock_after: Some(5), ..Look::default() };
    let mut desk = Desk::looking(&fake, [1200.0, 800.0], look);
    desk.clock.set(NOW - 600 * MINUTE);
    desk.run_quietly();
    assert!(locks(&desk));
}
