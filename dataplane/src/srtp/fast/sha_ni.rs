//! HMAC-SHA1 by SHA-NI, several packets in step: one hash alone waits for its own results.
//!
//! SHA-NI has no VEX forms. Where the upper halves of vector registers are in use, each of its
//! instructions costs a hundred cycles on some processors, so that callers clear them before.

use std::arch::x86_64::*;

use super::session::Session;

/// FIPS 180-4 §5.3.1.
const INITIAL: [u32; 5] = [
    0x6745_2301,
    0xefcd_ab89,
    0x98ba_dcfe,
    0x1032_5476,
    0xc3d2_e1f0,
];

/// Bytes that HMAC-SHA1 gives us: the longest tag is shorter.
pub(super) type Digest = [u8; 16];

/// What is hashed of one packet: its bytes, and the four that follow them but are not sent.
#[derive(Clone, Copy)]
pub(super) struct Message<'b> {
    pub(super) session: &'b Session,
    pub(super) bytes: &'b [u8],
    pub(super) trailer: [u8; 4],
}

/// Blocks of SHA-1 for so many bytes and the four that follow them.
pub(super) const fn blocks(len: usize) -> usize {
    (len + 4 + 1 + 8).div_ceil(64)
}

/// SHA-1 after the first block of both hashes of an HMAC (RFC 2104 §4).
#[target_feature(enable = "sha,ssse3,sse4.1")]
pub(super) fn midstates(key: &[u8; 20]) -> ([u32; 5], [u32; 5]) {
    let after = |pad: u8| {
        let mut block = [pad; 64];
        for (byte, key) in block.iter_mut().zip(key) {
            *byte ^= key;
        }
        let mut state = [INITIAL];
        compress(&mut state, [&block]);
        state[0]
    };
    (after(0x36), after(0x5c))
}

/// The tags of packets with equally many blocks.
#[target_feature(enable = "sha,ssse3,sse4.1")]
pub(super) fn hmac<const N: usize>(messages: [Message<'_>; N]) -> [Digest; N] {
    let mut state = messages.map(|message| message.session.inner);
    let shortest = messages
        .iter()
        .map(|message| message.bytes.len() / 64)
        .min();
    let whole = shortest.unwrap_or(0);
    for number in 0..whole {
        let block = |message: Message<'_>| {
            let block = message.bytes[64 * number..].first_chunk();
            *block.expect("no message ends before this block does")
        };
        let blocks: [[u8; 64]; N] = messages.map(block);
        compress(&mut state, blocks.each_ref());
    }
    for number in whole..blocks(messages[0].bytes.len()) {
        let tails = messages.map(|message| tail(&message, number));
        compress(&mut state, tails.each_ref());
    }
    let inner = state.map(|state| last_of_outer(&state));
    state = messages.map(|message| message.session.outer);
    compress(&mut state, inner.each_ref());
    state.map(|state| digest(&state))
}

/// Block `number` of a message near its end, with trailer and padding (FIPS 180-4 §5.1.1).
fn tail(message: &Message<'_>, number: usize) -> [u8; 64] {
    let mut block = [0; 64];
    let len = message.bytes.len();
    let start = 64 * number;
    let bytes = message.bytes.get(start..).unwrap_or_default();
    let bytes = &bytes[..bytes.len().min(64)];
    block[..bytes.len()].copy_from_slice(bytes);
    let [a, b, c, d] = message.trailer;
    for (place, byte) in (len..).zip([a, b, c, d, 0x80]) {
        if let Some(at) = place.checked_sub(start)
            && let Some(out) = block.get_mut(at)
        {
            *out = byte;
        }
    }
    if number + 1 == blocks(len) {
        block[56..].copy_from_slice(&(8 * (64 + len as u64 + 4)).to_be_bytes());
    }
    block
}

/// The outer hash's last block: the inner digest, padded.
fn last_of_outer(inner: &[u32; 5]) -> [u8; 64] {
    let mut block = [0; 64];
    for (out, word) in block.as_chunks_mut().0.iter_mut().zip(inner) {
        *out = word.to_be_bytes();
    }
    block[20] = 0x80;
    block[56..].copy_from_slice(&(8u64 * (64 + 20)).to_be_bytes());
    block
}

fn digest(state: &[u32; 5]) -> Digest {
    let mut digest = [0; 16];
    for (out, word) in digest.as_chunks_mut().0.iter_mut().zip(state) {
        *out = word.to_be_bytes();
    }
    digest
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
        let [a, b, c, d, last] = state[lane].map(u32::cast_signed);
        abcd[lane] = _mm_set_epi32(a, b, c, d);
        e[lane] = _mm_set_epi32(last, 0, 0, 0);
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
            _mm_extract_epi32::<3>(abcd),
            _mm_extract_epi32::<2>(abcd),
            _mm_extract_epi32::<1>(abcd),
            _mm_extract_epi32::<0>(abcd),
            _mm_extract_epi32::<3>(e),
        ]
        .map(i32::cast_unsigned);
    }
}
