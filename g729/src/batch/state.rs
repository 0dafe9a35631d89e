//! The state of sixteen encoders, number by number: what one [`Encoder`] holds, in lanes.

use super::vector::{LANES, Row, Wide};
use crate::arith::Split;
use crate::dims::{FRAME_SAMPLES, ORDER, PAST, TAPS};
use crate::encoder::Encoder;
use crate::encoder::autocorrelation::WINDOW;
use crate::encoder::open_loop::HISTORY;
use crate::encoder::taming::Taming;
use crate::gain::EnergyMemory;
use crate::lsf_codebook::LsfMemory;

/// The state of sixteen encoders.
#[derive(Clone, Debug)]
pub(crate) struct State {
    pub(crate) signals: Signals,
    pub(crate) memory: Memory,
}

/// Signals: a frame appends to them, and drops what is older than the next one needs.
#[derive(Clone, Debug)]
pub(crate) struct Signals {
    pub(crate) speech: [Row; WINDOW],
    pub(crate) weighted: [Row; HISTORY + FRAME_SAMPLES],
    /// Stream by stream, as each is read at a lag of its own.
    pub(crate) excitation: [Excitation; LANES],
}

/// Past and present excitation of a stream.
pub(crate) type Excitation = [i16; PAST + FRAME_SAMPLES];

/// What a frame replaces. Bounds for taming lie stream by stream, as they are looked up by lag.
#[derive(Clone, Debug)]
pub(crate) struct Memory {
    /// Of the high-pass filter: inputs, then outputs.
    pub(crate) high_pass_x: [Row; 2],
    pub(crate) high_pass_y: [Wide; 2],
    pub(crate) last_filter: [Row; TAPS],
    pub(crate) lsp: [Row; ORDER],
    pub(crate) lsp_quantised: [Row; ORDER],
    pub(crate) lsf_memory: [[Row; ORDER]; 4],
    pub(crate) weighted_memory: [Row; ORDER],
    pub(crate) error_memory: [Row; ORDER],
    pub(crate) sharpening: Row,
    pub(crate) energy_memory: [EnergyMemory; LANES],
    pub(crate) taming: [Taming; LANES],
}

impl State {
    /// Sixteen encoders at the start of their streams.
    pub(crate) fn new() -> Self {
        let signals = Signals {
            speech: [Row::ZERO; WINDOW],
            weighted: [Row::ZERO; HISTORY + FRAME_SAMPLES],
            excitation: [[0; PAST + FRAME_SAMPLES]; LANES],
        };
        let memory = Memory {
            high_pass_x: [Row::ZERO; 2],
            high_pass_y: [Wide::ZERO; 2],
            last_filter: [Row::ZERO; TAPS],
            lsp: [Row::ZERO; ORDER],
            lsp_quantised: [Row::ZERO; ORDER],
            lsf_memory: [[Row::ZERO; ORDER]; 4],
            weighted_memory: [Row::ZERO; ORDER],
            error_memory: [Row::ZERO; ORDER],
            sharpening: Row::ZERO,
            energy_memory: [const { EnergyMemory::new() }; LANES],
            taming: [const { Taming::new() }; LANES],
        };
        let mut state = Self { signals, memory };
        for lane in 0..LANES {
            state.set(lane, &Encoder::new());
        }
        state
    }

    /// The encoder of one lane.
    pub(crate) fn get(&self, lane: usize) -> Encoder {
        self.signals.encoder(lane, FRAME_SAMPLES, &self.memory)
    }

    /// The encoder of one lane as it was before the last frame, from the memory at that time.
    pub(crate) fn get_before(&self, lane: usize, memory: &Memory) -> Encoder {
        self.signals.encoder(lane, 0, memory)
    }

    /// Puts an encoder into a lane.
    pub(crate) fn set(&mut self, lane: usize, encoder: &Encoder) {
        let (signals, memory) = (&mut self.signals, &mut self.memory);
        set_column(&mut signals.speech, lane, &encoder.speech);
        set_column(
            &mut signals.weighted[FRAME_SAMPLES..],
            lane,
            &encoder.weighted[..HISTORY],
        );
        signals.excitation[lane][FRAME_SAMPLES..].copy_from_slice(&encoder.excitation[..PAST]);
        set_column(&mut memory.high_pass_x, lane, &encoder.high_pass.x);
        for (row, y) in memory.high_pass_y.iter_mut().zip(encoder.high_pass.y) {
            row.0[lane] = y.join();
        }
        set_column(&mut memory.last_filter, lane, &encoder.levinson.last);
        set_column(&mut memory.lsp, lane, &encoder.lsp);
        set_column(&mut memory.lsp_quantised, lane, &encoder.lsp_quantised);
        for (rows, past) in memory.lsf_memory.iter_mut().zip(&encoder.lsf_memory.0) {
            set_column(rows, lane, past);
        }
        set_column(&mut memory.weighted_memory, lane, &encoder.weighted_memory);
        set_column(&mut memory.error_memory, lane, &encoder.error_memory);
        memory.sharpening.0[lane] = encoder.sharpening;
        memory.energy_memory[lane] = encoder.energy_memory.clone();
        memory.taming[lane] = encoder.taming.clone();
    }
}

impl Signals {
    /// One lane's encoder, whose signals begin at `from`. The oldest frame of speech is not asked
    /// for: the next frame drops it.
    fn encoder(&self, lane: usize, from: usize, memory: &Memory) -> Encoder {
        let mut encoder = Encoder::new();
        copy_column(
            &self.speech[from..],
            lane,
            &mut encoder.speech[FRAME_SAMPLES..],
        );
        copy_column(
            &self.weighted[from..],
            lane,
            &mut encoder.weighted[..HISTORY],
        );
        encoder.excitation[..PAST].copy_from_slice(&self.excitation[lane][from..from + PAST]);
        encoder.high_pass.x = column(&memory.high_pass_x, lane);
        let [y1, y2] = &memory.high_pass_y;
        encoder.high_pass.y = [y1, y2].map(|y| Split::new(y.0[lane]));
        encoder.levinson.last = column(&memory.last_filter, lane);
        encoder.lsp = column(&memory.lsp, lane);
        encoder.lsp_quantised = column(&memory.lsp_quantised, lane);
        let past = |i: usize| column(&memory.lsf_memory[i], lane);
        encoder.lsf_memory = LsfMemory(core::array::from_fn(past));
        encoder.weighted_memory = column(&memory.weighted_memory, lane);
        encoder.error_memory = column(&memory.error_memory, lane);
        encoder.sharpening = memory.sharpening.0[lane];
        encoder.energy_memory = memory.energy_memory[lane].clone();
        encoder.taming = memory.taming[lane].clone();
        encoder
    }
}

/// The numbers of one stream.
#[inline(always)]
pub(crate) fn column<const N: usize>(rows: &[Row; N], lane: usize) -> [i16; N] {
    let mut out = [0; N];
    copy_column(rows, lane, &mut out);
    out
}

/// Copies the numbers of one stream.
#[inline(always)]
fn copy_column(rows: &[Row], lane: usize, out: &mut [i16]) {
    for (out, row) in out.iter_mut().zip(rows) {
        *out = row.0[lane];
    }
}

/// Sets the numbers of one stream.
#[inline(always)]
pub(crate) fn set_column(rows: &mut [Row], lane: usize, numbers: &[i16]) {
    for (row, &number) in rows.iter_mut().zip(numbers) {
        row.0[lane] = number;
    }
}
