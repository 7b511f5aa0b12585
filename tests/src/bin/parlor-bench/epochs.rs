//! Changes of the epoch: how long until everybody in a large room has the new key, and how long
//! somebody needs who was away for many of them.

use parlor_node::{Command, Event, MessageBody, Reply};
use parlor_protocol::{RoomId, Text};
use parlor_tests::sim::{Faults, Network};
use std::time::{Duration, Instant};

use crate::{
    compare::{PATIENCE, Transport, runtime},
    parlor,
    sample::{median, show_micros},
    table::Outcome,
};

const MEMBERS: usize = 500;
const CHANGE_TARGET_MS: f64 = 1_000.0;
/// Members who join in the same moment while the room is built. All at once would take the square of
/// their number, one after the other would take their presence, every few seconds, for a long time.
const JOIN_AT_ONCE: usize = 10;
/// What joining left behind comes to rest, in virtual milliseconds.
const REST_MS: u64 = 10_000;
const BEHIND: usize = 50;
const BEHIND_TARGET: Duration = Duration::from_millis(200);

/// An owner removes a member; until every other member is told so, which it is in the new epoch.
pub fn change(quick: bool) -> anyhow::Result<Outcome> {
    let (members, rounds) = if quick { (20, 2) } else { (MEMBERS, 3) };
    let start = Instant::now();
    let (mut network, room) = room_of(members)?;
    let built = start.elapsed();
    let (mut totals, mut virtuals, mut owners, mut slowest, mut all) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for round in 0..rounds {
        let change = remove_one(&mut network, room, members - 1 - round, members - round)?;
        totals.push(change.virtual_ms + change.owner_ms + change.slowest_ms);
        virtuals.push(change.virtual_ms);
        owners.push(change.owner_ms);
        slowest.push(change.slowest_ms);
        all.push(change.all_ms);
        network.run_for(REST_MS);
    }
    let total = median(totals);
    Ok(Outcome {
        figure: format!("{total:.0} ms"),
        target: "<= 1 s",
        met: Some(total <= CHANGE_TARGET_MS),
        notes: vec![format!(
            "{members} members who are all connected with the owner; until the last one has the new key, as machines of their own would \
             need: {:.0} ms of virtual time (disk and network), {:.1} ms of the owner's processor, {:.1} ms of the slowest \
             member's; on one core for all of them {:.0} ms; median of {rounds}; in the simulator, with the product's \
             engine and real cryptography; building the room took {:.0} s",
            median(virtuals),
            median(owners),
            median(slowest),
            median(all),
            built.as_secs_f64()
        )],
        ..Outcome::default()
    })
}

/// A room of so many; the first one made it, and is connected with everybody. The others are not
/// connected with each other: each would remember what each of the others holds, which on machines
/// of their own is 20 MB, and is too much 500 times in one process.
fn room_of(members: usize) -> anyhow::Result<(Network, RoomId)> {
    let mut network = Network::new(members, 7, Faults::NONE);
    network.keeps_events = false;
    let others: Vec<usize> = (1..members).collect();
    network.cut(&others, &others);
    let (room, code) = network.create(0, "kitchen");
    let all: Vec<usize> = (1..members).collect();
    for newcomers in all.chunks(JOIN_AT_ONCE) {
        let mut asked: Vec<_> =
            newcomers.iter().map(|host| (*host, network.submit(*host, Command::Join(code.clone())))).collect();
        let joined = |network: &mut Network| {
            asked.retain(|(host, number)| !matches!(network.answer(*host, *number), Some(Ok(Reply::Joined(_)))));
            asked.is_empty()
        };
        anyhow::ensure!(network.run_until(joined), "not everybody joined");
    }
    let known = |network: &mut Network| (0..members).all(|host| network.member_count(host, room) == members);
    anyhow::ensure!(network.run_until(known), "not everybody knows everybody");
    network.run_for(REST_MS);
    Ok((network, room))
}

/// What one change took.
struct Change {
    virtual_ms: f64,
    owner_ms: f64,
    slowest_ms: f64,
    all_ms: f64,
}

