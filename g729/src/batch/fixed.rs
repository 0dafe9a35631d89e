//! The fixed-codebook search in lanes: as in `encoder::{pulse_energies, fixed_search}`.

use super::vector::{Doubt, LANES, Row, Vector};
use crate::dims::SUBFRAME;

const TRACKS: usize = 5;
const PLACES: usize = 8;

/// Energies by pair of places: 8 by 8 for each pair of tracks that the search looks at.
const PAIRS: usize = 9;
/// Where products go that nobody looks at.
const NOWHERE: usize = PAIRS * PLACES * PLACES;

/// The pairs of tracks, lower one first.
const BLOCKS: [(usize, usize); PAIRS] = [
    (0, 1),
    (0, 2),
    (0, 3),
    (0, 4),
    (1, 2),
    (1, 3),
    (1, 4),
    (2, 3),
    (2, 4),
];

/// Which block holds a pair of tracks.
const fn block(low: usize, high: usize) -> usize {
    let mut n = 0;
    while n < PAIRS {
        if BLOCKS[n].0 == low && BLOCKS[n].1 == high {
            return n;
        }
        n += 1;
    }
    PAIRS
}

/// Where the energy of two places goes, by their distance and how far the later is from the end.
static TARGETS: [[u16; SUBFRAME]; SUBFRAME] = targets();

const fn targets() -> [[u16; SUBFRAME]; SUBFRAME] {
    let mut targets = [[NOWHERE as u16; SUBFRAME]; SUBFRAME];
    let mut distance = 1;
    while distance < SUBFRAME {
        let mut n = 0;
        while n < SUBFRAME - distance {
            let (later, earlier) = (SUBFRAME - 1 - n, SUBFRAME - 1 - n - distance);
            let (a, b) = if later % TRACKS < earlier % TRACKS {
                (later, earlier)
            } else {
                (earlier, later)
            };
            let block = block(a % TRACKS, b % TRACKS);
            if block < PAIRS {
                targets[distance][n] = (block * 64 + a / TRACKS * PLACES + b / TRACKS) as u16;
            }
            n += 1;
        }
        distance += 1;
    }
    targets
}

/// What the search weighs choices by.
pub(crate) struct Search<V> {
    /// Of each place: how much it has in common with the target.
    strengths: [V; SUBFRAME],
    alone: [Row; SUBFRAME],
    pairs: [Row; NOWHERE + 1],
}

/// Places and signs of four pulses, stream by stream.
pub(crate) struct Found {
    pub(crate) places: [Row; 4],
}

impl<V: Vector> Search<V> {
    /// The energies of a response, signed as a target filtered backwards asks for.
    #[inline(always)]
    pub(crate) fn new(
        target: &[V; SUBFRAME],
        response: &[Row; SUBFRAME],
        doubt: &mut Doubt<V>,
    ) -> Self {
        let h = scaled(response, doubt);
        let zero = V::zero();
        let mut search = Self {
            strengths: [zero; SUBFRAME],
            alone: [Row::ZERO; SUBFRAME],
            pairs: [Row::ZERO; NOWHERE + 1],
        };
        let mut signs = [zero; SUBFRAME];
        for n in 0..SUBFRAME {
            search.strengths[n] = target[n].magnitude();
            signs[n] = target[n].shift_right::<31>();
        }
        let mut low = [zero; SUBFRAME];
        let mut sum = zero;
        for n in 0..SUBFRAME {
            low[n] = h[n].low();
            sum = sum + low[n].multiply_pairs(h[n]);
            sum.shift_right::<15>()
                .store(&mut search.alone[SUBFRAME - 1 - n]);
        }
        for distance in 1..SUBFRAME {
            let mut sum = zero;
            for n in 0..SUBFRAME - distance {
                sum = sum + low[n].multiply_pairs(h[n + distance]);
                let target = usize::from(TARGETS[distance][n]);
                if target == NOWHERE {
                    continue;
                }
                let later = SUBFRAME - 1 - n;
                let unlike = signs[later] ^ signs[later - distance];
                // The least number has no opposite: see `pulse_energies::apply_signs`.
                let x = sum.shift_right::<15>().max(V::splat(-0x7fff));
                // One is cut off what is positive and stays so.
                let kept = x.greater(unlike & V::splat(0x7fff));
                let signed = (x ^ unlike) - unlike;
                let value = signed - V::select(kept, V::splat(1), zero);
                value.store(&mut search.pairs[target]);
            }
        }
        search
    }

