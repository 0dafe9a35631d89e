//! One RTP packet as a cipher sees it.

use super::packet::Kind;
use super::portable::Nonce;
use super::suite::Suite;

/// Jobs worked on at once. More are done in turns: so many fit into the nearest cache.
pub(super) const JOBS: usize = 512;

/// An RTP packet that has been numbered, and where its parts lie.
#[derive(Clone, Copy, Debug)]
pub(super) struct Job {
    /// Where it begins in the batch's memory.
    pub(super) start: usize,
    /// Its index in its SSRC's stream.
    pub(super) index: u64,
    /// Whose keys protect it.
    pub(super) place: u32,
    /// Its place in the batch.
    pub(super) packet: u32,
    pub(super) ssrc: u32,
    /// Bytes that stay clear.
    pub(super) clear_len: u32,
    /// Bytes that are authenticated: what is clear and what is encrypted.
    pub(super) len: u32,
    /// Where its tag lies, counted from its beginning.
    pub(super) tag_at: u32,
    pub(super) suite: Suite,
    /// Whether a received packet is authentic; it is decrypted then.
    pub(super) good: bool,
}

impl Job {
    pub(super) const fn nonce(&self) -> Nonce {
        Nonce {
            kind: Kind::Rtp,
            ssrc: self.ssrc,
            index: self.index,
        }
    }

    /// What stays clear, what is encrypted, and the tag.
    pub(super) fn parts<'b>(&self, bytes: &'b mut [u8]) -> (&'b [u8], &'b mut [u8], &'b mut [u8]) {
        let (packet, behind) = bytes[self.start..].split_at_mut(self.len as usize);
        let (clear, body) = packet.split_at_mut(self.clear_len as usize);
        let tag = (self.tag_at - self.len) as usize;
        let tag = &mut behind[tag..][..self.suite.rtp_tag_len()];
        (clear, body, tag)
    }

    /// Where the identifier of its key lies, counted from its beginning: the tag of an AEAD is a
    /// part of what is encrypted (RFC 7714 §8.2), an HMAC comes last (RFC 3711 §3.1).
    pub(super) const fn mki_at(len: usize, suite: Suite) -> usize {
        if suite.is_aead() {
            len + suite.rtp_tag_len()
        } else {
            len
        }
    }

    /// Where its tag lies.
    pub(super) const fn tag_at(len: usize, suite: Suite, mki_len: usize) -> usize {
        if suite.is_aead() { len } else { len + mki_len }
    }
}
