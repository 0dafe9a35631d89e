//! Why a packet is not protected or not let through: the reason is also its counter.

use crate::counters::Drop;

/// A reason for which a packet was refused. Its bytes mean nothing then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Refusal {
    /// There are no keys in its place.
    NoKeys,
    /// Too short, or its lengths contradict each other, or there is no room for a tag behind it.
    Malformed,
    /// A sender's packet with another SSRC than the sender's.
    Ssrc,
    /// A sender's packet whose sequence number does not advance: its keystream was used already.
    IndexUsed,
    /// The keys have protected as many packets as they may.
    KeysExpired,
    /// It names another master key.
    Mki,
    /// Its tag is wrong: forged, damaged, or protected with other keys.
    Authentication,
    /// It was let through before, or is too old to tell.
    Replay,
    /// RTCP that is authentic but not encrypted, although encryption was agreed.
    Unencrypted,
    /// More SSRCs than a receiver remembers.
    SsrcLimit,
}

impl From<Refusal> for Drop {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NoKeys => Self::NoKeys,
            Refusal::Malformed => Self::Malformed,
            Refusal::Ssrc | Refusal::SsrcLimit => Self::Ssrc,
            Refusal::IndexUsed => Self::IndexUsed,
            Refusal::KeysExpired => Self::KeysExpired,
            Refusal::Mki | Refusal::Authentication | Refusal::Unencrypted => Self::Authentication,
            Refusal::Replay => Self::Replay,
        }
    }
}
