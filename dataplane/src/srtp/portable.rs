//! The ciphers out of RustCrypto's parts: on any processor, one packet at a time.
//!
//! The oracle of the other paths, and what protects RTCP on each of them.

use aes::cipher::consts::U16;
use aes::cipher::{Block, BlockCipherEncrypt, KeyInit};
use aes::{Aes128Enc, Aes256Enc};
use ghash::GHash;
use ghash::universal_hash::UniversalHash;
use sha1::block_api::compress;
use subtle::ConstantTimeEq;
use zeroize::Zeroize;

use super::derive::SessionKeys;
use super::hmac::{INITIAL, INNER_PAD, OUTER_PAD, digest, key_block, last_of_outer, tail};
use super::job::sha1_blocks;
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
    Cm128(Aes128Enc, Mac),
    Cm256(Aes256Enc, Mac),
    Gcm128(Aes128Enc, GHash),
    Gcm256(Aes256Enc, GHash),
}

/// HMAC-SHA1 after the key's blocks.
struct Mac {
    inner: [u32; 5],
    outer: [u32; 5],
}

impl Ready {
    /// Expands the keys.
    pub(super) fn new(cipher: Cipher, keys: &SessionKeys) -> Self {
        let short = keys.cipher.first_chunk::<16>().expect("32 bytes");
        let short = || Aes128Enc::new(short.into());
        let long = || Aes256Enc::new(&keys.cipher.into());
        let transform = match cipher {
            Cipher::Cm128 => Transform::Cm128(short(), Mac::new(&keys.auth)),
            Cipher::Cm256 => Transform::Cm256(long(), Mac::new(&keys.auth)),
            Cipher::Gcm128 => Transform::Gcm128(short(), hash_key(&short())),
            Cipher::Gcm256 => Transform::Gcm256(long(), hash_key(&long())),
        };
        Self {
            transform,
            salt: keys.salt,
        }
    }

    /// Encrypts a packet behind its clear beginning, and returns its tag.
    pub(super) fn seal(&self, nonce: Nonce, packet: &mut [u8], clear_len: usize) -> Tag {
        match &self.transform {
            Transform::Cm128(aes, mac) => cm_seal(aes, mac, &self.salt, nonce, packet, clear_len),
            Transform::Cm256(aes, mac) => cm_seal(aes, mac, &self.salt, nonce, packet, clear_len),
            Transform::Gcm128(aes, hash) => {
                gcm_seal(aes, hash, &self.salt, nonce, packet, clear_len)
            }
            Transform::Gcm256(aes, hash) => {
                gcm_seal(aes, hash, &self.salt, nonce, packet, clear_len)
            }
        }
    }

    /// Decrypts a packet if `tag` is its tag, and returns whether it is. It stays as it is
    /// otherwise.
    pub(super) fn open(
        &self,
        nonce: Nonce,
        packet: &mut [u8],
        clear_len: usize,
        tag: &[u8],
    ) -> bool {
        let right = match &self.transform {
            Transform::Cm128(_, mac) | Transform::Cm256(_, mac) => mac.tag(nonce, packet),
            Transform::Gcm128(aes, hash) => gcm_tag(
                hash,
                &gcm_mask(aes, &self.salt, nonce),
                nonce,
                packet,
                clear_len,
            ),
            Transform::Gcm256(aes, hash) => gcm_tag(
                hash,
                &gcm_mask(aes, &self.salt, nonce),
                nonce,
                packet,
                clear_len,
            ),
        };
        if !same(&right, tag) {
            return false;
        }
        let body = &mut packet[clear_len..];
        match &self.transform {
            Transform::Cm128(aes, _) => crypt(aes, &cm_iv(&self.salt, nonce), 0, body, None),
            Transform::Cm256(aes, _) => crypt(aes, &cm_iv(&self.salt, nonce), 0, body, None),
            Transform::Gcm128(aes, _) => crypt(aes, &gcm_iv(&self.salt, nonce), 2, body, None),
            Transform::Gcm256(aes, _) => crypt(aes, &gcm_iv(&self.salt, nonce), 2, body, None),
        }
        true
    }
}

