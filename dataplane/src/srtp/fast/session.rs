//! One session's keys as the vector units want them, in eight cache lines.

use std::arch::x86_64::*;

use zeroize::Zeroize;

use super::super::derive::SessionKeys;
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

    /// The round keys.
    pub(super) fn rounds(&self) -> &[[u8; 16]; 15] {
        self.blocks.last_chunk().expect("15 blocks are there")
    }

    /// The power of the hash key by which the last block is multiplied, after so many others.
    pub(super) const fn power(&self, others: usize) -> &[u8; 16] {
        &self.blocks[POWERS - 1 - others]
    }

    /// The powers, falling to the first. Behind them lies something else, by which zeros may be
    /// multiplied where a register is not full.
    pub(super) const fn powers(&self) -> &[[u8; 16]; POWERS + 15] {
        &self.blocks
    }

    /// The states of both hashes, the salt, and zeros.
    #[target_feature(enable = "avx512f")]
    pub(super) fn line(&self) -> __m512i {
        let first: *const Self = self;
        // SAFETY: the reference vouches for more than 64 bytes, which are aligned.
        unsafe { _mm512_load_si512(first.cast()) }
    }

    /// The salt of counter mode, or, but for its last two bytes, of GCM.
    pub(super) fn salt(&self) -> &[u8; 14] {
        self.salt.first_chunk().expect("16 bytes")
    }

    /// Asks for what counter mode and HMAC, or GCM, will want.
    pub(super) fn prefetch(&self) {
        let first: *const Self = self;
        for line in 0..size_of::<Self>() / 64 {
            let line = first.cast::<i8>().wrapping_add(64 * line);
            // SAFETY: each x86-64 has SSE, and a hint touches no memory.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(line) };
        }
    }
}

/// A round key, or a power.
#[target_feature(enable = "sse2")]
pub(super) fn load(block: &[u8; 16]) -> __m128i {
    // SAFETY: the reference vouches for 16 bytes, and the load needs no alignment.
    unsafe { _mm_loadu_si128(block.as_ptr().cast()) }
}

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
    }
}
