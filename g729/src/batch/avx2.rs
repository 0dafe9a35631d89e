//! Vectors in two registers of AVX2, eight streams in each.

use core::arch::x86_64::*;
use core::ops::{Add, BitAnd, BitOr, BitXor, Sub};

use super::vector::{LANES, Row, Vector, Wide};

/// Exists only within [`super::dispatch`]'s functions, whose target features cover every
/// instruction used here: that is what each SAFETY line below rests on.
#[derive(Clone, Copy)]
pub(crate) struct Avx2([__m256i; 2]);

/// All ones in the numbers of the streams that are meant.
#[derive(Clone, Copy)]
pub(crate) struct Mask(Avx2);

/// Defines an operator of two vectors that is one instruction.
macro_rules! operator {
    ($trait:ident, $name:ident, $instruction:ident) => {
        impl $trait for Avx2 {
            type Output = Self;

            #[inline(always)]
            fn $name(self, other: Self) -> Self {
                let (a, b) = (self.0, other.0);
                // SAFETY: the features are enabled, see the type.
                Self(unsafe { [$instruction(a[0], b[0]), $instruction(a[1], b[1])] })
            }
        }
    };
}

operator!(Add, add, _mm256_add_epi32);
operator!(Sub, sub, _mm256_sub_epi32);
operator!(BitAnd, bitand, _mm256_and_si256);
operator!(BitOr, bitor, _mm256_or_si256);
operator!(BitXor, bitxor, _mm256_xor_si256);

impl BitAnd for Mask {
    type Output = Self;

