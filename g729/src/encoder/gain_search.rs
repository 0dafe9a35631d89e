//! The search of the gain quantiser (§3.9.2): a preselection from the unquantised optimum, then the
//! best of 4 by 8 pairs of rows.

use super::closed_loop::{PitchCorrelations, Scaled};
use crate::arith::{
    Split, clamp16, deposit_high, div, dot, high, mul, mul32, norm32, round, shl32, shr, shr32,
};
use crate::dims::Block;
use crate::gain::{GainIndex, PredictedGain};
use crate::tables::{PRESELECT, PRESELECT_LONG, THRESHOLD1, THRESHOLD2};

/// Rows that the preselection keeps of each stage.
pub(crate) const KEPT: [usize; 2] = [4, 8];
/// With taming: the limit on the optimal pitch gain (0.94 in Q9) and on the quantised one (Q14).
pub(crate) const TAMED_OPTIMUM: i16 = 481;
pub(crate) const TAMED: i16 = 16383;
/// The factor that the coefficients of the preselection share, Q19.
pub(crate) const PRESELECT_FACTOR: i16 = -17103;

/// What target (x), filtered adaptive (y) and filtered fixed vector (z) have in common, in the order
/// of the error's terms: yy, −2xy, zz, −2xz, 2yz.
pub(crate) type Terms = [Scaled; 5];

/// The terms of the error, equation (63).
pub(crate) fn terms(x: &Block, y: &Block, z: &Block, pitch: PitchCorrelations) -> Terms {
    let quieter = z.map(|z| shr(z, 3));
    let scale = |sum: i32, q: i16| {
        let shift = norm32(sum);
        Scaled {
            mantissa: round(shl32(sum, shift)),
            q: shift + q,
        }
    };
    // z is in Q12, its eighth in Q9; mantissas are taken from the upper half.
    let energy = scale(dot(1, &quieter, &quieter), 3);
    let xz = scale(dot(1, x, &quieter), -7);
    let yz = scale(dot(1, y, &quieter), -7);
    [
        Scaled {
            mantissa: pitch.energy.mantissa,
            q: pitch.energy.q - 15,
        },
        Scaled {
            mantissa: pitch.correlation.mantissa.saturating_neg(),
            q: pitch.correlation.q - 16,
        },
        energy,
        Scaled {
            mantissa: xz.mantissa.saturating_neg(),
            q: xz.q,
        },
        yz,
    ]
}

/// The best rows for a subframe.
pub(crate) fn search(terms: &Terms, predicted: PredictedGain, tamed: bool) -> GainIndex {
    let optimum = optimum(terms, tamed);
    let start = preselect(optimum, predicted);
    let weights = aligned(terms, predicted.q);

    let mut best = start;
    let mut least = i32::MAX;
    for first in start.first..start.first + KEPT[0] {
        for second in start.second..start.second + KEPT[1] {
            let index = GainIndex { first, second };
            if tamed && index.pitch() >= TAMED {
                continue;
            }
            let error = error(index, predicted, &weights);
            if error < least {
                (best, least) = (index, error);
            }
        }
    }
    best
}

/// The unquantised gains of least error: pitch gain Q9, code gain Q2.
pub(crate) fn optimum(terms: &Terms, tamed: bool) -> [i16; 2] {
    let [yy, xy, zz, xz, yz] = *terms;
    // −1 / (4·yy·zz − (2yz)²), equations for which the error's gradient vanishes.
    let (difference, q) = {
        let (a, qa) = (mul32(yy.mantissa, zz.mantissa), yy.q + zz.q - 1);
        let (b, qb) = (mul32(yz.mantissa, yz.mantissa), 2 * yz.q + 1);
        if qa > qb {
            (shr32(a, qa - qb).saturating_sub(b), qb)
        } else {
            (a.saturating_sub(shr32(b, qb - qa)), qa)
        }
    };
    let shift = norm32(difference);
    let inverse = div(1 << 14, high(shl32(difference, shift))).saturating_neg();
    let inverse_q = 29 - (q + shift - 16);

    let gain = |a: (Scaled, Scaled), b: (Scaled, Scaled), q: i16| {
        let (numerator, numerator_q) = numerator(a, b);
        let shift = numerator_q + inverse_q - (q + 15);
        high(shr32(mul32(numerator, inverse), shift))
    };
    let pitch = gain((zz, xy), (xz, yz), 9);
    let code = gain((yy, xz), (xy, yz), 2);
    [
        if tamed {
            pitch.min(TAMED_OPTIMUM)
        } else {
            pitch
        },
        code,
    ]
}

