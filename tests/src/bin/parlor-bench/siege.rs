//! Messages that pass through an archive while strangers besiege it.

use parlor_tests::strangers::{Manner, Strangers};
use std::{
    env,
    net::{Ipv4Addr, SocketAddr},
};

use crate::{
    compare::{Group, runtime},
    join::archive,
    parlor::apart,
    sample::Sample,
    table::Outcome,
};

/// Strangers that come and come again.
const MANY: usize = 600;
/// The p99 of a text at most doubles.
const TARGET: f64 = 2.0;
/// Messages in a turn.
const TURN: usize = 200;

async fn talk(group: &mut Group, next: &mut usize, count: usize, times: &mut Sample) -> anyhow::Result<()> {
    for _ in 0..count {
        *next += 1;
        group.latency(*next..*next + 1, times).await?;
    }
    Ok(())
}

/// Two members talk through an archive, in turns with and without strangers who are idle, ask or push, from as many
/// addresses as they are and from a single one.
pub fn strangers(quick: bool) -> anyhow::Result<Outcome> {
    if !cfg!(target_os = "linux") {
        return Ok(Outcome::skipped("only Linux has an address of this machine for each stranger"));
    }
    runtime()?.block_on(async {
        let (many, turn, rounds) = if quick { (20, 10, 1) } else { (MANY, TURN, 3) };
        let dir = tempfile::tempdir()?;
        let archive = archive(dir.path(), None).await?;
        let port = archive.net().tcp_port().unwrap_or_default();
        let mut group = apart(&format!("/ip4/127.0.0.1/tcp/{port}")).await?;
        let (mut next, mut worst, mut notes) = (0, 0.0, Vec::new());
        for (manner, is_apart) in Manner::ALL.into_iter().flat_map(|manner| [(manner, true), (manner, false)]) {
            let (mut quiet, mut busy) = (Sample::new()?, Sample::new()?);
            for _ in 0..rounds {
                talk(&mut group, &mut next, turn, &mut quiet).await?;
                let program = env::current_exe()?;
                let at = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
                let siege = tokio::task::spawn_blocking(move || {
                    let siege = Strangers::start(&program, at, many, manner, is_apart)?;
                    siege.until_tried(many + many / 2)?;
                    anyhow::Ok(siege)
                });
                let siege = siege.await??;
                talk(&mut group, &mut next, turn, &mut busy).await?;
                drop(siege);
                // What they left behind is no part of the next turn.
                talk(&mut group, &mut next, turn.min(20), &mut Sample::new()?).await?;
            }
            let ratio = busy.p99() / quiet.p99();
            worst = ratio.max(worst);
            let from = if is_apart { "from as many addresses" } else { "from one address" };
            let line = format!("{many} that {manner:?}, {from}: {}, without {}; p99 {ratio:.2}x", busy.show(), quiet.show());
            eprintln!("    {line}");
            notes.push(line);
        }
        group.stop().await;
        archive.shutdown().await;
        notes.push(format!(
            "{rounds} rounds of {turn} messages each, in turns with quiet ones; the strangers are a process at the lowest priority, on the same \
             processors"
        ));
        Ok(Outcome {
            figure: format!("p99 {worst:.2}x at worst"),
            compared: "without".into(),
            ratio: Some(worst),
            target: "p99 <= 2x",
            met: Some(worst <= TARGET),
            notes,
        })
    })
}
