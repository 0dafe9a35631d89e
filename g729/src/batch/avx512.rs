//! Vectors in one register of AVX-512.

use core::arch::x86_64::*;
use core::ops::{Add, BitAnd, BitOr, BitXor, Sub};

use super::vector::{Row, Vector, Wide};

/// Exists only within [`super::dispatch`]'s functions, whose target features cover every
/// instruction used here: that is what each SAFETY line below rests on.
#[derive(Clone, Copy)]
pub(crate) struct Avx512(__m512i);

macro_rules! operator {
    ($trait:ident, $name:ident, $instruction:ident) => {
        impl $trait for Avx512 {
            type Output = Self;

            #[inline(always)]
            fn $name(self, other: Self) -> Self {
                // SAFETY: the features are enabled, see the type.
                Self(unsafe { $instruction(self.0, other.0) })
            }
        }
    };
}

operator!(Add, add, _mm512_add_epi32);
operator!(Sub, sub, _mm512_sub_epi32);
operator!(BitAnd, bitand, _mm512_and_si512);
operator!(BitOr, bitor, _mm512_or_si512);
operator!(BitXor, bitxor, _mm512_xor_si512);

/// Defines a method of two vectors that is one instruction.
macro_rules! binary {
    ($name:ident, $instruction:ident) => {
        #[inline(always)]
        fn $name(self, other: Self) -> Self {
            // SAFETY: the features are enabled, see the type.
            Self(unsafe { $instruction(self.0, other.0) })
        }
    };
}

impl Vector for Avx512 {
    type Mask = u16;

    binary!(multiply_pairs, _mm512_madd_epi16);
    binary!(subtract_pairs, _mm512_subs_epi16);
    binary!(shift_left_by, _mm512_sllv_epi32);
    binary!(shift_right_by, _mm512_srav_epi32);
    binary!(min, _mm512_min_epi32);
    binary!(max, _mm512_max_epi32);
    binary!(min_unsigned, _mm512_min_epu32);

    #[inline(always)]
    fn splat(x: i32) -> Self {
        // SAFETY: the features are enabled, see the type.
        Self(unsafe { _mm512_set1_epi32(x) })
    }

    #[inline(always)]
    fn load(row: &Row) -> Self {
        // SAFETY: a row is 32 bytes, aligned to as many; the features are enabled, see the type.
        Self(unsafe { _mm512_cvtepi16_epi32(_mm256_load_si256(row.0.as_ptr().cast())) })
    }

    #[inline(always)]
    fn store(self, row: &mut Row) {
        // SAFETY: a row is 32 bytes, aligned to as many; the features are enabled, see the type.
        unsafe { _mm256_store_si256(row.0.as_mut_ptr().cast(), _mm512_cvtepi32_epi16(self.0)) }
    }

    #[inline(always)]
    fn load_wide(row: &Wide) -> Self {
        // SAFETY: a row is 64 bytes, aligned to as many; the features are enabled, see the type.
        Self(unsafe { _mm512_load_si512(row.0.as_ptr().cast()) })
    }

    #[inline(always)]
    fn store_wide(self, row: &mut Wide) {
        // SAFETY: a row is 64 bytes, aligned to as many; the features are enabled, see the type.
        unsafe { _mm512_store_si512(row.0.as_mut_ptr().cast(), self.0) }
    }

    #[inline(always)]
    fn shift_left<const BY: u32>(self) -> Self {
        // SAFETY: the features are enabled, see the type.
        Self(unsafe { _mm512_slli_epi32::<BY>(self.0) })
    }

    #[inline(always)]
    fn shift_right<const BY: u32>(self) -> Self {
        // SAFETY: the features are enabled, see the type.
        Self(unsafe { _mm512_srai_epi32::<BY>(self.0) })
    }

    #[inline(always)]
    fn shift_right_logical<const BY: u32>(self) -> Self {
        // SAFETY: the features are enabled, see the type.
        Self(unsafe { _mm512_srli_epi32::<BY>(self.0) })
    }

    #[inline(always)]
    fn leading_zeros(self) -> Self {
        // SAFETY: the features are enabled, see the type.
        Self(unsafe { _mm512_lzcnt_epi32(self.0) })
    }

    #[inline(always)]
    fn quotient_q15(self, other: Self) -> Self {
        let shifted = self.shift_left::<15>();
        // SAFETY: the features are enabled, see the type.
        let quotient = Self(unsafe {
            _mm512_cvttps_epi32(_mm512_div_ps(
                _mm512_cvtepi32_ps(shifted.0),
                _mm512_cvtepi32_ps(other.0),
            ))
        });
        // The rounded quotient may have reached the next whole number: one step back then.
        let too_much = quotient.times(other).greater(shifted);
        Self::select(too_much, quotient - Self::splat(1), quotient)
    }

    #[inline(always)]
    fn greater(self, other: Self) -> u16 {
        // SAFETY: the features are enabled, see the type.
        unsafe { _mm512_cmpgt_epi32_mask(self.0, other.0) }
    }

    #[inline(always)]
    fn equal(self, other: Self) -> u16 {
        // SAFETY: the features are enabled, see the type.
        unsafe { _mm512_cmpeq_epi32_mask(self.0, other.0) }
    }

    #[inline(always)]
    fn select(mask: u16, yes: Self, no: Self) -> Self {
        // SAFETY: the features are enabled, see the type.
        Self(unsafe { _mm512_mask_blend_epi32(mask, no.0, yes.0) })
    }

    #[inline(always)]
    fn bits(mask: u16) -> u16 {
        mask
    }

    #[inline(always)]
    fn mask(bits: u16) -> u16 {
        bits
    }
}
