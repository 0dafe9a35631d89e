//! Which keys were in use already.
//!
//! A sender that begins anew with old keys would encrypt two packets with one keystream, which
//! gives both away (RFC 3711 §9.1). Whatever the order of commands, the second opening is refused.

use sha1::{Digest, Sha1};

use super::keys::Keys;

/// Enough of a hash of a key to know it again; says nothing about it. Never zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fingerprint(u64);

/// The newest keys of a table of senders: eight for each of its places, the oldest forgotten.
#[derive(Debug)]
pub(super) struct Spent {
    sets: Box<[Set]>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Set {
    prints: [u64; 8],
    next: u8,
}

impl Fingerprint {
    pub(super) fn of(keys: &Keys) -> Self {
        let mut hash = Sha1::new();
        hash.update(keys.suite().name());
        hash.update(keys.master_key());
        hash.update(keys.master_salt());
        let [a, b, c, d, e, f, g, h, ..]: [u8; 20] = hash.finalize().into();
        Self(u64::from_be_bytes([a, b, c, d, e, f, g, h]).max(1))
    }
}

impl Spent {
    pub(super) fn new(places: usize) -> Self {
        let sets = places.next_power_of_two().max(64);
        Self {
            sets: vec![Set::default(); sets].into_boxed_slice(),
        }
    }

    /// Notes keys, and returns whether they are new.
    pub(super) fn insert(&mut self, print: Fingerprint) -> bool {
        let sets = self.sets.len();
        let set = &mut self.sets[print.0 as usize % sets];
        if set.prints.contains(&print.0) {
            return false;
        }
        set.prints[usize::from(set.next)] = print.0;
        set.next = (set.next + 1) % set.prints.len() as u8;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::srtp::suite::Suite;

    #[test]
    fn keys_are_known_again() {
        let mut spent = Spent::new(10);
        for byte in 0..100 {
            let keys = Keys::new(Suite::AeadAes128Gcm, &[byte; 28]).unwrap();
            assert!(spent.insert(Fingerprint::of(&keys)));
            assert!(!spent.insert(Fingerprint::of(&keys)), "{byte}");
        }
        let again = Keys::new(Suite::AeadAes128Gcm, &[99; 28]).unwrap();
        assert!(!spent.insert(Fingerprint::of(&again)));
    }
}
