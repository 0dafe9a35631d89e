//! The hash algorithms (RFC 8760 §2.1).

use md5::Md5;
use sha2::digest::Digest;
use sha2::{Sha256, Sha512_256};

/// A hash algorithm, the one that we like best first. MD5 is what old recorders know; RFC 8760
/// §2.4 leaves the order to us, and a recorder that can do better should not get less.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Hash {
    Sha256,
    Sha512Of256,
    Md5,
}

/// A hash algorithm, and whether a session has a key of its own (RFC 7616 §3.4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Algorithm {
    pub(super) hash: Hash,
    pub(super) sess: bool,
}

impl Hash {
    /// The hash of a text, as hexadecimal digits (RFC 7616 §3.1.3).
    pub(super) fn hex(self, text: &str) -> String {
        match self {
            Self::Sha256 => hex(&Sha256::digest(text)),
            Self::Sha512Of256 => hex(&Sha512_256::digest(text)),
            Self::Md5 => hex(&Md5::digest(text)),
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "SHA-256",
            Self::Sha512Of256 => "SHA-512-256",
            Self::Md5 => "MD5",
        }
    }
}

impl Algorithm {
    /// From a challenge, where we know it; nothing said means MD5 (RFC 7616 §3.3).
    pub(super) fn parse(name: Option<&str>) -> Option<Self> {
        let name = name.unwrap_or("MD5").to_ascii_uppercase();
        let (plain, sess) = match name.strip_suffix("-SESS") {
            Some(plain) => (plain, true),
            None => (name.as_str(), false),
        };
        let hash = [Hash::Sha256, Hash::Sha512Of256, Hash::Md5]
            .into_iter()
            .find(|hash| hash.name() == plain)?;
        Some(Self { hash, sess })
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn algorithms_are_known_in_any_case() {
        let parse = |name| Algorithm::parse(name).map(|found| (found.hash, found.sess));
        assert_eq!(parse(None), Some((Hash::Md5, false)));
        assert_eq!(parse(Some("md5-sess")), Some((Hash::Md5, true)));
        assert_eq!(parse(Some("SHA-256")), Some((Hash::Sha256, false)));
        let long = Some((Hash::Sha512Of256, true));
        assert_eq!(parse(Some("sha-512-256-SESS")), long);
        assert_eq!(parse(Some("SHA-1")), None);
        assert!(Hash::Sha256 < Hash::Sha512Of256 && Hash::Sha512Of256 < Hash::Md5);
    }

    #[test]
    fn hashes_are_those_of_the_standards() {
        // RFC 1321 §A.5 and the examples of FIPS 180-4.
        assert_eq!(Hash::Md5.hex("abc"), "900150983cd24fb0d6963f7d28e17f72");
        assert_eq!(
            Hash::Sha256.hex("abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        assert_eq!(
            Hash::Sha512Of256.hex("abc"),
            "53048e2681941ef99b2e29b76b4c7dabe4c2d0c634fc6d46e0e2f13107e7af23"
        );
    }
}
