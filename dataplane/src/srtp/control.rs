//! One SRTCP packet (RFC 3711 §3.4, RFC 7714 §9): there are few, so each is worked on alone.
//!
//! The keys are expanded for each packet, which spares every session the memory for them.

use zeroize::{Zeroize, ZeroizeOnDrop};

use super::derive::{Purpose, SessionKeys};
use super::keys::{Keys, Mki};
use super::packet::{Kind, RTCP_CLEAR_LEN};
use super::portable::{Nonce, Ready};
use super::refusal::Refusal;
use super::suite::Suite;

/// Says that a packet is encrypted; the other bits are its index.
pub(super) const ENCRYPTED: u32 = 1 << 31;

/// The keys of a session for RTCP.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(super) struct Control {
    keys: SessionKeys,
    #[zeroize(skip)]
    suite: Suite,
    #[zeroize(skip)]
    mki: Mki,
}

/// A received SRTCP packet, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Parts {
    /// Bytes of the RTCP packet itself.
    pub(super) len: usize,
    /// The index with the flag [`ENCRYPTED`].
    pub(super) word: u32,
    tag_at: usize,
}

impl Control {
    pub(super) fn new(master: &Keys) -> Self {
        Self {
            keys: SessionKeys::derive(master, Purpose::Rtcp),
            suite: master.suite(),
            mki: *master.mki(),
        }
    }

    /// The name of the master key, if it has one.
    pub(super) fn mki(&self) -> &[u8] {
        self.mki.bytes()
    }

    /// Bytes added to each packet.
    pub(super) const fn overhead(&self) -> usize {
        self.suite.rtcp_tag_len() + 4 + self.mki.len()
    }

    /// Encrypts the packet at the beginning of `bytes`, behind which there is room for the
    /// overhead, and nothing else.
    pub(super) fn protect(&self, ssrc: u32, index: u32, bytes: &mut [u8]) {
        let word = index | ENCRYPTED;
        let (packet, behind) = bytes.split_at_mut(bytes.len() - self.overhead());
        let (clear, body) = packet.split_at_mut(RTCP_CLEAR_LEN);
        let tag = self.ready().seal(nonce(ssrc, word), clear, body);
        let tag = &tag[..self.suite.rtcp_tag_len()];
        let word = word.to_be_bytes();
        let order = if self.suite.is_aead() {
            [tag, &word, self.mki.bytes()]
        } else {
            [&word, self.mki.bytes(), tag]
        };
        let mut at = 0;
        for part in order {
            behind[at..][..part.len()].copy_from_slice(part);
            at += part.len();
        }
    }

    /// Takes a received packet apart, without believing any of it.
    pub(super) fn parse(&self, bytes: &[u8]) -> Result<Parts, Refusal> {
        let len = bytes.len().checked_sub(self.overhead());
        let len = len
            .filter(|len| *len >= RTCP_CLEAR_LEN)
            .ok_or(Refusal::Malformed)?;
        let tag_len = self.suite.rtcp_tag_len();
        let (tag_at, word_at) = if self.suite.is_aead() {
            (len, len + tag_len)
        } else {
            (bytes.len() - tag_len, len)
        };
        let (word, rest) = bytes[word_at..].split_first_chunk().expect("lengths match");
        if rest[..self.mki.len()] != *self.mki.bytes() {
            return Err(Refusal::Mki);
        }
        Ok(Parts {
            len,
            word: u32::from_be_bytes(*word),
            tag_at,
        })
    }

    /// Decrypts a packet that has been taken apart, if it is authentic.
    pub(super) fn open(&self, ssrc: u32, parts: &Parts, bytes: &mut [u8]) -> Result<(), Refusal> {
        // RFC 4568 §6.3.2: what was agreed counts, and not what the packet's flag says.
        if parts.word & ENCRYPTED == 0 {
            return Err(Refusal::Unencrypted);
        }
        let (packet, behind) = bytes.split_at_mut(parts.len);
        let (clear, body) = packet.split_at_mut(RTCP_CLEAR_LEN);
        let tag = &behind[parts.tag_at - parts.len..][..self.suite.rtcp_tag_len()];
        let nonce = nonce(ssrc, parts.word);
        if self.ready().open(nonce, clear, body, tag) {
            Ok(())
        } else {
            Err(Refusal::Authentication)
        }
    }

    fn ready(&self) -> Ready {
        Ready::new(self.suite.cipher(), &self.keys)
    }
}

fn nonce(ssrc: u32, word: u32) -> Nonce {
    Nonce {
        kind: Kind::Rtcp,
        ssrc,
        index: u64::from(word),
    }
}
