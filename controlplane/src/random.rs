//! Random numbers, identifiers and secrets.
//!
//! Numbers and identifiers come from one seed, which the event loop takes from the operating
//! system and a test chooses. Secrets come from the operating system itself, unless a test wants
//! them to be the same in each run.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};

/// A cryptographically strong generator. The same seed gives the same run.
#[derive(Clone, Debug)]
pub struct Random {
    numbers: ChaCha20Rng,
    secrets: Secrets,
}

/// Where secrets come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Secrets {
    System,
    Seed,
}

impl Random {
    /// A generator from 32 bytes, secrets included: for runs that are to be repeated.
    pub fn new(seed: [u8; 32]) -> Self {
        Self {
            numbers: ChaCha20Rng::from_seed(seed),
            secrets: Secrets::Seed,
        }
    }

    /// A generator from the operating system's entropy, whose secrets are the system's own.
    ///
    /// # Errors
    /// If the system has none.
    pub fn system() -> std::io::Result<Self> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(std::io::Error::other)?;
        Ok(Self {
            secrets: Secrets::System,
            ..Self::new(seed)
        })
    }

    /// A generator of its own for a machine further down.
    pub fn fork(&mut self) -> Self {
        let mut seed = [0; 32];
        self.numbers.fill_bytes(&mut seed);
        Self {
            secrets: self.secrets,
            ..Self::new(seed)
        }
    }

    /// Fills `bytes` with what nobody can guess: for keys.
    pub fn secret(&mut self, bytes: &mut [u8]) {
        match self.secrets {
            Secrets::System => {
                getrandom::fill(bytes).expect("the system's generator has been asked before");
            }
            Secrets::Seed => self.numbers.fill_bytes(bytes),
        }
    }

    /// Any 32-bit number.
    pub fn u32(&mut self) -> u32 {
        self.numbers.next_u32()
    }

    /// Any 64-bit number.
    pub fn u64(&mut self) -> u64 {
        self.numbers.next_u64()
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
        self.numbers.fill_bytes(&mut bytes);
        bytes[6] = bytes[6] & 0x0f | 0x40;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        bytes
    }

    /// An RTCP canonical name of 96 random bits (RFC 7022 §4.2).
    pub fn cname(&mut self) -> String {
        let mut bytes = [0; 12];
        self.numbers.fill_bytes(&mut bytes);
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

    #[test]
    fn the_systems_secrets_are_never_the_same() {
        let secret = |random: &mut Random| {
            let mut bytes = [0; 16];
            random.secret(&mut bytes);
            bytes
        };
        let mut system = Random::system().unwrap();
        let mut fork = system.clone().fork();
        let twice = [secret(&mut system), secret(&mut system)];
        assert_ne!(twice[0], twice[1]);
        assert!(!twice.contains(&secret(&mut fork)));
        let (mut a, mut b) = (Random::new([7; 32]), Random::new([7; 32]));
        assert_eq!(secret(&mut a), secret(&mut b));
    }
}
