//! Session keys out of a master key (RFC 3711 §4.3; with AES-256, RFC 6188 §3).

use aes::cipher::consts::U16;
use aes::cipher::{BlockCipherEncrypt, KeyInit};
use aes::{Aes128Enc, Aes256Enc};
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::keys::Keys;

/// The keys that protect the packets of one kind; those of 16 bytes leave the rest zero.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub(super) struct SessionKeys {
    pub(super) cipher: [u8; 32],
    pub(super) auth: [u8; 20],
    pub(super) salt: [u8; 14],
}

/// What a key is for (RFC 3711 §4.3.2): the labels of its cipher, authentication and salting keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    Rtp = 0,
    Rtcp = 3,
}

impl SessionKeys {
    /// Nothing, to be overwritten.
    pub(super) const EMPTY: Self = Self {
        cipher: [0; 32],
        auth: [0; 20],
        salt: [0; 14],
    };

    /// Derives the keys for one kind of packets. The key derivation rate is zero, the default that
    /// SDES leaves where it says nothing: they are derived once.
    pub(super) fn derive(master: &Keys, purpose: Purpose) -> Self {
        let mut keys = Self::EMPTY;
        let suite = master.suite();
        let label = purpose as u8;
        let prf = Prf::new(master.master_key());
        let salt = master.master_salt();
        prf.fill(salt, label, &mut keys.cipher[..suite.key_len()]);
        if !suite.is_aead() {
            prf.fill(salt, label + 1, &mut keys.auth);
        }
        prf.fill(salt, label + 2, &mut keys.salt[..suite.salt_len()]);
        keys
    }
}

/// AES-CM as a pseudo-random function; the length of the master key says which AES it is.
enum Prf {
    Aes128(Aes128Enc),
    Aes256(Aes256Enc),
}

impl Prf {
    fn new(key: &[u8]) -> Self {
        match key.len() {
            16 => Self::Aes128(Aes128Enc::new_from_slice(key).expect("16 bytes")),
            _ => Self::Aes256(Aes256Enc::new_from_slice(key).expect("each suite has 16 or 32")),
        }
    }

    /// RFC 3711 §4.3.3: the keystream that starts at (label XOR salt) * 2^16.
    fn fill(&self, salt: &[u8; 14], label: u8, out: &mut [u8]) {
        match self {
            Self::Aes128(aes) => keystream(aes, salt, label, out),
            Self::Aes256(aes) => keystream(aes, salt, label, out),
        }
    }
}

fn keystream(
    aes: &impl BlockCipherEncrypt<BlockSize = U16>,
    salt: &[u8; 14],
    label: u8,
    out: &mut [u8],
) {
    let mut input = [0; 16];
    input[..14].copy_from_slice(salt);
    input[7] ^= label;
    for (number, part) in out.chunks_mut(16).enumerate() {
        input[14..].copy_from_slice(&(number as u16).to_be_bytes());
        let mut block = input.into();
        aes.encrypt_block(&mut block);
        part.copy_from_slice(&block[..part.len()]);
        block.as_mut_slice().zeroize();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::srtp::suite::Suite;
    use crate::srtp::testing::hex;

    fn master(suite: Suite, key: &str, salt: &str) -> Keys {
        Keys::new(suite, &[hex(key), hex(salt)].concat()).unwrap()
    }

    #[test]
    fn rfc_3711_b_3() {
        let master = master(
            Suite::AesCm128HmacSha1_80,
            "E1F97A0D3E018BE0D64FA32C06DE4139",
            "0EC675AD498AFEEBB6960B3AABE6",
        );
        let keys = SessionKeys::derive(&master, Purpose::Rtp);
        assert_eq!(keys.cipher[..16], hex("C61E7A93744F39EE10734AFE3FF7A087"));
        assert_eq!(keys.salt[..], hex("30CBBC08863D8C85D49DB34A9AE1"));
        assert_eq!(
            keys.auth[..],
            hex("CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4")
        );
        let mut long = [0; 94];
        Prf::new(master.master_key()).fill(master.master_salt(), 1, &mut long);
        let expected = "CEBE321F6FF7716B6FD4AB49AF256A156D38BAA48F0A0ACF3C34E2359E6CDBCE\
                        E049646C43D9327AD175578EF72270986371C10C9A369AC2F94A8C5FBCDDDC25\
                        6D6E919A48B610EF17C2041E474035766B68642C59BBFC2F34DB60DBDFB2";
        assert_eq!(long[..], hex(expected));
    }

    #[test]
    fn rfc_6188_7_2() {
        let master = master(
            Suite::AesCm256HmacSha1_80,
            "f0f04914b513f2763a1b1fa130f10e2998f6f6e43e4309d1e622a0e332b9f1b6",
            "3b04803de51ee7c96423ab5b78d2",
        );
        let keys = SessionKeys::derive(&master, Purpose::Rtp);
        let cipher = "5ba1064e30ec51613cad926c5a28ef731ec7fb397f70a960653caf06554cd8c4";
        assert_eq!(keys.cipher[..], hex(cipher));
        assert_eq!(
            keys.auth[..],
            hex("fd9c32d39ed5fbb5a9dc96b30818454d1313dc05")
        );
        assert_eq!(keys.salt[..], hex("fa31791685ca444a9e07c6c64e93"));
    }

    #[test]
    fn rtp_and_rtcp_share_no_key() {
        let master = Keys::new(Suite::AesCm256HmacSha1_80, &[9; 46]).unwrap();
        let rtp = SessionKeys::derive(&master, Purpose::Rtp);
        let rtcp = SessionKeys::derive(&master, Purpose::Rtcp);
        assert!(rtp.cipher != rtcp.cipher && rtp.auth != rtcp.auth && rtp.salt != rtcp.salt);
    }
}
