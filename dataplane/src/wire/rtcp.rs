//! RTCP, RFC 3550 §6: compound packets, read and written.

/// The longest compound packet that is written: it fits any path without fragments.
pub const MAX_LEN: usize = 1200;

/// The most report blocks of a report, and chunks of a description: their counts have five bits.
pub const MAX_COUNT: usize = 31;

const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;
const SOURCE_DESCRIPTION: u8 = 202;
const BYE: u8 = 203;
const CNAME: u8 = 1;
const BLOCK_LEN: usize = 24;
const BYE_LEN: usize = 8;

/// Bytes that are not RTCP: too short, another version, or lengths that contradict each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

/// A received compound packet whose lengths have all been checked.
///
/// A packet that does not begin with a report is accepted as well (RFC 5506 §3.4.1 allows it, and
/// senders do it unasked).
#[derive(Clone, Copy, Debug)]
pub struct Compound<'a>(&'a [u8]);

/// One packet of a compound.
#[derive(Clone, Copy, Debug)]
pub enum Item<'a> {
    /// SR or RR.
    Report {
        /// Who reports.
        ssrc: u32,
        /// What it sends itself, in an SR.
        sender: Option<SenderInfo>,
        /// What it receives.
        blocks: Blocks<'a>,
    },
    /// SDES.
    Description(Chunks<'a>),
    /// BYE.
    Bye(Leavers<'a>),
    /// Any other packet type.
    Other(u8),
}

/// The sender's part of an SR (RFC 3550 §6.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SenderInfo {
    /// Wall-clock time of the report, NTP format 32.32.
    pub ntp: u64,
    /// The same time on the clock of the stream's timestamps.
    pub rtp: u32,
    /// RTP packets sent so far.
    pub packets: u32,
    /// Payload bytes sent so far.
    pub octets: u32,
}

/// A report block (RFC 3550 §6.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    /// The stream that it is about.
    pub ssrc: u32,
    /// Lost since the report before, in 1/256.
    pub fraction_lost: u8,
    /// Lost so far, 24 bits signed.
    pub cumulative_lost: i32,
    /// Highest sequence number received, with its cycles above.
    pub highest_sequence: u32,
    /// Interarrival jitter in units of the stream's timestamps.
    pub jitter: u32,
    /// Middle 32 bits of the NTP time of the newest SR; zero before the first.
    pub last_report: u32,
    /// Time since that SR arrived, in 1/65536 s.
    pub delay: u32,
}

/// The report blocks of a report.
#[derive(Clone, Copy, Debug)]
pub struct Blocks<'a>(&'a [[u8; BLOCK_LEN]]);

/// The chunks of a description.
#[derive(Clone, Copy, Debug)]
pub struct Chunks<'a>(&'a [u8]);

/// What a description says about one source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chunk<'a> {
    /// The source.
    pub ssrc: u32,
    /// Its canonical name.
    pub cname: Option<&'a [u8]>,
}

/// The sources that a BYE names.
#[derive(Clone, Copy, Debug)]
pub struct Leavers<'a>(&'a [[u8; 4]]);

/// The report with which a compound to be sent begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report<'a> {
    /// Who reports.
    pub ssrc: u32,
    /// Makes it an SR instead of an RR.
    pub sender: Option<SenderInfo>,
    /// What is received; those beyond [`MAX_COUNT`] are left out.
    pub blocks: &'a [Block],
}

impl<'a> Compound<'a> {
    /// Checks every length in `bytes`.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let mut rest = bytes;
        loop {
            rest = split(rest).ok_or(Malformed)?.1;
            if rest.is_empty() {
                return Ok(Self(bytes));
            }
        }
    }

    /// The packets in order.
    pub fn items(&self) -> impl Iterator<Item = Item<'a>> + use<'a> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            let (item, after) = split(rest)?;
            rest = after;
            Some(item)
        })
    }
}

impl Blocks<'_> {
    /// The blocks in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Block> {
        self.0.iter().map(Block::read)
    }
}

impl<'a> Chunks<'a> {
    /// The chunks in order.
    pub fn iter(&self) -> impl Iterator<Item = Chunk<'a>> + use<'a> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            let (chunk, after) = split_chunk(rest)?;
            rest = after;
            Some(chunk)
        })
    }
}

impl Leavers<'_> {
    /// The sources in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = u32> {
        self.0.iter().map(|bytes| u32::from_be_bytes(*bytes))
    }
}

