//! The stages of a slot: each runs over all calls of the slot before the next begins.

use super::scratch::Served;
use super::slots::Due;
use super::{Events, Pipeline};
use crate::mix::mix;
use crate::source::Sound;
use crate::srtp::{self, Kind};
use crate::time::Nanos;
use crate::wire::datagram::TxBatch;
use crate::wire::rtcp::MAX_LEN;
use crate::wire::rtp::MAX_CSRCS;

/// Periods between two statements of a stream's figures: one second.
const STATS_PERIODS: u64 = 50;

impl Pipeline {
    /// Jitter buffers and decoders: a block for each voice.
    pub(super) fn play(&mut self, due: Due) {
        let scratch = &mut self.scratch;
        for call in self.slots.calls(due.slot) {
            let voices = scratch.voices;
            let csrcs = scratch.csrcs.len();
            for index in &self.calls.look(*call).sources {
                let Some(source) = self.streams.source_mut(*index) else {
                    continue;
                };
                let block = &mut scratch.blocks[scratch.voices];
                let sound = source.play(due.at, block, &mut self.pool);
                if sound == Sound::Nothing || source.muted() {
                    continue;
                }
                scratch.voices += 1;
                // Only who is really in the packet is listed (RFC 7866 §8.1.4).
                if sound == Sound::Heard && scratch.csrcs.len() - csrcs < MAX_CSRCS {
                    scratch.csrcs.push(source.csrc());
                }
            }
            scratch.calls.push(Served {
                call: *call,
                voices: voices..scratch.voices,
                csrcs: csrcs..scratch.csrcs.len(),
                payloads: 0,
            });
        }
    }

    /// The voices of each call summed.
    pub(super) fn mix(&mut self) {
        for served in &self.scratch.calls {
            let voices = &self.scratch.blocks[served.voices.clone()];
            self.scratch.mixes.push(mix(voices));
        }
    }

    /// Each mix encoded once for each codec in use.
    pub(super) fn encode(&mut self) {
        let scratch = &mut self.scratch;
        for (served, mix) in scratch.calls.iter_mut().zip(&scratch.mixes) {
            served.payloads = scratch.payloads.len();
            let encodings = &self.calls.look(served.call).encodings;
            encodings.encode(mix, &mut scratch.payloads);
        }
    }

    /// A packet for each sink.
    pub(super) fn send(&mut self, due: Due, out: &mut TxBatch) {
        let scratch = &mut self.scratch;
        for served in &scratch.calls {
            let csrcs = &scratch.csrcs[served.csrcs.clone()];
            for index in &self.calls.look(served.call).sinks {
                let Some(sink) = self.streams.sink_mut(*index) else {
                    continue;
                };
                let Some(place) = sink.encoding() else {
                    continue;
                };
                let payload = scratch.payloads[served.payloads + place].bytes();
                let start = out.end();
                match sink.send(due.at, csrcs, payload, out) {
                    Ok(false) => {}
                    Ok(true) => match sink.overhead(Kind::Rtp) {
                        None => self.packets_out += 1,
                        Some(overhead) => {
                            let len = out.end() - start - overhead;
                            let packet = srtp::Packet::new(*index, Kind::Rtp, start, len);
                            scratch.bare.push(packet);
                        }
                    },
                    Err(reason) => self.drops.count(reason),
                }
            }
        }
    }

    /// Every packet of a secure sink protected, the whole batch at once. One that cannot be
    /// protected is not sent.
    pub(super) fn protect(&mut self, out: &mut TxBatch) {
        let bare = &mut self.scratch.bare;
        self.senders.protect(out.bytes_mut(), bare);
        for packet in bare.drain(..) {
            match packet.outcome {
                Ok(()) => self.packets_out += 1,
                Err(refusal) => {
                    out.discard(packet.start);
                    self.drops.count(refusal.into());
                    if let Some(sink) = self.streams.sink_mut(packet.place) {
                        sink.unsent();
                    }
                }
            }
        }
    }

    /// RTCP for each sink that owes it.
    pub(super) fn report(&mut self, due: Due, now: Nanos, out: &mut TxBatch) {
        for place in 0..self.slots.calls(due.slot).len() {
            let call = self.slots.calls(due.slot)[place];
            for place in 0..self.calls.look(call).sinks.len() {
                let index = self.calls.look(call).sinks[place];
                if self
                    .streams
                    .sink(index)
                    .is_some_and(|sink| sink.owes_report(now))
                {
                    self.send_report(index, false, now, out);
                }
            }
        }
    }

    /// What the control plane is to know.
    pub(super) fn tell(&mut self, due: Due, now: Nanos, events: &mut Events) {
        for call in self.slots.calls(due.slot) {
            let call = self.calls.look(*call);
            let stats_due =
                |index: u32| (due.period + u64::from(index)).is_multiple_of(STATS_PERIODS);
            for index in &call.sources {
                let Some(source) = self.streams.source_mut(*index) else {
                    continue;
                };
                source.tell(now, |event| events.push(event));
                if stats_due(*index) {
                    events.push(source.stats());
                }
            }
            for index in &call.sinks {
                let Some(sink) = self.streams.sink_mut(*index) else {
                    continue;
                };
                if let Some(event) = sink.tell() {
                    events.push(event);
                }
                if stats_due(*index) {
                    events.push(sink.stats());
                }
            }
        }
    }

    /// Adds a sink's report to the batch, with the names of its contributors.
    pub(super) fn send_report(
        &mut self,
        index: u32,
        bye: bool,
        now: Nanos,
        out: &mut TxBatch,
    ) -> Option<()> {
        let sink = self.streams.sink(index)?;
        let sources = self.calls.look(sink.call()).sources.iter();
        let contributors = sources
            .filter(|_| sink.lists_contributors())
            .filter_map(|index| self.streams.source(*index)?.contributor());
        let chunks = std::iter::once(sink.name()).chain(contributors);
        let mut report = [0; MAX_LEN];
        let len = sink.write_report(now, now.ntp(self.epoch_ntp), chunks, bye, &mut report);
        let sink = self.streams.sink_mut(index)?;
        let start = out.end();
        match sink.send_report(now, &report[..len], out) {
            Ok(false) => {}
            Ok(true) if sink.is_secure() => {
                let packet = srtp::Packet::new(index, Kind::Rtcp, start, len);
                self.scratch.bare.push(packet);
            }
            Ok(true) => self.packets_out += 1,
            Err(reason) => self.drops.count(reason),
        }
        Some(())
    }
}