/// `2·a0·a1 − b0·b1` as a normalised number of 16 bits.
fn numerator(a: (Scaled, Scaled), b: (Scaled, Scaled)) -> (i16, i16) {
    let (qa, qb) = (a.0.q + a.1.q, b.0.q + b.1.q + 1);
    let a = mul32(a.0.mantissa, a.1.mantissa);
    let b = mul32(b.0.mantissa, b.1.mantissa);
    // Halved, so that the difference fits.
    let (difference, q) = if qa > qb {
        (shr32(a, qa - qb + 1).saturating_sub(b >> 1), qb - 1)
    } else {
        ((a >> 1).saturating_sub(shr32(b, qb - qa + 1)), qa - 1)
    };
    let shift = norm32(difference);
    (high(shl32(difference, shift)), q + shift - 16)
}

/// The first of the rows to keep in each stage: the optimum, mapped onto the axes along which the
/// stages are ordered, against thresholds.
pub(crate) fn preselect([pitch, code]: [i16; 2], predicted: PredictedGain) -> GainIndex {
    let scale = scale_q4(predicted);
    let along = mul32(PRESELECT[0][0], pitch);

    // Q20, then Q9.
    let sum = along.saturating_add(PRESELECT_LONG[1][1] >> 15);
    let offset = (i32::from(code) << 7).saturating_sub(mul32(high(sum), scale));
    let x = mul32(high(shl32(offset, 2)), PRESELECT_FACTOR);

    // Q20, then Q10.
    let sum = along.saturating_sub(PRESELECT_LONG[0][1] >> 10);
    let product = mul32(mul(high(sum), scale), PRESELECT[1][0]);
    let offset = product.saturating_sub(mul32(PRESELECT[0][0], code) >> 3);
    let y = mul32(high(shl32(offset, 2)), PRESELECT_FACTOR);

    let beyond = |value: i32, threshold: i16, shift: u32| {
        let difference = value.saturating_sub(mul32(threshold, scale) >> shift);
        if scale > 0 {
            difference > 0
        } else {
            difference < 0
        }
    };
    GainIndex {
        first: THRESHOLD1.iter().take_while(|t| beyond(y, **t, 3)).count(),
        second: THRESHOLD2.iter().take_while(|t| beyond(x, **t, 5)).count(),
    }
}

/// The predicted gain in Q4.
pub(crate) fn scale_q4(predicted: PredictedGain) -> i16 {
    if predicted.q >= 4 {
        shr(predicted.mantissa, predicted.q - 4)
    } else {
        high(shl32(i32::from(predicted.mantissa), 20 - predicted.q))
    }
}

/// The terms on one scale, that of the least precise, given how each of them will be multiplied.
fn aligned(terms: &Terms, q: i16) -> [Split; 5] {
    let gains_q = [13, 14, 2 * q - 21, q - 3, q - 4];
    let qs: [i16; 5] = core::array::from_fn(|i| terms[i].q + gains_q[i]);
    let least = qs.iter().fold(i16::MAX, |least, &q| q.min(least));
    core::array::from_fn(|i| Split::new(shr32(deposit_high(terms[i].mantissa), qs[i] - least)))
}

/// Equation (63) for one pair of rows.
fn error(index: GainIndex, predicted: PredictedGain, weights: &[Split; 5]) -> i32 {
    let pitch = index.pitch();
    let code = mul(predicted.mantissa, clamp16(index.factor() >> 1));
    let gains = [
        mul(pitch, pitch),
        pitch,
        mul(code, code),
        code,
        mul(code, pitch),
    ];
    weights
        .iter()
        .zip(gains)
        .fold(0, |sum: i32, (w, gain)| sum.saturating_add(w.mul16(gain)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::{GAIN_STAGE1, GAIN_STAGE2};

    #[test]
    fn preselection_never_leaves_the_codebook() {
        assert_eq!(THRESHOLD1.len() + KEPT[0], GAIN_STAGE1.len());
        assert_eq!(THRESHOLD2.len() + KEPT[1], GAIN_STAGE2.len());
    }

    #[test]
    fn a_hopeless_error_still_has_gains() {
        let nothing = [Scaled::default(); 5];
        let predicted = PredictedGain { mantissa: 0, q: 0 };
        let _ = search(&nothing, predicted, true).gains(predicted);
    }
}
