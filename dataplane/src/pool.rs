//! Frames of the jitter buffers: all memory taken at start-up, lent out and given back.

use std::num::NonZeroU32;

use crate::api::Codec;

/// Bytes that a frame can hold: 60 ms of G.711.
pub(crate) const FRAME_BYTES: usize = 480;

/// The payload of one packet, on its way through a jitter buffer.
#[repr(align(64))]
#[derive(Debug)]
pub(crate) struct Frame {
    /// The frame that follows, in whatever list this one is in.
    pub(crate) next: Option<FrameId>,
    /// Timestamp of the first sample.
    pub(crate) timestamp: u32,
    /// Samples that the payload holds once it is decoded.
    pub(crate) samples: u16,
    /// Payload bytes in use.
    pub(crate) len: u16,
    /// What the payload is coded with.
    pub(crate) codec: Codec,
    /// Payload, of which `len` bytes are in use.
    pub(crate) bytes: [u8; FRAME_BYTES],
}

/// The right to use one frame. It can neither be copied nor made up, so that a frame is in exactly
/// one list at any time.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct FrameId(NonZeroU32);

/// A fixed number of frames, some free and the others lent out.
#[derive(Debug)]
pub(crate) struct Pool {
    frames: Box<[Frame]>,
    free: Option<FrameId>,
    free_count: u32,
}

impl FrameId {
    /// Its place in the pool.
    pub(crate) const fn place(&self) -> Place {
        Place(self.0.get() - 1)
    }
}

/// Where a frame lies, for looking at it without owning it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place(u32);

impl Pool {
    /// A pool of `count` free frames.
    pub(crate) fn new(count: u32) -> Self {
        let frame = |next| Frame {
            next,
            timestamp: 0,
            samples: 0,
            len: 0,
            codec: Codec::Pcmu,
            bytes: [0; FRAME_BYTES],
        };
        let id = |place: u32| (place < count).then(|| place + 1).and_then(NonZeroU32::new);
        Self {
            frames: (0..count)
                .map(|place| frame(id(place + 1).map(FrameId)))
                .collect(),
            free: id(0).map(FrameId),
            free_count: count,
        }
    }

    /// Lends a frame; `None` where all are lent.
    pub(crate) fn take(&mut self) -> Option<FrameId> {
        let id = self.free.take()?;
        self.free = self.at_mut(id.place()).next.take();
        self.free_count -= 1;
        Some(id)
    }

    /// Takes a frame back. What it holds stays readable until it is lent again.
    pub(crate) fn give(&mut self, id: FrameId) {
        let free = self.free.take();
        self.at_mut(id.place()).next = free;
        self.free = Some(id);
        self.free_count += 1;
    }

    /// The frame at a place.
    pub(crate) fn at(&self, place: Place) -> &Frame {
        &self.frames[place.0 as usize]
    }

    /// The frame at a place, to be written.
    pub(crate) fn at_mut(&mut self, place: Place) -> &mut Frame {
        &mut self.frames[place.0 as usize]
    }

    /// Frames lent out now.
    pub(crate) const fn used(&self) -> u32 {
        self.frames.len() as u32 - self.free_count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lends_each_frame_once_and_gets_it_back() {
        let mut pool = Pool::new(3);
        let lent: Vec<_> = std::iter::from_fn(|| pool.take()).collect();
        let mut places: Vec<_> = lent.iter().map(|id| id.place().0).collect();
        places.sort_unstable();
        assert_eq!((places, pool.used()), (vec![0, 1, 2], 3));
        for id in lent {
            pool.give(id);
        }
        assert_eq!(pool.used(), 0);
        assert!(pool.take().is_some());
        assert!(Pool::new(0).take().is_none());
    }

    #[test]
    fn a_frame_fills_whole_cache_lines() {
        assert_eq!(size_of::<Frame>(), 512);
    }
}
