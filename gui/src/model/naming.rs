//! Names that could be taken for an id, marked as they come in, so that every screen shows them so.
//!
//! Nobody can give such a name with Parlor. A program that was changed can, and whoever reads a list, or is
//! asked which device to remove, must not take it for the id. What the node says in place of a name that
//! is not known is the id itself; that one stays as it is.

use parlor_node::{
    Came, Event, JoinStage, Member, Message, MessageBody, Reply, RoomChange, RoomStanding, RoomSummary, Warning,
};
use parlor_protocol::{Name, looks_like_id};
use std::sync::Arc;

/// The mark of a name, where it needs one. `ids` are those that it may be.
fn marked(name: &str, ids: &[String]) -> Option<String> {
    let is_one = ids.iter().any(|id| id == name);
    (!is_one && looks_like_id(name)).then(|| format!("\"{name}\" (a name, not an id)"))
}

fn mark(name: &mut String, ids: &[String]) {
    if let Some(marked) = marked(name, ids) {
        *name = marked;
    }
}

/// Marks the names in what the node tells.
pub(super) fn event(event: &mut Event) {
    match event {
        Event::RoomChanged(room) => summary(room),
        Event::JoinProgress { stage: JoinStage::Found { room, name }, .. } => mark(name, &[room.short()]),
        Event::MessagesAdded { messages, .. } => messages.iter_mut().for_each(message),
        Event::MessageChanged(changed) => message(changed),
        Event::MembersChanged { members, .. } => members.iter_mut().for_each(member),
        Event::PersonWarned { user, name, warning, .. } => {
            mark(name, &[user.short()]);
            careful(warning);
        }
        Event::NearbyChanged(people) => people.iter_mut().for_each(|near| mark(&mut near.name, &[near.user.short()])),
        Event::DeviceLinked { device, label } => mark(label, &[device.short()]),
        Event::ConnectionChanged(connection) => {
            connection.peers.iter_mut().for_each(|peer| mark(&mut peer.name, &[peer.device.short()]));
        }
        _ => {}
    }
}

/// Marks the names in an answer.
pub(super) fn reply(reply: &mut Reply) {
    match reply {
        Reply::Rooms(rooms) => rooms.iter_mut().for_each(summary),
        Reply::Members(members) => members.iter_mut().for_each(member),
        Reply::History { messages, .. } | Reply::Found(messages) => messages.iter_mut().for_each(message),
        Reply::Connection(connection) => {
            connection.peers.iter_mut().for_each(|peer| mark(&mut peer.name, &[peer.device.short()]));
        }
        Reply::Nearby(people) => people.iter_mut().for_each(|near| mark(&mut near.name, &[near.user.short()])),
        Reply::People(people) => people.iter_mut().for_each(|one| mark(&mut one.name, &[one.user.short()])),
        Reply::Person(card) => {
            mark(&mut card.name, &[card.user.short()]);
            card.other_names.iter_mut().chain(&mut card.looks_like).for_each(|name| mark(name, &[]));
            card.rooms.iter_mut().for_each(|room| mark(&mut room.name, &[room.room.short()]));
        }
        Reply::Codes(codes) => codes.iter_mut().for_each(|code| mark(&mut code.maker_name, &[code.maker.short()])),
        Reply::AccountDevices(devices) => {
            devices.iter_mut().for_each(|device| mark(&mut device.name, &[device.device.short()]));
        }
        Reply::Devices(devices) => {
            devices.iter_mut().for_each(|device| mark(&mut device.label, &[device.device.short()]));
        }
        _ => {}
    }
}

fn summary(room: &mut RoomSummary) {
    let ids: Vec<String> = [room.room.short()].into_iter().chain(room.direct.map(|user| user.short())).collect();
    mark(&mut room.name, &ids);
    room.last.iter_mut().for_each(message);
    if let RoomStanding::Removed { by } | RoomStanding::Dissolved { by } = &mut room.standing {
        mark(by, &[]);
    }
}

fn member(member: &mut Member) {
    let ids: Vec<String> = [member.device.short()].into_iter().chain(member.user.map(|user| user.short())).collect();
    mark(&mut member.name, &ids);
    member.looks_like.iter_mut().for_each(|name| mark(name, &[]));
    match &mut member.came {
        Some(Came::Code { by: Some(by), .. }) => mark(by, &[]),
        // It is by the same person.
        Some(Came::Link { by, .. }) => mark(by, &ids),
        _ => {}
    }
}

fn careful(warning: &mut Warning) {
    if let Warning::LooksLike { name, .. } = warning {
        mark(name, &[]);
    }
}

/// Messages are shared, and nearly none needs a mark: it is copied only then.
fn message(shared: &mut Arc<Message>) {
    let ids: Vec<String> = [shared.author.short()].into_iter().chain(shared.user.map(|user| user.short())).collect();
    let author = marked(&shared.author_name, &ids);
    let body = body(&shared.body, &ids);
    let warning = match &shared.warning {
        Some(Warning::LooksLike { name, .. }) => marked(name, &[]).is_some(),
        _ => false,
    };
    if author.is_none() && body.is_none() && !warning {
        return;
    }
    let message = Arc::make_mut(shared);
    if let Some(author) = author {
        message.author_name = author;
    }
    if let Some(body) = body {
        message.body = body;
    }
    message.warning.iter_mut().for_each(careful);
}

fn body(body: &MessageBody, author: &[String]) -> Option<MessageBody> {
    if matches!(body, MessageBody::Text { .. }) {
        return None;
    }
    let mut new = body.clone();
    match &mut new {
        MessageBody::Renamed { from } => *from = marked(from, author)?,
        MessageBody::Removed { user, name, .. }
        | MessageBody::RoleGiven { user, name, .. }
        | MessageBody::Muted { user, name, .. } => *name = marked(name, &[user.short()])?,
        MessageBody::RoomChanged { change: RoomChange::Name(name) } => {
            *name = Name::new(&marked(name.as_str(), &[])?).ok()?;
        }
        _ => return None,
    }
    Some(new)
}
