//! The Levinson-Durbin recursion (§3.2.2): from autocorrelations to an LP filter.

use super::autocorrelation::Correlations;
use crate::arith::{Split, div_split, norm32, round, shl32};
use crate::dims::{Lp, ONE_Q12, TAPS};

/// A reflection coefficient above this (Q15) makes a filter that is barely stable, if at all.
pub(crate) const REFLECTION_MAX: i16 = 32750;

/// The last stable filter, which stands in for one that is not.
#[derive(Clone, Debug)]
pub(crate) struct Levinson {
    pub(crate) last: Lp,
}

impl Levinson {
    pub(crate) const fn new() -> Self {
        let mut last = [0; TAPS];
        last[0] = ONE_Q12;
        Self { last }
    }

    /// The predictor of the signal with these autocorrelations, Q12.
    pub(crate) fn solve(&mut self, r: &Correlations) -> Lp {
        if let Some(a) = recurse(r) {
            // From Q27 to Q12.
            self.last = core::array::from_fn(|i| match i {
                0 => ONE_Q12,
                _ => round(shl32(a[i].join(), 1)),
            });
        }
        self.last
    }
}

/// Equation (8). Coefficients are in Q27, the first one is not used.
fn recurse(r: &Correlations) -> Option<[Split; TAPS]> {
    let mut a = [Split::default(); TAPS];
    // The prediction error, as a normalised fraction and how far that was shifted.
    let (mut error, mut error_shift) = (r[0], 0);
    for i in 1..TAPS {
        let mut sum = 0_i32;
        for j in 1..i {
            sum = sum.saturating_add(r[j].mul(a[i - j]));
        }
        let sum = shl32(sum, 4).saturating_add(r[i].join());
        let magnitude = shl32(div_split(sum.saturating_abs(), error), error_shift);
        let k = if sum > 0 {
            magnitude.saturating_neg()
        } else {
            magnitude
        };
        let k_split = Split::new(k);
        if k_split.hi.saturating_abs() > REFLECTION_MAX {
            return None;
        }
        let before = a;
        for j in 1..i {
            a[j] = Split::new(k_split.mul(before[i - j]).saturating_add(before[j].join()));
        }
        a[i] = Split::new(k >> 4);

        let kept = i32::MAX.saturating_sub(k_split.mul(k_split).saturating_abs());
        let rest = error.mul(Split::new(kept));
        let shift = norm32(rest);
        error = Split::new(shl32(rest, shift));
        error_shift += shift;
    }
    Some(a)
}
