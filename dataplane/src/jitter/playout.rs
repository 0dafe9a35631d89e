//! Where in a stream's timestamps the clock is, and how that place moves.

use super::Piece;
use super::delay::{Delay, Wish};
use crate::period::{BLOCK, RATE, samples_between};
use crate::time::Nanos;

/// The margin with which a stream starts: 40 ms, or two packets where they are longer.
const START: i32 = 320;
/// By how much the delay may exceed its limit before audio is thrown away.
const TOLERANCE: i32 = PERIOD;
const PERIOD: i32 = BLOCK as i32;
/// A period that is overdue by more than this (2 ms) when a packet is taken in has waited for its
/// worker, and so has the packet: nobody knows when that came.
const OVERDUE: i32 = 16;

/// A packet with audio, and when it came.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival {
    pub(crate) timestamp: u32,
    pub(crate) samples: u16,
    /// Whether no packet before had a higher sequence number.
    pub(crate) newest: bool,
    pub(crate) now: Nanos,
    /// When the next period is due.
    pub(crate) next_period: Nanos,
}

/// Where an arrival found its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Placed {
    /// Before its turn.
    InTime,
    /// After its turn, but some of it can still be played.
    Late,
    /// So late that none of it can be played.
    TooLate,
    /// Further ahead than the limit.
    TooEarly,
}

/// The clock of one stream.
#[derive(Debug)]
pub(crate) struct Playout {
    /// Timestamp of the next sample.
    next: u32,
    /// Samples to be invented before it.
    stretch: u32,
    /// Timestamp after the newest sample that was played.
    played: u32,
    /// From this timestamp on there is silence, not loss.
    hush: Option<u32>,
    /// Timestamp of the newest packet.
    newest: u32,
    /// When a packet last came before it was too late.
    taken: Nanos,
    /// The longest delay.
    max: i32,
    delay: Delay,
}

impl Playout {
    /// Begins so that the first sample of `first` starts a period, with the margin of the start.
    pub(crate) fn begin(first: &Arrival, max: i32) -> Self {
        let target = START.max(2 * i32::from(first.samples)).min(max);
        let until = first.until();
        let mut wait = (target - until + PERIOD - 1).div_euclid(PERIOD) * PERIOD;
        if wait + until > max {
            wait -= PERIOD;
        }
        let next = first.timestamp.wrapping_sub(wait.max(0) as u32);
        Self {
            next,
            stretch: 0,
            played: next,
            hush: None,
            newest: first.timestamp,
            taken: first.now,
            max,
            delay: Delay::new(target, max, first.now),
        }
    }

    /// The same for a stream before which there was silence, not loss.
    pub(crate) fn begin_in_silence(first: &Arrival, max: i32) -> Self {
        let mut begun = Self::begin(first, max);
        begun.hush = Some(begun.next);
        begun
    }

    /// Whether an arrival can belong to the timing as it is. The newest packet cannot if it lies a
    /// second beyond the limit, or if it is hopelessly late and either the timestamps went back or
    /// nothing has been in time for long: then the sender's clock leapt, or stood still.
    pub(crate) fn in_sight(&self, arrival: &Arrival) -> bool {
        if !arrival.newest {
            return true;
        }
        if self.slack(arrival) > self.max + RATE as i32 {
            return false;
        }
        let hopeless = self.end(arrival) + self.delay.room() <= 0;
        let went_back = (arrival.timestamp.wrapping_sub(self.newest) as i32) < 0;
        let long_ago = samples_between(self.taken, arrival.now) >= i64::from(self.max);
        !(hopeless && (went_back || long_ago))
    }

    /// Throws away what would wait longer than the limit; returns how many samples.
    pub(crate) fn catch_up(&mut self, arrival: &Arrival) -> u32 {
        let excess = self.slack(arrival) - self.max;
        if !arrival.newest || excess <= TOLERANCE {
            return 0;
        }
        self.next = self.next.wrapping_add(excess as u32);
        self.delay.changed(-excess);
        excess as u32
    }

