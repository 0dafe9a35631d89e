//! The buffer on a clock that a test moves: what comes in when, and what is heard of it.

use super::*;
use crate::period::BLOCK;

/// What became of one sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Heard {
    /// Played: the low byte of its timestamp, which the test writes into the payload.
    Sample(u8),
    Missing,
    Stretch,
    Silence,
}

/// A buffer on a clock that moves a millisecond at a time.
struct Rig {
    jitter: Jitter,
    pool: Pool,
    now: Nanos,
    heard: Vec<Heard>,
}

impl Rig {
    fn new(max_ms: u16) -> Self {
        Self {
            jitter: Jitter::new(max_ms, Nanos::from_millis(13)),
            pool: Pool::new(300),
            now: Nanos(0),
            heard: Vec::new(),
        }
    }

    /// Plays the clock up to a moment.
    fn until(&mut self, ms: u64) {
        while self.now < Nanos::from_millis(ms) {
            self.now = self.now.after(Nanos::MILLI);
            if self.now == self.jitter.next_period {
                self.period();
            }
        }
    }

    fn period(&mut self) {
        self.jitter.begin(self.now);
        let end = self.heard.len() + BLOCK;
        while self.heard.len() < end {
            let piece = self.jitter.pop(end - self.heard.len(), &mut self.pool);
            match piece {
                Piece::Audio {
                    payload,
                    from,
                    samples,
                    ..
                } => {
                    let part = &payload[from..from + samples];
                    self.heard
                        .extend(part.iter().map(|byte| Heard::Sample(*byte)));
                }
                Piece::Missing(n) => self.heard.extend(vec![Heard::Missing; n]),
                Piece::Stretch(n) => self.heard.extend(vec![Heard::Stretch; n]),
                Piece::Silence(n) => self.heard.extend(vec![Heard::Silence; n]),
            }
        }
    }

    fn push(&mut self, sequence: u16, timestamp: u32, samples: u16) -> Result<(), Drop> {
        let payload: Vec<u8> = (0..samples)
            .map(|n| mark(timestamp + u32::from(n)))
            .collect();
        let content = Content::Audio {
            codec: Codec::Pcma,
            payload: &payload,
            samples,
        };
        let packet = Incoming {
            sequence,
            timestamp,
            content,
        };
        self.jitter.push(&packet, self.now, &mut self.pool)
    }

    fn hush(&mut self, sequence: u16, timestamp: u32) {
        let packet = Incoming {
            sequence,
            timestamp,
            content: Content::Hush,
        };
        self.jitter.push(&packet, self.now, &mut self.pool).unwrap();
    }

    /// What was heard from the first sample on.
    fn speech(&self) -> &[Heard] {
        let start = self.heard.iter().position(|heard| *heard != Heard::Silence);
        &self.heard[start.unwrap_or(self.heard.len())..]
    }

    fn count(&self, what: Heard) -> usize {
        self.heard.iter().filter(|heard| **heard == what).count()
    }
}

/// A byte by which a sample is known again.
fn mark(timestamp: u32) -> u8 {
    (timestamp ^ timestamp >> 8) as u8
}

fn samples(from: u32, to: u32) -> Vec<Heard> {
    (from..to).map(|t| Heard::Sample(mark(t))).collect()
}

/// Plays packets of 20 ms that arrive at the given times.
fn play(rig: &mut Rig, arrivals: impl IntoIterator<Item = (u64, u16)>) {
    for (ms, n) in arrivals {
        rig.until(ms);
        let _ = rig.push(n, u32::from(n) * 160, 160);
    }
}

#[test]
fn a_steady_stream_is_played_whole_whatever_its_packet_time() {
    for ptime in [10, 20, 30, 40, 60, 7] {
        let mut rig = Rig::new(200);
        for n in 0..100u16 {
            rig.until(5 + u64::from(n) * ptime);
            let samples = ptime as u16 * 8;
            rig.push(n, u32::from(n) * u32::from(samples), samples)
                .unwrap();
        }
        let len = rig.speech().len() as u32;
        assert!(len > 400, "{ptime} ms");
        assert_eq!(rig.speech(), samples(0, len), "{ptime} ms");
        let delay = rig.heard.len() - len as usize;
        assert!(
            delay <= 2 * 8 * ptime as usize + 480,
            "{ptime} ms: delayed by {delay}"
        );
    }
}

