//! Taming: a bound on how far an error in the past excitation (a lost frame) can grow, after which
//! the pitch gain is kept below one. The Recommendation leaves it to its software.

use crate::arith::{Split, shl32};
use crate::dims::{INTERPOLATION_REACH, SUBFRAME};
use crate::pitch::Lag;
use crate::tables::{TAMING_RESET, TAMING_ZONE};

/// The bound above which gains are limited: 60000 in Q14.
const TOO_MUCH: i32 = 983_040_000;
/// The greatest pitch gain under taming: 0.95 in Q14.
pub(crate) const GAIN_MAX: i16 = 15564;

/// Bounds for the four latest stretches of 40 samples, newest first, Q14.
#[derive(Clone, Debug)]
pub(crate) struct Taming(pub(crate) [i32; 4]);

impl Taming {
    pub(crate) const fn new() -> Self {
        Self(TAMING_RESET)
    }

    /// Whether an error could grow too far with this lag.
    pub(crate) fn needed(&self, lag: Lag) -> bool {
        let reach = usize::from(lag.whole.unsigned_abs()) + usize::from(lag.thirds > 0);
        let newest = zone(reach.saturating_sub(SUBFRAME + INTERPOLATION_REACH));
        let oldest = zone(reach + INTERPOLATION_REACH - 2);
        self.0[newest..=oldest]
            .iter()
            .any(|&bound| bound > TOO_MUCH)
    }

    /// Remembers the lag and the quantised pitch gain (Q14) of a subframe.
    pub(crate) fn push(&mut self, lag: i16, gain: i16) {
        let lag = lag as usize;
        let grown = |bound: i32| {
            let product = shl32(Split::new(bound).mul16(gain), 1);
            product.saturating_add(0x4000)
        };
        let worst = match lag.checked_sub(SUBFRAME) {
            // The vector repeats itself within the subframe: the error grows twice.
            None => {
                let once = grown(self.0[0]);
                once.max(grown(once))
            }
            Some(from) => {
                let zones = &self.0[zone(from)..=zone(lag - 1)];
                zones
                    .iter()
                    .fold(-1, |worst, &bound| grown(bound).max(worst))
            }
        };
        self.0.copy_within(..3, 1);
        self.0[0] = worst;
    }
}

fn zone(back: usize) -> usize {
    TAMING_ZONE[back].into()
}
