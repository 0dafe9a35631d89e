//! The open-loop analysis in lanes: as in `encoder::open_loop`.

use super::vector::{Doubt, LANES, Row, Vector, Wide};
use crate::dims::{FRAME_SAMPLES, LAG_MAX, LAG_MIN};
use crate::encoder::open_loop::{HISTORY, QUIET, normalise, weigh};

const LEN: usize = HISTORY + FRAME_SAMPLES;
/// Samples of each parity at most, and of those the ones a correlation sums up.
const HALF: usize = LEN.div_ceil(2);
const SUMMED: usize = FRAME_SAMPLES / 2;
/// Where the frame begins among the odd samples.
const FRAME: usize = HISTORY / 2;
/// One more than the longest lag.
const LAGS: usize = LAG_MAX as usize + 1;

/// The open-loop lags of the frames at the end of `weighted`.
#[inline(always)]
pub(crate) fn search<V: Vector>(weighted: &[Row; LEN], doubt: &mut Doubt<V>) -> [i16; LANES] {
    let mut parts = [[Wide::ZERO; HALF]; 2];
    scale::<V>(weighted, &mut parts, doubt);
    let mut energies = [Wide::ZERO; LAGS];
    windows::<V>(&parts, &mut energies);
    pair::<V>(&mut parts);
    let mut correlations = [Wide::ZERO; LAGS];
    correlate::<V>(&parts, &mut correlations);

    let short = best::<V>(&correlations, LAG_MIN as usize, 40, 1);
    let middle = best::<V>(&correlations, 40, 80, 1);
    let long = best::<V>(&correlations, 80, LAG_MAX as usize, 2);
    let mut lags = [0; LANES];
    for lane in 0..LANES {
        let at = |lag: i16| correlations[lag as usize].0[lane];
        let mut peak = long.0[lane] as i16;
        for neighbour in [long.0[lane] as i16 + 1, long.0[lane] as i16 - 1] {
            if at(neighbour) > at(peak) {
                peak = neighbour;
            }
        }
        lags[lane] = weigh(
            [short.0[lane] as i16, middle.0[lane] as i16, peak]
                .map(|lag| normalise(lag, at(lag), energies[lag as usize].0[lane])),
        );
    }
    lags
}

/// Even and odd samples apart, scaled for the sums.
#[inline(always)]
fn scale<V: Vector>(weighted: &[Row; LEN], parts: &mut [[Wide; HALF]; 2], doubt: &mut Doubt<V>) {
    let mut energy = V::zero();
    for row in weighted.iter().step_by(2) {
        let x = V::load(row);
        energy = (energy + x.times(x)).min_unsigned(V::splat(1 << 30));
    }
    let loud = energy.greater(V::splat((1 << 30) - 1));
    let quiet = V::splat(QUIET / 2).greater(energy);
    let (mut even, mut odd) = (V::zero(), V::zero());
    for (place, row) in weighted.iter().enumerate() {
        let x = V::load(row);
        let x = V::select(loud, x.shift_right::<3>(), x);
        let x = V::select(quiet, x.shift_left::<3>().clamp16(), x);
        x.store_wide(&mut parts[place % 2][place / 2]);
        let sum = if place % 2 == 0 { &mut even } else { &mut odd };
        *sum = (*sum + x.times(x)).min_unsigned(V::splat(1 << 30));
    }
    // By Cauchy and Schwarz no sum of products exceeds both energies.
    doubt.note_reached(even, 1 << 30);
    doubt.note_reached(odd, 1 << 30);
}

/// Packs each sample with the next of its parity.
#[inline(always)]
fn pair<V: Vector>(parts: &mut [[Wide; HALF]; 2]) {
    for part in parts {
        let mut own = V::load_wide(&part[0]);
        for n in 0..HALF - 1 {
            let next = V::load_wide(&part[n + 1]);
            (own.low() | next.shift_left::<16>()).store_wide(&mut part[n]);
            own = next;
        }
    }
}

/// For each lag the parity and the number of the sample that lies that far before the frame.
const fn start(lag: usize) -> (usize, usize) {
    ((HISTORY - lag) % 2, (HISTORY - lag) / 2)
}

/// One and the doubled energies of what lies each lag back.
#[inline(always)]
fn windows<V: Vector>(parts: &[[Wide; HALF]; 2], energies: &mut [Wide; LAGS]) {
    for (parity, part) in parts.iter().enumerate() {
        let mut sum = V::zero();
        for row in &part[..SUMMED] {
            let x = V::load_wide(row);
            sum = sum + x.times(x);
        }
        for first in 0..=FRAME {
            let place = 2 * first + parity;
            let Some(lag) = HISTORY.checked_sub(place) else {
                break;
            };
            (sum.shift_left::<1>() + V::splat(1)).store_wide(&mut energies[lag]);
            let old = V::load_wide(&part[first]);
            let new = V::load_wide(&part[(first + SUMMED).min(HALF - 1)]);
            sum = sum - old.times(old) + new.times(new);
        }
    }
}

/// The correlations of the frame with what lies each lag back; `pairs` are packed.
#[inline(always)]
fn correlate<V: Vector>(pairs: &[[Wide; HALF]; 2], correlations: &mut [Wide; LAGS]) {
    let mut frame = [V::zero(); SUMMED / 2];
    for (n, pair) in frame.iter_mut().enumerate() {
        *pair = V::load_wide(&pairs[1][FRAME + 2 * n]);
    }
    for lag in LAG_MIN as usize..LAGS {
        let (parity, first) = start(lag);
        let mut sums = [V::zero(); 2];
        for (n, pair) in frame.iter().enumerate() {
            let past = V::load_wide(&pairs[parity][first + 2 * n]);
            sums[n % 2] = sums[n % 2] + pair.multiply_pairs(past);
        }
        (sums[0] + sums[1])
            .shift_left::<1>()
            .store_wide(&mut correlations[lag]);
    }
}

/// The first lag of the greatest correlation in a range.
#[inline(always)]
fn best<V: Vector>(correlations: &[Wide; LAGS], from: usize, to: usize, step: usize) -> Wide {
    let mut greatest = V::load_wide(&correlations[from]);
    let mut best = V::splat(from as i32);
    let mut lag = from + step;
    while lag < to {
        let correlation = V::load_wide(&correlations[lag]);
        let better = correlation.greater(greatest);
        best = V::select(better, V::splat(lag as i32), best);
        greatest = greatest.max(correlation);
        lag += step;
    }
    let mut out = Wide::ZERO;
    best.store_wide(&mut out);
    out
}
