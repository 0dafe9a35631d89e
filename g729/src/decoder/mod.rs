//! The decoder (§4, §A.4).

use crate::arith::shr;
use crate::dims::{
    Block, FRAME_BYTES, FRAME_SAMPLES, LAG_MAX, Lp, ORDER, PAST, SUBFRAME, Spectrum,
};
use crate::filter::{FilterMemory, synthesise};
use crate::fixed_codebook::{Pulses, sharpen};
use crate::frame::Parameters;
use crate::gain::{EnergyMemory, Gains, mix};
use crate::high_pass::HighPass;
use crate::lsf_codebook::LsfMemory;
use crate::pitch::{self, Lag};
use crate::tables::{LSF_RESET, LSP_RESET};
use crate::{lsf, lsp_interpolation};

/// What stands in for a lost frame (§4.4).
mod concealment;
/// The post-filter (§4.2, §A.4.2).
mod postfilter;
#[cfg(test)]
mod trace_tests;

use concealment::Random;
use postfilter::PostFilter;

/// 10 ms as they came, or did not come, from the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frame<'a> {
    /// An encoded frame. Every pattern of bits is one.
    Speech(&'a [u8; FRAME_BYTES]),
    /// A frame that was lost: the decoder makes one up from those before (§4.4).
    Erased,
}

/// A decoder for one stream of speech.
///
/// ```
/// use g729::{Decoder, Encoder, Frame};
///
/// let mut encoder = Encoder::new();
/// let mut decoder = Decoder::new();
/// let frame = encoder.encode(&[0; g729::FRAME_SAMPLES]);
/// let samples = decoder.decode(Frame::Speech(&frame));
/// let made_up = decoder.decode(Frame::Erased);
/// assert_eq!(samples.len(), made_up.len());
/// ```
#[derive(Clone, Debug)]
pub struct Decoder {
    lsf_memory: LsfMemory,
    /// The frequencies and the predictor of the last frame that came.
    last_lsf: Spectrum,
    last_predictor: usize,
    /// The LSPs of the frame before.
    lsp: Spectrum,
    /// The lag of the subframe before; grows while frames are lost.
    lag: i16,
    gains: Gains,
    energy_memory: EnergyMemory,
    /// Past excitation, then the subframe.
    excitation: [i16; PAST + SUBFRAME],
    synthesis_memory: FilterMemory,
    random: Random,
    postfilter: PostFilter,
    high_pass: HighPass,
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new()
    }
}

impl Decoder {
    /// A decoder at the start of a stream (§4.3).
    pub const fn new() -> Self {
        Self {
            lsf_memory: LsfMemory::new(),
            last_lsf: LSF_RESET,
            last_predictor: 0,
            lsp: LSP_RESET,
            lag: 60,
            gains: Gains { pitch: 0, code: 0 },
            energy_memory: EnergyMemory::new(),
            excitation: [0; PAST + SUBFRAME],
            synthesis_memory: [0; ORDER],
            random: Random::new(),
            postfilter: PostFilter::new(),
            high_pass: HighPass::output(),
        }
    }

    /// The next 10 ms: 80 samples at 8 kHz of 16 bits, full scale.
    pub fn decode(&mut self, frame: Frame<'_>) -> [i16; FRAME_SAMPLES] {
        let parameters = match frame {
            Frame::Speech(bits) => Some(Parameters::parse(bits)),
            Frame::Erased => None,
        };
        let filters = self.filters(parameters.as_ref());
        let mut out = [0; FRAME_SAMPLES];
        let mut lag = self.lag;
        for (sub, out) in out.as_chunks_mut().0.iter_mut().enumerate() {
            lag = self.excite(sub, parameters.as_ref(), lag);
            let speech = self.synthesise(&filters[sub]);
            *out = self.postfilter.filter(&speech, &filters[sub], lag);
            self.excitation.copy_within(SUBFRAME.., 0);
        }
        self.high_pass.filter(&mut out);
        out
    }

