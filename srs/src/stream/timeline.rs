//! Where samples belong in the recording: by their timestamps, whatever the order of arrival.

use std::collections::BTreeMap;
use std::time::Instant;

use super::RATE;

/// So many packets are held back while one before them is missing.
const WINDOW: usize = 16;

/// Timestamps may be so many samples ahead of the clock, or behind what came before.
const SLACK: u64 = RATE as u64;

/// What comes next in the recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Sound {
    /// So many samples of which nothing is known.
    Silence(u64),
    Samples(Vec<i16>),
}

/// The recording's own time, in samples since its first packet.
#[derive(Debug, Default)]
pub(crate) struct Timeline {
    began: Option<Instant>,
    /// Everything before is told.
    end: u64,
    /// A timestamp and its place.
    anchor: Option<(u32, u64)>,
    held: BTreeMap<u64, Vec<i16>>,
}

impl Timeline {
    /// Takes the samples of a packet; false where they come too late. `is_newest` says that its
    /// sequence number is above all others.
    pub(crate) fn push(
        &mut self,
        (timestamp, is_newest): (u32, bool),
        samples: Vec<i16>,
        now: Instant,
        out: &mut Vec<Sound>,
    ) -> bool {
        let clock = self.clock(now);
        let place = match self.place(timestamp, is_newest, clock) {
            Some(place) => place,
            None if is_newest => {
                self.interrupt(out);
                self.end.max(clock)
            }
            None => return false,
        };
        if is_newest {
            self.anchor = Some((timestamp, place));
        }
        let late = place + samples.len() as u64 <= self.end;
        if late || self.held.contains_key(&place) {
            return false;
        }
        self.held.insert(place, samples);
        self.release(WINDOW, out);
        true
    }

    /// The timestamps that come next have nothing to do with those before.
    pub(crate) fn interrupt(&mut self, out: &mut Vec<Sound>) {
        self.release(0, out);
        self.anchor = None;
    }

    /// How long the recording is, in samples.
    pub(crate) const fn len(&self) -> u64 {
        self.end
    }

    /// The place that a timestamp means; `None` where it leaps.
    fn place(&self, timestamp: u32, is_newest: bool, clock: u64) -> Option<u64> {
        let (anchor, place) = self.anchor?;
        let ahead = timestamp.wrapping_sub(anchor) as i32;
        let place = place.checked_add_signed(ahead.into())?;
        // Silence is never longer than the time that has passed, but for clocks that differ by a
        // thousandth.
        let above = place > clock + clock / 1000 + SLACK;
        let below = is_newest && place + SLACK < self.end;
        (!above && !below).then_some(place)
    }

    /// Tells what has no gap before it, and as much more as leaves no more than `kept` held.
    fn release(&mut self, kept: usize, out: &mut Vec<Sound>) {
        while let Some((&place, _)) = self.held.first_key_value() {
            if place > self.end && self.held.len() <= kept {
                return;
            }
            let mut samples = self.held.remove(&place).expect("it was just found");
            if place > self.end {
                out.push(Sound::Silence(place - self.end));
                self.end = place;
            }
            let told = (self.end - place).min(samples.len() as u64);
            samples.drain(..told as usize);
            self.end += samples.len() as u64;
            if !samples.is_empty() {
                out.push(Sound::Samples(samples));
            }
        }
    }

