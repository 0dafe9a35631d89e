//! GCM by VAES and VPCLMULQDQ: twelve blocks are encrypted, or hashed, without a loop.
//!
//! Encryption and hash are functions of their own. Called for several packets in turn, each leaves
//! the processor room to work on some of them at once; one packet after the other would not.

use std::arch::x86_64::*;

use super::ghash::{Product, lengths, multiply, reduce, reverse};
use super::session::{POWERS, Session, load as load_block, store as store_block};
use super::vaes::{counters, encrypt};
use super::vector::{fold, load, load_four, store};

/// XORs a body with its keystream, and returns the block that masks the tag.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,vaes")]
pub(super) fn crypt<const R: usize>(
    session: &Session,
    counter: __m128i,
    body: &mut [u8],
) -> __m128i {
    let base = _mm512_broadcast_i32x4(counter);
    let (mut rest, mut count) = (body, 2);
    while rest.len() >= 192 {
        let (now, after) = rest.split_at_mut(192);
        step::<R, 3, false>(session, base, count, now);
        count += 12;
        rest = after;
    }
    // The mask takes the last place of the last register: one more than the body's blocks.
    match rest.len().div_ceil(16) {
        0..=3 => step::<R, 1, true>(session, base, count, rest),
        4..=7 => step::<R, 2, true>(session, base, count, rest),
        8..=11 => step::<R, 3, true>(session, base, count, rest),
        _ => step::<R, 4, true>(session, base, count, rest),
    }
}

/// XORs up to V registers; of the last step, the last block is the first counter's.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,vaes")]
fn step<const R: usize, const V: usize, const LAST: bool>(
    session: &Session,
    base: __m512i,
    count: u32,
    data: &mut [u8],
) -> __m128i {
    let mut blocks = [base; V];
    for (place, block) in blocks.iter_mut().enumerate() {
        let mut counts = counters(count + 4 * place as u32);
        if LAST && place == V - 1 {
            let first = _mm_set_epi32(1 << 24, 0, 0, 0);
            counts = _mm512_inserti32x4::<3>(counts, first);
        }
        *block = _mm512_xor_si512(base, counts);
    }
    let stream = encrypt::<R, V>(session.rounds(), blocks);
    let mut rest = data;
    for key in stream {
        let (now, after) = rest.split_at_mut(rest.len().min(64));
        rest = after;
        if !now.is_empty() {
            let text = _mm512_xor_si512(load(now), key);
            store(now, text);
        }
    }
    _mm512_extracti32x4_epi32::<3>(stream[V - 1])
}

/// The first counter's block, which masks the tag (NIST SP 800-38D §7.1).
#[inline]
#[target_feature(enable = "aes,sse2")]
pub(super) fn mask<const R: usize>(session: &Session, counter: __m128i) -> __m128i {
    let first = _mm_xor_si128(counter, _mm_set_epi32(1 << 24, 0, 0, 0));
    let [mask] = super::aes_ni::encrypt::<R, 1>(session.rounds(), [first]);
    mask
}

/// The tag of a packet whose body is encrypted.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,vpclmulqdq,pclmulqdq,ssse3,sse4.1")]
pub(super) fn tag(session: &Session, clear: &[u8], body: &[u8], mask: __m128i) -> [u8; 16] {
    let mut state = State {
        session,
        before: head(session, clear),
        sum: _mm_setzero_si128(),
        left: body.len().div_ceil(16) + 2,
        lengths: lengths(clear.len(), body.len()),
    };
    let mut rest = body;
    while state.left > POWERS {
        let (now, after) = rest.split_at(rest.len().min(16 * POWERS));
        state.step::<3, false>(now);
        rest = after;
    }
    match state.left.div_ceil(4) {
        1 => state.step::<1, true>(rest),
        2 => state.step::<2, true>(rest),
        _ => state.step::<3, true>(rest),
    }
    let mut tag = [0; 16];
    store_block(&mut tag, _mm_xor_si128(reverse(state.sum), mask));
    tag
}

/// A hash on its way: the last block of what is clear, the body's, and the lengths.
struct State<'s> {
    session: &'s Session,
    /// The four blocks before the next; before the body, the clear block in the last place.
    before: __m512i,
    /// What was hashed so far.
    sum: __m128i,
    /// Blocks that are still to be hashed.
    left: usize,
    lengths: __m128i,
}

/// The clear bytes' last block, in the last place, together with the hash of those before it.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,pclmulqdq,ssse3,sse4.1")]
fn head(session: &Session, clear: &[u8]) -> __m512i {
    let mut sum = _mm_setzero_si128();
    let mut rest = clear;
    while rest.len() > 16 {
        let block = _mm512_castsi512_si128(load(&rest[..16]));
        let input = _mm_xor_si128(reverse(block), sum);
        sum = reduce(multiply(input, load_block(session.power(0))));
        rest = &rest[16..];
    }
    let block = _mm512_castsi512_si128(load(rest));
    _mm512_broadcast_i32x4(_mm_xor_si128(block, reverse(sum)))
}

impl State<'_> {
    /// Hashes up to twelve blocks with one reduction. Data lies one block behind what is hashed.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,vpclmulqdq,pclmulqdq,ssse3,sse4.1")]
    fn step<const V: usize, const LAST: bool>(&mut self, data: &[u8]) {
        let order = _mm_set_epi64x(0x0001_0203_0405_0607, 0x0809_0a0b_0c0d_0e0f);
        let order = _mm512_broadcast_i32x4(order);
        let power = POWERS - self.left.min(POWERS);
        let zero = _mm512_setzero_si512();
        let (mut low, mut middle, mut high) = (zero, zero, zero);
        let mut rest = data;
        for place in 0..V {
            let (now, after) = rest.split_at(rest.len().min(64));
            rest = after;
            let text = load(now);
            let shifted = _mm512_alignr_epi64::<6>(text, self.before);
            self.before = text;
            let mut hashed = _mm512_shuffle_epi8(shifted, order);
            if place == 0 {
                hashed = _mm512_xor_si512(hashed, _mm512_zextsi128_si512(self.sum));
            }
            if LAST && place == V - 1 {
                let lane = 0b11 << (2 * ((self.left - 1) % 4));
                let lengths = _mm512_maskz_broadcast_i64x2(lane, self.lengths);
                hashed = _mm512_xor_si512(hashed, lengths);
            }
            let keys = load_four(self.session.powers(), power + 4 * place);
            low = _mm512_xor_si512(low, _mm512_clmulepi64_epi128::<0x00>(hashed, keys));
            let one = _mm512_clmulepi64_epi128::<0x01>(hashed, keys);
            let other = _mm512_clmulepi64_epi128::<0x10>(hashed, keys);
            middle = _mm512_ternarylogic_epi64::<0x96>(middle, one, other);
            high = _mm512_xor_si512(high, _mm512_clmulepi64_epi128::<0x11>(hashed, keys));
        }
        self.left -= self.left.min(POWERS);
        self.sum = reduce(Product {
            low: fold(low),
            middle: fold(middle),
            high: fold(high),
        });
    }
}
