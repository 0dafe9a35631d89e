//! Sixteen encoders at once, one in each lane of a vector register.

use crate::dims::{FRAME_BYTES, FRAME_SAMPLES};
use crate::encoder::Encoder;

/// The adaptive-codebook search in lanes.
mod adaptive;
/// Vectors in two registers of AVX2.
#[expect(unsafe_code, reason = "instructions that not every machine has")]
mod avx2;
/// Vectors in one register of AVX-512.
#[expect(unsafe_code, reason = "instructions that not every machine has")]
mod avx512;
/// Which instructions this machine has.
#[expect(unsafe_code, reason = "entry into code for what was found")]
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
/// One subframe: both codebooks and their gains.
mod subframe;
/// From stretches of each stream to rows of all streams, and back.
#[expect(unsafe_code, reason = "instructions that not every machine has")]
mod transpose;
/// Sixteen 32-bit numbers, as the kernels see them.
mod vector;

use state::State;
pub use vector::LANES;

/// How a batch is encoded. Every path gives the same bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Path {
    /// Sixteen lanes in one register (AVX-512 F, BW, CD, DQ, VL and VNNI).
    Avx512,
    /// Sixteen lanes in two registers (AVX2).
    Avx2,
    /// One stream after the other.
    Scalar,
}

impl Path {
    /// Every path, the fastest first.
    pub const ALL: [Self; 3] = [Self::Avx512, Self::Avx2, Self::Scalar];

    /// Whether this machine has the instructions for it.
    pub fn is_available(self) -> bool {
        dispatch::allows(self)
    }
}

/// Sixteen encoders that work side by side: the same bits as sixteen [`Encoder`]s, several times
/// faster where the machine has AVX-512 or AVX2.
///
/// Where a sum might not fit into a lane, as with very loud signals, that stream's frame is encoded
/// again by itself.
///
/// ```
/// use g729::{Encoder, EncoderBatch, LANES};
///
/// let mut batch = EncoderBatch::new();
/// let silence = [0; g729::FRAME_SAMPLES];
/// let frames = batch.encode(&[&silence; LANES]);
/// assert_eq!(frames[7], Encoder::new().encode(&silence));
/// ```
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
    /// Sixteen encoders at the start of their streams, on the fastest path there is.
    pub fn new() -> Self {
        let path = Path::ALL.into_iter().find(|path| path.is_available());
        Self::with_path(path.unwrap_or(Path::Scalar)).expect("the scalar path is always available")
    }

    /// The same on a given path; `None` where this machine lacks the instructions.
    pub fn with_path(path: Path) -> Option<Self> {
        let mut state = State::new();
        for lane in 0..LANES {
            state.set(lane, &Encoder::new());
        }
        path.is_available().then_some(Self {
            state,
            path,
            alone: 0,
        })
    }

    /// The path in use.
    pub fn path(&self) -> Path {
        self.path
    }

    /// The encoder in a lane (below [`LANES`]): what a stream that leaves takes along.
    ///
    /// # Panics
    ///
    /// If there is no such lane.
    pub fn get(&self, lane: usize) -> Encoder {
        self.state.get(lane)
    }

    /// Puts an encoder into a lane (below [`LANES`]): what a stream that joins brings along.
    ///
    /// # Panics
    ///
    /// If there is no such lane.
    pub fn set(&mut self, lane: usize, encoder: &Encoder) {
        self.state.set(lane, encoder);
    }

    /// Frames that were encoded alone so far.
    pub fn alone(&self) -> u64 {
        self.alone
    }

    /// Encodes the next 10 ms of each stream, see [`Encoder::encode`]. The time is the same for one
    /// stream as for sixteen; a lane without a stream is best given silence.
    pub fn encode(
        &mut self,
        samples: &[&[i16; FRAME_SAMPLES]; LANES],
    ) -> [[u8; FRAME_BYTES]; LANES] {
        let mut frames = [[0; FRAME_BYTES]; LANES];
        if self.path == Path::Scalar {
            for lane in 0..LANES {
                self.encode_alone(lane, self.get(lane), samples, &mut frames);
            }
            return frames;
        }
        let before = self.state.memory.clone();
        let doubt = dispatch::encode(self.path, &mut self.state, samples, &mut frames);
        for lane in (0..LANES).filter(|lane| doubt >> lane & 1 == 1) {
            let encoder = self.state.get_before(lane, &before);
            self.encode_alone(lane, encoder, samples, &mut frames);
        }
        frames
    }

    /// Encodes one lane's frame with the encoder as it was before that frame.
    fn encode_alone(
        &mut self,
        lane: usize,
        mut encoder: Encoder,
        samples: &[&[i16; FRAME_SAMPLES]; LANES],
        frames: &mut [[u8; FRAME_BYTES]; LANES],
    ) {
        frames[lane] = encoder.encode(samples[lane]);
        self.state.set(lane, &encoder);
        self.alone += 1;
    }
}
