//! HMAC-SHA1 of sixteen packets at once: each has one of the sixteen 32-bit lanes of a register.

use std::arch::x86_64::*;

use super::sha_ni::{Digest, Message, blocks};
use super::vector::load;

/// Packets hashed at once.
pub(super) const LANES: usize = 16;

/// A row of words, one of each packet; or, before it is turned, sixteen words of one packet.
type Rows = [__m512i; 16];

/// The tags of packets with equally many blocks.
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi2,ssse3,sse2")]
pub(super) fn hmac(messages: &[Message<'_>; LANES]) -> [Digest; LANES] {
    let sessions = messages.map(|message| message.session.line());
    let [i0, i1, i2, i3, i4, o0, o1, o2, o3, o4, ..] = transpose(sessions);
    let mut state = [i0, i1, i2, i3, i4];
    let count = blocks(messages[0].bytes.len());
    for number in 0..count {
        let mut words = transpose(messages.map(|message| swap(block(&message, number))));
        if number + 1 == count {
            words[15] = bit_lengths(messages);
        }
        compress(&mut state, words);
    }
    let zero = _mm512_setzero_si512();
    let [a, b, c, d, e] = state;
    let padding = _mm512_set1_epi32(i32::MIN);
    let bits = _mm512_set1_epi32(8 * (64 + 20));
    let mut words = [zero; 16];
    words[..6].copy_from_slice(&[a, b, c, d, e, padding]);
    words[15] = bits;
    state = [o0, o1, o2, o3, o4];
    compress(&mut state, words);
    digests(&state)
}

/// Block `number` of a message, with what follows its bytes: four more and the padding's first,
/// which may lie in this block, in the next, or in both.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi2,sse2")]
fn block(message: &Message<'_>, number: usize) -> __m512i {
    let start = 64 * number;
    let (bytes, len) = (message.bytes, message.bytes.len());
    if start + 64 <= len {
        return load(&bytes[start..start + 64]);
    }
    let text = load(bytes.get(start..).unwrap_or_default());
    let behind = u64::from(u32::from_le_bytes(message.trailer)) | 0x80 << 32;
    let (place, behind) = if start <= len {
        (0b11111 << (len - start), behind)
    } else {
        let before = (start - len).min(5);
        (0b11111 >> before, behind >> (8 * before))
    };
    let behind = _mm512_zextsi128_si512(_mm_cvtsi64_si128(behind.cast_signed()));
    _mm512_mask_expand_epi8(text, place, behind)
}

/// SHA-1 reads words with the highest byte first.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn swap(words: __m512i) -> __m512i {
    let order = _mm_set_epi64x(0x0c0d_0e0f_0809_0a0b, 0x0405_0607_0001_0203);
    _mm512_shuffle_epi8(words, _mm512_broadcast_i32x4(order))
}

