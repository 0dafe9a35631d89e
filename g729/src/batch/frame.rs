//! One frame of sixteen streams: the order of the stages, as in [`crate::encoder`].

use super::filters::{self, Filter};
use super::state::{State, column, set_column};
use super::vector::{Doubt, LANES, Row, Vector};
use super::{adaptive, fixed, gains, lp, lsf, open_loop, spectrum};
use crate::dims::{
    FRAME_BYTES, FRAME_SAMPLES, LAG_MAX, LAG_MIN, ONE_Q12, ORDER, PAST, SUBFRAME, TAPS,
};
use crate::encoder::autocorrelation::WINDOW;
use crate::encoder::open_loop::HISTORY;
use crate::encoder::{CODED, GAMMA, TILT, fixed_search, taming};
use crate::fixed_codebook::{Pulses, sharpen};
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
    push(state, samples);
    lp::high_pass(state, &mut doubt);
    let quantised = quantise_spectrum(state, &mut parameters, &mut doubt);
    let weighted = [
        filters::weight(&quantised[0], &POWERS),
        filters::weight(&quantised[1], &POWERS),
    ];
    let mut residual = [[Row::ZERO; SUBFRAME]; 2];
    for (sub, out) in residual.iter_mut().enumerate() {
        let from = CODED + sub * SUBFRAME - ORDER;
        let speech = state.speech[from..from + ORDER + SUBFRAME]
            .try_into()
            .expect("a stretch");
        filters::residual(&quantised[sub], speech, out, &mut doubt);
    }
    let lags = open_loop(state, &residual, &weighted, &mut doubt);
    let mut least = lags.map(|lag| (lag - 3).clamp(LAG_MIN, LAG_MAX - 6));
    for sub in 0..2 {
        let a = &weighted[sub];
        subframe(
            state,
            sub,
            &residual[sub],
            a,
            &mut least,
            &mut parameters,
            &mut doubt,
        );
    }
    for (frame, parameters) in frames.iter_mut().zip(&mut parameters) {
        parameters.parity = pitch::parity(parameters.lag[0]);
        *frame = parameters.write();
    }
    doubt.bits()
}

/// Takes in the next samples.
#[inline(always)]
fn push(state: &mut State, samples: &[&[i16; FRAME_SAMPLES]; LANES]) {
    state.speech.copy_within(FRAME_SAMPLES.., 0);
    let rows = &mut state.speech[WINDOW - FRAME_SAMPLES..];
    let rows: &mut [Row; FRAME_SAMPLES] = rows.try_into().expect("a frame");
    for (lane, samples) in samples.iter().enumerate() {
        set_column(rows, lane, samples);
    }
}