    #[inline(always)]
    fn bitand(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

impl BitOr for Mask {
    type Output = Self;

    #[inline(always)]
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// Defines a method of two vectors that is one instruction.
macro_rules! binary {
    ($name:ident, $instruction:ident) => {
        #[inline(always)]
        fn $name(self, other: Self) -> Self {
            let (a, b) = (self.0, other.0);
            // SAFETY: the features are enabled, see the type.
            Self(unsafe { [$instruction(a[0], b[0]), $instruction(a[1], b[1])] })
        }
    };
}

/// Defines a shift by a constant.
macro_rules! shift {
    ($name:ident, $instruction:ident) => {
        #[inline(always)]
        fn $name<const BY: u32>(self) -> Self {
            let (a, by) = (self.0, Self::splat(BY as i32).0);
            // SAFETY: the features are enabled, see the type.
            Self(unsafe { [$instruction(a[0], by[0]), $instruction(a[1], by[1])] })
        }
    };
}

impl Vector for Avx2 {
    type Mask = Mask;

    binary!(multiply_pairs, _mm256_madd_epi16);
    binary!(subtract_pairs, _mm256_subs_epi16);
    binary!(shift_left_by, _mm256_sllv_epi32);
    binary!(shift_right_by, _mm256_srav_epi32);
    binary!(min, _mm256_min_epi32);
    binary!(max, _mm256_max_epi32);
    binary!(min_unsigned, _mm256_min_epu32);
    // Constant counts become shifts by an immediate.
    shift!(shift_left, _mm256_sllv_epi32);
    shift!(shift_right, _mm256_srav_epi32);
    shift!(shift_right_logical, _mm256_srlv_epi32);

    #[inline(always)]
    fn add_pairs(self, a: Self, b: Self) -> Self {
        self + a.multiply_pairs(b)
    }

    #[inline(always)]
    fn splat(x: i32) -> Self {
        // SAFETY: the features are enabled, see the type.
        Self(unsafe { [_mm256_set1_epi32(x); 2] })
    }

    #[inline(always)]
    fn load(row: &Row) -> Self {
        // SAFETY: a row is 32 bytes, aligned to as many; the features are enabled, see the type.
        let row = unsafe { _mm256_load_si256(row.0.as_ptr().cast()) };
        // SAFETY: the features are enabled, see the type.
        Self(unsafe {
            [
                _mm256_cvtepi16_epi32(_mm256_castsi256_si128(row)),
                _mm256_cvtepi16_epi32(_mm256_extracti128_si256::<1>(row)),
            ]
        })
    }

    #[inline(always)]
    fn store(self, row: &mut Row) {
        let low = self.low().0;
        // SAFETY: the features are enabled, see the type. Packing goes by halves of the registers,
        // which the permutation undoes.
        let packed =
            unsafe { _mm256_permute4x64_epi64::<0xd8>(_mm256_packus_epi32(low[0], low[1])) };
        // SAFETY: a row is 32 bytes, aligned to as many; the features are enabled, see the type.
        unsafe { _mm256_store_si256(row.0.as_mut_ptr().cast(), packed) }
    }

    #[inline(always)]
    fn load_wide(row: &Wide) -> Self {
        let [low, high] = halves(row);
        // SAFETY: both halves are 32 bytes, aligned to as many; the features are enabled.
        Self(unsafe {
            [
                _mm256_load_si256(low.as_ptr().cast()),
                _mm256_load_si256(high.as_ptr().cast()),
            ]
        })
    }

    #[inline(always)]
    fn store_wide(self, row: &mut Wide) {
        let (low, high) = row.0.split_at_mut(LANES / 2);
        // SAFETY: both halves are 32 bytes, aligned to as many; the features are enabled.
        unsafe {
            _mm256_store_si256(low.as_mut_ptr().cast(), self.0[0]);
            _mm256_store_si256(high.as_mut_ptr().cast(), self.0[1]);
        }
    }

    #[inline(always)]
    fn leading_zeros(self) -> Self {
        // Without the bit below the highest, rounding cannot carry.
        let x = (self.shift_right_logical::<1>() & self) ^ self;
        // SAFETY: the features are enabled, see the type.
        let float = Self(unsafe {
            [
                _mm256_castps_si256(_mm256_cvtepi32_ps(x.0[0])),
                _mm256_castps_si256(_mm256_cvtepi32_ps(x.0[1])),
            ]
        });
        // The exponent of 2^0 is 127; that of 0 is 0, and a sign stands above it.
        let zeros = Self::splat(127 + 31) - float.shift_right_logical::<23>();
        zeros.min(Self::splat(32)).max(Self::splat(0))
    }

    #[inline(always)]
    fn quotient_q15(self, other: Self) -> Self {
        let shifted = self.shift_left::<15>();
        let (a, b) = (shifted.0, other.0);
        // SAFETY: the features are enabled, see the type.
        let quotient = Self(unsafe { [quotient(a[0], b[0]), quotient(a[1], b[1])] });
        // The rounded quotient may have reached the next whole number: one step back then.
        let too_much = quotient.times(other).greater(shifted);
        Self::select(too_much, quotient - Self::splat(1), quotient)
    }

    #[inline(always)]
    fn greater(self, other: Self) -> Mask {
        let (a, b) = (self.0, other.0);
        // SAFETY: the features are enabled, see the type.
        Mask(Self(unsafe {
            [
                _mm256_cmpgt_epi32(a[0], b[0]),
                _mm256_cmpgt_epi32(a[1], b[1]),
            ]
        }))
    }

    #[inline(always)]
    fn equal(self, other: Self) -> Mask {
        let (a, b) = (self.0, other.0);
        // SAFETY: the features are enabled, see the type.
        Mask(Self(unsafe {
            [
                _mm256_cmpeq_epi32(a[0], b[0]),
                _mm256_cmpeq_epi32(a[1], b[1]),
            ]
        }))
    }

    #[inline(always)]
    fn select(mask: Mask, yes: Self, no: Self) -> Self {
        let (mask, yes, no) = (mask.0.0, yes.0, no.0);
        // SAFETY: the features are enabled, see the type.
        Self(unsafe {
            [
                _mm256_blendv_epi8(no[0], yes[0], mask[0]),
                _mm256_blendv_epi8(no[1], yes[1], mask[1]),
            ]
        })
    }

    #[inline(always)]
    fn bits(mask: Mask) -> u16 {
        let [low, high] = mask.0.0;
        // SAFETY: the features are enabled, see the type.
        let [low, high] = unsafe {
            [
                _mm256_movemask_ps(_mm256_castsi256_ps(low)),
                _mm256_movemask_ps(_mm256_castsi256_ps(high)),
            ]
        };
        (low | high << 8) as u16
    }

    #[inline(always)]
    fn mask(bits: u16) -> Mask {
        const BITS: Wide = {
            let mut bits = Wide::ZERO;
            let mut lane = 0;
            while lane < LANES {
                bits.0[lane] = 1 << lane;
                lane += 1;
            }
            bits
        };
        let places = Self::load_wide(&BITS);
        (Self::splat(bits.into()) & places).equal(places)
    }
}

#[inline(always)]
fn halves(row: &Wide) -> [&[i32]; 2] {
    let (low, high) = row.0.split_at(LANES / 2);
    [low, high]
}

/// The whole part of quotients of numbers that are exact as floats.
///
/// # Safety
///
/// The machine has AVX.
#[inline(always)]
unsafe fn quotient(a: __m256i, b: __m256i) -> __m256i {
    // SAFETY: the caller sees to it.
    unsafe { _mm256_cvttps_epi32(_mm256_div_ps(_mm256_cvtepi32_ps(a), _mm256_cvtepi32_ps(b))) }
}
