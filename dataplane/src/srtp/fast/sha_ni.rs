//! HMAC-SHA1 by SHA-NI, several packets in step: one hash alone waits for its own results.
//!
//! SHA-NI has no VEX forms. Where the upper halves of vector registers are in use, each of its
//! instructions costs a hundred cycles on some processors, so that callers clear them before.

use std::arch::x86_64::*;

use super::super::hmac::{INITIAL, INNER_PAD, OUTER_PAD, digest, key_block, last_of_outer, tail};
use super::super::job::sha1_blocks;
use super::session::Session;

/// Bytes that HMAC-SHA1 gives us: the longest tag is shorter.
pub(super) type Digest = [u8; 16];

/// What is hashed of one packet: its bytes, and the four that follow them but are not sent.
#[derive(Clone, Copy)]
pub(super) struct Message<'b> {
    pub(super) session: &'b Session,
    pub(super) bytes: &'b [u8],
    pub(super) trailer: [u8; 4],
}

/// SHA-1 after the first block of both hashes of an HMAC (RFC 2104 §4).
#[target_feature(enable = "sha,ssse3,sse4.1")]
pub(super) fn midstates(key: &[u8; 20]) -> ([u32; 5], [u32; 5]) {
    let after = |pad: u8| {
        let mut state = [INITIAL];
        compress(&mut state, [&key_block(key, pad)]);
        state[0]
    };
    (after(INNER_PAD), after(OUTER_PAD))
}

/// The tags of packets with equally many blocks.
#[target_feature(enable = "sha,ssse3,sse4.1")]
pub(super) fn hmac<const N: usize>(messages: &[Message<'_>; N]) -> [Digest; N] {
    let mut state = [[0; 5]; N];
    let mut whole = usize::MAX;
    for (state, message) in state.iter_mut().zip(messages) {
        *state = message.session.inner;
        whole = whole.min(message.bytes.len() / 64);
    }
    let mut given: [&[u8; 64]; N] = [&[0; 64]; N];
    for number in 0..whole {
        for (given, message) in given.iter_mut().zip(messages) {
            let block = message.bytes[64 * number..].first_chunk();
            *given = block.expect("no message ends before this block does");
        }
        compress(&mut state, given);
    }
    for number in whole..sha1_blocks(messages[0].bytes.len()) {
        let mut tails = [[0; 64]; N];
        for (out, message) in tails.iter_mut().zip(messages) {
            tail(message.bytes, message.trailer, number, out);
        }
        compress(&mut state, tails.each_ref());
    }
    let mut last = [[0; 64]; N];
    for ((state, out), message) in state.iter_mut().zip(&mut last).zip(messages) {
        last_of_outer(state, out);
        *state = message.session.outer;
    }
    compress(&mut state, last.each_ref());
    let mut digests = [[0; 16]; N];
    for (out, state) in digests.iter_mut().zip(&state) {
        *out = digest(state);
    }
    digests
}

/// SHA-1's compression of one block each into N states.
#[inline]
#[target_feature(enable = "sha,ssse3,sse4.1")]
fn compress<const N: usize>(state: &mut [[u32; 5]; N], blocks: [&[u8; 64]; N]) {
    let swap = _mm_set_epi64x(0x0001_0203_0405_0607, 0x0809_0a0b_0c0d_0e0f);
    let zero = _mm_setzero_si128();
    let (mut abcd, mut e) = ([zero; N], [zero; N]);
    let mut words = [[zero; 4]; N];
    for lane in 0..N {
        let [a, b, c, d, last] = state[lane];
        abcd[lane] = _mm_set_epi32(
            a.cast_signed(),
            b.cast_signed(),
            c.cast_signed(),
            d.cast_signed(),
        );
        e[lane] = _mm_set_epi32(last.cast_signed(), 0, 0, 0);
        for (word, bytes) in words[lane].iter_mut().zip(blocks[lane].as_chunks().0) {
            *word = _mm_shuffle_epi8(super::session::load(bytes), swap);
        }
    }
    let (abcd_before, e_before) = (abcd, e);
    let mut after = [zero; N];
    macro_rules! four_rounds {
        ($function:literal: $($step:literal)*) => {$(
            for lane in 0..N {
                let w = &mut words[lane];
                if $step >= 4 {
                    let mixed = _mm_sha1msg1_epu32(w[$step % 4], w[($step + 1) % 4]);
                    let mixed = _mm_xor_si128(mixed, w[($step + 2) % 4]);
                    w[$step % 4] = _mm_sha1msg2_epu32(mixed, w[($step + 3) % 4]);
                }
                let input = if $step == 0 {
                    _mm_add_epi32(e[lane], w[0])
                } else {
                    _mm_sha1nexte_epu32(after[lane], w[$step % 4])
                };
                after[lane] = abcd[lane];
                abcd[lane] = _mm_sha1rnds4_epu32::<$function>(abcd[lane], input);
            }
        )*};
    }
    four_rounds!(0: 0 1 2 3 4);
    four_rounds!(1: 5 6 7 8 9);
    four_rounds!(2: 10 11 12 13 14);
    four_rounds!(3: 15 16 17 18 19);
    for lane in 0..N {
        let abcd = _mm_add_epi32(abcd[lane], abcd_before[lane]);
        let e = _mm_sha1nexte_epu32(after[lane], e_before[lane]);
        state[lane] = [
            _mm_extract_epi32::<3>(abcd).cast_unsigned(),
            _mm_extract_epi32::<2>(abcd).cast_unsigned(),
            _mm_extract_epi32::<1>(abcd).cast_unsigned(),
            _mm_extract_epi32::<0>(abcd).cast_unsigned(),
            _mm_extract_epi32::<3>(e).cast_unsigned(),
        ];
    }
}
