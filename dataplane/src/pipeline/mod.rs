//! The order of the stages: what a packet and a call go through between two ports.
//!
//! Commands and packets come in at any time. The clock cuts each period of 20 ms into slots; in its
//! slot a call is served together with the other calls of that slot, stage by stage, so that each
//! stage runs over arrays. Nothing is allocated, locked or logged after start-up.

/// What commands do.
mod commands;
/// Events on their way out, which survive a control plane that is slow to fetch them.
mod events;
/// What the stages of one slot hand to each other.
mod scratch;
/// Which calls are served when.
mod slots;
/// The stages of a slot.
mod stages;
/// The calls and streams, in tables whose size never changes.
mod tables;

pub use events::Events;

use crate::api::{Command, Limits, WorkerStats};
use crate::counters::{Drop, Drops};
use crate::period::BLOCK;
use crate::pool::Pool;
use crate::srtp::{self, Kind, Receivers, Senders};
use crate::time::Nanos;
use crate::wire::datagram::{Packet, TxBatch};
use crate::wire::rtcp::{Compound, MAX_LEN};
use crate::wire::{is_rtcp, rtp};
use scratch::Scratch;
use slots::{Slots, calls_per_slot};
use tables::{Calls, Stream, Streams};

/// The longest protected packet that is taken in, in bytes. Nothing that travels is longer.
const RECEIVED_MAX: usize = 2048;

/// The data plane of one worker, without its ports, rings and clock.
#[derive(Debug)]
pub struct Pipeline {
    limits: Limits,
    epoch_ntp: u64,
    calls: Calls,
    streams: Streams,
    pool: Pool,
    senders: Senders,
    receivers: Receivers,
    /// Where what is received loses its protection.
    opened: Box<[u8; RECEIVED_MAX]>,
    slots: Slots,
    scratch: Scratch,
    drops: Drops,
    packets_in: u64,
    packets_out: u64,
    commands_ignored: u64,
}

impl Pipeline {
    /// A pipeline that holds what `limits` allow, in memory that is taken now. `epoch_ntp` is the
    /// wall-clock time at `Nanos(0)` in NTP's format 32.32.
    pub fn new(limits: Limits, epoch_ntp: u64) -> Self {
        Self {
            limits,
            epoch_ntp,
            calls: Calls::new(limits.calls, limits.sources_per_call, limits.sinks_per_call),
            streams: Streams::new(limits.streams),
            pool: Pool::new(limits.frames),
            senders: Senders::new(limits.streams),
            receivers: Receivers::new(limits.streams),
            opened: Box::new([0; RECEIVED_MAX]),
            slots: Slots::new(limits.calls),
            scratch: Scratch::new(&limits),
            drops: Drops::default(),
            packets_in: 0,
            packets_out: 0,
            commands_ignored: 0,
        }
    }

    /// A batch that has room for what one command or one slot sends.
    pub fn batch(&self) -> TxBatch {
        let calls = calls_per_slot(self.limits.calls);
        let sinks = calls * self.limits.sinks_per_call as usize;
        let sinks = sinks.min(self.limits.streams as usize);
        let rtp_len = rtp::HEADER_LEN + 4 * rtp::MAX_CSRCS + BLOCK;
        let guards = srtp::OVERHEAD_MAX * 2;
        TxBatch::new(2 * sinks, sinks * (rtp_len + MAX_LEN + guards))
    }

