//! Watches the network part alone: starts it, prints every event with its time, and says hello on
//! one topic every few seconds. For trying discovery between machines or network namespaces:
//!
//! ```sh
//! cargo run -p parlor-node --example net_ping -- --seed 1
//! cargo run -p parlor-node --example net_ping -- --seed 2 --add 192.168.1.20
//! ```

#![allow(clippy::disallowed_methods, reason = "a program for native systems")]

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    time::{Duration, Instant},
};

use clap::Parser;
use parlor_node::net::{Net, NetCommand, NetConfig, NetEvent, Verdict};
use parlor_protocol::TopicId;
use zeroize::Zeroizing;

/// Watch the network part of Parlor.
#[derive(Debug, Parser)]
struct Options {
    /// The device key is made from this number.
    #[arg(long)]
    seed: u8,
    /// Say that this is an archive.
    #[arg(long)]
    archive: bool,
    /// Another machine's address.
    #[arg(long)]
    add: Vec<String>,
    /// Use only these interfaces for discovery.
    #[arg(long)]
    interface: Vec<String>,
    /// Do not use these interfaces for discovery.
    #[arg(long)]
    not_interface: Vec<String>,
    /// No discovery.
    #[arg(long)]
    no_mdns: bool,
    /// Stop after so many seconds.
    #[arg(long)]
    seconds: Option<u64>,
}

fn message_id(topic: TopicId, bytes: &[u8]) -> [u8; 20] {
    let mut hasher = DefaultHasher::new();
    (topic, bytes).hash(&mut hasher);
    let mut id = [0; 20];
    id.iter_mut().zip(hasher.finish().to_le_bytes()).for_each(|(slot, byte)| *slot = byte);
    id
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt().with_env_filter(tracing_subscriber::EnvFilter::from_default_env()).init();
    let options = Options::parse();
    let mut config = NetConfig::new(Zeroizing::new([options.seed; 32]), message_id);
    config.archive = options.archive;
    config.manual = options.add;
    config.mdns = !options.no_mdns;
    config.interfaces.include = options.interface;
    config.interfaces.exclude = options.not_interface;
    let (handle, mut events, net) = Net::start(config).await?;
    let start = Instant::now();
    let seconds = || start.elapsed().as_secs_f64();
    println!("{:8.3} I am {}", seconds(), net.device().short());
    let topic = TopicId::from_bytes([1; 32]);
    handle.send(NetCommand::Subscribe(topic)).await;
    let mut hello = tokio::time::interval(Duration::from_secs(5));
    let end = tokio::time::sleep(Duration::from_secs(options.seconds.unwrap_or(u64::from(u32::MAX))));
    tokio::pin!(end);
    loop {
        tokio::select! {
            event = events.recv() => match event {
                Some(NetEvent::Gossip { message, from, bytes, .. }) => {
                    println!("{:8.3} {} passed on: {}", seconds(), from.short(), String::from_utf8_lossy(&bytes));
                    handle.send(NetCommand::Judge { message, verdict: Verdict::Accept }).await;
                }
                Some(event) => println!("{:8.3} {event:?}", seconds()),
                None => break,
            },
            _ = hello.tick() => {
                let bytes = format!("hello from {} at {:.3}", options.seed, seconds()).into();
                handle.send(NetCommand::Publish { topic, bytes }).await;
            }
            _ = tokio::signal::ctrl_c() => break,
            () = &mut end => break,
        }
    }
    let stopping = Instant::now();
    net.shutdown().await;
    println!("{:8.3} stopped in {:?}", seconds(), stopping.elapsed());
    Ok(())
}
