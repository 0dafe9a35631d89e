//! One session's keys as the vector units want them, in eight cache lines.

use std::arch::x86_64::*;

use zeroize::Zeroize;

use super::super::derive::SessionKeys;
use super::super::portable::Nonce;
use super::super::suite::Cipher;
use super::{aes_ni, ghash, sha_ni};

/// Powers of the hash key that are kept: as many blocks are hashed with one reduction.
pub(super) const POWERS: usize = 12;

/// What a cipher needs of one session.
#[derive(Clone, Zeroize)]
#[repr(C, align(64))]
pub(super) struct Session {
    /// SHA-1 after the key's block of the inner and of the outer hash.
    pub(super) inner: [u32; 5],
    pub(super) outer: [u32; 5],
    /// The salt, and zeros behind it.
    pub(super) salt: [u8; 16],
    reserved: [u32; 2],
    /// Of GCM, the powers of the hash key, the highest first; then the round keys of AES, 11 or 15.
    blocks: [[u8; 16]; POWERS + 15],
}

impl Session {
    /// No keys.
    pub(super) const EMPTY: Self = Self {
        inner: [0; 5],
        outer: [0; 5],
        salt: [0; 16],
        reserved: [0; 2],
        blocks: [[0; 16]; POWERS + 15],
    };

    /// Expands keys.
    #[target_feature(enable = "aes,pclmulqdq,sha,ssse3,sse4.1")]
    pub(super) fn set(&mut self, cipher: Cipher, keys: &SessionKeys) {
        self.zeroize();
        self.salt[..14].copy_from_slice(&keys.salt);
        let rounds = self.blocks.last_chunk_mut().expect("15 blocks are there");
        match cipher {
            Cipher::Cm128 | Cipher::Gcm128 => {
                let key = keys.cipher.first_chunk().expect("32 bytes");
                aes_ni::expand_128(key, rounds);
            }
            Cipher::Cm256 | Cipher::Gcm256 => aes_ni::expand_256(&keys.cipher, rounds),
        }
        match cipher {
            Cipher::Cm128 | Cipher::Cm256 => {
                (self.inner, self.outer) = sha_ni::midstates(&keys.auth);
            }
            Cipher::Gcm128 => self.set_powers(ghash::powers::<11>(self.rounds())),
            Cipher::Gcm256 => self.set_powers(ghash::powers::<15>(self.rounds())),
        }
    }

    fn set_powers(&mut self, powers: [[u8; 16]; POWERS]) {
        self.blocks[..POWERS].copy_from_slice(&powers);
    }

    /// Whether all of it is zero.
    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        let words = self.inner.iter().chain(&self.outer).chain(&self.reserved);
        let bytes = self.blocks.as_flattened().iter().chain(&self.salt);
        words.fold(0, |all, word| all | word) == 0 && bytes.fold(0, |all, byte| all | byte) == 0
    }

    /// The round keys.
    #[inline]
    pub(super) fn rounds(&self) -> &[[u8; 16]; 15] {
        self.blocks.last_chunk().expect("15 blocks are there")
    }

    /// The power of the hash key by which the last block is multiplied, after so many others.
    #[inline]
    pub(super) const fn power(&self, others: usize) -> &[u8; 16] {
        &self.blocks[POWERS - 1 - others]
    }

    /// The powers, falling to the first. Behind them lies something else, by which zeros may be
    /// multiplied where a register is not full.
    #[inline]
    pub(super) const fn powers(&self) -> &[[u8; 16]; POWERS + 15] {
        &self.blocks
    }

    /// The states of both hashes, the salt, and zeros.
    #[inline]
    #[target_feature(enable = "avx512f")]
    pub(super) fn line(&self) -> __m512i {
        let first: *const Self = self;
        // SAFETY: the reference vouches for more than 64 bytes, which are aligned.
        unsafe { _mm512_load_si512(first.cast()) }
    }

    /// The first counter of AES-CM (RFC 3711 §4.1.1): the blocks are counted in its last 16 bits.
    #[inline]
    #[target_feature(enable = "sse2")]
    pub(super) fn cm_counter(&self, nonce: Nonce) -> __m128i {
        let ssrc = u64::from(nonce.ssrc);
        self.salted(ssrc, nonce.index << 16)
    }

    /// The counter of GCM before the first one (RFC 7714 §8.1): its last 32 bits are zero.
    #[inline]
    #[target_feature(enable = "sse2")]
    pub(super) fn gcm_counter(&self, nonce: Nonce) -> __m128i {
        let ssrc = u64::from(nonce.ssrc) << 16;
        self.salted(ssrc | nonce.index >> 32, nonce.index << 32)
    }

    /// A block of two big-endian numbers, XOR the salt. It is put together in registers: what has
    /// just been stored in parts cannot be loaded whole without a delay.
    #[inline]
    #[target_feature(enable = "sse2")]
    fn salted(&self, first: u64, second: u64) -> __m128i {
        let (first, second) = (first.swap_bytes(), second.swap_bytes());
        let place = _mm_set_epi64x(second.cast_signed(), first.cast_signed());
        _mm_xor_si128(load(&self.salt), place)
    }

    /// Asks for what a cipher with R round keys will want.
    #[inline]
    pub(super) fn prefetch<const R: usize, const AEAD: bool>(&self) {
        let first: *const Self = self;
        for line in 0..8 {
            let is_power = (1..4).contains(&line);
            if is_power && !AEAD || line >= 7 && R == 11 {
                continue;
            }
            let line = first.cast::<i8>().wrapping_add(64 * line);
            // SAFETY: each x86-64 has SSE, and a hint touches no memory.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(line) };
        }
    }
}

/// A round key, or a power.
#[inline]
#[target_feature(enable = "sse2")]
pub(super) fn load(block: &[u8; 16]) -> __m128i {
    // SAFETY: the reference vouches for 16 bytes, and the load needs no alignment.
    unsafe { _mm_loadu_si128(block.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "sse2")]
pub(super) fn store(block: &mut [u8; 16], value: __m128i) {
    // SAFETY: the reference vouches for 16 bytes, and the store needs no alignment.
    unsafe { _mm_storeu_si128(block.as_mut_ptr().cast(), value) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_eight_cache_lines() {
        assert_eq!(size_of::<Session>(), 512);
        assert_eq!(std::mem::offset_of!(Session, blocks), 64);
    }
}
