//! The calls and streams of a pipeline, in tables whose size never changes.

use crate::api::{CallId, Handle, StreamId};
use crate::encoding::Encodings;
use crate::sink::Sink;
use crate::source::Source;

/// A call.
#[derive(Debug)]
pub(crate) struct Call {
    /// The generation of the present tenant of this place.
    tenant: Option<u32>,
    /// The slot in which it is served.
    pub(crate) slot: usize,
    /// Indices of its sources, in the order in which they were opened.
    pub(crate) sources: Vec<u32>,
    /// Indices of its sinks.
    pub(crate) sinks: Vec<u32>,
    pub(crate) encodings: Encodings,
}

/// All calls, by index.
#[derive(Debug)]
pub(crate) struct Calls {
    places: Vec<Call>,
    open: u32,
}

/// All streams, by index, which is also the index of their port pair.
#[derive(Debug)]
pub(crate) struct Streams {
    places: Vec<Place>,
    /// Sources open now.
    pub(crate) sources: u32,
    /// Sinks open now.
    pub(crate) sinks: u32,
}

#[derive(Debug)]
struct Place {
    generation: u32,
    stream: Stream,
}

/// Who uses a port pair. Which of them it is, is told where the stream begins in memory.
#[derive(Debug)]
#[repr(u8)]
#[expect(
    clippy::large_enum_variant,
    reason = "all memory is taken at start-up, so that each place has room for either"
)]
pub(crate) enum Stream {
    Free,
    Source(Source),
    Sink(Sink),
}

impl Calls {
    /// Room for `calls` calls with so many sources and sinks each.
    pub(crate) fn new(calls: u32, sources: u32, sinks: u32) -> Self {
        let call = |_| Call {
            tenant: None,
            slot: 0,
            sources: Vec::with_capacity(sources as usize),
            sinks: Vec::with_capacity(sinks as usize),
            encodings: Encodings::new(sinks),
        };
        Self {
            places: (0..calls).map(call).collect(),
            open: 0,
        }
    }

    /// Lets a call into its place, if the place is free.
    pub(crate) fn open(&mut self, id: CallId) -> Option<&mut Call> {
        let call = self.places.get_mut(id.0.index as usize)?;
        if call.tenant.is_some() {
            return None;
        }
        call.tenant = Some(id.0.generation);
        self.open += 1;
        Some(call)
    }

    /// Frees the place of a call without streams.
    pub(crate) fn close(&mut self, index: u32) {
        self.at(index).tenant = None;
        self.open -= 1;
    }

    /// The call that an identifier means.
    pub(crate) fn find(&mut self, id: CallId) -> Option<&mut Call> {
        let call = self.places.get_mut(id.0.index as usize)?;
        (call.tenant == Some(id.0.generation)).then_some(call)
    }

    /// The call at an index that a slot or a stream holds.
    pub(crate) fn at(&mut self, index: u32) -> &mut Call {
        &mut self.places[index as usize]
    }

    /// The same, to be looked at.
    pub(crate) fn look(&self, index: u32) -> &Call {
        &self.places[index as usize]
    }

    /// Calls open now.
    pub(crate) const fn count(&self) -> u32 {
        self.open
    }
}

impl Streams {
    /// Room for `streams` streams.
    pub(crate) fn new(streams: u32) -> Self {
        let place = |_| Place {
            generation: 0,
            stream: Stream::Free,
        };
        Self {
            places: (0..streams).map(place).collect(),
            sources: 0,
            sinks: 0,
        }
    }

    /// Whether a stream's place is there and free.
    pub(crate) fn is_free(&self, id: StreamId) -> bool {
        let place = self.places.get(id.0.index as usize);
        place.is_some_and(|place| matches!(place.stream, Stream::Free))
    }

    /// Puts a stream into its place, which is free.
    pub(crate) fn open(&mut self, id: StreamId, stream: Stream) {
        let Handle { index, generation } = id.0;
        match stream {
            Stream::Source(_) => self.sources += 1,
            Stream::Sink(_) => self.sinks += 1,
            Stream::Free => {}
        }
        self.places[index as usize] = Place { generation, stream };
    }

    /// Frees the place of a stream.
    pub(crate) fn close(&mut self, index: u32) {
        let place = &mut self.places[index as usize];
        match place.stream {
            Stream::Source(_) => self.sources -= 1,
            Stream::Sink(_) => self.sinks -= 1,
            Stream::Free => {}
        }
        place.stream = Stream::Free;
    }

    /// The index of a stream, if the identifier means the present tenant.
    pub(crate) fn find(&self, id: StreamId) -> Option<u32> {
        let place = self.places.get(id.0.index as usize)?;
        (place.generation == id.0.generation).then_some(id.0.index)
    }

    /// The stream at an index, if there is such an index.
    pub(crate) fn get(&mut self, index: u32) -> Option<&mut Stream> {
        Some(&mut self.places.get_mut(index as usize)?.stream)
    }

    /// The source at an index, if it is one.
    pub(crate) fn source(&self, index: u32) -> Option<&Source> {
        match &self.places.get(index as usize)?.stream {
            Stream::Source(source) => Some(source),
            Stream::Free | Stream::Sink(_) => None,
        }
    }

    /// The same, to be changed.
    pub(crate) fn source_mut(&mut self, index: u32) -> Option<&mut Source> {
        match self.get(index)? {
            Stream::Source(source) => Some(source),
            Stream::Free | Stream::Sink(_) => None,
        }
    }

    /// The sink at an index, if it is one.
    pub(crate) fn sink(&self, index: u32) -> Option<&Sink> {
        match &self.places.get(index as usize)?.stream {
            Stream::Sink(sink) => Some(sink),
            Stream::Free | Stream::Source(_) => None,
        }
    }

    /// The same, to be changed.
    pub(crate) fn sink_mut(&mut self, index: u32) -> Option<&mut Sink> {
        match self.get(index)? {
            Stream::Sink(sink) => Some(sink),
            Stream::Free | Stream::Source(_) => None,
        }
    }
}
