//! The search of the gain quantiser in lanes: as in `encoder::gain_search`.

use super::adaptive::{Scaled, scale};
use super::vector::{Doubt, Halves, LANES, Row, Vector};
use crate::dims::SUBFRAME;
use crate::encoder::gain_search::{KEPT, PRESELECT_FACTOR, TAMED, TAMED_OPTIMUM, scale_q4};
use crate::gain::{GainIndex, PredictedGain};
use crate::tables::{GAIN_STAGE1, GAIN_STAGE2, PRESELECT, PRESELECT_LONG, THRESHOLD1, THRESHOLD2};

type Terms<V> = [Scaled<V>; 5];

/// The terms of the error: yy, −2xy, zz, −2xz, 2yz.
#[inline(always)]
pub(crate) fn terms<V: Vector>(
    x: &[Row; SUBFRAME],
    y: &[Row; SUBFRAME],
    z: &[Row; SUBFRAME],
    pitch: [Scaled<V>; 2],
    doubt: &mut Doubt<V>,
) -> Terms<V> {
    let (mut zz, mut xz, mut yz) = (V::zero(), V::zero(), V::zero());
    for n in 0..SUBFRAME {
        let quieter = V::load(&z[n]).shift_right::<3>();
        let low = quieter.low();
        zz = (zz + low.multiply_pairs(quieter)).min_unsigned(V::splat(1 << 30));
        xz = xz + low.multiply_pairs(V::load(&x[n]));
        yz = yz + low.multiply_pairs(V::load(&y[n]));
    }
    // With the energies of x and y, which are noted elsewhere, this bounds all sums of products.
    doubt.note_reached(zz, 1 << 30);
    let one = V::splat(1);
    let mut terms = [
        Scaled {
            mantissa: pitch[0].mantissa,
            q: pitch[0].q - V::splat(15),
        },
        Scaled {
            mantissa: pitch[1].mantissa.negate(),
            q: pitch[1].q - V::splat(16),
        },
        scale(zz.shift_left::<1>() + one, 3),
        scale(xz.shift_left::<1>() + one, -7),
        scale(yz.shift_left::<1>() + one, -7),
    ];
    terms[3].mantissa = terms[3].mantissa.negate();
    for term in &terms {
        doubt.note_reached(term.mantissa.magnitude(), 0x8000);
    }
    terms
}

/// The best rows for each stream; a bit of `tamed` for each that is.
#[inline(always)]
pub(crate) fn search<V: Vector>(
    terms: &Terms<V>,
    predicted: &[PredictedGain; LANES],
    tamed: u16,
    doubt: &mut Doubt<V>,
) -> [GainIndex; LANES] {
    let (mut mantissas, mut qs, mut scales) = (Row::ZERO, Row::ZERO, Row::ZERO);
    for (lane, gain) in predicted.iter().enumerate() {
        mantissas.0[lane] = gain.mantissa;
        qs.0[lane] = gain.q;
        scales.0[lane] = scale_q4(*gain);
    }
    let optimum = optimum(terms, V::mask(tamed), doubt);
    let start = preselect::<V>(optimum, V::load(&scales));
    let weights = aligned(terms, V::load(&qs));
    choose(start, V::load(&mantissas), &weights, V::mask(tamed), doubt)
}

/// A sum that saturates.
#[inline(always)]
fn sum<V: Vector>(a: V, b: V) -> V {
    let sum = a + b;
    let wrapped = V::zero().greater((a ^ sum) & (b ^ sum));
    V::select(wrapped, a.shift_right::<31>() ^ V::splat(i32::MAX), sum)
}

/// A difference that saturates.
#[inline(always)]
fn difference<V: Vector>(a: V, b: V) -> V {
    let difference = a - b;
    let wrapped = V::zero().greater((a ^ b) & (a ^ difference));
    V::select(
        wrapped,
        a.shift_right::<31>() ^ V::splat(i32::MAX),
        difference,
    )
}

/// `x·2^-by`, where a negative `by` shifts left and saturates.
#[inline(always)]
fn shift_right<V: Vector>(x: V, by: V) -> V {
    let right = x.shift_right_by(by.max(V::zero()));
    let count = by.negate().max(V::zero());
    let left = x.shift_left_by(count);
    let fits = left.shift_right_by(count).equal(x);
    let left = V::select(fits, left, x.shift_right::<31>() ^ V::splat(i32::MAX));
    V::select(by.greater(V::zero()), right, left)
}

