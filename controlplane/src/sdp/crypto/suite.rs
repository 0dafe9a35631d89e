//! The crypto suites that SDES names (RFC 4568 §6.2, RFC 6188 §5, RFC 7714 §14.1).

/// A crypto suite.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Suite {
    /// AES-128 counter mode, HMAC-SHA1 cut to 80 bits: the one that everybody has.
    AesCm128HmacSha1_80,
    /// The same with 32 bits.
    AesCm128HmacSha1_32,
    /// AES-256 counter mode, HMAC-SHA1 cut to 80 bits.
    AesCm256HmacSha1_80,
    /// The same with 32 bits.
    AesCm256HmacSha1_32,
    /// AES-128 in Galois/counter mode.
    AeadAes128Gcm,
    /// AES-256 in Galois/counter mode.
    AeadAes256Gcm,
}

/// How a suite is spelled, and how long its keys are.
struct Row {
    name: &'static str,
    /// Bytes of the master key,
    key_len: usize,
    /// and of the master salt.
    salt_len: usize,
}

impl Suite {
    /// Every suite.
    pub const ALL: [Self; 6] = [
        Self::AesCm128HmacSha1_80,
        Self::AesCm128HmacSha1_32,
        Self::AesCm256HmacSha1_80,
        Self::AesCm256HmacSha1_32,
        Self::AeadAes128Gcm,
        Self::AeadAes256Gcm,
    ];

    const fn row(self) -> Row {
        let (name, key_len, salt_len) = match self {
            Self::AesCm128HmacSha1_80 => ("AES_CM_128_HMAC_SHA1_80", 16, 14),
            Self::AesCm128HmacSha1_32 => ("AES_CM_128_HMAC_SHA1_32", 16, 14),
            Self::AesCm256HmacSha1_80 => ("AES_256_CM_HMAC_SHA1_80", 32, 14),
            Self::AesCm256HmacSha1_32 => ("AES_256_CM_HMAC_SHA1_32", 32, 14),
            Self::AeadAes128Gcm => ("AEAD_AES_128_GCM", 16, 12),
            Self::AeadAes256Gcm => ("AEAD_AES_256_GCM", 32, 12),
        };
        Row {
            name,
            key_len,
            salt_len,
        }
    }

    /// Its registered name.
    pub const fn name(self) -> &'static str {
        self.row().name
    }

    /// The suite of a name. Some write the name of the 256-bit suites as if it followed that of the
    /// 128-bit ones.
    pub fn parse(name: &str) -> Option<Self> {
        let registered = match name {
            "AES_CM_256_HMAC_SHA1_80" => "AES_256_CM_HMAC_SHA1_80",
            "AES_CM_256_HMAC_SHA1_32" => "AES_256_CM_HMAC_SHA1_32",
            name => name,
        };
        Self::ALL
            .into_iter()
            .find(|suite| suite.name() == registered)
    }

    /// Bytes of the master key.
    pub const fn key_len(self) -> usize {
        self.row().key_len
    }

    /// Bytes of master key and master salt together.
    pub const fn inline_len(self) -> usize {
        self.row().key_len + self.row().salt_len
    }

    /// Bits of the key that audio is encrypted with: what "at least as strong" is told by.
    pub const fn strength(self) -> u32 {
        self.row().key_len as u32 * 8
    }
}

impl std::fmt::Display for Suite {
    /// The registered name.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back_to_their_suites_and_lengths_are_those_of_the_registry() {
        for suite in Suite::ALL {
            assert_eq!(Suite::parse(suite.name()), Some(suite));
        }
        let lens = Suite::ALL.map(Suite::inline_len);
        assert_eq!(lens, [30, 30, 46, 46, 28, 44]);
        assert_eq!(
            Suite::parse("AES_CM_256_HMAC_SHA1_32"),
            Some(Suite::AesCm256HmacSha1_32)
        );
        assert_eq!(Suite::parse("F8_128_HMAC_SHA1_80"), None);
    }
}
