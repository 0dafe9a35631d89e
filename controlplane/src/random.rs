//! Random numbers and identifiers from one seed, which the event loop takes from the operating
//! system and a test chooses.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};

/// A cryptographically strong generator. The same seed gives the same run.
#[derive(Clone, Debug)]
pub struct Random(ChaCha20Rng);

impl Random {
    /// A generator from 32 bytes of entropy.
    pub fn new(seed: [u8; 32]) -> Self {
        Self(ChaCha20Rng::from_seed(seed))
    }

    /// A generator of its own for a machine further down.
    pub fn fork(&mut self) -> Self {
        let mut seed = [0; 32];
        self.0.fill_bytes(&mut seed);
        Self::new(seed)
    }

    /// Any 32-bit number.
    pub fn u32(&mut self) -> u32 {
        self.0.next_u32()
    }

    /// Any 64-bit number.
    pub fn u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number below `limit`, which is not zero.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.u64() % limit
    }

    /// A token of `len` characters from `0-9a-f`: tags, branches, Call-IDs, boundaries.
    pub fn token(&mut self, len: usize) -> String {
        (0..len)
            .map(|_| char::from_digit(self.u32() & 15, 16).expect("a digit below 16"))
            .collect()
    }

    /// A version 4 UUID (RFC 4122 §4.4), as its 16 bytes.
    pub fn uuid(&mut self) -> [u8; 16] {
        let mut bytes = [0; 16];
        self.0.fill_bytes(&mut bytes);
        bytes[6] = bytes[6] & 0x0f | 0x40;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        bytes
    }

    /// An RTCP canonical name of 96 random bits (RFC 7022 §4.2).
    pub fn cname(&mut self) -> String {
        let mut bytes = [0; 12];
        self.0.fill_bytes(&mut bytes);
        STANDARD.encode(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_run() {
        let (mut a, mut b) = (Random::new([7; 32]), Random::new([7; 32]));
        assert_eq!(a.token(20), b.token(20));
        assert_eq!(a.fork().u64(), b.fork().u64());
        assert_eq!(a.uuid()[6] >> 4, 4);
        assert_eq!(b.cname().len(), 16);
    }
}
