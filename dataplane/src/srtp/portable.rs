//! The ciphers as RustCrypto has them: on any processor, one packet at a time.
//!
//! The oracle of the other paths, and what protects RTCP on each of them.

use aes::cipher::consts::{U12, U16};
use aes::cipher::{
    BlockCipherEncrypt, InnerIvInit, KeyInit, StreamCipher, StreamCipherCoreWrapper,
};
use aes::{Aes128Enc, Aes256Enc};
use aes_gcm::aead::AeadInOut;
use aes_gcm::{Aes128Gcm, Aes256Gcm, AesGcm};
use ctr::CtrCore;
use ctr::flavors::Ctr128BE;
use hmac::{Hmac, Mac};
use sha1::Sha1;
use subtle::ConstantTimeEq;

use super::derive::SessionKeys;
use super::packet::Kind;
use super::suite::Cipher;

/// Session keys, ready to be used.
pub(super) struct Ready {
    transform: Transform,
    salt: [u8; 14],
}

/// The longest tag there is; shorter ones are its beginning.
pub(super) type Tag = [u8; 16];

/// One packet's place in a key's stream, which is never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Nonce {
    pub(super) kind: Kind,
    pub(super) ssrc: u32,
    /// 48 bits for RTP. For RTCP, 31 bits below the flag that says whether it is encrypted.
    pub(super) index: u64,
}

enum Transform {
    Cm128(Aes128Enc, Hmac<Sha1>),
    Cm256(Aes256Enc, Hmac<Sha1>),
    Gcm128(Aes128Gcm),
    Gcm256(Aes256Gcm),
}

impl Ready {
    /// Expands the keys.
    pub(super) fn new(cipher: Cipher, keys: &SessionKeys) -> Self {
        let (short, long) = (&keys.cipher[..16], &keys.cipher);
        let mac = || <Hmac<Sha1> as KeyInit>::new_from_slice(&keys.auth).expect("any length");
        let sized = "the slice has the key's length";
        let transform = match cipher {
            Cipher::Cm128 => {
                Transform::Cm128(Aes128Enc::new_from_slice(short).expect(sized), mac())
            }
            Cipher::Cm256 => Transform::Cm256(Aes256Enc::new(long.into()), mac()),
            Cipher::Gcm128 => Transform::Gcm128(Aes128Gcm::new_from_slice(short).expect(sized)),
            Cipher::Gcm256 => Transform::Gcm256(Aes256Gcm::new(long.into())),
        };
        Self {
            transform,
            salt: keys.salt,
        }
    }

    /// Encrypts `body` and returns the tag of `clear` and `body`.
    pub(super) fn seal(&self, nonce: Nonce, clear: &[u8], body: &mut [u8]) -> Tag {
        match &self.transform {
            Transform::Cm128(aes, mac) => {
                crypt(aes, &cm_iv(&self.salt, nonce), body);
                cm_tag(mac, nonce, clear, body)
            }
            Transform::Cm256(aes, mac) => {
                crypt(aes, &cm_iv(&self.salt, nonce), body);
                cm_tag(mac, nonce, clear, body)
            }
            Transform::Gcm128(gcm) => gcm_seal(gcm, &gcm_iv(&self.salt, nonce), nonce, clear, body),
            Transform::Gcm256(gcm) => gcm_seal(gcm, &gcm_iv(&self.salt, nonce), nonce, clear, body),
        }
    }

    /// Decrypts `body` if `tag` is the tag of `clear` and `body`, and returns whether it is. The
    /// body stays as it is otherwise.
    pub(super) fn open(&self, nonce: Nonce, clear: &[u8], body: &mut [u8], tag: &[u8]) -> bool {
        match &self.transform {
            Transform::Cm128(aes, mac) => {
                let good = same(&cm_tag(mac, nonce, clear, body), tag);
                if good {
                    crypt(aes, &cm_iv(&self.salt, nonce), body);
                }
                good
            }
            Transform::Cm256(aes, mac) => {
                let good = same(&cm_tag(mac, nonce, clear, body), tag);
                if good {
                    crypt(aes, &cm_iv(&self.salt, nonce), body);
                }
                good
            }
            Transform::Gcm128(gcm) => {
                gcm_open(gcm, &gcm_iv(&self.salt, nonce), nonce, clear, body, tag)
            }
            Transform::Gcm256(gcm) => {
                gcm_open(gcm, &gcm_iv(&self.salt, nonce), nonce, clear, body, tag)
            }
        }
    }
}

