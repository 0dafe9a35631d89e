//! A master key with what was agreed about it.

use std::fmt;

use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::suite::Suite;

/// The longest name of a key that SDES can give (RFC 4568 §6.1).
pub const MKI_MAX: usize = 128;

/// A master key and master salt for one direction, and how they may be used.
///
/// It is wiped when it is dropped, compared in constant time, and printed without its secrets.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Keys {
    #[zeroize(skip)]
    suite: Suite,
    key: [u8; 32],
    /// A salt of 12 bytes is followed by two zeros, as RFC 7714 §11 derives keys from it.
    salt: [u8; 14],
    #[zeroize(skip)]
    mki: Mki,
    #[zeroize(skip)]
    lifetime: Option<u64>,
}

/// Why bytes are not the keys of a suite; whoever sent or configured them is to blame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeysError {
    /// The suite's key and salt have another length together.
    Len { given: usize, expected: usize },
    /// A master key identifier has 1 to [`MKI_MAX`] bytes.
    MkiLen(usize),
    /// A lifetime is at least one packet, and at most [`Keys::RTP_PACKETS_MAX`].
    Lifetime(u64),
}

/// A master key identifier, which precedes or follows the tag; empty where none was agreed.
#[derive(Clone, Copy)]
pub(super) struct Mki {
    bytes: [u8; MKI_MAX],
    len: u8,
}

impl Keys {
    /// The most RTP packets that one master key may protect (RFC 3711 §9.2, RFC 7714 §5.3).
    pub const RTP_PACKETS_MAX: u64 = 1 << 48;
    /// The most RTCP packets that one master key may protect.
    pub const RTCP_PACKETS_MAX: u64 = 1 << 31;

    /// The master key of `suite` followed by its master salt, as the `inline` parameter of SDES
    /// holds them (RFC 4568 §6.1).
    pub fn new(suite: Suite, key_and_salt: &[u8]) -> Result<Self, KeysError> {
        let (key_len, salt_len) = (suite.key_len(), suite.salt_len());
        if key_and_salt.len() != key_len + salt_len {
            return Err(KeysError::Len {
                given: key_and_salt.len(),
                expected: key_len + salt_len,
            });
        }
        let mut keys = Self {
            suite,
            key: [0; 32],
            salt: [0; 14],
            mki: Mki::NONE,
            lifetime: None,
        };
        keys.key[..key_len].copy_from_slice(&key_and_salt[..key_len]);
        keys.salt[..salt_len].copy_from_slice(&key_and_salt[key_len..]);
        Ok(keys)
    }

    /// The same, named in each packet by a master key identifier.
    pub fn with_mki(mut self, mki: &[u8]) -> Result<Self, KeysError> {
        self.mki = Mki::new(mki).ok_or(KeysError::MkiLen(mki.len()))?;
        Ok(self)
    }

    /// The same, to be used for so many packets only.
    pub fn with_lifetime(mut self, packets: u64) -> Result<Self, KeysError> {
        if packets == 0 || packets > Self::RTP_PACKETS_MAX {
            return Err(KeysError::Lifetime(packets));
        }
        self.lifetime = Some(packets);
        Ok(self)
    }

    /// The suite.
    pub const fn suite(&self) -> Suite {
        self.suite
    }

    pub(super) fn master_key(&self) -> &[u8] {
        &self.key[..self.suite.key_len()]
    }

    pub(super) const fn master_salt(&self) -> &[u8; 14] {
        &self.salt
    }

    pub(super) const fn mki(&self) -> &Mki {
        &self.mki
    }

    /// RTP packets that the key may protect.
    pub(super) fn rtp_packets(&self) -> u64 {
        self.lifetime.unwrap_or(Self::RTP_PACKETS_MAX)
    }

    /// RTCP packets that the key may protect.
    pub(super) fn rtcp_packets(&self) -> u64 {
        self.rtp_packets().min(Self::RTCP_PACKETS_MAX)
    }
}

