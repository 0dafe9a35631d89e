//! LSPs and LP filters in lanes: as in `encoder::{roots, lsf_search}`, [`crate::lsf_codebook`] and
//! [`crate::lsp_interpolation`].

use super::filters::Filter;
use super::vector::{Doubt, Halves, LANES, Row, Vector};
use crate::dims::{ONE_Q12, ORDER, TAPS};
use crate::tables::ROOT_GRID;

const HALF: usize = ORDER / 2;
const POINTS: usize = ROOT_GRID.len();

/// A polynomial in Q11: coefficients 1 to 5.
type Series<V> = [V; HALF];

/// The LSPs of filters; in doubt where not all roots show or a coefficient leaves Q11.
#[inline(always)]
pub(crate) fn roots<V: Vector>(a: &Filter<V>, lsp: &mut [Row; ORDER], doubt: &mut Doubt<V>) {
    let series = polynomials(a, doubt);
    let mut values = [[Row::ZERO; POINTS]; 2];
    let changes = changes(&series, &mut values);

    let mut walk = Walk {
        next: [0; LANES],
        low: Row::ZERO,
        y_low: Row::ZERO,
    };
    walk.low = Row([ROOT_GRID[0]; LANES]);
    walk.y_low = values[0][0];
    let mut missing = 0_u16;
    for found in 0..ORDER {
        let own = found % 2;
        let (mut low, mut y_low) = (Row::ZERO, Row::ZERO);
        let (mut high, mut y_high) = (walk.low, walk.y_low);
        for lane in 0..LANES {
            // The first interval begins at the last root, the others at points of the grid.
            let point = walk.next[lane] + 1;
            let mut at = point;
            if at < POINTS {
                let product = i32::from(values[own][at].0[lane]) * i32::from(y_high.0[lane]);
                if product > 0 {
                    let later = changes[own][lane] & (u64::MAX << (at + 1));
                    at = later.trailing_zeros() as usize;
                    if at < POINTS {
                        high.0[lane] = ROOT_GRID[at - 1];
                        y_high.0[lane] = values[own][at - 1].0[lane];
                    }
                }
            }
            if at >= POINTS {
                missing |= 1 << lane;
                at = POINTS - 1;
            }
            low.0[lane] = ROOT_GRID[at];
            y_low.0[lane] = values[own][at].0[lane];
            walk.next[lane] = at;
        }
        let root = refine(
            &series[own],
            [V::load(&low), V::load(&y_low)],
            [V::load(&high), V::load(&y_high)],
            doubt,
        );
        root.store(&mut lsp[found]);
        root.store(&mut walk.low);
        evaluate(&series[1 - own], root).store(&mut walk.y_low);
    }
    doubt.note(V::mask(missing));
}

/// Where each stream's search has come to.
struct Walk {
    /// The point of the grid below.
    next: [usize; LANES],
    low: Row,
    y_low: Row,
}

/// Equation (15).
#[inline(always)]
fn polynomials<V: Vector>(a: &Filter<V>, doubt: &mut Doubt<V>) -> [Series<V>; 2] {
    let mut series = [[V::zero(); HALF]; 2];
    let (mut f1, mut f2) = (V::splat(1 << 11), V::splat(1 << 11));
    for i in 0..HALF {
        let (first, last) = (a[i + 1], a[ORDER - i]);
        f1 = (first + last).shift_right::<1>() - f1;
        f2 = (first - last).shift_right::<1>() + f2;
        doubt.note_reached(f1.magnitude().max(f2.magnitude()), 0x8000);
        series[0][i] = f1;
        series[1][i] = f2;
    }
    for f in &series {
        // The recursion's numbers stay below 128 if this one does (they are in Q24, these in Q11).
        let f = [
            f[0].magnitude(),
            f[1].magnitude(),
            f[2].magnitude(),
            f[3].magnitude(),
        ];
        let twice = f[0] + f[0] + f[0] + f[1] + f[1] + f[2] + V::splat(4 << 11);
        let bound = twice + twice + f[0] + f[0] + f[1] + f[3] + V::splat(4 << 11);
        doubt.note_reached(bound, 127 << 11);
    }
    series
}

/// Both series at all points, and for each stream in which intervals they change sign: bit n stands
/// for the one from point n − 1 to n.
#[inline(always)]
fn changes<V: Vector>(
    series: &[Series<V>; 2],
    values: &mut [[Row; POINTS]; 2],
) -> [[u64; LANES]; 2] {
    let mut changes = [[0; LANES]; 2];
    for own in 0..2 {
        let mut before = evaluate(&series[own], V::splat(ROOT_GRID[0].into()));
        before.store(&mut values[own][0]);
        let mut words = [V::zero(); 2];
        for point in 1..POINTS {
            let y = evaluate(&series[own], V::splat(ROOT_GRID[point].into()));
            y.store(&mut values[own][point]);
            let same = y.times(before).greater(V::zero());
            let bit = V::select(same, V::zero(), V::splat(1 << (point % 31)));
            words[point / 31] = words[point / 31] | bit;
            before = y;
        }
        let (mut low, mut high) = (super::vector::Wide::ZERO, super::vector::Wide::ZERO);
        words[0].store_wide(&mut low);
        words[1].store_wide(&mut high);
        for lane in 0..LANES {
            changes[own][lane] = low.0[lane] as u64 | (high.0[lane] as u64) << 31;
        }
    }
    changes
}

