//! The shell of the engine: a loop, a `select!`, translation. It decides nothing.
//!
//! Nobody waits for anybody in a circle: what the engine wants of the store and the network goes
//! into queues of the actor's own first, and while these are long the actor takes no new commands
//! (and, for the store, no network events), but always takes reports. So the store can always
//! report, the network can always hand over, and the queues stay short.

use futures::{StreamExt as _, stream::FuturesUnordered};
use parlor_protocol::{access::CodeKeys, link::StretchedLink};
use rand_core::{OsRng, TryRngCore as _};
use std::{
    collections::{HashMap, VecDeque},
    pin::pin,
    time::Duration,
};
use tokio::sync::{
    broadcast,
    mpsc::{self, error::TrySendError},
    oneshot,
};
use web_time::{Instant, SystemTime};
use zeroize::Zeroizing;

use crate::{
    engine::{CallId, Engine, Input, JobId, Now, Output, account::PasswordWork},
    event::Event,
    handle::{Answer, Call},
    net::{NetCommand, NetEvent, NetHandle},
    runtime::{self, Heavy},
    store::{
        Loaded, LockChange, LockKeeper, LockKind,
        task::{Done, Job, StorePorts},
    },
};

/// While this many jobs wait for the store nothing new is taken in.
const STORE_BACKLOG: usize = 512;
/// While this many commands wait for the network no new calls are taken.
const NET_BACKLOG: usize = 1024;
/// Commands or network events that the engine takes as one turn, when so many wait: enough that their
/// entries leave as one message, few enough that others can work on it while the next is made.
const TURN_MAX: usize = 32;
/// While so few writes wait that nobody is waiting for, the store's thread is not woken for them.
const STORE_PATIENCE: usize = 64;
/// Codes stretched at the same time; each takes 64 MiB and a processor.
const STRETCHING_MAX: usize = 2;
/// How long the store may take to finish when the node stops.
const STOP_WITHIN: Duration = Duration::from_secs(10);

/// The network's ends; absent in a node that works offline.
#[derive(Debug)]
pub(crate) struct NetPorts {
    pub(crate) handle: NetHandle,
    pub(crate) events: mpsc::Receiver<NetEvent>,
}

/// Everything the actor is connected to.
pub(crate) struct Ports {
    pub(crate) calls: mpsc::Receiver<Call>,
    pub(crate) events: broadcast::Sender<Event>,
    pub(crate) store: StorePorts,
    pub(crate) net: Option<NetPorts>,
    pub(crate) keeper: LockKeeper,
    pub(crate) stop: oneshot::Receiver<()>,
}

/// Something to stretch.
enum Stretch {
    Code(JobId, parlor_protocol::RoomCode),
    Link(JobId, parlor_protocol::LinkCode),
    Password(JobId, PasswordWork),
}

struct Actor {
    engine: Engine,
    clock: Clock,
    answers: HashMap<CallId, Answer>,
    next_call: u64,
    events: broadcast::Sender<Event>,
    to_store: VecDeque<Job>,
    /// Whether the store gets what waits for it; else it waits for company.
    is_store_due: bool,
    to_net: VecDeque<NetCommand>,
    to_stretch: VecDeque<Stretch>,
    stretching: FuturesUnordered<Heavy<Input>>,
    keeper: LockKeeper,
    to_lock: VecDeque<(JobId, Option<Box<LockChange>>)>,
    locking: FuturesUnordered<Heavy<(JobId, Result<LockKind, String>)>>,
    /// None once the node stops.
    jobs: Option<mpsc::Sender<Job>>,
    net: Option<NetHandle>,
}

#[derive(Clone, Copy, Debug)]
struct Clock {
    start: Instant,
}

impl Clock {
    fn now(self) -> Now {
        let millis = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        let wall = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, millis);
        Now { mono: millis(self.start.elapsed()), wall }
    }

    fn instant(self, mono: u64) -> Instant {
        self.start + Duration::from_millis(mono)
    }
}

/// An engine's random seed from the system.
///
/// # Errors
/// The system's reason; without randomness nothing may start.
pub(crate) fn random_seed() -> Result<[u8; 32], String> {
    let mut seed = [0; 32];
    OsRng.try_fill_bytes(&mut seed).map_err(|error| error.to_string())?;
    Ok(seed)
}

