//! The adaptive-codebook search in lanes: as in `encoder::{impulse, closed_loop}` and
//! [`crate::pitch`].

use super::vector::{Doubt, LANES, Row, Vector, Wide};
use crate::dims::{PAST, SUBFRAME};
use crate::encoder::closed_loop::{GAIN_MAX, THIRDS_MAX};
use crate::pitch::{LOUD, Lag, WEIGHTS, WINDOW};

/// Past and present excitation of each stream.
pub(crate) type Excitation = [[i16; PAST + SUBFRAME]; LANES];

/// A target filtered backwards, as in [`crate::encoder::impulse::backward`].
#[inline(always)]
pub(crate) fn backward<V: Vector>(
    target: &[Row; SUBFRAME],
    response: &[Row; SUBFRAME],
    out: &mut [V; SUBFRAME],
    doubt: &mut Doubt<V>,
) {
    let (mut x, mut h) = ([V::zero(); SUBFRAME], [V::zero(); SUBFRAME]);
    let (mut peak, mut magnitudes) = (V::zero(), V::zero());
    for n in 0..SUBFRAME {
        x[n] = V::load(&target[n]);
        peak = peak.max(x[n].magnitude());
        h[n] = V::load(&response[n]);
        magnitudes = magnitudes + h[n].magnitude();
        h[n] = h[n].low();
    }
    doubt.note_reached(peak, 0x8000);
    let coarse = magnitudes.shift_right::<6>() + V::splat(1);
    doubt.note_reached(coarse.times(peak), 1 << 24);
    let mut greatest = V::zero();
    for n in 0..SUBFRAME {
        let mut sums = [V::zero(); 2];
        for j in n..SUBFRAME {
            sums[j % 2] = sums[j % 2] + h[j - n].multiply_pairs(x[j]);
        }
        out[n] = (sums[0] + sums[1]).shift_left::<1>();
        greatest = greatest.max(out[n].magnitude());
    }
    let shift = V::splat(18) - greatest.norm().min(V::splat(16));
    for sum in out {
        *sum = sum.shift_right_by(shift);
    }
}

/// The best lags; the vectors at them go to `vector`. `ranges` are the least lags of `count` each.
#[inline(always)]
pub(crate) fn search<V: Vector>(
    excitation: &Excitation,
    target: &[V; SUBFRAME],
    least: &[i16; LANES],
    sub: usize,
    vector: &mut [Row; SUBFRAME],
    doubt: &mut Doubt<V>,
) -> [Lag; LANES] {
    let mut magnitudes = V::zero();
    for x in target {
        magnitudes = magnitudes + x.magnitude();
    }
    let coarse = magnitudes.shift_right::<4>() + V::splat(1);
    let whole = whole(
        excitation,
        target,
        least,
        if sub == 0 { 7 } else { 10 },
        coarse,
        doubt,
    );
    thirds(
        excitation,
        target,
        whole,
        THIRDS_MAX[sub],
        coarse,
        vector,
        doubt,
    )
}

/// The whole lag of greatest correlation with the target.
#[inline(always)]
fn whole<V: Vector>(
    excitation: &Excitation,
    target: &[V; SUBFRAME],
    least: &[i16; LANES],
    count: usize,
    coarse: V,
    doubt: &mut Doubt<V>,
) -> [i16; LANES] {
    // From the longest lag's first sample to the shortest lag's last.
    const LEN: usize = SUBFRAME + 9;
    let mut rows = [Row::ZERO; LEN];
    for lane in 0..LANES {
        let from = PAST - least[lane] as usize - 9;
        let past: &[i16; LEN] = excitation[lane][from..from + LEN]
            .try_into()
            .expect("a stretch of the excitation");
        for (row, &x) in rows.iter_mut().zip(past) {
            row.0[lane] = x;
        }
    }
    let mut past = [V::zero(); LEN];
    let mut peak = V::zero();
    for (x, row) in past.iter_mut().zip(&rows) {
        *x = V::load(row);
        peak = peak.max(x.magnitude());
    }
    doubt.note_reached(peak, 0x8000);
    doubt.note_reached(coarse.times(peak), 1 << 26);
    for n in 0..LEN - 1 {
        past[n] = past[n].low() | past[n + 1].shift_left::<16>();
    }
    let mut pairs = [V::zero(); SUBFRAME / 2];
    for (n, pair) in pairs.iter_mut().enumerate() {
        *pair = target[2 * n].low() | target[2 * n + 1].shift_left::<16>();
    }
    let (mut best, mut greatest) = (V::zero(), V::splat(i32::MIN));
    for k in 0..count {
        let mut sums = [V::zero(); 2];
        for (n, pair) in pairs.iter().enumerate() {
            sums[n % 2] = sums[n % 2] + pair.multiply_pairs(past[9 - k + 2 * n]);
        }
        let sum = sums[0] + sums[1];
        let better = sum.greater(greatest);
        best = V::select(better, V::splat(k as i32), best);
        greatest = greatest.max(sum);
    }
    let mut offsets = Row::ZERO;
    best.store(&mut offsets);
    let mut lags = *least;
    for (lag, offset) in lags.iter_mut().zip(offsets.0) {
        *lag += offset;
    }
    lags
}

/// Samples around one lag that all three thirds are made of.
const AROUND: usize = SUBFRAME + WINDOW;

