//! Open-loop pitch analysis (§3.4, §A.3.4): one lag a frame from the decimated weighted speech.

use crate::arith::{Split, dot, energy, inverse_root, mul, shl};
use crate::dims::{FRAME_SAMPLES, LAG_MAX};

/// Weighted speech that the longest lag reaches back to.
pub(crate) const HISTORY: usize = LAG_MAX as usize;
const LEN: usize = HISTORY + FRAME_SAMPLES;
/// Energy below which the signal is scaled up.
pub(crate) const QUIET: i32 = 1 << 20;
/// A fifth in Q15.
const FIFTH: i16 = 6554;

/// The best lag of a range and its normalised correlation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Peak {
    pub(crate) lag: i16,
    pub(crate) strength: i16,
}

/// The open-loop lag of the frame at the end of `weighted`.
pub(crate) fn search(weighted: &[i16; LEN]) -> i16 {
    weigh(peaks(weighted))
}

/// The best lag of each of three ranges, so chosen that none holds a multiple of its own lags.
pub(crate) fn peaks(weighted: &[i16; LEN]) -> [Peak; 3] {
    let signal = Decimated::new(weighted);
    [
        signal.peak(signal.best((20..40).step_by(1))),
        signal.peak(signal.best((40..80).step_by(1))),
        // Long lags are tried two by two, then next to the best.
        signal.peak(signal.improve(signal.best((80..143).step_by(2)))),
    ]
}

/// Prefers short lags: they win if a longer one is near a multiple.
pub(crate) fn weigh([mut short, mut middle, long]: [Peak; 3]) -> i16 {
    let near = |lag: i16, multiple: i16, within: i16| (multiple - lag).abs() < within;
    for (factor, within) in [(2, 5), (3, 7)] {
        if near(long.lag, factor * middle.lag, within) {
            middle.strength = middle.strength.saturating_add(long.strength >> 2);
        }
    }
    for (factor, within) in [(2, 5), (3, 7)] {
        if near(middle.lag, factor * short.lag, within) {
            short.strength = short.strength.saturating_add(mul(middle.strength, FIFTH));
        }
    }
    let mut best = short;
    for other in [middle, long] {
        if other.strength > best.strength {
            best = other;
        }
    }
    best.lag
}

/// Samples that a correlation sums up: every second of the frame.
const SUMMED: usize = FRAME_SAMPLES / 2;
/// Samples of each parity at most.
const HALF: usize = LEN.div_ceil(2);

/// The signal scaled for correlations, its even and its odd samples apart, so that a correlation
/// over every second sample is one over neighbours.
struct Decimated([[i16; HALF]; 2]);

impl Decimated {
    fn new(weighted: &[i16; LEN]) -> Self {
        let mut parts = [[0; HALF]; 2];
        for (place, &sample) in weighted.iter().enumerate() {
            parts[place % 2][place / 2] = sample;
        }
        // The longest lag lies at an even place, and every second sample from there is summed up.
        let shift = match energy(0, &parts[0]) {
            (_, true) => -3,
            (sum, false) if sum < QUIET => 3,
            (_, false) => 0,
        };
        if shift != 0 {
            parts = parts.map(|part| part.map(|sample| shl(sample, shift)));
        }
        Self(parts)
    }

    /// Every second sample from `lag` samples before the frame.
    fn back(&self, lag: i16) -> &[i16] {
        let place = HISTORY - lag as usize;
        let start = place / 2;
        &self.0[place % 2][start..start + SUMMED]
    }

    /// Equation (34): the correlation of the frame with what lies `lag` back.
    fn correlation(&self, lag: i16) -> i32 {
        dot(0, self.back(0), self.back(lag))
    }

    /// The first lag of the greatest correlation.
    fn best(&self, lags: impl Iterator<Item = i16>) -> (i16, i32) {
        lags.map(|lag| (lag, self.correlation(lag)))
            .reduce(|best, other| if other.1 > best.1 { other } else { best })
            .expect("a range of lags")
    }

    /// The neighbours of the best lag, too.
    fn improve(&self, best: (i16, i32)) -> (i16, i32) {
        let neighbours = self.best([best.0 + 1, best.0 - 1].into_iter());
        if neighbours.1 > best.1 {
            neighbours
        } else {
            best
        }
    }

    fn peak(&self, (lag, correlation): (i16, i32)) -> Peak {
        normalise(lag, correlation, energy(1, self.back(lag)).0)
    }
}

/// Equation (35): a correlation over the root of the energy of what lies `lag` back.
pub(crate) fn normalise(lag: i16, correlation: i32, energy: i32) -> Peak {
    let strength = Split::new(correlation).mul(Split::new(inverse_root(energy)));
    Peak {
        lag,
        strength: strength as i16,
    }
}