/// Writes a compound packet as RFC 3550 §6.1 demands it: a report, a description, and where `bye`
/// is set, a BYE of the reporter. Returns its length.
///
/// `chunks` are sources with their canonical names of at most 255 bytes, the reporter first. Those
/// that do not fit are left out.
pub fn write<'c>(
    out: &mut [u8; MAX_LEN],
    report: &Report<'_>,
    chunks: impl Iterator<Item = (u32, &'c [u8])>,
    bye: bool,
) -> usize {
    let mut len = write_report(out, report);
    len += write_description(&mut out[len..MAX_LEN - BYE_LEN], chunks);
    if bye {
        let packet = &mut out[len..len + BYE_LEN];
        packet[4..].copy_from_slice(&report.ssrc.to_be_bytes());
        len += write_header(packet, BYE, 1);
    }
    len
}

fn write_report(out: &mut [u8], report: &Report<'_>) -> usize {
    let blocks = &report.blocks[..report.blocks.len().min(MAX_COUNT)];
    let (kind, mut len) = match report.sender {
        Some(sender) => {
            out[8..16].copy_from_slice(&sender.ntp.to_be_bytes());
            out[16..20].copy_from_slice(&sender.rtp.to_be_bytes());
            out[20..24].copy_from_slice(&sender.packets.to_be_bytes());
            out[24..28].copy_from_slice(&sender.octets.to_be_bytes());
            (SENDER_REPORT, 28)
        }
        None => (RECEIVER_REPORT, 8),
    };
    out[4..8].copy_from_slice(&report.ssrc.to_be_bytes());
    for block in blocks {
        out[len..len + BLOCK_LEN].copy_from_slice(&block.write());
        len += BLOCK_LEN;
    }
    write_header(&mut out[..len], kind, blocks.len())
}

fn write_description<'c>(out: &mut [u8], chunks: impl Iterator<Item = (u32, &'c [u8])>) -> usize {
    let mut len = 4;
    let mut count = 0;
    for (ssrc, cname) in chunks.take(MAX_COUNT) {
        // A null byte ends the items, and more of them fill the last word (RFC 3550 §6.5).
        let chunk_len = (4 + 2 + cname.len() + 1).next_multiple_of(4);
        let Some(chunk) = out.get_mut(len..len + chunk_len) else {
            break;
        };
        chunk.fill(0);
        chunk[..4].copy_from_slice(&ssrc.to_be_bytes());
        chunk[4] = CNAME;
        chunk[5] = cname.len() as u8;
        chunk[6..6 + cname.len()].copy_from_slice(cname);
        len += chunk_len;
        count += 1;
    }
    write_header(&mut out[..len], SOURCE_DESCRIPTION, count)
}

/// Fills the first word of a packet, whose length is whole words, and returns its length.
fn write_header(packet: &mut [u8], kind: u8, count: usize) -> usize {
    let words = (packet.len() / 4 - 1) as u16;
    packet[0] = 0x80 | count as u8;
    packet[1] = kind;
    packet[2..4].copy_from_slice(&words.to_be_bytes());
    packet.len()
}

/// Parts the first packet from those that follow.
fn split(bytes: &[u8]) -> Option<(Item<'_>, &[u8])> {
    let [first, kind, high, low, ..] = *bytes else {
        return None;
    };
    let words = usize::from(u16::from_be_bytes([high, low]));
    let (packet, rest) = bytes.split_at_checked(4 + words * 4)?;
    let mut body = &packet[4..];
    if first >> 6 != 2 {
        return None;
    }
    if first & 0x20 != 0 {
        // Only the last packet may be padded (RFC 3550 §6.4.1).
        let padding = usize::from(*body.last()?);
        body = &body[..body.len().checked_sub(padding)?];
        if padding == 0 || !rest.is_empty() {
            return None;
        }
    }
    Some((item(kind, usize::from(first & 0x1f), body)?, rest))
}

fn item(kind: u8, count: usize, body: &[u8]) -> Option<Item<'_>> {
    Some(match kind {
        SENDER_REPORT => {
            let (head, rest) = body.split_first_chunk::<24>()?;
            Item::Report {
                ssrc: word(head, 0),
                sender: Some(SenderInfo {
                    ntp: u64::from(word(head, 4)) << 32 | u64::from(word(head, 8)),
                    rtp: word(head, 12),
                    packets: word(head, 16),
                    octets: word(head, 20),
                }),
                blocks: Blocks(rest.as_chunks().0.get(..count)?),
            }
        }
        RECEIVER_REPORT => {
            let (ssrc, rest) = body.split_first_chunk()?;
            Item::Report {
                ssrc: u32::from_be_bytes(*ssrc),
                sender: None,
                blocks: Blocks(rest.as_chunks().0.get(..count)?),
            }
        }
        SOURCE_DESCRIPTION => {
            let mut rest = body;
            for _ in 0..count {
                rest = split_chunk(rest)?.1;
            }
            Item::Description(Chunks(&body[..body.len() - rest.len()]))
        }
        BYE => Item::Bye(Leavers(body.as_chunks().0.get(..count)?)),
        _ => Item::Other(kind),
    })
}

