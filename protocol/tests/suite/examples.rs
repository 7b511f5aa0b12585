//! One example or a few of every kind of message. Properties, vectors and the seeds of the fuzzer take
//! from here, and a test in `messages.rs` says when a kind has none.

use crate::{
    accounts::{example_answers, example_requests},
    doors,
    fixtures::{Device, Room, entry_id, plain_log, rng},
};
use parlor_protocol::{
    LinkCode, Locator, LogId, LogKey, Name,
    access::wire::{Entered, Look, NotAdmitted, NotEntered, PushWraps},
    account::{AccountAnswer, AccountRefusal},
    card::Prekey,
    entry::Entry,
    limits::EPOCH_TIPS_MAX,
    link::{LinkAnswering, LinkGift, Linking},
    log::Height,
    signal::{Signal, SignalBody, SignalKind},
    wire::{Answer, Gossip, Introduction, Refusal, Request, RoomRequest, Tail},
};
use std::sync::LazyLock;

pub fn ask(ask: RoomRequest) -> Request {
    let room = Room::new(1);
    Request::Room { room: room.id(), ask }
}

pub fn entries(count: usize) -> Vec<Entry> {
    plain_log(&Room::new(1), &Device::new(2), count)
}

pub fn key(log: u64) -> LogKey {
    LogKey { author: Device::new(2).id(), log: LogId(log) }
}

pub fn height(next: u64) -> Height {
    Height { next, head: entry_id(9) }
}

pub fn introduction() -> Box<Introduction> {
    let device = Device::new(2);
    let prekey = Prekey::sign(&device.key, device.prekey.public(), 1);
    Box::new(Introduction { name: Name::new("Ada").unwrap(), card: device.card(), prekey })
}

/// The first message of a link, and the answer to it.
pub static LINK: LazyLock<(Vec<u8>, LinkGift)> = LazyLock::new(|| {
    let stretched = LinkCode::random(&mut rng(6)).stretch().unwrap();
    let (new, old) = (Device::new(7).id(), Device::new(8).id());
    let (_, message) = Linking::start(&stretched, new, old, &mut rng(7)).unwrap();
    let answering = LinkAnswering::read(&stretched, new, old, &message, &mut rng(8)).unwrap();
    let gift = answering.give(b"everything").unwrap();
    (message, gift)
});

pub fn signal() -> Signal {
    let room = Room::new(1);
    Signal::seal(
        &room.secrets,
        parlor_protocol::epoch::Step::FIRST,
        &room.maker.key,
        SignalBody { at: 1, kind: SignalKind::Online },
        &mut rng(3),
    )
    .unwrap()
}

/// Requests of every kind, with a name each.
pub fn requests() -> Vec<(String, Request)> {
    let room = Room::new(1);
    let genesis = room.genesis.inner().clone();
    let named = [
        ("look", Request::Look(Look::sign(&doors::CODES[0], Device::new(2).id(), Device::new(3).id()))),
        ("enter", Request::Enter(Box::new(doors::example_enter()))),
        (
            "push_wraps",
            Request::PushWraps(PushWraps { room: room.id(), wraps: vec![doors::wrap(&room, &doors::CODES[0])] }),
        ),
        ("hello", Request::Hello(Some(introduction()))),
        ("hello_unseen", Request::Hello(None)),
        ("knock", Request::Knock { entries: entries(3) }),
        ("link", Request::Link { locator: Locator([2; 16]), message: LINK.0.clone() }),
        ("own", Request::Own(vec![3; 96])),
        ("heights", ask(RoomRequest::Heights { digest: [7; 32], epochs: [8; 32] })),
        ("page", ask(RoomRequest::Page { log: key(1), from: u64::MAX })),
        ("tail", ask(RoomRequest::Tail { limit: 200 })),
        ("push", ask(RoomRequest::Push { entries: entries(3) })),
        ("register", ask(RoomRequest::Register { genesis, epochs: entries(2) })),
        ("received", ask(RoomRequest::Received { heights: vec![(key(1), 5)] })),
        ("epochs", ask(RoomRequest::Epochs { tips: vec![entry_id(4); EPOCH_TIPS_MAX] })),
    ];
    let accounts = example_requests().into_iter().map(Request::Account).enumerate();
    let named = named.into_iter().map(|(name, request)| (name.to_owned(), request));
    named.chain(accounts.map(|(at, request)| (format!("account_{at:02}"), request))).collect()
}

