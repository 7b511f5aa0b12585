//! Mosquitto, to compare with: a broker as a process of its own, one client that publishes with
//! QoS 0 and one that subscribes. Nothing is stored or sealed.

use parlor_tests::process::free_port;
use rumqttc::{AsyncClient, Event, EventLoop, MqttOptions, NetworkOptions, Packet, QoS};
use std::{
    net::TcpStream,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};
use tempfile::TempDir;
use tokio::sync::mpsc;

use crate::{
    author::{TEXT_LEN, number_of},
    compare::{Arrival, Group, LATENCY_ROUND, PATIENCE, Sender, Transport, in_turns, runtime},
    parlor,
    table::Outcome,
};

const TOPIC: &str = "bench";
/// Messages and reports that may wait.
const QUEUE: usize = 8192;
/// Debian has it where only administrators look.
const PROGRAMS: [&str; 3] = ["mosquitto", "/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto"];

/// A broker on a free port; it ends when dropped.
struct Broker {
    process: Child,
    port: u16,
    _dir: TempDir,
}

impl Broker {
    /// Starts one; the reason when there is none.
    fn start() -> Result<Self, String> {
        let start = || -> anyhow::Result<Self> {
            let (dir, port) = (tempfile::tempdir()?, free_port()?);
            let settings = dir.path().join("mosquitto.conf");
            let text = "allow_anonymous true\npersistence false\nset_tcp_nodelay true\nlog_type none\n";
            std::fs::write(&settings, format!("listener {port} 127.0.0.1\n{text}"))?;
            let process = spawn(&settings)?;
            let deadline = Instant::now() + PATIENCE;
            while TcpStream::connect(("127.0.0.1", port)).is_err() {
                anyhow::ensure!(Instant::now() < deadline, "it does not listen");
                std::thread::sleep(Duration::from_millis(20));
            }
            Ok(Self { process, port, _dir: dir })
        };
        start().map_err(|error| format!("no mosquitto: `apt install mosquitto` ({error})"))
    }

    fn client(&self, id: &str) -> (AsyncClient, EventLoop) {
        let (client, mut events) = AsyncClient::new(MqttOptions::new(id, "127.0.0.1", self.port), QUEUE);
        let mut options = NetworkOptions::new();
        options.set_tcp_nodelay(true);
        events.set_network_options(options);
        (client, events)
    }
}

fn spawn(settings: &Path) -> std::io::Result<Child> {
    let start = |program: &&str| {
        Command::new(program).arg("-c").arg(settings).stdout(Stdio::null()).stderr(Stdio::null()).spawn()
    };
    let missing = || std::io::Error::from(std::io::ErrorKind::NotFound);
    PROGRAMS.iter().map(start).find(Result::is_ok).unwrap_or_else(|| Err(missing()))
}

impl Drop for Broker {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Parlor and Mosquitto in turns: from one member or client to the other.
pub fn latency(quick: bool) -> anyhow::Result<Outcome> {
    let broker = match Broker::start() {
        Ok(broker) => broker,
        Err(reason) => return Ok(Outcome::skipped(reason)),
    };
    runtime()?.block_on(async {
        let (ours, theirs) = (parlor::group(Transport::Tcp, 2).await?, group(&broker).await?);
        let rounds = if quick { 2 } else { 40 };
        let (times, their_times) = in_turns(ours, theirs, rounds).await?;
        Ok(Outcome {
            figure: their_times.show(),
            compared: format!("Parlor {}", times.show()),
            ratio: Some(their_times.p50() / times.p50()),
            notes: vec![format!(
                "publish to receive through the broker, QoS 0, TCP, {} messages of {TEXT_LEN} B each way; Parlor as in \
                 latency-tcp-2, in turns",
                rounds * LATENCY_ROUND
            )],
            ..Outcome::default()
        })
    })
}

async fn group(broker: &Broker) -> anyhow::Result<Group> {
    let (reports, arrivals) = mpsc::channel(QUEUE);
    let (reader, mut events) = broker.client("reader");
    reader.subscribe(TOPIC, QoS::AtMostOnce).await?;
    let subscribed = async {
        while !matches!(events.poll().await?, Event::Incoming(Packet::SubAck(_))) {}
        anyhow::Ok(())
    };
    tokio::time::timeout(PATIENCE, subscribed).await??;
    tokio::spawn(async move {
        // The client is kept: without it the connection would end.
        let _reader = reader;
        while let Ok(event) = events.poll().await {
            let Event::Incoming(Packet::Publish(message)) = event else { continue };
            let Some(number) = number_of(&message.payload) else { continue };
            if reports.send(Arrival { number, at: Instant::now() }).await.is_err() {
                return;
            }
        }
    });
    let (writer, mut events) = broker.client("writer");
    tokio::spawn(async move { while events.poll().await.is_ok() {} });
    let sender = Sender::Mqtt { client: writer, topic: TOPIC };
    Ok(Group { sender, arrivals, others: 1, nodes: Vec::new(), dir: None })
}