    /// The places of the best pulses.
    #[inline(always)]
    pub(crate) fn best(&self) -> Found {
        let mut best = Pair::worst();
        let mut places = [V::zero(); 4];
        for last in [3, 4] {
            let first = self.first_pair(2, last);
            let rest = self.second_pair(&first, (2, last), 0, 1);
            let found = [
                place(rest.a, 0),
                place(rest.b, 1),
                place(first.a, 2),
                place(first.b, last),
            ];
            take(&mut best, &mut places, rest, found);

            let first = self.first_pair(last, 0);
            let rest = self.second_pair(&first, (last, 0), 1, 2);
            let found = [
                place(first.b, 0),
                place(rest.a, 1),
                place(rest.b, 2),
                place(first.a, last),
            ];
            take(&mut best, &mut places, rest, found);
        }
        let mut rows = [Row::ZERO; 4];
        for (row, place) in rows.iter_mut().zip(places) {
            place.store(row);
        }
        Found { places: rows }
    }

    #[inline(always)]
    fn strength(&self, track: usize, number: usize) -> V {
        self.strengths[track + TRACKS * number]
    }

    #[inline(always)]
    fn alone(&self, track: usize, number: usize) -> V {
        V::load(&self.alone[track + TRACKS * number])
    }

    /// The energy of number `a` on one track and `b` on another.
    #[inline(always)]
    fn pair(&self, (track_a, a): (usize, usize), (track_b, b): (usize, usize)) -> V {
        let at = if track_a < track_b {
            block(track_a, track_b) * 64 + a * PLACES + b
        } else {
            block(track_b, track_a) * 64 + b * PLACES + a
        };
        V::load(&self.pairs[at])
    }

    /// The energies of one place, for each stream its own, with all places of another track.
    #[inline(always)]
    fn row(&self, track: usize, chosen: &[V::Mask; PLACES], other: usize) -> [V; PLACES] {
        let mut row = [V::zero(); PLACES];
        for (b, out) in row.iter_mut().enumerate() {
            *out = self.pair((track, 0), (other, b));
        }
        for (a, &mask) in chosen.iter().enumerate().skip(1) {
            for (b, out) in row.iter_mut().enumerate() {
                *out = V::select(mask, self.pair((track, a), (other, b)), *out);
            }
        }
        row
    }

    /// As in `fixed_search`: one of the two strongest of a track and any of another.
    #[inline(always)]
    fn first_pair(&self, strong: usize, other: usize) -> Pair<V> {
        let mut best = Pair::worst();
        let first = self.strongest(strong, None);
        let second = self.strongest(strong, Some(first));
        for a in [first, second] {
            let chosen = masks(a);
            let row = self.row(strong, &chosen, other);
            let (mut own, mut sum) = (self.alone(strong, 0), self.strength(strong, 0));
            for n in 1..PLACES {
                own = V::select(chosen[n], self.alone(strong, n), own);
                sum = V::select(chosen[n], self.strength(strong, n), sum);
            }
            let own = own.shift_left::<14>() + V::splat(0x8000);
            for (b, row) in row.into_iter().enumerate() {
                let energy = own + self.alone(other, b).shift_left::<14>() + row.shift_left::<15>();
                let sum = sum + self.strength(other, b);
                best.consider(a, V::splat(b as i32), sum, energy);
            }
        }
        best
    }

    /// The first of the strongest places of a track, one left out.
    #[inline(always)]
    fn strongest(&self, track: usize, not: Option<V>) -> V {
        let (mut best, mut most) = (V::zero(), V::splat(-1));
        for n in 0..PLACES {
            let number = V::splat(n as i32);
            let mut strength = self.strength(track, n);
            if let Some(not) = not {
                strength = V::select(not.equal(number), V::splat(-1), strength);
            }
            let better = strength.greater(most);
            best = V::select(better, number, best);
            most = most.max(strength);
        }
        best
    }

