//! GHASH (NIST SP 800-38D §6.4) by carry-less multiplication, and GCM with AES-NI.
//!
//! Blocks are held byte-reversed. Hash keys are held multiplied by x, so that the product of two
//! such polynomials needs no shift (Gueron and Kounavis, "Intel Carry-Less Multiplication
//! Instruction and its Usage for Computing the GCM Mode", 2010).

use std::arch::x86_64::*;

use super::super::portable::gcm_iv;
use super::aes_ni;
use super::session::{POWERS, Session, load, store};

/// A product of 256 bits before it is reduced.
#[derive(Clone, Copy)]
pub(super) struct Product {
    pub(super) low: __m128i,
    pub(super) middle: __m128i,
    pub(super) high: __m128i,
}

/// The powers of the hash key, which is the encryption of zero; the first power is the last.
#[target_feature(enable = "aes,pclmulqdq,ssse3,sse4.1")]
pub(super) fn powers<const R: usize>(rounds: &[[u8; 16]; 15]) -> [[u8; 16]; POWERS] {
    let [encrypted] = aes_ni::encrypt::<R, 1>(rounds, [_mm_setzero_si128()]);
    let mut bytes = [0; 16];
    store(&mut bytes, encrypted);
    let key = u128::from_be_bytes(bytes);
    // Times x, without a branch on the secret.
    let carry = 0u128.wrapping_sub(key >> 127);
    let key = key << 1 ^ carry & 0xc200_0000_0000_0000_0000_0000_0000_0001;
    let key = load(&key.to_le_bytes());
    let mut power = key;
    let mut powers = [[0; 16]; POWERS];
    for out in powers.iter_mut().rev() {
        store(out, power);
        power = reduce(multiply(power, key));
    }
    powers
}

#[inline]
#[target_feature(enable = "pclmulqdq,sse2")]
pub(super) fn multiply(a: __m128i, b: __m128i) -> Product {
    let one = _mm_clmulepi64_si128::<0x01>(a, b);
    let other = _mm_clmulepi64_si128::<0x10>(a, b);
    Product {
        low: _mm_clmulepi64_si128::<0x00>(a, b),
        middle: _mm_xor_si128(one, other),
        high: _mm_clmulepi64_si128::<0x11>(a, b),
    }
}

/// Modulo x^128 + x^127 + x^126 + x^121 + 1, in two steps of 64 bits.
#[inline]
#[target_feature(enable = "pclmulqdq,sse2")]
pub(super) fn reduce(product: Product) -> __m128i {
    let polynomial = _mm_set_epi64x(0xc200_0000_0000_0000_u64.cast_signed(), 1);
    let folded = _mm_clmulepi64_si128::<0x01>(polynomial, product.low);
    let low = _mm_shuffle_epi32::<0x4e>(product.low);
    let middle = _mm_xor_si128(product.middle, _mm_xor_si128(low, folded));
    let folded = _mm_clmulepi64_si128::<0x01>(polynomial, middle);
    let middle = _mm_shuffle_epi32::<0x4e>(middle);
    _mm_xor_si128(product.high, _mm_xor_si128(middle, folded))
}

#[inline]
#[target_feature(enable = "sse2,ssse3")]
pub(super) fn reverse(block: __m128i) -> __m128i {
    let order = _mm_set_epi64x(0x0001_0203_0405_0607, 0x0809_0a0b_0c0d_0e0f);
    _mm_shuffle_epi8(block, order)
}

/// The block that says how long the associated data and the text are.
#[inline]
#[target_feature(enable = "sse2")]
pub(super) fn lengths(clear: usize, body: usize) -> __m128i {
    // As it is hashed: byte-reversed.
    _mm_set_epi64x(8 * clear as i64, 8 * body as i64)
}

/// A sum of blocks times powers of the hash key, at most [`POWERS`] to a reduction.
struct Hash<'s> {
    session: &'s Session,
    sum: __m128i,
}

impl Hash<'_> {
    /// Takes blocks in; the last may be short.
    #[target_feature(enable = "pclmulqdq,ssse3,sse4.1")]
    fn push(&mut self, bytes: &[u8]) {
        for part in bytes.chunks(16 * POWERS) {
            let blocks = part.len().div_ceil(16);
            let powers = &self.session.powers()[POWERS - blocks..];
            let zero = _mm_setzero_si128();
            let (mut low, mut middle, mut high) = (zero, zero, zero);
            let mut carry = self.sum;
            for (block, power) in part.chunks(16).zip(powers) {
                let value = match block.first_chunk() {
                    Some(block) => load(block),
                    None => {
                        let mut padded = [0; 16];
                        padded[..block.len()].copy_from_slice(block);
                        load(&padded)
                    }
                };
                let product = multiply(_mm_xor_si128(reverse(value), carry), load(power));
                carry = zero;
                low = _mm_xor_si128(low, product.low);
                middle = _mm_xor_si128(middle, product.middle);
                high = _mm_xor_si128(high, product.high);
            }
            self.sum = reduce(Product { low, middle, high });
        }
    }
}

/// The first counter of a packet, whose keystream masks the tag (SP 800-38D §7.1).
pub(super) fn first_counter(session: &Session, nonce: super::Nonce) -> [u8; 16] {
    let mut counter = [0; 16];
    counter[..12].copy_from_slice(&gcm_iv(session.salt(), nonce));
    counter[15] = 1;
    counter
}

/// The tag of a packet whose body is encrypted.
#[target_feature(enable = "aes,pclmulqdq,ssse3,sse4.1")]
pub(super) fn tag<const R: usize>(
    session: &Session,
    counter: &[u8; 16],
    clear: &[u8],
    body: &[u8],
) -> [u8; 16] {
    let mut hash = Hash {
        session,
        sum: _mm_setzero_si128(),
    };
    hash.push(clear);
    hash.push(body);
    let last = _mm_xor_si128(hash.sum, lengths(clear.len(), body.len()));
    let sum = reduce(multiply(last, load(session.power(0))));
    let [mask] = aes_ni::encrypt::<R, 1>(session.rounds(), [load(counter)]);
    let mut tag = [0; 16];
    store(&mut tag, _mm_xor_si128(reverse(sum), mask));
    tag
}

/// XORs a packet's body with its keystream.
#[target_feature(enable = "aes,ssse3,sse4.1")]
pub(super) fn crypt<const R: usize>(session: &Session, counter: &[u8; 16], body: &mut [u8]) {
    let mut start = *counter;
    start[15] = 2;
    aes_ni::crypt::<R>(session.rounds(), &start, body);
}
