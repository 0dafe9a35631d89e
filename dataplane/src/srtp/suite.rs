//! The crypto suites of SDES (RFC 4568 §6.2, RFC 6188 §5, RFC 7714 §14.1) and their lengths.

/// A crypto suite: a cipher, how it authenticates, and the lengths of keys and tags.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Suite {
    /// AES-128 counter mode, HMAC-SHA1 cut to 80 bits.
    AesCm128HmacSha1_80,
    /// AES-128 counter mode, HMAC-SHA1 cut to 32 bits; 80 bits for RTCP.
    AesCm128HmacSha1_32,
    /// AES-256 counter mode, HMAC-SHA1 cut to 80 bits.
    AesCm256HmacSha1_80,
    /// AES-256 counter mode, HMAC-SHA1 cut to 32 bits; 80 bits for RTCP.
    AesCm256HmacSha1_32,
    /// AES-128 in Galois/counter mode.
    AeadAes128Gcm,
    /// AES-256 in Galois/counter mode.
    AeadAes256Gcm,
}

/// What the suites have in common, as far as the cipher is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Cipher {
    Cm128,
    Cm256,
    Gcm128,
    Gcm256,
}

impl Suite {
    /// Every suite, the strongest last.
    pub const ALL: [Self; 6] = [
        Self::AesCm128HmacSha1_32,
        Self::AesCm128HmacSha1_80,
        Self::AesCm256HmacSha1_32,
        Self::AesCm256HmacSha1_80,
        Self::AeadAes128Gcm,
        Self::AeadAes256Gcm,
    ];

    /// Its registered name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AesCm128HmacSha1_80 => "AES_CM_128_HMAC_SHA1_80",
            Self::AesCm128HmacSha1_32 => "AES_CM_128_HMAC_SHA1_32",
            Self::AesCm256HmacSha1_80 => "AES_256_CM_HMAC_SHA1_80",
            Self::AesCm256HmacSha1_32 => "AES_256_CM_HMAC_SHA1_32",
            Self::AeadAes128Gcm => "AEAD_AES_128_GCM",
            Self::AeadAes256Gcm => "AEAD_AES_256_GCM",
        }
    }

    /// Bytes of a master key, and of the session keys for encryption.
    pub const fn key_len(self) -> usize {
        match self.cipher() {
            Cipher::Cm128 | Cipher::Gcm128 => 16,
            Cipher::Cm256 | Cipher::Gcm256 => 32,
        }
    }

    /// Bytes of a master salt.
    pub const fn salt_len(self) -> usize {
        if self.is_aead() { 12 } else { 14 }
    }

    /// Bytes of the tag that authenticates an RTP packet.
    pub const fn rtp_tag_len(self) -> usize {
        match self {
            Self::AesCm128HmacSha1_32 | Self::AesCm256HmacSha1_32 => 4,
            Self::AesCm128HmacSha1_80 | Self::AesCm256HmacSha1_80 => 10,
            Self::AeadAes128Gcm | Self::AeadAes256Gcm => 16,
        }
    }

    /// Bytes of the tag that authenticates an RTCP packet.
    pub const fn rtcp_tag_len(self) -> usize {
        if self.is_aead() { 16 } else { 10 }
    }

    /// Whether the tag is the cipher's own (RFC 7714), and not an HMAC.
    pub(super) const fn is_aead(self) -> bool {
        matches!(self.cipher(), Cipher::Gcm128 | Cipher::Gcm256)
    }

    pub(super) const fn cipher(self) -> Cipher {
        match self {
            Self::AesCm128HmacSha1_80 | Self::AesCm128HmacSha1_32 => Cipher::Cm128,
            Self::AesCm256HmacSha1_80 | Self::AesCm256HmacSha1_32 => Cipher::Cm256,
            Self::AeadAes128Gcm => Cipher::Gcm128,
            Self::AeadAes256Gcm => Cipher::Gcm256,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_inline_keys_of_sdes_have_the_lengths_of_the_registry() {
        // RFC 4568 §6.2.1, RFC 6188 §6, RFC 7714 §14.1 by way of table 1 and 2.
        let lens = Suite::ALL.map(|suite| suite.key_len() + suite.salt_len());
        assert_eq!(lens, [30, 30, 46, 46, 28, 44]);
    }
}
