//! What encoder and decoder share of the gain quantiser (§3.9): the prediction of the fixed
//! codebook's gain and the codebook of two stages.

use crate::arith::{Split, dot, high, log2, mac, mul, mul32, pow2, round, shl32};
use crate::dims::Block;
use crate::tables::{ENERGY_PREDICTOR, ENERGY_RESET, GAIN_STAGE1, GAIN_STAGE2};

/// The limits of pitch sharpening, Q14: 0.2 and 0.7945.
pub(crate) const SHARPENING_MIN: i16 = 3277;
const SHARPENING_MAX: i16 = 13017;

/// Gains of a subframe as the decoder will have them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Gains {
    /// Of the adaptive codebook, Q14.
    pub(crate) pitch: i16,
    /// Of the fixed codebook, Q1.
    pub(crate) code: i16,
}

impl Gains {
    /// Equation (47): how much the next subframe's code is sharpened, Q14.
    pub(crate) fn sharpening(self) -> i16 {
        self.pitch.clamp(SHARPENING_MIN, SHARPENING_MAX)
    }
}

/// A predicted gain of the fixed codebook: `mantissa·2^-q`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PredictedGain {
    pub(crate) mantissa: i16,
    pub(crate) q: i16,
}

/// Prediction errors of the last four subframes' energy in dB, Q10, newest first.
#[derive(Clone, Debug)]
pub(crate) struct EnergyMemory(pub(crate) [i16; 4]);

impl EnergyMemory {
    pub(crate) const fn new() -> Self {
        Self(ENERGY_RESET)
    }

    /// §3.9.1, equations (66) to (71): the gain that the vector `code` (Q13) will likely need.
    pub(crate) fn predict(&self, code: &Block) -> PredictedGain {
        // The mean energy of 30 dB less the vector's own, in dB: 10·log10 is 3.0103·log2.
        let (whole, fraction) = log2(dot(0, code, code));
        let energy = Split {
            hi: whole,
            lo: fraction,
        }
        .mul16(-24660);
        let energy = shl32(mac(energy, 32588, 32), 10);
        let predicted = ENERGY_PREDICTOR
            .iter()
            .zip(self.0)
            .fold(energy, |sum, (&w, e)| mac(sum, w, e));
        // 10^(x/20) is 2^(0.166·x).
        let exponent = Split::new(mul32(high(predicted), 5439) >> 8);
        PredictedGain {
            mantissa: pow2(14, exponent.lo) as i16,
            q: 14 - exponent.hi,
        }
    }

    /// Equation (72): remembers how far off the prediction was; `factor` is γ in Q13.
    pub(crate) fn push_factor(&mut self, factor: i32) {
        let (whole, fraction) = log2(factor);
        let logarithm = Split {
            hi: whole - 13,
            lo: fraction,
        }
        .join();
        self.push(mul(high(shl32(logarithm, 13)), 24660));
    }

    /// Remembers a prediction error in dB, Q10.
    pub(crate) fn push(&mut self, error: i16) {
        self.0.copy_within(..3, 1);
        self.0[0] = error;
    }
}

/// Rows of the gain codebook (§3.9.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct GainIndex {
    pub(crate) first: usize,
    pub(crate) second: usize,
}

impl GainIndex {
    /// Equation (73): the pitch gain, Q14.
    pub(crate) fn pitch(self) -> i16 {
        GAIN_STAGE1[self.first][0].saturating_add(GAIN_STAGE2[self.second][0])
    }

    /// Equation (74): the factor γ on the predicted gain, Q13.
    pub(crate) fn factor(self) -> i32 {
        i32::from(GAIN_STAGE1[self.first][1]) + i32::from(GAIN_STAGE2[self.second][1])
    }

    /// The gains that the rows and the prediction make together.
    pub(crate) fn gains(self, predicted: PredictedGain) -> Gains {
        let product = mul32((self.factor() >> 1) as i16, predicted.mantissa);
        // From Q(12 + q + 1) to Q1 in the upper half.
        let code = high(shl32(product, 4 - predicted.q));
        Gains {
            pitch: self.pitch(),
            code,
        }
    }
}

/// Equation (75): the excitation, from the adaptive vector already in place and the fixed one.
pub(crate) fn mix(adaptive: &mut [i16], code: &Block, gains: Gains) {
    for (x, &c) in adaptive.iter_mut().zip(code) {
        let sum = mac(mul32(*x, gains.pitch), c, gains.code);
        *x = round(shl32(sum, 1));
    }
}