/// How long each message is with the key's block before it and the trailer behind it.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn bit_lengths(messages: &[Message<'_>; LANES]) -> __m512i {
    let bits = messages.map(|message| 8 * (64 + message.bytes.len() as u32 + 4));
    // SAFETY: the array vouches for 64 bytes, and the load needs no alignment.
    unsafe { _mm512_loadu_si512(bits.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn digests(state: &[__m512i; 5]) -> [Digest; LANES] {
    let zero = _mm512_setzero_si512();
    let mut rows = [zero; 16];
    for (row, words) in rows.iter_mut().zip(state) {
        *row = swap(*words);
    }
    // Only four words of each are wanted: they are turned in pairs.
    let (a, b, c, d) = (rows[0], rows[1], rows[2], rows[3]);
    let low = [_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b)];
    let high = [_mm512_unpacklo_epi32(c, d), _mm512_unpackhi_epi32(c, d)];
    let turned = [
        _mm512_unpacklo_epi64(low[0], high[0]),
        _mm512_unpackhi_epi64(low[0], high[0]),
        _mm512_unpacklo_epi64(low[1], high[1]),
        _mm512_unpackhi_epi64(low[1], high[1]),
    ];
    let mut digests = [[0; 16]; LANES];
    for (place, four) in turned.into_iter().enumerate() {
        let mut bytes = [0; 64];
        super::vector::store(&mut bytes, four);
        for (group, digest) in bytes.as_chunks().0.iter().enumerate() {
            digests[4 * group + place] = *digest;
        }
    }
    digests
}

/// Rows become columns.
#[inline]
#[target_feature(enable = "avx512f")]
fn transpose(rows: Rows) -> Rows {
    let mut pairs = rows;
    for i in 0..8 {
        pairs[2 * i] = _mm512_unpacklo_epi32(rows[2 * i], rows[2 * i + 1]);
        pairs[2 * i + 1] = _mm512_unpackhi_epi32(rows[2 * i], rows[2 * i + 1]);
    }
    let mut fours = pairs;
    for i in 0..4 {
        let at = 4 * i;
        fours[at] = _mm512_unpacklo_epi64(pairs[at], pairs[at + 2]);
        fours[at + 1] = _mm512_unpackhi_epi64(pairs[at], pairs[at + 2]);
        fours[at + 2] = _mm512_unpacklo_epi64(pairs[at + 1], pairs[at + 3]);
        fours[at + 3] = _mm512_unpackhi_epi64(pairs[at + 1], pairs[at + 3]);
    }
    let mut eights = fours;
    for i in 0..4 {
        eights[i] = _mm512_shuffle_i32x4::<0x88>(fours[i], fours[i + 4]);
        eights[i + 4] = _mm512_shuffle_i32x4::<0xdd>(fours[i], fours[i + 4]);
        eights[i + 8] = _mm512_shuffle_i32x4::<0x88>(fours[i + 8], fours[i + 12]);
        eights[i + 12] = _mm512_shuffle_i32x4::<0xdd>(fours[i + 8], fours[i + 12]);
    }
    let mut columns = eights;
    for i in 0..4 {
        columns[i] = _mm512_shuffle_i32x4::<0x88>(eights[i], eights[i + 8]);
        columns[i + 8] = _mm512_shuffle_i32x4::<0xdd>(eights[i], eights[i + 8]);
        columns[i + 4] = _mm512_shuffle_i32x4::<0x88>(eights[i + 4], eights[i + 12]);
        columns[i + 12] = _mm512_shuffle_i32x4::<0xdd>(eights[i + 4], eights[i + 12]);
    }
    columns
}

/// SHA-1's compression (FIPS 180-4 §6.1.2) of a block of each packet.
#[inline]
#[target_feature(enable = "avx512f")]
fn compress(state: &mut [__m512i; 5], mut w: Rows) {
    let [mut a, mut b, mut c, mut d, mut e] = *state;
    macro_rules! rounds {
        ($function:literal $constant:literal: $($round:literal)*) => {
            let k = _mm512_set1_epi32($constant);
            $(
                if $round >= 16 {
                    let (x, y) = (w[($round + 13) % 16], w[($round + 8) % 16]);
                    let mixed = _mm512_ternarylogic_epi32::<0x96>(x, y, w[($round + 2) % 16]);
                    let mixed = _mm512_xor_si512(mixed, w[$round % 16]);
                    w[$round % 16] = _mm512_rol_epi32::<1>(mixed);
                }
                let function = _mm512_ternarylogic_epi32::<$function>(b, c, d);
                let sum = _mm512_add_epi32(_mm512_add_epi32(e, k), w[$round % 16]);
                let next = _mm512_add_epi32(_mm512_rol_epi32::<5>(a), function);
                (e, d, c, b) = (d, c, _mm512_rol_epi32::<30>(b), a);
                a = _mm512_add_epi32(sum, next);
            )*
        };
    }
    // Each function of three bits is a table of eight: choose, parity, majority.
    rounds!(0xca 0x5a82_7999: 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19);
    rounds!(0x96 0x6ed9_eba1: 20 21 22 23 24 25 26 27 28 29 30 31 32 33 34 35 36 37 38 39);
    rounds!(0xe8 -0x70e4_4324: 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56 57 58 59);
    rounds!(0x96 -0x359d_3e2a: 60 61 62 63 64 65 66 67 68 69 70 71 72 73 74 75 76 77 78 79);
    for (before, after) in state.iter_mut().zip([a, b, c, d, e]) {
        *before = _mm512_add_epi32(*before, after);
    }
}
