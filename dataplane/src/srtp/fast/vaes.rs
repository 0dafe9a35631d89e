//! AES by VAES: counter mode with twelve blocks in flight.

use std::arch::x86_64::*;

use super::vector::{broadcast, load, store};

/// Encrypts four blocks a register, with R round keys.
#[inline]
#[target_feature(enable = "avx512f,vaes")]
pub(super) fn encrypt<const R: usize, const V: usize>(
    rounds: &[[u8; 16]; 15],
    mut blocks: [__m512i; V],
) -> [__m512i; V] {
    let key = broadcast(&rounds[0]);
    for block in &mut blocks {
        *block = _mm512_xor_si512(*block, key);
    }
    for round in &rounds[1..R - 1] {
        let key = broadcast(round);
        for block in &mut blocks {
            *block = _mm512_aesenc_epi128(*block, key);
        }
    }
    let key = broadcast(&rounds[R - 1]);
    for block in &mut blocks {
        *block = _mm512_aesenclast_epi128(*block, key);
    }
    blocks
}

/// `count` and the three numbers after it, where the counter of a block has its last 32 bits;
/// to be combined with a block that has zeros there.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
pub(super) fn counters(count: u32) -> __m512i {
    let numbers = _mm512_set_epi32(3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0);
    let numbers = _mm512_add_epi32(numbers, _mm512_set1_epi32(count.cast_signed()));
    let last_word = _mm_set_epi64x(0x0c0d_0e0f_ffff_ffff, -1);
    _mm512_shuffle_epi8(numbers, _mm512_broadcast_i32x4(last_word))
}

/// XORs data with the keystream of AES-CM (RFC 3711 §4.1.1), whose blocks the last 16 bits count
/// from zero.
#[target_feature(enable = "avx512f,avx512bw,vaes")]
pub(super) fn crypt<const R: usize>(rounds: &[[u8; 16]; 15], start: &[u8; 16], data: &mut [u8]) {
    let base = broadcast(start);
    let mut count = 0;
    let mut rest = data;
    loop {
        let (now, after) = rest.split_at_mut(rest.len().min(192));
        match now.len() {
            0 => return,
            1..=64 => step::<R, 1>(rounds, base, count, now),
            65..=128 => step::<R, 2>(rounds, base, count, now),
            _ => step::<R, 3>(rounds, base, count, now),
        }
        count += 12;
        rest = after;
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,vaes")]
fn step<const R: usize, const V: usize>(
    rounds: &[[u8; 16]; 15],
    base: __m512i,
    count: u32,
    data: &mut [u8],
) {
    let mut blocks = [base; V];
    for (block, number) in blocks.iter_mut().zip(0..) {
        *block = _mm512_xor_si512(base, counters(count + 4 * number));
    }
    let stream = encrypt::<R, V>(rounds, blocks);
    for (part, key) in data.chunks_mut(64).zip(stream) {
        let text = _mm512_xor_si512(load(part), key);
        store(part, text);
    }
}