    /// The LP filters of both subframes (§4.1.1, §4.4.1).
    fn filters(&mut self, parameters: Option<&Parameters>) -> [Lp; 2] {
        match parameters {
            Some(Parameters { lsf: index, .. }) => {
                self.last_lsf = self.lsf_memory.reconstruct(*index);
                self.last_predictor = index.predictor;
            }
            // The last frequencies again; the memory takes what would have led to them.
            None => {
                let target = self.lsf_memory.target(self.last_predictor, &self.last_lsf);
                self.lsf_memory.push(target);
            }
        }
        let before = self.lsp;
        self.lsp = lsf::to_lsp(&self.last_lsf);
        lsp_interpolation::interpolate(&before, &self.lsp)
    }

    /// The excitation of a subframe (§4.1.3 to §4.1.5), and its whole lag; `before` is that of the
    /// subframe before.
    fn excite(&mut self, sub: usize, parameters: Option<&Parameters>, before: i16) -> i16 {
        let lag = self.next_lag(parameters.and_then(|sent| sent_lag(sub, sent, before)));
        pitch::adaptive_vector(&mut self.excitation, lag);

        let pulses = match parameters {
            Some(sent) => Pulses::parse(sent.places[sub], sent.signs[sub]),
            None => self.random.pulses(),
        };
        let mut code = pulses.vector();
        sharpen(&mut code, lag.whole, self.gains.sharpening());
        self.gains = match parameters {
            Some(sent) => {
                let index = sent.gains[sub];
                let predicted = self.energy_memory.predict(&code);
                self.energy_memory.push_factor(index.factor());
                index.gains(predicted)
            }
            None => {
                concealment::fade_memory(&mut self.energy_memory);
                concealment::fade(self.gains)
            }
        };
        mix(&mut self.excitation[PAST..], &code, self.gains);
        lag.whole
    }

    /// The lag that was sent or, where none can be trusted, the one before (§4.1.2, §4.4.4).
    fn next_lag(&mut self, sent: Option<Lag>) -> Lag {
        let lag = sent.unwrap_or(Lag {
            whole: self.lag,
            thirds: 0,
        });
        self.lag = match sent {
            Some(lag) => lag.whole,
            // A repeated lag grows by one each time, lest a voice drone. (One that was sent may be
            // a third of a sample below 144, and so be 144 in whole samples.)
            None => (lag.whole + 1).min(LAG_MAX),
        };
        lag
    }

    /// The speech of a subframe (§4.1.6). If it does not fit into 16 bits, all excitation is
    /// divided by four and the subframe made again.
    fn synthesise(&mut self, a: &Lp) -> Block {
        let (speech, saturated) = self.synthesise_once(a);
        let speech = if saturated {
            self.excitation = self.excitation.map(|x| shr(x, 2));
            self.synthesise_once(a).0
        } else {
            speech
        };
        self.synthesis_memory
            .copy_from_slice(&speech[SUBFRAME - ORDER..]);
        speech
    }

    fn synthesise_once(&self, a: &Lp) -> (Block, bool) {
        let mut signal = [0; ORDER + SUBFRAME];
        signal[..ORDER].copy_from_slice(&self.synthesis_memory);
        signal[ORDER..].copy_from_slice(&self.excitation[PAST..]);
        let saturated = synthesise(a, &mut signal);
        (signal[ORDER..].try_into().expect("a subframe"), saturated)
    }
}

/// The lag that a frame's words stand for; `None` if the first one's parity does not hold.
fn sent_lag(sub: usize, sent: &Parameters, before: i16) -> Option<Lag> {
    if sub == 0 {
        return sent.parity_holds().then(|| pitch::first_lag(sent.lag[0]));
    }
    // The range of the second lag follows from the first, whatever that was made of.
    let (least, _) = pitch::second_range(before);
    Some(pitch::second_lag(sent.lag[1], least))
}
