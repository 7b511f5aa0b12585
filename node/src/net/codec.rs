//! Requests and answers on the wire: one frame of `parlor_protocol::wire` each.
//!
//! A frame's header says kind and length; what is longer than its kind may be is refused by the header
//! alone. Of a kind that is not known here the body is thrown away as it comes and the header handed on,
//! so that the engine can say so. Memory grows with what really arrives.

use std::io;

use bytes::Bytes;
use futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use libp2p::{StreamProtocol, request_response};
use parlor_protocol::{
    error::CodecError,
    limits::WIRE_MAX,
    wire::{HEADER_LEN, Header, Plan},
};

/// The protocol of requests and answers.
pub(super) const SYNC_PROTOCOL: StreamProtocol = StreamProtocol::new("/parlor/sync/1");

/// Reads and writes requests and answers.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct WireCodec;

async fn read<T: AsyncRead + Unpin + Send>(
    io: &mut T,
    plan: fn(Header) -> Result<Plan, CodecError>,
) -> io::Result<Bytes> {
    let mut header = [0; HEADER_LEN];
    io.read_exact(&mut header).await?;
    let plan = plan(Header::read(header)).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
    let mut bytes = header.to_vec();
    let (len, got) = match plan {
        Plan::Read(len) => {
            io.take(len as u64).read_to_end(&mut bytes).await?;
            (len, bytes.len().saturating_sub(HEADER_LEN) as u64)
        }
        // The other side waits for our answer until it has written everything.
        Plan::Skip(len) => (len, futures::io::copy(io.take(len as u64), &mut futures::io::sink()).await?),
    };
    if got < len as u64 { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(bytes.into()) }
}

async fn write<T: AsyncWrite + Unpin + Send>(io: &mut T, bytes: &Bytes) -> io::Result<()> {
    if bytes.len() > WIRE_MAX {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "larger than the wire allows"));
    }
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
        read(io, Header::plan_request).await
    }

    async fn read_response<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Bytes>
    where
        T: AsyncRead + Unpin + Send,
    {
        read(io, Header::plan_answer).await
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
    use parlor_protocol::wire::{Answer, Request, RequestKind};

    fn read_request(mut wire: &[u8]) -> io::Result<Bytes> {
        block_on(read(&mut wire, Header::plan_request))
    }

    fn frame(kind: u16, len: u32, body: &[u8]) -> Vec<u8> {
        [[1].as_slice(), &kind.to_le_bytes(), &len.to_le_bytes(), body].concat()
    }

    #[test]
    fn what_is_written_is_read_back() {
        let mut wire = Vec::new();
        let request = Bytes::from(Request::Own(vec![7; 90]).encode().unwrap());
        block_on(write(&mut wire, &request)).unwrap();
        assert_eq!(read_request(&wire).unwrap(), request);
    }

    #[test]
    fn a_length_above_the_limit_of_its_kind_is_refused_before_reading() {
        let (kind, max) = (RequestKind::Heights, u32::try_from(RequestKind::Heights.body_max()).unwrap());
        let refused = read_request(&frame(kind.number(), max + 1, &vec![0; max as usize + 1]));
        assert_eq!(refused.unwrap_err().kind(), io::ErrorKind::InvalidData);
        for kind in [kind.number(), 0x0999] {
            assert_eq!(read_request(&frame(kind, u32::MAX, &[])).unwrap_err().kind(), io::ErrorKind::InvalidData);
        }
    }

    #[test]
    fn of_a_kind_that_is_not_known_the_header_is_handed_on_and_the_rest_thrown_away() {
        let body = vec![7; 300_000];
        let len = u32::try_from(body.len()).unwrap();
        let wire = frame(0x0999, len, &body);
        let got = read_request(&wire).unwrap();
        assert_eq!(got, wire[..HEADER_LEN]);
        assert_eq!(Request::decode(&got), Err(CodecError::UnknownKind(0x0999)));
        let answer = block_on(read(&mut wire.as_slice(), Header::plan_answer)).unwrap();
        assert_eq!(Answer::decode(&answer), Err(CodecError::UnknownKind(0x0999)));
        let cut = read_request(&wire[..wire.len() - 1]);
        assert_eq!(cut.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn of_another_version_no_more_than_a_header_is_read() {
        let got = read_request(&[2, 0, 0, 255, 255, 255, 255]).unwrap();
        assert_eq!(Request::decode(&got), Err(CodecError::Version { theirs: 2, ours: 1 }));
    }

    #[test]
    fn a_cut_off_message_is_an_error() {
        for wire in [frame(RequestKind::Own.number(), 5, &[1, 2]), vec![1, 5]] {
            assert_eq!(read_request(&wire).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        }
    }

    #[test]
    fn a_message_above_the_limit_is_not_written() {
        let mut wire = Vec::new();
        assert!(block_on(write(&mut wire, &Bytes::from(vec![0; WIRE_MAX + 1]))).is_err());
        assert!(wire.is_empty());
    }
}
