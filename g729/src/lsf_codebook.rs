//! What encoder and decoder share of the LSF quantiser (§3.2.4): the moving average predictor and
//! the rules that keep quantised frequencies apart.

use crate::arith::{deposit_high, high, mac, msu, mul32, shl32};
use crate::dims::{ORDER, Spectrum};
use crate::tables::{
    LSF_PREDICTOR, LSF_PREDICTOR_REST, LSF_PREDICTOR_REST_INV, LSF_RESET, LSF_STAGE1, LSF_STAGE2,
};

/// The least distance of neighbours, first pass: 0.0012 in Q13.
pub(crate) const GAP_FIRST: i16 = 10;
/// The least distance of neighbours, second pass: 0.0006 in Q13.
pub(crate) const GAP_SECOND: i16 = 5;
/// The least distance of quantised frequencies: 0.0391 in Q13.
pub(crate) const GAP_STABLE: i16 = 321;
/// The least quantised frequency: 0.005 in Q13.
pub(crate) const LEAST: i16 = 40;
/// The greatest quantised frequency: 3.135 in Q13.
pub(crate) const GREATEST: i16 = 25681;

/// The choice of the quantiser: a predictor and three rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct LsfIndex {
    /// L0: which of two predictors.
    pub(crate) predictor: usize,
    /// L1: row of the first stage.
    pub(crate) first: usize,
    /// L2: row of the second stage for the lower five.
    pub(crate) lower: usize,
    /// L3: row of the second stage for the upper five.
    pub(crate) upper: usize,
}

/// The last four outputs of the codebook, newest first.
#[derive(Clone, Debug)]
pub(crate) struct LsfMemory(pub(crate) [Spectrum; 4]);

impl LsfMemory {
    pub(crate) const fn new() -> Self {
        Self([LSF_RESET; 4])
    }

    /// The quantised frequencies that `index` stands for; remembers the codebook's part.
    pub(crate) fn reconstruct(&mut self, index: LsfIndex) -> Spectrum {
        let mut vector = codebook_vector(index);
        spread(&mut vector, GAP_FIRST);
        spread(&mut vector, GAP_SECOND);
        let mut lsf = self.predict(index.predictor, &vector);
        self.push(vector);
        stabilise(&mut lsf);
        lsf
    }

    /// Equation (20): the prediction and what the codebook adds to it.
    fn predict(&self, predictor: usize, vector: &Spectrum) -> Spectrum {
        core::array::from_fn(|i| {
            let own = mul32(vector[i], LSF_PREDICTOR_REST[predictor][i]);
            let weights = &LSF_PREDICTOR[predictor];
            let sum = self
                .0
                .iter()
                .zip(weights)
                .fold(own, |sum, (past, w)| mac(sum, past[i], w[i]));
            high(sum)
        })
    }

    /// Equation (23): what the codebook would have to add for the predictor to yield `lsf`.
    pub(crate) fn target(&self, predictor: usize, lsf: &Spectrum) -> Spectrum {
        core::array::from_fn(|i| {
            let weights = &LSF_PREDICTOR[predictor];
            let own = deposit_high(lsf[i]);
            let rest = self
                .0
                .iter()
                .zip(weights)
                .fold(own, |sum, (past, w)| msu(sum, past[i], w[i]));
            let scaled = mul32(high(rest), LSF_PREDICTOR_REST_INV[predictor][i]);
            high(shl32(scaled, 3))
        })
    }

    /// Remembers an output of the codebook.
    pub(crate) fn push(&mut self, vector: Spectrum) {
        self.0.copy_within(..3, 1);
        self.0[0] = vector;
    }
}

/// Equation (19): the sum of both stages.
pub(crate) fn codebook_vector(index: LsfIndex) -> Spectrum {
    core::array::from_fn(|i| {
        let second = if i < ORDER / 2 {
            index.lower
        } else {
            index.upper
        };
        LSF_STAGE1[index.first][i].saturating_add(LSF_STAGE2[second][i])
    })
}

/// Moves neighbours that are nearer than `gap` apart, both by the same amount.
pub(crate) fn spread(lsf: &mut [i16], gap: i16) {
    for i in 1..lsf.len() {
        let lacking = lsf[i - 1].saturating_sub(lsf[i]).saturating_add(gap) >> 1;
        if lacking > 0 {
            lsf[i - 1] = lsf[i - 1].saturating_sub(lacking);
            lsf[i] = lsf[i].saturating_add(lacking);
        }
    }
}

/// Orders quantised frequencies and keeps them apart, so that the filter made of them is stable.
fn stabilise(lsf: &mut Spectrum) {
    for i in 1..ORDER {
        if lsf[i] < lsf[i - 1] {
            lsf.swap(i, i - 1);
        }
    }
    lsf[0] = lsf[0].max(LEAST);
    for i in 1..ORDER {
        if i32::from(lsf[i]) - i32::from(lsf[i - 1]) < i32::from(GAP_STABLE) {
            lsf[i] = lsf[i - 1].saturating_add(GAP_STABLE);
        }
    }
    lsf[ORDER - 1] = lsf[ORDER - 1].min(GREATEST);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frequencies_in_disorder_come_out_in_order_and_apart() {
        let mut lsf = [300, 20, 20, 5000, 4000, 9000, 9100, 20000, 25600, 26000];
        stabilise(&mut lsf);
        assert_eq!(
            lsf,
            [40, 361, 682, 4000, 5000, 9000, 9321, 20000, 25600, 25681]
        );
    }

    #[test]
    fn neighbours_move_apart_by_the_same_amount() {
        let mut lsf = [100, 96, 200];
        spread(&mut lsf, 10);
        assert_eq!(lsf, [93, 103, 200]);
    }

    #[test]
    fn a_target_is_what_the_codebook_gave() {
        let index = LsfIndex {
            predictor: 1,
            first: 75,
            lower: 9,
            upper: 20,
        };
        let mut memory = LsfMemory::new();
        let before = memory.clone();
        let lsf = memory.reconstruct(index);
        for (target, vector) in before.target(1, &lsf).iter().zip(memory.0[0]) {
            assert!((target - vector).abs() <= 8, "{target} {vector}");
        }
    }
}
