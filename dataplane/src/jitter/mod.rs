//! The jitter buffer: packets come in when they come, audio goes out by the clock.
//!
//! It is the only boundary in a packet's life: before it work is driven by arrival, after it by the
//! clock. Playout follows the stream's timestamps. The delay starts modest, grows at once when
//! packets come late, and is corrected in small steps where it is not audible, which also absorbs
//! the drift between the sender's clock and ours.

/// How long audio waits, and whether it should wait longer or shorter.
mod delay;
/// Interarrival jitter, as receiver reports state it.
mod estimate;
/// Where in a stream's timestamps the clock is, and how that place moves.
mod playout;
/// The frames of one source in the order of their timestamps.
mod queue;
/// Sequence numbers of one stream: order, duplicates, loss.
mod sequence;

pub(crate) use delay::Wish;

use crate::api::Codec;
use crate::counters::Drop;
use crate::period::{PERIOD, RATE, samples_between};
use crate::pool::Pool;
use crate::time::Nanos;
use estimate::Estimate;
use playout::{Arrival, Placed, Playout};
use queue::Queue;
use sequence::{Order, Sequence};

const SAMPLES_PER_MS: u16 = (RATE / 1000) as u16;

/// The shortest packets, in samples, of which the buffer holds as many as its limit lasts (5 ms).
const SHORTEST: i32 = 40;
/// Packets that it holds beyond that.
const SPARE: i32 = 16;

/// The jitter buffer of one source.
#[derive(Debug)]
pub(crate) struct Jitter {
    queue: Queue,
    sequence: Sequence,
    playout: Option<Playout>,
    /// When the next period is due.
    next_period: Nanos,
    /// The longest delay, in samples.
    max: i32,
    estimate: Estimate,
    counts: Counts,
}

/// A packet that a source takes in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Incoming<'a> {
    pub(crate) sequence: u16,
    pub(crate) timestamp: u32,
    pub(crate) content: Content<'a>,
}

/// What a packet carries.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Content<'a> {
    /// A payload of so many samples.
    Audio {
        codec: Codec,
        payload: &'a [u8],
        samples: u16,
    },
    /// Word that there is no audio from the packet's timestamp until the next audio packet.
    Hush,
}

/// The next part of the audio.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Piece<'p> {
    /// `samples` samples of a payload, beginning with number `from`.
    Audio {
        codec: Codec,
        payload: &'p [u8],
        from: usize,
        samples: usize,
    },
    /// So many samples that are lost or late.
    Missing(usize),
    /// So many samples that are to be invented in order to lengthen the delay.
    Stretch(usize),
    /// So many samples of silence.
    Silence(usize),
}

/// What the buffer decided so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Packets that came after their turn.
    pub(crate) late: u64,
    /// Packets that came twice.
    pub(crate) duplicates: u64,
    /// Packets that were put back in order.
    pub(crate) reordered: u64,
    /// Samples inserted to lengthen the delay.
    pub(crate) inserted_samples: u64,
    /// Samples removed to shorten it.
    pub(crate) removed_samples: u64,
    /// Times that the stream's timing was found anew.
    pub(crate) restarts: u64,
}

impl Jitter {
    /// An empty buffer whose first period is due at `next_period`.
    pub(crate) fn new(max_ms: u16, next_period: Nanos) -> Self {
        Self {
            queue: Queue::default(),
            sequence: Sequence::default(),
            playout: None,
            next_period,
            max: i32::from(max_ms.clamp(20, 1000) * SAMPLES_PER_MS),
            estimate: Estimate::default(),
            counts: Counts::default(),
        }
    }

    /// Takes a packet in, or says why not.
    pub(crate) fn push(
        &mut self,
        packet: &Incoming<'_>,
        now: Nanos,
        pool: &mut Pool,
    ) -> Result<(), Drop> {
        let order = self.sequence.observe(packet.sequence);
        match order {
            Order::Duplicate => {
                self.counts.duplicates += 1;
                return Err(Drop::Duplicate);
            }
            Order::Leaps => return Err(Drop::Early),
            Order::Begins | Order::Newest | Order::Reordered => {}
        }
        match packet.content {
            Content::Hush => {
                if let Some(playout) = &mut self.playout {
                    playout.hush(packet.timestamp);
                }
                Ok(())
            }
            Content::Audio {
                codec,
                payload,
                samples,
            } => {
                let arrival = Arrival {
                    timestamp: packet.timestamp,
                    samples,
                    newest: order != Order::Reordered,
                    now,
                    next_period: self.next_period,
                };
                self.estimate.note(packet.timestamp, now);
                self.place(&arrival, pool)?;
                self.keep(&arrival, codec, payload, pool)
            }
        }
    }

    /// Begins a period, due at `at`. Periods that were skipped are skipped in the stream as well.
    pub(crate) fn begin(&mut self, at: Nanos) {
        let skipped = samples_between(self.next_period, at).max(0);
        if let Some(playout) = &mut self.playout {
            playout.skip(skipped as u32);
        }
        self.next_period = at.after(PERIOD);
    }

