//! Where connections come in: each takes a place among those that are being set up, or is dropped before it
//! costs a handshake. Who has a place is decided in `half_open`.

use std::{
    future::Future,
    io,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
};

use futures::future::{AbortHandle, Abortable, FutureExt as _};
use libp2p::{
    Multiaddr,
    core::transport::{DialOpts, ListenerId, Transport, TransportError, TransportEvent},
    multiaddr::Protocol,
};
use web_time::Instant;

use super::{
    Doors,
    half_open::{HalfOpen, Way},
};

/// A transport that lets in only so many at once.
pub(in crate::net) struct Entrance<T> {
    inner: T,
    doors: Doors,
}

impl<T> Entrance<T> {
    pub(in crate::net) fn new(inner: T, doors: Doors) -> Self {
        Self { inner, doors }
    }
}

/// A connection that is being set up and may be told to give way.
pub(in crate::net) struct Upgrade<F> {
    inner: Abortable<F>,
    _place: Place,
}

struct Place {
    half_open: Arc<Mutex<HalfOpen>>,
    number: u64,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.half_open.lock().unwrap_or_else(PoisonError::into_inner).leave(self.number);
    }
}

impl<F, O> Future for Upgrade<F>
where
    F: Future<Output = io::Result<O>> + Unpin,
{
    type Output = io::Result<O>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let gave_way = |_| io::Error::new(io::ErrorKind::ConnectionAborted, "gave way to newer connections");
        Poll::Ready(ready!(self.inner.poll_unpin(cx)).map_err(gave_way).flatten())
    }
}

impl<T> Transport for Entrance<T>
where
    T: Transport<Error = io::Error> + Unpin,
    T::ListenerUpgrade: Unpin,
{
    type Output = T::Output;
    type Error = io::Error;
    type ListenerUpgrade = Upgrade<T::ListenerUpgrade>;
    type Dial = T::Dial;

    fn listen_on(&mut self, id: ListenerId, address: Multiaddr) -> Result<(), TransportError<io::Error>> {
        self.inner.listen_on(id, address)
    }

    fn remove_listener(&mut self, id: ListenerId) -> bool {
        self.inner.remove_listener(id)
    }

    fn dial(&mut self, address: Multiaddr, options: DialOpts) -> Result<T::Dial, TransportError<io::Error>> {
        self.inner.dial(address, options)
    }

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<TransportEvent<Self::ListenerUpgrade, io::Error>> {
        loop {
            let (listener_id, upgrade, local_addr, send_back_addr) = match ready!(Pin::new(&mut self.inner).poll(cx)) {
                TransportEvent::Incoming { listener_id, upgrade, local_addr, send_back_addr } => {
                    (listener_id, upgrade, local_addr, send_back_addr)
                }
                TransportEvent::NewAddress { listener_id, listen_addr } => {
                    return Poll::Ready(TransportEvent::NewAddress { listener_id, listen_addr });
                }
                TransportEvent::AddressExpired { listener_id, listen_addr } => {
                    return Poll::Ready(TransportEvent::AddressExpired { listener_id, listen_addr });
                }
                TransportEvent::ListenerClosed { listener_id, reason } => {
                    return Poll::Ready(TransportEvent::ListenerClosed { listener_id, reason });
                }
                TransportEvent::ListenerError { listener_id, error } => {
                    return Poll::Ready(TransportEvent::ListenerError { listener_id, error });
                }
            };
            let way = match send_back_addr.iter().any(|part| matches!(part, Protocol::Udp(_))) {
                true => Way::Udp,
                false => Way::Tcp,
            };
            let from = (way, self.doors.source(&send_back_addr));
            let (abort, registration) = AbortHandle::new_pair();
            // Whoever gets no place is dropped, which closes its socket.
            let Some(number) = self.doors.enter(from, abort, Instant::now()) else { continue };
            let place = Place { half_open: self.doors.half_open(), number };
            let upgrade = Upgrade { inner: Abortable::new(upgrade, registration), _place: place };
            return Poll::Ready(TransportEvent::Incoming { listener_id, upgrade, local_addr, send_back_addr });
        }
    }
}