    /// Does what a command says. What it sends at once, a BYE, is added to `out`.
    pub fn apply(&mut self, command: Command, now: Nanos, out: &mut TxBatch, events: &mut Events) {
        let done = match command {
            Command::OpenCall { call } => self.open_call(call, now),
            Command::CloseCall { call } => self.close_call(call, now, out, events),
            Command::OpenSource {
                call,
                source,
                spec,
                keys,
            } => self.open_source(call, source, (spec, keys), now),
            Command::MuteSource { source, muted } => self.mute_source(source, muted),
            Command::CloseSource { source } => {
                let index = self.streams.find(source);
                index.and_then(|index| self.close_source(index, events))
            }
            Command::OpenSink { call, sink, spec } => self.open_sink(call, sink, spec),
            Command::SetSink { sink, flow, keys } => self.set_sink(sink, flow, keys.as_ref(), now),
            Command::StopSink { sink } => self.stop_sink(sink),
            Command::CloseSink { sink } => {
                let index = self.streams.find(sink);
                index.and_then(|index| self.close_sink(index, now, out, events))
            }
        };
        if done.is_none() {
            self.commands_ignored += 1;
        }
    }

    /// Takes a packet in. It is kept until its turn, or dropped with a counted reason.
    pub fn receive(&mut self, packet: Packet<'_>, now: Nanos) {
        self.packets_in += 1;
        if let Err(reason) = self.accept(&packet, now) {
            self.drops.count(reason);
        }
    }

    /// Serves the slot that is due longest, if one is due; call it again as long as
    /// [`Pipeline::next_slot`] is not in the future, and send `out` in between.
    pub fn tick(&mut self, now: Nanos, out: &mut TxBatch, events: &mut Events) {
        let Some(due) = self.slots.take(now) else {
            return;
        };
        self.scratch.clear();
        self.play(due);
        self.mix();
        self.encode();
        self.send(due, out);
        self.report(due, now, out);
        self.protect(out);
        self.tell(due, now, events);
    }

    /// When the next slot is due; `None` where there is no call, and hence nothing to do.
    pub fn next_slot(&self) -> Option<Nanos> {
        self.slots.next()
    }

    /// Counts a packet of a port pair that the port could not send.
    pub fn unsent(&mut self, pair: u32) {
        self.drops.count(Drop::Unsent);
        if let Some(sink) = self.streams.sink_mut(pair) {
            sink.unsent();
        }
    }

    /// The pipeline's part of the worker's figures.
    pub const fn stats(&self) -> WorkerStats {
        WorkerStats {
            calls: self.calls.count(),
            sources: self.streams.sources,
            sinks: self.streams.sinks,
            frames_used: self.pool.used(),
            packets_in: self.packets_in,
            packets_out: self.packets_out,
            drops: self.drops.all(),
            late_p50_us: 0,
            late_p99_us: 0,
            late_p999_us: 0,
            late_max_us: 0,
            slots_skipped: self.slots.skipped(),
            commands_ignored: self.commands_ignored,
            events_dropped: 0,
            cpu_us: 0,
        }
    }

    fn accept(&mut self, packet: &Packet<'_>, now: Nanos) -> Result<(), Drop> {
        let stream = self.streams.get(packet.pair).ok_or(Drop::NoStream)?;
        let rtcp = packet.rtcp || is_rtcp(packet.data);
        let kind = if rtcp { Kind::Rtcp } else { Kind::Rtp };
        let from = packet.from;
        // Nothing latches, is buffered or believed before it is known to be authentic.
        let mut open = || unprotect(&mut self.receivers, packet, kind, &mut self.opened);
        let data = match stream {
            Stream::Free => return Err(Drop::NoStream),
            Stream::Sink(_) if !rtcp => return Err(Drop::RtpAtSink),
            Stream::Source(source) if source.is_secure() => {
                let opened = open();
                source.judge(opened.map(drop), from);
                &self.opened[..opened?]
            }
            Stream::Sink(sink) if sink.is_secure() => {
                let len = open()?;
                &self.opened[..len]
            }
            Stream::Source(_) | Stream::Sink(_) => packet.data,
        };
        match stream {
            Stream::Source(source) if rtcp => source.hear(&compound(data)?, from),
            Stream::Source(source) => {
                let rtp = rtp::Packet::parse(data)?;
                source.receive(&rtp, from, now, &mut self.pool)
            }
            Stream::Sink(sink) => {
                let ntp = now.ntp(self.epoch_ntp);
                sink.hear(&compound(data)?, from, ntp)
            }
            Stream::Free => Err(Drop::NoStream),
        }
    }
}

