//! Bytes that strangers send: read only as fast as they may be kept.
//!
//! Whatever a stranger sends takes memory somewhere until it is understood: in the buffers of streams, in
//! requests that are not complete. So what is read of strangers is bounded at the lowest place where bytes
//! come in, by address and for all of them together, and the system holds back the rest (flow control of
//! TCP and QUIC). Known devices are read as fast as they send.

use std::{
    collections::HashMap,
    io,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use futures::{AsyncRead, AsyncWrite, FutureExt as _, task::AtomicWaker};
use futures_timer::Delay;
use libp2p::{Multiaddr, PeerId};
use parlor_protocol::rate::{Rate, TokenBucket, TokenBuckets};
use web_time::Instant;

use super::super::source::Source;

/// What is read of strangers at one address: the largest request at once, then a trickle.
const OF_SOURCE: Rate = Rate::per_second(128 * 1024, 2 * 1024 * 1024);
/// What is read of all strangers. What was read is understood or dropped within twenty seconds, so this is
/// a bound for the memory that they take: at most the burst and twenty seconds' worth.
const OF_ALL: Rate = Rate::per_second(4 * 1024 * 1024, 32 * 1024 * 1024);
/// Addresses that are counted by themselves; the rest shares one count.
const SOURCES_MAX: usize = 1_024;
/// How much is taken at a time.
const CHUNK: u64 = 8 * 1024;
/// What a connection may send before it is counted: enough for its handshake, so that whoever shares an
/// address with somebody greedy can show who it is.
const HANDSHAKE: u64 = 4 * 1024;
/// How long to wait at the least and at the most until there is more.
const WAIT_MIN: Duration = Duration::from_millis(10);
const WAIT_MAX: Duration = Duration::from_secs(1);

/// What all strangers have left.
#[derive(Debug)]
pub(super) struct Meters {
    began: Instant,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    all: TokenBucket,
    sources: TokenBuckets<Option<Source>>,
    /// Connections whose handshake is not over, by the other end.
    begun: HashMap<Multiaddr, Vec<Weak<Account>>>,
    /// The connections of each peer.
    of_peers: HashMap<PeerId, Vec<Weak<Account>>>,
}

/// One connection's.
#[derive(Debug)]
pub(in crate::net) struct Account {
    meters: Arc<Meters>,
    address: Multiaddr,
    source: Option<Source>,
    peer: OnceLock<PeerId>,
    /// Whether it belongs to a known device.
    known: AtomicBool,
    reader: AtomicWaker,
}

impl Meters {
    pub(super) fn new(now: Instant) -> Arc<Self> {
        let inner = Inner {
            all: TokenBucket::full(OF_ALL, 0),
            sources: TokenBuckets::new(OF_SOURCE, SOURCES_MAX, 0),
            begun: HashMap::new(),
            of_peers: HashMap::new(),
        };
        Arc::new(Self { began: now, inner: Mutex::new(inner) })
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Nobody panics while holding it; if somebody did, the numbers are still whole.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection begins, to or from `address`.
    pub(super) fn open(self: &Arc<Self>, address: &Multiaddr, source: Option<Source>) -> Arc<Account> {
        let account = Arc::new(Account {
            meters: Arc::clone(self),
            address: address.clone(),
            source,
            peer: OnceLock::new(),
            known: AtomicBool::new(false),
            reader: AtomicWaker::new(),
        });
        self.lock().begun.entry(address.clone()).or_default().push(Arc::downgrade(&account));
        account
    }

    /// The handshake with `address` showed who that is.
    pub(super) fn belongs_to(&self, address: &Multiaddr, peer: PeerId) {
        let account = {
            let mut inner = self.lock();
            let Some(account) = inner.begun.get_mut(address).and_then(Vec::pop) else { return };
            inner.of_peers.entry(peer).or_default().push(Weak::clone(&account));
            account
        };
        // Outside of the lock, because the last one to let go of an account takes it.
        if let Some(account) = account.upgrade() {
            // It is set once only.
            let _ = account.peer.set(peer);
        }
    }

    /// A peer is known, or it is not any more.
    pub(super) fn set_known(&self, peer: &PeerId, known: bool) {
        let accounts: Vec<_> = self
            .lock()
            .of_peers
            .get(peer)
            .map(|all| all.iter().filter_map(Weak::upgrade).collect())
            .unwrap_or_default();
        for account in accounts {
            account.known.store(known, Ordering::Release);
            account.reader.wake();
        }
    }

    /// Takes as much as is read at a time, or says how long to wait for it.
    fn take(&self, source: Option<Source>) -> Result<u64, Duration> {
        let now = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let mut inner = self.lock();
        let wait = inner.all.wait_ms(CHUNK, now).max(inner.sources.of(source, now).wait_ms(CHUNK, now));
        if wait > 0 {
            return Err(Duration::from_millis(wait).clamp(WAIT_MIN, WAIT_MAX));
        }
        inner.all.take_many(CHUNK, now);
        inner.sources.of(source, now).take_many(CHUNK, now);
        Ok(CHUNK)
    }
}

impl Account {
    fn is_known(&self) -> bool {
        self.known.load(Ordering::Acquire)
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        let mut inner = self.meters.lock();
        let is_there = |account: &Weak<Self>| account.strong_count() > 0;
        if let Some(begun) = inner.begun.get_mut(&self.address) {
            begun.retain(is_there);
            if begun.is_empty() {
                inner.begun.remove(&self.address);
            }
        }
        if let Some((peer, accounts)) = self.peer.get().and_then(|peer| Some((peer, inner.of_peers.get_mut(peer)?))) {
            accounts.retain(is_there);
            if accounts.is_empty() {
                inner.of_peers.remove(peer);
            }
        }
    }
}

/// Something that is read as fast as its account allows.
#[derive(Debug)]
pub(in crate::net) struct Metered<T> {
    inner: T,
    /// Nothing is counted without one.
    account: Option<Arc<Account>>,
    left: u64,
    wait: Option<Delay>,
}

impl<T> Metered<T> {
    /// A connection that begins.
    pub(in crate::net) fn new(inner: T, account: Arc<Account>) -> Self {
        Self { inner, account: Some(account), left: HANDSHAKE, wait: None }
    }

    /// A stream of a connection that is set up.
    pub(super) fn stream(inner: T, account: Option<Arc<Account>>) -> Self {
        Self { inner, account, left: 0, wait: None }
    }

    /// Waits until something may be read; answers how much, `None` for as much as there is.
    fn poll_allowed(&mut self, cx: &mut Context<'_>) -> Poll<Option<u64>> {
        let Some(account) = self.account.as_ref().filter(|account| !account.is_known()) else {
            self.wait = None;
            return Poll::Ready(None);
        };
        account.reader.register(cx.waker());
        loop {
            // Once more, so that no change is missed.
            if account.is_known() {
                self.wait = None;
                return Poll::Ready(None);
            }
            if let Some(wait) = &mut self.wait {
                ready!(wait.poll_unpin(cx));
                self.wait = None;
            }
            if self.left > 0 {
                return Poll::Ready(Some(self.left));
            }
            match account.meters.take(account.source) {
                Ok(more) => self.left = more,
                Err(wait) => self.wait = Some(Delay::new(wait)),
            }
        }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Metered<T> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        let Some(allowed) = ready!(this.poll_allowed(cx)) else {
            return Pin::new(&mut this.inner).poll_read(cx, into);
        };
        let most = into.len().min(usize::try_from(allowed).unwrap_or(usize::MAX));
        let read = ready!(Pin::new(&mut this.inner).poll_read(cx, into.get_mut(..most).unwrap_or_default()))?;
        this.left = this.left.saturating_sub(read as u64);
        Poll::Ready(Ok(read))
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Metered<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_close(cx)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::{super::super::address::local, *};
    use futures::{AsyncReadExt as _, executor::block_on, future::poll_immediate, io::Cursor};

    fn source(n: u8) -> Option<Source> {
        Some(Source::of([10, 0, 0, n].into()))
    }

    /// Reads what can be read at once.
    fn gulp(from: &mut Metered<Cursor<Vec<u8>>>) -> usize {
        let (mut all, mut buffer) = (0, vec![0; 64 * 1024]);
        while let Some(Ok(read @ 1..)) = block_on(poll_immediate(from.read(&mut buffer))) {
            all += read;
        }
        all
    }

    fn sender(meters: &Arc<Meters>, from: Option<Source>, bytes: u64) -> Metered<Cursor<Vec<u8>>> {
        Metered::new(Cursor::new(vec![7; usize::try_from(bytes).unwrap()]), meters.open(&local(1), from))
    }

    /// The clock runs while the test does, so a little more than the burst may come through.
    fn about(bytes: usize, burst: u64) -> bool {
        let burst = usize::try_from(burst).unwrap();
        (burst..burst + burst / 8 + 256 * 1024).contains(&bytes)
    }

    #[test]
    fn strangers_at_one_address_share_what_is_read_of_them() {
        let meters = Meters::new(Instant::now());
        let read: usize = (0..10).map(|_| gulp(&mut sender(&meters, source(1), 2 * OF_SOURCE.burst()))).sum();
        assert!(about(read, OF_SOURCE.burst()), "{read}");
        assert!(gulp(&mut sender(&meters, source(2), OF_SOURCE.burst())) > 1024 * 1024, "another address has its own");
    }

    #[test]
    fn strangers_at_many_addresses_share_what_is_read_of_all() {
        let meters = Meters::new(Instant::now());
        let read: usize = (0..100).map(|n| gulp(&mut sender(&meters, source(n), OF_SOURCE.burst()))).sum();
        assert!(about(read, OF_ALL.burst()), "{read}");
    }

    #[test]
    fn what_a_handshake_needs_is_read_from_an_address_that_has_used_up_everything() {
        let meters = Meters::new(Instant::now());
        gulp(&mut sender(&meters, source(1), 2 * OF_SOURCE.burst()));
        assert!(gulp(&mut sender(&meters, source(1), HANDSHAKE)) as u64 == HANDSHAKE);
    }

    #[test]
    fn a_device_that_is_known_is_read_as_fast_as_it_sends() {
        let meters = Meters::new(Instant::now());
        let peer = PeerId::random();
        let mut member = sender(&meters, source(1), 8 * OF_SOURCE.burst());
        meters.belongs_to(&local(1), peer);
        let before = gulp(&mut member);
        assert!(about(before, OF_SOURCE.burst()), "{before}");
        meters.set_known(&peer, true);
        assert_eq!((before + gulp(&mut member)) as u64, 8 * OF_SOURCE.burst());
        meters.set_known(&peer, false);
        drop(member);
        assert!(meters.lock().of_peers.is_empty() && meters.lock().begun.is_empty(), "nothing is left over");
    }
}
