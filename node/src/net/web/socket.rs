//! A WebSocket of the browser, as libp2p wants a connection: bytes in, bytes out.
//!
//! What libp2p has for this (`libp2p-websocket-websys`) does not wake whoever reads when the socket
//! closes, so that a lost connection would show only at the next ping. It also counts as flushed what is on the
//! wire, and looks for that ten times a second: every step of a handshake would take as long. Here
//! bytes are flushed when the browser has them, and the end of a socket is the end of the connection.
//! See the standard, <https://websockets.spec.whatwg.org/>.

use futures::{AsyncRead, AsyncWrite, FutureExt as _};
use futures_timer::Delay;
use libp2p::{
    Multiaddr,
    core::transport::{DialOpts, ListenerId, Transport, TransportError, TransportEvent},
};
use send_wrapper::SendWrapper;
use std::{
    cell::RefCell,
    collections::VecDeque,
    future::{Pending, Ready, ready},
    io,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, Waker},
    time::Duration,
};
use wasm_bindgen::JsCast as _;
use web_sys::{BinaryType, CloseEvent, EventTarget, MessageEvent, WebSocket};

use super::super::url::websocket_url;
use crate::runtime::Heard;

/// What may wait to be read: a page that is busy for a moment, while several answers of a megabyte come. A
/// browser cannot be told to wait, so who sends more is cut off.
const READ_MAX: usize = 16 * 1024 * 1024;
/// What the browser may have to send before more waits, and how soon to look whether it has sent it. It does
/// not tell.
const SEND_MAX: u32 = 1024 * 1024;
const LOOK: Duration = Duration::from_millis(20);
/// The only ordinary reason that a page may give for closing (RFC 6455, section 7.4.1).
const GOODBYE: u16 = 1000;

/// Why no socket was opened.
#[derive(Debug, thiserror::Error)]
#[error("the browser opens no WebSocket to {0}")]
pub(in crate::net) struct Refused(String);

/// Opens WebSockets, outwards only.
#[derive(Debug, Default)]
pub(in crate::net) struct Sockets;

impl Transport for Sockets {
    type Output = Socket;
    type Error = Refused;
    type ListenerUpgrade = Pending<Result<Socket, Refused>>;
    type Dial = Ready<Result<Socket, Refused>>;

    fn listen_on(&mut self, _: ListenerId, address: Multiaddr) -> Result<(), TransportError<Refused>> {
        Err(TransportError::MultiaddrNotSupported(address))
    }

    fn remove_listener(&mut self, _: ListenerId) -> bool {
        false
    }

    fn dial(&mut self, address: Multiaddr, options: DialOpts) -> Result<Self::Dial, TransportError<Refused>> {
        let url = websocket_url(&address).filter(|_| !options.role.is_listener());
        let url = url.ok_or(TransportError::MultiaddrNotSupported(address))?;
        Ok(ready(Socket::open(&url).ok_or(Refused(url))))
    }

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<TransportEvent<Self::ListenerUpgrade, Refused>> {
        Poll::Pending
    }
}

/// How a socket ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// With a goodbye.
    Clean,
    /// The network broke, or something was wrong.
    Broken,
}

#[derive(Debug, Default)]
struct State {
    read: VecDeque<u8>,
    end: Option<End>,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

impl State {
    fn ended(&mut self, end: End) {
        self.end.get_or_insert(end);
        self.wake();
    }

    fn wake(&mut self) {
        [self.reader.take(), self.writer.take()].into_iter().flatten().for_each(Waker::wake);
    }
}

/// An open socket, or one that is being opened. There is one thread, so the wrapper never refuses.
pub(in crate::net) struct Socket(SendWrapper<Inner>);

struct Inner {
    socket: WebSocket,
    state: Rc<RefCell<State>>,
    /// Runs while too much waits to be sent.
    look: Option<Delay>,
    _heard: [Heard; 4],
}

impl Socket {
    fn open(url: &str) -> Option<Self> {
        let socket = WebSocket::new(url).ok()?;
        socket.set_binary_type(BinaryType::Arraybuffer);
        let state = Rc::new(RefCell::new(State::default()));
        let target: &EventTarget = socket.as_ref();
        let (opened, come, closed, failed) =
            (Rc::clone(&state), Rc::clone(&state), Rc::clone(&state), Rc::clone(&state));
        let heard = [
            Heard::new(target, "open", move |_| opened.borrow_mut().wake()).ok()?,
            Heard::new(target, "message", move |event| {
                let Ok(message) = event.dyn_into::<MessageEvent>() else { return };
                let (bytes, mut state) = (js_sys::Uint8Array::new(&message.data()), come.borrow_mut());
                if state.read.len() + bytes.length() as usize > READ_MAX {
                    tracing::warn!("more came than this page can take: the connection is closed");
                    return state.ended(End::Broken);
                }
                state.read.extend(bytes.to_vec());
                if let Some(reader) = state.reader.take() {
                    reader.wake();
                }
            })
            .ok()?,
            Heard::new(target, "close", move |event| {
                let is_clean = event.dyn_ref::<CloseEvent>().is_some_and(CloseEvent::was_clean);
                closed.borrow_mut().ended(if is_clean { End::Clean } else { End::Broken });
            })
            .ok()?,
            Heard::new(target, "error", move |_| failed.borrow_mut().ended(End::Broken)).ok()?,
        ];
        Some(Self(SendWrapper::new(Inner { socket, state, look: None, _heard: heard })))
    }
}

impl AsyncRead for Socket {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut state = self.0.state.borrow_mut();
        // What came before the end is read first.
        if !state.read.is_empty() {
            return Poll::Ready(io::Read::read(&mut state.read, into));
        }
        match state.end {
            Some(End::Clean) => Poll::Ready(Ok(0)),
            Some(End::Broken) => Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
            None => {
                state.reader = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let inner = &mut *self.0;
        let has_ended = inner.state.borrow().end.is_some();
        if has_ended || inner.socket.ready_state() > WebSocket::OPEN {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        if inner.socket.ready_state() == WebSocket::CONNECTING {
            inner.state.borrow_mut().writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        loop {
            let room = SEND_MAX.saturating_sub(inner.socket.buffered_amount());
            if room > 0 {
                inner.look = None;
                let fits = bytes.get(..room as usize).unwrap_or(bytes);
                let sent = inner.socket.send_with_u8_array(fits);
                return Poll::Ready(sent.map(|()| fits.len()).map_err(|_| io::ErrorKind::BrokenPipe.into()));
            }
            inner.state.borrow_mut().writer = Some(cx.waker().clone());
            if inner.look.get_or_insert_with(|| Delay::new(LOOK)).poll_unpin(cx).is_pending() {
                return Poll::Pending;
            }
            inner.look = None;
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // The browser sends what it has before it says goodbye, and needs nobody to wait for that.
        self.0.close();
        Poll::Ready(Ok(()))
    }
}

impl Inner {
    fn close(&self) {
        if self.socket.ready_state() <= WebSocket::OPEN {
            // A socket that is being opened is given up.
            let _ = self.socket.close_with_code(GOODBYE);
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.close();
    }
}
