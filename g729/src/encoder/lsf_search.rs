//! The search of the LSF quantiser (§3.2.4): for each of two predictors the best row of the first
//! stage, then of both halves of the second; then the better predictor.

use crate::arith::{high, mac, mul, mul32, norm, shl, shl32};
use crate::dims::{ORDER, Spectrum};
use crate::lsf_codebook::{GAP_FIRST, GAP_SECOND, LsfIndex, LsfMemory, codebook_vector, spread};
use crate::tables::{LSF_PREDICTOR_REST, LSF_STAGE1, LSF_STAGE2};

/// 0.04π and 0.92π in Q13: neighbours of the first and of the last frequency, for the weights.
pub(crate) const BELOW: i16 = 1029;
pub(crate) const ABOVE: i16 = 23677;
/// One in Q13 and in Q11.
pub(crate) const ONE_Q13: i16 = 8192;
pub(crate) const ONE_Q11: i16 = 2048;
/// 10 in Q11 and 1.2 in Q14.
pub(crate) const TEN: i16 = 20480;
pub(crate) const ONE_AND_A_FIFTH: i16 = 19661;

/// The rows nearest to `lsf`, given what was quantised before.
pub(crate) fn search(lsf: &Spectrum, memory: &LsfMemory) -> LsfIndex {
    let weights = weigh(lsf);
    let [first, second] = [0, 1].map(|predictor| candidate(predictor, lsf, &weights, memory));
    if second.1 < first.1 {
        second.0
    } else {
        first.0
    }
}

/// Equation (22): frequencies near a neighbour matter more. Normalised to all of 16 bits.
pub(crate) fn weigh(lsf: &Spectrum) -> Spectrum {
    let mut weights = core::array::from_fn(|i| {
        let below = if i == 0 { BELOW } else { lsf[i - 1] };
        let above = if i == ORDER - 1 { ABOVE } else { lsf[i + 1] };
        // The ends have an inner neighbour only: the outer one is the constant.
        let room = above.saturating_sub(below).saturating_sub(ONE_Q13);
        if room > 0 {
            return ONE_Q11;
        }
        let square = high(shl32(mul32(room, room), 2));
        high(shl32(mul32(square, TEN), 2)).saturating_add(ONE_Q11)
    });
    for weight in &mut weights[4..6] {
        *weight = high(shl32(mul32(*weight, ONE_AND_A_FIFTH), 1));
    }
    let most = weights.iter().fold(0, |most, &w| w.max(most));
    weights.map(|weight| shl(weight, norm(most)))
}

/// The best rows with one predictor and their error, equation (21).
fn candidate(
    predictor: usize,
    lsf: &Spectrum,
    weights: &Spectrum,
    memory: &LsfMemory,
) -> (LsfIndex, i32) {
    let target = memory.target(predictor, lsf);
    let first = nearest_first(&target);
    let mut index = LsfIndex {
        predictor,
        first,
        lower: 0,
        upper: 0,
    };
    let rest: Spectrum = core::array::from_fn(|i| target[i].saturating_sub(LSF_STAGE1[first][i]));
    index.lower = nearest_second(&rest, weights, 0);
    index.upper = nearest_second(&rest, weights, ORDER / 2);

    let mut vector = codebook_vector(index);
    spread(&mut vector[..5], GAP_FIRST);
    spread(&mut vector[4..], GAP_FIRST);
    spread(&mut vector, GAP_SECOND);
    (
        index,
        error(&vector, &target, weights, &LSF_PREDICTOR_REST[predictor]),
    )
}

/// The row of the first stage at the least distance, all frequencies weighed alike.
fn nearest_first(target: &Spectrum) -> usize {
    nearest(LSF_STAGE1.iter().map(|row| {
        move |bound: i64| {
            let mut distance = 0_i64;
            for half in 0..2 {
                for i in 5 * half..5 * half + 5 {
                    let difference = i64::from(target[i]) - i64::from(row[i]);
                    distance += 2 * difference * difference;
                }
                if distance >= bound {
                    break;
                }
            }
            distance
        }
    }))
}

/// The row of the second stage whose five columns from `from` are at the least weighted distance.
fn nearest_second(rest: &Spectrum, weights: &Spectrum, from: usize) -> usize {
    nearest(LSF_STAGE2.iter().map(|row| {
        move |_| {
            (from..from + 5).fold(0, |distance, i| {
                let difference = rest[i].saturating_sub(row[i]);
                distance + 2 * i64::from(mul(weights[i], difference)) * i64::from(difference)
            })
        }
    }))
}

/// The first row of the least distance. No term of a distance is negative: saturating sums, as the
/// Recommendation has them, are exact ones limited to 32 bits, and such a row never wins.
/// A row may give up once its distance reaches the bound it is told.
fn nearest(rows: impl Iterator<Item = impl Fn(i64) -> i64>) -> usize {
    let (mut best, mut least) = (0, i64::from(i32::MAX));
    for (row, distance) in rows.enumerate() {
        let distance = distance(least);
        if distance < least {
            (best, least) = (row, distance);
        }
    }
    best
}

/// The weighted error of a whole vector, in the domain of the frequencies.
fn error(vector: &Spectrum, target: &Spectrum, weights: &Spectrum, rest: &Spectrum) -> i32 {
    (0..ORDER).fold(0, |sum, i| {
        let difference = mul(vector[i].saturating_sub(target[i]), rest[i]);
        let weighted = high(shl32(mul32(weights[i], difference), 4));
        mac(sum, weighted, difference)
    })
}