#[test]
fn jitter_and_disorder_within_the_delay_are_not_heard() {
    let mut rig = Rig::new(200);
    let mut arrivals: Vec<(u64, u16)> = (0..500)
        .map(|n| (20 * u64::from(n) + 1 + u64::from(n * 7 % 38), n))
        .collect();
    arrivals.sort_unstable();
    play(&mut rig, arrivals);
    let len = rig.speech().len() as u32;
    assert_eq!(rig.speech(), samples(0, len));
    assert!(rig.jitter.counts().reordered > 50);
    assert_eq!(rig.jitter.lost(), 0);
    assert!(rig.jitter.jitter_us() > 5_000, "{}", rig.jitter.jitter_us());
}

#[test]
fn a_lost_packet_leaves_a_gap_of_its_own_length() {
    let mut rig = Rig::new(200);
    play(
        &mut rig,
        (0..20).filter(|n| *n != 7).map(|n| (20 * u64::from(n), n)),
    );
    rig.until(300);
    let mut expected = samples(0, rig.speech().len() as u32);
    expected[7 * 160..8 * 160].fill(Heard::Missing);
    assert_eq!(rig.speech(), expected);
    assert_eq!(rig.jitter.lost(), 1);
}

#[test]
fn a_late_stream_is_played_whole_with_a_longer_delay() {
    let mut rig = Rig::new(200);
    play(&mut rig, (0..10).map(|n| (20 * u64::from(n), n)));
    play(&mut rig, (10..40).map(|n| (20 * u64::from(n) + 100, n)));
    rig.until(880);
    let played: Vec<_> = rig
        .speech()
        .iter()
        .copied()
        .filter(|h| *h != Heard::Missing)
        .collect();
    assert_eq!(played, samples(0, played.len() as u32));
    assert!(
        rig.count(Heard::Missing) <= 100 * 8,
        "the gap is as long as the delay grew"
    );
    assert!(rig.jitter.counts().late > 0);
    assert!(rig.jitter.delay_us() >= 100_000);
}

#[test]
fn a_packet_overtaken_by_played_ones_is_dropped_and_the_delay_grows() {
    let mut rig = Rig::new(200);
    play(
        &mut rig,
        (0..10).filter(|n| *n != 5).map(|n| (20 * u64::from(n), n)),
    );
    rig.until(190);
    assert_eq!(rig.push(5, 800, 160), Err(Drop::Late));
    play(&mut rig, (10..20).map(|n| (20 * u64::from(n), n)));
    assert!(rig.count(Heard::Stretch) > 0, "{:?}", rig.jitter.counts());
    assert_eq!(
        rig.jitter.counts().inserted_samples as usize,
        rig.count(Heard::Stretch)
    );
}

#[test]
fn a_burst_after_a_stall_keeps_the_newest_audio_within_the_limit() {
    let mut rig = Rig::new(200);
    play(&mut rig, (0..20).map(|n| (20 * u64::from(n), n)));
    play(&mut rig, (20..40).map(|n| (800, n)));
    play(&mut rig, (40..80).map(|n| (20 * u64::from(n), n)));
    rig.until(1700);
    assert!(
        rig.jitter.delay_us() <= 220_000,
        "{}",
        rig.jitter.delay_us()
    );
    let last = rig.heard.len() - 20 * 160;
    let from = (rig.heard.len() as u32 - 20 * 160).wrapping_sub(200 * 8);
    let tail: Vec<_> = rig.heard[last..].to_vec();
    let at = (from - 400..from + 400).find(|t| tail == samples(*t, *t + 20 * 160));
    assert!(
        at.is_some(),
        "the stream goes on without gaps at the longest delay"
    );
}

#[test]
fn sequence_and_timestamp_may_wrap() {
    let mut rig = Rig::new(200);
    let start = u32::MAX - 10 * 160 + 1;
    for n in 0..30u16 {
        rig.until(20 * u64::from(n));
        let timestamp = start.wrapping_add(u32::from(n) * 160);
        let sequence = 65_530u16.wrapping_add(n);
        let payload = [n as u8; 160];
        let content = Content::Audio {
            codec: Codec::Pcma,
            payload: &payload,
            samples: 160,
        };
        let packet = Incoming {
            sequence,
            timestamp,
            content,
        };
        rig.jitter.push(&packet, rig.now, &mut rig.pool).unwrap();
    }
    let expected: Vec<_> = (0..30)
        .flat_map(|n| [Heard::Sample(n); 160])
        .take(rig.speech().len())
        .collect();
    assert_eq!(rig.speech(), expected);
}

