//! Covering what is missing, in the manner of G.711 Appendix I: the last pitch periods are repeated
//! and fade to silence within 60 ms.
//!
//! Unlike the appendix, nothing is delayed while all is well: instead of bending the last samples
//! before the gap, the first ones in it are bent towards them.

/// Samples remembered, a power of two: three of the longest pitch periods, a quarter of one, and
/// those that come in while the gap is being left.
const MEMORY: usize = 512;
const PITCH_MIN: usize = 40;
const PITCH_MAX: usize = 120;
/// Samples over which periods are compared.
const WINDOW: usize = 160;
/// Samples of 10 ms, after which the invented signal begins to fade and takes in another period.
const STEP: u32 = 80;
/// Samples of 60 ms, after which it is silent.
const FADED: u32 = 6 * STEP;

/// Remembers one decoded signal and continues it where it breaks off.
///
/// In this order in memory: what is always touched lies together.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Concealer {
    state: State,
    memory: Memory,
}

#[derive(Debug)]
enum State {
    /// The signal is there.
    Present,
    /// It is missing.
    Missing(Invented),
    /// It is back: what was invented fades out under it.
    Returning {
        invented: Invented,
        left: u32,
        total: u32,
    },
}

/// The newest samples of a signal, by a position that counts on for ever.
#[derive(Debug)]
#[repr(C)]
struct Memory {
    end: u32,
    samples: [i16; MEMORY],
}

/// A continuation of the signal that ended at `origin`.
#[derive(Clone, Copy, Debug)]
struct Invented {
    origin: u32,
    period: u32,
    /// By how much the first sample would jump without correction.
    jump: i32,
    /// Samples invented so far, up to `FADED`.
    count: u32,
    /// Which sample of the present pass over the last periods comes next.
    at: u32,
    /// Periods in the present pass, and in the one that follows.
    periods: u32,
    next_periods: u32,
}

impl Concealer {
    /// A concealer that has heard nothing.
    pub(crate) const fn new() -> Self {
        Self {
            memory: Memory {
                samples: [0; MEMORY],
                end: 0,
            },
            state: State::Present,
        }
    }

    /// Takes in samples that are there. Just after a gap, they are blended with what was invented.
    pub(crate) fn present(&mut self, samples: &mut [i16]) {
        match self.state {
            State::Present => {}
            State::Missing(invented) => {
                // 4 ms, and 4 ms more for each 10 ms that were missing, up to 10 ms.
                let total = (32 + 32 * (invented.count / STEP)).min(STEP);
                self.blend(invented, total, total, samples);
            }
            State::Returning {
                invented,
                left,
                total,
            } => self.blend(invented, left, total, samples),
        }
        self.memory.push(samples);
    }

    /// Fills `out` with a continuation; returns how many samples of it are not yet silent.
    pub(crate) fn missing(&mut self, out: &mut [i16]) -> usize {
        let mut invented = match self.state {
            State::Missing(invented) => invented,
            State::Present | State::Returning { .. } => Invented::begin(&self.memory),
        };
        let audible = out.len().min((FADED - invented.count) as usize);
        for sample in &mut out[..audible] {
            *sample = invented.next(&self.memory);
        }
        out[audible..].fill(0);
        self.state = State::Missing(invented);
        audible
    }

    /// Fades the invented signal out under samples of the real one, over the `left` samples that
    /// are left of `total`.
    fn blend(&mut self, mut invented: Invented, left: u32, total: u32, samples: &mut [i16]) {
        let now = samples.len().min(left as usize);
        for (weight, sample) in (1..=left as i32).rev().zip(&mut samples[..now]) {
            let (old, new) = (i32::from(invented.next(&self.memory)), i32::from(*sample));
            *sample = ((old * weight + new * (total as i32 - weight)) / total as i32) as i16;
        }
        let left = left - now as u32;
        self.state = if left == 0 {
            State::Present
        } else {
            State::Returning {
                invented,
                left,
                total,
            }
        };
    }
}

