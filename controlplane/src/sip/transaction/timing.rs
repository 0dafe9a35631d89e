//! The timers and their lengths (RFC 3261 §17 and appendix A, RFC 6026 §8).

use std::time::{Duration, Instant};

/// The three times that all timers derive from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// The round trip that is expected.
    pub t1: Duration,
    /// The longest interval between retransmissions.
    pub t2: Duration,
    /// How long a message may stay in the network.
    pub t4: Duration,
}

/// When to retransmit next, at intervals that double.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Backoff {
    /// The next retransmission.
    pub(crate) at: Instant,
    interval: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            t1: Duration::from_millis(500),
            t2: Duration::from_secs(4),
            t4: Duration::from_secs(5),
        }
    }
}

impl Timing {
    /// Timers B, F, H, L and M: how long a transaction waits for the other side.
    pub(crate) fn patience(&self) -> Duration {
        64 * self.t1
    }

    /// Timers D and J: how long retransmissions of what was answered may still come.
    pub(crate) fn echoes(&self, reliable: bool) -> Duration {
        if reliable {
            Duration::ZERO
        } else {
            64 * self.t1
        }
    }

    /// Timers I and K: how long the network may still hold a copy.
    pub(crate) fn stragglers(&self, reliable: bool) -> Duration {
        if reliable { Duration::ZERO } else { self.t4 }
    }
}

impl Backoff {
    /// Begins with T1.
    pub(crate) fn new(timing: &Timing, now: Instant) -> Self {
        Self {
            at: now + timing.t1,
            interval: timing.t1,
        }
    }

    /// Goes on at a constant interval (RFC 3261 §17.1.2.2, Proceeding).
    pub(crate) fn settle(&mut self, interval: Duration) {
        self.interval = interval;
    }

    /// Timer A: doubles without limit.
    pub(crate) fn double(&mut self, now: Instant) {
        self.interval *= 2;
        self.at = now + self.interval;
    }

    /// Timers E and G: doubles up to T2.
    pub(crate) fn double_up_to(&mut self, most: Duration, now: Instant) {
        self.interval = (self.interval * 2).min(most);
        self.at = now + self.interval;
    }
}
