//! Sixteen encoders at once, one in each lane of a vector register.

use crate::dims::{FRAME_BYTES, FRAME_SAMPLES};
use crate::encoder::Encoder;

/// The adaptive-codebook search in lanes.
mod adaptive;
/// Vectors in one register of AVX-512.
#[expect(unsafe_code, reason = "instructions that not every machine has")]
mod avx512;
/// Which instructions this machine has.
#[expect(
    unsafe_code,
    reason = "entry into code for instructions that were found"
)]
mod dispatch;
/// The LP filters in lanes.
mod filters;
/// The fixed-codebook search in lanes.
mod fixed;
/// One frame: the order of the stages.
mod frame;
/// The search of the gain quantiser in lanes.
mod gains;
/// Pre-processing and LP analysis in lanes.
mod lp;
/// The LSF quantiser in lanes.
mod lsf;
/// The open-loop analysis in lanes.
mod open_loop;
/// LSPs and LP filters in lanes.
mod spectrum;
/// The state of sixteen encoders, number by number.
mod state;
/// Sixteen 32-bit numbers, as the kernels see them.
mod vector;

use dispatch::Path;
use state::State;
pub use vector::LANES;

/// Sixteen encoders that work side by side: the same bits as sixteen [`Encoder`]s, several times
/// faster where the machine has AVX-512.
#[derive(Clone, Debug)]
pub struct EncoderBatch {
    state: State,
    path: Path,
    alone: u64,
}

impl Default for EncoderBatch {
    fn default() -> Self {
        Self::new()
    }
}

impl EncoderBatch {
    /// Sixteen encoders at the start of their streams.
    pub fn new() -> Self {
        let mut state = State::new();
        for lane in 0..LANES {
            state.set(lane, &Encoder::new());
        }
        Self {
            state,
            path: dispatch::detect(),
            alone: 0,
        }
    }

    /// The encoder in a lane, below [`LANES`]: a stream that leaves takes it along.
    pub fn get(&self, lane: usize) -> Encoder {
        self.state.get(lane)
    }

    /// Puts an encoder into a lane, below [`LANES`]: a stream that joins brings it.
    pub fn set(&mut self, lane: usize, encoder: &Encoder) {
        self.state.set(lane, encoder);
    }

    /// Frames that were encoded alone so far, as a sum in them might not have fitted into a lane.
    pub fn alone(&self) -> u64 {
        self.alone
    }

    /// Encodes the next 10 ms of each stream, see [`Encoder::encode`]. A lane without a stream is
    /// best given silence.
    pub fn encode(
        &mut self,
        samples: &[&[i16; FRAME_SAMPLES]; LANES],
    ) -> [[u8; FRAME_BYTES]; LANES] {
        let mut frames = [[0; FRAME_BYTES]; LANES];
        let alone = match self.path {
            Path::Avx512 => {
                let before = self.state.clone();
                let doubt = dispatch::encode_avx512(&mut self.state, samples, &mut frames);
                self.encode_alone(&before, doubt, samples, &mut frames);
                return frames;
            }
            Path::Scalar => u16::MAX,
        };
        let before = self.state.clone();
        self.encode_alone(&before, alone, samples, &mut frames);
        frames
    }

    /// Encodes the frames of some lanes, a bit each, one by one from the state they were in.
    fn encode_alone(
        &mut self,
        before: &State,
        lanes: u16,
        samples: &[&[i16; FRAME_SAMPLES]; LANES],
        frames: &mut [[u8; FRAME_BYTES]; LANES],
    ) {
        for lane in (0..LANES).filter(|lane| lanes >> lane & 1 == 1) {
            let mut encoder = before.get(lane);
            frames[lane] = encoder.encode(samples[lane]);
            self.state.set(lane, &encoder);
            self.alone += 1;
        }
    }
}