fn remove_one(network: &mut Network, room: RoomId, gone: usize, members: usize) -> anyhow::Result<Change> {
    let device = network.hosts.get(gone).ok_or_else(|| anyhow::anyhow!("no such host"))?.device();
    let Ok(Reply::Members(known)) = network.call(0, Command::Members { room }) else { anyhow::bail!("no members") };
    let user = known.iter().find(|member| member.device == device).and_then(|member| member.user);
    let user = user.ok_or_else(|| anyhow::anyhow!("a member is not known"))?;
    let is_told = |event: &Event| match event {
        Event::MessagesAdded { messages, .. } => messages
            .iter()
            .any(|message| matches!(message.body, MessageBody::Removed { user: gone, .. } if gone == user)),
        _ => false,
    };
    network.hosts.iter_mut().for_each(|host| host.busy = Duration::ZERO);
    network.keeps_events = true;
    let begin = network.clock();
    network.submit(0, Command::RemovePerson { room, user });
    let mut told = vec![false; members];
    while told.iter().take(gone).any(|told| !told) {
        anyhow::ensure!(
            network.clock() < begin + 60_000,
            "only {} were told",
            told.iter().filter(|told| **told).count()
        );
        network.run_for(1);
        for (host, told) in network.hosts.iter_mut().zip(&mut told) {
            *told |= host.events.drain(..).any(|event| is_told(&event));
        }
    }
    network.keeps_events = false;
    let ms = |busy: Duration| busy.as_secs_f64() * 1e3;
    let busy: Vec<f64> = network.hosts.iter().map(|host| ms(host.busy)).collect();
    let (owner_ms, others) = busy.split_first().ok_or_else(|| anyhow::anyhow!("no hosts"))?;
    Ok(Change {
        virtual_ms: (network.clock() - begin) as f64,
        owner_ms: *owner_ms,
        slowest_ms: others.iter().copied().fold(0.0, f64::max),
        all_ms: busy.iter().sum(),
    })
}

/// A member of two is away while the other one changes the epoch again and again, and comes back.
pub fn catch_up(quick: bool) -> anyhow::Result<Outcome> {
    runtime()?.block_on(async {
        let rounds = if quick { 1 } else { 7 };
        let mut times = Vec::new();
        for _ in 0..rounds {
            times.push(come_back().await?.as_secs_f64() * 1e6);
        }
        let time = median(times);
        Ok(Outcome {
            figure: show_micros(time),
            target: "<= 200 ms",
            met: Some(time <= BEHIND_TARGET.as_secs_f64() * 1e6),
            notes: vec![format!(
                "real nodes over TCP on loopback; from being told the other's address, with connecting, until what was written in the last of {BEHIND} \
                 epochs is on the screen; median of {rounds}"
            )],
            ..Outcome::default()
        })
    })
}

async fn come_back() -> anyhow::Result<Duration> {
    let dir = tempfile::tempdir()?;
    let start = |name: &'static str, at: Vec<String>| {
        let dir = dir.path().to_owned();
        async move { parlor::node(&dir, name, parlor::ANY_PORTS, &at).await }
    };
    let anna = start("anna", Vec::new()).await?;
    let at = Transport::Tcp.address(anna.net().ok_or_else(|| anyhow::anyhow!("offline"))?)?;
    let ben = start("ben", vec![at]).await?;
    let owner = anna.handle();
    let (room, code) = parlor::create(&owner).await?;
    ben.handle().call(Command::Join(code)).await?;
    let both = async || owner.members(room).await.is_ok_and(|members| members.len() == 2);
    parlor::until("both know each other", both).await?;
    ben.shutdown().await;
    for _ in 0..BEHIND {
        owner.call(Command::RotateCodes { room }).await?;
    }
    owner.call(Command::Send { room, text: Text::new("the last epoch")?, reply_to: None }).await?;
    // Where she is then, nobody remembers: the other one is up and listens before it is told.
    anna.shutdown().await;
    let (anna, ben) = (start("anna", Vec::new()).await?, start("ben", Vec::new()).await?);
    let at = Transport::Tcp.address(anna.net().ok_or_else(|| anyhow::anyhow!("offline"))?)?;
    let took = tokio::time::timeout(PATIENCE, until_read(&ben, at)).await??;
    ben.shutdown().await;
    anna.shutdown().await;
    Ok(took)
}

/// From the other one's address to the text on the screen.
async fn until_read(node: &parlor_node::Node, at: String) -> anyhow::Result<Duration> {
    let mut events = node.handle().subscribe();
    let start = Instant::now();
    node.handle().submit(Command::AddAddress(at))?;
    loop {
        match events.next().await {
            Event::MessagesAdded { messages, .. } => {
                let is_last =
                    |body: &MessageBody| matches!(body, MessageBody::Text { text } if text == "the last epoch");
                if messages.iter().any(|message| is_last(&message.body)) {
                    return Ok(start.elapsed());
                }
            }
            Event::Stopped => anyhow::bail!("the node stopped"),
            _ => {}
        }
    }
}
