//! Requests and answers on the wire: a big-endian `u32` length, then that many bytes.
//!
//! The length is checked before anything is read, and memory grows with what really arrives.

use std::io;

use bytes::Bytes;
use futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use libp2p::{StreamProtocol, request_response};
use parlor_protocol::limits::WIRE_MAX;

/// The protocol of requests and answers.
pub(super) const SYNC_PROTOCOL: StreamProtocol = StreamProtocol::new("/parlor/sync/1");

/// Reads and writes requests and answers.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct WireCodec;

async fn read<T: AsyncRead + Unpin + Send>(io: &mut T) -> io::Result<Bytes> {
    let mut length = [0; 4];
    io.read_exact(&mut length).await?;
    let length = u32::from_be_bytes(length);
    if length as usize > WIRE_MAX {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!("{length} bytes announced, {WIRE_MAX} are allowed"),
        ));
    }
    let mut bytes = Vec::new();
    io.take(u64::from(length)).read_to_end(&mut bytes).await?;
    if bytes.len() < length as usize {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(bytes.into())
}

async fn write<T: AsyncWrite + Unpin + Send>(io: &mut T, bytes: &Bytes) -> io::Result<()> {
    let length = u32::try_from(bytes.len())
        .ok()
        .filter(|length| *length as usize <= WIRE_MAX)
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "larger than the wire allows"))?;
    io.write_all(&length.to_be_bytes()).await?;
    io.write_all(bytes).await?;
    io.close().await
}

impl request_response::Codec for WireCodec {
    type Protocol = StreamProtocol;
    type Request = Bytes;
    type Response = Bytes;

    async fn read_request<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Bytes>
    where
        T: AsyncRead + Unpin + Send,
    {
        read(io).await
    }

    async fn read_response<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Bytes>
    where
        T: AsyncRead + Unpin + Send,
    {
        read(io).await
    }

    async fn write_request<T>(&mut self, _: &StreamProtocol, io: &mut T, bytes: Bytes) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        write(io, &bytes).await
    }

    async fn write_response<T>(&mut self, _: &StreamProtocol, io: &mut T, bytes: Bytes) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        write(io, &bytes).await
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use futures::executor::block_on;

    #[test]
    fn what_is_written_is_read_back() {
        let mut wire = Vec::new();
        block_on(write(&mut wire, &Bytes::from_static(b"heights"))).unwrap();
        assert_eq!(block_on(read(&mut wire.as_slice())).unwrap(), Bytes::from_static(b"heights"));
    }

    #[test]
    fn an_announced_length_above_the_limit_is_refused_before_reading() {
        let wire = u32::MAX.to_be_bytes();
        assert_eq!(block_on(read(&mut wire.as_slice())).unwrap_err().kind(), io::ErrorKind::InvalidData);
    }

    #[test]
    fn a_cut_off_message_is_an_error() {
        let wire = [0, 0, 0, 5, 1, 2];
        assert_eq!(block_on(read(&mut wire.as_slice())).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn a_message_above_the_limit_is_not_written() {
        let mut wire = Vec::new();
        assert!(block_on(write(&mut wire, &Bytes::from(vec![0; WIRE_MAX + 1]))).is_err());
        assert!(wire.is_empty());
    }
}
