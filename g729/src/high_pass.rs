//! The high-pass filters before the encoder (§3.1) and after the decoder (§4.2.5).

use crate::arith::{Split, mac, round, shl32};
use crate::dims::FRAME_SAMPLES;
use crate::tables::{INPUT_DENOMINATOR, INPUT_NUMERATOR, OUTPUT_DENOMINATOR, OUTPUT_NUMERATOR};

/// A recursive filter of second order.
#[derive(Clone, Debug)]
pub(crate) struct HighPass {
    numerator: &'static [i16; 3],
    denominator: &'static [i16; 3],
    /// From the coefficients' fraction bits to Q15 in the upper half.
    shift: i16,
    /// How often the output is doubled.
    doublings: i16,
    /// The last two inputs, newest first.
    pub(crate) x: [i16; 2],
    /// The last two outputs, newest first.
    pub(crate) y: [Split; 2],
}

impl HighPass {
    /// Equation (1): halves the input, as its numerator does, and removes what is below 140 Hz.
    pub(crate) const fn input() -> Self {
        Self::new(&INPUT_NUMERATOR, &INPUT_DENOMINATOR, 3, 0)
    }

    /// Equation (91): removes what is below 100 Hz and doubles the output.
    pub(crate) const fn output() -> Self {
        Self::new(&OUTPUT_NUMERATOR, &OUTPUT_DENOMINATOR, 2, 1)
    }

    const fn new(
        numerator: &'static [i16; 3],
        denominator: &'static [i16; 3],
        shift: i16,
        doublings: i16,
    ) -> Self {
        let silence = Split { hi: 0, lo: 0 };
        Self {
            numerator,
            denominator,
            shift,
            doublings,
            x: [0; 2],
            y: [silence; 2],
        }
    }

    /// Filters the next frame in place.
    pub(crate) fn filter(&mut self, frame: &mut [i16; FRAME_SAMPLES]) {
        let ([b0, b1, b2], [_, a1, a2]) = (*self.numerator, *self.denominator);
        for sample in frame {
            let x = *sample;
            let recursive = self.y[0].mul16(a1).saturating_add(self.y[1].mul16(a2));
            let sum = mac(mac(mac(recursive, x, b0), self.x[0], b1), self.x[1], b2);
            let y = shl32(sum, self.shift);
            self.x = [x, self.x[0]];
            self.y = [Split::new(y), self.y[0]];
            *sample = round(shl32(y, self.doublings));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_constant_dies_away() {
        for mut filter in [HighPass::input(), HighPass::output()] {
            let mut frame = [10_000; FRAME_SAMPLES];
            filter.filter(&mut frame);
            assert!(frame[0] > 4000);
            for _ in 0..20 {
                frame = [10_000; FRAME_SAMPLES];
                filter.filter(&mut frame);
            }
            assert!(frame.iter().all(|x| x.abs() < 10), "{frame:?}");
        }
    }
}
