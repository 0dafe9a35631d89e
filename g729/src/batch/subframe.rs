//! One subframe of sixteen streams (§3.5 to §3.10), as in [`crate::encoder`].

use super::adaptive::{self, Scaled};
use super::filters::{self, Filter};
use super::state::State;
use super::transpose::scatter;
use super::vector::{Doubt, LANES, Row, Vector, Wide};
use super::{fixed, gains};
use crate::arith::mul;
use crate::dims::{LAG_MAX, LAG_MIN, ONE_Q12, ORDER, PAST, SUBFRAME};
use crate::encoder::taming;
use crate::frame::Parameters;
use crate::gain::PredictedGain;
use crate::pitch::{self, Lag};

/// One number for each sample and stream.
type Rows = [Row; SUBFRAME];

/// What both subframes of a frame work on.
pub(crate) struct Work {
    /// What the frames say so far.
    pub(crate) parameters: [Parameters; LANES],
    /// The least lags that the next subframe tries.
    least: [i16; LANES],
    pairs: fixed::Pairs,
}

impl Work {
    #[inline(always)]
    pub(crate) fn new(parameters: [Parameters; LANES], open_loop: [i16; LANES]) -> Self {
        let mut least = open_loop;
        for lag in &mut least {
            *lag = (*lag - 3).clamp(LAG_MIN, LAG_MAX - 6);
        }
        Self {
            parameters,
            least,
            pairs: [Row::ZERO; fixed::NOWHERE],
        }
    }
}

/// Codes a subframe, given its residual and the filter A(z/γ).
#[inline(always)]
pub(crate) fn encode<V: Vector>(
    state: &mut State,
    work: &mut Work,
    sub: usize,
    residual: &Rows,
    a: &Filter<V>,
    doubt: &mut Doubt<V>,
) {
    let mut unit = [Row::ZERO; SUBFRAME];
    unit[0] = Row([ONE_Q12; LANES]);
    let (mut response, mut target) = ([Row::ZERO; SUBFRAME], [Row::ZERO; SUBFRAME]);
    filters::synthesise(a, &[Row::ZERO; ORDER], &unit, &mut response, doubt);
    filters::synthesise(a, &state.memory.error_memory, residual, &mut target, doubt);
    set_excitation(state, sub, residual);

    let adaptive = Adaptive::search(state, work, sub, (&target, &response, a), doubt);
    let rest = adaptive.rest(&target);
    adaptive.sharpen(state, &mut response);
    let fixed = Fixed::search(work, sub, &rest, &response, doubt);
    let mut code = fixed.code;
    adaptive.sharpen(state, &mut code);

    let predicted = predict(state, &code, doubt);
    let terms = gains::terms(
        &target,
        &adaptive.filtered,
        &fixed.filtered,
        adaptive.correlations,
        doubt,
    );
    let index = gains::search(&terms, &predicted, adaptive.tamed, doubt);
    let (mut pitch_gains, mut code_gains) = (Row::ZERO, Row::ZERO);
    for lane in 0..LANES {
        work.parameters[lane].gains[sub] = index[lane];
        state.memory.energy_memory[lane].push_factor(index[lane].factor());
        let gains = index[lane].gains(predicted[lane]);
        state.memory.taming[lane].push(adaptive.lags[lane].whole, gains.pitch);
        state.memory.sharpening.0[lane] = gains.sharpening();
        (pitch_gains.0[lane], code_gains.0[lane]) = (gains.pitch, gains.code);
    }
    let gains = [V::load(&pitch_gains), V::load(&code_gains)];
    set_excitation(state, sub, &mix(&adaptive.vector, &code, gains));
    let coded = [&adaptive.filtered, &fixed.filtered];
    state.memory.error_memory = error_memory(&target, coded, gains);
}

/// What the adaptive codebook yields.
struct Adaptive<V: Vector> {
    lags: [Lag; LANES],
    /// A bit for each stream whose gains are limited.
    tamed: u16,
    vector: Rows,
    filtered: Rows,
    gain: V,
    correlations: [Scaled<V>; 2],
}

impl<V: Vector> Adaptive<V> {
    #[inline(always)]
    fn search(
        state: &State,
        work: &mut Work,
        sub: usize,
        (target, response, a): (&Rows, &Rows, &Filter<V>),
        doubt: &mut Doubt<V>,
    ) -> Self {
        let mut backward = [V::zero(); SUBFRAME];
        adaptive::backward(target, response, &mut backward, doubt);
        let mut vector = [Row::ZERO; SUBFRAME];
        let excitation = &state.signals.excitation;
        let lags = adaptive::search(excitation, &backward, &work.least, sub, &mut vector, doubt);
        let mut tamed = 0_u16;
        for (lane, &lag) in lags.iter().enumerate() {
            let least = &mut work.least[lane];
            work.parameters[lane].lag[sub] = match sub {
                0 => pitch::first_word(lag),
                _ => pitch::second_word(lag, *least),
            };
            tamed |= u16::from(state.memory.taming[lane].needed(lag)) << lane;
            *least = pitch::second_range(lag.whole).0;
        }
        let mut filtered = [Row::ZERO; SUBFRAME];
        filters::synthesise(a, &[Row::ZERO; ORDER], &vector, &mut filtered, doubt);
        let (gain, correlations) = adaptive::gain(target, &filtered, doubt);
        let limited = gain.min(V::splat(taming::GAIN_MAX.into()));
        let gain = V::select(V::mask(tamed), limited, gain);
        Self {
            lags,
            tamed,
            vector,
            filtered,
            gain,
            correlations,
        }
    }

