//! The parts of HMAC-SHA1 (RFC 2104) that do not depend on how SHA-1 is computed.
//!
//! Both hashes of an HMAC begin with a block made of the key: the states after it are kept, and
//! what follows is put into blocks without a copy of the message.

use super::job::sha1_blocks;

/// FIPS 180-4 §5.3.1.
pub(super) const INITIAL: [u32; 5] = [
    0x6745_2301,
    0xefcd_ab89,
    0x98ba_dcfe,
    0x1032_5476,
    0xc3d2_e1f0,
];

/// The first block of the inner or, with the other pad, of the outer hash.
pub(super) fn key_block(key: &[u8; 20], pad: u8) -> [u8; 64] {
    let mut block = [pad; 64];
    for (byte, key) in block.iter_mut().zip(key) {
        *byte ^= key;
    }
    block
}

/// Pads the inner hash's first block; and the outer one's.
pub(super) const INNER_PAD: u8 = 0x36;
pub(super) const OUTER_PAD: u8 = 0x5c;

/// Block `number` of a message near its end, with the four bytes behind it and the padding
/// (FIPS 180-4 §5.1.1), into zeros.
#[inline]
pub(super) fn tail(bytes: &[u8], trailer: [u8; 4], number: usize, block: &mut [u8; 64]) {
    let len = bytes.len();
    let start = 64 * number;
    let rest = bytes.get(start..).unwrap_or_default();
    let rest = &rest[..rest.len().min(64)];
    block[..rest.len()].copy_from_slice(rest);
    let [a, b, c, d] = trailer;
    let behind = [a, b, c, d, 0x80];
    let whole = block.get_mut(len.wrapping_sub(start)..);
    if let Some(out) = whole.and_then(<[u8]>::first_chunk_mut) {
        *out = behind;
    } else {
        for (place, byte) in (len..).zip(behind) {
            if let Some(out) = block.get_mut(place.wrapping_sub(start)) {
                *out = byte;
            }
        }
    }
    if number + 1 == sha1_blocks(len) {
        block[56..].copy_from_slice(&(8 * (64 + len as u64 + 4)).to_be_bytes());
    }
}

/// The outer hash's last block: the inner digest, padded, into zeros.
#[inline]
pub(super) fn last_of_outer(inner: &[u32; 5], block: &mut [u8; 64]) {
    for (out, word) in block.as_chunks_mut().0.iter_mut().zip(inner) {
        *out = word.to_be_bytes();
    }
    block[20] = 0x80;
    block[56..].copy_from_slice(&(8u64 * (64 + 20)).to_be_bytes());
}

/// The first bytes of a digest.
#[inline]
pub(super) fn digest(state: &[u32; 5]) -> [u8; 16] {
    let mut digest = [0; 16];
    for (out, word) in digest.as_chunks_mut().0.iter_mut().zip(state) {
        *out = word.to_be_bytes();
    }
    digest
}
