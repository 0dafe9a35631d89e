//! When packets arrive: their jitter, and how long nothing came.

use std::time::{Duration, Instant};

use super::RATE;

/// Arrivals so far.
#[derive(Debug, Default)]
pub(crate) struct Arrival {
    first: Option<Instant>,
    last: Option<Instant>,
    /// Arrival less timestamp of the packet before, in samples.
    transit: Option<u32>,
    /// In samples.
    jitter: f64,
    longest_gap: Duration,
}

impl Arrival {
    /// Takes in a packet.
    pub(crate) fn note(&mut self, timestamp: u32, now: Instant) {
        let first = *self.first.get_or_insert(now);
        if let Some(last) = self.last.replace(now) {
            self.longest_gap = self.longest_gap.max(now - last);
        }
        let arrival = (now - first).as_nanos() * u128::from(RATE) / 1_000_000_000;
        let transit = (arrival as u32).wrapping_sub(timestamp);
        if let Some(before) = self.transit.replace(transit) {
            let change = (transit.wrapping_sub(before) as i32).unsigned_abs();
            // RFC 3550 §6.4.1; a leap of the timestamps is no jitter.
            if change < RATE {
                self.jitter += (f64::from(change) - self.jitter) / 16.0;
            }
        }
    }

    /// Nothing is expected for a while, or something else.
    pub(crate) const fn interrupt(&mut self) {
        self.last = None;
        self.transit = None;
    }

    /// Interarrival jitter in samples (RFC 3550 §6.4.1).
    pub(crate) const fn jitter(&self) -> f64 {
        self.jitter
    }

    /// The longest time between two packets that were expected.
    pub(crate) const fn longest_gap(&self) -> Duration {
        self.longest_gap
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::epoch;

    #[test]
    fn jitter_approaches_the_mean_difference() {
        let (mut arrival, now) = (Arrival::default(), epoch());
        for n in 0..400_u32 {
            // Every other packet is 2 ms late: the difference is always 16 samples.
            let at = u64::from(n) * 20 + u64::from(n % 2) * 2;
            let timestamp = (n * 160).wrapping_sub(500);
            arrival.note(timestamp, now + Duration::from_millis(at));
        }
        assert!(
            (15.9..=16.0).contains(&arrival.jitter()),
            "{}",
            arrival.jitter()
        );
        arrival.note(4_000_000, now + Duration::from_secs(8));
        assert!(arrival.jitter() <= 16.0, "a leap");
    }

    #[test]
    fn pauses_are_no_gaps() {
        let (mut arrival, now) = (Arrival::default(), epoch());
        arrival.note(0, now);
        arrival.note(160, now + Duration::from_millis(35));
        assert_eq!(arrival.longest_gap(), Duration::from_millis(35));
        arrival.interrupt();
        arrival.note(8000, now + Duration::from_secs(9));
        assert_eq!(arrival.longest_gap(), Duration::from_millis(35));
        assert!(arrival.jitter() < 8.0);
    }
}
