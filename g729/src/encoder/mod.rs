//! The encoder (§3, §A.3): one stage a file, in the order of the Recommendation.

use crate::arith::{high, mul32, shl32};
use crate::dims::{Block, FRAME_BYTES, FRAME_SAMPLES, Lp, ORDER, PAST, SUBFRAME, Spectrum, TAPS};
use crate::filter::{FilterMemory, residual, weight};
use crate::fixed_codebook::sharpen;
use crate::frame::Parameters;
use crate::gain::{EnergyMemory, Gains, mix};
use crate::lsf_codebook::LsfMemory;
use crate::tables::LSP_RESET;
use crate::{lsf, lsp_interpolation, pitch};

/// Windowing, autocorrelation and lag window (§3.2.1).
pub(crate) mod autocorrelation;
/// The adaptive-codebook search (§3.7, §A.3.7).
pub(crate) mod closed_loop;
/// The fixed-codebook search (§3.8.1, §A.3.8.1).
pub(crate) mod fixed_search;
/// The search of the gain quantiser (§3.9.2).
pub(crate) mod gain_search;
/// The impulse response and what is made with it (§3.5, §A.3.5).
pub(crate) mod impulse;
/// The Levinson-Durbin recursion (§3.2.2).
pub(crate) mod levinson;
/// The search of the LSF quantiser (§3.2.4).
pub(crate) mod lsf_search;
/// Open-loop pitch analysis (§3.4, §A.3.4).
pub(crate) mod open_loop;
/// The energies of pulses through the impulse response (§3.8.1).
mod pulse_energies;
/// LP to LSP conversion (§3.2.3, §A.3.2.3).
mod roots;
/// Taming: a bound on what a lost frame can do to the frames after it.
pub(crate) mod taming;
#[cfg(test)]
mod trace_tests;

use crate::high_pass::HighPass;
use autocorrelation::WINDOW;
use levinson::Levinson;
use taming::Taming;

/// γ of the weighting filter in Q15: 0.75 (§A.3.3).
pub(crate) const GAMMA: i16 = 24576;
/// The tilt that the weighted speech loses before the open-loop analysis, Q15: 0.7 (§A.3.4).
pub(crate) const TILT: i16 = 22938;
/// Samples of the next frame that the analysis looks ahead at.
const LOOK_AHEAD: usize = 40;
/// Where the coded frame begins in the window.
pub(crate) const CODED: usize = WINDOW - FRAME_SAMPLES - LOOK_AHEAD;

/// An encoder for one stream of speech.
///
/// ```
/// let mut encoder = g729::Encoder::new();
/// let silence = [0; g729::FRAME_SAMPLES];
/// let frame: [u8; g729::FRAME_BYTES] = encoder.encode(&silence);
/// # let _ = frame;
/// ```
#[derive(Clone, Debug)]
pub struct Encoder {
    pub(crate) high_pass: HighPass,
    /// Filtered input: the past, the frame to code, and the look-ahead.
    pub(crate) speech: [i16; WINDOW],
    pub(crate) levinson: Levinson,
    /// The LSPs of the frame before, as analysed and as quantised.
    pub(crate) lsp: Spectrum,
    pub(crate) lsp_quantised: Spectrum,
    pub(crate) lsf_memory: LsfMemory,
    /// Weighted speech: the past that the longest lag reaches, then the frame.
    pub(crate) weighted: [i16; open_loop::HISTORY + FRAME_SAMPLES],
    pub(crate) weighted_memory: FilterMemory,
    /// Past excitation, then the subframe.
    pub(crate) excitation: [i16; PAST + SUBFRAME],
    /// The weighted error of what has been coded, which the next target starts with.
    pub(crate) error_memory: FilterMemory,
    /// The gain of pitch sharpening, Q14.
    pub(crate) sharpening: i16,
    pub(crate) energy_memory: EnergyMemory,
    pub(crate) taming: Taming,
}

impl Default for Encoder {
    fn default() -> Self {
        Self::new()
    }
}

impl Encoder {
    /// An encoder at the start of a stream (§3.11).
    pub const fn new() -> Self {
        Self {
            high_pass: HighPass::input(),
            speech: [0; WINDOW],
            levinson: Levinson::new(),
            lsp: LSP_RESET,
            lsp_quantised: LSP_RESET,
            lsf_memory: LsfMemory::new(),
            weighted: [0; open_loop::HISTORY + FRAME_SAMPLES],
            weighted_memory: [0; ORDER],
            excitation: [0; PAST + SUBFRAME],
            error_memory: [0; ORDER],
            sharpening: crate::gain::SHARPENING_MIN,
            energy_memory: EnergyMemory::new(),
            taming: Taming::new(),
        }
    }

    /// Encodes the next 10 ms: 80 samples at 8 kHz of 16 bits, full scale.
    ///
    /// The frame stands for the samples 5 ms earlier, as the analysis looks ahead.
    pub fn encode(&mut self, samples: &[i16; FRAME_SAMPLES]) -> [u8; FRAME_BYTES] {
        self.push(samples);
        let mut parameters = Parameters::default();
        let quantised = self.quantise_spectrum(&mut parameters);
        let weighted = quantised.map(|a| weight(&a, GAMMA));
        let residual = self.residual(&quantised);
        let open_loop = self.open_loop(&residual, &weighted);

        let mut range = closed_loop::first_range(open_loop);
        for sub in 0..2 {
            self.excitation[PAST..].copy_from_slice(&residual[sub]);
            let lag = self.encode_subframe(sub, range, &weighted[sub], &mut parameters);
            range = pitch::second_range(lag);
            self.excitation.copy_within(SUBFRAME.., 0);
        }
        parameters.parity = pitch::parity(parameters.lag[0]);
        parameters.write()
    }

