//! Packets as the stages hand them in, and where their parts lie.

use super::refusal::Refusal;

/// What a packet is: the two have keys, indices and layouts of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    Rtp,
    Rtcp,
}

/// A packet of a batch: where it lies in the batch's memory, whose it is, what became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet {
    /// The place of its sender or receiver.
    pub place: u32,
    /// What it is.
    pub kind: Kind,
    /// Where it begins.
    pub start: usize,
    /// Its bytes, without what is added to them before, and afterwards with it; the other way
    /// round where protection is removed.
    pub len: usize,
    /// Whether it may be used now.
    pub outcome: Result<(), Refusal>,
}

impl Packet {
    /// A packet to be worked on.
    pub const fn new(place: u32, kind: Kind, start: usize, len: usize) -> Self {
        Self {
            place,
            kind,
            start,
            len,
            outcome: Ok(()),
        }
    }
}

/// Bytes at the beginning of an RTCP packet that stay clear (RFC 3711 §3.4).
pub(super) const RTCP_CLEAR_LEN: usize = 8;

/// What the beginning of an RTP packet says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RtpHead {
    pub(super) sequence: u16,
    pub(super) ssrc: u32,
    /// Bytes of header, contributors and extension, which stay clear (RFC 3711 §3.1).
    pub(super) clear_len: usize,
}

impl RtpHead {
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, Refusal> {
        let (head, rest) = bytes.split_first_chunk::<12>().ok_or(Refusal::Malformed)?;
        if head[0] >> 6 != 2 {
            return Err(Refusal::Malformed);
        }
        let mut clear_len = 12 + 4 * usize::from(head[0] & 0x0f);
        if head[0] & 0x10 != 0 {
            let words = rest.get(clear_len - 12 + 2..clear_len - 12 + 4);
            let &[high, low] = words.ok_or(Refusal::Malformed)? else {
                unreachable!("two bytes");
            };
            clear_len += 4 + 4 * usize::from(u16::from_be_bytes([high, low]));
        }
        if clear_len > bytes.len() {
            return Err(Refusal::Malformed);
        }
        Ok(Self {
            sequence: u16::from_be_bytes([head[2], head[3]]),
            ssrc: u32::from_be_bytes([head[8], head[9], head[10], head[11]]),
            clear_len,
        })
    }
}

/// The SSRC of who sent an RTCP packet.
pub(super) fn rtcp_ssrc(bytes: &[u8]) -> Result<u32, Refusal> {
    match *bytes {
        [first, _, _, _, a, b, c, d, ..] if first >> 6 == 2 => Ok(u32::from_be_bytes([a, b, c, d])),
        _ => Err(Refusal::Malformed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clear_len(bytes: &[u8]) -> Result<usize, Refusal> {
        RtpHead::parse(bytes).map(|head| head.clear_len)
    }

    #[test]
    fn contributors_and_extension_stay_clear() {
        let mut packet = vec![0x80, 0, 0x12, 0x34, 0, 0, 0, 0, 1, 2, 3, 4];
        let head = RtpHead::parse(&packet).unwrap();
        assert_eq!((head.sequence, head.ssrc), (0x1234, 0x0102_0304));
        assert_eq!(head.clear_len, 12);
        packet[0] = 0x82;
        assert_eq!(clear_len(&packet), Err(Refusal::Malformed));
        packet.extend([0; 8]);
        assert_eq!(clear_len(&packet), Ok(20));
        packet[0] = 0x92;
        assert_eq!(clear_len(&packet), Err(Refusal::Malformed));
        packet.extend([0xbe, 0xde, 0, 1, 9, 9, 9]);
        assert_eq!(clear_len(&packet), Err(Refusal::Malformed));
        packet.push(9);
        assert_eq!(clear_len(&packet), Ok(28));
    }

    #[test]
    fn other_versions_and_stumps_are_malformed() {
        assert_eq!(clear_len(&[0x80; 11]), Err(Refusal::Malformed));
        assert_eq!(clear_len(&[0x40; 12]), Err(Refusal::Malformed));
        assert_eq!(rtcp_ssrc(&[0x80; 7]), Err(Refusal::Malformed));
        assert_eq!(rtcp_ssrc(&[0x40; 8]), Err(Refusal::Malformed));
        assert_eq!(rtcp_ssrc(&[0x80, 200, 0, 1, 0, 0, 0, 5]), Ok(5));
    }
}
