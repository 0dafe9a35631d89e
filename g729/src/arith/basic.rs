//! The basic operations on 16 and 32 bits. G.191's name stands behind each.

/// The nearest 16-bit number.
#[inline]
pub(crate) const fn clamp16(x: i32) -> i16 {
    if x > i16::MAX as i32 {
        i16::MAX
    } else if x < i16::MIN as i32 {
        i16::MIN
    } else {
        x as i16
    }
}

/// The nearest 32-bit number.
#[inline]
pub(crate) const fn clamp32(x: i64) -> i32 {
    if x > i32::MAX as i64 {
        i32::MAX
    } else if x < i32::MIN as i64 {
        i32::MIN
    } else {
        x as i32
    }
}

/// The product of two fractions, cut off (`mult`).
#[inline]
pub(crate) const fn mul(a: i16, b: i16) -> i16 {
    clamp16((a as i32 * b as i32) >> 15)
}

/// The product of two fractions, rounded (`mult_r`).
#[inline]
pub(crate) const fn mul_round(a: i16, b: i16) -> i16 {
    clamp16((a as i32 * b as i32 + 0x4000) >> 15)
}

/// The whole product of two fractions: twice the product of the integers (`L_mult`).
#[inline]
pub(crate) const fn mul32(a: i16, b: i16) -> i32 {
    (a as i32 * b as i32).saturating_mul(2)
}

/// `sum + a·b` (`L_mac`).
#[inline]
pub(crate) const fn mac(sum: i32, a: i16, b: i16) -> i32 {
    sum.saturating_add(mul32(a, b))
}

/// `sum - a·b` (`L_msu`).
#[inline]
pub(crate) const fn msu(sum: i32, a: i16, b: i16) -> i32 {
    sum.saturating_sub(mul32(a, b))
}

/// `x·2^by`; a negative `by` shifts right (`shl`).
#[inline]
pub(crate) const fn shl(x: i16, by: i16) -> i16 {
    if by < 0 {
        shr(x, by.saturating_neg())
    } else if by > 15 {
        clamp16(x as i32 * 0x10000)
    } else {
        clamp16((x as i32) << by)
    }
}

/// `x·2^-by`, rounded down; a negative `by` shifts left (`shr`).
#[inline]
pub(crate) const fn shr(x: i16, by: i16) -> i16 {
    if by < 0 {
        shl(x, by.saturating_neg())
    } else if by > 15 {
        x >> 15
    } else {
        x >> by
    }
}

/// `x·2^by`; a negative `by` shifts right (`L_shl`).
#[inline]
pub(crate) const fn shl32(x: i32, by: i16) -> i32 {
    if by < 0 {
        shr32(x, by.saturating_neg())
    } else if by > 31 {
        clamp32(x as i64 * (1 << 32))
    } else {
        clamp32((x as i64) << by)
    }
}

/// `x·2^-by`, rounded down; a negative `by` shifts left (`L_shr`).
#[inline]
pub(crate) const fn shr32(x: i32, by: i16) -> i32 {
    if by < 0 {
        shl32(x, by.saturating_neg())
    } else if by > 31 {
        x >> 31
    } else {
        x >> by
    }
}

/// `x·2^-by`, rounded to nearest; a negative `by` shifts left (`L_shr_r`).
#[inline]
pub(crate) const fn shr32_round(x: i32, by: i16) -> i32 {
    if by > 31 {
        0
    } else if by <= 0 {
        shr32(x, by)
    } else {
        (x >> by) + ((x >> (by - 1)) & 1)
    }
}

/// The upper 16 bits (`extract_h`).
#[inline]
pub(crate) const fn high(x: i32) -> i16 {
    (x >> 16) as i16
}

/// The upper 16 bits, rounded (`round`).
#[inline]
pub(crate) const fn round(x: i32) -> i16 {
    high(x.saturating_add(0x8000))
}

/// A number whose upper 16 bits are `x` (`L_deposit_h`).
#[inline]
pub(crate) const fn deposit_high(x: i16) -> i32 {
    (x as i32) << 16
}

