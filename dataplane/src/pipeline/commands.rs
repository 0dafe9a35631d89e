//! What commands do. Each returns `None` if it named something gone, taken, or beyond the limits.

use super::tables::Stream;
use super::{Events, Pipeline};
use crate::api::{CallId, SinkFlow, SinkKeys, SinkSpec, SourceSpec, StreamId};
use crate::encoding::Key;
use crate::sink::{Guard, Sink};
use crate::source::Source;
use crate::srtp::{Keys, Kind};
use crate::time::Nanos;
use crate::wire::datagram::TxBatch;

impl Pipeline {
    pub(super) fn open_call(&mut self, id: CallId, now: Nanos) -> Option<()> {
        let call = self.calls.open(id)?;
        call.slot = self.slots.add(id.0.index, now);
        Some(())
    }

    pub(super) fn close_call(
        &mut self,
        id: CallId,
        now: Nanos,
        out: &mut TxBatch,
        events: &mut Events,
    ) -> Option<()> {
        let slot = self.calls.find(id)?.slot;
        let index = id.0.index;
        while let Some(sink) = self.calls.look(index).sinks.first() {
            self.close_sink(*sink, now, out, events);
        }
        while let Some(source) = self.calls.look(index).sources.first() {
            self.close_source(*source, events);
        }
        self.slots.remove(index, slot);
        self.calls.close(index);
        Some(())
    }

    pub(super) fn open_source(
        &mut self,
        call: CallId,
        id: StreamId,
        (spec, keys): (SourceSpec, Option<Keys>),
        now: Nanos,
    ) -> Option<()> {
        let limit = self.limits.sources_per_call as usize;
        let opened = self
            .calls
            .find(call)
            .filter(|call| call.sources.len() < limit)?;
        let next_period = self.slots.next_of(opened.slot)?;
        if !self.streams.is_free(id) {
            return None;
        }
        opened.sources.push(id.0.index);
        if let Some(keys) = &keys {
            // Where they cannot be used, nothing is let through: the source is secure all the same.
            let _ = self.receivers.open(id.0.index, keys);
        }
        let secure = keys.is_some();
        let source = Source::new(id, call.0.index, spec, secure, (now, next_period));
        self.streams.open(id, Stream::Source(source));
        Some(())
    }

    pub(super) fn mute_source(&mut self, id: StreamId, muted: bool) -> Option<()> {
        let index = self.streams.find(id)?;
        self.streams.source_mut(index)?.mute(muted);
        Some(())
    }

    pub(super) fn close_source(&mut self, index: u32, events: &mut Events) -> Option<()> {
        let source = self.streams.source_mut(index)?;
        events.push(source.stats());
        source.close(&mut self.pool);
        let call = source.call();
        self.calls.at(call).sources.retain(|other| *other != index);
        self.receivers.close(index);
        self.streams.close(index);
        Some(())
    }

    pub(super) fn open_sink(&mut self, call: CallId, id: StreamId, spec: SinkSpec) -> Option<()> {
        let limit = self.limits.sinks_per_call as usize;
        let opened = self
            .calls
            .find(call)
            .filter(|call| call.sinks.len() < limit)?;
        let origin = self.slots.next_of(opened.slot)?;
        if !self.streams.is_free(id) {
            return None;
        }
        opened.sinks.push(id.0.index);
        let sink = Sink::new(id, call.0.index, spec, origin);
        self.streams.open(id, Stream::Sink(sink));
        Some(())
    }

    pub(super) fn set_sink(
        &mut self,
        id: StreamId,
        flow: SinkFlow,
        keys: Option<&SinkKeys>,
        now: Nanos,
    ) -> Option<()> {
        let index = self.streams.find(id)?;
        let ssrc = self.streams.sink(index)?.name().0;
        let guard = self.guard(index, keys, ssrc);
        let sink = self.streams.sink_mut(index)?;
        let encodings = &mut self.calls.at(sink.call()).encodings;
        if let Some(before) = sink.encoding() {
            encodings.release(before);
        }
        let encoding = encodings.acquire(Key { codec: flow.codec });
        sink.set(flow, encoding, guard, now);
        Some(())
    }

    /// Takes a sink's keys into use, or its old ones out of it.
    fn guard(&mut self, index: u32, keys: Option<&SinkKeys>, ssrc: u32) -> Guard {
        let Some(keys) = keys else {
            self.senders.close(index);
            self.receivers.close(index);
            return Guard::default();
        };
        // Keys that were in use before encrypt nothing a second time: the sink has none then, and
        // what it would send is dropped and counted.
        if self.senders.open(index, &keys.ours, ssrc).is_err() {
            self.senders.close(index);
        }
        if self.receivers.open(index, &keys.theirs).is_err() {
            self.receivers.close(index);
        }
        Guard {
            secure: true,
            rtp: self.senders.overhead(index, Kind::Rtp),
            rtcp: self.senders.overhead(index, Kind::Rtcp),
        }
    }

    pub(super) fn stop_sink(&mut self, id: StreamId) -> Option<()> {
        let index = self.streams.find(id)?;
        let sink = self.streams.sink_mut(index)?;
        if let Some(encoding) = sink.stop() {
            self.calls.at(sink.call()).encodings.release(encoding);
        }
        Some(())
    }

    pub(super) fn close_sink(
        &mut self,
        index: u32,
        now: Nanos,
        out: &mut TxBatch,
        events: &mut Events,
    ) -> Option<()> {
        if self.streams.sink(index)?.owes_bye() {
            self.send_report(index, true, now, out);
            self.protect(out);
        }
        let sink = self.streams.sink(index)?;
        events.push(sink.stats());
        let (call, encoding) = (self.calls.at(sink.call()), sink.encoding());
        call.sinks.retain(|other| *other != index);
        if let Some(encoding) = encoding {
            call.encodings.release(encoding);
        }
        self.senders.close(index);
        self.receivers.close(index);
        self.streams.close(index);
        Some(())
    }
}
