//! The period of 20 ms that paces the pipeline, and what it holds.

use crate::time::Nanos;

/// The period in which every stream is served once.
pub const PERIOD: Nanos = Nanos::from_millis(20);

/// Samples per second.
pub const RATE: u32 = 8000;

/// Samples of one period.
pub const BLOCK: usize = 160;

/// One period of one signal.
pub type Block = [i16; BLOCK];

/// The samples that pass while the clock goes from `from` to `to`; negative where it goes back.
pub(crate) const fn samples_between(from: Nanos, to: Nanos) -> i64 {
    (to.0 as i64).wrapping_sub(from.0 as i64) / NANOS_PER_SAMPLE
}

const NANOS_PER_SAMPLE: i64 = (Nanos::SECOND.0 / RATE as u64) as i64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_is_a_block() {
        let start = Nanos::from_millis(7);
        assert_eq!(samples_between(start, start.after(PERIOD)), BLOCK as i64);
        assert_eq!(samples_between(start.after(PERIOD), start), -(BLOCK as i64));
    }
}