/// Runs an engine until it is told to stop; returns when everything is written.
pub(crate) async fn run(loaded: Loaded, seed: [u8; 32], ports: Ports) {
    let Ports { mut calls, events, store, net, keeper, stop } = ports;
    let StorePorts { jobs, mut done, thread } = store;
    let clock = Clock { start: Instant::now() };
    let (engine, outputs) = Engine::new(loaded, seed, clock.now());
    let (handle, mut net_events) = net.map(|net| (net.handle, net.events)).unzip();
    let mut actor = Actor {
        engine,
        clock,
        answers: HashMap::new(),
        next_call: 0,
        events,
        to_store: VecDeque::new(),
        is_store_due: false,
        to_net: VecDeque::new(),
        to_stretch: VecDeque::new(),
        stretching: FuturesUnordered::new(),
        keeper,
        to_lock: VecDeque::new(),
        locking: FuturesUnordered::new(),
        jobs: Some(jobs.clone()),
        net: handle.clone(),
    };
    actor.carry_out(outputs);
    let mut stop = pin!(stop);
    let (mut new_calls, mut new_events) = (Vec::with_capacity(TURN_MAX), Vec::with_capacity(TURN_MAX));
    loop {
        actor.stretch_next();
        actor.lock_next();
        let deadline = actor.engine.next_deadline().map(|mono| clock.instant(mono));
        let is_calm = actor.to_store.len() < STORE_BACKLOG;
        tokio::select! {
            _ = &mut stop => break,
            report = done.recv() => match report {
                Some(report) => actor.take_report(report),
                None => break,
            },
            permit = jobs.reserve(), if actor.is_store_due => {
                let Ok(permit) = permit else { break };
                if let Some(job) = actor.to_store.pop_front() {
                    permit.send(job);
                }
                actor.feed_store();
            }
            permit = reserve(handle.as_ref()), if !actor.to_net.is_empty() => {
                match (permit, actor.to_net.pop_front()) {
                    (Some(permit), Some(command)) => permit.send(command),
                    // The network has ended: nobody to send to.
                    _ => actor.to_net.clear(),
                }
                actor.feed_net();
            }
            () = next_of(net_events.as_mut(), &mut new_events), if is_calm => {
                actor.inputs(new_events.drain(..).map(Input::Net));
            }
            Some(Ok(input)) = actor.stretching.next(), if !actor.stretching.is_empty() => actor.input(input),
            Some(Ok((job, result))) = actor.locking.next(), if !actor.locking.is_empty() => {
                actor.input(Input::Locked { job, result });
            }
            1.. = calls.recv_many(&mut new_calls, TURN_MAX), if is_calm && actor.to_net.len() < NET_BACKLOG => {
                actor.take_calls(&mut new_calls);
            }
            () = sleep_until(deadline) => actor.input(Input::Tick),
        }
    }
    actor.input(Input::Stop);
    actor.jobs = None;
    if let Some(handle) = &handle {
        for command in actor.to_net.drain(..) {
            // A network that is gone hears no goodbye.
            let _ = handle.sender().try_send(command);
        }
    }
    let finish = async {
        for job in std::mem::take(&mut actor.to_store) {
            while let Ok(report) = done.try_recv() {
                actor.take_report(report);
            }
            if jobs.send(job).await.is_err() {
                break;
            }
        }
        drop(jobs);
        while let Some(report) = done.recv().await {
            actor.take_report(report);
        }
    };
    if runtime::timeout(STOP_WITHIN, finish).await.is_err() {
        tracing::error!("the store did not finish in time; what was not acknowledged may be missing");
    }
    drop(done);
    thread.ended();
    // Nobody may be listening any more.
    let _ = actor.events.send(Event::Stopped);
}

impl Actor {
    fn input(&mut self, input: Input) {
        self.inputs([input]);
    }

    /// Gives the engine inputs as one turn.
    fn inputs(&mut self, inputs: impl IntoIterator<Item = Input>) {
        // A system that has none for a moment is what the engine's generator is hedged against.
        let fresh = Zeroizing::new(random_seed().unwrap_or_default());
        let outputs = self.engine.handle_all(self.clock.now(), &fresh, inputs);
        self.carry_out(outputs);
    }

    fn take_calls(&mut self, calls: &mut Vec<Call>) {
        let mut inputs = Vec::with_capacity(calls.len());
        for Call { command, answer } in calls.drain(..) {
            self.next_call += 1;
            let call = CallId(self.next_call);
            self.answers.insert(call, answer);
            inputs.push(Input::Command { call, command });
        }
        self.inputs(inputs);
    }

    fn take_report(&mut self, report: Done) {
        match report {
            Done::Written(batches) => {
                self.inputs(batches.into_iter().map(|(id, result)| Input::Written { id, result }));
            }
            Done::Read { id, result } => self.input(Input::Read { id, result }),
        }
    }