    /// The best pair on `outer` and `inner` in the company of a first pair on `tracks`.
    #[inline(always)]
    fn second_pair(
        &self,
        first: &Pair<V>,
        tracks: (usize, usize),
        outer: usize,
        inner: usize,
    ) -> Pair<V> {
        let (chosen_a, chosen_b) = (masks(first.a), masks(first.b));
        let row_a = self.row(tracks.0, &chosen_a, inner);
        let row_b = self.row(tracks.1, &chosen_b, inner);
        let mut alone = [V::zero(); PLACES];
        for d in 0..PLACES {
            let sum = (row_a[d] + row_b[d]).shift_left::<14>()
                + self.alone(inner, d).shift_left::<13>()
                + V::splat(0x8000);
            alone[d] = sum.shift_right::<16>().shift_left::<15>();
        }
        let row_a = self.row(tracks.0, &chosen_a, outer);
        let row_b = self.row(tracks.1, &chosen_b, outer);
        let start = first.energy.shift_left::<14>() + V::splat(0x8000);
        // Two chains, so that one need not wait for the other: the later wins if it is better.
        let mut best = [Pair::worst(), Pair::worst()];
        for half in 0..PLACES / 2 {
            for chain in 0..2 {
                let c = half + chain * PLACES / 2;
                let sum = first.sum + self.strength(outer, c);
                let energy = start
                    + (row_a[c] + row_b[c]).shift_left::<13>()
                    + self.alone(outer, c).shift_left::<12>();
                for d in 0..PLACES {
                    let pair = self.pair((outer, c), (inner, d)).shift_left::<13>();
                    best[chain].consider(
                        V::splat(c as i32),
                        V::splat(d as i32),
                        sum + self.strength(inner, d),
                        energy + pair + alone[d],
                    );
                }
            }
        }
        let [earlier, later] = best;
        let better = later.beats(&earlier);
        Pair::select(better, later, earlier)
    }
}

/// The response scaled so that its energy fits well.
#[inline(always)]
fn scaled<V: Vector>(response: &[Row; SUBFRAME], doubt: &mut Doubt<V>) -> [V; SUBFRAME] {
    let limit = V::splat(1 << 30);
    let mut energy = V::zero();
    for row in response {
        let h = V::load(row);
        energy = (energy + h.times(h)).min_unsigned(limit);
    }
    let loud = energy.greater(V::splat((32_001 << 15) - 1));
    let shift = (energy.norm() - V::splat(1))
        .max(V::zero())
        .shift_right::<1>();
    let mut h = [V::zero(); SUBFRAME];
    let mut again = V::zero();
    for (h, row) in h.iter_mut().zip(response) {
        let x = V::load(row);
        *h = V::select(loud, x.shift_right::<1>(), x.shift_left_by(shift));
        again = (again + h.times(*h)).min_unsigned(limit);
    }
    doubt.note_reached(again, 1 << 30);
    h
}

/// The place in the subframe of a number on a track.
#[inline(always)]
fn place<V: Vector>(number: V, track: usize) -> V {
    number.shift_left::<2>() + number + V::splat(track as i32)
}

/// For each number on a track, the streams that chose it.
#[inline(always)]
fn masks<V: Vector>(chosen: V) -> [V::Mask; PLACES] {
    let mut masks = [V::mask(0); PLACES];
    for (n, mask) in masks.iter_mut().enumerate() {
        *mask = chosen.equal(V::splat(n as i32));
    }
    masks
}

/// A choice of two pulses, see `fixed_search::Pair`.
#[derive(Clone, Copy)]
struct Pair<V> {
    a: V,
    b: V,
    sum: V,
    square: V,
    energy: V,
}

impl<V: Vector> Pair<V> {
    #[inline(always)]
    fn worst() -> Self {
        let zero = V::zero();
        Self {
            a: zero,
            b: zero,
            sum: zero,
            square: V::splat(-1),
            energy: V::splat(1),
        }
    }

    #[inline(always)]
    fn beats(&self, other: &Self) -> V::Mask {
        other
            .energy
            .times(self.square)
            .greater(other.square.times(self.energy))
    }

    #[inline(always)]
    fn select(mask: V::Mask, yes: Self, no: Self) -> Self {
        Self {
            a: V::select(mask, yes.a, no.a),
            b: V::select(mask, yes.b, no.b),
            sum: V::select(mask, yes.sum, no.sum),
            square: V::select(mask, yes.square, no.square),
            energy: V::select(mask, yes.energy, no.energy),
        }
    }

    /// Takes another choice if it is better. The energy's rounding is added already.
    #[inline(always)]
    fn consider(&mut self, a: V, b: V, sum: V, energy: V) {
        let sum = sum.min(V::splat(0x7fff));
        let square = sum.times(sum).shift_right::<15>();
        let other = Self {
            a,
            b,
            sum,
            square,
            energy: energy.shift_right::<16>(),
        };
        *self = Self::select(other.beats(self), other, *self);
    }
}

#[inline(always)]
fn take<V: Vector>(best: &mut Pair<V>, places: &mut [V; 4], other: Pair<V>, found: [V; 4]) {
    let better = other.beats(best);
    *best = Pair::select(better, other, *best);
    for (place, found) in places.iter_mut().zip(found) {
        *place = V::select(better, found, *place);
    }
}

impl Found {
    pub(crate) fn of(&self, lane: usize) -> [usize; 4] {
        debug_assert!(lane < LANES);
        self.places.map(|row| row.0[lane] as usize)
    }
}
