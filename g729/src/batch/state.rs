//! The state of sixteen encoders, number by number: what one [`Encoder`] holds, in lanes.

use super::vector::{LANES, Row, Wide};
use crate::dims::{FRAME_SAMPLES, ORDER, PAST, SUBFRAME, TAPS};
use crate::encoder::Encoder;
use crate::encoder::autocorrelation::WINDOW;
use crate::encoder::open_loop::HISTORY;
use crate::encoder::taming::Taming;
use crate::gain::EnergyMemory;
use crate::lsf_codebook::LsfMemory;

/// The fields of [`Encoder`]. The excitation lies stream by stream, as each is read at a lag of its
/// own; so do the taming bounds, which are looked up by lag.
#[derive(Clone, Debug)]
pub(crate) struct State {
    /// Of the high-pass filter: inputs, then outputs in halves.
    pub(crate) high_pass_x: [Row; 2],
    pub(crate) high_pass_y: [Wide; 2],
    pub(crate) speech: [Row; WINDOW],
    pub(crate) last_filter: [Row; TAPS],
    pub(crate) lsp: [Row; ORDER],
    pub(crate) lsp_quantised: [Row; ORDER],
    pub(crate) lsf_memory: [[Row; ORDER]; 4],
    pub(crate) weighted: [Row; HISTORY + FRAME_SAMPLES],
    pub(crate) weighted_memory: [Row; ORDER],
    pub(crate) excitation: [[i16; PAST + SUBFRAME]; LANES],
    pub(crate) error_memory: [Row; ORDER],
    pub(crate) sharpening: Row,
    pub(crate) energy_memory: [EnergyMemory; LANES],
    pub(crate) taming: [Taming; LANES],
}

impl State {
    pub(crate) const fn new() -> Self {
        // Every lane is set from an encoder before it is used.
        Self {
            high_pass_x: [Row::ZERO; 2],
            high_pass_y: [Wide::ZERO; 2],
            speech: [Row::ZERO; WINDOW],
            last_filter: [Row::ZERO; TAPS],
            lsp: [Row::ZERO; ORDER],
            lsp_quantised: [Row::ZERO; ORDER],
            lsf_memory: [[Row::ZERO; ORDER]; 4],
            weighted: [Row::ZERO; HISTORY + FRAME_SAMPLES],
            weighted_memory: [Row::ZERO; ORDER],
            excitation: [[0; PAST + SUBFRAME]; LANES],
            error_memory: [Row::ZERO; ORDER],
            sharpening: Row::ZERO,
            energy_memory: [const { EnergyMemory::new() }; LANES],
            taming: [const { Taming::new() }; LANES],
        }
    }

    /// The encoder of one lane.
    pub(crate) fn get(&self, lane: usize) -> Encoder {
        let mut encoder = Encoder::new();
        encoder.high_pass.x = column(&self.high_pass_x, lane);
        let [y1, y2] = &self.high_pass_y;
        encoder.high_pass.y = [y1, y2].map(|y| crate::arith::Split::new(y.0[lane]));
        encoder.speech = column(&self.speech, lane);
        encoder.levinson.last = column(&self.last_filter, lane);
        encoder.lsp = column(&self.lsp, lane);
        encoder.lsp_quantised = column(&self.lsp_quantised, lane);
        encoder.lsf_memory = LsfMemory(core::array::from_fn(|i| column(&self.lsf_memory[i], lane)));
        encoder.weighted = column(&self.weighted, lane);
        encoder.weighted_memory = column(&self.weighted_memory, lane);
        encoder.excitation = self.excitation[lane];
        encoder.error_memory = column(&self.error_memory, lane);
        encoder.sharpening = self.sharpening.0[lane];
        encoder.energy_memory = self.energy_memory[lane].clone();
        encoder.taming = self.taming[lane].clone();
        encoder
    }

    /// Puts an encoder into a lane.
    pub(crate) fn set(&mut self, lane: usize, encoder: &Encoder) {
        set_column(&mut self.high_pass_x, lane, &encoder.high_pass.x);
        for (row, y) in self.high_pass_y.iter_mut().zip(encoder.high_pass.y) {
            row.0[lane] = y.join();
        }
        set_column(&mut self.speech, lane, &encoder.speech);
        set_column(&mut self.last_filter, lane, &encoder.levinson.last);
        set_column(&mut self.lsp, lane, &encoder.lsp);
        set_column(&mut self.lsp_quantised, lane, &encoder.lsp_quantised);
        for (rows, past) in self.lsf_memory.iter_mut().zip(&encoder.lsf_memory.0) {
            set_column(rows, lane, past);
        }
        set_column(&mut self.weighted, lane, &encoder.weighted);
        set_column(&mut self.weighted_memory, lane, &encoder.weighted_memory);
        self.excitation[lane] = encoder.excitation;
        set_column(&mut self.error_memory, lane, &encoder.error_memory);
        self.sharpening.0[lane] = encoder.sharpening;
        self.energy_memory[lane] = encoder.energy_memory.clone();
        self.taming[lane] = encoder.taming.clone();
    }
}

/// The numbers of one stream.
#[inline(always)]
pub(crate) fn column<const N: usize>(rows: &[Row; N], lane: usize) -> [i16; N] {
    let mut out = [0; N];
    for (out, row) in out.iter_mut().zip(rows) {
        *out = row.0[lane];
    }
    out
}

/// Sets the numbers of one stream.
#[inline(always)]
pub(crate) fn set_column<const N: usize>(rows: &mut [Row; N], lane: usize, numbers: &[i16; N]) {
    for (row, &number) in rows.iter_mut().zip(numbers) {
        row.0[lane] = number;
    }
}
