//! Peers that answer so that they would be asked again at once, for ever.

use parlor_node::Command;
use parlor_protocol::{
    DeviceId, EntryId, LogKey,
    access::wire::{Entered, NotAdmitted},
    log::Height,
    wire::{Answer, Refusal, Request, RoomRequest},
};
use parlor_tests::sim::{Faults, Network, Stranger};
use std::{cell::RefCell, collections::BTreeMap, rc::Rc};

const OTHER: DeviceId = DeviceId::from_bytes([0xBB; 32]);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trick {
    /// It does not know the room, and does not take it.
    NeverRegisters,
    /// It takes the room, and does not know it.
    Forgets,
    /// It lets everybody in and serves nobody.
    ServesNobody,
    /// It asks for what an entry hangs on, each time.
    AlwaysLacks,
    /// It knows other epochs each time.
    OtherEpochs,
    /// It confirms one entry of each page, and in the end forgets all.
    Nibbles,
    /// It says nothing to what it is brought.
    Swallows,
    /// It confirms everything, and forgets it.
    LosesAll,
}

/// What it was asked, and brought.
#[derive(Debug, Default)]
struct Told {
    asked: usize,
    pages: usize,
    entries: usize,
}

#[derive(Debug)]
struct Trickster {
    trick: Trick,
    told: Rc<RefCell<Told>>,
    held: BTreeMap<LogKey, Height>,
}

impl Trickster {
    fn pushed(&mut self, entries: &[parlor_protocol::entry::Entry]) -> Option<Answer> {
        let mut told = self.told.borrow_mut();
        told.pages += 1;
        told.entries += entries.len();
        if self.trick == Trick::Swallows {
            return None;
        }
        let taken = if self.trick == Trick::Nibbles { entries.first()? } else { entries.last()? };
        self.held.insert(taken.log_key(), Height::after(taken));
        Some(Answer::Pushed(vec![(taken.log_key(), Height::after(taken))]))
    }
}

impl Stranger for Trickster {
    fn silence_ms(&self) -> u64 {
        10_000
    }

    fn answer(&mut self, request: Request) -> Option<Answer> {
        self.told.borrow_mut().asked += 1;
        let number = self.told.borrow().asked as u64;
        let no_epochs = Answer::Epochs { entries: Vec::new(), tips: Vec::new() };
        let show = Answer::Refused(Refusal::NotAdmitted(NotAdmitted::Show));
        let ask = match request {
            Request::Room { ask, .. } => ask,
            Request::Enter(_) if self.trick == Trick::AlwaysLacks => {
                return Some(Answer::Entered(Entered::Refused(parlor_protocol::access::wire::NotEntered::Lacking)));
            }
            Request::Enter(_) => return Some(Answer::Entered(Entered::In(Vec::new()))),
            Request::PushWraps(_) => return Some(Answer::Done),
            _ => return Some(Answer::Refused(Refusal::Malformed)),
        };
        match (self.trick, ask) {
            (Trick::NeverRegisters, _) => Some(Answer::Refused(Refusal::UnknownRoom)),
            (_, RoomRequest::Register { .. }) => Some(Answer::Done),
            (Trick::Forgets, _) => Some(Answer::Refused(Refusal::UnknownRoom)),
            (Trick::ServesNobody | Trick::AlwaysLacks, _) => Some(show),
            (Trick::OtherEpochs, RoomRequest::Epochs { .. }) => {
                let mut tip = [7; 32];
                tip[..8].copy_from_slice(&number.to_le_bytes());
                Some(Answer::Epochs { entries: Vec::new(), tips: vec![EntryId::from_bytes(tip)] })
            }
            (_, RoomRequest::Epochs { .. }) => Some(no_epochs),
            (Trick::Nibbles | Trick::LosesAll, RoomRequest::Heights { .. }) => Some(Answer::Heights(Vec::new())),
            (_, RoomRequest::Heights { .. }) => {
                Some(Answer::Heights(self.held.iter().map(|(log, height)| (*log, *height)).collect()))
            }
            (_, RoomRequest::Push { entries }) => self.pushed(&entries),
            _ => Some(Answer::Done),
        }
    }
}

