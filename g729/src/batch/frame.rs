//! One frame of sixteen streams: the order of the stages, as in [`crate::encoder`].

use super::filters::{self, Filter};
use super::state::{Signals, State};
use super::subframe::{self, Work};
use super::transpose::gather;
use super::vector::{Doubt, LANES, Row, Vector};
use super::{lp, lsf, open_loop, spectrum};
use crate::dims::{FRAME_BYTES, FRAME_SAMPLES, ORDER, SUBFRAME, TAPS};
use crate::encoder::autocorrelation::WINDOW;
use crate::encoder::open_loop::HISTORY;
use crate::encoder::{CODED, GAMMA, TILT};
use crate::frame::Parameters;
use crate::pitch;

/// γ to the powers 1 to 10, Q15.
static POWERS: [i16; ORDER] = crate::filter::powers(GAMMA);

/// Encodes the next frame of each stream. Returns the streams that are in doubt, a bit each: their
/// frames and states are not valid.
#[inline(always)]
pub(crate) fn encode<V: Vector>(
    state: &mut State,
    samples: &[&[i16; FRAME_SAMPLES]; LANES],
    frames: &mut [[u8; FRAME_BYTES]; LANES],
) -> u16 {
    let mut doubt = Doubt::<V>::none();
    let mut parameters = [Parameters::default(); LANES];
    push(&mut state.signals, samples);
    lp::high_pass(state, &mut doubt);
    let quantised = quantise_spectrum(state, &mut parameters, &mut doubt);
    let weighted = [
        filters::weight(&quantised[0], &POWERS),
        filters::weight(&quantised[1], &POWERS),
    ];
    let mut residual = [[Row::ZERO; SUBFRAME]; 2];
    for (sub, out) in residual.iter_mut().enumerate() {
        let from = CODED + sub * SUBFRAME - ORDER;
        let speech = state.signals.speech[from..from + ORDER + SUBFRAME]
            .try_into()
            .expect("a stretch");
        filters::residual(&quantised[sub], speech, out, &mut doubt);
    }
    let lags = open_loop(state, &residual, &weighted, &mut doubt);
    let mut work = Work::new(parameters, lags);
    for sub in 0..2 {
        subframe::encode(
            state,
            &mut work,
            sub,
            &residual[sub],
            &weighted[sub],
            &mut doubt,
        );
    }
    for (frame, parameters) in frames.iter_mut().zip(&mut work.parameters) {
        parameters.parity = pitch::parity(parameters.lag[0]);
        *frame = parameters.write();
    }
    doubt.bits()
}

/// Takes in the next samples and drops what is too old.
#[inline(always)]
fn push(signals: &mut Signals, samples: &[&[i16; FRAME_SAMPLES]; LANES]) {
    signals.speech.copy_within(FRAME_SAMPLES.., 0);
    signals.weighted.copy_within(FRAME_SAMPLES.., 0);
    gather(&mut signals.speech[WINDOW - FRAME_SAMPLES..], |lane| {
        samples[lane]
    });
    for excitation in &mut signals.excitation {
        excitation.copy_within(FRAME_SAMPLES.., 0);
    }
}

#[inline(always)]
fn quantise_spectrum<V: Vector>(
    state: &mut State,
    parameters: &mut [Parameters; LANES],
    doubt: &mut Doubt<V>,
) -> [Filter<V>; 2] {
    let correlations = lp::correlate::<V>(&state.signals.speech);
    let a = lp::solve(&correlations, doubt);
    for (row, a) in state.memory.last_filter.iter_mut().zip(a) {
        a.store(row);
    }
    spectrum::roots(&a, &mut state.memory.lsp, doubt);
    let before = state.memory.lsp_quantised;
    let index = lsf::quantise(
        &state.memory.lsp,
        &mut state.memory.lsf_memory,
        &mut state.memory.lsp_quantised,
        doubt,
    );
    for (parameters, index) in parameters.iter_mut().zip(index) {
        parameters.lsf = index;
    }
    spectrum::interpolate(&before, &state.memory.lsp_quantised, doubt)
}

#[inline(always)]
fn open_loop<V: Vector>(
    state: &mut State,
    residual: &[[Row; SUBFRAME]; 2],
    weighted: &[Filter<V>; 2],
    doubt: &mut Doubt<V>,
) -> [i16; LANES] {
    for (sub, a) in weighted.iter().enumerate() {
        let mut filter = *a;
        for i in 1..TAPS {
            filter[i] = (a[i] - a[i - 1].times_q15(V::splat(TILT.into()))).clamp16();
        }
        let from = HISTORY + sub * SUBFRAME;
        let out = &mut state.signals.weighted[from..from + SUBFRAME];
        let out: &mut [Row; SUBFRAME] = out.try_into().expect("a subframe");
        filters::synthesise(
            &filter,
            &state.memory.weighted_memory,
            &residual[sub],
            out,
            doubt,
        );
        state
            .memory
            .weighted_memory
            .copy_from_slice(&out[SUBFRAME - ORDER..]);
    }
    open_loop::search(&state.signals.weighted, doubt)
}
