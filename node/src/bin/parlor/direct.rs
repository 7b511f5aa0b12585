//! Commands about rooms of two, and about people on the network.

use parlor_node::{Command, Event, Reply, RequestAnswer, RoomSummary};

use crate::{
    cli::{AnswerTyped, Cli},
    messages,
    output::{self, Failure},
    session::Session,
};

pub(crate) async fn send(cli: &Cli, wanted: &str, text: &str) -> Result<(), Failure> {
    let text = messages::read_text(text)?;
    let session = Session::online(cli).await?;
    let user = person(&session, wanted).await?;
    let room = match session.call(Command::OpenDirect { user }).await? {
        Reply::Joined(room) => room,
        _ => return Err(Failure::failed("the node gave another answer than was asked for")),
    };
    let is_in = |rooms: &[RoomSummary]| rooms.iter().any(|known| known.room == room && known.members > 1);
    if is_in(&session.handle.rooms().await?) {
        return messages::deliver(cli, session, room, text).await;
    }
    let mut events = session.handle.subscribe();
    session.call(Command::Send { room, text, reply_to: None }).await?;
    let deadline = tokio::time::Instant::now() + session.wait;
    let (mut asked, mut held_up) = (false, false);
    while !asked {
        match tokio::time::timeout_at(deadline, events.next()).await {
            Ok(Event::RoomChanged(known)) if known.room == room => (asked, held_up) = (known.asked, known.held_up),
            Ok(Event::Stopped) | Err(_) => break,
            Ok(_) => {}
        }
    }
    if cli.json {
        output::json(&serde_json::json!({ "room": room, "asked": asked, "held_up": held_up }));
    } else if asked {
        output::print("Sent: a machine of that person has it, and asks whether to accept.");
    } else if held_up {
        output::print(
            "Saved. The machine of that person takes no more requests just now; it is asked again by itself while \
             `parlor run` runs.",
        );
    } else {
        output::print(
            "Saved. It is delivered when this profile next meets a machine of that person, for example with `parlor run`.",
        );
    }
    session.end().await;
    Ok(())
}

/// Finds a person; somebody on the network may not have been seen yet.
async fn person(session: &Session, wanted: &str) -> Result<parlor_protocol::UserId, Failure> {
    let mut events = session.handle.subscribe();
    let deadline = tokio::time::Instant::now() + session.wait;
    loop {
        let found = session.person(wanted).await;
        if found.is_ok() {
            return found;
        }
        loop {
            match tokio::time::timeout_at(deadline, events.next()).await {
                Ok(Event::NearbyChanged(_)) => break,
                Ok(Event::Stopped) | Err(_) => return found,
                Ok(_) => {}
            }
        }
    }
}

fn is_request(room: &RoomSummary) -> bool {
    room.request
}

pub(crate) async fn requests(cli: &Cli, wanted: Option<&str>, answer: Option<AnswerTyped>) -> Result<(), Failure> {
    let session = Session::updated(cli).await?;
    let done = match (wanted, answer) {
        (Some(wanted), Some(answer)) => answer_one(cli, &session, wanted, answer).await,
        _ => list(cli, &session).await,
    };
    session.end().await;
    done
}

async fn list(cli: &Cli, session: &Session) -> Result<(), Failure> {
    let rooms = session.handle.rooms().await?;
    for room in rooms.iter().filter(|room| is_request(room)) {
        if cli.json {
            output::json(room);
            continue;
        }
        output::print(format_args!("{}  {}", room.room.short(), output::name(&room.name)));
    }
    if !rooms.iter().any(is_request) && !cli.json {
        output::print("Nobody asks to write to you.");
    }
    Ok(())
}

async fn answer_one(cli: &Cli, session: &Session, wanted: &str, answer: AnswerTyped) -> Result<(), Failure> {
    let room = session.room(wanted).await?;
    let answer = match answer {
        AnswerTyped::Accept => RequestAnswer::Accept,
        AnswerTyped::Refuse => RequestAnswer::Refuse,
        AnswerTyped::Block => RequestAnswer::Block,
    };
    session.call(Command::AnswerRequest { room, answer }).await?;
    if !cli.json {
        output::print(match answer {
            RequestAnswer::Accept => "Accepted: it is a room like any other now.",
            RequestAnswer::Refuse => "Refused: it is gone.",
            RequestAnswer::Block => "Refused, and nothing more of this person is shown.",
        });
    }
    Ok(())
}

pub(crate) async fn nearby(cli: &Cli) -> Result<(), Failure> {
    let session = Session::online(cli).await?;
    let mut events = session.handle.subscribe();
    let deadline = tokio::time::Instant::now() + session.wait.min(std::time::Duration::from_secs(3));
    while !matches!(tokio::time::timeout_at(deadline, events.next()).await, Ok(Event::Stopped) | Err(_)) {}
    if let Reply::Nearby(people) = session.call(Command::Nearby).await? {
        for person in &people {
            if cli.json {
                output::json(person);
                continue;
            }
            let mark = match (person.verified, person.known) {
                (true, _) => "  (verified)",
                (false, true) => "  (known)",
                (false, false) => "",
            };
            output::print(format_args!("{}  {}{mark}", person.user.short(), output::name(&person.name)));
        }
        if people.is_empty() && !cli.json {
            output::print("Nobody else is seen on this network.");
        }
    }
    session.end().await;
    Ok(())
}
