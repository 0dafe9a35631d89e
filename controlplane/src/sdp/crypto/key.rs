//! A master key and its salt, in memory for as long as they are needed.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::{Zeroize as _, Zeroizing};

use super::suite::Suite;
use crate::random::Random;

/// The longest: 32 bytes of key, 14 of salt.
const LEN_MAX: usize = 46;

/// A master key followed by its master salt. It is wiped when it is dropped, and prints nothing.
#[derive(Clone)]
pub struct MasterKey {
    bytes: Box<[u8; LEN_MAX]>,
    len: u8,
}

impl MasterKey {
    /// A new one, which nobody has seen before: least of all one of `taken`, those of the call that
    /// is recorded (RFC 7866 §12.2).
    pub fn fresh(suite: Suite, random: &mut Random, taken: &[Self]) -> Self {
        loop {
            let mut key = Self::empty(suite.inline_len());
            random.secret(&mut key.bytes[..suite.inline_len()]);
            if !taken.iter().any(|other| other.shares_key(&key)) {
                return key;
            }
        }
    }

    /// From bytes; `None` where there are more than any suite has.
    pub fn new(bytes: &[u8]) -> Option<Self> {
        if bytes.len() > LEN_MAX {
            return None;
        }
        let mut key = Self::empty(bytes.len());
        key.bytes[..bytes.len()].copy_from_slice(bytes);
        Some(key)
    }

    /// From base64, with its padding or without it (RFC 4568 §9.2 has it, some leave it away).
    pub fn from_base64(text: &str) -> Option<Self> {
        let mut padded = Zeroizing::new(String::with_capacity(text.len() + 3));
        padded.push_str(text.trim_end_matches('='));
        while !padded.len().is_multiple_of(4) {
            padded.push('=');
        }
        let bytes = Zeroizing::new(STANDARD.decode(padded.as_bytes()).ok()?);
        Self::new(&bytes)
    }

    /// As SDES writes it.
    pub fn to_base64(&self) -> Zeroizing<String> {
        Zeroizing::new(STANDARD.encode(self.as_bytes()))
    }

    /// Key and salt.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }

    /// Whether both encrypt with the same key, be it of another suite or with another salt.
    pub fn shares_key(&self, other: &Self) -> bool {
        /// The shortest key.
        const KEY_LEN: usize = 16;
        let key = |of: &Self| of.bytes[..KEY_LEN].to_vec();
        // A difference is found by looking at every byte, wherever it is.
        let (one, two) = (Zeroizing::new(key(self)), Zeroizing::new(key(other)));
        let differing = one.iter().zip(two.iter());
        differing.fold(0, |sum, (one, two)| sum | (one ^ two)) == 0
    }

    fn empty(len: usize) -> Self {
        Self {
            bytes: Box::new([0; LEN_MAX]),
            len: len as u8,
        }
    }
}

impl Drop for MasterKey {
    fn drop(&mut self) {
        self.bytes.zeroize();
    }
}

impl PartialEq for MasterKey {
    fn eq(&self, other: &Self) -> bool {
        let differing = self.bytes.iter().zip(other.bytes.iter());
        self.len == other.len && differing.fold(0, |sum, (one, two)| sum | (one ^ two)) == 0
    }
}

impl Eq for MasterKey {}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_key_is_none_of_the_calls_own() {
        let suite = Suite::AesCm128HmacSha1_80;
        let first = MasterKey::fresh(suite, &mut Random::new([1; 32]), &[]);
        let again = MasterKey::fresh(suite, &mut Random::new([1; 32]), &[]);
        assert_eq!(first, again, "the same generator gives the same key");
        let taken = [first.clone()];
        let other = MasterKey::fresh(suite, &mut Random::new([1; 32]), &taken);
        assert!(!other.shares_key(&first));
        // The same key under another suite, with another salt, is the same key all the same.
        let mut bytes = first.as_bytes()[..28].to_vec();
        bytes[20] ^= 1;
        assert!(MasterKey::new(&bytes).unwrap().shares_key(&first));
    }

    #[test]
    fn base64_leads_back_and_padding_may_be_missing() {
        for suite in Suite::ALL {
            let key = MasterKey::fresh(suite, &mut Random::new([2; 32]), &[]);
            let text = key.to_base64();
            assert_eq!(MasterKey::from_base64(&text), Some(key.clone()));
            let bare = text.trim_end_matches('=');
            assert_eq!(MasterKey::from_base64(bare), Some(key));
        }
        assert_eq!(MasterKey::from_base64("no*base64"), None);
        assert_eq!(MasterKey::from_base64(&"A".repeat(64)), None);
    }

    #[test]
    fn nothing_of_a_key_is_printed() {
        let key = MasterKey::new(&[0xa7; 30]).unwrap();
        assert_eq!(format!("{key:?}"), "MasterKey");
    }
}
