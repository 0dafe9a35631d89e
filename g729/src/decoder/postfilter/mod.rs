//! The post-filter (§4.2, §A.4.2): makes the coder's noise less audible where speech is strong.

use crate::arith::{div, dot, high, mul};
use crate::dims::{Block, LAG_MAX, Lp, ORDER, SUBFRAME, TAPS};
use crate::filter::{FilterMemory, residual, synthesise, weight};

/// Adaptive gain control (§4.2.4).
mod gain_control;
/// The long-term post-filter (§4.2.1, §A.4.2.1).
pub(super) mod long_term;

use gain_control::GainControl;

/// The factors of numerator and denominator, Q15: 0.55 and 0.7.
pub(super) const NUMERATOR: i16 = 18022;
pub(super) const DENOMINATOR: i16 = 22938;
/// How much of the tilt is compensated, Q15: 0.8.
const TILT: i16 = 26214;
/// Samples of the impulse response from which the tilt is estimated.
const RESPONSE: usize = 22;
/// Past residual that the longest lag reaches back to.
pub(super) const HISTORY: usize = LAG_MAX as usize;

/// The post-filter of one stream.
#[derive(Clone, Debug)]
pub(crate) struct PostFilter {
    /// The last speech from the decoder.
    speech: FilterMemory,
    /// The past residual, then the subframe's.
    pub(super) residual: [i16; HISTORY + SUBFRAME],
    /// The last sample before tilt compensation.
    last: i16,
    synthesis: FilterMemory,
    pub(super) gain_control: GainControl,
}

impl PostFilter {
    pub(crate) const fn new() -> Self {
        Self {
            speech: [0; ORDER],
            residual: [0; HISTORY + SUBFRAME],
            last: 0,
            synthesis: [0; ORDER],
            gain_control: GainControl::new(),
        }
    }

    /// Filters a subframe that was made with the filter `a` and the whole lag `lag`.
    pub(crate) fn filter(&mut self, speech: &Block, a: &Lp, lag: i16) -> Block {
        let numerator = weight(a, NUMERATOR);
        let denominator = weight(a, DENOMINATOR);
        self.push_residual(&numerator, speech);
        let mut excitation = long_term::filter(&self.residual, lag);
        self.residual.copy_within(SUBFRAME.., 0);

        self.compensate_tilt(&mut excitation, tilt(&response(&numerator, &denominator)));
        let mut out = self.synthesise(&denominator, &excitation);
        self.gain_control.level(speech, &mut out);
        out
    }

    /// The numerator of the short-term filter (§4.2.2): a residual, on which the long-term filter
    /// works.
    pub(super) fn push_residual(&mut self, numerator: &Lp, speech: &Block) {
        let mut signal = [0; ORDER + SUBFRAME];
        signal[..ORDER].copy_from_slice(&self.speech);
        signal[ORDER..].copy_from_slice(speech);
        residual(numerator, &signal, &mut self.residual[HISTORY..]);
        self.speech.copy_from_slice(&speech[SUBFRAME - ORDER..]);
    }

    /// §A.4.2.3: the difference of neighbours, weighed by `tilt` (Q15).
    pub(super) fn compensate_tilt(&mut self, signal: &mut Block, tilt: i16) {
        for x in signal {
            let now = *x;
            *x = now.saturating_sub(mul(tilt, self.last));
            self.last = now;
        }
    }

    /// The denominator of the short-term filter (§4.2.2).
    pub(super) fn synthesise(&mut self, denominator: &Lp, excitation: &Block) -> Block {
        let mut signal = [0; ORDER + SUBFRAME];
        signal[..ORDER].copy_from_slice(&self.synthesis);
        signal[ORDER..].copy_from_slice(excitation);
        synthesise(denominator, &mut signal);
        self.synthesis.copy_from_slice(&signal[SUBFRAME..]);
        signal[ORDER..].try_into().expect("a subframe")
    }
}

/// How much the short-term filter tilts the spectrum, Q15: from the first two correlations of its
/// impulse response (equation (87)); zero if it tilts upwards.
pub(super) fn tilt(response: &[i16; RESPONSE]) -> i16 {
    let energy = high(dot(0, response, response));
    let neighbours = high(dot(0, &response[..RESPONSE - 1], &response[1..]));
    if neighbours <= 0 {
        0
    } else {
        div(mul(neighbours, TILT), energy)
    }
}

/// The first samples of the short-term filter's impulse response, Q12.
pub(super) fn response(numerator: &Lp, denominator: &Lp) -> [i16; RESPONSE] {
    let mut signal = [0; ORDER + RESPONSE];
    signal[ORDER..ORDER + TAPS].copy_from_slice(numerator);
    synthesise(denominator, &mut signal);
    signal[ORDER..].try_into().expect("the response")
}
