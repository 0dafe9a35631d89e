//! The LSF quantiser in lanes: as in `encoder::lsf_search` and [`crate::lsf_codebook`].

use super::state::{column, set_column};
use super::vector::{Doubt, LANES, Row, Vector};
use crate::dims::ORDER;
use crate::encoder::lsf_search::{ABOVE, BELOW, ONE_AND_A_FIFTH, ONE_Q11, ONE_Q13, TEN};
use crate::lsf::{from_lsp, to_lsp};
use crate::lsf_codebook::{
    GAP_FIRST, GAP_SECOND, GAP_STABLE, GREATEST, LEAST, LsfIndex, codebook_vector,
};
use crate::tables::{
    LSF_PREDICTOR, LSF_PREDICTOR_REST, LSF_PREDICTOR_REST_INV, LSF_STAGE1, LSF_STAGE2,
};

type Vectors<V> = [V; ORDER];

/// Rows of the first stage, two columns in each number.
static PAIRS: [[i32; ORDER / 2]; LSF_STAGE1.len()] = pairs();

const fn pairs() -> [[i32; ORDER / 2]; LSF_STAGE1.len()] {
    let mut pairs = [[0; ORDER / 2]; LSF_STAGE1.len()];
    let mut row = 0;
    while row < pairs.len() {
        let mut i = 0;
        while i < ORDER / 2 {
            let [low, high] = [LSF_STAGE1[row][2 * i], LSF_STAGE1[row][2 * i + 1]];
            pairs[row][i] = low as u16 as i32 | (high as i32) << 16;
            i += 1;
        }
        row += 1;
    }
    pairs
}

/// Quantises LSPs; what they become replaces `quantised`.
#[inline(always)]
pub(crate) fn quantise<V: Vector>(
    lsp: &[Row; ORDER],
    memory: &mut [[Row; ORDER]; 4],
    quantised: &mut [Row; ORDER],
    doubt: &mut Doubt<V>,
) -> [LsfIndex; LANES] {
    let mut lsf = [Row::ZERO; ORDER];
    for lane in 0..LANES {
        set_column(&mut lsf, lane, &from_lsp(&column(lsp, lane)));
    }
    let index = search(&lsf, memory, doubt);
    let vector = vectors(&index);
    let mut vector = load::<V>(&vector);
    spread(&mut vector, GAP_FIRST);
    spread(&mut vector, GAP_SECOND);
    let mut lsf = predict(&index, memory, &vector);
    memory.copy_within(..3, 1);
    for (row, v) in memory[0].iter_mut().zip(vector) {
        v.store(row);
    }
    stabilise(&mut lsf);
    let mut rows = [Row::ZERO; ORDER];
    for (row, v) in rows.iter_mut().zip(lsf) {
        v.store(row);
    }
    for lane in 0..LANES {
        set_column(quantised, lane, &to_lsp(&column(&rows, lane)));
    }
    index
}

#[inline(always)]
fn search<V: Vector>(
    lsf: &[Row; ORDER],
    memory: &[[Row; ORDER]; 4],
    doubt: &mut Doubt<V>,
) -> [LsfIndex; LANES] {
    let lsf = load::<V>(lsf);
    let weights = weigh(&lsf);
    let targets = [target(0, &lsf, memory), target(1, &lsf, memory)];
    let first = nearest_first(&targets);
    let mut chosen = [LsfIndex::default(); LANES];
    let mut errors = [V::zero(); 2];
    let mut candidates = [[LsfIndex::default(); LANES]; 2];
    for predictor in 0..2 {
        let target = &targets[predictor];
        let candidates = &mut candidates[predictor];
        let mut rows = [Row::ZERO; ORDER];
        for lane in 0..LANES {
            candidates[lane].predictor = predictor;
            candidates[lane].first = first[predictor].0[lane] as usize;
            set_column(&mut rows, lane, &LSF_STAGE1[candidates[lane].first]);
        }
        let mut rest = load::<V>(&rows);
        for i in 0..ORDER {
            rest[i] = target[i] - rest[i];
            // Then no sum of five squares leaves 32 bits.
            doubt.note_reached(rest[i].magnitude(), 18_000);
        }
        let lower = nearest_second(&rest, &weights, 0);
        let upper = nearest_second(&rest, &weights, ORDER / 2);
        for lane in 0..LANES {
            candidates[lane].lower = lower.0[lane] as usize;
            candidates[lane].upper = upper.0[lane] as usize;
        }
        let mut vector = load::<V>(&vectors(candidates));
        spread_part(&mut vector, 1, 5, GAP_FIRST);
        spread_part(&mut vector, 5, ORDER, GAP_FIRST);
        spread(&mut vector, GAP_SECOND);
        errors[predictor] = error(&vector, target, &weights, &LSF_PREDICTOR_REST[predictor]);
    }
    let second = V::bits(errors[0].greater(errors[1]));
    for lane in 0..LANES {
        chosen[lane] = candidates[usize::from(second >> lane & 1)][lane];
    }
    chosen
}