/// Whether a received tag is the beginning of the right one, in a time that does not tell where
/// they differ.
pub(super) fn same(right: &Tag, received: &[u8]) -> bool {
    right[..received.len()].ct_eq(received).into()
}

/// RFC 3711 §4.1.1: salt * 2^16 XOR SSRC * 2^64 XOR index * 2^16.
pub(super) fn cm_iv(salt: &[u8; 14], nonce: Nonce) -> [u8; 16] {
    let mut iv = [0; 16];
    iv[..14].copy_from_slice(salt);
    let place = u128::from(nonce.ssrc) << 64 | u128::from(nonce.number()) << 16;
    (u128::from_be_bytes(iv) ^ place).to_be_bytes()
}

/// RFC 7714 §8.1 and §9.1: two zero bytes, the SSRC and 48 bits of index, XOR the salt.
pub(super) fn gcm_iv(salt: &[u8; 14], nonce: Nonce) -> [u8; 12] {
    let mut iv = [0; 12];
    iv[2..6].copy_from_slice(&nonce.ssrc.to_be_bytes());
    iv[6..].copy_from_slice(&nonce.number().to_be_bytes()[2..]);
    for (byte, salt) in iv.iter_mut().zip(salt) {
        *byte ^= salt;
    }
    iv
}

impl Nonce {
    fn number(self) -> u64 {
        match self.kind {
            Kind::Rtp => self.index,
            Kind::Rtcp => self.index & 0x7fff_ffff,
        }
    }

    /// What is authenticated with an HMAC but follows the body: the rollover counter, which is not
    /// sent (RFC 3711 §4.2), or the RTCP index with its flag.
    pub(super) fn trailer(self) -> [u8; 4] {
        match self.kind {
            Kind::Rtp => ((self.index >> 16) as u32).to_be_bytes(),
            Kind::Rtcp => (self.index as u32).to_be_bytes(),
        }
    }
}

fn crypt<C: BlockCipherEncrypt<BlockSize = U16>>(aes: &C, iv: &[u8; 16], data: &mut [u8]) {
    let core = CtrCore::<&C, Ctr128BE>::inner_iv_init(aes, iv.into());
    StreamCipherCoreWrapper::from_core(core).apply_keystream(data);
}

fn cm_tag(mac: &Hmac<Sha1>, nonce: Nonce, clear: &[u8], body: &[u8]) -> Tag {
    let mut mac = mac.clone();
    mac.update(clear);
    mac.update(body);
    mac.update(&nonce.trailer());
    let digest = mac.finalize().into_bytes();
    *digest.first_chunk().expect("SHA-1 gives 20 bytes")
}

fn gcm_seal<C>(
    gcm: &AesGcm<C, U12>,
    iv: &[u8; 12],
    nonce: Nonce,
    clear: &[u8],
    body: &mut [u8],
) -> Tag
where
    AesGcm<C, U12>: AeadInOut<NonceSize = U12, TagSize = U16>,
{
    let sealed = with_aad(nonce, clear, |aad| {
        gcm.encrypt_inout_detached(iv.into(), aad, body.into())
    });
    sealed.expect("no packet is 64 GiB long").into()
}

fn gcm_open<C>(
    gcm: &AesGcm<C, U12>,
    iv: &[u8; 12],
    nonce: Nonce,
    clear: &[u8],
    body: &mut [u8],
    tag: &[u8],
) -> bool
where
    AesGcm<C, U12>: AeadInOut<NonceSize = U12, TagSize = U16>,
{
    let tag: &Tag = tag.try_into().expect("an AEAD suite has tags of 16 bytes");
    with_aad(nonce, clear, |aad| {
        gcm.decrypt_inout_detached(iv.into(), aad, body.into(), tag.into())
    })
    .is_ok()
}

/// RFC 7714 §8.2: the RTP header is the associated data; §9.2: of RTCP, the first 8 bytes and the
/// index with its flag.
fn with_aad<T>(nonce: Nonce, clear: &[u8], work: impl FnOnce(&[u8]) -> T) -> T {
    match nonce.kind {
        Kind::Rtp => work(clear),
        Kind::Rtcp => {
            let mut aad = [0; 8 + 4];
            aad[..8].copy_from_slice(clear);
            aad[8..].copy_from_slice(&nonce.trailer());
            work(&aad)
        }
    }
}
