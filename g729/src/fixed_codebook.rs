//! The fixed codebook (§3.8, table 7): four pulses of ±1, each on its track.

use crate::arith::mul;
use crate::dims::{Block, SUBFRAME};

/// A positive pulse: the greatest below one in Q13. A negative pulse is one in full.
const PLUS: i16 = 8191;
const MINUS: i16 = -8192;

/// The four pulses of a vector; pulse k is on track k, pulse 3 on track 3 or 4.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pulses {
    /// Places in the subframe.
    pub(crate) places: [usize; 4],
    /// Which of them are positive.
    pub(crate) positive: [bool; 4],
}

impl Pulses {
    /// The pulses that the words C (13 bits) and S (4 bits) stand for (§4.1.4).
    pub(crate) fn parse(places: u16, signs: u8) -> Self {
        let on_track = |from: u32| 5 * usize::from(places >> from & 7);
        Self {
            places: [
                on_track(0),
                on_track(3) + 1,
                on_track(6) + 2,
                on_track(10) + 3 + usize::from(places >> 9 & 1),
            ],
            positive: core::array::from_fn(|k| signs >> k & 1 == 1),
        }
    }

    /// The words C and S (§3.8.2, equations (61) and (62)).
    pub(crate) fn write(self) -> (u16, u8) {
        let [p0, p1, p2, p3] = self.places.map(|place| place as u16);
        let fourth_track = p3 % 5 - 3;
        let places = (p0 / 5) | (p1 / 5) << 3 | (p2 / 5) << 6 | fourth_track << 9 | (p3 / 5) << 10;
        let signs = (0..4).fold(0, |signs, k| signs | u8::from(self.positive[k]) << k);
        (places, signs)
    }

    /// The vector, Q13, pitch sharpening not yet applied.
    pub(crate) fn vector(self) -> Block {
        let mut vector = [0; SUBFRAME];
        for (place, positive) in self.places.into_iter().zip(self.positive) {
            vector[place] = if positive { PLUS } else { MINUS };
        }
        vector
    }
}

/// Equation (48): adds what lies one lag back, times `gain` (Q14), if the lag is shorter than the
/// subframe.
pub(crate) fn sharpen(x: &mut Block, lag: i16, gain: i16) {
    let gain = gain.saturating_mul(2);
    let lag = lag as usize;
    for n in lag..SUBFRAME {
        x[n] = x[n].saturating_add(mul(x[n - lag], gain));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_comes_back() {
        for places in 0..1 << 13 {
            let signs = (places % 16) as u8;
            let pulses = Pulses::parse(places, signs);
            assert_eq!(pulses.write(), (places, signs));
            for (track, place) in pulses.places.into_iter().enumerate() {
                assert!(place < SUBFRAME && (place % 5 == track || (track == 3 && place % 5 == 4)));
            }
        }
    }

    #[test]
    fn sharpening_repeats_a_pulse_one_lag_later() {
        let mut vector = [0; SUBFRAME];
        vector[3] = 8000;
        sharpen(&mut vector, 30, 8192);
        assert_eq!(vector[33], 4000);
        assert_eq!(vector.iter().filter(|x| **x != 0).count(), 2);
        let before = vector;
        sharpen(&mut vector, 40, 8192);
        assert_eq!(vector, before);
    }
}