    /// Finds an arrival's place, lengthening the delay where it is late.
    pub(crate) fn place(&mut self, arrival: &Arrival) -> Placed {
        if arrival.newest {
            self.newest = arrival.timestamp;
        }
        let late = self.ahead(arrival.timestamp) < 0;
        if late {
            self.grow(arrival);
        }
        let slack = self.slack(arrival);
        if slack > self.max + TOLERANCE {
            return Placed::TooEarly;
        }
        if self.end(arrival) <= 0 {
            return Placed::TooLate;
        }
        if arrival.until() >= -OVERDUE {
            let margin = self.margin(arrival);
            self.delay.note(slack, margin, arrival.now);
        }
        self.taken = arrival.now;
        if late { Placed::Late } else { Placed::InTime }
    }

    /// From this timestamp on there is silence, until audio comes.
    pub(crate) fn hush(&mut self, timestamp: u32) {
        self.hush.get_or_insert(timestamp);
    }

    /// Passes over samples whose time went by unserved.
    pub(crate) const fn skip(&mut self, samples: u32) {
        self.next = self.next.wrapping_add(samples);
    }

    /// How far a timestamp lies ahead of the next sample.
    pub(crate) fn ahead(&self, timestamp: u32) -> i32 {
        let ahead = timestamp.wrapping_sub(self.next) as i32;
        // A quarter of the range keeps sums with times and lengths from overflowing.
        ahead.clamp(i32::MIN / 4, i32::MAX / 4)
    }

    /// Up to `want` samples that are to be invented before anything else.
    pub(crate) fn stretch(&mut self, want: usize) -> Option<usize> {
        let samples = want.min(self.stretch as usize);
        self.stretch -= samples as u32;
        (samples > 0).then_some(samples)
    }

    /// Plays samples of a frame that begins at `timestamp`.
    pub(crate) fn play(&mut self, timestamp: u32, samples: usize) {
        self.skip(samples as u32);
        self.played = self.next;
        self.hush = self
            .hush
            .filter(|from| (timestamp.wrapping_sub(*from) as i32) < 0);
    }

    /// Up to `want` samples that are not there.
    pub(crate) fn gap(&mut self, want: usize) -> Piece<'static> {
        let piece = match self.hush.map(|from| self.ahead(from)) {
            Some(..=0) => Piece::Silence(want),
            Some(ahead) => Piece::Missing(want.min(ahead as usize)),
            None => Piece::Missing(want),
        };
        self.skip(piece.samples() as u32);
        piece
    }

    /// What the delay needs.
    pub(crate) const fn wish(&self) -> Wish {
        self.delay.wished()
    }

    /// The delay that the fastest packets suffer.
    pub(crate) fn delay(&self) -> u32 {
        self.delay.current().max(0) as u32
    }

    /// Lengthens the delay: the next samples will be invented.
    pub(crate) fn insert(&mut self, samples: u32) {
        self.stretch += samples;
        self.delay.changed(samples as i32);
    }

    /// Tells that samples were played beyond the period in order to shorten the delay.
    pub(crate) fn removed(&mut self, samples: u32) {
        self.delay.changed(-(samples as i32));
    }

    /// Lengthens the delay for a packet that came late. Where nothing was played since its turn
    /// but what was invented, it is played now; otherwise the time is made up by inventing some,
    /// if that would have helped.
    fn grow(&mut self, arrival: &Arrival) {
        let room = self.delay.room();
        if arrival.timestamp.wrapping_sub(self.played) as i32 >= 0 {
            let step = (-self.ahead(arrival.timestamp)).min(room);
            self.next = self.next.wrapping_sub(step as u32);
            self.delay.changed(step);
        } else {
            let step = -self.margin(arrival);
            if (1..=room).contains(&step) {
                self.insert(step as u32);
            }
        }
    }

    /// How long the first sample will have waited.
    fn slack(&self, arrival: &Arrival) -> i32 {
        self.ahead(arrival.timestamp) + self.stretch as i32 + arrival.until()
    }

    /// How much later the packet could have come: a period takes its samples all at once.
    fn margin(&self, arrival: &Arrival) -> i32 {
        let ahead = self.ahead(arrival.timestamp) + self.stretch as i32;
        ahead.div_euclid(PERIOD) * PERIOD + arrival.until()
    }

    /// How far its end lies ahead of the next sample.
    fn end(&self, arrival: &Arrival) -> i32 {
        self.ahead(arrival.timestamp) + i32::from(arrival.samples)
    }
}

impl Arrival {
    /// Samples until the next period; a second at most either way.
    fn until(&self) -> i32 {
        let samples = samples_between(self.now, self.next_period);
        samples.clamp(-i64::from(RATE), i64::from(RATE)) as i32
    }
}
