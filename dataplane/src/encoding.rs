//! The encodings of one call: each is made once and shared by every sink that uses it.

use crate::api::Codec;
use crate::codec::{self, Encoded};
use crate::period::{BLOCK, Block};

/// What tells one encoding of a mix from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    pub(crate) codec: Codec,
}

/// The encodings that the sinks of one call use.
#[derive(Debug)]
pub(crate) struct Encodings(Vec<Encoding>);

/// One period, encoded.
#[derive(Clone, Debug)]
pub(crate) struct Payload {
    bytes: Encoded,
    len: usize,
}

#[derive(Debug)]
struct Encoding {
    key: Key,
    /// Sinks that use it; where there are none, the place is free.
    sinks: u32,
}

impl Encodings {
    /// None yet, with room for one per sink.
    pub(crate) fn new(sinks: u32) -> Self {
        Self(Vec::with_capacity(sinks as usize))
    }

    /// Lets one more sink use an encoding, and returns its place.
    pub(crate) fn acquire(&mut self, key: Key) -> usize {
        let shared = self.0.iter().position(|e| e.sinks > 0 && e.key == key);
        let place = shared.or_else(|| self.0.iter().position(|e| e.sinks == 0));
        let place = place.unwrap_or_else(|| {
            self.0.push(Encoding { key, sinks: 0 });
            self.0.len() - 1
        });
        let encoding = &mut self.0[place];
        encoding.key = key;
        encoding.sinks += 1;
        place
    }

    /// Lets a sink use the encoding at a place no longer.
    pub(crate) fn release(&mut self, place: usize) {
        self.0[place].sinks -= 1;
    }

    /// Encodes `mix` once for each encoding in use; they are appended to `out`
    /// in the order of the places.
    pub(crate) fn encode(&self, mix: &Block, out: &mut Vec<Payload>) {
        for encoding in &self.0 {
            out.push(Payload::EMPTY);
            if let Some(payload) = out.last_mut().filter(|_| encoding.sinks > 0) {
                payload.len = codec::encode(encoding.key.codec, mix, &mut payload.bytes);
            }
        }
    }
}

impl Payload {
    const EMPTY: Self = Self {
        bytes: [0; BLOCK],
        len: 0,
    };

    /// Its bytes; none where nobody uses the place.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ULAW: Key = Key { codec: Codec::Pcmu };
    const ALAW: Key = Key { codec: Codec::Pcma };

    /// How many periods were really encoded, and what each place holds.
    fn encode(encodings: &Encodings) -> (usize, Vec<Payload>) {
        let mut payloads = Vec::new();
        encodings.encode(&[0; BLOCK], &mut payloads);
        let encoded = payloads.iter().filter(|payload| payload.len > 0).count();
        (encoded, payloads)
    }

    #[test]
    fn six_sinks_of_one_codec_encode_once() {
        let mut encodings = Encodings::new(6);
        let places: Vec<_> = (0..6).map(|_| encodings.acquire(ULAW)).collect();
        let (encoded, payloads) = encode(&encodings);
        assert_eq!(encoded, 1);
        for place in places {
            assert_eq!(payloads[place].bytes(), [0xff; BLOCK]);
        }
    }

    #[test]
    fn a_place_is_free_when_its_last_sink_is_gone() {
        let mut encodings = Encodings::new(2);
        let first = encodings.acquire(ULAW);
        let second = encodings.acquire(ALAW);
        assert_eq!(encode(&encodings).0, 2);
        encodings.release(first);
        assert_eq!(encode(&encodings).0, 1);
        assert_eq!(encodings.acquire(ALAW), second);
        assert_eq!(encodings.acquire(ULAW), first);
        let (encoded, payloads) = encode(&encodings);
        assert_eq!((encoded, payloads.len()), (2, 2));
        assert_eq!(payloads[second].bytes(), [0xd5; BLOCK]);
    }
}