/// The unquantised gains of least error: pitch gain Q9, code gain Q2.
#[inline(always)]
fn optimum<V: Vector>(terms: &Terms<V>, tamed: V::Mask, doubt: &mut Doubt<V>) -> [V; 2] {
    let [yy, xy, zz, xz, yz] = *terms;
    let one = V::splat(1);
    let a = yy.mantissa.times(zz.mantissa).shift_left::<1>();
    let b = yz.mantissa.times(yz.mantissa).shift_left::<1>();
    let (qa, qb) = (yy.q + zz.q - one, yz.q + yz.q + one);
    let ahead = (qa - qb).max(V::zero());
    let behind = (qb - qa).max(V::zero());
    let rest = a.shift_right_by(ahead) - b.shift_right_by(behind);
    doubt.note(one.greater(rest));
    let shift = rest.norm();
    let divisor = rest.shift_left_by(shift).shift_right::<16>();
    let half = V::splat(1 << 14);
    let quotient = half.quotient_q15(divisor);
    let inverse = V::select(divisor.greater(half), quotient, V::splat(0x7fff)).negate();
    let q = V::select(qa.greater(qb), qb, qa);
    let inverse_q = V::splat(45) - q - shift;

    let pitch = gain([zz, xy], [xz, yz], inverse, inverse_q, 9);
    let code = gain([yy, xz], [xy, yz], inverse, inverse_q, 2);
    let limited = pitch.min(V::splat(TAMED_OPTIMUM.into()));
    [V::select(tamed, limited, pitch), code]
}

/// `2·a0·a1 − b0·b1` times the inverse, in Qq.
#[inline(always)]
fn gain<V: Vector>(a: [Scaled<V>; 2], b: [Scaled<V>; 2], inverse: V, inverse_q: V, q: i32) -> V {
    let one = V::splat(1);
    let (qa, qb) = (a[0].q + a[1].q, b[0].q + b[1].q + one);
    let a = a[0].mantissa.times(a[1].mantissa);
    let b = b[0].mantissa.times(b[1].mantissa);
    // Halved, so that the difference fits: these products are not doubled.
    let ahead = (qa - qb).max(V::zero());
    let behind = (qb - qa).max(V::zero());
    let rest = a.shift_right_by(ahead) - b.shift_right_by(behind);
    let numerator_q = V::select(qa.greater(qb), qb, qa) - one;
    let shift = rest.norm_signed();
    let numerator = rest.shift_left_by(shift).shift_right::<16>();
    let numerator_q = numerator_q + shift - V::splat(16);
    let product = numerator.times(inverse).shift_left::<1>();
    let by = numerator_q + inverse_q - V::splat(q + 15);
    shift_right(product, by).shift_right::<16>()
}

/// The first of the rows to keep in each stage.
#[inline(always)]
fn preselect<V: Vector>([pitch, code]: [V; 2], scale: V) -> [V; 2] {
    let (p00, p10) = (
        V::splat(PRESELECT[0][0].into()),
        V::splat(PRESELECT[1][0].into()),
    );
    let factor = V::splat(PRESELECT_FACTOR.into());
    let along = p00.times(pitch).shift_left::<1>();

    let total = sum(along, V::splat(PRESELECT_LONG[1][1] >> 15)).shift_right::<16>();
    let offset = difference(code.shift_left::<7>(), total.times(scale).shift_left::<1>());
    let x = offset
        .shift_right::<14>()
        .clamp16()
        .times(factor)
        .shift_left::<1>();

    let total = difference(along, V::splat(PRESELECT_LONG[0][1] >> 10)).shift_right::<16>();
    let product = total.times_q15(scale).times(p10).shift_left::<1>();
    let offset = difference(
        product,
        p00.times(code).shift_left::<1>().shift_right::<3>(),
    );
    let y = offset
        .shift_right::<14>()
        .clamp16()
        .times(factor)
        .shift_left::<1>();

    [
        count::<V, 4>(y, &THRESHOLD1, scale, 3),
        count::<V, 8>(x, &THRESHOLD2, scale, 5),
    ]
}

