//! The energies of pulses through the impulse response, alone and in pairs (§3.8.1, equation (53)):
//! what the fixed-codebook search weighs each choice by.

use super::impulse::Backward;
use crate::arith::{energy, high, mac, norm32, shl, shr};
use crate::dims::{Block, SUBFRAME};

/// Tracks of the fixed codebook, and places on each.
pub(crate) const TRACKS: usize = 5;
pub(crate) const PLACES: usize = 8;

/// `Σ h[n - i]·h[n - j]` for all pairs of places, ordered track by track.
pub(crate) type Matrix = [[i16; SUBFRAME]; SUBFRAME];

/// The row of a [`Matrix`] for a place in the subframe.
pub(crate) const fn row_of(place: usize) -> usize {
    place % TRACKS * PLACES + place / TRACKS
}

/// The place in the subframe that a row stands for.
pub(crate) const fn place_of(row: usize) -> usize {
    row % PLACES * TRACKS + row / PLACES
}

/// The energies of a response, scaled so that they use 16 bits well.
pub(crate) fn energies(response: &Block) -> Matrix {
    let h = scaled(response);
    match energy(0, &h) {
        // By Cauchy and Schwarz no sum exceeds the response's energy.
        (_, false) => plain(&h),
        (_, true) => saturating(&h),
    }
}

fn scaled(response: &Block) -> Block {
    let (energy, _) = energy(0, response);
    if high(energy) > 32000 {
        response.map(|h| shr(h, 1))
    } else {
        let shift = norm32(energy) / 2;
        response.map(|h| shl(h, shift))
    }
}

/// Each sum is the one for both places one later, and one product more: row by row from the last,
/// and the place one later is the same on the next track.
fn plain(h: &Block) -> Matrix {
    let mut matrix = [[0; SUBFRAME]; SUBFRAME];
    let last: [i16; SUBFRAME] = core::array::from_fn(|row| h[SUBFRAME - 1 - place_of(row)]);
    let mut later = [0; SUBFRAME];
    for place in (0..SUBFRAME).rev() {
        let row = &mut matrix[row_of(place)];
        let mut sums = [0; SUBFRAME];
        sums[..SUBFRAME - PLACES].copy_from_slice(&later[PLACES..]);
        sums[SUBFRAME - PLACES..SUBFRAME - 1].copy_from_slice(&later[1..PLACES]);
        let own = h[SUBFRAME - 1 - place];
        for ((sum, &other), out) in sums.iter_mut().zip(&last).zip(row) {
            *sum += i32::from(own) * i32::from(other);
            *out = (*sum >> 15) as i16;
        }
        later = sums;
    }
    matrix
}

fn saturating(h: &Block) -> Matrix {
    let mut matrix = [[0; SUBFRAME]; SUBFRAME];
    for distance in 0..SUBFRAME {
        let mut sum = 0;
        for n in 0..SUBFRAME - distance {
            sum = mac(sum, h[n], h[n + distance]);
            let later = row_of(SUBFRAME - 1 - n);
            let earlier = row_of(SUBFRAME - 1 - n - distance);
            matrix[later][earlier] = high(sum);
            matrix[earlier][later] = high(sum);
        }
    }
    matrix
}

/// Gives each pair the sign that pulses with the signs of `target` would have in it: a product with
/// the greatest fraction below one if they are alike, with minus one if not.
pub(crate) fn apply_signs(matrix: &mut Matrix, target: &Backward) {
    // Zero for a positive pulse, all ones for a negative one.
    let signs: [i16; SUBFRAME] = core::array::from_fn(|row| target[place_of(row)] >> 15);
    for (n, row) in matrix.iter_mut().enumerate() {
        let alone = row[n];
        for (value, sign) in row.iter_mut().zip(signs) {
            let unlike = sign ^ signs[n];
            // The least number has no opposite; its product with either factor is the next one's.
            let x = (*value).max(-i16::MAX);
            let cut_off = i16::from(x > 0) & !unlike;
            *value = (x ^ unlike) - unlike - cut_off;
        }
        row[n] = alone;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::arith::mul;

    proptest! {
        #[test]
        fn plain_sums_are_the_saturating_ones(
            response in prop::collection::vec(-4000..4000_i16, SUBFRAME),
        ) {
            let response = scaled(&response.try_into().unwrap());
            prop_assert_eq!(plain(&response), saturating(&response));
        }

        #[test]
        fn signs_are_products(values in prop::collection::vec(any::<i16>(), SUBFRAME)) {
            let values: Block = values.try_into().unwrap();
            let mut matrix = [values; SUBFRAME];
            matrix[1][2] = i16::MIN;
            let before = matrix;
            apply_signs(&mut matrix, &values);
            for (a, b) in (0..SUBFRAME).flat_map(|a| (0..SUBFRAME).map(move |b| (a, b))) {
                let alike = (values[place_of(a)] < 0) == (values[place_of(b)] < 0);
                let factor = if alike { i16::MAX } else { i16::MIN };
                let expected = if a == b { before[a][b] } else { mul(before[a][b], factor) };
                prop_assert_eq!(matrix[a][b], expected);
            }
        }
    }

    #[test]
    fn every_place_has_its_row() {
        assert!((0..SUBFRAME).all(|place| place_of(row_of(place)) == place));
    }
}