#[inline(always)]
fn load<V: Vector>(rows: &[Row; ORDER]) -> Vectors<V> {
    let mut out = [V::zero(); ORDER];
    for (out, row) in out.iter_mut().zip(rows) {
        *out = V::load(row);
    }
    out
}

#[inline(always)]
fn vectors(index: &[LsfIndex; LANES]) -> [Row; ORDER] {
    let mut rows = [Row::ZERO; ORDER];
    for (lane, &index) in index.iter().enumerate() {
        set_column(&mut rows, lane, &codebook_vector(index));
    }
    rows
}

#[inline(always)]
fn weigh<V: Vector>(lsf: &Vectors<V>) -> Vectors<V> {
    let mut weights = [V::splat(ONE_Q11.into()); ORDER];
    let mut most = V::zero();
    for i in 0..ORDER {
        let below = if i == 0 {
            V::splat(BELOW.into())
        } else {
            lsf[i - 1]
        };
        let above = if i == ORDER - 1 {
            V::splat(ABOVE.into())
        } else {
            lsf[i + 1]
        };
        let room = above - below - V::splat(ONE_Q13.into());
        let square = room.times(room).shift_right::<13>();
        let more = square.times(V::splat(TEN.into())).shift_right::<13>();
        let near = more + V::splat(ONE_Q11.into());
        weights[i] = V::select(room.greater(V::zero()), weights[i], near);
        if i == 4 || i == 5 {
            weights[i] = weights[i]
                .times(V::splat(ONE_AND_A_FIFTH.into()))
                .shift_right::<14>();
        }
        most = most.max(weights[i]);
    }
    let shift = most.norm() - V::splat(16);
    for weight in &mut weights {
        *weight = weight.shift_left_by(shift);
    }
    weights
}

#[inline(always)]
fn target<V: Vector>(predictor: usize, lsf: &Vectors<V>, memory: &[[Row; ORDER]; 4]) -> Vectors<V> {
    let mut out = [V::zero(); ORDER];
    for i in 0..ORDER {
        let mut rest = lsf[i].shift_left::<15>();
        for (past, weights) in memory.iter().zip(&LSF_PREDICTOR[predictor]) {
            rest = rest - V::load(&past[i]).times(V::splat(weights[i].into()));
        }
        let inverse = V::splat(LSF_PREDICTOR_REST_INV[predictor][i].into());
        let scaled = rest.shift_right::<15>().clamp16().times(inverse);
        out[i] = scaled.shift_right::<12>().clamp16();
    }
    out
}

/// Both predictors' rows of the first stage. Distances are limited to 2^30: such never win.
#[inline(always)]
fn nearest_first<V: Vector>(targets: &[Vectors<V>; 2]) -> [Row; 2] {
    let limit = V::splat(1 << 30);
    let mut pairs = [[V::zero(); ORDER / 2]; 2];
    for (pairs, target) in pairs.iter_mut().zip(targets) {
        for i in 0..ORDER / 2 {
            pairs[i] = target[2 * i].low() | target[2 * i + 1].shift_left::<16>();
        }
    }
    let mut best = [V::zero(); 2];
    let mut least = [limit; 2];
    for (number, row) in PAIRS.iter().enumerate() {
        let mut distance = [V::zero(); 2];
        for (i, &entry) in row.iter().enumerate() {
            let entry = V::splat(entry);
            for predictor in 0..2 {
                let difference = pairs[predictor][i].subtract_pairs(entry);
                let square = difference.multiply_pairs(difference);
                distance[predictor] = (distance[predictor] + square).min_unsigned(limit);
            }
        }
        for predictor in 0..2 {
            let better = least[predictor].greater(distance[predictor]);
            best[predictor] = V::select(better, V::splat(number as i32), best[predictor]);
            least[predictor] = least[predictor].min(distance[predictor]);
        }
    }
    let mut rows = [Row::ZERO; 2];
    best[0].store(&mut rows[0]);
    best[1].store(&mut rows[1]);
    rows
}

