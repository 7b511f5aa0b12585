//! A connection with its streams, wrapped so that it keeps within bounds: streams of strangers are read as
//! fast as they may be, and a goodbye has an end.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use futures::{AsyncRead, AsyncWrite, FutureExt as _};
use futures_timer::Delay;
use libp2p::core::muxing::{StreamMuxer, StreamMuxerEvent};

use super::metered::{Account, Metered};

/// How long a connection may take to say goodbye. Who does not read what is sent would hold it for ever.
const GOODBYE: Duration = Duration::from_secs(1);

/// See the module.
pub(in crate::net) struct Bounded<M> {
    inner: M,
    /// Where its streams are counted; `None` where the bytes under them are.
    account: Option<Arc<Account>>,
    goodbye: Option<Delay>,
}

impl<M> Bounded<M> {
    pub(in crate::net) fn new(inner: M, account: Option<Arc<Account>>) -> Self {
        Self { inner, account, goodbye: None }
    }
}

impl<M> StreamMuxer for Bounded<M>
where
    M: StreamMuxer + Unpin,
    M::Substream: AsyncRead + AsyncWrite + Unpin,
{
    type Substream = Metered<M::Substream>;
    type Error = M::Error;

    fn poll_inbound(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<Self::Substream, M::Error>> {
        let stream = ready!(Pin::new(&mut self.inner).poll_inbound(cx))?;
        Poll::Ready(Ok(Metered::stream(stream, self.account.clone())))
    }

    fn poll_outbound(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<Self::Substream, M::Error>> {
        let stream = ready!(Pin::new(&mut self.inner).poll_outbound(cx))?;
        Poll::Ready(Ok(Metered::stream(stream, self.account.clone())))
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), M::Error>> {
        if let Poll::Ready(closed) = Pin::new(&mut self.inner).poll_close(cx) {
            return Poll::Ready(closed);
        }
        // It is dropped then, and its socket with it.
        self.goodbye.get_or_insert_with(|| Delay::new(GOODBYE)).poll_unpin(cx).map(Ok)
    }

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<StreamMuxerEvent, M::Error>> {
        Pin::new(&mut self.inner).poll(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::{executor::block_on, future::poll_fn, io::Cursor};
    use std::convert::Infallible;

    /// A connection whose other end reads nothing any more.
    struct Stuck;

    impl StreamMuxer for Stuck {
        type Substream = Cursor<Vec<u8>>;
        type Error = Infallible;

        fn poll_inbound(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<Self::Substream, Infallible>> {
            Poll::Pending
        }

        fn poll_outbound(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<Self::Substream, Infallible>> {
            Poll::Pending
        }

        fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
            Poll::Pending
        }

        fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<StreamMuxerEvent, Infallible>> {
            Poll::Pending
        }
    }

    #[test]
    fn a_connection_whose_other_end_does_not_read_is_closed_all_the_same() {
        let mut stuck = Bounded::new(Stuck, None);
        assert!(block_on(poll_fn(|cx| Pin::new(&mut stuck).poll_close(cx))).is_ok());
    }
}