    fn clock(&mut self, now: Instant) -> u64 {
        let began = *self.began.get_or_insert(now);
        ((now - began).as_nanos() * u128::from(RATE) / 1_000_000_000) as u64
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::testing::epoch;

    /// A timeline that is told of packets of 20 ms, each filled with its own number.
    #[derive(Default)]
    struct Tape {
        timeline: Timeline,
        out: Vec<Sound>,
        highest: Option<u32>,
    }

    impl Tape {
        /// Packet `number` arrives at `at_ms`, its timestamp counted from `origin`.
        fn push_from(&mut self, origin: u32, number: u32, at_ms: u64) -> bool {
            let timestamp = origin.wrapping_add(number * 160);
            let newest = self.highest.is_none_or(|highest| number > highest);
            self.highest = self.highest.max(Some(number));
            let now = epoch() + Duration::from_millis(at_ms);
            let samples = vec![number as i16; 160];
            self.timeline
                .push((timestamp, newest), samples, now, &mut self.out)
        }

        fn push(&mut self, number: u32, at_ms: u64) -> bool {
            self.push_from(u32::MAX - 500, number, at_ms)
        }

        /// All of the recording, a number for each 20 ms, -1 for silence.
        fn play(mut self) -> Vec<i16> {
            self.timeline.interrupt(&mut self.out);
            let mut samples = Vec::new();
            for sound in &self.out {
                match sound {
                    Sound::Silence(count) => samples.resize(samples.len() + *count as usize, -1),
                    Sound::Samples(some) => samples.extend(some),
                }
            }
            assert_eq!(samples.len() as u64, self.timeline.len());
            let (blocks, rest) = samples.as_chunks::<160>();
            assert!(rest.is_empty(), "{rest:?}");
            assert!(
                blocks
                    .iter()
                    .all(|block| block.iter().all(|s| *s == block[0]))
            );
            blocks.iter().map(|block| block[0]).collect()
        }
    }

    #[test]
    fn order_and_gaps_are_those_of_the_timestamps() {
        let mut tape = Tape::default();
        for (number, at_ms) in [(0, 0), (2, 40), (1, 41), (3, 60), (6, 120)] {
            assert!(tape.push(number, at_ms));
        }
        assert_eq!(tape.out.len(), 4, "what follows a gap is held back");
        assert_eq!(tape.play(), [0, 1, 2, 3, -1, -1, 6]);
    }

    #[test]
    fn what_comes_after_its_time_or_twice_is_refused() {
        let mut tape = Tape::default();
        assert!(tape.push(0, 0) && tape.push(2, 40));
        assert!(!tape.push(0, 41), "told already");
        assert!(!tape.push(2, 42), "held already");
        for number in 3..=18 {
            assert!(tape.push(number, 20 * u64::from(number)));
        }
        assert!(!tape.push(1, 380), "given up");
        let expected: Vec<_> = [0, -1].into_iter().chain(2..=18).collect();
        assert_eq!(tape.play(), expected);
    }

    #[test]
    fn a_long_silence_is_as_long_as_it_was() {
        let mut tape = Tape::default();
        assert!(tape.push(0, 0) && tape.push(15_000, 300_000));
        let play = tape.play();
        assert_eq!(
            (play.len(), play[14_999], play[15_000]),
            (15_001, -1, 15_000)
        );
    }

    #[test]
    fn timestamps_that_leap_are_placed_by_the_clock() {
        let mut tape = Tape::default();
        assert!(tape.push_from(0, 0, 0));
        assert!(tape.push_from(0, 1, 20));
        assert!(tape.push_from(4_000_000, 2, 100), "ahead of the clock");
        assert!(tape.push_from(4_000_000, 3, 120));
        assert!(tape.push_from(0, 4, 140), "far behind what came before");
        assert_eq!(tape.play(), [0, 1, -1, -1, -1, 2, 3, 4]);
    }

    #[test]
    fn a_burst_after_a_stall_stays_whole() {
        let mut tape = Tape::default();
        for number in 0..300 {
            assert!(tape.push(number, u64::from(number) / 100), "{number}");
        }
        assert_eq!(tape.play(), (0..300).collect::<Vec<i16>>());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        #[test]
        fn nothing_is_longer_than_the_time_that_passed(
            packets in prop::collection::vec((any::<u32>(), any::<bool>(), 0..200_u64), 1..60),
        ) {
            let (mut timeline, mut out, mut at_ms) = (Timeline::default(), Vec::new(), 0);
            let count = packets.len() as u64;
            for (timestamp, newest, step_ms) in packets {
                at_ms += step_ms;
                let now = epoch() + Duration::from_millis(at_ms);
                timeline.push((timestamp, newest), vec![1; 160], now, &mut out);
            }
            timeline.interrupt(&mut out);
            prop_assert!(timeline.len() <= at_ms * 9 + SLACK + count * 160);
        }
    }
}