/// How many thresholds a value is beyond, up to the first that it is not.
#[inline(always)]
fn count<V: Vector, const N: usize>(value: V, thresholds: &[i16; N], scale: V, shift: i32) -> V {
    let positive = scale.greater(V::zero());
    let (one, zero) = (V::splat(1), V::zero());
    let (mut count, mut beyond) = (zero, one);
    for &threshold in thresholds {
        let at = V::splat(threshold.into()).times(scale).shift_left::<1>();
        let at = at.shift_right_by(V::splat(shift));
        let above = V::select(value.greater(at), one, zero);
        let below = V::select(at.greater(value), one, zero);
        beyond = beyond & V::select(positive, above, below);
        count = count + beyond;
    }
    count
}

/// The terms on one scale.
#[inline(always)]
fn aligned<V: Vector>(terms: &Terms<V>, q: V) -> [Halves<V>; 5] {
    let gains_q = [
        V::splat(13),
        V::splat(14),
        q + q - V::splat(21),
        q - V::splat(3),
        q - V::splat(4),
    ];
    let mut qs = gains_q;
    let mut least = V::splat(i32::MAX);
    for (q, term) in qs.iter_mut().zip(terms) {
        *q = *q + term.q;
        least = least.min(*q);
    }
    let mut out = [Halves {
        hi: V::zero(),
        lo: V::zero(),
    }; 5];
    for ((out, term), q) in out.iter_mut().zip(terms).zip(qs) {
        *out = Halves::new(term.mantissa.shift_left::<16>().shift_right_by(q - least));
    }
    out
}

/// The best pair of rows from `start`.
#[inline(always)]
fn choose<V: Vector>(
    start: [V; 2],
    mantissa: V,
    weights: &[Halves<V>; 5],
    tamed: V::Mask,
    doubt: &mut Doubt<V>,
) -> [GainIndex; LANES] {
    let mut starts = [Row::ZERO; 2];
    start[0].store(&mut starts[0]);
    start[1].store(&mut starts[1]);
    // Rows from each stream's own start: pitch gains and factors.
    let mut first = [[Row::ZERO; 2]; KEPT[0]];
    let mut second = [[Row::ZERO; 2]; KEPT[1]];
    for lane in 0..LANES {
        let [one, two] = [starts[0].0[lane] as usize, starts[1].0[lane] as usize];
        for (rows, gains) in first.iter_mut().zip(&GAIN_STAGE1[one..one + KEPT[0]]) {
            rows[0].0[lane] = gains[0];
            rows[1].0[lane] = gains[1];
        }
        for (rows, gains) in second.iter_mut().zip(&GAIN_STAGE2[two..two + KEPT[1]]) {
            rows[0].0[lane] = gains[0];
            rows[1].0[lane] = gains[1];
        }
    }
    let (mut best, mut least) = (V::zero(), V::splat(i32::MAX));
    for (i, [pitch1, factor1]) in first.iter().enumerate() {
        for (j, [pitch2, factor2]) in second.iter().enumerate() {
            let pitch = V::load(pitch1) + V::load(pitch2);
            let factor = (V::load(factor1) + V::load(factor2)).shift_right::<1>();
            let code = mantissa.times_q15(factor);
            let gains = [
                pitch.times_q15(pitch),
                pitch,
                code.times_q15(code),
                code,
                code.times_q15(pitch),
            ];
            let mut error = V::zero();
            for (weight, gain) in weights.iter().zip(gains) {
                error = doubt.sum(error, weight.times16(gain));
            }
            let too_much = pitch.greater(V::splat(i32::from(TAMED) - 1)) & tamed;
            let error = V::select(too_much, V::splat(i32::MAX), error);
            let better = least.greater(error);
            best = V::select(better, V::splat((i * KEPT[1] + j) as i32), best);
            least = least.min(error);
        }
    }
    let mut chosen = Row::ZERO;
    best.store(&mut chosen);
    let mut out = [GainIndex::default(); LANES];
    for (lane, index) in out.iter_mut().enumerate() {
        let chosen = chosen.0[lane] as usize;
        index.first = starts[0].0[lane] as usize + chosen / KEPT[1];
        index.second = starts[1].0[lane] as usize + chosen % KEPT[1];
    }
    out
}
