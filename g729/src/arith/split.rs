//! Numbers of 32 bits in two halves, for products of more than 16 bits.

use super::{clamp32, div, high, mul32, shl32};

/// A number of 31 bits: `hi·2^16 + lo·2`, with `lo` from 0 to 32767.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Split {
    pub(crate) hi: i16,
    pub(crate) lo: i16,
}

impl Split {
    /// Cuts off the lowest bit (`L_Extract`).
    #[inline]
    pub(crate) const fn new(x: i32) -> Self {
        Self {
            hi: high(x),
            lo: ((x >> 1) & 0x7fff) as i16,
        }
    }

    /// Back in one piece (`L_Comp`).
    #[inline]
    pub(crate) const fn join(self) -> i32 {
        ((self.hi as i32) << 16) + self.lo as i32 * 2
    }

    /// `self·other`, without the product of the lower halves (`Mpy_32`).
    #[inline]
    pub(crate) const fn mul(self, other: Self) -> i32 {
        let crossed =
            ((self.hi as i32 * other.lo as i32) >> 15) + ((self.lo as i32 * other.hi as i32) >> 15);
        saturated_sum(mul32(self.hi, other.hi), crossed * 2)
    }

    /// `self·other` (`Mpy_32_16`).
    #[inline]
    pub(crate) const fn mul16(self, other: i16) -> i32 {
        let low = (self.lo as i32 * other as i32) >> 15;
        saturated_sum(mul32(self.hi, other), low * 2)
    }
}

/// The terms of smaller weight can only saturate a product of −1 with itself, and those have one
/// sign: so one sum is the same as one after the other.
const fn saturated_sum(product: i32, rest: i32) -> i32 {
    product.saturating_add(rest)
}

/// `numerator / denominator` for `0 ≤ numerator < denominator`, by one step of Newton's method on
/// the inverse (`Div_32`). The denominator is normalised.
pub(crate) const fn div_split(numerator: i32, denominator: Split) -> i32 {
    let inverse = div(0x3fff, denominator.hi);
    let error = clamp32(i32::MAX as i64 - denominator.mul16(inverse) as i64);
    let inverse = Split::new(Split::new(error).mul16(inverse));
    shl32(Split::new(numerator).mul(inverse), 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splitting_and_joining_lose_the_lowest_bit_alone() {
        for x in [0, 1, -1, i32::MAX, i32::MIN, 0x1234_5679, -0x1234_5679] {
            assert_eq!(Split::new(x).join(), x & !1);
        }
    }

    #[test]
    fn products_are_near_the_true_ones() {
        let (a, b) = (0x1234_5678, -0x2345_6789);
        let product = (i64::from(a) * i64::from(b)) >> 31;
        assert!((i64::from(Split::new(a).mul(Split::new(b))) - product).abs() <= 6);
        let product = (i64::from(a) * 12345) >> 15;
        assert!((i64::from(Split::new(a).mul16(12345)) - product).abs() <= 4);
        assert_eq!(Split::new(i32::MIN).mul(Split::new(i32::MIN)), i32::MAX);
    }

    #[test]
    fn quotients_are_near_the_true_ones() {
        let (numerator, denominator) = (0x1234_5678_i32, 0x5678_1234_i32);
        let quotient = (i64::from(numerator) << 31) / i64::from(denominator);
        let found = i64::from(div_split(numerator, Split::new(denominator)));
        assert!((found - quotient).abs() < 64, "{found} {quotient}");
    }
}
