//! The adaptive codebook's vector and the words for its lag (§3.7.1, §3.7.2, §4.1.2, §4.1.3).

use crate::arith::{mac, mul, peak, plain_dot, round};
use crate::dims::{INTERPOLATION_REACH, LAG_MAX, LAG_MIN, PAST, SUBFRAME};
use crate::tables::INTERPOLATION;

/// A pitch lag: whole samples and thirds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lag {
    pub(crate) whole: i16,
    /// −1, 0 or 1 third of a sample.
    pub(crate) thirds: i16,
}

/// The samples that one interpolated sample is made of.
pub(crate) const WINDOW: usize = 2 * INTERPOLATION_REACH;

/// One third in Q15, rounded up: divides small numbers by three.
const THIRD: i16 = 10923;

/// Equation (40): overwrites the subframe at the end of `excitation` with the past excitation that
/// lies `lag` back, interpolated. `excitation` begins [`PAST`] samples before the subframe.
pub(crate) fn adaptive_vector(excitation: &mut [i16; PAST + SUBFRAME], lag: Lag) {
    // Counted forwards from the sample at the left, the fraction is 0, 1 or 2 thirds.
    let (back, phase) = if lag.thirds > 0 {
        (lag.whole + 1, 2)
    } else {
        (lag.whole, -lag.thirds as usize)
    };
    let first = PAST - back as usize + 1 - INTERPOLATION_REACH;
    let weights = &WEIGHTS[phase];
    let mut loud = peak(&excitation[first..PAST]) >= LOUD;
    for n in 0..SUBFRAME {
        // A lag below 40 reaches into this vector itself: samples are made one by one.
        let window: &[i16; WINDOW] = excitation[first + n..first + n + WINDOW]
            .try_into()
            .expect("a window's samples");
        let x = if loud {
            saturating(window, weights)
        } else {
            round(2 * plain_dot(window, weights))
        };
        loud |= x.unsigned_abs() >= LOUD as u16;
        excitation[PAST + n] = x;
    }
}

/// The interpolation filter in the order of the samples, for each phase.
pub(crate) static WEIGHTS: [[i16; WINDOW]; 3] = [weights(0), weights(1), weights(2)];

const fn weights(phase: usize) -> [i16; WINDOW] {
    let mut weights = [0; 20];
    let mut i = 0;
    while i < INTERPOLATION_REACH {
        weights[9 - i] = INTERPOLATION[phase + 3 * i];
        weights[10 + i] = INTERPOLATION[3 - phase + 3 * i];
        i += 1;
    }
    weights
}

/// Below this magnitude no sum of the filter saturates, as its magnitudes sum up to less than two.
pub(crate) const LOUD: i32 = 1 << 14;

fn saturating(window: &[i16; WINDOW], weights: &[i16; WINDOW]) -> i16 {
    // Both sides in turn, from the centre outwards.
    let sum = (0..INTERPOLATION_REACH).fold(0, |sum, i| {
        mac(
            mac(sum, window[9 - i], weights[9 - i]),
            window[10 + i],
            weights[10 + i],
        )
    });
    round(sum)
}

/// The range of lags in which the second subframe's may lie, 10 samples from `.0`.
pub(crate) fn second_range(first: i16) -> (i16, i16) {
    let least = (first - 5).clamp(LAG_MIN, LAG_MAX - 9);
    (least, least + 9)
}

/// P1, the word for the first subframe's lag: thirds up to 85, whole samples above.
pub(crate) fn first_word(lag: Lag) -> u8 {
    let word = if lag.whole <= 85 {
        lag.whole * 3 - 58 + lag.thirds
    } else {
        lag.whole + 112
    };
    word as u8
}

/// The lag that P1 stands for.
pub(crate) fn first_lag(word: u8) -> Lag {
    let word = i16::from(word);
    if word < 197 {
        let whole = mul(word + 2, THIRD) + 19;
        Lag {
            whole,
            thirds: word - 3 * whole + 58,
        }
    } else {
        Lag {
            whole: word - 112,
            thirds: 0,
        }
    }
}

/// P2, the word for the second subframe's lag: thirds from `least`.
pub(crate) fn second_word(lag: Lag, least: i16) -> u8 {
    ((lag.whole - least) * 3 + 2 + lag.thirds) as u8
}

/// The lag that P2 stands for.
pub(crate) fn second_lag(word: u8, least: i16) -> Lag {
    let word = i16::from(word);
    let offset = mul(word + 2, THIRD) - 1;
    Lag {
        whole: offset + least,
        thirds: word - 2 - 3 * offset,
    }
}

/// P0: makes the number of ones odd, counting P1's six upper bits and itself.
pub(crate) fn parity(first_word: u8) -> u8 {
    1 ^ ((first_word >> 2).count_ones() as u8 & 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_first_word_comes_back() {
        for word in 0..=255 {
            let lag = first_lag(word);
            assert!((-1..=1).contains(&lag.thirds));
            assert_eq!(first_word(lag), word);
        }
        assert_eq!(
            first_lag(0),
            Lag {
                whole: 19,
                thirds: 1
            }
        );
        assert_eq!(
            first_lag(255),
            Lag {
                whole: 143,
                thirds: 0
            }
        );
    }

    #[test]
    fn every_second_word_comes_back() {
        for first in LAG_MIN - 1..=LAG_MAX + 1 {
            let (least, most) = second_range(first);
            assert!(least >= LAG_MIN && most <= LAG_MAX);
            for word in 0..32 {
                assert_eq!(second_word(second_lag(word, least), least), word);
            }
        }
    }

    #[test]
    fn the_filters_magnitudes_sum_up_to_less_than_two() {
        for weights in WEIGHTS {
            assert!(weights.iter().map(|w| i32::from(*w).abs()).sum::<i32>() < 1 << 16);
        }
    }

    #[test]
    fn a_period_repeats() {
        let mut excitation = [0; PAST + SUBFRAME];
        for (n, x) in excitation.iter_mut().enumerate() {
            *x = if n % 25 == 0 { 1000 } else { 0 };
        }
        let expected = excitation;
        excitation[PAST..].fill(7);
        adaptive_vector(
            &mut excitation,
            Lag {
                whole: 50,
                thirds: 0,
            },
        );
        // The filter passes up to 3.6 kHz: it widens a pulse.
        let at = (PAST..PAST + SUBFRAME).find(|n| expected[*n] > 0).unwrap();
        assert_eq!(excitation[at], 899);
        assert!(excitation[at + 3].abs() < 200);
    }
}
