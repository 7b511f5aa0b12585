//! A line between two programs that a test can hold at any moment: a TCP relay that counts the pieces
//! which pass it. What a program had sent when it was killed, and what it never heard of, is then
//! chosen and not left to a clock.

use anyhow::Context as _;
use rand_core::RngCore;
use std::{
    io::{Read as _, Write as _},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

/// How long a held piece waits before its line is given up.
const HELD_MAX: Duration = Duration::from_secs(60);
/// How often whoever waits looks whether its program still runs.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// The longest piece.
const PIECE: usize = 64 * 1024;

/// A moment of an operation: the piece on the wire that is held, and whether it still arrives.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// The piece, counted from the trap.
    pub piece: usize,
    /// Whether it arrives when somebody was killed.
    pub arrives: bool,
}

/// Moments of an operation of so many pieces, spread from where the two have met to the end.
pub fn moments(rng: &mut impl RngCore, pieces: usize, count: usize) -> Vec<Moment> {
    let met = pieces / 4;
    let step = (pieces - met).div_ceil(count).max(1);
    let at = |number: usize| Moment {
        piece: met + number * step + usize::try_from(rng.next_u64()).unwrap_or(0) % step,
        arrives: rng.next_u64().is_multiple_of(2),
    };
    (0..count).map(at).collect()
}

#[derive(Debug, Default)]
struct Line {
    passed: usize,
    /// The piece that will be held.
    trap: Option<usize>,
    is_held: bool,
    /// What becomes of the held piece.
    verdict: Option<bool>,
}

/// A relay to one port of this machine. It stops taking connections when it is dropped.
#[derive(Debug)]
pub struct Relay {
    port: u16,
    line: Arc<(Mutex<Line>, Condvar)>,
}

impl Relay {
    /// Starts one.
    ///
    /// # Errors
    /// When there is no port for it.
    pub fn start(to: u16) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).context("no port for the relay")?;
        let port = listener.local_addr()?.port();
        let line = Arc::new((Mutex::new(Line::default()), Condvar::new()));
        let weak = Arc::downgrade(&line);
        thread::spawn(move || {
            for from in listener.incoming() {
                let (Some(line), Ok(from)) = (weak.upgrade(), from) else { return };
                // Nobody may listen there at the moment.
                let Ok(there) = TcpStream::connect(("127.0.0.1", to)) else { continue };
                let (Ok(from_too), Ok(there_too)) = (from.try_clone(), there.try_clone()) else { return };
                let line_too = Arc::clone(&line);
                thread::spawn(move || carry(&from, &there, &line));
                thread::spawn(move || carry(&there_too, &from_too, &line_too));
            }
        });
        Ok(Self { port, line })
    }

    /// Its port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Pieces that have passed since the last trap was set, or since the start.
    #[must_use]
    pub fn passed(&self) -> usize {
        self.line().passed
    }

    /// Counts anew from here, and holds the piece with this number; none when there is no number.
    pub fn trap(&self, piece: Option<usize>) {
        *self.line() = Line { trap: piece, ..Line::default() };
        self.line.1.notify_all();
    }

    /// Waits until the piece is held: true. False when `has_ended` says so before.
    pub fn until_held(&self, mut has_ended: impl FnMut() -> bool) -> bool {
        let mut line = self.line();
        while !line.is_held {
            if has_ended() {
                return false;
            }
            line = self.line.1.wait_timeout(line, LOOK_EVERY).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    /// Lets the held piece pass, or cuts its line.
    pub fn release(&self, passes: bool) {
        let mut line = self.line();
        (line.verdict, line.trap) = (Some(passes), None);
        self.line.1.notify_all();
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.release(false);
        // The listener looks once more, and finds that it is not needed.
        drop(TcpStream::connect(("127.0.0.1", self.port)));
    }
}

/// Carries what one side says to the other, until either has gone.
fn carry(mut from: &TcpStream, mut to: &TcpStream, line: &(Mutex<Line>, Condvar)) {
    let mut piece = vec![0; PIECE];
    while let Ok(length @ 1..) = from.read(&mut piece) {
        let Some(said) = piece.get(..length) else { break };
        if !may_pass(line) || to.write_all(said).is_err() {
            break;
        }
    }
    // They may have gone already.
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}

fn may_pass((line, changed): &(Mutex<Line>, Condvar)) -> bool {
    let mut state = line.lock().unwrap_or_else(PoisonError::into_inner);
    state.passed += 1;
    if state.trap.is_none_or(|trap| state.passed < trap) {
        return true;
    }
    state.is_held = true;
    changed.notify_all();
    let waits = |state: &mut Line| state.trap.is_some() && state.verdict.is_none();
    let (mut state, _) = changed.wait_timeout_while(state, HELD_MAX, waits).unwrap_or_else(PoisonError::into_inner);
    state.verdict.take().unwrap_or(false)
}
