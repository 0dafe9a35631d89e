//! RTP, RFC 3550 §5: the packet header, read and written.

/// Bytes of a header without contributing sources.
pub const HEADER_LEN: usize = 12;

/// The most contributing sources that a packet can list.
pub const MAX_CSRCS: usize = 15;

/// Why bytes are not an RTP packet; the sender is to blame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// Too short, or its lengths contradict each other.
    Malformed,
    /// Not version 2.
    Version,
}

/// A received packet whose lengths have been checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    header: &'a [u8; HEADER_LEN],
    csrcs: &'a [u8],
    payload: &'a [u8],
}

/// The header of a packet to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header<'a> {
    /// Marks the first packet after a pause.
    pub marker: bool,
    /// Below 128.
    pub payload_type: u8,
    /// Counts packets.
    pub sequence: u16,
    /// Counts samples.
    pub timestamp: u32,
    /// Synchronisation source.
    pub ssrc: u32,
    /// Contributing sources; those beyond [`MAX_CSRCS`] are left out.
    pub csrcs: &'a [u32],
}

impl<'a> Packet<'a> {
    /// Checks `bytes`; header extensions and padding are stepped over.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Error> {
        let (header, rest) = bytes.split_first_chunk().ok_or(Error::Malformed)?;
        let header: &[u8; HEADER_LEN] = header;
        if header[0] >> 6 != 2 {
            return Err(Error::Version);
        }
        let count = usize::from(header[0] & 0x0f);
        let (csrcs, rest) = rest.split_at_checked(count * 4).ok_or(Error::Malformed)?;
        let extended = header[0] & 0x10 != 0;
        let body = if extended {
            after_extension(rest)?
        } else {
            rest
        };
        let padded = header[0] & 0x20 != 0;
        let payload = if padded { without_padding(body)? } else { body };
        Ok(Self {
            header,
            csrcs,
            payload,
        })
    }

    /// Whether the marker is set.
    pub const fn marker(&self) -> bool {
        self.header[1] & 0x80 != 0
    }

    /// Payload type, below 128.
    pub const fn payload_type(&self) -> u8 {
        self.header[1] & 0x7f
    }

    /// Sequence number.
    pub const fn sequence(&self) -> u16 {
        u16::from_be_bytes([self.header[2], self.header[3]])
    }

    /// Timestamp of the first sample.
    pub const fn timestamp(&self) -> u32 {
        let [_, _, _, _, a, b, c, d, ..] = *self.header;
        u32::from_be_bytes([a, b, c, d])
    }

    /// Synchronisation source.
    pub const fn ssrc(&self) -> u32 {
        let [.., a, b, c, d] = *self.header;
        u32::from_be_bytes([a, b, c, d])
    }

    /// Contributing sources.
    pub fn csrcs(&self) -> impl ExactSizeIterator<Item = u32> + use<'a> {
        let (numbers, _) = self.csrcs.as_chunks();
        numbers.iter().map(|bytes| u32::from_be_bytes(*bytes))
    }

    /// What is carried, without extension and padding.
    pub const fn payload(&self) -> &'a [u8] {
        self.payload
    }
}

impl Header<'_> {
    /// Bytes that [`Header::write`] fills.
    pub fn size(&self) -> usize {
        HEADER_LEN + 4 * self.csrcs.len().min(MAX_CSRCS)
    }

    /// Writes into `out`, whose length is [`Header::size`].
    pub fn write(&self, out: &mut [u8]) {
        let csrcs = &self.csrcs[..self.csrcs.len().min(MAX_CSRCS)];
        let (header, list) = out
            .split_first_chunk_mut::<HEADER_LEN>()
            .expect("the caller reserves `size` bytes");
        header[0] = 0x80 | csrcs.len() as u8;
        header[1] = u8::from(self.marker) << 7 | self.payload_type & 0x7f;
        header[2..4].copy_from_slice(&self.sequence.to_be_bytes());
        header[4..8].copy_from_slice(&self.timestamp.to_be_bytes());
        header[8..12].copy_from_slice(&self.ssrc.to_be_bytes());
        for (out, csrc) in list.as_chunks_mut().0.iter_mut().zip(csrcs) {
            *out = csrc.to_be_bytes();
        }
    }
}

/// What follows a header extension (RFC 3550 §5.3.1): a 16-bit name, a count of 32-bit words.
fn after_extension(bytes: &[u8]) -> Result<&[u8], Error> {
    let [_, _, high, low, rest @ ..] = bytes else {
        return Err(Error::Malformed);
    };
    let words = usize::from(u16::from_be_bytes([*high, *low]));
    rest.get(words * 4..).ok_or(Error::Malformed)
}

