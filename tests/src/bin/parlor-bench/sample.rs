//! Times of many repetitions, and how they are written.

use hdrhistogram::Histogram;
use std::time::Duration;

/// Times of one thing done many times.
#[derive(Debug)]
pub struct Sample {
    nanos: Histogram<u64>,
}

impl Sample {
    /// No times yet.
    pub fn new() -> anyhow::Result<Self> {
        Ok(Self { nanos: Histogram::new(3)? })
    }

    /// Takes a time.
    pub fn add(&mut self, time: Duration) {
        // The histogram grows as needed; times of hours do not occur.
        let _ = self.nanos.record(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
    }

    /// The time that this share of all stays below, in microseconds.
    pub fn micros(&self, quantile: f64) -> f64 {
        self.nanos.value_at_quantile(quantile) as f64 / 1000.0
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.nanos.len()
    }

    /// Half of all times are shorter.
    pub fn p50(&self) -> f64 {
        self.micros(0.5)
    }

    /// One of a hundred is longer.
    pub fn p99(&self) -> f64 {
        self.micros(0.99)
    }

    /// Median and 99th percentile, for the table.
    pub fn show(&self) -> String {
        format!("p50 {} p99 {}", show_micros(self.p50()), show_micros(self.p99()))
    }
}

/// Microseconds for people.
pub fn show_micros(micros: f64) -> String {
    if micros < 100.0 {
        format!("{micros:.1} us")
    } else if micros < 10_000.0 {
        format!("{micros:.0} us")
    } else if micros < 1_000_000.0 {
        format!("{:.0} ms", micros / 1000.0)
    } else {
        format!("{:.2} s", micros / 1_000_000.0)
    }
}

/// The middle one.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// Milliseconds since 1970.
pub fn wall_ms() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