impl Memory {
    /// Appends samples, at most `MEMORY` at once.
    fn push(&mut self, samples: &[i16]) {
        let start = self.end as usize % MEMORY;
        let until_wrap = samples.len().min(MEMORY - start);
        let (first, second) = samples.split_at(until_wrap);
        self.samples[start..start + first.len()].copy_from_slice(first);
        self.samples[..second.len()].copy_from_slice(second);
        self.end = self.end.wrapping_add(samples.len() as u32);
    }

    /// The sample at a position of the last `MEMORY`.
    fn at(&self, position: u32) -> i32 {
        i32::from(self.samples[position as usize % MEMORY])
    }

    /// The pitch period of the newest samples: the lag at which they resemble earlier ones most.
    fn period(&self) -> u32 {
        let recent: [i16; WINDOW + PITCH_MAX] = std::array::from_fn(|n| {
            let back = (WINDOW + PITCH_MAX - n) as u32;
            self.at(self.end.wrapping_sub(back)) as i16
        });
        let search = |lags: &mut dyn Iterator<Item = usize>, stride| {
            let mut best = (0.0, PITCH_MAX);
            for lag in lags {
                let likeness = likeness(&recent, lag, stride);
                if likeness > best.0 {
                    best = (likeness, lag);
                }
            }
            best.1
        };
        let coarse = search(&mut (PITCH_MIN..=PITCH_MAX).step_by(2), 2);
        let near = coarse.saturating_sub(1).max(PITCH_MIN)..=(coarse + 1).min(PITCH_MAX);
        search(&mut { near }, 1) as u32
    }
}

/// Squared normalised correlation with the samples `lag` earlier, negative where they oppose.
fn likeness(recent: &[i16; WINDOW + PITCH_MAX], lag: usize, stride: usize) -> f32 {
    let (mut product, mut energy) = (0i64, 1i64);
    for n in (PITCH_MAX..recent.len()).step_by(stride) {
        let (now, then) = (i64::from(recent[n]), i64::from(recent[n - lag]));
        product += now * then;
        energy += then * then;
    }
    let product = product as f32;
    product * product.abs() / energy as f32
}

impl Invented {
    fn begin(memory: &Memory) -> Self {
        let period = memory.period();
        let last = |back: u32| memory.at(memory.end.wrapping_sub(back));
        Self {
            origin: memory.end,
            period,
            jump: last(1) - last(period + 1),
            count: 0,
            at: 0,
            periods: 1,
            next_periods: periods_at(period),
        }
    }

    /// The next invented sample, as loud as the time since the gap began allows.
    fn next(&mut self, memory: &Memory) -> i16 {
        if self.count >= FADED {
            return 0;
        }
        let sample = self.bend_start(self.bend_end(memory));
        let gain = (FADED - self.count).min(FADED - STEP) as i32;
        let sample = sample * gain / (FADED - STEP) as i32;
        self.count += 1;
        self.at += 1;
        if self.at == self.periods * self.period {
            self.at = 0;
            self.periods = self.next_periods;
            self.next_periods = periods_at(self.count + self.periods * self.period);
        }
        sample.clamp(i16::MIN.into(), i16::MAX.into()) as i16
    }

    /// The sample of this pass; the last quarter period is bent towards what precedes the start of
    /// the next pass, so that the passes join.
    fn bend_end(&self, memory: &Memory) -> i32 {
        let len = self.periods * self.period;
        let left = len - self.at;
        let sample = memory.at(self.origin.wrapping_sub(left));
        let quarter = self.period / 4;
        if left > quarter {
            return sample;
        }
        let next_len = self.next_periods * self.period;
        let other = memory.at(self.origin.wrapping_sub(next_len + left));
        let weight = (quarter + 1 - left) as i32;
        sample + (other - sample) * weight / (quarter + 1) as i32
    }

    /// The first quarter period of all starts where the signal broke off.
    fn bend_start(&self, sample: i32) -> i32 {
        let quarter = self.period / 4;
        match quarter.checked_sub(self.count) {
            Some(weight) => sample + self.jump * weight as i32 / quarter as i32,
            None => sample,
        }
    }
}