/// What precedes the padding, whose last byte is its length (RFC 3550 §5.1).
fn without_padding(bytes: &[u8]) -> Result<&[u8], Error> {
    let padding = usize::from(*bytes.last().ok_or(Error::Malformed)?);
    match bytes.len().checked_sub(padding) {
        Some(len) if padding > 0 => Ok(&bytes[..len]),
        _ => Err(Error::Malformed),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn header(csrcs: &[u32]) -> Header<'_> {
        Header {
            marker: true,
            payload_type: 8,
            sequence: 0x1234,
            timestamp: 0x5678_9abc,
            ssrc: 0xdef0_1234,
            csrcs,
        }
    }

    fn packet(header: &Header<'_>, payload: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0; header.size()];
        header.write(&mut bytes);
        bytes.extend_from_slice(payload);
        bytes
    }

    #[test]
    fn writes_the_layout_of_rfc_3550() {
        let bytes = packet(&header(&[1, 2]), &[0xff]);
        let expected = [
            0x82, 0x88, 0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde, 0xf0, 0x12, 0x34, 0, 0, 0, 1, 0,
            0, 0, 2, 0xff,
        ];
        assert_eq!(bytes, expected);
    }

    #[test]
    fn lists_no_more_contributors_than_the_count_can_say() {
        let many: Vec<u32> = (0..20).collect();
        let bytes = packet(&header(&many), &[7]);
        let packet = Packet::parse(&bytes).unwrap();
        assert_eq!(packet.csrcs().collect::<Vec<_>>(), many[..15]);
        assert_eq!(packet.payload(), [7]);
    }

    #[test]
    fn steps_over_extension_and_padding() {
        let mut bytes = packet(&header(&[9]), &[]);
        bytes[0] |= 0x30;
        bytes.extend_from_slice(&[0xbe, 0xde, 0, 1, 1, 2, 3, 4]);
        bytes.extend_from_slice(b"speech");
        bytes.extend_from_slice(&[0, 0, 3]);
        let packet = Packet::parse(&bytes).unwrap();
        assert_eq!(packet.payload(), b"speech");
        assert_eq!(packet.csrcs().collect::<Vec<_>>(), [9]);
    }

    #[test]
    fn refuses_lengths_that_contradict_each_other() {
        let plain = packet(&header(&[]), &[5, 4]);
        for len in 0..HEADER_LEN {
            assert_eq!(Packet::parse(&plain[..len]), Err(Error::Malformed));
        }
        for first in [0x90, 0x8f, 0xa0] {
            let mut bytes = plain.clone();
            bytes[0] = first;
            bytes[13] = if first == 0xa0 { 3 } else { 0 };
            assert_eq!(Packet::parse(&bytes), Err(Error::Malformed), "{first:#x}");
        }
        let mut unpadded = plain.clone();
        unpadded[0] = 0xa0;
        unpadded[13] = 0;
        assert_eq!(Packet::parse(&unpadded), Err(Error::Malformed));
    }

    #[test]
    fn refuses_other_versions() {
        let mut bytes = packet(&header(&[]), &[]);
        bytes[0] = 0x40;
        assert_eq!(Packet::parse(&bytes), Err(Error::Version));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        #[test]
        fn reads_back_what_it_wrote(
            marker: bool, payload_type in 0u8..128, sequence: u16, timestamp: u32, ssrc: u32,
            csrcs in prop::collection::vec(any::<u32>(), 0..=MAX_CSRCS),
            payload in prop::collection::vec(any::<u8>(), 0..200),
        ) {
            let header = Header { marker, payload_type, sequence, timestamp, ssrc, csrcs: &csrcs };
            let bytes = packet(&header, &payload);
            let read = Packet::parse(&bytes).unwrap();
            let read_csrcs: Vec<u32> = read.csrcs().collect();
            let again = Header {
                marker: read.marker(),
                payload_type: read.payload_type(),
                sequence: read.sequence(),
                timestamp: read.timestamp(),
                ssrc: read.ssrc(),
                csrcs: &read_csrcs,
            };
            prop_assert_eq!(again, header);
            prop_assert_eq!(read.payload(), &payload[..]);
        }

        #[test]
        fn never_panics(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            if let Ok(packet) = Packet::parse(&bytes) {
                prop_assert!(packet.payload().len() + HEADER_LEN <= bytes.len());
            }
        }
    }
}
