//! The adaptive-codebook search (§3.7, §A.3.7): the lag whose past excitation matches the target
//! best, and its gain (§3.7.3).

use super::impulse::Backward;
use crate::arith::{div, dot, dot_checked, energy, norm32, round, shl32, shr};
use crate::dims::{Block, LAG_MAX, LAG_MIN, PAST, SUBFRAME};
use crate::pitch::{Lag, adaptive_vector};

/// The longest lag whose thirds are searched, in each subframe.
pub(crate) const THIRDS_MAX: [i16; 2] = [84, LAG_MAX];
/// The greatest pitch gain: 1.2 in Q14.
pub(crate) const GAIN_MAX: i16 = 19661;

/// The lags to try in the first subframe: 7 around the open-loop lag.
pub(crate) fn first_range(open_loop: i16) -> (i16, i16) {
    let least = (open_loop - 3).clamp(LAG_MIN, LAG_MAX - 6);
    (least, least + 6)
}

/// The best lag in a range; overwrites the subframe at the end of `excitation` (until then the
/// residual, which stands in for excitation not yet known) with its vector.
pub(crate) fn search(
    excitation: &mut [i16; PAST + SUBFRAME],
    target: &Backward,
    (least, most): (i16, i16),
    thirds_max: i16,
) -> Lag {
    let whole = best_whole(excitation, target, least, most);
    let mut best = Lag { whole, thirds: 0 };
    adaptive_vector(excitation, best);
    if whole > thirds_max {
        return best;
    }
    let mut greatest = dot(0, target, &excitation[PAST..]);
    let mut kept: Block = *vector(excitation);
    for thirds in [-1, 1] {
        adaptive_vector(excitation, Lag { whole, thirds });
        let correlation = dot(0, target, &excitation[PAST..]);
        if correlation > greatest {
            (greatest, best.thirds) = (correlation, thirds);
            kept = *vector(excitation);
        }
    }
    excitation[PAST..].copy_from_slice(&kept);
    best
}

/// §A.3.7: the first lag of the greatest correlation with the target filtered backwards.
pub(crate) fn best_whole(
    excitation: &[i16; PAST + SUBFRAME],
    target: &Backward,
    least: i16,
    most: i16,
) -> i16 {
    let mut best = (least, i32::MIN);
    for lag in least..=most {
        let from = PAST - lag as usize;
        let correlation = dot(0, target, &excitation[from..from + SUBFRAME]);
        if correlation > best.1 {
            best = (lag, correlation);
        }
    }
    best.0
}

fn vector(excitation: &[i16; PAST + SUBFRAME]) -> &Block {
    excitation[PAST..].try_into().expect("a subframe")
}

/// A number as a mantissa of 16 bits and a count of fraction bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Scaled {
    pub(crate) mantissa: i16,
    pub(crate) q: i16,
}

/// What the filtered adaptive vector has in common with itself and with the target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PitchCorrelations {
    /// y·y.
    pub(crate) energy: Scaled,
    /// x·y.
    pub(crate) correlation: Scaled,
}

/// Correlates target and filtered adaptive vector; equation (43) gives the gain, Q14.
pub(crate) fn gain(target: &Block, filtered: &Block) -> (i16, PitchCorrelations) {
    // Loud vectors are scaled down by 4 first.
    let quarter = filtered.map(|y| shr(y, 2));
    let energy = match energy(1, filtered) {
        (sum, false) => scale(sum, 0),
        (_, true) => scale(energy(1, &quarter).0, -4),
    };
    let correlation = match dot_checked(target, filtered) {
        Some(sum) => scale(sum, 0),
        None => scale(dot(0, target, &quarter), -2),
    };
    let mut found = PitchCorrelations {
        energy,
        correlation,
    };
    if correlation.mantissa <= 0 {
        // Correlations that are not positive count as next to nothing.
        found.correlation.q = 30;
        return (0, found);
    }
    let fraction = div(correlation.mantissa >> 1, energy.mantissa);
    (shr(fraction, correlation.q - energy.q).min(GAIN_MAX), found)
}

/// Normalises a sum of doubled products of samples.
fn scale(sum: i32, q: i16) -> Scaled {
    let shift = norm32(sum);
    Scaled {
        mantissa: round(shl32(sum, shift)),
        q: q + shift,
    }
}