#[inline(always)]
fn nearest_second<V: Vector>(rest: &Vectors<V>, weights: &Vectors<V>, from: usize) -> Row {
    let mut low = [V::zero(); ORDER / 2];
    for (i, low) in low.iter_mut().enumerate() {
        *low = weights[from + i].low();
    }
    let mut best = V::zero();
    let mut least = V::splat(1 << 30);
    for (number, row) in LSF_STAGE2.iter().enumerate() {
        let mut distance = V::zero();
        for i in 0..ORDER / 2 {
            let difference = rest[from + i] - V::splat(row[from + i].into());
            let weighted = low[i].multiply_pairs(difference).shift_right::<15>();
            distance = distance + weighted.times(difference);
        }
        let better = least.greater(distance);
        best = V::select(better, V::splat(number as i32), best);
        least = least.min(distance);
    }
    let mut row = Row::ZERO;
    best.store(&mut row);
    row
}

#[inline(always)]
fn spread<V: Vector>(lsf: &mut Vectors<V>, gap: i16) {
    spread_part(lsf, 1, ORDER, gap);
}

#[inline(always)]
fn spread_part<V: Vector>(lsf: &mut Vectors<V>, from: usize, to: usize, gap: i16) {
    for i in from..to {
        let lacking = (lsf[i - 1] - lsf[i] + V::splat(gap.into())).shift_right::<1>();
        let lacking = lacking.max(V::zero());
        lsf[i - 1] = lsf[i - 1] - lacking;
        lsf[i] = lsf[i] + lacking;
    }
}

/// The weighted error; it saturates at 2^30 (doubled, where the scalar one does).
#[inline(always)]
fn error<V: Vector>(
    vector: &Vectors<V>,
    target: &Vectors<V>,
    weights: &Vectors<V>,
    rest: &[i16; ORDER],
) -> V {
    let mut sum = V::zero();
    for i in 0..ORDER {
        let difference = (vector[i] - target[i])
            .clamp16()
            .times(V::splat(rest[i].into()))
            .shift_right::<15>();
        let weighted = weights[i].times(difference).shift_right::<11>().clamp16();
        sum = (sum + weighted.times(difference)).min_unsigned(V::splat(1 << 30));
    }
    sum
}

#[inline(always)]
fn predict<V: Vector>(
    index: &[LsfIndex; LANES],
    memory: &[[Row; ORDER]; 4],
    vector: &Vectors<V>,
) -> Vectors<V> {
    let second = index.iter().enumerate().fold(0, |bits, (lane, index)| {
        bits | (index.predictor as u16) << lane
    });
    let mut out = [V::zero(); ORDER];
    for i in 0..ORDER {
        let mut sum = vector[i].times(pick::<V>(
            second,
            LSF_PREDICTOR_REST[0][i],
            LSF_PREDICTOR_REST[1][i],
        ));
        for (ago, past) in memory.iter().enumerate() {
            let weights = pick::<V>(second, LSF_PREDICTOR[0][ago][i], LSF_PREDICTOR[1][ago][i]);
            sum = sum + V::load(&past[i]).times(weights);
        }
        out[i] = sum.shift_right::<15>();
    }
    out
}

/// One of two numbers for each stream.
#[inline(always)]
fn pick<V: Vector>(second: u16, no: i16, yes: i16) -> V {
    V::select(V::mask(second), V::splat(yes.into()), V::splat(no.into()))
}

#[inline(always)]
fn stabilise<V: Vector>(lsf: &mut Vectors<V>) {
    for i in 1..ORDER {
        (lsf[i - 1], lsf[i]) = (lsf[i - 1].min(lsf[i]), lsf[i - 1].max(lsf[i]));
    }
    lsf[0] = lsf[0].max(V::splat(LEAST.into()));
    for i in 1..ORDER {
        lsf[i] = lsf[i].max(lsf[i - 1] + V::splat(GAP_STABLE.into()));
    }
    lsf[ORDER - 1] = lsf[ORDER - 1].min(V::splat(GREATEST.into()));
}