/// Answers of every kind, with a name each.
pub fn answers() -> Vec<(String, Answer)> {
    let tail = Tail { suffixes: vec![entries(3), entries(1)], openers: entries(2), total: 99 };
    let named = [
        ("found", Answer::Found(Some(Box::new(doors::example_found())))),
        ("not_found", Answer::Found(None)),
        ("entered", Answer::Entered(Entered::In(vec![doors::wrap(&Room::new(1), &doors::CODES[0])]))),
        ("entered_again", Answer::Entered(Entered::Again(doors::example_found().offers))),
        ("not_entered", Answer::Entered(Entered::Refused(NotEntered::UsedUp))),
        ("same", Answer::Same),
        ("heights", Answer::Heights(vec![(key(1), height(4))])),
        ("page", Answer::Page(entries(2))),
        ("tail", Answer::Tail(tail)),
        ("pushed", Answer::Pushed(vec![(key(1), height(4))])),
        ("done", Answer::Done),
        ("epochs", Answer::Epochs { entries: entries(2), tips: vec![entry_id(4)] }),
        ("hello", Answer::Hello(Some(introduction()))),
        ("link", Answer::Link(Some(LINK.1.clone()))),
        ("own", Answer::Own(Some(vec![4; 200]))),
    ];
    let refusals = [
        Refusal::UnknownRoom,
        Refusal::NotAdmitted(NotAdmitted::Show),
        Refusal::Busy { retry_ms: 500 },
        Refusal::DoesNotFit,
        Refusal::QuotaReached,
        Refusal::StoreUnavailable,
        Refusal::RegistrationClosed,
        Refusal::Malformed,
        Refusal::Unsupported,
        Refusal::Other { reason: 999 },
        Refusal::NotAdmitted(NotAdmitted::Out),
        Refusal::NotAdmitted(NotAdmitted::Removed),
        Refusal::NotAdmitted(NotAdmitted::ShutOut),
    ];
    let account_refusals = [
        AccountRefusal::WrongLogIn,
        AccountRefusal::NotSignedIn,
        AccountRefusal::LogInAgain,
        AccountRefusal::NameTaken,
        AccountRefusal::Closed,
        AccountRefusal::Token,
        AccountRefusal::Wait { ms: 900 },
        AccountRefusal::Disabled,
        AccountRefusal::TooManyDevices,
        AccountRefusal::Full,
        AccountRefusal::Unavailable,
        AccountRefusal::Unfit,
        AccountRefusal::Other { reason: 999 },
    ];
    let named = named.into_iter().map(|(name, answer)| (name.to_owned(), answer));
    let refused = refusals.into_iter().map(Answer::Refused).enumerate();
    let accounts = account_refusals.map(AccountAnswer::Refused);
    let accounts = example_answers().into_iter().chain(accounts).map(Answer::Account).enumerate();
    named
        .chain(refused.map(|(at, answer)| (format!("refused_{at:02}"), answer)))
        .chain(accounts.map(|(at, answer)| (format!("account_{at:02}"), answer)))
        .collect()
}

/// Gossip of every kind, with a name each.
pub fn gossip() -> Vec<(&'static str, Gossip)> {
    vec![
        ("entry", Gossip::Entry(entries(1).remove(0))),
        ("signal", Gossip::Signal(signal())),
        ("run", Gossip::Run(entries(2))),
    ]
}