#[test]
fn a_leap_of_the_timestamps_is_followed_at_once() {
    for leap in [1_000_000u32, u32::MAX - 500_000] {
        let mut rig = Rig::new(200);
        play(&mut rig, (0..20).map(|n| (20 * u64::from(n), n)));
        for n in 20..40u16 {
            rig.until(20 * u64::from(n));
            let timestamp = (u32::from(n) * 160).wrapping_add(leap);
            let payload = [n as u8; 160];
            let content = Content::Audio {
                codec: Codec::Pcma,
                payload: &payload,
                samples: 160,
            };
            let packet = Incoming {
                sequence: n,
                timestamp,
                content,
            };
            rig.jitter.push(&packet, rig.now, &mut rig.pool).unwrap();
        }
        assert_eq!(rig.jitter.counts().restarts, 1);
        assert!(rig.heard.ends_with(&[Heard::Sample(36); 160]));
    }
}

#[test]
fn a_sender_whose_clock_stood_still_is_heard_at_once() {
    let mut rig = Rig::new(200);
    play(&mut rig, (0..20).map(|n| (20 * u64::from(n), n)));
    play(&mut rig, (20..40).map(|n| (10_000 + 20 * u64::from(n), n)));
    assert_eq!(rig.jitter.counts().restarts, 1);
    assert!(
        rig.heard.ends_with(&samples(35 * 160, 37 * 160)),
        "37 of 40 after 40 ms"
    );
}

#[test]
fn a_pause_of_a_sender_whose_clock_goes_on_keeps_the_timing() {
    let mut rig = Rig::new(200);
    play(&mut rig, (0..20).map(|n| (20 * u64::from(n), n)));
    for n in 20..40u16 {
        rig.until(4000 + 20 * u64::from(n));
        rig.push(n, u32::from(n) * 160 + 32_000, 160).unwrap();
    }
    assert_eq!(
        (rig.jitter.counts().restarts, rig.jitter.counts().late),
        (0, 0)
    );
}

#[test]
fn a_hush_is_silence_and_not_loss() {
    let mut rig = Rig::new(200);
    play(&mut rig, (0..10).map(|n| (20 * u64::from(n), n)));
    rig.until(200);
    rig.hush(10, 1600);
    play(&mut rig, (20..30).map(|n| (20 * u64::from(n), n)));
    assert_eq!(rig.count(Heard::Missing), 0);
    assert!(rig.heard.ends_with(&samples(26 * 160, 27 * 160)));
}

#[test]
fn periods_that_were_skipped_are_skipped_in_the_stream() {
    let mut rig = Rig::new(200);
    play(&mut rig, (0..20).map(|n| (20 * u64::from(n), n)));
    let before = rig.heard.len();
    rig.now = rig.now.after(Nanos::from_millis(100));
    rig.jitter.begin(rig.now);
    rig.now = rig.now.after(PERIOD);
    rig.period();
    assert_eq!(
        rig.heard[before..],
        [Heard::Missing; 160],
        "it ran dry meanwhile"
    );
    assert!(rig.jitter.queue.len() == 0);
}

#[test]
fn drift_of_either_clock_neither_dries_nor_fills_the_buffer() {
    // 1 % is fifty times what clocks really differ by. The source obeys every wish at once.
    for period_us in [19_800u64, 20_200] {
        let mut rig = Rig::new(200);
        for n in 0..15_000u64 {
            rig.until(n * period_us / 1000);
            let _ = rig.push(n as u16, n as u32 * 160, 160);
            match rig.jitter.wish() {
                Wish::Longer(samples) => rig.jitter.insert(samples),
                Wish::Shorter { samples, .. } => {
                    let mut left = samples as usize;
                    while left > 0 {
                        left -= rig.jitter.pop(left, &mut rig.pool).samples();
                    }
                    rig.jitter.removed(samples);
                }
                Wish::Keep => {}
            }
            assert!(rig.jitter.delay_us() < 225_000);
        }
        let missing = rig.count(Heard::Missing);
        assert!(
            missing < 15_000 * 160 / 50,
            "{period_us}: {missing} samples ran dry"
        );
        assert!(rig.count(Heard::Silence) < 1000);
    }
}

#[test]
fn memory_is_bounded_and_returned() {
    let mut rig = Rig::new(1000);
    for n in 0..2000u16 {
        let _ = rig.push(n, u32::from(n) * 8, 8);
    }
    assert!(rig.jitter.frames() <= 1000 * 8 / 40 + 16);
    assert_eq!(rig.pool.used(), rig.jitter.frames());
    rig.jitter.restart(&mut rig.pool);
    assert_eq!((rig.pool.used(), rig.jitter.frames()), (0, 0));
}
