//! Commands about people: who they are, whether they were verified, whom not to hear.

use parlor_node::{Command, Reply, people::PersonCard};
use parlor_protocol::UserId;

use crate::{
    cli::Cli,
    output::{self, Failure},
    session::Session,
};

pub(crate) async fn list(cli: &Cli) -> Result<(), Failure> {
    let session = Session::updated(cli).await?;
    if let Reply::People(people) = session.call(Command::People).await? {
        for person in &people {
            if cli.json {
                output::json(person);
                continue;
            }
            let mut marks = Vec::new();
            marks.extend(person.own.then_some("you"));
            marks.extend(person.verified.then_some("verified"));
            marks.extend(person.blocked.then_some("blocked"));
            marks.extend((person.online && !person.own).then_some("online"));
            let mark = if marks.is_empty() { String::new() } else { format!("  ({})", marks.join(", ")) };
            output::print(format_args!("{}  {}{mark}", person.user.short(), output::name(&person.name)));
        }
    }
    session.end().await;
    Ok(())
}

async fn card(session: &Session, user: UserId) -> Result<Box<PersonCard>, Failure> {
    match session.call(Command::Person { user }).await? {
        Reply::Person(card) => Ok(card),
        _ => Err(Failure::failed("the node gave another answer than was asked for")),
    }
}

pub(crate) async fn show(cli: &Cli, wanted: &str) -> Result<(), Failure> {
    let session = Session::updated(cli).await?;
    let user = session.person(wanted).await?;
    let card = card(&session, user).await?;
    if cli.json {
        output::json(&card);
    } else {
        print_card(&card);
    }
    session.end().await;
    Ok(())
}

fn print_card(card: &PersonCard) {
    let you = if card.own { " (you)" } else { "" };
    output::print(format_args!("{}{you}  {}", output::name(&card.name), card.user.short()));
    if !card.other_names.is_empty() {
        output::print(format_args!(
            "also called: {}",
            card.other_names.iter().map(|name| output::name(name)).collect::<Vec<_>>().join(", ")
        ));
    }
    for name in &card.looks_like {
        output::print(format_args!(
            "CAREFUL: this name looks like that of {}, who is somebody else",
            output::name(name)
        ));
    }
    let rooms: Vec<_> = card.rooms.iter().map(|room| output::name(&room.name)).collect();
    output::print(format_args!("rooms: {}", if rooms.is_empty() { "none".to_owned() } else { rooms.join(", ") }));
    output::print(format_args!(
        "first seen {}, last seen {}",
        output::time(card.first_seen),
        output::time(card.last_seen)
    ));
    for device in &card.devices {
        let here = match (device.current, device.online) {
            (true, _) => "this device".to_owned(),
            (false, true) => "online".to_owned(),
            (false, false) => format!("last seen {}", output::time(device.last_seen)),
        };
        output::print(format_args!("device {}  {here}", device.device.short()));
    }
    if card.blocked {
        output::print("blocked: nothing of this person is shown");
    }
    if card.safety.is_some() {
        match card.verified {
            Some(at) => output::print(format_args!("verified {}", output::time(at))),
            None => output::print("not verified yet: `parlor verify NAME` shows what to compare"),
        }
    }
}

pub(crate) async fn verify(cli: &Cli, wanted: &str, text: &[String], yes: bool, undo: bool) -> Result<(), Failure> {
    let session = Session::offline(cli).await?;
    let user = session.person(wanted).await?;
    let text = text.join(" ");
    let command = match (undo, yes, text.is_empty()) {
        (true, ..) => Some(Command::Verify { user, verified: false }),
        (false, true, _) => Some(Command::Verify { user, verified: true }),
        (false, false, false) => Some(Command::CompareSafety { user, text }),
        (false, false, true) => None,
    };
    let card = card(&session, user).await?;
    let name = output::name(&card.name);
    match command {
        Some(command) => {
            if let Err(error) = session.call(command).await {
                session.end().await;
                return Err(error.into());
            }
            if !cli.json {
                let said = if undo { "is not verified any more" } else { "is verified" };
                output::print(format_args!("{name} {said}."));
            }
        }
        None => print_safety(cli, &card),
    }
    session.end().await;
    Ok(())
}

fn print_safety(cli: &Cli, card: &PersonCard) {
    let Some(safety) = &card.safety else {
        output::print("That is you: there is nothing to compare.");
        return;
    };
    if cli.json {
        output::json(safety);
        return;
    }
    let name = output::name(&card.name);
    output::print(format_args!("Compare with {name}, in person or by telephone. Both of you must see the same:"));
    for four in safety.digits.chunks(4) {
        output::print(format_args!("  {}", four.join(" ")));
    }
    for four in safety.words.chunks(4) {
        output::print(format_args!("  {}", four.join(" ")));
    }
    output::print(format_args!("  {}", safety.text));
    output::print("If they are the same: the same command with --yes. Or give it what the other screen shows.");
}

pub(crate) async fn block(cli: &Cli, wanted: &str, blocked: bool) -> Result<(), Failure> {
    let session = Session::offline(cli).await?;
    let user = session.person(wanted).await?;
    let done = session.call(Command::Block { user, blocked }).await;
    session.end().await;
    done?;
    if !cli.json {
        let said = if blocked { "Nothing of this person is shown any more." } else { "This person is shown again." };
        output::print(said);
    }
    Ok(())
}
