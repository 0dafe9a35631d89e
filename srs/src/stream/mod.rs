//! One stream as it arrives: what is counted, and what is heard.

/// When packets arrive: their jitter, and how long nothing came.
mod arrival;
/// SRTP: what comes is believed only if it is authentic, what goes is protected.
pub(crate) mod guard;
/// RTCP: what the client reports, and what it is told.
pub(crate) mod reports;
/// Sequence numbers of one source: what is lost, doubled, out of order.
mod sequence;
/// Where samples belong in the recording.
mod timeline;

use std::collections::BTreeSet;
use std::net::SocketAddr;

use sixreel_controlplane::sdp::{Codec, Encoding, Format};
use sixreel_controlplane::time::{Now, Wall};
use sixreel_dataplane::codec::g711;
use sixreel_dataplane::wire::rtcp::Block;
use sixreel_dataplane::wire::rtp::Packet;

use self::arrival::Arrival;
use self::sequence::{Order, Sequence};
pub(crate) use self::timeline::Sound;
use self::timeline::Timeline;
use crate::facts::MediaFacts;

/// Samples a second.
pub(crate) const RATE: u32 = 8000;

/// So many sources are told apart in one stream.
const SOURCES_MAX: usize = 16;
/// So many contributors are remembered.
const CSRCS_MAX: usize = 64;

/// A received stream.
#[derive(Debug, Default)]
pub(crate) struct Stream {
    from: Option<SocketAddr>,
    /// By SSRC; the last one is the present one.
    sources: Vec<(u32, Sequence)>,
    /// Lost by sources that are forgotten.
    lost_before: u64,
    arrival: Arrival,
    timeline: Timeline,
    csrcs: BTreeSet<u32>,
    first: Option<Wall>,
    last: Option<Wall>,
    counts: Counts,
}

/// What is agreed on at present.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms<'a> {
    /// Where the client said that it sends from.
    pub(crate) expected: Option<SocketAddr>,
    pub(crate) formats: &'a [Format],
    /// Whether anything may be sent at all.
    pub(crate) receiving: bool,
}

#[derive(Debug, Default)]
struct Counts {
    packets: u64,
    bytes: u64,
    reordered: u64,
    duplicates: u64,
    late: u64,
    restarts: u64,
    ssrc_changes: u64,
    while_inactive: u64,
    other_payload: u64,
    malformed: u64,
    foreign: u64,
}

impl Stream {
    /// Takes a packet that came to the port of RTP. The first one is told by its SSRC.
    pub(crate) fn receive(
        &mut self,
        data: &[u8],
        from: SocketAddr,
        terms: Terms<'_>,
        now: Now,
        out: &mut Vec<Sound>,
    ) -> Option<u32> {
        let Ok(packet) = Packet::parse(data) else {
            self.counts.malformed += 1;
            return None;
        };
        if !self.admit(from, terms.expected) {
            self.counts.foreign += 1;
            return None;
        }
        let first = self.first.is_none().then(|| packet.ssrc());
        self.first.get_or_insert(now.wall);
        self.last = Some(now.wall);
        self.counts.packets += 1;
        self.counts.bytes += packet.payload().len() as u64;
        let room = CSRCS_MAX.saturating_sub(self.csrcs.len());
        self.csrcs.extend(packet.csrcs().take(room));
        let order = self.observe(&packet, out);
        if !terms.receiving {
            self.counts.while_inactive += 1;
            self.arrival.interrupt();
            return first;
        }
        let encoding = encoding(terms.formats, packet.payload_type());
        let Encoding::Audio(codec) = encoding else {
            self.counts.other_payload += u64::from(encoding == Encoding::Other);
            return first;
        };
        self.arrival.note(packet.timestamp(), now.mono);
        if order != Order::Duplicate {
            let samples = decode(codec, packet.payload());
            let key = (packet.timestamp(), order != Order::Reordered);
            let placed = self.timeline.push(key, samples, now.mono, out);
            self.counts.late += u64::from(!placed);
        }
        first
    }

    /// Nothing is expected until further notice.
    pub(crate) const fn pause(&mut self) {
        self.arrival.interrupt();
    }

