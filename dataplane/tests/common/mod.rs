//! A pipeline on a clock that the test moves, with talkers before it and recorders behind it.
#![expect(dead_code, reason = "each test file uses its own part")]

use std::net::SocketAddr;

use sixreel_dataplane::api::*;
use sixreel_dataplane::codec;
use sixreel_dataplane::pipeline::{Events, Pipeline};
use sixreel_dataplane::srtp::{self, Keys, Kind, Receivers, Refusal, Senders, Suite};
use sixreel_dataplane::time::Nanos;
use sixreel_dataplane::wire::datagram::{Packet, TxBatch};
use sixreel_dataplane::wire::{is_rtcp, rtcp, rtp};

pub(crate) const LIMITS: Limits = Limits {
    calls: 8,
    sources_per_call: 4,
    sinks_per_call: 6,
    streams: 32,
    frames: 400,
};

/// 2024-01-01 in NTP's format.
pub(crate) const EPOCH_NTP: u64 = 3_913_056_000 << 32;

/// A packet that was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sent {
    pub(crate) at: Nanos,
    pub(crate) pair: u32,
    pub(crate) odd: bool,
    pub(crate) to: SocketAddr,
    pub(crate) data: Vec<u8>,
}

/// An RTP packet that was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rtp {
    pub(crate) marker: bool,
    pub(crate) payload_type: u8,
    pub(crate) sequence: u16,
    pub(crate) timestamp: u32,
    pub(crate) ssrc: u32,
    pub(crate) csrcs: Vec<u32>,
    pub(crate) payload: Vec<u8>,
}

pub(crate) struct Rig {
    pub(crate) pipeline: Pipeline,
    pub(crate) now: Nanos,
    pub(crate) sent: Vec<Sent>,
    pub(crate) told: Vec<Event>,
    batch: TxBatch,
    events: Events,
}

impl Rig {
    pub(crate) fn new() -> Self {
        Self::with(LIMITS)
    }

    pub(crate) fn with(limits: Limits) -> Self {
        let pipeline = Pipeline::new(limits, EPOCH_NTP);
        Self {
            batch: pipeline.batch(),
            pipeline,
            now: Nanos::from_millis(1000),
            sent: Vec::new(),
            told: Vec::new(),
            events: Events::new(1000),
        }
    }

    /// A rig with one call, one source and one sink that flows.
    pub(crate) fn recording(codec: Codec) -> Self {
        let mut rig = Self::new();
        rig.command(Command::OpenCall { call: call(0) });
        rig.open_source(0, 1);
        rig.open_sink(0, 10);
        rig.set_sink(10, flow(codec));
        rig
    }

    pub(crate) fn command(&mut self, command: Command) {
        self.pipeline
            .apply(command, self.now, &mut self.batch, &mut self.events);
        self.collect();
    }

    pub(crate) fn open_source(&mut self, of: u32, index: u32) {
        self.command(Command::OpenSource {
            call: call(of),
            source: stream(index),
            spec: source_spec(index),
            keys: None,
        });
    }

    pub(crate) fn open_sink(&mut self, of: u32, index: u32) {
        self.command(Command::OpenSink {
            call: call(of),
            sink: stream(index),
            spec: sink_spec(index),
        });
    }

    pub(crate) fn set_sink(&mut self, index: u32, flow: SinkFlow) {
        self.command(Command::SetSink {
            sink: stream(index),
            flow,
            keys: None,
        });
    }

    pub(crate) fn receive(&mut self, pair: u32, from: SocketAddr, data: &[u8]) {
        let packet = Packet {
            pair,
            rtcp: false,
            from,
            data,
        };
        self.pipeline.receive(packet, self.now);
    }

    pub(crate) fn receive_rtcp(&mut self, pair: u32, from: SocketAddr, data: &[u8]) {
        let packet = Packet {
            pair,
            rtcp: true,
            from,
            data,
        };
        self.pipeline.receive(packet, self.now);
    }

