//! Requests: what each costs, and who deals with it.

use bytes::Bytes;
use parlor_node::net::InboundId;
use parlor_protocol::{
    DeviceId,
    wire::{Answer, Refusal, Request, RoomRequest},
};
use std::time::Instant;

use super::{RETRY_MS, Service, TASKS_MAX, busy, rates::Cost, registering::Application, signing_in};

impl Service {
    pub(super) async fn on_asked(&mut self, id: InboundId, from: DeviceId, bytes: &Bytes) {
        let now = Instant::now();
        let request = Request::decode(bytes);
        let room = match &request {
            Ok(Request::Room { room, .. }) => Some(room),
            Ok(Request::PushWraps(push)) => Some(&push.room),
            _ => None,
        };
        if let Some(room) = room
            && self.rooms.get(room).is_some_and(|room| room.is_member(from))
        {
            self.peers.note_member(from);
        }
        let who = self.peers.asker(from);
        let cost = match &request {
            Ok(Request::Look(_) | Request::Enter(_)) => Cost::LookUp,
            Ok(Request::Account(ask)) if signing_in::begins(ask) => Cost::LookUp,
            _ => Cost::Request,
        };
        let wait = match &request {
            Err(error) if !error.is_unsupported() => None,
            _ if self.tasks_under_way() >= TASKS_MAX || !self.in_flight.begin(id, who) => Some(RETRY_MS.into()),
            _ => self.meter.take(who, cost, now).err(),
        };
        let answer = match request {
            // A newer program may have sent it: no fine, but the rate of all requests.
            Err(error) if !error.is_unsupported() => {
                tracing::debug!(%error, "a request that is not understood");
                self.meter.punish(who, now);
                Some(Answer::Refused(Refusal::Malformed))
            }
            _ if let Some(wait) = wait => Some(busy(wait)),
            Err(error) => Some(Answer::unread(&error)),
            // An archive is nobody, and cannot be asked into a room.
            Ok(Request::Hello(_) | Request::Knock { .. } | Request::Link { .. } | Request::Own(_)) => {
                Some(Answer::Refused(Refusal::Unsupported))
            }
            Ok(Request::Look(look)) => self.look(id, from, look),
            Ok(Request::Enter(enter)) => self.enter(id, from, *enter),
            Ok(Request::PushWraps(push)) => self.take_wraps(id, from, push),
            Ok(Request::Account(ask)) => self.ask_desk(id, from, ask),
            Ok(Request::Room { room, ask: RoomRequest::Register { genesis, epochs } }) => {
                let answer = self.register(Application { inbound: id, who, room, genesis, epochs });
                self.listen(room).await;
                self.note_changes(room).await;
                answer
            }
            Ok(Request::Room { room, ask }) => self.ask_room(id, from, room, ask).await,
        };
        if let Some(answer) = answer {
            self.answer(id, &answer).await;
        }
        self.start_waiting();
        self.ease();
    }
}