/// Parts the first chunk of a description from those that follow (RFC 3550 §6.5).
fn split_chunk(bytes: &[u8]) -> Option<(Chunk<'_>, &[u8])> {
    let (ssrc, mut rest) = bytes.split_first_chunk()?;
    let mut cname = None;
    loop {
        match rest {
            [0, after @ ..] => {
                let used = (bytes.len() - after.len()).next_multiple_of(4);
                let ssrc = u32::from_be_bytes(*ssrc);
                return Some((Chunk { ssrc, cname }, bytes.get(used..)?));
            }
            [kind, len, after @ ..] => {
                let (text, after) = after.split_at_checked(usize::from(*len))?;
                if *kind == CNAME {
                    cname = Some(text);
                }
                rest = after;
            }
            _ => return None,
        }
    }
}

impl Block {
    fn read(bytes: &[u8; BLOCK_LEN]) -> Self {
        let lost = word(bytes, 4);
        Self {
            ssrc: word(bytes, 0),
            fraction_lost: (lost >> 24) as u8,
            cumulative_lost: (lost << 8) as i32 >> 8,
            highest_sequence: word(bytes, 8),
            jitter: word(bytes, 12),
            last_report: word(bytes, 16),
            delay: word(bytes, 20),
        }
    }

    fn write(&self) -> [u8; BLOCK_LEN] {
        let lost = self.cumulative_lost.clamp(-0x80_0000, 0x7f_ffff) as u32 & 0xff_ffff;
        let words = [
            self.ssrc,
            u32::from(self.fraction_lost) << 24 | lost,
            self.highest_sequence,
            self.jitter,
            self.last_report,
            self.delay,
        ];
        let mut bytes = [0; BLOCK_LEN];
        for (out, word) in bytes.as_chunks_mut().0.iter_mut().zip(words) {
            *out = word.to_be_bytes();
        }
        bytes
    }
}