    /// Lets `ms` milliseconds pass, and serves every slot at its time.
    pub(crate) fn pass(&mut self, ms: u64) {
        let end = self.now.after(Nanos::from_millis(ms));
        while let Some(due) = self.pipeline.next_slot().filter(|due| *due <= end) {
            self.now = due;
            self.tick();
        }
        self.now = end;
    }

    pub(crate) fn tick(&mut self) {
        self.pipeline
            .tick(self.now, &mut self.batch, &mut self.events);
        self.collect();
    }

    /// RTP sent by a sink.
    pub(crate) fn rtp(&self, pair: u32) -> Vec<Rtp> {
        let sent = self
            .sent
            .iter()
            .filter(|sent| sent.pair == pair && !is_rtcp(&sent.data));
        sent.map(|sent| read(&sent.data)).collect()
    }

    /// RTCP sent by a sink.
    pub(crate) fn rtcp(&self, pair: u32) -> Vec<Sent> {
        let sent = self
            .sent
            .iter()
            .filter(|sent| sent.pair == pair && is_rtcp(&sent.data));
        sent.cloned().collect()
    }

    /// What a sink sent, decoded.
    pub(crate) fn heard(&self, pair: u32, codec: Codec) -> Vec<i16> {
        self.rtp(pair)
            .iter()
            .flat_map(|rtp| decode(codec, &rtp.payload))
            .collect()
    }

    pub(crate) fn drops(&self, reason: sixreel_dataplane::counters::Drop) -> u64 {
        self.pipeline.stats().drops[reason as usize]
    }

    /// The newest figures told of a source.
    pub(crate) fn source_stats(&self, index: u32) -> SourceStats {
        let stats = self.told.iter().rev().find_map(|event| {
            let Event::SourceStats { source, stats } = event else {
                return None;
            };
            (*source == stream(index)).then_some(*stats)
        });
        stats.expect("figures were told")
    }

    /// The newest figures told of a sink.
    pub(crate) fn sink_stats(&self, index: u32) -> SinkStats {
        let stats = self.told.iter().rev().find_map(|event| {
            let Event::SinkStats { sink, stats } = event else {
                return None;
            };
            (*sink == stream(index)).then_some(*stats)
        });
        stats.expect("figures were told")
    }

    /// Changes of state told so far, without figures.
    pub(crate) fn changes(&self) -> Vec<Event> {
        let figures =
            |event: &&Event| !matches!(event, Event::SourceStats { .. } | Event::SinkStats { .. });
        self.told.iter().filter(figures).copied().collect()
    }

    fn collect(&mut self) {
        let at = self.now;
        self.sent.extend(self.batch.iter().map(|packet| Sent {
            at,
            pair: packet.pair,
            odd: packet.rtcp,
            to: packet.to,
            data: packet.data.to_vec(),
        }));
        self.batch.clear();
        self.told.extend(std::iter::from_fn(|| self.events.pop()));
    }
}

/// A participant's telephone.
pub(crate) struct Talker {
    pub(crate) from: SocketAddr,
    pub(crate) ssrc: u32,
    pub(crate) payload_type: u8,
    pub(crate) sequence: u16,
    pub(crate) timestamp: u32,
}

impl Talker {
    pub(crate) fn new(ssrc: u32) -> Self {
        Self {
            from: address(ssrc as u16),
            ssrc,
            payload_type: 0,
            sequence: 65_500,
            timestamp: u32::MAX - 10_000,
        }
    }

    /// The next packet.
    pub(crate) fn packet(&mut self, payload: &[u8]) -> Vec<u8> {
        let header = rtp::Header {
            marker: false,
            payload_type: self.payload_type,
            sequence: self.sequence,
            timestamp: self.timestamp,
            ssrc: self.ssrc,
            csrcs: &[],
        };
        let mut packet = vec![0; header.size()];
        header.write(&mut packet);
        packet.extend_from_slice(payload);
        self.sequence = self.sequence.wrapping_add(1);
        self.timestamp = self.timestamp.wrapping_add(payload.len() as u32);
        packet
    }

