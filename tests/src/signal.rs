//! Tones that tell participants apart, and what finds them in a mix.

use std::f64::consts::TAU;

use sixreel_dataplane::codec::g711;

/// Samples a second.
pub const RATE: usize = 8000;
/// The peak of a voice: eight of them together stay below the limiter.
const PEAK: f64 = 3000.0;
/// How loud a tone is on average over a second, if nothing of it is missing.
const USUAL: f64 = PEAK * 0.8 * 0.6;

/// The frequency of a participant's tone in Hz, of its number from 0 to 19. None is a multiple of
/// another.
pub const fn tone(number: usize) -> usize {
    310 + 131 * (number % 20)
}

/// A second of something like speech at this frequency, which can be repeated without a seam:
/// four syllables a second, a pause between two words, and a little hiss.
pub fn voice(frequency: usize) -> Vec<i16> {
    let mut noise = frequency as u32;
    let sample = |n: usize| {
        let t = n as f64 / RATE as f64;
        noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let hiss = f64::from(noise >> 16) / 65_536.0 - 0.5;
        let syllable = 0.6 - 0.4 * (TAU * 5.0 * t).cos();
        let word = if t < 0.8 { syllable } else { 0.0 };
        (PEAK * word * (TAU * frequency as f64 * t).sin() + 40.0 * hiss) as i16
    };
    (0..RATE).map(sample).collect()
}

/// The same in G.711 µ-law or, where `a_law`, A-law.
pub fn encode(samples: &[i16], a_law: bool) -> Vec<u8> {
    let mut bytes = vec![0; samples.len()];
    if a_law {
        g711::encode_alaw(samples, &mut bytes);
    } else {
        g711::encode_ulaw(samples, &mut bytes);
    }
    bytes
}

/// How loud a tone is in these samples, in relation to how loud it usually is (Goertzel).
pub fn loudness(samples: &[i16], frequency: usize) -> f64 {
    let turn = TAU * frequency as f64 / RATE as f64;
    let weight = 2.0 * turn.cos();
    let (mut last, mut before) = (0.0, 0.0);
    for sample in samples {
        let next = f64::from(*sample) + weight * last - before;
        before = last;
        last = next;
    }
    let power = last * last + before * before - weight * last * before;
    2.0 * power.max(0.0).sqrt() / samples.len().max(1) as f64 / USUAL
}

/// Whether a tone is heard in these samples; `None` where it is hard to say.
pub fn is_heard(samples: &[i16], frequency: usize) -> Option<bool> {
    let loudness = loudness(samples, frequency);
    if loudness > 0.4 {
        Some(true)
    } else {
        (loudness < 0.1).then_some(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tone_is_found_where_it_is_and_nowhere_else() {
        let voices: Vec<_> = (0..8).map(|number| voice(tone(number))).collect();
        let mix: Vec<i16> = (0..RATE)
            .map(|n| {
                [0, 3, 4, 7]
                    .map(|number: usize| voices[number][n])
                    .iter()
                    .sum()
            })
            .collect();
        for number in 0..20 {
            let is_there = [0, 3, 4, 7].contains(&number);
            assert_eq!(is_heard(&mix, tone(number)), Some(is_there), "{number}");
        }
        let loudness = loudness(&mix, tone(4));
        assert!((0.9..1.1).contains(&loudness), "{loudness}");
        assert_eq!(is_heard(&[0; 8000], tone(4)), Some(false));
    }
}
