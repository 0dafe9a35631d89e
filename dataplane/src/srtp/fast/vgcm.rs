//! GCM by VAES and VPCLMULQDQ: a packet of 160 bytes is encrypted and hashed without a loop.

use std::arch::x86_64::*;

use super::ghash::{Product, lengths, multiply, reduce, reverse};
use super::session::{POWERS, Session, store as store_block};
use super::vaes::{counters, encrypt};
use super::vector::{broadcast, fold, load, load_four, store};

/// Whether the body is text to be encrypted, or was encrypted.
const SEAL: bool = true;
const OPEN: bool = false;

/// A packet on its way: everything is four blocks a register.
struct State<'s> {
    session: &'s Session,
    base: __m512i,
    /// Blocks that are hashed: the last of what is clear, the body's, and the lengths.
    hashed: usize,
    /// The four encrypted blocks before the present ones, or what is clear, in the last place.
    before: __m512i,
    /// What was hashed so far.
    sum: __m128i,
    lengths: __m128i,
    /// The keystream that masks the tag.
    mask: __m128i,
    blocks: usize,
}

/// Encrypts the body and returns the tag.
#[target_feature(
    enable = "avx512f,avx512bw,avx512dq,avx512vl,vaes,vpclmulqdq,aes,pclmulqdq,ssse3,sse4.1"
)]
pub(super) fn seal<const R: usize>(
    session: &Session,
    counter: &[u8; 16],
    clear: &[u8],
    body: &mut [u8],
) -> [u8; 16] {
    work::<R, SEAL>(session, counter, clear, body)
}

/// Decrypts the body and returns the tag that it should have.
#[target_feature(
    enable = "avx512f,avx512bw,avx512dq,avx512vl,vaes,vpclmulqdq,aes,pclmulqdq,ssse3,sse4.1"
)]
pub(super) fn open<const R: usize>(
    session: &Session,
    counter: &[u8; 16],
    clear: &[u8],
    body: &mut [u8],
) -> [u8; 16] {
    work::<R, OPEN>(session, counter, clear, body)
}

#[inline]
#[target_feature(
    enable = "avx512f,avx512bw,avx512dq,avx512vl,vaes,vpclmulqdq,aes,pclmulqdq,ssse3,sse4.1"
)]
fn work<const R: usize, const SEALS: bool>(
    session: &Session,
    counter: &[u8; 16],
    clear: &[u8],
    body: &mut [u8],
) -> [u8; 16] {
    let mut zero_count = *counter;
    zero_count[15] = 0;
    let blocks = body.len().div_ceil(16);
    let mut state = State {
        session,
        base: broadcast(&zero_count),
        hashed: blocks + 2,
        before: head(session, clear),
        sum: _mm_setzero_si128(),
        lengths: lengths(clear.len(), body.len()),
        mask: _mm_setzero_si128(),
        blocks,
    };
    // Registers are left that are full of hashed blocks, or of keystream.
    let mut registers = state.hashed.div_ceil(4);
    let (mut rest, mut number) = (body, 0);
    loop {
        let (now, after) = rest.split_at_mut(rest.len().min(192));
        match registers {
            1 => state.step::<R, 1, SEALS>(number, now),
            2 => state.step::<R, 2, SEALS>(number, now),
            _ => state.step::<R, 3, SEALS>(number, now),
        }
        if registers <= 3 {
            break;
        }
        registers -= 3;
        number += 3;
        rest = after;
    }
    let mut tag = [0; 16];
    store_block(&mut tag, _mm_xor_si128(reverse(state.sum), state.mask));
    tag
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
        let key = super::session::load(session.power(0));
        sum = reduce(multiply(input, key));
        rest = &rest[16..];
    }
    let block = _mm512_castsi512_si128(load(rest));
    _mm512_broadcast_i32x4(_mm_xor_si128(block, reverse(sum)))
}

impl State<'_> {
    /// Works on up to twelve blocks from register `number` on, with one reduction.
    #[inline]
    #[target_feature(
        enable = "avx512f,avx512bw,avx512dq,avx512vl,vaes,vpclmulqdq,aes,pclmulqdq,ssse3,sse4.1"
    )]
    fn step<const R: usize, const V: usize, const SEALS: bool>(
        &mut self,
        number: usize,
        data: &mut [u8],
    ) {
        let stream = encrypt::<R, V>(self.session.rounds(), self.counters::<V>(number));
        let swap =
            _mm512_broadcast_i32x4(_mm_set_epi64x(0x0001_0203_0405_0607, 0x0809_0a0b_0c0d_0e0f));
        let left = self.hashed - 4 * number;
        let power = POWERS - left.min(POWERS);
        let zero = _mm512_setzero_si512();
        let (mut low, mut middle, mut high) = (zero, zero, zero);
        let mut rest = data;
        for (place, key) in stream.into_iter().enumerate() {
            if number + place == self.blocks / 4 {
                let lane = 0b11 << (2 * (self.blocks % 4));
                self.mask = _mm512_castsi512_si128(_mm512_maskz_compress_epi64(lane, key));
            }
            let (now, after) = rest.split_at_mut(rest.len().min(64));
            rest = after;
            let given = load(now);
            let made = _mm512_xor_si512(given, key);
            store(now, made);
            let sealed = if SEALS {
                let text = super::vector::first(now.len());
                _mm512_maskz_mov_epi8(text, made)
            } else {
                given
            };
            let hashed = _mm512_alignr_epi64::<6>(sealed, self.before);
            self.before = sealed;
            let mut hashed = _mm512_shuffle_epi8(hashed, swap);
            if place == 0 {
                let sum = _mm512_zextsi128_si512(self.sum);
                hashed = _mm512_xor_si512(hashed, sum);
            }
            let last = self.hashed - 1;
            if number + place == last / 4 {
                let lane = 0b11 << (2 * (last % 4));
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
        self.sum = reduce(Product {
            low: fold(low),
            middle: fold(middle),
            high: fold(high),
        });
    }

    /// Counters from two on, and behind the body's the first one, which masks the tag.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw")]
    fn counters<const V: usize>(&self, number: usize) -> [__m512i; V] {
        let mut blocks = [self.base; V];
        for (place, block) in blocks.iter_mut().enumerate() {
            let number = number + place;
            let mut counts = counters(4 * number as u32 + 2);
            if number == self.blocks / 4 {
                let lane = 0b11 << (2 * (self.blocks % 4));
                let one = _mm512_set4_epi32(1 << 24, 0, 0, 0);
                counts = _mm512_mask_mov_epi64(counts, lane, one);
            }
            *block = _mm512_xor_si512(self.base, counts);
        }
        blocks
    }
}
