//! Mixing: the sum of all voices, with a soft limiter that leaves ordinary levels alone.

use crate::period::{BLOCK, Block};

/// Levels up to here pass unchanged: three quarters of full scale, -2.5 dBFS.
const THRESHOLD: i32 = 24_576;
const HEADROOM: i32 = i16::MAX as i32 - THRESHOLD;

/// Samples summed at once: as many as stay in registers.
const LANES: usize = 16;

/// The sum of `voices`: silence where there is none, and a single voice unchanged.
pub(crate) fn mix(voices: &[Block]) -> Block {
    match voices {
        [] => [0; BLOCK],
        [voice] => *voice,
        [_, _, ..] => sum(voices),
    }
}

fn sum(voices: &[Block]) -> Block {
    let mut out = [0; BLOCK];
    // Negative as soon as one sum lies beyond the threshold.
    let mut beyond = 0;
    for (place, out) in out.as_chunks_mut().0.iter_mut().enumerate() {
        let sums = lanes(voices, place);
        for sum in &sums {
            beyond |= (THRESHOLD - sum) | (THRESHOLD + sum);
        }
        *out = sums.map(saturate);
    }
    if beyond < 0 {
        for (place, out) in out.as_chunks_mut().0.iter_mut().enumerate() {
            *out = lanes(voices, place).map(|sum| saturate(limit(sum)));
        }
    }
    out
}

fn lanes(voices: &[Block], place: usize) -> [i32; LANES] {
    let mut sums = [0; LANES];
    for voice in voices {
        for (sum, sample) in sums.iter_mut().zip(&voice.as_chunks::<LANES>().0[place]) {
            *sum += i32::from(*sample);
        }
    }
    sums
}

/// Written as a clamp because processors narrow like that.
fn saturate(sum: i32) -> i16 {
    sum.clamp(i16::MIN.into(), i16::MAX.into()) as i16
}

/// The identity up to the threshold; above it a hyperbola that continues the line with the same
/// slope and never reaches full scale.
fn limit(sum: i32) -> i32 {
    let excess = sum.abs() - THRESHOLD;
    if excess <= 0 {
        return sum;
    }
    let (excess, headroom) = (i64::from(excess), i64::from(HEADROOM));
    let bent = (headroom * excess / (headroom + excess)) as i32;
    (THRESHOLD + bent) * sum.signum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(amplitude: f64, step: f64) -> Block {
        std::array::from_fn(|n| (amplitude * (n as f64 * step).sin()) as i16)
    }

    #[test]
    fn a_single_voice_passes_unchanged_however_loud() {
        let loud = tone(32_767.0, 0.3);
        assert_eq!(mix(&[loud]), loud);
        assert_eq!(mix(&[]), [0; BLOCK]);
    }

    #[test]
    fn voices_below_the_threshold_are_summed_exactly() {
        let voices = [tone(9000.0, 0.3), tone(8000.0, 0.5), tone(7000.0, 0.7)];
        for (n, sample) in mix(&voices).iter().enumerate() {
            assert_eq!(*sample, voices[0][n] + voices[1][n] + voices[2][n]);
        }
    }

    #[test]
    fn one_loud_sample_anywhere_is_limited_and_the_others_are_not() {
        for loud in 0..BLOCK {
            for level in [30_000, -30_000] {
                let mut voice = tone(1000.0, 0.3);
                let before = mix(&[voice, [0; BLOCK]]);
                voice[loud] = level;
                let after = mix(&[voice, [0; BLOCK]]);
                assert_eq!(i32::from(after[loud]), limit(level.into()));
                let changed = before.iter().zip(&after).filter(|(a, b)| a != b);
                assert_eq!(changed.count(), 1);
            }
        }
    }

    #[test]
    fn many_loud_voices_stay_within_sixteen_bits() {
        assert!(mix(&[[i16::MAX; BLOCK]; 64]).iter().all(|s| *s > 32_000));
        assert!(mix(&[[i16::MIN; BLOCK]; 64]).iter().all(|s| *s < -32_000));
    }

    #[test]
    fn the_limiter_is_smooth_monotonic_and_odd() {
        let mut before = limit(THRESHOLD - 1);
        assert_eq!(before, THRESHOLD - 1);
        for sum in THRESHOLD..2_200_000 {
            let limited = limit(sum);
            let rise = limited - before;
            assert!(
                (0..=1).contains(&rise),
                "{sum}: the slope never exceeds the line's"
            );
            assert_eq!(limit(-sum), -limited);
            assert!(limited <= 32_767);
            before = limited;
        }
        let slope = f64::from(limit(THRESHOLD + 200) - limit(THRESHOLD)) / 200.0;
        assert!(
            slope > 0.95,
            "the curve leaves the line without a corner: {slope}"
        );
    }
}