    /// The next samples, `want` at most and one at least.
    pub(crate) fn pop<'p>(&mut self, want: usize, pool: &'p mut Pool) -> Piece<'p> {
        let Some(playout) = &mut self.playout else {
            return Piece::Silence(want);
        };
        if let Some(samples) = playout.stretch(want) {
            self.counts.inserted_samples += samples as u64;
            return Piece::Stretch(samples);
        }
        while let Some(place) = self.queue.head() {
            let frame = pool.at(place);
            let (timestamp, len) = (frame.timestamp, usize::from(frame.samples));
            let ahead = playout.ahead(timestamp);
            if ahead > 0 {
                return playout.gap(want.min(ahead as usize));
            }
            let from = ahead.unsigned_abs() as usize;
            if from >= len {
                self.queue.drop_head(pool);
                continue;
            }
            let samples = want.min(len - from);
            playout.play(timestamp, samples);
            if from + samples == len {
                self.queue.drop_head(pool);
            }
            // A frame given back stays readable as long as the pool is borrowed.
            let frame = pool.at(place);
            return Piece::Audio {
                codec: frame.codec,
                payload: &frame.bytes[..frame.len.into()],
                from,
                samples,
            };
        }
        playout.gap(want)
    }

    /// What the delay needs.
    pub(crate) fn wish(&self) -> Wish {
        self.playout.as_ref().map_or(Wish::Keep, Playout::wish)
    }

    /// Lengthens the delay: the next samples will be invented.
    pub(crate) fn insert(&mut self, samples: u32) {
        if let Some(playout) = &mut self.playout {
            playout.insert(samples);
        }
    }

    /// Tells that samples were popped beyond the period in order to shorten the delay.
    pub(crate) fn removed(&mut self, samples: u32) {
        if let Some(playout) = &mut self.playout {
            playout.removed(samples);
            self.counts.removed_samples += u64::from(samples);
        }
    }

    /// Forgets the stream: another one begins with the next packet.
    pub(crate) fn restart(&mut self, pool: &mut Pool) {
        if self.playout.is_some() {
            self.counts.restarts += 1;
        }
        self.clear(pool);
        self.sequence.end();
        self.estimate.restart();
    }

    /// Gives all frames back.
    pub(crate) fn clear(&mut self, pool: &mut Pool) {
        self.queue.clear(pool);
        self.playout = None;
    }

    /// Whether no stream has begun, so that there is nothing to pop.
    pub(crate) const fn is_idle(&self) -> bool {
        self.playout.is_none()
    }

    /// What was decided so far.
    pub(crate) const fn counts(&self) -> Counts {
        self.counts
    }

    /// Packets that never came.
    pub(crate) fn lost(&self) -> u64 {
        self.sequence.lost()
    }

    /// Interarrival jitter in microseconds.
    pub(crate) const fn jitter_us(&self) -> u32 {
        self.estimate.micros()
    }

    /// Delay that is added now, in microseconds.
    pub(crate) fn delay_us(&self) -> u32 {
        self.playout.as_ref().map_or(0, Playout::delay) * (1_000_000 / RATE)
    }

    /// Frames held.
    #[cfg(test)]
    pub(crate) const fn frames(&self) -> u32 {
        self.queue.len()
    }

    /// Finds the arrival's place in time, moving the clock or beginning anew where it must.
    fn place(&mut self, arrival: &Arrival, pool: &mut Pool) -> Result<(), Drop> {
        let playout = match &mut self.playout {
            Some(playout) => {
                if !playout.in_sight(arrival) {
                    self.counts.restarts += 1;
                    self.queue.clear(pool);
                    *playout = Playout::begin(arrival, self.max);
                }
                playout
            }
            none => none.insert(Playout::begin_in_silence(arrival, self.max)),
        };
        self.counts.removed_samples += u64::from(playout.catch_up(arrival));
        match playout.place(arrival) {
            Placed::InTime => {
                self.counts.reordered += u64::from(!arrival.newest);
                Ok(())
            }
            Placed::Late => {
                self.counts.late += 1;
                Ok(())
            }
            Placed::TooLate => {
                self.counts.late += 1;
                Err(Drop::Late)
            }
            Placed::TooEarly => Err(Drop::Early),
        }
    }

    fn keep(
        &mut self,
        arrival: &Arrival,
        codec: Codec,
        payload: &[u8],
        pool: &mut Pool,
    ) -> Result<(), Drop> {
        if self.queue.len() >= (self.max / SHORTEST + SPARE) as u32 {
            return Err(Drop::Early);
        }
        let id = pool.take().ok_or(Drop::NoFrame)?;
        let frame = pool.at_mut(id.place());
        frame.timestamp = arrival.timestamp;
        frame.samples = arrival.samples;
        frame.len = payload.len() as u16;
        frame.codec = codec;
        frame.bytes[..payload.len()].copy_from_slice(payload);
        self.queue.push(id, pool);
        Ok(())
    }
}

impl Piece<'_> {
    /// Its length.
    pub(crate) const fn samples(&self) -> usize {
        match *self {
            Self::Audio { samples, .. } => samples,
            Self::Missing(samples) | Self::Stretch(samples) | Self::Silence(samples) => samples,
        }
    }
}

#[cfg(test)]
mod tests;