    /// Hands outputs out: first to the network, because others wait for it.
    fn carry_out(&mut self, outputs: Vec<Output>) {
        let (to_net, others): (Vec<_>, Vec<_>) =
            outputs.into_iter().partition(|output| matches!(output, Output::Net(_)));
        for output in to_net.into_iter().chain(others) {
            match output {
                // Without subscribers there is nobody to tell.
                Output::Event(event) => drop(self.events.send(event)),
                Output::Reply { call, result } => match self.answers.remove(&call) {
                    Some(Answer::Once(answer)) => drop(answer.send(result)),
                    Some(Answer::Event(id)) => drop(self.events.send(Event::Replied { id, result })),
                    None => {}
                },
                Output::Net(command) if self.net.is_some() => {
                    self.to_net.push_back(command);
                    self.feed_net();
                }
                Output::Net(_) => {}
                Output::Write { id, writes, urgent } => self.give_store(Job::Write { id, writes, urgent }, urgent),
                Output::Flush => self.give_store(Job::Flush, true),
                Output::Tidy => self.give_store(Job::Tidy, true),
                Output::Read { id, read } => self.give_store(Job::Read { id, read }, true),
                Output::Stretch { job, code } => self.to_stretch.push_back(Stretch::Code(job, code)),
                Output::StretchLink { job, code } => self.to_stretch.push_back(Stretch::Link(job, code)),
                Output::Password { job, work } => self.to_stretch.push_back(Stretch::Password(job, work)),
                Output::Lock { job, change } => self.to_lock.push_back((job, change)),
            }
        }
        self.feed_store();
    }

    fn give_store(&mut self, job: Job, urgent: bool) {
        self.to_store.push_back(job);
        self.is_store_due |= urgent || self.to_store.len() >= STORE_PATIENCE;
    }

    /// Hands the store what is due, as far as it has room.
    fn feed_store(&mut self) {
        let Some(jobs) = &self.jobs else { return };
        while self.is_store_due {
            let Some(job) = self.to_store.pop_front() else {
                self.is_store_due = false;
                return;
            };
            // When it is closed the loop finds out.
            if let Err(TrySendError::Full(job) | TrySendError::Closed(job)) = jobs.try_send(job) {
                self.to_store.push_front(job);
                return;
            }
        }
    }

    /// Hands the network what waits, as far as it has room.
    fn feed_net(&mut self) {
        let Some(net) = &self.net else { return };
        while let Some(command) = self.to_net.pop_front() {
            // When it is closed the loop finds out.
            if let Err(TrySendError::Full(command) | TrySendError::Closed(command)) = net.sender().try_send(command) {
                self.to_net.push_front(command);
                return;
            }
        }
    }

    /// Stretches codes, a few at a time.
    fn stretch_next(&mut self) {
        while self.stretching.len() < STRETCHING_MAX {
            let Some(work) = self.to_stretch.pop_front() else { break };
            self.stretching.push(match work {
                Stretch::Code(job, code) => runtime::stretch(code.stretching(), move |done| Input::Stretched {
                    job,
                    code: done.ok().map(|done| Box::new(CodeKeys::from(&done))),
                }),
                Stretch::Link(job, code) => runtime::stretch(code.stretching(), move |done| Input::LinkStretched {
                    job,
                    link: done.ok().map(|done| StretchedLink::from(&done)),
                }),
                Stretch::Password(job, work) => match work.stretching() {
                    Ok(to_stretch) => {
                        runtime::stretch(to_stretch, move |done| Input::Password { job, worked: work.stretched(done) })
                    }
                    Err(error) => runtime::heavy(move || Input::Password { job, worked: work.refused(error) }),
                },
            });
        }
    }
}

impl Actor {
    /// Changes the lock, one change after the other.
    fn lock_next(&mut self) {
        if !self.locking.is_empty() {
            return;
        }
        let Some((job, change)) = self.to_lock.pop_front() else { return };
        self.locking.push(self.keeper.start(job, change.map(|change| *change)));
    }
}

async fn reserve(handle: Option<&NetHandle>) -> Option<mpsc::Permit<'_, NetCommand>> {
    match handle {
        Some(handle) => handle.sender().reserve().await.ok(),
        None => None,
    }
}

/// The next events; never when there is no network or it has ended.
async fn next_of(events: Option<&mut mpsc::Receiver<NetEvent>>, into: &mut Vec<NetEvent>) {
    let taken = match events {
        Some(events) => events.recv_many(into, TURN_MAX).await,
        None => 0,
    };
    if taken == 0 {
        std::future::pending().await
    }
}

async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => runtime::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