/// How far `x` can shift left without a change of sign; 0 for 0 (`norm_s`).
#[inline]
pub(crate) const fn norm(x: i16) -> i16 {
    let magnitude = if x < 0 { !x } else { x };
    if x == 0 {
        0
    } else {
        magnitude.leading_zeros() as i16 - 1
    }
}

/// How far `x` can shift left without a change of sign; 0 for 0 (`norm_l`).
#[inline]
pub(crate) const fn norm32(x: i32) -> i16 {
    let magnitude = if x < 0 { !x } else { x };
    if x == 0 {
        0
    } else {
        magnitude.leading_zeros() as i16 - 1
    }
}

/// `a / b` as a fraction, for `0 ≤ a ≤ b` and `b > 0` (`div_s`).
///
/// The operation is undefined elsewhere; here it yields the nearest fraction that can be written,
/// so that no input can stop a coder.
#[inline]
pub(crate) const fn div(a: i16, b: i16) -> i16 {
    if a <= 0 {
        0
    } else if b <= 0 || a >= b {
        i16::MAX
    } else {
        (((a as i32) << 15) / b as i32) as i16
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_product_of_minus_one_with_itself_saturates() {
        assert_eq!(mul(i16::MIN, i16::MIN), i16::MAX);
        assert_eq!(mul_round(i16::MIN, i16::MIN), i16::MAX);
        assert_eq!(mul32(i16::MIN, i16::MIN), i32::MAX);
        assert_eq!(msu(0, i16::MIN, i16::MIN), -i32::MAX);
        assert_eq!(mac(i32::MAX, 1, 1), i32::MAX);
    }

    #[test]
    fn products_are_cut_off_downwards() {
        assert_eq!(mul(-1, 1), -1);
        assert_eq!(mul(1, 1), 0);
        assert_eq!(mul_round(1, 0x4000), 1);
        assert_eq!(mul_round(-1, 0x4000), 0);
    }

    #[test]
    fn shifts_saturate_to_the_left_and_floor_to_the_right() {
        assert_eq!(shl(1, 14), 0x4000);
        assert_eq!(shl(1, 15), i16::MAX);
        assert_eq!(shl(-1, 15), i16::MIN);
        assert_eq!(shl(-1, 100), i16::MIN);
        assert_eq!(shl(0, 100), 0);
        assert_eq!(shl(5, -1), 2);
        assert_eq!(shr(-5, 1), -3);
        assert_eq!(shr(-5, 99), -1);
        assert_eq!(shr(5, -2), 20);
        assert_eq!(shl32(-1, 31), i32::MIN);
        assert_eq!(shl32(1, 31), i32::MAX);
        assert_eq!(shl32(0, 99), 0);
        assert_eq!(shl32(3, i16::MIN), 0);
        assert_eq!(shr32(-1, 99), -1);
        assert_eq!(shr32(3, -1), 6);
        assert_eq!(shr32_round(3, 1), 2);
        assert_eq!(shr32_round(-3, 1), -1);
        assert_eq!(shr32_round(i32::MIN, 32), 0);
        assert_eq!(shr32_round(i32::MAX, 31), 1);
        assert_eq!(shr32_round(3, -1), 6);
    }

    #[test]
    fn norms_count_the_idle_bits() {
        assert_eq!(
            [norm(0), norm(1), norm(-1), norm(i16::MIN), norm(0x4000)],
            [0, 14, 15, 0, 0]
        );
        assert_eq!(
            [norm32(0), norm32(1), norm32(-1), norm32(i32::MIN)],
            [0, 30, 31, 0]
        );
    }

    #[test]
    fn division_is_a_fraction_and_never_stops_a_coder() {
        assert_eq!(div(1, 2), 0x4000);
        assert_eq!(div(1, 3), 10922);
        assert_eq!(div(7, 7), i16::MAX);
        assert_eq!(div(0, 0), 0);
        assert_eq!(div(7, 0), i16::MAX);
        assert_eq!(div(-7, 3), 0);
    }

    #[test]
    fn rounding_saturates() {
        assert_eq!(round(0x7fff), 0);
        assert_eq!(round(0x8000), 1);
        assert_eq!(round(i32::MAX), i16::MAX);
        assert_eq!(high(-1), -1);
        assert_eq!(deposit_high(-1), -0x10000);
    }
}
