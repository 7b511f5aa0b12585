//! Linking a new device by a code. The old one shows it and waits; the new one asks everybody who is
//! connected and is given key, rooms and all the rest in one answer.
//!
//! On the new device all of it becomes durable in one batch and holds only then, so a link that is cut
//! off anywhere is done or not done. On the old one an offer is kept in memory and nowhere else: it ends
//! with its first use, after ten minutes, or with a restart.
//!
//! Guessing does not end it. Nobody gets through 2^80, so an end would only be a way to stop a link. A
//! new device asks everybody and so says the locator to everybody; who asks with another one asks for
//! another offer and guesses at nothing, as most do where many people link at once. Only a handshake
//! that names the locator costs this machine work, and only such are held back when they are many.

use parlor_protocol::{
    DeviceId, LinkCode, Locator, Name, codec,
    keys::Secret,
    limits::LINK_MAX,
    link::{LinkAnswering, LinkGift, Linking, StretchedLink},
    rate::Rate,
    wire::{Answer, Refusal, Request},
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use zeroize::Zeroizing;

use super::{DeviceAsked, label_of};
use crate::{
    command::Reply,
    engine::{
        Engine,
        account::{AccountBundle, DeviceNote, Stamp, Stamped},
        io::{CallId, JobId, Output},
        rates::{Meter, Share},
        timers::Timer,
        unsaved::Again,
        writing::Pending,
    },
    error::CommandError,
    event::Event,
    net::InboundId,
    store::{SecretBytes, Write},
};

/// How long a code may be used, in milliseconds: time to walk to the other device and type it.
const OFFER_LASTS_MS: u64 = 10 * 60 * 1_000;
/// How often the handshake may be tried with the locator of the offer.
const HANDSHAKES: Share =
    Share { device: Rate::per_second(1, 5), address: Rate::per_second(5, 20), strangers: Rate::per_second(50, 100) };
/// Wrong handshakes after which the person is told, once: no honest device makes one.
const TOLD_AFTER: u32 = 20;
/// How long to look when everybody asked so far said no, in milliseconds.
const UNKNOWN_AFTER_MS: u64 = 6_000;
/// How long to look for anybody to ask, in milliseconds.
const NOBODY_AFTER_MS: u64 = 30_000;
/// How often a link looks for somebody new to ask, in milliseconds.
const LOOK_EVERY_MS: u64 = 500;
/// How often one device is asked again when its answer was lost.
const REPEATS_MAX: u32 = 3;
/// When a device that was busy is asked again, at the soonest and at the latest, in milliseconds.
const BUSY_MS: std::ops::RangeInclusive<u32> = 250..=5_000;

/// A code that a new device may be linked with.
#[derive(Debug)]
pub(super) struct Offer {
    job: JobId,
    call: Option<CallId>,
    code: LinkCode,
    stretched: Option<StretchedLink>,
    /// Up to when it may be used, on the monotonic clock.
    until: u64,
    /// Handshakes with its locator, and how many of them were wrong.
    handshakes: Meter,
    wrong: u32,
    given: Option<Given>,
}

/// What was given to the one device that used the code: the same again when its answer was lost.
#[derive(Debug)]
struct Given {
    to: DeviceId,
    message: Vec<u8>,
    gift: LinkGift,
}

/// This device is being linked.
#[derive(Debug)]
pub(super) struct Link {
    job: JobId,
    call: CallId,
    stretched: Option<StretchedLink>,
    asked: BTreeMap<DeviceId, Asked>,
    said_no: BTreeSet<DeviceId>,
    started: u64,
    /// Somebody answered, and it is on its way to the disk.
    is_writing: bool,
}

impl Link {
    /// A machine went; should it come back it is asked anew.
    pub(super) fn forget(&mut self, peer: DeviceId) {
        self.asked.remove(&peer);
    }
}

#[derive(Debug)]
struct Asked {
    state: Linking,
    message: Vec<u8>,
    repeats: u32,
    /// It had no time, and when it is asked again, on the monotonic clock; 0 while it is being asked.
    was_busy: bool,
    again: u64,
}

/// What the new device is given.
#[derive(Serialize, Deserialize)]
struct Handover {
    /// What the old device is called.
    label: String,
    /// Everything that the person's devices share, encoded.
    bundle: SecretBytes,
}

/// Everything that a link brought, to be taken up once it is durable.
#[derive(Debug)]
pub(in crate::engine) struct Linked {
    call: CallId,
    by: String,
    bundle: AccountBundle,
}

// The old device.
impl Engine {
    pub(super) fn offer_link(&mut self, call: CallId, label: Name) {
        if self.profile_body().is_none() {
            return self.fail(call, CommandError::NoName);
        }
        self.end_offer(CommandError::Cancelled);
        self.person.suggested = Some(label);
        let (job, code) = (JobId(self.number()), LinkCode::random(&mut self.rng));
        self.out.push(Output::StretchLink { job, code: code.clone() });
        self.devices.offer = Some(Offer {
            job,
            call: Some(call),
            code,
            stretched: None,
            until: self.now.mono + OFFER_LASTS_MS,
            handshakes: Meter::new(HANDSHAKES),
            wrong: 0,
            given: None,
        });
    }

    /// Ends an offer, if there is one.
    pub(super) fn end_offer(&mut self, error: CommandError) {
        if let Some(offer) = self.devices.offer.take() {
            self.reply(offer.call, Err(error));
        }
    }

    /// See whether an offer is over.
    pub(in crate::engine) fn check_offer(&mut self) {
        match self.devices.offer.as_ref().map(|offer| offer.until) {
            Some(until) if until <= self.now.mono => self.end_offer(CommandError::Cancelled),
            Some(until) => self.timers.set(until, Timer::Offer),
            None => {}
        }
    }

    /// A code was stretched, for an offer or for being linked.
    pub(in crate::engine) fn on_link_stretched(&mut self, job: JobId, stretched: Option<StretchedLink>) {
        let no_memory = || CommandError::Invalid {
            what: "there is not enough free memory to work with codes (64 MiB are needed); close something".into(),
        };
        let (now, wall) = (self.now.mono, self.now.wall);
        if let Some(offer) = self.devices.offer.as_mut().filter(|offer| offer.job == job) {
            if stretched.is_none() {
                return self.end_offer(no_memory());
            }
            offer.stretched = stretched;
            offer.until = now + OFFER_LASTS_MS;
            let (call, code) = (offer.call.take(), offer.code.clone());
            self.check_offer();
            self.reply(call, Ok(Reply::LinkOffered { code, expires: wall.saturating_add(OFFER_LASTS_MS) }));
        } else if let Some(link) = self.devices.link.as_mut().filter(|link| link.job == job) {
            if stretched.is_none() {
                return self.fail_link(no_memory());
            }
            link.stretched = stretched;
            self.check_link();
        }
    }

    /// A new device asks. Whatever is wrong, the answer is the same.
    /// None when the answer waits for the disk.
    pub(in crate::engine) fn on_link(
        &mut self,
        inbound: InboundId,
        from: DeviceId,
        locator: Locator,
        message: &[u8],
    ) -> Option<Answer> {
        if !self.connections.may_look_up(from, self.now.mono) {
            return Some(Answer::Refused(Refusal::Busy { retry_ms: 1_000 }));
        }
        self.check_offer();
        let (asker, now) = (self.asker(from), self.now.mono);
        let is_meant = |offer: &&mut Offer| offer.stretched.as_ref().is_some_and(|code| code.locator() == locator);
        let Some(offer) = self.devices.offer.as_mut().filter(is_meant) else { return Some(Answer::Link(None)) };
        if let Err(retry_ms) = offer.handshakes.take(asker, now) {
            return Some(Answer::Refused(Refusal::Busy { retry_ms }));
        }
        let Some(gift) = self.give_to(from, message) else { return Some(Answer::Link(None)) };
        // A crash in between must not leave a device that has everything and that this one does not know.
        let Some(write) = self.put_person() else { return Some(Answer::Link(None)) };
        self.write(vec![write], Pending::unasked(Again::Gift(Box::new((inbound, gift)))));
        None
    }

    /// The new device is on the list, durably: it is given everything.
    pub(in crate::engine) fn on_gift_saved(&mut self, inbound: InboundId, gift: LinkGift) {
        self.answer(inbound, &Answer::Link(Some(gift)));
        self.agree_soon();
        self.event(Event::DevicesChanged);
    }

    /// The list could not be saved: the new device asks once more.
    pub(in crate::engine) fn on_gift_not_saved(&mut self, inbound: InboundId) {
        self.answer(inbound, &Answer::Refused(Refusal::Busy { retry_ms: 1_000 }));
    }

    fn give_to(&mut self, from: DeviceId, message: &[u8]) -> Option<LinkGift> {
        let me = self.me();
        let offer = self.devices.offer.as_ref()?;
        let code = offer.stretched.as_ref()?;
        if let Some(given) = &offer.given {
            let is_same = given.to == from && given.message == message;
            return is_same.then(|| given.gift.clone());
        }
        let Ok(answering) = LinkAnswering::read(code, from, me, message, &mut self.rng) else {
            self.count_wrong();
            return None;
        };
        let own = self.bundle_with(from);
        let bundle = match own.revoked.contains_key(&from) {
            // It is told that it is out, and nothing else.
            true => notice(&own),
            false => self.cut_to(from, own.clone()),
        };
        let known = self.person.bundle.as_ref().and_then(|own| own.devices.get(&me));
        let label = known.map(|note| label_of(&note.value.label, me)).unwrap_or_default();
        let gift = encoded(label, &bundle).and_then(|contents| answering.give(&contents).ok());
        let Some(gift) = gift else {
            self.end_offer(CommandError::VaultFull);
            self.problem(
                "a new device could not be linked: there are more rooms here than can be handed over",
                "Leave some rooms, then offer a new code.",
            );
            return None;
        };
        if let Some(offer) = self.devices.offer.as_mut() {
            offer.given = Some(Given { to: from, message: message.to_vec(), gift: gift.clone() });
        }
        if !own.revoked.contains_key(&from) {
            self.person.bundle = Some(own);
            self.await_word(from);
        }
        Some(gift)
    }

    /// What the devices share with a new one among them: from now on it is answered when it asks what is
    /// new. It says itself what it is called.
    fn bundle_with(&mut self, new: DeviceId) -> AccountBundle {
        let mut bundle = self.renew_bundle();
        let note = || DeviceNote { created: self.now.wall, ..DeviceNote::default() };
        bundle.devices.entry(new).or_insert_with(|| Stamped::new(note(), Stamp::default()));
        bundle
    }

    fn count_wrong(&mut self) {
        let Some(offer) = self.devices.offer.as_mut() else { return };
        offer.wrong = offer.wrong.saturating_add(1);
        if offer.wrong == TOLD_AFTER {
            self.problem(
                "somebody on this network guesses at the code for your new device",
                "No guess was right, and the code still works. If the new device is held up, link it on a network that \
                 you trust.",
            );
        }
    }
}

fn notice(own: &AccountBundle) -> AccountBundle {
    let mut notice = AccountBundle::new(Secret::from_bytes([0; 32]), Stamped::default());
    notice.revoked = own.revoked.clone();
    notice
}

fn encoded(label: String, bundle: &AccountBundle) -> Option<Zeroizing<Vec<u8>>> {
    let handover = Handover { label, bundle: SecretBytes(bundle.encode().ok()?) };
    codec::encode_secret(&handover, LINK_MAX).ok()
}

// The new device.
impl Engine {
    pub(super) fn link_by(&mut self, call: CallId, code: LinkCode, label: Name) {
        let is_signed_in = self.account.record.as_ref().is_some_and(|record| record.signed_in);
        let error = match () {
            () if self.devices.link.is_some() => Some(CommandError::LinkBusy),
            () if is_signed_in => Some(CommandError::AlreadySignedIn),
            // Its own code would be asked of nobody.
            () if self.devices.offer.as_ref().is_some_and(|offer| offer.code == code) => Some(CommandError::LinkOwn),
            () => None,
        };
        if let Some(error) = error {
            return self.fail(call, error);
        }
        self.person.suggested = Some(label);
        let job = JobId(self.number());
        self.out.push(Output::StretchLink { job, code });
        self.devices.link = Some(Link {
            job,
            call,
            stretched: None,
            asked: BTreeMap::new(),
            said_no: BTreeSet::new(),
            started: self.now.mono,
            is_writing: false,
        });
    }

    /// Ends being linked. What is on its way to the disk is not stopped any more.
    pub(in crate::engine) fn fail_link(&mut self, error: CommandError) {
        if let Some(link) = self.devices.link.take_if(|link| !link.is_writing) {
            self.reply(Some(link.call), Err(error));
        }
    }

    /// Asks everybody who has not been asked, and gives up when it is time.
    pub(in crate::engine) fn check_link(&mut self) {
        let (me, now, peers) = (self.me(), self.now.mono, self.connections.members());
        let Some(link) = self.devices.link.as_mut().filter(|link| !link.is_writing) else { return };
        let Some(code) = link.stretched.as_ref() else { return };
        let job = link.job;
        let mut requests = Vec::new();
        for (peer, asked) in link.asked.iter_mut().filter(|(_, asked)| (1..=now).contains(&asked.again)) {
            asked.again = 0;
            requests.push((*peer, Request::Link { locator: code.locator(), message: asked.message.clone() }));
        }
        for peer in &peers {
            if link.asked.contains_key(peer) || link.said_no.contains(peer) {
                continue;
            }
            if let Ok((state, message)) = Linking::start(code, me, *peer, &mut self.rng) {
                requests.push((*peer, Request::Link { locator: code.locator(), message: message.clone() }));
                link.asked.insert(*peer, Asked { state, message, repeats: 0, was_busy: false, again: 0 });
            }
        }
        let waited = now.saturating_sub(link.started);
        let all_said_no = link.asked.is_empty() && !link.said_no.is_empty();
        if (waited >= UNKNOWN_AFTER_MS && all_said_no) || waited >= NOBODY_AFTER_MS {
            let busy = link.asked.values().filter(|asked| asked.was_busy).count();
            let error = match (busy, link.said_no.len()) {
                (0, 0) => CommandError::NobodyFound,
                (0, asked) => CommandError::LinkUnknown { asked },
                (busy, asked) => CommandError::LinkHeldUp { asked, busy },
            };
            return self.fail_link(error);
        }
        for (peer, request) in requests {
            self.ask_device(DeviceAsked::Link { peer, job }, &request);
        }
        self.timers.set(now + LOOK_EVERY_MS, Timer::Link);
    }

    pub(super) fn on_link_answer(&mut self, job: JobId, from: DeviceId, answer: Option<Answer>) {
        let now = self.now.mono;
        let link = self.devices.link.as_mut().filter(|link| link.job == job && !link.is_writing);
        let Some(link) = link else { return };
        match answer {
            Some(Answer::Link(gift)) => {
                let Some(asked) = link.asked.remove(&from) else { return };
                // Anything that the code does not open is as good as a no: the peer may be hostile.
                let contents = gift.and_then(|gift| asked.state.finish(&gift).ok());
                match contents.and_then(|contents| decoded(&contents)) {
                    Some((by, bundle)) => self.take_link(by, bundle),
                    None => {
                        link.said_no.insert(from);
                    }
                }
            }
            // The very same again when it has time.
            Some(Answer::Refused(Refusal::Busy { retry_ms })) => {
                let Some(asked) = link.asked.get_mut(&from) else { return };
                let wait = retry_ms.clamp(*BUSY_MS.start(), *BUSY_MS.end());
                (asked.was_busy, asked.again) = (true, now + u64::from(wait));
            }
            // Lost: the very same again.
            _ => {
                let Some((code, asked)) = link.stretched.as_ref().zip(link.asked.get_mut(&from)) else { return };
                if asked.repeats >= REPEATS_MAX {
                    link.asked.remove(&from);
                    link.said_no.insert(from);
                    return;
                }
                asked.repeats += 1;
                let request = Request::Link { locator: code.locator(), message: asked.message.clone() };
                self.ask_device(DeviceAsked::Link { peer: from, job }, &request);
            }
        }
    }

    /// Writes who this device becomes; nothing of it holds before that is durable.
    fn take_link(&mut self, by: String, mut bundle: AccountBundle) {
        let me = self.me();
        self.leave_out(&mut bundle);
        if bundle.revoked.contains_key(&me) {
            return self.fail_link(CommandError::DeviceRevoked);
        }
        let Some(link) = self.devices.link.as_mut() else { return };
        link.is_writing = true;
        let call = link.call;
        let mut identity = self.identity.clone();
        identity.user_seed = bundle.user_seed.clone();
        let Ok(contents) = bundle.encode() else { return };
        let record = crate::store::PersonRecord {
            bundle: SecretBytes(contents),
            entered: BTreeSet::new(),
            before: (identity.user_seed != self.identity.user_seed).then(|| self.identity.user_seed.clone()),
        };
        let writes = vec![Write::PutIdentity(Box::new(identity)), Write::PutPerson(Some(Box::new(record)))];
        let linked = Linked { call, by: by.clone(), bundle };
        let pending = Pending::unasked(Again::Linked(Box::new(linked)));
        self.write(writes, pending);
    }

    /// It is durable: this device is one of the person's.
    pub(in crate::engine) fn on_linked(&mut self, linked: Linked) {
        self.devices.link = None;
        let Linked { call, by, bundle } = linked;
        // A former account, signed out from elsewhere, was another person's.
        self.account.record = None;
        let bundle = self.become_person(bundle);
        // What was written meanwhile may have been of before.
        let mut writes = vec![Write::PutIdentity(Box::new(self.identity.clone())), Write::PutAccount(None)];
        writes.extend(self.put_person());
        self.write(writes, Pending::unasked(Again::Person));
        self.enter_rooms(&bundle);
        self.tell_account_changed();
        self.event(Event::DevicesChanged);
        self.agree();
        let rooms = bundle.rooms.values().filter(|room| room.held.value).count();
        self.reply(Some(call), Ok(Reply::Linked { by, rooms }));
    }

    /// It could not be saved: nothing has changed.
    pub(in crate::engine) fn on_link_not_saved(&mut self, linked: &Linked, reason: &str) {
        self.devices.link = None;
        self.reply(Some(linked.call), Err(CommandError::Storage { reason: reason.to_owned() }));
    }
}

fn decoded(contents: &[u8]) -> Option<(String, AccountBundle)> {
    let handover: Handover = codec::decode(contents, LINK_MAX, "link").ok()?;
    let label = Name::new(&handover.label).ok()?;
    let bundle = AccountBundle::decode(&handover.bundle.0).ok()?;
    Some((label.as_str().to_owned(), bundle))
}
