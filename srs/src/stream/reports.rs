//! RTCP: what the client reports, and what it is told (RFC 3550 §6).

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use sixreel_controlplane::random::Random;
use sixreel_dataplane::wire::rtcp::{Block, Compound, Item, MAX_LEN, Report, SenderInfo, write};

/// The interval between reports, on average.
const INTERVAL: Duration = Duration::from_secs(5);
/// The first one comes within a second, so that the client of a short call hears of it.
const FIRST: Duration = Duration::from_secs(1);

/// RTCP of one stream.
#[derive(Debug)]
pub(crate) struct Reports {
    random: Random,
    ssrc: u32,
    cname: String,
    next: Instant,
    /// Whether the client was ever told how its stream arrives.
    told: bool,
    /// Who sent the newest SR, the middle of its time, and when it came.
    newest: Option<(u32, u32, Instant)>,
    /// Where RTCP comes from, which is where it goes (RFC 7866 §8.1.8).
    from: Option<SocketAddr>,
    pub(crate) received: u64,
    pub(crate) sent: u64,
    /// What the client says that it sent.
    pub(crate) sender: Option<SenderInfo>,
    /// What the client calls itself.
    pub(crate) cname_heard: Option<String>,
}

impl Reports {
    /// The recording begins.
    pub(crate) fn new(mut random: Random, now: Instant) -> Self {
        Self {
            ssrc: random.u32(),
            cname: random.cname(),
            next: now + spread(FIRST, &mut random) / 2,
            random,
            told: false,
            newest: None,
            from: None,
            received: 0,
            sent: 0,
            sender: None,
            cname_heard: None,
        }
    }

    /// The stream begins: its first report is not far.
    pub(crate) fn begin(&mut self, now: Instant) {
        if !self.told {
            self.next = now + spread(FIRST, &mut self.random) / 2;
        }
    }

    /// What reports are sent as.
    pub(crate) const fn ssrc(&self) -> u32 {
        self.ssrc
    }

    /// When the next report is due.
    pub(crate) const fn deadline(&self) -> Instant {
        self.next
    }

    /// Where RTCP goes, as far as that was learnt.
    pub(crate) const fn remote(&self) -> Option<SocketAddr> {
        self.from
    }

    /// Takes what the client reports; false where that is no RTCP.
    pub(crate) fn receive(&mut self, data: &[u8], from: SocketAddr, now: Instant) -> bool {
        let Ok(compound) = Compound::parse(data) else {
            return false;
        };
        self.from = Some(from);
        self.received += 1;
        for item in compound.items() {
            match item {
                Item::Report {
                    ssrc,
                    sender: Some(sender),
                    ..
                } => {
                    self.newest = Some((ssrc, (sender.ntp >> 16) as u32, now));
                    self.sender = Some(sender);
                }
                // The first chunk is the reporter's own, those of contributors follow.
                Item::Description(chunks) => {
                    let cname = chunks.iter().next().and_then(|chunk| chunk.cname);
                    let cname = cname.map(|cname| String::from_utf8_lossy(cname).into_owned());
                    self.cname_heard = cname.or_else(|| self.cname_heard.take());
                }
                Item::Report { sender: None, .. } | Item::Bye(_) | Item::Other(_) => {}
            }
        }
        true
    }

    /// The next report, and when the one after it is due. `block` is how the stream arrives, if
    /// there is one; `bye` ends it all.
    pub(crate) fn write(&mut self, block: Option<Block>, bye: bool, now: Instant) -> Vec<u8> {
        let block = block.map(|block| self.with_echo(block, now));
        self.told |= block.is_some();
        self.sent += 1;
        self.next = now + spread(INTERVAL, &mut self.random);
        let report = Report {
            ssrc: self.ssrc,
            sender: None,
            blocks: block.as_slice(),
        };
        let chunks = [(self.ssrc, self.cname.as_bytes())];
        let mut bytes = [0; MAX_LEN];
        let len = write(&mut bytes, &report, chunks.into_iter(), bye);
        bytes[..len].to_vec()
    }

    /// Nobody is there to be told: later, perhaps.
    pub(crate) fn skip(&mut self, now: Instant) {
        self.next = now + spread(INTERVAL, &mut self.random);
    }

