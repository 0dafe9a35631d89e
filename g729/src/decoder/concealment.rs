//! What stands in for a lost frame (§4.4): the last filter and lag again, gains that fade, pulses at
//! random.

use crate::arith::mul;
use crate::fixed_codebook::Pulses;
use crate::gain::{EnergyMemory, Gains};

/// 0.9 in Q15, and in Q14: factor and limit of the pitch gain.
const PITCH_FADE: i16 = 29491;
/// 0.98 in Q15.
const CODE_FADE: i16 = 32111;
/// 4 dB and −14 dB in Q10.
const ENERGY_FADE: i32 = 4096;
const ENERGY_LEAST: i32 = -14336;

/// §4.4.2: the gains of the subframe before, attenuated.
pub(crate) fn fade(gains: Gains) -> Gains {
    Gains {
        pitch: mul(gains.pitch, PITCH_FADE).min(PITCH_FADE),
        code: mul(gains.code, CODE_FADE),
    }
}

/// §4.4.3: the memory of the gain predictor takes its mean, 4 dB down.
pub(crate) fn fade_memory(memory: &mut EnergyMemory) {
    let mean = memory.0.iter().map(|&error| i32::from(error)).sum::<i32>() >> 2;
    memory.push((mean - ENERGY_FADE).max(ENERGY_LEAST) as i16);
}

/// §4.4.4, equation (97): a generator of numbers that every decoder draws alike.
#[derive(Clone, Debug)]
pub(crate) struct Random(u16);

impl Random {
    pub(crate) const fn new() -> Self {
        Self(21845)
    }

    fn draw(&mut self) -> u16 {
        self.0 = self.0.wrapping_mul(31821).wrapping_add(13849);
        self.0
    }

    /// Pulses at random: the places are drawn first, then the signs.
    pub(crate) fn pulses(&mut self) -> Pulses {
        let places = self.draw() & 0x1fff;
        Pulses::parse(places, (self.draw() & 0xf) as u8)
    }
}
