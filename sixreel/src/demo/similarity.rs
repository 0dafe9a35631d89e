//! How much a recording is what it should be: the signal-to-noise ratio against the reference mix.
//!
//! The reference is the sum of everything that was said, as it was sent. A jitter buffer delays
//! each voice by a little, and corrects the delay in pauses, where it is not audible; so each part
//! of speech between two pauses is first put where the recording has it. Whatever then differs is
//! noise: codec, concealment, what is missing, and what should not be there.

use std::ops::Range;

/// A lag beyond this from where most of the recording lies is no alignment but another recording.
const LAG_MAX: i32 = 480;
/// A pause lasts at least as long as this (30 ms), and nothing in it is louder.
const PAUSE: usize = 240;
const QUIET: f32 = 300.0;
/// So much of the first line finds the beginning: enough to tell it from everything else.
const PROBE: usize = 8_000;
/// How often all parts are placed, each time knowing better where the others are.
const ROUNDS: usize = 3;

/// Something that was said: where it begins on the conversation's clock, and its samples.
#[derive(Clone, Debug)]
pub(super) struct Spoken {
    pub(super) from: usize,
    pub(super) samples: Vec<i16>,
}

#[derive(Debug)]
struct Part {
    /// Where it should begin in the recording.
    at: i32,
    lag: i32,
    samples: Vec<f32>,
    energy: f64,
}

/// The ratio in dB, over the whole length of `recording`; `None` where nothing was recorded. Both
/// have 8000 samples a second.
pub(super) fn snr_db(recording: &[i16], spoken: &[Spoken]) -> Option<f64> {
    let first = spoken.iter().min_by_key(|spoken| spoken.from)?;
    let recording: Vec<_> = recording.iter().map(|sample| f32::from(*sample)).collect();
    let start = find(&recording, &floats(&first.samples))? as i32 - first.from as i32;
    let mut parts: Vec<_> = spoken.iter().flat_map(|line| parts(line, start)).collect();
    let mut rest = recording;
    for round in 0..ROUNDS {
        for part in &mut parts {
            if round > 0 {
                part.add_to(&mut rest, 1.0);
            }
            part.place(&rest);
            part.add_to(&mut rest, -1.0);
        }
    }
    let missing = parts.iter();
    let missing = missing.filter(|part| part.there(part.lag, rest.len()).is_none());
    let noise = energy(&rest) + missing.map(|part| part.energy).sum::<f64>();
    let signal: f64 = parts.iter().map(|part| part.energy).sum();
    Some(10.0 * (signal / noise.max(1.0)).log10())
}

/// Where the recording has the beginning of a line.
fn find(recording: &[f32], line: &[f32]) -> Option<usize> {
    let probe = &line[..line.len().min(PROBE)];
    let places = recording.windows(probe.len()).enumerate();
    let best = places.max_by(|(_, one), (_, other)| {
        correlation(one, probe).total_cmp(&correlation(other, probe))
    });
    best.map(|(at, _)| at)
}

/// A line in parts, cut in the middle of its pauses.
fn parts(line: &Spoken, start: i32) -> Vec<Part> {
    let samples = floats(&line.samples);
    let part = |range: Range<usize>| {
        let samples = samples[range.clone()].to_vec();
        Part {
            at: start + (line.from + range.start) as i32,
            lag: 0,
            energy: energy(&samples),
            samples,
        }
    };
    let mut parts = Vec::new();
    let (mut begin, mut quiet) = (0, 0);
    for (at, sample) in samples.iter().enumerate() {
        if sample.abs() > QUIET {
            let cut = at - quiet / 2;
            if quiet >= PAUSE && cut > begin && quiet < at {
                parts.push(part(begin..cut));
                begin = cut;
            }
            quiet = 0;
        } else {
            quiet += 1;
        }
    }
    parts.push(part(begin..samples.len()));
    parts
}

impl Part {
    /// Puts it where it leaves least of the recording unexplained.
    fn place(&mut self, rest: &[f32]) {
        let explained = |lag: &i32| {
            let Some(there) = self.there(*lag, rest.len()) else {
                return f32::MIN;
            };
            correlation(&rest[there], &self.samples)
        };
        let lags = -LAG_MAX..=LAG_MAX;
        let best = lags.max_by(|one, other| explained(one).total_cmp(&explained(other)));
        self.lag = best.unwrap_or(0);
    }

