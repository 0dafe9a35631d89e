//! Pre-processing and LP analysis in lanes: as in `encoder::{autocorrelation, levinson}` and
//! [`crate::high_pass`].

use super::filters::Filter;
use super::state::State;
use super::vector::{Doubt, Halves, Row, Vector};
use crate::dims::{FRAME_SAMPLES, ONE_Q12, TAPS};
use crate::encoder::autocorrelation::WINDOW;
use crate::encoder::levinson::REFLECTION_MAX;
use crate::tables::{INPUT_DENOMINATOR, INPUT_NUMERATOR, LAG_WINDOW_HI, LAG_WINDOW_LO, LP_WINDOW};

/// Takes in the next frame, which lies at the end of `speech` already, unfiltered.
#[inline(always)]
pub(crate) fn high_pass<V: Vector>(state: &mut State, doubt: &mut Doubt<V>) {
    let [b0, b1, b2] = INPUT_NUMERATOR.map(|b| V::splat(b.into()));
    let [_, a1, a2] = INPUT_DENOMINATOR.map(|a| V::splat(a.into()));
    let (b0, b1, b2, a1, a2) = (b0.low(), b1.low(), b2.low(), a1.low(), a2.low());
    let [mut x1, mut x2] = [
        V::load(&state.high_pass_x[0]),
        V::load(&state.high_pass_x[1]),
    ];
    let mut y1 = V::load_wide(&state.high_pass_y[0]);
    let mut y2 = V::load_wide(&state.high_pass_y[1]);
    for row in &mut state.speech[WINDOW - FRAME_SAMPLES..] {
        let x = V::load(row);
        let (h1, h2) = (Halves::new(y1), Halves::new(y2));
        let low = a1.multiply_pairs(h1.lo).shift_right::<15>()
            + a2.multiply_pairs(h2.lo).shift_right::<15>();
        let sum = b0.multiply_pairs(x)
            + b1.multiply_pairs(x1)
            + b2.multiply_pairs(x2)
            + low
            + a2.multiply_pairs(h2.hi)
            + a1.multiply_pairs(h1.hi);
        // Doubled, the sum has 28 bits and a sign if its eightfold fits; and rounding must not
        // carry it beyond.
        doubt.note_reached(sum.magnitude(), (1 << 27) - 0x800);
        let y = sum.shift_left::<4>();
        (x2, x1, y2, y1) = (x1, x, y1, y);
        (y + V::splat(0x8000)).shift_right::<16>().store(row);
    }
    x1.store(&mut state.high_pass_x[0]);
    x2.store(&mut state.high_pass_x[1]);
    // An output's lowest bit is not part of the state.
    (y1 & V::splat(-2)).store_wide(&mut state.high_pass_y[0]);
    (y2 & V::splat(-2)).store_wide(&mut state.high_pass_y[1]);
}

/// Autocorrelations after the lag window.
#[inline(always)]
pub(crate) fn correlate<V: Vector>(speech: &[Row; WINDOW]) -> [Halves<V>; TAPS] {
    let mut windowed = [Row::ZERO; WINDOW];
    let mut energy = V::zero();
    for n in 0..WINDOW {
        let x = V::load(&speech[n]).times(V::splat(LP_WINDOW[n].into()));
        let x = (x + V::splat(0x4000)).shift_right::<15>();
        x.store(&mut windowed[n]);
        energy = (energy + x.times(x)).min_unsigned(V::splat(1 << 30));
    }
    loop {
        let loud = energy.greater(V::splat((1 << 30) - 1));
        if V::bits(loud) == 0 {
            break;
        }
        let mut again = V::zero();
        for row in &mut windowed {
            let x = V::load(row);
            let x = V::select(loud, x.shift_right::<2>(), x);
            x.store(row);
            again = (again + x.times(x)).min_unsigned(V::splat(1 << 30));
        }
        energy = again;
    }
    let energy = energy.shift_left::<1>() + V::splat(1);
    let shift = energy.norm();
    let mut out = [Halves::new(energy.shift_left_by(shift)); TAPS];
    for lag in 1..TAPS {
        let mut sum = [V::zero(); 2];
        for n in (0..WINDOW - lag).step_by(2) {
            sum[0] = sum[0] + V::load(&windowed[n]).times(V::load(&windowed[n + lag]));
            if n + 1 < WINDOW - lag {
                sum[1] = sum[1] + V::load(&windowed[n + 1]).times(V::load(&windowed[n + 1 + lag]));
            }
        }
        let sum = (sum[0] + sum[1]).shift_left::<1>();
        let window = Halves {
            hi: V::splat(LAG_WINDOW_HI[lag - 1].into()),
            lo: V::splat(LAG_WINDOW_LO[lag - 1].into()),
        };
        out[lag] = Halves::new(Halves::new(sum.shift_left_by(shift)).times(window));
    }
    out
}

/// The Levinson-Durbin recursion. A filter that is hardly stable is left in doubt.
#[inline(always)]
pub(crate) fn solve<V: Vector>(r: &[Halves<V>; TAPS], doubt: &mut Doubt<V>) -> Filter<V> {
    let zero = Halves {
        hi: V::zero(),
        lo: V::zero(),
    };
    let mut a = [zero; TAPS];
    let (mut error, mut error_shift) = (r[0], V::zero());
    for i in 1..TAPS {
        let mut sum = V::zero();
        for j in 1..i {
            sum = doubt.sum(sum, r[j].times(a[i - j]));
        }
        let sum = doubt.shift_left::<4>(sum);
        let sum = doubt.sum(sum, r[i].join());
        let quotient = divide(sum.magnitude(), error, doubt);
        let magnitude = quotient.shift_left_by(error_shift);
        let fits = magnitude.shift_right_by(error_shift).equal(quotient);
        doubt.note(V::select(fits, V::zero(), V::splat(1)).greater(V::zero()));
        let positive = sum.greater(V::zero());
        let k = V::select(positive, magnitude.negate(), magnitude);
        let halves = Halves::new(k);
        doubt.note_reached(halves.hi.magnitude(), i32::from(REFLECTION_MAX) + 1);

        let before = a;
        for j in 1..i {
            a[j] = Halves::new(doubt.sum(halves.times(before[i - j]), before[j].join()));
        }
        a[i] = Halves::new(k.shift_right::<4>());
        let kept = V::splat(i32::MAX) - halves.times(halves).magnitude();
        let rest = error.times(Halves::new(kept));
        let shift = rest.norm();
        error = Halves::new(rest.shift_left_by(shift));
        error_shift = error_shift + shift;
        doubt.note_reached(error_shift, 31);
    }
    let mut out = [V::splat(ONE_Q12.into()); TAPS];
    for (out, a) in out[1..].iter_mut().zip(&a[1..]) {
        let a = a.join();
        doubt.note_reached(a.magnitude(), (1 << 30) - 0x4000);
        *out = (a + V::splat(0x4000)).shift_right::<15>();
    }
    out
}

/// `numerator / denominator`, see [`crate::arith::div_split`].
#[inline(always)]
fn divide<V: Vector>(numerator: V, denominator: Halves<V>, doubt: &mut Doubt<V>) -> V {
    // A normalised denominator is at least a half.
    doubt.note(V::splat(0x4000).greater(denominator.hi));
    let inverse = V::splat(0x3fff).quotient_q15(denominator.hi);
    let error = V::splat(i32::MAX) - denominator.times16(inverse);
    let inverse = Halves::new(Halves::new(error).times16(inverse));
    let quotient = Halves::new(numerator).times(inverse);
    doubt.shift_left::<2>(quotient)
}