    /// Tells what is still held back.
    pub(crate) fn finish(&mut self, out: &mut Vec<Sound>) {
        self.timeline.interrupt(out);
    }

    /// Where it comes from.
    pub(crate) const fn from(&self) -> Option<SocketAddr> {
        self.from
    }

    /// How the present source arrives, for a report.
    pub(crate) fn report(&mut self) -> Option<Block> {
        let (ssrc, sequence) = self.sources.last_mut()?;
        Some(Block {
            ssrc: *ssrc,
            fraction_lost: sequence.fraction_lost(),
            cumulative_lost: sequence.cumulative_lost(),
            highest_sequence: sequence.highest(),
            jitter: self.arrival.jitter() as u32,
            last_report: 0,
            delay: 0,
        })
    }

    /// Everything that was counted.
    pub(crate) fn facts(&self) -> MediaFacts {
        let lost = self.sources.iter().map(|(_, sequence)| sequence.lost());
        let counts = &self.counts;
        MediaFacts {
            media_from: self.from,
            first_packet: self.first.map(Wall::rfc3339),
            last_packet: self.last.map(Wall::rfc3339),
            packets: counts.packets,
            bytes: counts.bytes,
            lost: self.lost_before + lost.sum::<u64>(),
            reordered: counts.reordered,
            duplicates: counts.duplicates,
            late: counts.late,
            restarts: counts.restarts,
            ssrc_changes: counts.ssrc_changes,
            while_inactive: counts.while_inactive,
            other_payload: counts.other_payload,
            malformed: counts.malformed,
            foreign: counts.foreign,
            jitter_ms: (self.arrival.jitter() * 1e6 / f64::from(RATE)).round() / 1e3,
            longest_gap_ms: self.arrival.longest_gap().as_millis() as u64,
            duration_ms: self.timeline.len() * 1000 / u64::from(RATE),
            ssrc: self.sources.last().map(|(ssrc, _)| *ssrc),
            csrcs: self.csrcs.iter().copied().collect(),
        }
    }

    /// Whether the stream may come from there: from where it came first, or from where it was
    /// announced, which counts for more.
    fn admit(&mut self, from: SocketAddr, expected: Option<SocketAddr>) -> bool {
        if Some(from) == expected || self.from.is_none() {
            self.from = Some(from);
        }
        self.from == Some(from)
    }

    /// Notes a packet's source and number.
    fn observe(&mut self, packet: &Packet<'_>, out: &mut Vec<Sound>) -> Order {
        let (ssrc, number) = (packet.ssrc(), packet.sequence());
        if self.sources.last().is_none_or(|(last, _)| *last != ssrc) {
            self.counts.ssrc_changes += u64::from(!self.sources.is_empty());
            self.arrival.interrupt();
            self.timeline.interrupt(out);
            let Some(at) = self.sources.iter().position(|(known, _)| *known == ssrc) else {
                self.begin_source(ssrc, number);
                return Order::Newest;
            };
            let known = self.sources.remove(at);
            self.sources.push(known);
        }
        let (_, sequence) = self.sources.last_mut().expect("it was found or begun");
        let order = sequence.observe(number);
        match order {
            Order::Newest => {}
            Order::Reordered => self.counts.reordered += 1,
            Order::Duplicate => self.counts.duplicates += 1,
            Order::Restarted => self.counts.restarts += 1,
        }
        order
    }

    fn begin_source(&mut self, ssrc: u32, number: u16) {
        if self.sources.len() == SOURCES_MAX {
            let (_, forgotten) = self.sources.remove(0);
            self.lost_before += forgotten.lost();
        }
        self.sources.push((ssrc, Sequence::begin(number)));
    }
}

fn encoding(formats: &[Format], payload_type: u8) -> Encoding {
    let found = formats
        .iter()
        .find(|format| format.payload_type == payload_type);
    found.map_or(Encoding::Other, |format| format.encoding)
}

fn decode(codec: Codec, payload: &[u8]) -> Vec<i16> {
    let mut samples = vec![0; payload.len()];
    match codec {
        Codec::Pcmu => g711::decode_ulaw(payload, &mut samples),
        Codec::Pcma => g711::decode_alaw(payload, &mut samples),
    }
    samples
}