    /// A block that says how long ago the newest SR of its stream came, so that its sender can
    /// tell the round trip (RFC 3550 §6.4.1).
    fn with_echo(&self, block: Block, now: Instant) -> Block {
        match self.newest {
            Some((ssrc, last_report, at)) if ssrc == block.ssrc => Block {
                last_report,
                delay: ((now - at).as_micros() * 65_536 / 1_000_000) as u32,
                ..block
            },
            Some(_) | None => block,
        }
    }
}

/// A time between half and one and a half of that, so that reports do not come in step
/// (RFC 3550 §6.2).
fn spread(time: Duration, random: &mut Random) -> Duration {
    let millis = time.as_millis() as u64;
    Duration::from_millis(millis / 2 + random.below(millis))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::epoch;

    const BLOCK: Block = Block {
        ssrc: 7,
        fraction_lost: 1,
        cumulative_lost: 2,
        highest_sequence: 3,
        jitter: 4,
        last_report: 0,
        delay: 0,
    };

    fn reports() -> Reports {
        Reports::new(Random::new([1; 32]), epoch())
    }

    /// An SR of source 7 with a description.
    fn sender_report(cname: &[u8]) -> Vec<u8> {
        let sender = SenderInfo {
            ntp: 0x0123_4567_89ab_cdef,
            rtp: 5,
            packets: 50,
            octets: 8000,
        };
        let report = Report {
            ssrc: 7,
            sender: Some(sender),
            blocks: &[],
        };
        let mut bytes = [0; MAX_LEN];
        let chunks = [(7, cname), (8, b"contributor".as_slice())];
        let len = write(&mut bytes, &report, chunks.into_iter(), false);
        bytes[..len].to_vec()
    }

    fn block(bytes: &[u8]) -> Option<Block> {
        let compound = Compound::parse(bytes).unwrap();
        compound.items().find_map(|item| match item {
            Item::Report { blocks, .. } => blocks.iter().next(),
            Item::Description(_) | Item::Bye(_) | Item::Other(_) => None,
        })
    }

    #[test]
    fn a_report_answers_the_newest_sender_report_of_its_stream() {
        let (mut reports, now) = (reports(), epoch());
        assert_eq!(block(&reports.write(Some(BLOCK), false, now)), Some(BLOCK));
        let from = "192.0.2.1:4001".parse().unwrap();
        assert!(reports.receive(&sender_report(b"me"), from, now));
        let later = now + Duration::from_millis(1500);
        let echo = Block {
            last_report: 0x4567_89ab,
            delay: 3 * 32_768,
            ..BLOCK
        };
        assert_eq!(block(&reports.write(Some(BLOCK), false, later)), Some(echo));
        let other = Block { ssrc: 9, ..BLOCK };
        assert_eq!(
            block(&reports.write(Some(other), false, later)),
            Some(other)
        );
        assert_eq!(reports.remote(), Some(from));
        assert_eq!(reports.cname_heard.as_deref(), Some("me"));
        assert_eq!(reports.sender.map(|sender| sender.packets), Some(50));
        assert_eq!((reports.received, reports.sent), (1, 3));
    }

    #[test]
    fn the_first_report_is_soon_and_the_others_are_seldom() {
        let (mut reports, now) = (reports(), epoch());
        let wait = |reports: &Reports, now: Instant| (reports.deadline() - now).as_millis();
        assert!((250..=750).contains(&wait(&reports, now)));
        let mut at = reports.deadline();
        assert_eq!(block(&reports.write(None, false, at)), None);
        assert!((2500..7500).contains(&wait(&reports, at)));
        at += Duration::from_millis(10);
        reports.begin(at);
        assert!(
            (250..=750).contains(&wait(&reports, at)),
            "nothing was told yet"
        );
        reports.write(Some(BLOCK), false, at);
        reports.begin(at);
        assert!((2500..7500).contains(&wait(&reports, at)));
    }

    #[test]
    fn the_last_report_says_goodbye() {
        let bytes = reports().write(None, true, epoch());
        let items: Vec<_> = Compound::parse(&bytes).unwrap().items().collect();
        assert_eq!(items.len(), 3);
        assert!(matches!(items[2], Item::Bye(who) if who.iter().len() == 1));
    }

    #[test]
    fn what_is_no_rtcp_teaches_nothing() {
        let mut reports = reports();
        let from = "192.0.2.1:4001".parse().unwrap();
        assert!(!reports.receive(&[0x80, 200, 0, 9], from, epoch()));
        assert_eq!((reports.remote(), reports.received), (None, 0));
    }
}