/// Removes the protection of a packet; `out` holds as many bytes of what was protected as are
/// returned.
fn unprotect(
    receivers: &mut Receivers,
    packet: &Packet<'_>,
    kind: Kind,
    out: &mut [u8; RECEIVED_MAX],
) -> Result<usize, Drop> {
    let len = packet.data.len();
    let room = out.get_mut(..len).ok_or(Drop::Malformed)?;
    room.copy_from_slice(packet.data);
    let mut packets = [srtp::Packet::new(packet.pair, kind, 0, len)];
    receivers.unprotect(room, &mut packets);
    let [opened] = packets;
    opened.outcome?;
    Ok(opened.len)
}

fn compound(bytes: &[u8]) -> Result<Compound<'_>, Drop> {
    Compound::parse(bytes).map_err(|_| Drop::RtcpMalformed)
}

impl From<rtp::Error> for Drop {
    fn from(error: rtp::Error) -> Self {
        match error {
            rtp::Error::Malformed => Self::Malformed,
            rtp::Error::Version => Self::Version,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use proptest::prelude::*;

    use super::*;
    use crate::api::{
        AllowedRemote, CallId, Cname, Codec, Handle, Payload, PayloadMap, SourceSpec, StreamId,
    };

    const LIMITS: Limits = Limits {
        calls: 2,
        sources_per_call: 2,
        sinks_per_call: 1,
        streams: 4,
        frames: 30,
    };

    fn handle(index: u32) -> Handle {
        Handle {
            index,
            generation: 0,
        }
    }

    fn spec() -> SourceSpec {
        SourceSpec {
            payloads: PayloadMap([Some(Payload::Audio(Codec::Pcmu)); 128]),
            remote: AllowedRemote::First,
            csrc: 1,
            cname: Cname::new("name").unwrap(),
            jitter_max_ms: 100,
        }
    }

    fn packet(sequence: u16, timestamp: u32, len: usize) -> Vec<u8> {
        let mut bytes = vec![0x80, 0];
        bytes.extend(sequence.to_be_bytes());
        bytes.extend(timestamp.to_be_bytes());
        bytes.extend([0; 4]);
        bytes.resize(12 + len, 0x20);
        bytes
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        #[test]
        fn each_frame_is_either_free_or_in_one_buffer(
            steps in prop::collection::vec(
                (0..4u32, 0..40u16, 0..40u32, 1..480usize, 0..30u64, any::<bool>()), 0..100,
            ),
        ) {
            let mut pipeline = Pipeline::new(LIMITS, 0);
            let mut out = pipeline.batch();
            let mut events = Events::new(10);
            let mut now = Nanos(0);
            for index in 0..4 {
                let call = CallId(handle(index / 2));
                let source = StreamId(handle(index));
                for command in [
                    Command::OpenCall { call },
                    Command::OpenSource { call, source, spec: spec(), keys: None },
                ] {
                    pipeline.apply(command, now, &mut out, &mut events);
                }
            }
            for (pair, sequence, place, len, ms, close) in steps {
                let data = packet(sequence, place * 160, len);
                let from = SocketAddr::from(([192, 0, 2, 1], 1));
                pipeline.receive(Packet { pair, rtcp: false, from, data: &data }, now);
                now = now.after(Nanos::from_millis(ms));
                while pipeline.next_slot().is_some_and(|due| due <= now) {
                    pipeline.tick(now, &mut out, &mut events);
                }
                if close && sequence == 0 {
                    let source = StreamId(handle(pair));
                    pipeline.apply(Command::CloseSource { source }, now, &mut out, &mut events);
                }
                let sources = (0..4).filter_map(|index| pipeline.streams.source(index));
                let held: u32 = sources.map(|source| source.frames()).sum();
                prop_assert_eq!(pipeline.pool.used(), held);
            }
        }
    }
}
