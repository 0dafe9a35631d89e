//! Pre-processing (§3.1): the input halved and freed of what lies below 140 Hz.

use crate::arith::{Split, mac, round, shl32};
use crate::dims::FRAME_SAMPLES;
use crate::tables::{INPUT_DENOMINATOR, INPUT_NUMERATOR};

/// A filter of second order.
#[derive(Clone, Debug)]
pub(crate) struct HighPass {
    /// The last two inputs, newest first.
    x: [i16; 2],
    /// The last two outputs, newest first.
    y: [Split; 2],
}

impl HighPass {
    pub(crate) const fn new() -> Self {
        Self {
            x: [0; 2],
            y: [Split { hi: 0, lo: 0 }; 2],
        }
    }

    /// Equation (1).
    pub(crate) fn filter(&mut self, frame: &mut [i16; FRAME_SAMPLES]) {
        for sample in frame {
            let x = *sample;
            let recursive = self.y[0]
                .mul16(INPUT_DENOMINATOR[1])
                .saturating_add(self.y[1].mul16(INPUT_DENOMINATOR[2]));
            let sum = mac(recursive, x, INPUT_NUMERATOR[0]);
            let sum = mac(sum, self.x[0], INPUT_NUMERATOR[1]);
            let y = shl32(mac(sum, self.x[1], INPUT_NUMERATOR[2]), 3);
            self.x = [x, self.x[0]];
            self.y = [Split::new(y), self.y[0]];
            *sample = round(y);
        }
    }
}