/// What a trickster was asked in twenty minutes by a member of a room in which 600 things were said.
fn asked_by_member(trick: Trick, archive: bool) -> Rc<RefCell<Told>> {
    let mut network = Network::new(1, 320 + trick as u64, Faults::NONE);
    let (room, _) = network.create(0, "kitchen");
    for number in 0..600 {
        network.send(0, room, &number.to_string());
    }
    network.run_for(5_000);
    let told = Rc::default();
    let trickster = Trickster { trick, told: Rc::clone(&told), held: BTreeMap::new() };
    network.add_stranger(OTHER, Box::new(trickster));
    network.meet(0, OTHER, archive);
    // A loop at the speed of the network would be seen in a second, and would not end.
    network.run_for(1_000);
    let at_once = told.borrow().asked;
    assert!(at_once < 60, "{trick:?}: asked {at_once} times in a second");
    network.run_for(20 * 60_000);
    told
}

fn is_not_asked_for_ever(trick: Trick, archive: bool) {
    let told = asked_by_member(trick, archive);
    let asked = told.borrow().asked;
    assert!((1..400).contains(&asked), "{trick:?}: asked {asked} times in twenty minutes");
}

#[test]
fn an_archive_that_never_takes_a_room_is_not_told_of_it_for_ever() {
    is_not_asked_for_ever(Trick::NeverRegisters, true);
}

#[test]
fn an_archive_that_forgets_a_room_at_once_is_not_told_of_it_for_ever() {
    is_not_asked_for_ever(Trick::Forgets, true);
}

#[test]
fn whoever_lets_this_device_in_and_does_not_serve_it_is_not_shown_for_ever() {
    is_not_asked_for_ever(Trick::ServesNobody, true);
    is_not_asked_for_ever(Trick::ServesNobody, false);
    is_not_asked_for_ever(Trick::AlwaysLacks, true);
    is_not_asked_for_ever(Trick::AlwaysLacks, false);
}

#[test]
fn an_archive_that_knows_other_epochs_each_time_is_not_told_for_ever() {
    is_not_asked_for_ever(Trick::OtherEpochs, true);
}

#[test]
fn an_archive_that_takes_one_entry_of_a_page_gets_no_whole_page_for_it_again_and_again() {
    let told = asked_by_member(Trick::Nibbles, true);
    let pages = told.borrow().pages;
    assert!((1..100).contains(&pages), "{pages} pages in twenty minutes");
}

#[test]
fn an_archive_that_forgets_what_it_confirmed_is_not_given_the_room_for_ever() {
    let told = asked_by_member(Trick::LosesAll, true);
    let entries = told.borrow().entries;
    assert!((600..6_000).contains(&entries), "{entries} entries, of 600");
}

#[test]
fn archives_that_are_not_used_are_given_a_room_four_at_a_time() {
    let mut network = Network::new(1, 340, Faults::NONE);
    network.call(0, Command::UseArchive { archive: OTHER, uses: true }).unwrap();
    let (room, _) = network.create(0, "kitchen");
    network.say(0, room, "hello").unwrap();
    let told = Rc::default();
    for number in 0..20 {
        let device = DeviceId::from_bytes([number; 32]);
        let trickster = Trickster { trick: Trick::Swallows, told: Rc::clone(&told), held: BTreeMap::new() };
        network.add_stranger(device, Box::new(trickster));
        network.meet(0, device, true);
    }
    network.run_for(5_000);
    assert_eq!(told.borrow().pages, 4);
    // One that is used has its place all the same.
    let used = Rc::default();
    let trickster = Trickster { trick: Trick::LosesAll, told: Rc::clone(&used), held: BTreeMap::new() };
    network.add_stranger(OTHER, Box::new(trickster));
    network.meet(0, OTHER, true);
    network.run_for(1_000);
    assert!(used.borrow().entries > 0);
}