impl Drop for Ready {
    fn drop(&mut self) {
        self.salt.zeroize();
    }
}

/// Whether a received tag is the beginning of the right one, in a time that does not tell where
/// they differ.
#[inline]
pub(super) fn same(right: &Tag, received: &[u8]) -> bool {
    right[..received.len()].ct_eq(received).into()
}

impl Nonce {
    #[inline]
    fn number(self) -> u64 {
        match self.kind {
            Kind::Rtp => self.index,
            Kind::Rtcp => self.index & 0x7fff_ffff,
        }
    }

    /// What is authenticated with an HMAC but follows the body: the rollover counter, which is not
    /// sent (RFC 3711 §4.2), or the RTCP index with its flag.
    #[inline]
    pub(super) fn trailer(self) -> [u8; 4] {
        match self.kind {
            Kind::Rtp => ((self.index >> 16) as u32).to_be_bytes(),
            Kind::Rtcp => (self.index as u32).to_be_bytes(),
        }
    }
}

impl Mac {
    fn new(key: &[u8; 20]) -> Self {
        let (mut inner, mut outer) = (INITIAL, INITIAL);
        compress(&mut inner, &[key_block(key, INNER_PAD)]);
        compress(&mut outer, &[key_block(key, OUTER_PAD)]);
        Self { inner, outer }
    }

    fn tag(&self, nonce: Nonce, bytes: &[u8]) -> Tag {
        let mut state = self.inner;
        let whole = bytes.as_chunks().0;
        compress(&mut state, whole);
        for number in whole.len()..sha1_blocks(bytes.len()) {
            let mut block = [0; 64];
            tail(bytes, nonce.trailer(), number, &mut block);
            compress(&mut state, &[block]);
        }
        let mut block = [0; 64];
        last_of_outer(&state, &mut block);
        state = self.outer;
        compress(&mut state, &[block]);
        digest(&state)
    }
}

impl Drop for Mac {
    fn drop(&mut self) {
        self.inner.zeroize();
        self.outer.zeroize();
    }
}

/// RFC 3711 §4.1.1: salt * 2^16 XOR SSRC * 2^64 XOR index * 2^16.
fn cm_iv(salt: &[u8; 14], nonce: Nonce) -> [u8; 16] {
    let mut iv = [0; 16];
    iv[..14].copy_from_slice(salt);
    let place = u128::from(nonce.ssrc) << 64 | u128::from(nonce.number()) << 16;
    (u128::from_be_bytes(iv) ^ place).to_be_bytes()
}

/// RFC 7714 §8.1 and §9.1: two zero bytes, the SSRC and 48 bits of index, XOR the salt; and a
/// counter of 32 bits, which is zero.
fn gcm_iv(salt: &[u8; 14], nonce: Nonce) -> [u8; 16] {
    let mut iv = [0; 16];
    iv[..12].copy_from_slice(&salt[..12]);
    let place = u128::from(nonce.ssrc) << 80 | u128::from(nonce.number()) << 32;
    (u128::from_be_bytes(iv) ^ place).to_be_bytes()
}

/// XORs data with the keystream that starts at block `count`. If a `mask` is wanted, it is the
/// first block, and the data's follow.
fn crypt<C>(aes: &C, iv: &[u8; 16], mut count: u32, data: &mut [u8], mut mask: Option<&mut Tag>)
where
    C: BlockCipherEncrypt<BlockSize = U16>,
{
    // One call for many blocks: each call prepares the key anew.
    const AT_ONCE: usize = 16;
    let [.., a, b, c, d] = *iv;
    let last = u32::from_be_bytes([a, b, c, d]);
    let mut rest = data;
    while !rest.is_empty() || mask.is_some() {
        let masks = usize::from(mask.is_some());
        let len = rest.len().min(16 * (AT_ONCE - masks));
        let (now, after) = rest.split_at_mut(len);
        let blocks = masks + len.div_ceil(16);
        let mut stream = [Block::<C>::from(*iv); AT_ONCE];
        let stream = &mut stream[..blocks];
        for (block, number) in stream.iter_mut().zip(count..) {
            block[12..].copy_from_slice(&(last ^ number).to_be_bytes());
        }
        aes.encrypt_blocks(stream);
        if let Some(mask) = mask.take() {
            *mask = stream[0].into();
        }
        for (part, key) in now.chunks_mut(16).zip(&stream[masks..]) {
            for (byte, key) in part.iter_mut().zip(key) {
                *byte ^= key;
            }
        }
        count += blocks as u32;
        rest = after;
    }
}