    /// Sends the next packet.
    pub(crate) fn send(&mut self, rig: &mut Rig, pair: u32, payload: &[u8]) {
        let packet = self.packet(payload);
        rig.receive(pair, self.from, &packet);
    }

    /// Sends µ-law, 20 ms at a time, as time passes.
    pub(crate) fn talk(&mut self, rig: &mut Rig, pair: u32, ulaw: &[u8]) {
        for payload in ulaw.chunks(160) {
            self.send(rig, pair, payload);
            rig.pass(20);
        }
    }
}

pub(crate) fn call(index: u32) -> CallId {
    CallId(Handle {
        index,
        generation: 1,
    })
}

pub(crate) fn stream(index: u32) -> StreamId {
    StreamId(Handle {
        index,
        generation: 1,
    })
}

pub(crate) fn address(port: u16) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 1], 10_000 + port))
}

pub(crate) const RECORDER: [u8; 4] = [198, 51, 100, 1];

pub(crate) fn source_spec(csrc: u32) -> SourceSpec {
    let mut payloads = PayloadMap::EMPTY;
    payloads.0[0] = Some(Payload::Audio(Codec::Pcmu));
    payloads.0[8] = Some(Payload::Audio(Codec::Pcma));
    payloads.0[13] = Some(Payload::ComfortNoise);
    payloads.0[101] = Some(Payload::TelephoneEvent);
    SourceSpec {
        payloads,
        remote: AllowedRemote::First,
        csrc,
        cname: Cname::new(&format!("source-{csrc}")).expect("a short name"),
        jitter_max_ms: 200,
    }
}

pub(crate) fn sink_spec(index: u32) -> SinkSpec {
    SinkSpec {
        ssrc: 1000 + index,
        sequence: 32_000,
        timestamp: u32::MAX - 1000,
        cname: Cname::new("sixreel").expect("a short name"),
        csrc: true,
        rtcp_seed: u64::from(index),
    }
}

pub(crate) fn flow(codec: Codec) -> SinkFlow {
    SinkFlow {
        remote: SocketAddr::from((RECORDER, 4000)),
        rtcp: RtcpRemote::At(SocketAddr::from((RECORDER, 4001))),
        codec,
        payload_type: match codec {
            Codec::Pcmu => 0,
            Codec::Pcma => 8,
        },
        sending: true,
    }
}

/// Keys that are all made of one byte.
pub(crate) fn keys(suite: Suite, byte: u8) -> Keys {
    let bytes = [byte; 46];
    let len = suite.key_len() + suite.salt_len();
    Keys::new(suite, &bytes[..len]).expect("as long as the suite wants")
}

/// Keys for a sink: its own of one byte, the recorder's of the next.
pub(crate) fn sink_keys(suite: Suite, byte: u8) -> SinkKeys {
    SinkKeys {
        ours: keys(suite, byte),
        theirs: keys(suite, byte + 1),
    }
}

/// Protects a packet as the sender in place 0.
pub(crate) fn protect(senders: &mut Senders, kind: Kind, packet: &[u8]) -> Vec<u8> {
    let mut bytes = packet.to_vec();
    bytes.resize(packet.len() + senders.overhead(0, kind), 0);
    let mut packets = [srtp::Packet::new(0, kind, 0, packet.len())];
    senders.protect(&mut bytes, &mut packets);
    assert_eq!(packets[0].outcome, Ok(()));
    bytes
}

/// Removes a packet's protection as the receiver in place 0.
pub(crate) fn unprotect(
    receivers: &mut Receivers,
    kind: Kind,
    packet: &[u8],
) -> Result<Vec<u8>, Refusal> {
    let mut bytes = packet.to_vec();
    let mut packets = [srtp::Packet::new(0, kind, 0, packet.len())];
    receivers.unprotect(&mut bytes, &mut packets);
    packets[0].outcome?;
    bytes.truncate(packets[0].len);
    Ok(bytes)
}

