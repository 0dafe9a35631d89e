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

/// `Σ |a[j]|`.
#[inline(always)]
pub(crate) fn magnitude<V: Vector>(a: &Filter<V>) -> V {
    let mut sum = V::zero();
    for &a in a {
        sum = sum + a.magnitude();
    }
    sum
}

/// The output of 1/A(z) for a subframe, from the ten outputs before.
///
/// Up to a first sum that leaves 32 bits all outputs are right: so their peak tells whether there
/// is one. The input's part of a sum is at most 2^27.
#[inline(always)]
pub(crate) fn synthesise<V: Vector>(
    a: &Filter<V>,
    memory: &[Row; ORDER],
    input: &[Row; SUBFRAME],
    out: &mut [Row; SUBFRAME],
    doubt: &mut Doubt<V>,
) {
    let first = a[0].low();
    let mut taps = [V::zero(); TAPS];
    for (tap, &a) in taps.iter_mut().zip(a) {
        *tap = a.negate().low();
    }
    let mut signal = [V::zero(); ORDER + SUBFRAME];
    let mut peak = V::zero();
    for (y, row) in signal.iter_mut().zip(memory) {
        *y = V::load(row);
        peak = peak.max(y.magnitude());
    }
    for n in 0..SUBFRAME {
        let mut sum = first.multiply_pairs(V::load(&input[n])) + V::splat(0x800);
        // The newest output comes last, so that the sum waits for nothing else.
        for j in (1..TAPS).rev() {
            sum = sum.add_pairs(taps[j], signal[n + ORDER - j]);
        }
        let y = sum.shift_right::<12>().clamp16();
        signal[n + ORDER] = y;
        peak = peak.max(y.magnitude());
        y.store(&mut out[n]);
    }
    doubt_products(magnitude(a), peak, (1 << 30) - (1 << 27), doubt);
}

/// Notes where coefficients of a total magnitude times samples up to a peak could reach a limit.
#[inline(always)]
fn doubt_products<V: Vector>(magnitude: V, peak: V, limit: i32, doubt: &mut Doubt<V>) {
    // The magnitude may need 19 bits.
    let coarse = magnitude.shift_right::<4>() + V::splat(1);
    doubt.note_reached(peak, 0x8000);
    doubt.note_reached(coarse.times(peak), limit >> 4);
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
    doubt_products(magnitude(a), peak, 1 << 30, doubt);
    let mut taps = [V::zero(); TAPS];
    for (tap, a) in taps.iter_mut().zip(a) {
        *tap = a.low();
    }
    for n in 0..SUBFRAME {
        let mut sum = V::splat(0x800);
        for j in 0..TAPS {
            sum = sum.add_pairs(taps[j], V::load(&x[n + ORDER - j]));
        }
        sum.shift_right::<12>().clamp16().store(&mut out[n]);
    }
}
