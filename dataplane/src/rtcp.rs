//! What a sink says and hears by RTCP: when a report is due, what it says, what an answer means.

use crate::api::ReceiverReport;
use crate::period::RATE;
use crate::time::Nanos;
use crate::wire::rtcp::{Block, Compound, Item, MAX_LEN, Report, SenderInfo, write};

/// The RTCP side of one outbound stream.
#[derive(Debug)]
pub(crate) struct Reporter {
    ssrc: u32,
    random: u64,
    due: Option<Nanos>,
    /// RTP packets sent when the last two reports were written.
    marks: [u64; 2],
    reported: bool,
    heard: Option<ReceiverReport>,
}

/// Where a stream stands when a report is written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Standing {
    /// Wall-clock time, NTP format 32.32.
    pub(crate) ntp: u64,
    /// The same time as a timestamp of the stream.
    pub(crate) timestamp: u32,
    /// RTP packets sent so far.
    pub(crate) packets: u64,
    /// Payload bytes in them.
    pub(crate) bytes: u64,
}

impl Reporter {
    /// A reporter for the stream `ssrc`; `seed` makes its intervals.
    pub(crate) const fn new(ssrc: u32, seed: u64) -> Self {
        Self {
            ssrc,
            random: seed,
            due: None,
            marks: [0; 2],
            reported: false,
            heard: None,
        }
    }

    /// Begins to report, as soon as it is known where to.
    pub(crate) fn begin(&mut self, now: Nanos) {
        if self.due.is_none() {
            // Half of half the minimum interval at least (RFC 3550 §6.2, §6.3.1).
            self.due = Some(now.after(self.random_ms(625, 1875)));
        }
    }

    /// Whether a report is due.
    pub(crate) fn is_due(&self, now: Nanos) -> bool {
        self.due.is_some_and(|due| due <= now)
    }

    /// Whether there is anybody to say BYE to (RFC 3550 §6.3.7).
    pub(crate) const fn owes_bye(&self, packets: u64) -> bool {
        self.reported || packets > 0
    }

    /// Writes a report and returns its length. `chunks` are the stream's own and its
    /// contributors' names (RFC 7866 §8.1.5).
    pub(crate) fn write<'c>(
        &self,
        standing: &Standing,
        chunks: impl Iterator<Item = (u32, &'c [u8])>,
        bye: bool,
        out: &mut [u8; MAX_LEN],
    ) -> usize {
        // An SR from who sent since the report before the last, an RR else (RFC 3550 §6.4).
        let sender = (standing.packets > self.marks[0]).then_some(SenderInfo {
            ntp: standing.ntp,
            rtp: standing.timestamp,
            packets: standing.packets as u32,
            octets: standing.bytes as u32,
        });
        let report = Report {
            ssrc: self.ssrc,
            sender,
            blocks: &[],
        };
        write(out, &report, chunks, bye)
    }

    /// Tells that a report was sent, after so many RTP packets; sets when the next is due.
    pub(crate) fn written(&mut self, packets: u64, now: Nanos) {
        self.marks = [self.marks[1], packets];
        self.reported = true;
        // The interval never depends on the number of members: there are two (RFC 3550 §6.3.1).
        self.due = Some(now.after(self.random_ms(2500, 7500)));
    }

    /// Takes in what the recorder says at the wall-clock time `ntp`; returns whether it says BYE.
    pub(crate) fn hear(&mut self, compound: &Compound<'_>, ntp: u64) -> bool {
        let mut bye = false;
        for item in compound.items() {
            match item {
                Item::Report { blocks, .. } => {
                    let about_us = blocks.iter().filter(|block| block.ssrc == self.ssrc).last();
                    if let Some(block) = about_us {
                        self.heard = Some(self.understand(&block, ntp));
                    }
                }
                Item::Bye(_) => bye = true,
                Item::Description(_) | Item::Other(_) => {}
            }
        }
        bye
    }

    /// The recorder's newest report.
    pub(crate) const fn heard(&self) -> Option<ReceiverReport> {
        self.heard
    }

    fn understand(&self, block: &Block, ntp: u64) -> ReceiverReport {
        let known = self.heard.map_or(0, |report| report.round_trip_us);
        ReceiverReport {
            fraction_lost: block.fraction_lost,
            cumulative_lost: block.cumulative_lost,
            jitter_us: block.jitter.saturating_mul(1_000_000 / RATE),
            round_trip_us: round_trip_us(block, ntp).unwrap_or(known),
        }
    }

    fn random_ms(&mut self, from: u64, to: u64) -> Nanos {
        Nanos::from_millis(from + splitmix(&mut self.random) % (to - from + 1))
    }
}

/// Whether a compound says that `ssrc` leaves.
pub(crate) fn says_bye(compound: &Compound<'_>, ssrc: u32) -> bool {
    compound.items().any(|item| match item {
        Item::Bye(leavers) => leavers.iter().any(|leaver| leaver == ssrc),
        Item::Report { .. } | Item::Description(_) | Item::Other(_) => false,
    })
}