/// The word at `offset` of a part whose length is known.
fn word<const LEN: usize>(bytes: &[u8; LEN], offset: usize) -> u32 {
    let word = bytes[offset..].first_chunk();
    u32::from_be_bytes(*word.expect("the offset lies a word before the end"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SENDER: SenderInfo = SenderInfo {
        ntp: 0x0102_0304_0506_0708,
        rtp: 0x1122_3344,
        packets: 3,
        octets: 480,
    };

    fn compound(report: &Report<'_>, chunks: &[(u32, &[u8])], bye: bool) -> Vec<u8> {
        let mut out = [0xee; MAX_LEN];
        let len = write(&mut out, report, chunks.iter().copied(), bye);
        out[..len].to_vec()
    }

    fn block() -> impl Strategy<Value = Block> {
        (any::<[u32; 5]>(), any::<u8>(), -0x80_0000..=0x7f_ffff).prop_map(
            |(words, fraction, lost)| Block {
                ssrc: words[0],
                fraction_lost: fraction,
                cumulative_lost: lost,
                highest_sequence: words[1],
                jitter: words[2],
                last_report: words[3],
                delay: words[4],
            },
        )
    }

    #[test]
    fn writes_the_layout_of_rfc_3550() {
        let report = Report {
            ssrc: 0xaabb_ccdd,
            sender: Some(SENDER),
            blocks: &[],
        };
        let expected = [
            0x80, 200, 0, 6, 0xaa, 0xbb, 0xcc, 0xdd, 1, 2, 3, 4, 5, 6, 7, 8, 0x11, 0x22, 0x33,
            0x44, 0, 0, 0, 3, 0, 0, 1, 0xe0, // SR
            0x81, 202, 0, 3, 0xaa, 0xbb, 0xcc, 0xdd, 1, 4, b'n', b'a', b'm', b'e', 0,
            0, // SDES
            0x81, 203, 0, 1, 0xaa, 0xbb, 0xcc, 0xdd, // BYE
        ];
        let bytes = compound(&report, &[(0xaabb_ccdd, b"name")], true);
        assert_eq!(bytes, expected);
    }

    #[test]
    fn a_name_that_fills_its_words_is_still_ended_by_a_null() {
        let report = Report {
            ssrc: 1,
            sender: None,
            blocks: &[],
        };
        let bytes = compound(&report, &[(1, b"ab"), (2, b"cd")], false);
        assert_eq!(bytes.len(), 8 + 4 + 2 * 12);
        let items: Vec<_> = Compound::parse(&bytes).unwrap().items().collect();
        let [Item::Report { sender: None, .. }, Item::Description(chunks)] = items[..] else {
            panic!("{items:?}");
        };
        let names: Vec<_> = chunks
            .iter()
            .map(|chunk| (chunk.ssrc, chunk.cname))
            .collect();
        assert_eq!(names, [(1, Some(&b"ab"[..])), (2, Some(&b"cd"[..]))]);
    }

    #[test]
    fn leaves_out_chunks_beyond_the_count_and_beyond_the_length() {
        let report = Report {
            ssrc: 1,
            sender: Some(SENDER),
            blocks: &[],
        };
        let count = |name: &'static [u8]| {
            let chunks: Vec<_> = (0..40).map(|ssrc| (ssrc, name)).collect();
            let bytes = compound(&report, &chunks, true);
            let items: Vec<_> = Compound::parse(&bytes).unwrap().items().collect();
            let [_, Item::Description(chunks), Item::Bye(leavers)] = items[..] else {
                panic!("{items:?}");
            };
            assert_eq!(leavers.iter().collect::<Vec<_>>(), [1]);
            chunks.iter().count()
        };
        assert_eq!(count(b"short"), MAX_COUNT);
        assert_eq!(count(&[b'x'; 32]), (MAX_LEN - 28 - 4 - 8) / 40);
    }

    #[test]
    fn refuses_lengths_that_contradict_each_other() {
        let report = Report {
            ssrc: 1,
            sender: Some(SENDER),
            blocks: &[],
        };
        let good = compound(&report, &[(1, b"name")], true);
        for len in 0..good.len() {
            let whole_packets = [28, 44].contains(&len);
            assert_eq!(
                Compound::parse(&good[..len]).is_ok(),
                whole_packets,
                "{len}"
            );
        }
        for (at, value) in [
            (0, 0x81),
            (0, 0x40),
            (0, 0xa0),
            (3, 5),
            (28, 0x82),
            (37, 200),
            (44, 0x85),
        ] {
            let mut bad = good.clone();
            bad[at] = value;
            assert!(Compound::parse(&bad).is_err(), "byte {at} = {value:#x}");
        }
    }

    #[test]
    fn padding_of_the_last_packet_is_stepped_over() {
        let bytes = [0xa0, 201, 0, 2, 0, 0, 0, 7, 0, 0, 0, 4];
        let item = Compound::parse(&bytes).unwrap().items().next();
        assert!(
            matches!(item, Some(Item::Report { ssrc: 7, .. })),
            "{item:?}"
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        #[test]
        fn reads_back_what_it_wrote(
            ssrc: u32, sends: bool, bye: bool,
            blocks in prop::collection::vec(block(), 0..=MAX_COUNT),
            names in prop::collection::vec((any::<u32>(), "[!-~]{0,32}"), 0..8),
        ) {
            let report = Report { ssrc, sender: sends.then_some(SENDER), blocks: &blocks };
            let chunks: Vec<_> =
                names.iter().map(|(ssrc, name)| (*ssrc, name.as_bytes())).collect();
            let bytes = compound(&report, &chunks, bye);
            let mut items = Compound::parse(&bytes).unwrap().items();
            let Some(Item::Report { ssrc: reporter, sender, blocks: read }) = items.next() else {
                panic!("a report comes first");
            };
            prop_assert_eq!((reporter, sender), (ssrc, report.sender));
            prop_assert_eq!(read.iter().collect::<Vec<_>>(), blocks);
            let Some(Item::Description(read)) = items.next() else {
                panic!("a description comes second");
            };
            let read: Vec<_> = read.iter().map(|c| (c.ssrc, c.cname.unwrap())).collect();
            prop_assert_eq!(read, chunks);
            prop_assert_eq!(matches!(items.next(), Some(Item::Bye(_))), bye);
        }

        #[test]
        fn never_panics(
            mut bytes in prop::collection::vec(any::<u8>(), 0..80),
            kind in 199u8..206,
        ) {
            if let [first, second, third, ..] = &mut bytes[..] {
                (*first, *second, *third) = (*first & 0x3f | 0x80, kind, 0);
            }
            if let Ok(compound) = Compound::parse(&bytes) {
                for item in compound.items() {
                    match item {
                        Item::Report { blocks, .. } => prop_assert!(blocks.iter().len() <= 31),
                        Item::Description(chunks) => prop_assert!(chunks.iter().count() <= 31),
                        Item::Bye(leavers) => prop_assert!(leavers.iter().len() <= 31),
                        Item::Other(_) => {}
                    }
                }
            }
        }
    }
}