/// The best third about each whole lag.
#[inline(always)]
fn thirds<V: Vector>(
    excitation: &Excitation,
    target: &[V; SUBFRAME],
    whole: [i16; LANES],
    thirds_max: i16,
    coarse: V,
    vector: &mut [Row; SUBFRAME],
    doubt: &mut Doubt<V>,
) -> [Lag; LANES] {
    let mut around = [Wide::ZERO; AROUND];
    let mut fractional = 0_u16;
    for lane in 0..LANES {
        let from = PAST - whole[lane] as usize - 10;
        let past: &[i16; AROUND] = excitation[lane][from..from + AROUND]
            .try_into()
            .expect("a stretch of the excitation");
        for (row, &x) in around.iter_mut().zip(past) {
            row.0[lane] = x.into();
        }
        fractional |= u16::from(whole[lane] <= thirds_max) << lane;
    }
    let mut peak = V::zero();
    for row in &around {
        peak = peak.max(V::load_wide(row).magnitude());
    }
    let mut best = [V::zero(); SUBFRAME];
    let mut greatest = interpolate(&mut around, &whole, 0, target, &mut best, &mut peak);
    let mut thirds = V::zero();
    for (number, phase) in [(-1, 1), (1, 2)] {
        let mut other = [V::zero(); SUBFRAME];
        let sum = interpolate(&mut around, &whole, phase, target, &mut other, &mut peak);
        let better = sum.greater(greatest) & V::mask(fractional);
        greatest = V::select(better, sum, greatest);
        thirds = V::select(better, V::splat(number), thirds);
        for n in 0..SUBFRAME {
            best[n] = V::select(better, other[n], best[n]);
        }
    }
    doubt.note_reached(peak, LOUD);
    doubt.note_reached(coarse.times(peak), 1 << 26);
    for (row, x) in vector.iter_mut().zip(best) {
        x.store(row);
    }
    let mut numbers = Row::ZERO;
    thirds.store(&mut numbers);
    let mut lags = [Lag {
        whole: 0,
        thirds: 0,
    }; LANES];
    for lane in 0..LANES {
        lags[lane] = Lag {
            whole: whole[lane],
            thirds: numbers.0[lane],
        };
    }
    lags
}

/// One phase of the interpolation filter, and the correlation of its output with the target.
#[inline(always)]
fn interpolate<V: Vector>(
    around: &mut [Wide; AROUND],
    whole: &[i16; LANES],
    phase: usize,
    target: &[V; SUBFRAME],
    out: &mut [V; SUBFRAME],
    peak: &mut V,
) -> V {
    let mut weights = [V::zero(); WINDOW];
    for (w, &weight) in weights.iter_mut().zip(&WEIGHTS[phase]) {
        *w = V::splat(weight.into()).low();
    }
    // The last phase counts from one sample earlier.
    let first = usize::from(phase < 2);
    let shortest = whole.iter().fold(i16::MAX, |least, &lag| lag.min(least)) as usize;
    let mut correlation = V::zero();
    for n in 0..SUBFRAME {
        let mut sums = [V::splat(0x4000), V::zero()];
        for (m, w) in weights.iter().enumerate() {
            sums[m % 2] = sums[m % 2] + w.multiply_pairs(V::load_wide(&around[first + n + m]));
        }
        let x = (sums[0] + sums[1]).shift_right::<15>();
        out[n] = x;
        *peak = peak.max(x.magnitude());
        correlation = correlation + target[n].times(x);
        // Short lags reach into the vector itself.
        if shortest + 10 + n < AROUND {
            let mut row = Wide::ZERO;
            x.store_wide(&mut row);
            for lane in 0..LANES {
                let place = whole[lane] as usize + 10 + n;
                if place < AROUND {
                    around[place].0[lane] = row.0[lane];
                }
            }
        }
    }
    correlation
}

/// A number of each stream as a mantissa of 16 bits and a count of fraction bits.
#[derive(Clone, Copy)]
pub(crate) struct Scaled<V> {
    pub(crate) mantissa: V,
    pub(crate) q: V,
}

/// Normalises sums.
#[inline(always)]
pub(crate) fn scale<V: Vector>(sum: V, q: i32) -> Scaled<V> {
    let shift = sum.norm_signed();
    let shifted = sum.shift_left_by(shift);
    let half = shifted.shift_right::<15>() + V::splat(1);
    let mantissa = half.shift_right::<1>().min(V::splat(0x7fff));
    Scaled {
        mantissa,
        q: shift + V::splat(q),
    }
}

/// The pitch gain (Q14) and the correlations that make it.
#[inline(always)]
pub(crate) fn gain<V: Vector>(
    target: &[Row; SUBFRAME],
    filtered: &[Row; SUBFRAME],
    doubt: &mut Doubt<V>,
) -> (V, [Scaled<V>; 2]) {
    let limit = V::splat(1 << 30);
    let (mut xx, mut yy, mut xy) = (V::zero(), V::zero(), V::zero());
    for n in 0..SUBFRAME {
        let (x, y) = (V::load(&target[n]), V::load(&filtered[n]));
        let low = y.low();
        xx = (xx + x.times(x)).min_unsigned(limit);
        yy = (yy + low.multiply_pairs(y)).min_unsigned(limit);
        xy = xy + low.multiply_pairs(x);
    }
    doubt.note_reached(xx, 1 << 30);
    doubt.note_reached(yy, 1 << 30);
    let energy = scale(yy.shift_left::<1>() + V::splat(1), 0);
    let mut correlation = scale(xy.shift_left::<1>(), 0);
    let positive = correlation.mantissa.greater(V::zero());
    let fraction = correlation
        .mantissa
        .shift_right::<1>()
        .quotient_q15(energy.mantissa);
    let shift = correlation.q - energy.q;
    let right = fraction.shift_right_by(shift.max(V::zero()));
    let left = fraction.shift_left_by(shift.negate().max(V::zero()).min(V::splat(15)));
    let most = V::splat(GAIN_MAX.into());
    let gain = V::select(shift.greater(V::zero()), right, left).min(most);
    correlation.q = V::select(positive, correlation.q, V::splat(30));
    (V::select(positive, gain, V::zero()), [energy, correlation])
}
