//! Notices that the machine slept: the wall clock ran on while nobody looked.

use web_time::{Duration, Instant, SystemTime};

/// How far the clocks may drift apart, or a tick may be late, before it counts as sleep. A busy
/// machine is late by a second or two; waking after a longer pause does no harm.
const GAP: Duration = Duration::from_secs(10);

/// Compares two clocks at every tick.
#[derive(Debug)]
pub(super) struct SleepWatch {
    steady: Instant,
    wall: SystemTime,
}

impl SleepWatch {
    pub(super) fn new(steady: Instant, wall: SystemTime) -> Self {
        Self { steady, wall }
    }

    /// Whether the machine slept (or its clock was set) since the last tick.
    pub(super) fn slept(&mut self, steady: Instant, wall: SystemTime) -> bool {
        let ran = steady.saturating_duration_since(self.steady);
        // A wall clock set back counts as no time, never as an error.
        let passed = wall.duration_since(self.wall).unwrap_or_default();
        self.steady = steady;
        self.wall = wall;
        // Where the steady clock stops in sleep (Linux) the wall clock tells; where it runs on
        // (some Windows and macOS versions) the late tick tells.
        ran > GAP || passed.saturating_sub(ran) > GAP
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ordinary_tick_is_no_sleep_and_a_jump_of_either_clock_is() {
        let (steady, wall) = (Instant::now(), SystemTime::now());
        let second = Duration::from_secs(1);
        let mut watch = SleepWatch::new(steady, wall);
        assert!(!watch.slept(steady + second, wall + second));
        assert!(watch.slept(steady + second * 2, wall + second * 600));
        assert!(!watch.slept(steady + second * 3, wall + second * 601));
        assert!(watch.slept(steady + second * 60, wall + second * 660));
        assert!(!watch.slept(steady + second * 61, wall - second * 9999));
    }
}
