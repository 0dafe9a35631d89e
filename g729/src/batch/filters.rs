//! The LP filters in lanes, as in [`crate::filter`].

use super::vector::{Doubt, Row, Vector};
use crate::dims::{ORDER, SUBFRAME, TAPS};

/// The coefficients of a filter in Q12.
pub(crate) type Filter<V> = [V; TAPS];

/// A(z/γ), with the powers of γ in Q15.
#[inline(always)]
pub(crate) fn weight<V: Vector>(a: &Filter<V>, powers: &[i16; ORDER]) -> Filter<V> {
    let mut out = *a;
    for (a, &power) in out[1..].iter_mut().zip(powers) {
        *a = (a.times(V::splat(power.into())) + V::splat(0x4000)).shift_right::<15>();
    }
    out
}

/// Σ |a[j]|.
#[inline(always)]
pub(crate) fn magnitude<V: Vector>(a: &Filter<V>) -> V {
    let mut sum = V::zero();
    for &a in a {
        sum = sum + a.magnitude();
    }
    sum
}

/// The output of 1/A(z) for a subframe, from the ten outputs before.
#[inline(always)]
pub(crate) fn synthesise<V: Vector>(
    a: &Filter<V>,
    memory: &[Row; ORDER],
    input: &[Row; SUBFRAME],
    out: &mut [Row; SUBFRAME],
    doubt: &mut Doubt<V>,
) {
    doubt.note_reached(magnitude(a), 0x8000);
    let first = a[0].low();
    let mut taps = [V::zero(); TAPS];
    for (tap, &a) in taps.iter_mut().zip(a) {
        *tap = a.negate().low();
    }
    let mut signal = [V::zero(); ORDER + SUBFRAME];
    for (y, row) in signal.iter_mut().zip(memory) {
        *y = V::load(row);
    }
    for n in 0..SUBFRAME {
        let mut sum = first.multiply_pairs(V::load(&input[n])) + V::splat(0x800);
        // The newest output comes last, so that the sum waits for nothing else.
        for j in (1..TAPS).rev() {
            sum = sum + taps[j].multiply_pairs(signal[n + ORDER - j]);
        }
        let y = sum.shift_right::<12>().clamp16();
        signal[n + ORDER] = y;
        y.store(&mut out[n]);
    }
}

/// The residual of a subframe; `x` begins ten samples before it.
#[inline(always)]
pub(crate) fn residual<V: Vector>(
    a: &Filter<V>,
    x: &[Row; ORDER + SUBFRAME],
    out: &mut [Row; SUBFRAME],
    doubt: &mut Doubt<V>,
) {
    let mut peak = V::zero();
    for row in x {
        peak = peak.max(V::load(row).magnitude());
    }
    // A sum fits if |a|·|x| does: the product of a 19-bit and a 16-bit number, the former rounded
    // up to a multiple of 16.
    let coarse = magnitude(a).shift_right::<4>() + V::splat(1);
    doubt.note_reached(
        coarse.times(peak.min(V::splat(0x7fff)) + V::zero()),
        1 << 26,
    );
    doubt.note_reached(peak, 0x8000);
    let mut taps = [V::zero(); TAPS];
    for (tap, a) in taps.iter_mut().zip(a) {
        *tap = a.low();
    }
    for n in 0..SUBFRAME {
        let mut sum = V::splat(0x800);
        for j in 0..TAPS {
            sum = sum + taps[j].multiply_pairs(V::load(&x[n + ORDER - j]));
        }
        sum.shift_right::<12>().clamp16().store(&mut out[n]);
    }
}
