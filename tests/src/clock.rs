//! Virtual time.

use std::time::{Duration, Instant};

use sixreel_controlplane::time::{Now, Wall};
use sixreel_dataplane::time::{Nanos, ntp_from_unix};

/// The wall clock when a world begins: 2026-01-05T09:00:00Z.
const WALL: Wall = Wall(1_767_603_600_000);

/// A clock that moves when it is told to.
#[derive(Debug)]
pub struct Clock {
    began: Instant,
    passed: Nanos,
}

impl Clock {
    /// A clock that shows the beginning.
    #[expect(
        clippy::disallowed_methods,
        reason = "an Instant can only be had from the system; what is told is the distance to it"
    )]
    pub fn new() -> Self {
        Self {
            began: Instant::now(),
            passed: Nanos(0),
        }
    }

    /// What has passed since the beginning.
    pub const fn passed(&self) -> Nanos {
        self.passed
    }

    /// Both clocks, as a machine is told them.
    pub fn now(&self) -> Now {
        let passed = self.passed.duration();
        Now {
            mono: self.began + passed,
            wall: Wall(WALL.0 + passed.as_millis() as i64),
        }
    }

    /// How long after the beginning a moment is.
    pub fn place(&self, at: Instant) -> Nanos {
        Nanos(at.saturating_duration_since(self.began).as_nanos() as u64)
    }

    /// Moves on. Time never goes back.
    pub fn advance(&mut self, to: Nanos) {
        self.passed = self.passed.max(to);
    }

    /// The wall clock at the beginning in NTP's format.
    pub const fn epoch_ntp() -> u64 {
        ntp_from_unix(Duration::from_millis(WALL.0.unsigned_abs()))
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::new()
    }
}
