//! One frame of sixteen streams: the order of the stages, as in [`crate::encoder`].

use super::filters::{self, Filter};
use super::state::{Signals, State, column, set_column};
use super::vector::{Doubt, LANES, Row, Vector, Wide};
use super::{adaptive, fixed, gains, lp, lsf, open_loop, spectrum};
use crate::dims::{
    FRAME_BYTES, FRAME_SAMPLES, LAG_MAX, LAG_MIN, ONE_Q12, ORDER, PAST, SUBFRAME, TAPS,
};
use crate::encoder::autocorrelation::WINDOW;
use crate::encoder::open_loop::HISTORY;
use crate::encoder::{CODED, GAMMA, TILT, taming};
use crate::frame::Parameters;
use crate::gain::{Gains, PredictedGain};
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
    let mut least = lags.map(|lag| (lag - 3).clamp(LAG_MIN, LAG_MAX - 6));
    let mut pairs = [Row::ZERO; fixed::NOWHERE];
    for sub in 0..2 {
        let a = &weighted[sub];
        subframe(
            state,
            sub,
            &residual[sub],
            a,
            &mut least,
            &mut parameters,
            &mut pairs,
            &mut doubt,
        );
    }
    for (frame, parameters) in frames.iter_mut().zip(&mut parameters) {
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
    for (lane, samples) in samples.iter().enumerate() {
        set_column(
            &mut signals.speech[WINDOW - FRAME_SAMPLES..],
            lane,
            *samples,
        );
        signals.excitation[lane].copy_within(FRAME_SAMPLES.., 0);
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

/// One subframe. `least` holds the least lags to try, then those for the next subframe.
#[inline(always)]
fn subframe<V: Vector>(
    state: &mut State,
    sub: usize,
    residual: &[Row; SUBFRAME],
    a: &Filter<V>,
    least: &mut [i16; LANES],
    parameters: &mut [Parameters; LANES],
    pairs: &mut fixed::Pairs,
    doubt: &mut Doubt<V>,
) {
    let mut unit = [Row::ZERO; SUBFRAME];
    unit[0] = Row([ONE_Q12; LANES]);
    let silence = [Row::ZERO; ORDER];
    let (mut response, mut target) = ([Row::ZERO; SUBFRAME], [Row::ZERO; SUBFRAME]);
    filters::synthesise(a, &silence, &unit, &mut response, doubt);
    filters::synthesise(a, &state.memory.error_memory, residual, &mut target, doubt);
    set_excitation(state, sub, residual);

    let mut backward = [V::zero(); SUBFRAME];
    adaptive::backward(&target, &response, &mut backward, doubt);
    let mut vector = [Row::ZERO; SUBFRAME];
    let lags = adaptive::search(
        &state.signals.excitation,
        &backward,
        least,
        sub,
        &mut vector,
        doubt,
    );
    let mut tamed = 0_u16;
    for lane in 0..LANES {
        let lag = lags[lane];
        parameters[lane].lag[sub] = match sub {
            0 => pitch::first_word(lag),
            _ => pitch::second_word(lag, least[lane]),
        };
        tamed |= u16::from(state.memory.taming[lane].needed(lag)) << lane;
        least[lane] = pitch::second_range(lag.whole).0;
    }
    let mut filtered = [Row::ZERO; SUBFRAME];
    filters::synthesise(a, &silence, &vector, &mut filtered, doubt);
    let (gain, correlations) = adaptive::gain(&target, &filtered, doubt);
    let limited = gain.min(V::splat(taming::GAIN_MAX.into()));
    let gain = V::select(V::mask(tamed), limited, gain);

    let mut rest = [Row::ZERO; SUBFRAME];
    for n in 0..SUBFRAME {
        let coded = V::load(&filtered[n])
            .times(gain)
            .shift_right::<14>()
            .clamp16();
        (V::load(&target[n]) - coded).clamp16().store(&mut rest[n]);
    }
    for lane in 0..LANES {
        sharpen_lane(
            &mut response,
            lane,
            lags[lane].whole,
            state.memory.sharpening.0[lane],
        );
    }
    adaptive::backward(&rest, &response, &mut backward, doubt);
    let found = fixed::Search::new(&backward, &response, pairs, doubt).best(&backward);
    let fixed = found.filtered(&response, doubt);
    let mut code = found.vector();
    for lane in 0..LANES {
        parameters[lane].places[sub] = found.places.0[lane] as u16;
        parameters[lane].signs[sub] = found.signs.0[lane] as u8;
        sharpen_lane(
            &mut code,
            lane,
            lags[lane].whole,
            state.memory.sharpening.0[lane],
        );
    }
    let mut energies = Wide::ZERO;
    energy::<V>(&code, doubt).store_wide(&mut energies);
    let mut predicted = [PredictedGain { mantissa: 0, q: 0 }; LANES];
    for lane in 0..LANES {
        predicted[lane] = state.memory.energy_memory[lane].predict_from_energy(energies.0[lane]);
    }
    let terms = gains::terms(&target, &filtered, &fixed, correlations, doubt);
    let index = gains::search(&terms, &predicted, tamed, doubt);
    let (mut pitch_gains, mut code_gains) = (Row::ZERO, Row::ZERO);
    for lane in 0..LANES {
        parameters[lane].gains[sub] = index[lane];
        state.memory.energy_memory[lane].push_factor(index[lane].factor());
        let gains: Gains = index[lane].gains(predicted[lane]);
        state.memory.taming[lane].push(lags[lane].whole, gains.pitch);
        state.memory.sharpening.0[lane] = gains.sharpening();
        pitch_gains.0[lane] = gains.pitch;
        code_gains.0[lane] = gains.code;
    }
    let (pitch_gain, code_gain) = (V::load(&pitch_gains), V::load(&code_gains));
    update(state, sub, &vector, &code, pitch_gain, code_gain);
    for i in 0..ORDER {
        let n = SUBFRAME - ORDER + i;
        let adaptive = V::load(&filtered[n])
            .times(pitch_gain)
            .shift_right::<14>()
            .clamp16();
        let fixed = V::load(&fixed[n])
            .times(code_gain)
            .shift_right::<13>()
            .clamp16();
        let coded = (adaptive + fixed).clamp16();
        (V::load(&target[n]) - coded)
            .clamp16()
            .store(&mut state.memory.error_memory[i]);
    }
}

/// The doubled energies of vectors.
#[inline(always)]
fn energy<V: Vector>(vector: &[Row; SUBFRAME], doubt: &mut Doubt<V>) -> V {
    let mut sum = V::zero();
    for row in vector {
        let x = V::load(row);
        sum = (sum + x.times(x)).min_unsigned(V::splat(1 << 30));
    }
    doubt.note_reached(sum, 1 << 30);
    sum.shift_left::<1>()
}

/// The new excitation.
#[inline(always)]
fn update<V: Vector>(
    state: &mut State,
    sub: usize,
    vector: &[Row; SUBFRAME],
    code: &[Row; SUBFRAME],
    pitch_gain: V,
    code_gain: V,
) {
    let mut mixed = [Row::ZERO; SUBFRAME];
    for n in 0..SUBFRAME {
        let sum = V::load(&vector[n]).times(pitch_gain) + V::load(&code[n]).times(code_gain);
        (sum + V::splat(0x2000))
            .shift_right::<14>()
            .clamp16()
            .store(&mut mixed[n]);
    }
    set_excitation(state, sub, &mixed);
}

/// Sets the excitation of a subframe.
#[inline(always)]
fn set_excitation(state: &mut State, sub: usize, rows: &[Row; SUBFRAME]) {
    for (lane, excitation) in state.signals.excitation.iter_mut().enumerate() {
        let from = PAST + sub * SUBFRAME;
        let present: &mut [i16; SUBFRAME] = (&mut excitation[from..from + SUBFRAME])
            .try_into()
            .expect("a subframe");
        *present = column(rows, lane);
    }
}

/// As [`crate::fixed_codebook::sharpen`], in one lane.
#[inline(always)]
fn sharpen_lane(rows: &mut [Row; SUBFRAME], lane: usize, lag: i16, gain: i16) {
    let lag = lag as usize;
    for n in lag..SUBFRAME {
        let more = crate::arith::mul(rows[n - lag].0[lane], gain * 2);
        rows[n].0[lane] = rows[n].0[lane].saturating_add(more);
    }
}