/// RFC 3550 §6.4.1. None before our first report, and none from figures that cannot be true:
/// answers before the question, or a minute after it.
fn round_trip_us(block: &Block, ntp: u64) -> Option<u32> {
    if block.last_report == 0 {
        return None;
    }
    let now = (ntp >> 16) as u32;
    let units = now
        .wrapping_sub(block.last_report)
        .wrapping_sub(block.delay);
    (units < 60 << 16).then(|| ((u64::from(units) * 1_000_000) >> 16) as u32)
}

/// The next of a sequence of well mixed numbers (SplitMix64).
fn splitmix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ mixed >> 31
}

#[cfg(test)]
mod tests {
    use super::*;

    const NTP: u64 = 0x0000_1000_0000_0000;

    fn standing(packets: u64) -> Standing {
        Standing {
            ntp: NTP,
            timestamp: 77,
            packets,
            bytes: packets * 160,
        }
    }

    /// The report that is written after so many packets.
    fn sender(reporter: &Reporter, packets: u64) -> Option<SenderInfo> {
        let mut out = [0; MAX_LEN];
        let len = reporter.write(&standing(packets), std::iter::empty(), false, &mut out);
        match Compound::parse(&out[..len]).unwrap().items().next() {
            Some(Item::Report { sender, .. }) => sender,
            other => panic!("{other:?}"),
        }
    }

    fn answer(block: Block) -> Vec<u8> {
        let report = Report {
            ssrc: 5,
            sender: None,
            blocks: &[block],
        };
        let mut out = [0; MAX_LEN];
        let len = write(&mut out, &report, std::iter::empty(), false);
        out[..len].to_vec()
    }

    const BLOCK: Block = Block {
        ssrc: 9,
        fraction_lost: 3,
        cumulative_lost: -2,
        highest_sequence: 0,
        jitter: 16,
        last_report: (NTP >> 16) as u32,
        delay: 1 << 15,
    };

    #[test]
    fn the_first_report_comes_within_2500_ms_and_others_every_5_s_on_average() {
        let mut total = Nanos(0);
        for seed in 0..100 {
            let mut reporter = Reporter::new(9, seed);
            assert!(!reporter.is_due(Nanos::from_millis(1_000_000)));
            reporter.begin(Nanos(0));
            assert!(!reporter.is_due(Nanos::from_millis(600)));
            assert!(reporter.is_due(Nanos::from_millis(2500)));
            reporter.written(0, Nanos(0));
            assert!(!reporter.is_due(Nanos::from_millis(2499)));
            assert!(reporter.is_due(Nanos::from_millis(7500)));
            total = total.after(reporter.due.unwrap());
        }
        let average_ms = total.0 / Nanos::MILLI.0 / 100;
        assert!((4500..5500).contains(&average_ms), "{average_ms}");
    }

    #[test]
    fn who_sent_lately_reports_as_sender() {
        let mut reporter = Reporter::new(9, 1);
        assert_eq!(sender(&reporter, 0), None, "before any RTP");
        let expected = SenderInfo {
            ntp: NTP,
            rtp: 77,
            packets: 50,
            octets: 8000,
        };
        assert_eq!(sender(&reporter, 50), Some(expected));
        reporter.written(50, Nanos(0));
        assert!(
            sender(&reporter, 50).is_some(),
            "one report after the last packet"
        );
        reporter.written(50, Nanos(0));
        assert_eq!(sender(&reporter, 50), None, "two reports after it");
        assert!(sender(&reporter, 51).is_some());
    }

    #[test]
    fn an_answer_about_our_stream_is_understood() {
        let mut reporter = Reporter::new(9, 1);
        let bytes = answer(BLOCK);
        let compound = Compound::parse(&bytes).unwrap();
        // Answered half a second after it arrived, heard 0.75 s after the question.
        assert!(!reporter.hear(&compound, NTP + (3 << 30)));
        let expected = ReceiverReport {
            fraction_lost: 3,
            cumulative_lost: -2,
            jitter_us: 2000,
            round_trip_us: 250_000,
        };
        assert_eq!(reporter.heard(), Some(expected));
    }

    #[test]
    fn answers_about_others_and_impossible_times_are_not_believed() {
        let mut reporter = Reporter::new(9, 1);
        let hear = |reporter: &mut Reporter, block| {
            let bytes = answer(block);
            reporter.hear(&Compound::parse(&bytes).unwrap(), NTP);
            reporter.heard()
        };
        assert_eq!(hear(&mut reporter, Block { ssrc: 8, ..BLOCK }), None);
        for block in [
            Block { delay: 1, ..BLOCK },
            Block {
                last_report: 0,
                delay: 0,
                ..BLOCK
            },
            Block {
                last_report: 1,
                delay: 0,
                ..BLOCK
            },
        ] {
            let report = hear(&mut reporter, block).unwrap();
            assert_eq!(report.round_trip_us, 0, "{block:?}");
        }
        let wild = Block {
            jitter: u32::MAX,
            ..BLOCK
        };
        assert_eq!(hear(&mut reporter, wild).unwrap().jitter_us, u32::MAX);
    }
}
