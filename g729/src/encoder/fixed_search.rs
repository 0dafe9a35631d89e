//! The fixed-codebook search (§3.8.1, §A.3.8.1): four pulses, found pair by pair, depth first.

use super::impulse::Backward;
use crate::arith::{energy, high, mac, mul, mul32, norm32, round, shl, shr};
use crate::dims::{Block, SUBFRAME};
use crate::fixed_codebook::Pulses;

/// Tracks, and places on each.
const TRACKS: usize = 5;
const PLACES: usize = 8;

/// What one place or pair of places contributes; places are ordered track by track.
type Matrix = [[i16; SUBFRAME]; SUBFRAME];

/// The row of the [`Matrix`] for a place in the subframe.
const fn row_of(place: usize) -> usize {
    place % TRACKS * PLACES + place / TRACKS
}

/// The place in the subframe that a row stands for.
const fn place_of(row: usize) -> usize {
    row % PLACES * TRACKS + row / PLACES
}

/// The pulses that come nearest to the target, and their sum through the impulse response.
pub(crate) fn search(backward: &Backward, response: &Block) -> (Pulses, Block) {
    let matrix = correlations(response, &backward.map(|d| d >= 0));
    let strengths = core::array::from_fn(|row| backward[place_of(row)].saturating_abs());
    let found = Search { strengths, matrix }.best();
    let pulses = Pulses {
        places: found,
        positive: found.map(|place| backward[place] >= 0),
    };
    (pulses, filtered(pulses, response))
}

/// Equation (53): `Σ h[n - i]·h[n - j]` for all places, those of unlike signs negated (§3.8.1,
/// equation (57)).
pub(crate) fn correlations(response: &Block, positive: &[bool; SUBFRAME]) -> Matrix {
    let h = scaled(response);
    let mut matrix = [[0; SUBFRAME]; SUBFRAME];
    for distance in 0..SUBFRAME {
        let mut sum = 0_i32;
        for n in 0..SUBFRAME - distance {
            sum = mac(sum, h[n], h[n + distance]);
            let (later, earlier) = (SUBFRAME - 1 - n, SUBFRAME - 1 - n - distance);
            let value = if distance == 0 {
                high(sum)
            } else if positive[later] == positive[earlier] {
                mul(high(sum), i16::MAX)
            } else {
                mul(high(sum), i16::MIN)
            };
            let (a, b) = (row_of(later), row_of(earlier));
            matrix[a][b] = value;
            matrix[b][a] = value;
        }
    }
    matrix
}

/// The response scaled so that its energy fits well.
fn scaled(response: &Block) -> Block {
    let energy = energy(0, response).0;
    if high(energy) > 32000 {
        response.map(|h| shr(h, 1))
    } else {
        let shift = norm32(energy) / 2;
        response.map(|h| shl(h, shift))
    }
}

/// Signed pulses through the response: shifted copies of it.
fn filtered(pulses: Pulses, response: &Block) -> Block {
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