    /// Takes in the next samples, pre-processed.
    fn push(&mut self, samples: &[i16; FRAME_SAMPLES]) {
        let mut samples = *samples;
        self.high_pass.filter(&mut samples);
        self.speech.copy_within(FRAME_SAMPLES.., 0);
        self.speech[WINDOW - FRAME_SAMPLES..].copy_from_slice(&samples);
    }

    /// LP analysis, LSP quantisation and interpolation (§3.2): the quantised filters.
    fn quantise_spectrum(&mut self, parameters: &mut Parameters) -> [Lp; 2] {
        let mut correlations = autocorrelation::autocorrelate(&self.speech);
        autocorrelation::lag_window(&mut correlations);
        let a = self.levinson.solve(&correlations);
        if let Some(lsp) = roots::from_lp(&a) {
            self.lsp = lsp;
        }
        parameters.lsf = lsf_search::search(&lsf::from_lsp(&self.lsp), &self.lsf_memory);
        let before = self.lsp_quantised;
        self.lsp_quantised = lsf::to_lsp(&self.lsf_memory.reconstruct(parameters.lsf));
        lsp_interpolation::interpolate(&before, &self.lsp_quantised)
    }

    /// The LP residual of both subframes (§3.6, equation (36)).
    fn residual(&self, quantised: &[Lp; 2]) -> [Block; 2] {
        let mut out = [[0; SUBFRAME]; 2];
        for (sub, (out, a)) in out.iter_mut().zip(quantised).enumerate() {
            let start = CODED + sub * SUBFRAME;
            residual(a, &self.speech[start - ORDER..start + SUBFRAME], out);
        }
        out
    }

    /// Weighted speech and the open-loop lag (§A.3.3, §A.3.4).
    fn open_loop(&mut self, residual: &[Block; 2], weighted: &[Lp; 2]) -> i16 {
        for (sub, (residual, a)) in residual.iter().zip(weighted).enumerate() {
            let start = open_loop::HISTORY + sub * SUBFRAME;
            let signal = impulse::filter(&without_tilt(a), residual, &self.weighted_memory);
            self.weighted_memory
                .copy_from_slice(&signal[SUBFRAME - ORDER..]);
            self.weighted[start..start + SUBFRAME].copy_from_slice(&signal);
        }
        let lag = open_loop::search(&self.weighted);
        self.weighted.copy_within(FRAME_SAMPLES.., 0);
        lag
    }

    /// Codes one subframe (§3.5 to §3.10) and returns its whole lag.
    fn encode_subframe(
        &mut self,
        sub: usize,
        range: (i16, i16),
        a: &Lp,
        parameters: &mut Parameters,
    ) -> i16 {
        let mut response = impulse::response(a);
        let target = impulse::filter(a, &self.excitation[PAST..], &self.error_memory);

        let backward = impulse::backward(&target, &response);
        let thirds_max = closed_loop::THIRDS_MAX[sub];
        let lag = closed_loop::search(&mut self.excitation, &backward, range, thirds_max);
        parameters.lag[sub] = match sub {
            0 => pitch::first_word(lag),
            _ => pitch::second_word(lag, range.0),
        };
        let adaptive = impulse::filter(a, &self.excitation[PAST..], &[0; ORDER]);
        let tamed = self.taming.needed(lag);
        let (gain, correlations) = closed_loop::gain(&target, &adaptive);
        let gain = if tamed {
            gain.min(taming::GAIN_MAX)
        } else {
            gain
        };

        // Equation (50): what the adaptive codebook leaves to the fixed one.
        let rest = core::array::from_fn(|n| target[n].saturating_sub(scaled(adaptive[n], gain, 1)));
        sharpen(&mut response, lag.whole, self.sharpening);
        let backward = impulse::backward(&rest, &response);
        let (pulses, fixed) = fixed_search::search(&backward, &response);
        (parameters.places[sub], parameters.signs[sub]) = pulses.write();
        let mut code = pulses.vector();
        sharpen(&mut code, lag.whole, self.sharpening);

        let predicted = self.energy_memory.predict(&code);
        let terms = gain_search::terms(&target, &adaptive, &fixed, correlations);
        let index = gain_search::search(&terms, predicted, tamed);
        parameters.gains[sub] = index;
        self.energy_memory.push_factor(index.factor());
        let gains = index.gains(predicted);

        self.update(&code, lag.whole, gains);
        self.error_memory = error_memory(&target, &adaptive, &fixed, gains);
        lag.whole
    }

    /// What the decoder will do with the subframe (§3.10).
    fn update(&mut self, code: &Block, lag: i16, gains: Gains) {
        mix(&mut self.excitation[PAST..], code, gains);
        self.sharpening = gains.sharpening();
        self.taming.push(lag, gains.pitch);
    }
}

/// The weighting filter of the open-loop analysis: 1/A(z/γ) times 1/(1 − 0.7·z^-1).
fn without_tilt(a: &Lp) -> Lp {
    let mut out = [a[0]; TAPS];
    for i in 1..TAPS {
        out[i] = a[i].saturating_sub(crate::arith::mul(a[i - 1], TILT));
    }
    out
}

/// Equation (76): the last ten samples of the target less what was coded of it.
fn error_memory(target: &Block, adaptive: &Block, fixed: &Block, gains: Gains) -> FilterMemory {
    core::array::from_fn(|i| {
        let n = SUBFRAME - ORDER + i;
        let coded =
            scaled(adaptive[n], gains.pitch, 1).saturating_add(scaled(fixed[n], gains.code, 2));
        target[n].saturating_sub(coded)
    })
}

/// A sample times a gain, which has `15 - shift` fraction bits.
fn scaled(sample: i16, gain: i16, shift: i16) -> i16 {
    high(shl32(mul32(sample, gain), shift))
}
