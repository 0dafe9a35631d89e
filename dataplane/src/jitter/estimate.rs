//! Interarrival jitter, as receiver reports state it (RFC 3550 §6.4.1, A.8).

use crate::period::{RATE, samples_between};
use crate::time::Nanos;

/// A running estimate.
#[derive(Debug, Default)]
pub(crate) struct Estimate {
    /// Arrival less timestamp of the packet before.
    transit: Option<u32>,
    /// In 1/16 sample.
    jitter: u32,
}

impl Estimate {
    /// Takes in a packet.
    pub(crate) fn note(&mut self, timestamp: u32, now: Nanos) {
        let arrival = samples_between(Nanos(0), now) as u32;
        let transit = arrival.wrapping_sub(timestamp);
        if let Some(before) = self.transit.replace(transit) {
            let change = (transit.wrapping_sub(before) as i32).unsigned_abs();
            // A leap of the timestamps is no jitter.
            if change < RATE {
                self.jitter = self.jitter + change - ((self.jitter + 8) >> 4);
            }
        }
    }

    /// Another stream begins; the estimate goes on from where it is.
    pub(crate) const fn restart(&mut self) {
        self.transit = None;
    }

    /// In microseconds.
    pub(crate) const fn micros(&self) -> u32 {
        self.jitter * (1_000_000 / RATE) / 16
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn approaches_the_mean_difference_and_ignores_leaps() {
        let mut estimate = Estimate::default();
        for n in 0..400u32 {
            // Every other packet is 2 ms late: transit changes by 16 samples each time.
            let late = u64::from(n % 2) * 2;
            estimate.note(n * 160, Nanos::from_millis(u64::from(n) * 20 + late));
        }
        assert!(
            (1800..=2000).contains(&estimate.micros()),
            "{}",
            estimate.micros()
        );
        estimate.note(4_000_000_000, Nanos::from_millis(8000));
        assert!(estimate.micros() <= 2000);
        estimate.restart();
        estimate.note(5, Nanos::from_millis(9000));
        assert!(estimate.micros() <= 2000);
    }
}
