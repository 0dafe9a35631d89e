//! Sums over vectors.
//!
//! The Recommendation saturates after each term. Where no partial sum can leave 32 bits, which a
//! bound on the operands tells beforehand, a plain sum is the same and several times faster.

use super::mac;

/// `start + Σ a[n]·b[n]`, doubled products as in [`mac`].
#[inline]
pub(crate) fn dot(start: i32, a: &[i16], b: &[i16]) -> i32 {
    debug_assert_eq!(a.len(), b.len());
    let bound = i64::from(peak(a)) * i64::from(peak(b)) * a.len() as i64;
    if bound + i64::from(start.unsigned_abs()) / 2 < 1 << 30 {
        start + 2 * plain_dot(a, b)
    } else {
        a.iter().zip(b).fold(start, |sum, (&a, &b)| mac(sum, a, b))
    }
}

/// `start + Σ x[n]²`, and whether the sum left 32 bits on the way. `start` is not negative.
#[inline]
pub(crate) fn energy(start: i32, x: &[i16]) -> (i32, bool) {
    // The terms are not negative: they saturate once and for all.
    let sum = i64::from(start) + 2 * wide_dot(x, x);
    if sum > i64::from(i32::MAX) {
        (i32::MAX, true)
    } else {
        (sum as i32, false)
    }
}

/// `Σ a[n]·b[n]` as in [`dot`] from 0, or `None` if a partial sum left 32 bits.
#[inline]
pub(crate) fn dot_checked(a: &[i16], b: &[i16]) -> Option<i32> {
    if i64::from(peak(a)) * i64::from(peak(b)) * (a.len() as i64) < 1 << 30 {
        return Some(2 * plain_dot(a, b));
    }
    a.iter().zip(b).try_fold(0_i32, |sum, (&a, &b)| {
        // The product of −1 with itself is one too large to be written: an overflow too.
        let product = (i32::from(a) * i32::from(b)).checked_mul(2)?;
        sum.checked_add(product)
    })
}

/// Whether sums of products of `a` and `b`, doubled, stay within 32 bits in whatever order.
#[inline]
pub(crate) fn products_fit(a: &[i16], b: &[i16]) -> bool {
    let magnitudes: i64 = b.iter().map(|&b| i64::from(b.unsigned_abs())).sum();
    i64::from(peak(a)) * magnitudes < 1 << 30
}

/// The largest magnitude.
#[inline]
pub(crate) fn peak(x: &[i16]) -> i32 {
    let (mut least, mut most) = (0, 0);
    for &x in x {
        least = x.min(least);
        most = x.max(most);
    }
    i32::from(most).max(-i32::from(least))
}

/// `Σ a[n]·b[n]` without doubling, for operands whose sum is known to fit.
#[inline]
pub(crate) fn plain_dot(a: &[i16], b: &[i16]) -> i32 {
    a.iter().zip(b).fold(0_i32, |sum, (&a, &b)| {
        sum.wrapping_add(i32::from(a) * i32::from(b))
    })
}

#[inline]
fn wide_dot(a: &[i16], b: &[i16]) -> i64 {
    // Sixteen products of 2^30 are far from the end of 64 bits, but two are from that of 32.
    a.iter()
        .zip(b)
        .map(|(&a, &b)| i64::from(i32::from(a) * i32::from(b)))
        .sum()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::mul32;
    use super::*;

    /// Saturation spelled out.
    fn saturating_dot(start: i32, a: &[i16], b: &[i16]) -> i32 {
        a.iter()
            .zip(b)
            .fold(start, |sum, (&a, &b)| sum.saturating_add(mul32(a, b)))
    }

    proptest! {
        #[test]
        fn sums_saturate_term_by_term(
            a in prop::collection::vec(any::<i16>(), 40),
            b in prop::collection::vec(any::<i16>(), 40),
            shift in 0..12_u32,
            start in 0..2_i32,
        ) {
            let a: Vec<i16> = a.iter().map(|x| x >> shift).collect();
            prop_assert_eq!(dot(start, &a, &b), saturating_dot(start, &a, &b));
            prop_assert_eq!(energy(start, &a).0, saturating_dot(start, &a, &a));
            if let Some(sum) = dot_checked(&a, &b) {
                prop_assert_eq!(sum, saturating_dot(0, &a, &b));
            }
        }
    }

    #[test]
    fn an_overflow_on_the_way_is_seen() {
        let (a, b) = (
            [i16::MAX, i16::MAX, i16::MAX],
            [i16::MAX, i16::MAX, i16::MIN],
        );
        assert_eq!(dot_checked(&a, &b), None);
        assert_eq!(dot_checked(&[i16::MIN], &[i16::MIN]), None);
        assert_eq!(dot_checked(&[i16::MAX], &[i16::MIN]), Some(-2_147_418_112));
        assert!(energy(0, &a).1);
        assert!(!energy(0, &[i16::MAX]).1);
    }
}