#[inline(always)]
fn quantise_spectrum<V: Vector>(
    state: &mut State,
    parameters: &mut [Parameters; LANES],
    doubt: &mut Doubt<V>,
) -> [Filter<V>; 2] {
    let correlations = lp::correlate::<V>(&state.speech);
    let a = lp::solve(&correlations, doubt);
    for (row, a) in state.last_filter.iter_mut().zip(a) {
        a.store(row);
    }
    spectrum::roots(&a, &mut state.lsp, doubt);
    let before = state.lsp_quantised;
    let index = lsf::quantise(
        &state.lsp,
        &mut state.lsf_memory,
        &mut state.lsp_quantised,
        doubt,
    );
    for (parameters, index) in parameters.iter_mut().zip(index) {
        parameters.lsf = index;
    }
    spectrum::interpolate(&before, &state.lsp_quantised, doubt)
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
        let out = &mut state.weighted[from..from + SUBFRAME];
        let out: &mut [Row; SUBFRAME] = out.try_into().expect("a subframe");
        filters::synthesise(&filter, &state.weighted_memory, &residual[sub], out, doubt);
        state
            .weighted_memory
            .copy_from_slice(&out[SUBFRAME - ORDER..]);
    }
    let lags = open_loop::search(&state.weighted, doubt);
    state.weighted.copy_within(FRAME_SAMPLES.., 0);
    lags
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
    doubt: &mut Doubt<V>,
) {
    let mut unit = [Row::ZERO; SUBFRAME];
    unit[0] = Row([ONE_Q12; LANES]);
    let silence = [Row::ZERO; ORDER];
    let (mut response, mut target) = ([Row::ZERO; SUBFRAME], [Row::ZERO; SUBFRAME]);
    filters::synthesise(a, &silence, &unit, &mut response, doubt);
    filters::synthesise(a, &state.error_memory, residual, &mut target, doubt);
    for (lane, excitation) in state.excitation.iter_mut().enumerate() {
        let present: &mut [i16; SUBFRAME] =
            (&mut excitation[PAST..]).try_into().expect("a subframe");
        *present = column(residual, lane);
    }

    let mut backward = [V::zero(); SUBFRAME];
    adaptive::backward(&target, &response, &mut backward, doubt);
    let mut vector = [Row::ZERO; SUBFRAME];
    let lags = adaptive::search(&state.excitation, &backward, least, sub, &mut vector, doubt);
    let mut tamed = 0_u16;
    for lane in 0..LANES {
        let lag = lags[lane];
        parameters[lane].lag[sub] = match sub {
            0 => pitch::first_word(lag),
            _ => pitch::second_word(lag, least[lane]),
        };
        tamed |= u16::from(state.taming[lane].needed(lag)) << lane;
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
            state.sharpening.0[lane],
        );
    }
    adaptive::backward(&rest, &response, &mut backward, doubt);
    let found = fixed::Search::new(&backward, &response, doubt).best();
    let mut signs = [Row::ZERO; SUBFRAME];
    for (row, x) in signs.iter_mut().zip(backward) {
        x.store(row);
    }

    let (mut code, mut fixed) = ([Row::ZERO; SUBFRAME], [Row::ZERO; SUBFRAME]);
    let mut predicted = [PredictedGain { mantissa: 0, q: 0 }; LANES];
    for lane in 0..LANES {
        let places = found.of(lane);
        let pulses = Pulses {
            places,
            positive: places.map(|n| signs[n].0[lane] >= 0),
        };
        let words = pulses.write();
        (parameters[lane].places[sub], parameters[lane].signs[sub]) = words;
        set_column(
            &mut fixed,
            lane,
            &fixed_search::filtered(pulses, &column(&response, lane)),
        );
        let mut vector = pulses.vector();
        sharpen(&mut vector, lags[lane].whole, state.sharpening.0[lane]);
        predicted[lane] = state.energy_memory[lane].predict(&vector);
        set_column(&mut code, lane, &vector);
    }
    let terms = gains::terms(&target, &filtered, &fixed, correlations, doubt);
    let index = gains::search(&terms, &predicted, tamed, doubt);
    let (mut pitch_gains, mut code_gains) = (Row::ZERO, Row::ZERO);
    for lane in 0..LANES {
        parameters[lane].gains[sub] = index[lane];
        state.energy_memory[lane].push_factor(index[lane].factor());
        let gains: Gains = index[lane].gains(predicted[lane]);
        state.taming[lane].push(lags[lane].whole, gains.pitch);
        state.sharpening.0[lane] = gains.sharpening();
        pitch_gains.0[lane] = gains.pitch;
        code_gains.0[lane] = gains.code;
    }
    let (pitch_gain, code_gain) = (V::load(&pitch_gains), V::load(&code_gains));
    update(state, &vector, &code, pitch_gain, code_gain);
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
            .store(&mut state.error_memory[i]);
    }
}

/// The new excitation, which becomes past.
#[inline(always)]
fn update<V: Vector>(
    state: &mut State,
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
    for (lane, excitation) in state.excitation.iter_mut().enumerate() {
        excitation.copy_within(SUBFRAME..PAST, 0);
        let newest: &mut [i16; SUBFRAME] = (&mut excitation[PAST - SUBFRAME..PAST])
            .try_into()
            .expect("a subframe");
        *newest = column(&mixed, lane);
    }
}

/// As [`sharpen`], in one lane.
#[inline(always)]
fn sharpen_lane(rows: &mut [Row; SUBFRAME], lane: usize, lag: i16, gain: i16) {
    let lag = lag as usize;
    for n in lag..SUBFRAME {
        let more = crate::arith::mul(rows[n - lag].0[lane], gain * 2);
        rows[n].0[lane] = rows[n].0[lane].saturating_add(more);
    }
}