impl PartialEq for Keys {
    fn eq(&self, other: &Self) -> bool {
        let same_secrets = self.key.ct_eq(&other.key) & self.salt.ct_eq(&other.salt);
        let agreed = |keys: &Self| (keys.suite, keys.lifetime);
        agreed(self) == agreed(other)
            && self.mki.bytes() == other.mki.bytes()
            && bool::from(same_secrets)
    }
}

impl Eq for Keys {}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys")
            .field("suite", &self.suite)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for KeysError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Len { given, expected } => write!(
                f,
                "key and salt have {given} bytes together, but the suite wants {expected}: \
                 give the key, followed by the salt"
            ),
            Self::MkiLen(len) => write!(
                f,
                "the master key identifier has {len} bytes: give 1 to {MKI_MAX}"
            ),
            Self::Lifetime(packets) => write!(
                f,
                "a key's lifetime is {packets} packets: give at least 1 and at most 2^48"
            ),
        }
    }
}

impl std::error::Error for KeysError {}

impl Mki {
    pub(super) const NONE: Self = Self {
        bytes: [0; MKI_MAX],
        len: 0,
    };

    fn new(source: &[u8]) -> Option<Self> {
        if source.is_empty() || source.len() > MKI_MAX {
            return None;
        }
        let mut mki = Self::NONE;
        mki.bytes[..source.len()].copy_from_slice(source);
        mki.len = source.len() as u8;
        Some(mki)
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes[..self.len()]
    }

    pub(super) const fn len(&self) -> usize {
        self.len as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_as_long_as_their_suite_wants() {
        for suite in Suite::ALL {
            let expected = suite.key_len() + suite.salt_len();
            assert!(Keys::new(suite, &[1; 46][..expected]).is_ok());
            for given in [0, expected - 1, expected + 1] {
                let error = Keys::new(suite, &[1; 47][..given]);
                assert_eq!(error, Err(KeysError::Len { given, expected }));
            }
        }
    }

    #[test]
    fn limits_of_identifier_and_lifetime() {
        let keys = Keys::new(Suite::AeadAes128Gcm, &[1; 28]).unwrap();
        assert_eq!(keys.clone().with_mki(&[]), Err(KeysError::MkiLen(0)));
        assert_eq!(
            keys.clone().with_mki(&[0; 129]),
            Err(KeysError::MkiLen(129))
        );
        assert!(keys.clone().with_mki(&[0; 128]).is_ok());
        assert_eq!(keys.clone().with_lifetime(0), Err(KeysError::Lifetime(0)));
        let long = keys.clone().with_lifetime((1 << 48) + 1);
        assert_eq!(long, Err(KeysError::Lifetime((1 << 48) + 1)));
        let agreed = keys.with_lifetime(1 << 40).unwrap();
        assert_eq!(
            (agreed.rtp_packets(), agreed.rtcp_packets()),
            (1 << 40, 1 << 31)
        );
    }

    #[test]
    fn equal_means_the_same_secrets_and_the_same_agreement() {
        let keys = |byte| Keys::new(Suite::AesCm128HmacSha1_80, &[byte; 30]).unwrap();
        assert_eq!(keys(1), keys(1));
        assert_ne!(keys(1), keys(2));
        assert_ne!(keys(1), keys(1).with_mki(&[1]).unwrap());
        assert_ne!(keys(1), keys(1).with_lifetime(5).unwrap());
        let other = Keys::new(Suite::AesCm128HmacSha1_32, &[1; 30]).unwrap();
        assert_ne!(keys(1), other);
    }

    #[test]
    fn no_secret_is_printed() {
        let keys = Keys::new(Suite::AesCm128HmacSha1_80, &[0xa7; 30]).unwrap();
        let printed = format!("{keys:?} {keys:#?}").to_lowercase();
        assert!(printed.contains("aescm128"), "{printed}");
        assert!(
            !printed.contains("167") && !printed.contains("a7"),
            "{printed}"
        );
    }
}
