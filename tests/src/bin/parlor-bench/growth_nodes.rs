//! How latency and rate grow with the number of nodes that share one machine, beside bare gossipsub.

use crate::{
    compare::{Transport, both, runtime},
    sample::{Sample, median, show_micros},
    table::Outcome,
};

/// Messages of one turn.
const ROUND: usize = 10;

/// Groups of very different sizes.
pub fn nodes(quick: bool) -> anyhow::Result<Outcome> {
    let sizes: &[usize] = if quick { &[2, 4] } else { &[2, 4, 8, 16, 32, 64] };
    let mut notes = Vec::new();
    for peers in sizes {
        let line = runtime()?.block_on(of_size(*peers, quick))?;
        eprintln!("    {line}");
        notes.push(line);
    }
    Ok(Outcome { figure: "see below".into(), notes, ..Outcome::default() })
}

/// One size, in this process: `parlor-bench --part nodes 64`.
pub fn part(peers: usize) -> anyhow::Result<()> {
    println!("{}", runtime()?.block_on(of_size(peers, false))?);
    Ok(())
}

async fn of_size(peers: usize, quick: bool) -> anyhow::Result<String> {
    let (mut ours, mut bare) = both(Transport::Tcp, peers).await?;
    let (mut times, mut bare_times) = (Sample::new()?, Sample::new()?);
    let rounds = if quick { 2 } else { 20 };
    for round in 0..rounds {
        let numbers = 100 + round * ROUND..100 + (round + 1) * ROUND;
        ours.latency(numbers.clone(), &mut times).await?;
        bare.latency(numbers, &mut bare_times).await?;
    }
    let (mut rates, mut bare_rates) = (Vec::new(), Vec::new());
    // About the same work for every size.
    let (rate_rounds, messages) = if quick { (1, 100) } else { (3, (8_000 / peers).clamp(200, 1_000)) };
    for round in 0..rate_rounds {
        let numbers = 1_000 + round * messages..1_000 + (round + 1) * messages;
        rates.push(ours.rate(numbers.clone()).await?);
        bare_rates.push(bare.rate(numbers).await?);
    }
    ours.stop().await;
    bare.stop().await;
    let (rate, bare_rate) = (median(rates), median(bare_rates));
    Ok(format!(
        "{peers} nodes: p50 {} p99 {}, bare p50 {} p99 {}, ratio {:.1}; {rate:.0} messages/s, bare {bare_rate:.0}, ratio \
         {:.2}; {:.0} deliveries/s",
        show_micros(times.p50()),
        show_micros(times.micros(0.99)),
        show_micros(bare_times.p50()),
        show_micros(bare_times.micros(0.99)),
        times.p50() / bare_times.p50(),
        rate / bare_rate,
        rate * (peers - 1) as f64
    ))
}
