//! The fixed-codebook search (§3.8.1, §A.3.8.1): four pulses, found pair by pair, depth first.

use super::impulse::Backward;
use super::pulse_energies::{Matrix, PLACES, apply_signs, energies, place_of};
use crate::arith::{mul, mul32, round};
use crate::dims::{Block, SUBFRAME};
use crate::fixed_codebook::Pulses;

/// The pulses that come nearest to the target, and their sum through the impulse response.
pub(crate) fn search(backward: &Backward, response: &Block) -> (Pulses, Block) {
    let mut matrix = energies(response);
    apply_signs(&mut matrix, backward);
    let strengths = core::array::from_fn(|row| backward[place_of(row)].saturating_abs());
    let found = Search { strengths, matrix }.best();
    let pulses = Pulses {
        places: found,
        positive: found.map(|place| backward[place] >= 0),
    };
    (pulses, filtered(pulses, response))
}

/// Signed pulses through the response: shifted copies of it.
pub(crate) fn filtered(pulses: Pulses, response: &Block) -> Block {
    let mut out = [0_i16; SUBFRAME];
    for (place, positive) in pulses.places.into_iter().zip(pulses.positive) {
        for (out, &h) in out[place..].iter_mut().zip(response) {
            *out = if positive {
                out.saturating_add(h)
            } else {
                out.saturating_sub(h)
            };
        }
    }
    out
}

/// A choice of two pulses and how good it is: the ratio of `square` to `energy`.
#[derive(Clone, Copy)]
struct Pair {
    rows: [usize; 2],
    sum: i16,
    square: i16,
    energy: i16,
}

impl Pair {
    /// Worse than any other.
    const WORST: Self = Self {
        rows: [0, 0],
        sum: 0,
        square: -1,
        energy: 1,
    };

    /// Whether the ratio is greater than that of `other`, compared crosswise.
    fn beats(&self, other: &Self) -> bool {
        i32::from(other.energy) * i32::from(self.square)
            > i32::from(other.square) * i32::from(self.energy)
    }
}

struct Search {
    /// How much each pulse has in common with the target, by row of the matrix.
    strengths: [i16; SUBFRAME],
    matrix: Matrix,
}

impl Search {
    /// The places of the best pulses 0 to 3. With the last pulse on track 3 and on track 4, the
    /// search begins once at track 2 and once at the last pulse's.
    fn best(&self) -> [usize; 4] {
        let mut best = (Pair::WORST, [0; 4]);
        for last in [3, 4] {
            let pair = self.first_pair(2, last);
            let rest = self.second_pair(pair, 0, 1);
            if rest.beats(&best.0) {
                best = (
                    rest,
                    [rest.rows[0], rest.rows[1], pair.rows[0], pair.rows[1]],
                );
            }
            let pair = self.first_pair(last, 0);
            let rest = self.second_pair(pair, 1, 2);
            if rest.beats(&best.0) {
                best = (
                    rest,
                    [pair.rows[1], rest.rows[0], rest.rows[1], pair.rows[0]],
                );
            }
        }
        best.1.map(place_of)
    }

    /// The best pair with one of the two strongest places of `strong` and any of `other`.
    fn first_pair(&self, strong: usize, other: usize) -> Pair {
        let mut best = Pair::WORST;
        for a in self.strongest(strong) {
            let row = &self.matrix[a];
            for b in rows_of(other) {
                let sum = self.strengths[a].saturating_add(self.strengths[b]);
                let energy = mul32(row[a], QUARTER)
                    + mul32(self.matrix[b][b], QUARTER)
                    + mul32(row[b], HALF);
                consider(&mut best, [a, b], sum, energy);
            }
        }
        best
    }

    /// The two strongest places of a track, the earlier one if two are alike.
    fn strongest(&self, track: usize) -> [usize; 2] {
        let strongest = |not: Option<usize>| {
            rows_of(track)
                .filter(|row| Some(*row) != not)
                .reduce(|best, row| {
                    if self.strengths[row] > self.strengths[best] {
                        row
                    } else {
                        best
                    }
                })
                .expect("a track has eight places")
        };
        let first = strongest(None);
        [first, strongest(Some(first))]
    }

    /// The best pair on `outer` and `inner` in the company of a first pair.
    fn second_pair(&self, first: Pair, outer: usize, inner: usize) -> Pair {
        let [row_a, row_b] = first.rows.map(|row| &self.matrix[row]);
        // What each inner pulse adds alone, for all outer ones.
        let alone: [i16; PLACES] = core::array::from_fn(|k| {
            let d = inner * PLACES + k;
            round(
                mul32(row_a[d], QUARTER)
                    + mul32(row_b[d], QUARTER)
                    + mul32(self.matrix[d][d], EIGHTH),
            )
        });
        let start = mul32(first.energy, QUARTER);
        let mut best = Pair::WORST;
        for c in rows_of(outer) {
            let row = &self.matrix[c];
            let sum = first.sum.saturating_add(self.strengths[c]);
            let energy = start
                + mul32(row_a[c], EIGHTH)
                + mul32(row_b[c], EIGHTH)
                + mul32(row[c], SIXTEENTH);
            for (k, d) in rows_of(inner).enumerate() {
                let energy = energy + mul32(row[d], EIGHTH) + mul32(alone[k], HALF);
                consider(
                    &mut best,
                    [c, d],
                    sum.saturating_add(self.strengths[d]),
                    energy,
                );
            }
        }
        best
    }
}

const HALF: i16 = 1 << 14;
const QUARTER: i16 = 1 << 13;
const EIGHTH: i16 = 1 << 12;
const SIXTEENTH: i16 = 1 << 11;

fn consider(best: &mut Pair, rows: [usize; 2], sum: i16, energy: i32) {
    let pair = Pair {
        rows,
        sum,
        square: mul(sum, sum),
        energy: round(energy),
    };
    if pair.beats(best) {
        *best = pair;
    }
}

fn rows_of(track: usize) -> core::ops::Range<usize> {
    track * PLACES..(track + 1) * PLACES
}
