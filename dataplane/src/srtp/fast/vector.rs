//! Bytes into 512-bit registers and back, without touching any that a slice does not hold.

use std::arch::x86_64::*;

/// A mask of the first `count` of 64 bytes.
#[inline]
pub(super) const fn first(count: usize) -> u64 {
    if count >= 64 {
        u64::MAX
    } else {
        (1 << count) - 1
    }
}

/// At most 64 bytes, and zeros behind them.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
pub(super) fn load(bytes: &[u8]) -> __m512i {
    if let Some(whole) = bytes.first_chunk::<64>() {
        // SAFETY: the reference vouches for 64 bytes, and the load needs no alignment.
        return unsafe { _mm512_loadu_si512(whole.as_ptr().cast()) };
    }
    // SAFETY: the mask leaves out all bytes beyond the slice, which are not touched then.
    unsafe { _mm512_maskz_loadu_epi8(first(bytes.len()), bytes.as_ptr().cast()) }
}

/// Stores as many of 64 bytes as there is room for.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
pub(super) fn store(bytes: &mut [u8], value: __m512i) {
    if let Some(whole) = bytes.first_chunk_mut::<64>() {
        // SAFETY: the reference vouches for 64 bytes, and the store needs no alignment.
        unsafe { _mm512_storeu_si512(whole.as_mut_ptr().cast(), value) };
        return;
    }
    // SAFETY: the mask leaves out all bytes beyond the slice, which are not touched then.
    unsafe { _mm512_mask_storeu_epi8(bytes.as_mut_ptr().cast(), first(bytes.len()), value) };
}

/// Four blocks of a slice of blocks, from the one at `at` on.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn load_four(blocks: &[[u8; 16]], at: usize) -> __m512i {
    let four: &[[u8; 16]; 4] = blocks[at..].first_chunk().expect("four blocks are there");
    // SAFETY: the reference vouches for 64 bytes, and the load needs no alignment.
    unsafe { _mm512_loadu_si512(four.as_ptr().cast()) }
}

/// The same block four times.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn broadcast(block: &[u8; 16]) -> __m512i {
    _mm512_broadcast_i32x4(super::session::load(block))
}

/// The XOR of the four blocks of a register.
#[inline]
#[target_feature(enable = "avx512f,avx2")]
pub(super) fn fold(value: __m512i) -> __m128i {
    let high = _mm512_extracti64x4_epi64::<1>(value);
    let half = _mm256_xor_si256(_mm512_castsi512_si256(value), high);
    let high = _mm256_extracti128_si256::<1>(half);
    _mm_xor_si128(_mm256_castsi256_si128(half), high)
}
