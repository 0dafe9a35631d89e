//! AES by AES-NI: key schedules, and counter mode with up to eight blocks in flight.

use std::arch::x86_64::*;

use super::session::{load, store};

/// FIPS 197 §5.2 for 128 bits: 11 round keys.
#[target_feature(enable = "aes,sse2")]
pub(super) fn expand_128(key: &[u8; 16], rounds: &mut [[u8; 16]; 15]) {
    let mut last = load(key);
    store(&mut rounds[0], last);
    macro_rules! rounds {
        ($($number:literal $constant:literal),*) => {$(
            let word = _mm_shuffle_epi32::<0xff>(_mm_aeskeygenassist_si128::<$constant>(last));
            last = _mm_xor_si128(running_xor(last), word);
            store(&mut rounds[$number], last);
        )*};
    }
    rounds!(1 0x01, 2 0x02, 3 0x04, 4 0x08, 5 0x10, 6 0x20, 7 0x40, 8 0x80, 9 0x1b, 10 0x36);
}

/// FIPS 197 §5.2 for 256 bits: 15 round keys.
#[target_feature(enable = "aes,sse2")]
pub(super) fn expand_256(key: &[u8; 32], rounds: &mut [[u8; 16]; 15]) {
    let (low, high) = key.split_first_chunk().expect("32 bytes");
    let mut even = load(low);
    let mut odd = load(high.first_chunk().expect("16 bytes are left"));
    store(&mut rounds[0], even);
    store(&mut rounds[1], odd);
    macro_rules! rounds {
        ($($number:literal $constant:literal),*) => {$(
            let word = _mm_shuffle_epi32::<0xff>(_mm_aeskeygenassist_si128::<$constant>(odd));
            even = _mm_xor_si128(running_xor(even), word);
            store(&mut rounds[$number], even);
            if $number < 14 {
                let word = _mm_shuffle_epi32::<0xaa>(_mm_aeskeygenassist_si128::<0>(even));
                odd = _mm_xor_si128(running_xor(odd), word);
                store(&mut rounds[$number + 1], odd);
            }
        )*};
    }
    rounds!(2 0x01, 4 0x02, 6 0x04, 8 0x08, 10 0x10, 12 0x20);
    let word = _mm_shuffle_epi32::<0xff>(_mm_aeskeygenassist_si128::<0x40>(odd));
    store(&mut rounds[14], _mm_xor_si128(running_xor(even), word));
}

/// Each word, XOR all words before it.
#[target_feature(enable = "sse2")]
fn running_xor(words: __m128i) -> __m128i {
    let words = _mm_xor_si128(words, _mm_slli_si128::<4>(words));
    _mm_xor_si128(words, _mm_slli_si128::<8>(words))
}

/// Encrypts blocks, with R round keys.
#[inline]
#[target_feature(enable = "aes,sse2")]
pub(super) fn encrypt<const R: usize, const N: usize>(
    rounds: &[[u8; 16]; 15],
    mut blocks: [__m128i; N],
) -> [__m128i; N] {
    let key = load(&rounds[0]);
    for block in &mut blocks {
        *block = _mm_xor_si128(*block, key);
    }
    for round in &rounds[1..R - 1] {
        let key = load(round);
        for block in &mut blocks {
            *block = _mm_aesenc_si128(*block, key);
        }
    }
    let key = load(&rounds[R - 1]);
    for block in &mut blocks {
        *block = _mm_aesenclast_si128(*block, key);
    }
    blocks
}

/// XORs data with the keystream that starts at a counter, of which the last 32 bits count.
#[target_feature(enable = "aes,sse2,ssse3,sse4.1")]
pub(super) fn crypt<const R: usize>(rounds: &[[u8; 16]; 15], start: &[u8; 16], data: &mut [u8]) {
    let base = load(start);
    let mut count = u32::from_be_bytes([start[12], start[13], start[14], start[15]]);
    let mut rest = data;
    loop {
        // Equal parts keep more blocks in flight than full parts and a small rest would.
        let blocks = rest.len().div_ceil(16);
        let part = match blocks {
            0 => return,
            9..=12 => 6,
            _ => blocks.min(8),
        };
        let (now, after) = rest.split_at_mut(rest.len().min(16 * part));
        match part {
            1 => step::<R, 1>(rounds, base, count, now),
            2 => step::<R, 2>(rounds, base, count, now),
            3 | 4 => step::<R, 4>(rounds, base, count, now),
            5 | 6 => step::<R, 6>(rounds, base, count, now),
            _ => step::<R, 8>(rounds, base, count, now),
        }
        count = count.wrapping_add(part as u32);
        rest = after;
    }
}

#[inline]
#[target_feature(enable = "aes,sse2,ssse3,sse4.1")]
fn step<const R: usize, const N: usize>(
    rounds: &[[u8; 16]; 15],
    base: __m128i,
    count: u32,
    data: &mut [u8],
) {
    let mut counters = [base; N];
    for (block, number) in counters.iter_mut().zip(0..) {
        let count = count.wrapping_add(number).swap_bytes() as i32;
        *block = _mm_insert_epi32::<3>(base, count);
    }
    let stream = encrypt::<R, N>(rounds, counters);
    let (whole, tail) = data.as_chunks_mut();
    for (block, key) in whole.iter_mut().zip(&stream) {
        let text = _mm_xor_si128(load(block), *key);
        store(block, text);
    }
    if !tail.is_empty() {
        let mut key = [0; 16];
        store(&mut key, stream[whole.len()]);
        for (byte, key) in tail.iter_mut().zip(key) {
            *byte ^= key;
        }
    }
}