    /// What the fixed codebook has to match.
    #[inline(always)]
    fn rest(&self, target: &Rows) -> Rows {
        let mut rest = [Row::ZERO; SUBFRAME];
        for n in 0..SUBFRAME {
            let coded = V::load(&self.filtered[n])
                .times(self.gain)
                .shift_right::<14>()
                .clamp16();
            (V::load(&target[n]) - coded).clamp16().store(&mut rest[n]);
        }
        rest
    }

    /// As [`crate::fixed_codebook::sharpen`], for each stream.
    #[inline(always)]
    fn sharpen(&self, state: &State, rows: &mut Rows) {
        for (lane, lag) in self.lags.iter().enumerate() {
            let gain = state.memory.sharpening.0[lane] * 2;
            let lag = lag.whole as usize;
            for n in lag..SUBFRAME {
                let more = mul(rows[n - lag].0[lane], gain);
                rows[n].0[lane] = rows[n].0[lane].saturating_add(more);
            }
        }
    }
}

/// What the fixed codebook yields.
struct Fixed {
    filtered: Rows,
    /// Before sharpening.
    code: Rows,
}

impl Fixed {
    #[inline(always)]
    fn search<V: Vector>(
        work: &mut Work,
        sub: usize,
        target: &Rows,
        response: &Rows,
        doubt: &mut Doubt<V>,
    ) -> Self {
        let mut backward = [V::zero(); SUBFRAME];
        adaptive::backward(target, response, &mut backward, doubt);
        let search = fixed::Search::new(&backward, response, &mut work.pairs, doubt);
        let found = search.best(&backward);
        for (lane, parameters) in work.parameters.iter_mut().enumerate() {
            parameters.places[sub] = found.places.0[lane] as u16;
            parameters.signs[sub] = found.signs.0[lane] as u8;
        }
        Self {
            filtered: found.filtered(response, doubt),
            code: found.vector(),
        }
    }
}

/// The gains that vectors will likely need.
#[inline(always)]
fn predict<V: Vector>(state: &State, code: &Rows, doubt: &mut Doubt<V>) -> [PredictedGain; LANES] {
    let mut sum = V::zero();
    for row in code {
        let x = V::load(row);
        sum = (sum + x.times(x)).min_unsigned(V::splat(1 << 30));
    }
    doubt.note_reached(sum, 1 << 30);
    let mut energies = Wide::ZERO;
    sum.shift_left::<1>().store_wide(&mut energies);
    let mut predicted = [PredictedGain { mantissa: 0, q: 0 }; LANES];
    for (lane, gain) in predicted.iter_mut().enumerate() {
        *gain = state.memory.energy_memory[lane].predict_from_energy(energies.0[lane]);
    }
    predicted
}

/// The excitation, as in [`crate::gain::mix`].
#[inline(always)]
fn mix<V: Vector>(vector: &Rows, code: &Rows, [pitch, fixed]: [V; 2]) -> Rows {
    let mut mixed = [Row::ZERO; SUBFRAME];
    for n in 0..SUBFRAME {
        let sum = V::load(&vector[n]).times(pitch) + V::load(&code[n]).times(fixed);
        (sum + V::splat(0x2000))
            .shift_right::<14>()
            .clamp16()
            .store(&mut mixed[n]);
    }
    mixed
}

/// What the next target starts with.
#[inline(always)]
fn error_memory<V: Vector>(
    target: &Rows,
    [adaptive, fixed]: [&Rows; 2],
    [pitch_gain, code_gain]: [V; 2],
) -> [Row; ORDER] {
    let mut out = [Row::ZERO; ORDER];
    for (i, out) in out.iter_mut().enumerate() {
        let n = SUBFRAME - ORDER + i;
        let adaptive = V::load(&adaptive[n])
            .times(pitch_gain)
            .shift_right::<14>()
            .clamp16();
        let fixed = V::load(&fixed[n])
            .times(code_gain)
            .shift_right::<13>()
            .clamp16();
        let coded = (adaptive + fixed).clamp16();
        (V::load(&target[n]) - coded).clamp16().store(out);
    }
    out
}

/// Sets the excitation of a subframe.
#[inline(always)]
fn set_excitation(state: &mut State, sub: usize, rows: &Rows) {
    let from = PAST + sub * SUBFRAME;
    scatter(rows, |lane, at, samples| {
        let at = from + at;
        state.signals.excitation[lane][at..at + samples.len()].copy_from_slice(samples);
    });
}