fn cm_seal<C>(
    aes: &C,
    mac: &Mac,
    salt: &[u8; 14],
    nonce: Nonce,
    packet: &mut [u8],
    clear_len: usize,
) -> Tag
where
    C: BlockCipherEncrypt<BlockSize = U16>,
{
    let iv = cm_iv(salt, nonce);
    crypt(aes, &iv, 0, &mut packet[clear_len..], None);
    mac.tag(nonce, packet)
}

fn gcm_seal<C>(
    aes: &C,
    hash: &GHash,
    salt: &[u8; 14],
    nonce: Nonce,
    packet: &mut [u8],
    clear_len: usize,
) -> Tag
where
    C: BlockCipherEncrypt<BlockSize = U16>,
{
    let iv = gcm_iv(salt, nonce);
    let mut mask = [0; 16];
    crypt(aes, &iv, 1, &mut packet[clear_len..], Some(&mut mask));
    gcm_tag(hash, &mask, nonce, packet, clear_len)
}

/// The first block of the keystream, which masks the tag (NIST SP 800-38D §7.1).
fn gcm_mask<C>(aes: &C, salt: &[u8; 14], nonce: Nonce) -> Tag
where
    C: BlockCipherEncrypt<BlockSize = U16>,
{
    let mut mask = [0; 16];
    crypt(aes, &gcm_iv(salt, nonce), 1, &mut [], Some(&mut mask));
    mask
}

fn hash_key<C>(aes: &C) -> GHash
where
    C: BlockCipherEncrypt<BlockSize = U16>,
{
    let mut key = Block::<C>::default();
    aes.encrypt_block(&mut key);
    let hash = GHash::new(&key);
    key.as_mut_slice().zeroize();
    hash
}

fn gcm_tag(hash: &GHash, mask: &Tag, nonce: Nonce, packet: &[u8], clear_len: usize) -> Tag {
    let (clear, body) = packet.split_at(clear_len);
    let mut hash = hash.clone();
    // RFC 7714 §8.2: the RTP header is the associated data; §9.2: of RTCP, the first 8 bytes and
    // the index with its flag.
    let mut aad_len = clear.len();
    match nonce.kind {
        Kind::Rtp => hash.update_padded(clear),
        Kind::Rtcp => {
            let mut aad = [0; 8 + 4];
            aad[..8].copy_from_slice(clear);
            aad[8..].copy_from_slice(&nonce.trailer());
            aad_len = aad.len();
            hash.update_padded(&aad);
        }
    }
    hash.update_padded(body);
    let lengths = ((8 * aad_len as u128) << 64) | (8 * body.len() as u128);
    hash.update(&[lengths.to_be_bytes().into()]);
    let hash: Tag = hash.finalize().into();
    (u128::from_ne_bytes(hash) ^ u128::from_ne_bytes(*mask)).to_ne_bytes()
}

#[cfg(test)]
mod tests {
    use ::hmac::{Hmac, KeyInit as _, Mac as _};
    use sha1::Sha1;

    use super::*;

    #[test]
    fn the_mac_is_that_of_the_crate_that_has_it_whole() {
        let key = [0x5a; 20];
        let nonce = Nonce {
            kind: Kind::Rtp,
            ssrc: 1,
            index: 0x1234_5678_9abc,
        };
        let bytes: Vec<u8> = (0..300u32).map(|n| (n * 7) as u8).collect();
        for len in 0..bytes.len() {
            let mut whole = Hmac::<Sha1>::new_from_slice(&key).unwrap();
            whole.update(&bytes[..len]);
            whole.update(&[0x12, 0x34, 0x56, 0x78]);
            let right = whole.finalize().into_bytes();
            assert_eq!(Mac::new(&key).tag(nonce, &bytes[..len])[..], right[..16]);
        }
    }
}