    fn add_to(&self, rest: &mut [f32], factor: f32) {
        let Some(there) = self.there(self.lag, rest.len()) else {
            return;
        };
        for (sum, sample) in rest[there].iter_mut().zip(&self.samples) {
            *sum += factor * sample;
        }
    }

    /// Its place with that lag, if the recording has all of it.
    fn there(&self, lag: i32, length: usize) -> Option<Range<usize>> {
        let from = usize::try_from(self.at + lag).ok()?;
        let to = from + self.samples.len();
        (to <= length).then_some(from..to)
    }
}

fn floats(samples: &[i16]) -> Vec<f32> {
    samples.iter().map(|sample| f32::from(*sample)).collect()
}

/// Summed in lanes, because processors add like that.
fn correlation(one: &[f32], other: &[f32]) -> f32 {
    let (ones, one_rest) = one.as_chunks::<16>();
    let (others, other_rest) = other.as_chunks::<16>();
    let mut sums = [0.0; 16];
    for (one, other) in ones.iter().zip(others) {
        for lane in 0..16 {
            sums[lane] += one[lane] * other[lane];
        }
    }
    let rest = one_rest.iter().zip(other_rest).map(|(a, b)| a * b);
    sums.iter().sum::<f32>() + rest.sum::<f32>()
}

fn energy(samples: &[f32]) -> f64 {
    samples.iter().map(|s| f64::from(*s).powi(2)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Words of noise with pauses between them, different for each seed.
    fn line(from: usize, seed: u32) -> Spoken {
        let mut state = seed;
        let mut samples = Vec::new();
        for word in 0..4 {
            for _ in 0..3000 + 500 * word {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                samples.push((state >> 16) as i16 / 4);
            }
            samples.extend([0; 400]);
        }
        Spoken { from, samples }
    }

    /// The lines, each word of theirs so many samples later than it should be.
    fn recorded(lines: &[Spoken], lag: impl Fn(usize) -> usize) -> Vec<i16> {
        let mut recording = vec![0; 60_000];
        for line in lines {
            for (word, part) in parts(line, 2000).into_iter().enumerate() {
                let at = part.at as usize + lag(word);
                for (sum, sample) in recording[at..].iter_mut().zip(&part.samples) {
                    *sum += *sample as i16;
                }
            }
        }
        recording
    }

    fn lines() -> [Spoken; 2] {
        [line(1000, 1), line(9000, 2)]
    }

    #[test]
    fn the_same_is_the_same_wherever_its_pauses_grew_or_shrank() {
        let recording = recorded(&lines(), |word| [90, 130, 60, 61][word]);
        assert!(snr_db(&recording, &lines()).unwrap() > 90.0);
    }

    #[test]
    fn noise_is_measured() {
        let mut recording = recorded(&lines(), |_| 0);
        for (number, sample) in recording.iter_mut().enumerate() {
            *sample += [47, -47][number % 2];
        }
        // 47² over 60,000 samples, against lines of about 2,365² over 30,000.
        let snr = snr_db(&recording, &lines()).unwrap();
        assert!((36.0..38.0).contains(&snr), "{snr}");
    }

    #[test]
    fn what_is_missing_or_does_not_belong_is_noise() {
        let [one, other] = lines();
        let half = recorded(std::slice::from_ref(&one), |_| 0);
        assert!(snr_db(&half, &lines()).unwrap() < 5.0);
        let more = recorded(&lines(), |_| 0);
        assert!(snr_db(&more, std::slice::from_ref(&one)).unwrap() < 5.0);
        let short = &more[..25_000];
        assert!(snr_db(short, &[one, other]).unwrap() < 12.0);
        assert_eq!(snr_db(&[], &lines()), None);
        assert!(snr_db(&[0; 50_000], &lines()).unwrap() < 1.0);
    }

    #[test]
    fn parts_are_cut_in_pauses_and_lose_nothing() {
        let line = line(50, 3);
        let parts = parts(&line, 100);
        let lengths: Vec<_> = parts.iter().map(|part| part.samples.len()).collect();
        assert_eq!(lengths.iter().sum::<usize>(), line.samples.len());
        assert_eq!((lengths.len(), parts[0].at), (4, 150));
        assert!(lengths[0].abs_diff(3200) < 20, "{lengths:?}");
    }
}