/// How many periods the pass that starts at this sample of the gap takes in.
const fn periods_at(count: u32) -> u32 {
    match count / STEP {
        0 => 1,
        1 => 2,
        _ => 3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERIOD: usize = 73;

    /// A voiced sound: a fundamental with harmonics.
    fn voice(n: usize) -> i16 {
        let phase = n as f64 * std::f64::consts::TAU / PERIOD as f64;
        (1..6)
            .map(|k| 4000.0 / f64::from(k) * (phase * f64::from(k)).sin())
            .sum::<f64>() as i16
    }

    fn heard(samples: usize) -> Concealer {
        let mut concealer = Concealer::new();
        let mut signal: Vec<i16> = (0..samples).map(voice).collect();
        for block in signal.chunks_mut(160) {
            concealer.present(block);
        }
        concealer
    }

    fn peak(samples: &[i16]) -> i32 {
        samples.iter().map(|s| i32::from(*s).abs()).max().unwrap()
    }

    #[test]
    fn finds_the_pitch_period() {
        assert_eq!(heard(800).memory.period(), PERIOD as u32);
    }

    #[test]
    fn continues_a_voice_almost_as_it_would_have_gone_on() {
        let mut out = [0; 80];
        assert_eq!(heard(800).missing(&mut out), 80);
        for (n, sample) in out.iter().enumerate() {
            let error = i32::from(*sample) - i32::from(voice(800 + n));
            assert!(error.abs() < 400, "sample {n} is off by {error}");
        }
    }

    #[test]
    fn fades_to_silence_within_60_ms() {
        let mut concealer = heard(800);
        let mut out = [0; 640];
        assert_eq!(concealer.missing(&mut out), 480);
        let loudness: Vec<i32> = out.chunks(80).map(peak).collect();
        assert!(loudness[0] > 6000, "{loudness:?}");
        assert!(loudness[..6].is_sorted_by(|a, b| a >= b), "{loudness:?}");
        assert_eq!(loudness[6..], [0, 0]);
        assert_eq!(concealer.missing(&mut out), 0);
    }

    #[test]
    fn neither_end_of_a_gap_clicks() {
        let steepest = (1..800)
            .map(|n| (i32::from(voice(n)) - i32::from(voice(n - 1))).abs())
            .max();
        for gap in [24, 80, 160, 320, 480, 640] {
            let mut concealer = heard(800);
            let mut signal = vec![voice(799)];
            let mut lost = vec![0; gap];
            concealer.missing(&mut lost);
            signal.extend(lost);
            for block in 0..2 {
                let mut present: Vec<i16> = (0..160)
                    .map(|n| voice(800 + gap + block * 160 + n))
                    .collect();
                concealer.present(&mut present);
                signal.extend(present);
            }
            let jump = signal
                .windows(2)
                .map(|w| (i32::from(w[1]) - i32::from(w[0])).abs())
                .max();
            assert!(
                jump < steepest.map(|s| s * 3 / 2),
                "{gap}: {jump:?} against {steepest:?}"
            );
        }
    }

    #[test]
    fn leaves_a_signal_without_gaps_alone() {
        let mut concealer = Concealer::new();
        for n in 0..100 {
            let mut block: Vec<i16> = (n * 50..n * 50 + 50).map(voice).collect();
            let before = block.clone();
            concealer.present(&mut block);
            assert_eq!(block, before);
        }
    }

    #[test]
    fn is_itself_again_10_ms_after_a_gap() {
        let mut concealer = heard(800);
        concealer.missing(&mut [0; 300]);
        let mut block: Vec<i16> = (0..160).map(|n| voice(1100 + n)).collect();
        concealer.present(&mut block[..7]);
        concealer.present(&mut block[7..]);
        let expected: Vec<i16> = (1180..1260).map(voice).collect();
        assert_eq!(block[80..], expected);
        assert!(matches!(concealer.state, State::Present));
    }

    #[test]
    fn silence_is_continued_by_silence() {
        let mut concealer = Concealer::new();
        let mut out = [1; 160];
        concealer.missing(&mut out);
        assert_eq!(out, [0; 160]);
    }
}
