//! Mixing: the sum of all voices, with a soft limiter that leaves ordinary levels alone.

use crate::period::{BLOCK, Block};

/// Levels up to here pass unchanged: three quarters of full scale, -2.5 dBFS.
const THRESHOLD: i32 = 24_576;
const HEADROOM: i32 = i16::MAX as i32 - THRESHOLD;

/// The sum of `voices`: silence where there is none, and a single voice unchanged.
pub(crate) fn mix(voices: &[Block]) -> Block {
    match voices {
        [] => [0; BLOCK],
        [voice] => *voice,
        [first, rest @ ..] => sum(first, rest),
    }
}

fn sum(first: &Block, rest: &[Block]) -> Block {
    let mut sums = [0i32; BLOCK];
    for (sum, sample) in sums.iter_mut().zip(first) {
        *sum = i32::from(*sample);
    }
    for voice in rest {
        for (sum, sample) in sums.iter_mut().zip(voice) {
            *sum += i32::from(*sample);
        }
    }
    let peak = sums.iter().fold(0, |peak, sum| peak.max(sum.abs()));
    if peak > THRESHOLD {
        for sum in &mut sums {
            *sum = limit(*sum);
        }
    }
    sums.map(|sum| sum as i16)
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
