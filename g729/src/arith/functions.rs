//! Logarithm, power and inverse root from tables, with linear interpolation between entries.

use super::{deposit_high, high, msu, mul32, norm32, shl32, shr32, shr32_round};
use crate::tables::{INVERSE_ROOT, LOGARITHM, POWER};

/// `log2(x)` as its whole part and its fraction, Q15; zeros for `x ≤ 0`.
pub(crate) fn log2(x: i32) -> (i16, i16) {
    if x <= 0 {
        return (0, 0);
    }
    let shift = norm32(x);
    let x = shl32(x, shift);
    // The bits 25 to 30 number an interval from 32, the 15 bits below are the place within it.
    let place = between(&LOGARITHM, high(x >> 9) - 32, (x >> 10) & 0x7fff);
    (30 - shift, high(place))
}

/// `2^(exponent + fraction)`, rounded; the fraction is in Q15 and not negative.
pub(crate) fn pow2(exponent: i16, fraction: i16) -> i32 {
    let x = mul32(fraction, 32);
    let mantissa = between(&POWER, high(x), (x >> 1) & 0x7fff);
    shr32_round(mantissa, 30_i16.saturating_sub(exponent))
}

/// `1/√x`, of an integer as a fraction in Q30; the largest for `x ≤ 0`.
pub(crate) fn inverse_root(x: i32) -> i32 {
    if x <= 0 {
        return 0x3fff_ffff;
    }
    let shift = norm32(x);
    let exponent = 30 - shift;
    // The mantissa takes the factor of two that has no whole root.
    let mantissa = shl32(x, shift) >> (1 - exponent % 2);
    let place = between(
        &INVERSE_ROOT,
        high(mantissa >> 9) - 16,
        (mantissa >> 10) & 0x7fff,
    );
    shr32(place, exponent / 2 + 1)
}

/// The value at `at` (Q15) on the way from entry `index` to the next, in the upper half.
fn between<const N: usize>(table: &[i16; N], index: i16, at: i32) -> i32 {
    let index = index as usize;
    let (here, next) = (table[index], table[index + 1]);
    msu(deposit_high(here), here.saturating_sub(next), at as i16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logarithms_are_near_the_true_ones() {
        for x in [1, 2, 3, 1000, 123_456_789, i32::MAX] {
            let (whole, fraction) = log2(x);
            let found = f64::from(whole) + f64::from(fraction) / 32768.0;
            assert!((found - f64::from(x).log2()).abs() < 2e-4, "{x} {found}");
        }
        assert_eq!(log2(0), (0, 0));
        assert_eq!(log2(-5), (0, 0));
    }

    #[test]
    fn powers_are_near_the_true_ones() {
        for (exponent, fraction) in [(0, 0), (14, 0), (14, 32767), (20, 12345)] {
            let true_one = 2_f64.powf(f64::from(exponent) + f64::from(fraction) / 32768.0);
            let found = f64::from(pow2(exponent, fraction));
            assert!(
                (found - true_one).abs() <= 0.5 + true_one * 2e-4,
                "{found} {true_one}"
            );
        }
    }

    #[test]
    fn inverse_roots_are_near_the_true_ones() {
        for x in [1, 2, 3, 1000, 123_456_789, i32::MAX] {
            let found = f64::from(inverse_root(x)) / f64::from(1 << 30);
            let true_one = 1.0 / f64::from(x).sqrt();
            assert!(
                (found - true_one).abs() < true_one * 2e-4 + 2e-9,
                "{x} {found} {true_one}"
            );
        }
        assert_eq!(inverse_root(0), 0x3fff_ffff);
    }
}
