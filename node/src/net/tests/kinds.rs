//! What is of a kind that only later versions know.

use super::*;
use parlor_protocol::{
    error::CodecError,
    wire::{Answer, Refusal, Request},
};

#[tokio::test]
async fn a_question_of_a_kind_that_is_not_known_is_asked_and_answered_and_the_peer_stays() {
    let (mut a, mut b) = pair(30).await;
    let later = framed(0x0999, &vec![7; 300_000]);
    let answers = [Answer::Refused(Refusal::Unsupported).encode().unwrap().into(), framed(0x8999, b"from later")];
    for (n, answer) in (0..).zip(answers) {
        a.send(NetCommand::Request { id: RequestId(n), peer: b.device(), bytes: later.clone() }).await;
        let (id, bytes) = b
            .wait("question", |event| match event {
                NetEvent::Asked { id, bytes, .. } => Some((*id, bytes.clone())),
                _ => None,
            })
            .await;
        assert_eq!(Request::decode(&bytes), Err(CodecError::UnknownKind(0x0999)));
        b.send(NetCommand::Answer { id, bytes: answer.clone() }).await;
        let bytes = a
            .wait("answer", |event| match event {
                NetEvent::Answered { bytes, .. } => Some(bytes.clone()),
                NetEvent::RequestFailed { reason, .. } => panic!("{reason}"),
                NetEvent::PeerDisconnected(_) => panic!("the peer is gone"),
                _ => None,
            })
            .await;
        assert_eq!(Answer::decode(&bytes).is_ok(), n == 0);
        assert!(Answer::decode(&bytes).err().is_none_or(|error| error.is_unsupported()));
    }
}