/// Equation (17), as in `Series::at` for Q11.
#[inline(always)]
fn evaluate<V: Vector>(f: &Series<V>, x: V) -> V {
    let x = x.low();
    let mut before = V::splat(256 << 16);
    let mut last = x.multiply_pairs(V::splat(1024)) + f[0].shift_left::<13>();
    for f in &f[1..HALF - 1] {
        let sum = product(last, x).shift_left::<1>() - even(before) + f.shift_left::<13>();
        (before, last) = (last, sum);
    }
    let sum = product(last, x) - even(before) + f[HALF - 1].shift_left::<12>();
    // Saturation of the shift by 6 and of its upper half are one.
    sum.shift_right::<10>().clamp16()
}

/// The product with a 16-bit number whose upper half is zero.
#[inline(always)]
fn product<V: Vector>(a: V, b: V) -> V {
    let lo = a.shift_right_logical::<1>() & V::splat(0x7fff);
    let low = b.multiply_pairs(lo).shift_right::<15>();
    (b.multiply_pairs(a.shift_right::<16>()) + low).shift_left::<1>()
}

/// Without the lowest bit, which halves do not keep.
#[inline(always)]
fn even<V: Vector>(x: V) -> V {
    x & V::splat(-2)
}

/// The roots between two points each, as in `Series::refine`.
#[inline(always)]
fn refine<V: Vector>(series: &Series<V>, low: [V; 2], high: [V; 2], doubt: &mut Doubt<V>) -> V {
    let ([mut low, mut y_low], [mut high, mut y_high]) = (low, high);
    for _ in 0..2 {
        let middle = low.shift_right::<1>() + high.shift_right::<1>();
        let y = evaluate(series, middle);
        let same = y_low.times(y).greater(V::zero());
        (low, high) = (V::select(same, middle, low), V::select(same, high, middle));
        (y_low, y_high) = (V::select(same, y, y_low), V::select(same, y_high, y));
    }
    let rise = (y_high - y_low).clamp16();
    let flat = rise.equal(V::zero());
    let magnitude = rise.magnitude().min(V::splat(0x7fff));
    let shift = magnitude.norm() - V::splat(16);
    let divisor = V::select(flat, V::splat(0x7fff), magnitude.shift_left_by(shift));
    let inverse = V::splat(0x3fff).quotient_q15(divisor);
    let product = (high - low).times(inverse).shift_left::<1>();
    let slope = product.shift_right_by(V::splat(20) - shift);
    doubt.note_reached(slope.magnitude(), 0x8000);
    let slope = V::select(V::zero().greater(rise), slope.negate(), slope);
    let step = y_low.times(slope).shift_right::<10>();
    doubt.note_reached(step.magnitude(), 0x8000);
    V::select(flat, low, (low - step).clamp16())
}

/// The filters of both subframes, as in [`crate::lsp_interpolation::interpolate`].
#[inline(always)]
pub(crate) fn interpolate<V: Vector>(
    before: &[Row; ORDER],
    now: &[Row; ORDER],
    doubt: &mut Doubt<V>,
) -> [Filter<V>; 2] {
    let (mut mean, mut own) = ([V::zero(); ORDER], [V::zero(); ORDER]);
    for i in 0..ORDER {
        own[i] = V::load(&now[i]);
        mean[i] = own[i].shift_right::<1>() + V::load(&before[i]).shift_right::<1>();
    }
    [to_lp(&mean, doubt), to_lp(&own, doubt)]
}

#[inline(always)]
fn to_lp<V: Vector>(lsp: &[V; ORDER], doubt: &mut Doubt<V>) -> Filter<V> {
    let mut sum = polynomial(lsp, 0, doubt);
    let mut difference = polynomial(lsp, 1, doubt);
    let mut lp = [V::splat(ONE_Q12.into()); TAPS];
    for i in (1..=HALF).rev() {
        sum[i] = doubt.sum(sum[i], sum[i - 1]);
        difference[i] = doubt.difference(difference[i], difference[i - 1]);
        let (first, last) = (
            doubt.sum(sum[i], difference[i]),
            doubt.difference(sum[i], difference[i]),
        );
        lp[i] = halved(first, doubt);
        lp[TAPS - i] = halved(last, doubt);
    }
    lp
}

/// Half of the number, from Q24 to Q12, rounded.
#[inline(always)]
fn halved<V: Vector>(x: V, doubt: &mut Doubt<V>) -> V {
    let x = (x.shift_right::<12>() + V::splat(1)).shift_right::<1>();
    doubt.note_reached(x.magnitude(), 0x8000);
    x
}

#[inline(always)]
fn polynomial<V: Vector>(lsp: &[V; ORDER], first: usize, doubt: &mut Doubt<V>) -> [V; HALF + 1] {
    let mut f = [V::splat(1 << 24); HALF + 1];
    f[1] = lsp[first].shift_left::<10>().negate();
    for i in 2..=HALF {
        let q = lsp[first + 2 * (i - 1)];
        f[i] = f[i - 2];
        for j in (2..=i).rev() {
            let crossed = doubt.shift_left::<1>(product(f[j - 1], q.low()));
            let sum = doubt.sum(f[j], f[j - 2]);
            f[j] = doubt.difference(sum, crossed);
        }
        f[1] = doubt.difference(f[1], q.shift_left::<10>());
    }
    f
}
