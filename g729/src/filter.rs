//! The LP filters: residual, synthesis and the weighting of their coefficients.
//!
//! Coefficients are in Q12. Sums saturate term by term; where the coefficients are small enough for
//! that to be impossible, plain sums do the same.

use crate::arith::{clamp16, mac, msu, mul32, peak, round, shl32};
use crate::dims::{Lp, ORDER, TAPS};

/// The past outputs (or inputs) of a filter, oldest first.
pub(crate) type FilterMemory = [i16; ORDER];

/// A(z/γ): each coefficient times γ to the power of its place; γ in Q15.
pub(crate) fn weight(a: &Lp, gamma: i16) -> Lp {
    let mut weighted = *a;
    for (a, power) in weighted[1..].iter_mut().zip(powers(gamma)) {
        *a = round(mul32(*a, power));
    }
    weighted
}

/// γ to the powers 1 to 10, Q15, as [`weight`] has them.
pub(crate) const fn powers(gamma: i16) -> [i16; ORDER] {
    let mut powers = [gamma; ORDER];
    let mut i = 1;
    while i < ORDER {
        powers[i] = round(mul32(powers[i - 1], gamma));
        i += 1;
    }
    powers
}

/// The residual of a signal: `out[n] = Σ a[j]·x[n + 10 - j]`; `x` begins with the 10 samples before
/// `out`'s first.
pub(crate) fn residual(a: &Lp, x: &[i16], out: &mut [i16]) {
    debug_assert_eq!(x.len(), out.len() + ORDER);
    let plain = i64::from(magnitude(a)) * i64::from(peak(x)) < 1 << 30;
    for (out, x) in out.iter_mut().zip(x.windows(TAPS)) {
        *out = if plain {
            let sum: i32 = a
                .iter()
                .zip(x.iter().rev())
                .map(|(&a, &x)| i32::from(a) * i32::from(x))
                .sum();
            round_q12(sum)
        } else {
            let sum = a
                .iter()
                .zip(x.iter().rev())
                .fold(0, |sum, (&a, &x)| mac(sum, a, x));
            round(shl32(sum, 3))
        };
    }
}

/// The output of 1/A(z): `out[n] = a[0]·x[n] - Σ a[j]·out[n - j]`. Returns whether a sum saturated.
///
/// `signal` begins with the 10 outputs before the first, and goes on with inputs, which outputs
/// replace.
pub(crate) fn synthesise<const N: usize>(a: &Lp, signal: &mut [i16; N]) -> bool {
    let before = *signal;
    synthesise_plain(a, signal).unwrap_or_else(|| {
        *signal = before;
        synthesise_saturating(a, signal)
    })
}

/// With sums that wrap around; `None` if one may have, which leaves no valid signal.
fn synthesise_plain<const N: usize>(a: &Lp, signal: &mut [i16; N]) -> Option<bool> {
    let mut saturated = false;
    let taps: [i32; TAPS] = a.map(i32::from);
    for n in ORDER..N {
        let past: &[i16; ORDER] = signal[n - ORDER..n]
            .try_into()
            .expect("ten samples precede each of the block");
        // The newest output comes last, so that the sum waits for nothing else.
        let mut sum = taps[0] * i32::from(signal[n]);
        for j in (1..=ORDER).rev() {
            sum = sum.wrapping_sub(taps[j] * i32::from(past[ORDER - j]));
        }
        signal[n] = clamp16(sum.wrapping_add(0x800) >> 12);
        saturated |= !(-(1 << 27)..(1 << 27) - 0x800).contains(&sum);
    }
    // Up to the first sum that wraps around all outputs are right: so their peak tells whether
    // there is one. The input's part of a sum is at most 2^27.
    let bound = i64::from(magnitude(a)) * i64::from(peak(signal));
    (bound < (1 << 30) - (1 << 27)).then_some(saturated)
}

fn synthesise_saturating(a: &Lp, signal: &mut [i16]) -> bool {
    let mut saturated = false;
    for n in ORDER..signal.len() {
        let mut sum = mul32(a[0], signal[n]);
        let mut exact = 2 * i64::from(a[0]) * i64::from(signal[n]);
        for j in 1..=ORDER {
            sum = msu(sum, a[j], signal[n - j]);
            exact -= 2 * i64::from(a[j]) * i64::from(signal[n - j]);
            saturated |= i64::from(sum) != exact;
        }
        let shifted = shl32(sum, 3);
        saturated |= i64::from(shifted) != i64::from(sum) << 3 || shifted > i32::MAX - 0x8000;
        signal[n] = round(shifted);
    }
    saturated
}

/// `Σ |a[j]|`, in Q12.
fn magnitude(a: &Lp) -> i32 {
    a.iter().map(|&a| i32::from(a).abs()).sum()
}

/// From an exact sum in Q12 to a sample.
fn round_q12(sum: i32) -> i16 {
    clamp16((sum + 0x800) >> 12)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn plain_sums_are_taken_only_where_they_are_the_saturating_ones(
            a in prop::array::uniform11(any::<i16>()),
            scale in 0..6_u32,
            signal in prop::collection::vec(any::<i16>(), 50),
            shift in 0..16_u32,
        ) {
            let a: Lp = core::array::from_fn(|j| if j == 0 { 4096 } else { a[j] >> scale });
            let signal: [i16; 50] = core::array::from_fn(|n| signal[n] >> shift);
            let (mut either, mut saturating) = (signal, signal);
            prop_assert_eq!(
                synthesise(&a, &mut either),
                synthesise_saturating(&a, &mut saturating)
            );
            prop_assert_eq!(either, saturating);
        }
    }

    #[test]
    fn synthesis_undoes_the_residual() {
        let a = [
            4096, -3211, 3701, -600, 530, -431, 505, -346, 229, -177, 118,
        ];
        let mut speech = [0; 50];
        for (n, x) in speech.iter_mut().enumerate().skip(ORDER) {
            *x = (n as i16 * 619 % 2000) - 1000;
        }
        let mut signal = [0; 50];
        residual(&a, &speech, &mut signal[ORDER..]);
        assert!(!synthesise(&a, &mut signal));
        for (found, speech) in signal.iter().zip(speech) {
            assert!((found - speech).abs() <= 3);
        }
    }
}