pub(crate) fn read(data: &[u8]) -> Rtp {
    let packet = rtp::Packet::parse(data).expect("RTP was sent");
    Rtp {
        marker: packet.marker(),
        payload_type: packet.payload_type(),
        sequence: packet.sequence(),
        timestamp: packet.timestamp(),
        ssrc: packet.ssrc(),
        csrcs: packet.csrcs().collect(),
        payload: packet.payload().to_vec(),
    }
}

/// A compound of the recorder: an empty report or one with a block, and a BYE where wished.
pub(crate) fn recorder_says(blocks: &[rtcp::Block], bye: bool) -> Vec<u8> {
    let report = rtcp::Report {
        ssrc: 7,
        sender: None,
        blocks,
    };
    let mut out = [0; rtcp::MAX_LEN];
    let names = [(7, &b"recorder"[..])];
    let len = rtcp::write(&mut out, &report, names.into_iter(), bye);
    out[..len].to_vec()
}

pub(crate) fn decode(codec: Codec, payload: &[u8]) -> Vec<i16> {
    let mut out = vec![0; payload.len()];
    codec::decode(codec, payload, 0, &mut out);
    out
}

pub(crate) fn ulaw(samples: &[i16]) -> Vec<u8> {
    let mut out = vec![0; samples.len()];
    codec::g711::encode_ulaw(samples, &mut out);
    // Negative zero, which would come back as positive zero.
    out.iter()
        .map(|byte| if *byte == 0x7f { 0xff } else { *byte })
        .collect()
}

/// A sustained vowel.
pub(crate) fn vowel(samples: usize) -> Vec<i16> {
    let wave = |n: usize, harmonic: f64| {
        (n as f64 * harmonic * std::f64::consts::TAU * 123.0 / 8000.0).sin()
    };
    let sample = |n| 4000.0 * wave(n, 1.0) + 2500.0 * wave(n, 2.0) + 2000.0 * wave(n, 5.0);
    (0..samples).map(|n| sample(n) as i16).collect()
}

/// Something like speech: voiced syllables with a gliding pitch, hisses, and pauses between words.
pub(crate) fn speech(seed: u32, samples: usize) -> Vec<i16> {
    let mut noise = seed.wrapping_mul(2_654_435_761).max(1);
    let mut phase = 0.0f64;
    let pitch = 95.0 + f64::from(seed % 7) * 17.0;
    (0..samples)
        .map(|n| {
            let t = n as f64 / 8000.0 + f64::from(seed);
            noise ^= noise << 13;
            noise ^= noise >> 17;
            noise ^= noise << 5;
            let hiss = f64::from(noise) / f64::from(u32::MAX) - 0.5;
            phase += std::f64::consts::TAU * (pitch + 20.0 * (t * 1.7).sin()) / 8000.0;
            let voice: f64 = (1..12)
                .map(|k| {
                    let formant = 1.0 / (1.0 + (f64::from(k) - 5.0 - 2.0 * t.sin()).powi(2) / 6.0);
                    formant * (phase * f64::from(k)).sin()
                })
                .sum();
            let syllable = (t * 23.0).sin().max(0.0);
            let word = if (t * 0.9).fract() < 0.7 { 1.0 } else { 0.0 };
            let hissing = if (t * 2.3).fract() < 0.2 { 1.0 } else { 0.05 };
            (word * (voice * syllable * 4000.0 + hiss * hissing * 3000.0) + hiss * 20.0) as i16
        })
        .collect()
}

/// The signal-to-noise ratio in decibels, and the shift at which it is best.
pub(crate) fn snr(
    reference: &[f64],
    heard: &[i16],
    shifts: std::ops::Range<usize>,
) -> (f64, usize) {
    let at = |shift: usize| {
        let pairs = reference.iter().zip(heard.get(shift..).unwrap_or(&[]));
        let (mut signal, mut noise) = (0.0, 1e-9);
        for (wanted, got) in pairs {
            signal += wanted * wanted;
            noise += (wanted - f64::from(*got)).powi(2);
        }
        10.0 * (signal / noise).log10()
    };
    shifts
        .map(|shift| (at(shift), shift))
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .expect("there are shifts")
}
