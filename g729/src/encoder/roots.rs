//! LP to LSP conversion (§3.2.3, §A.3.2.3): roots of two Chebyshev series, found by their changes of
//! sign on a grid.

use crate::arith::{Split, div, high, mac, msu, mul32, norm, shl, shl32};
use crate::dims::{Lp, ORDER, Spectrum};
use crate::tables::ROOT_GRID;

/// Half of the order: each series has as many roots.
const HALF: usize = ORDER / 2;

/// The coefficients of a polynomial F1 or F2 in Q11, or in Q10 if one would not fit.
struct Series {
    f: [i16; HALF + 1],
    q: i16,
}

/// The LSPs of a filter, or `None` if not all ten roots show (the filter is not stable enough).
pub(crate) fn from_lp(a: &Lp) -> Option<Spectrum> {
    let series = exact(a).unwrap_or_else(|| saturating(a));
    let mut lsp = [0; ORDER];
    let mut found = 0;
    let (mut low, mut y_low) = (ROOT_GRID[0], series[0].at(ROOT_GRID[0]));
    for &point in &ROOT_GRID[1..] {
        let (high, y_high) = (low, y_low);
        // Roots of both polynomials alternate.
        let current = &series[found % 2];
        (low, y_low) = (point, current.at(point));
        if i32::from(y_low) * i32::from(y_high) > 0 {
            continue;
        }
        low = current.refine((low, y_low), (high, y_high));
        lsp[found] = low;
        found += 1;
        if found == ORDER {
            return Some(lsp);
        }
        y_low = series[found % 2].at(low);
    }
    None
}

/// Equation (15): both polynomials in Q11; `None` if a coefficient does not fit.
fn exact(a: &Lp) -> Option<[Series; 2]> {
    let (mut f1, mut f2) = ([1 << 11; HALF + 1], [1 << 11; HALF + 1]);
    for i in 0..HALF {
        let (sum, difference) = halves(a, i, 11);
        f1[i + 1] = sum.checked_sub(f1[i])?;
        f2[i + 1] = difference.checked_add(f2[i])?;
    }
    Some([Series { f: f1, q: 11 }, Series { f: f2, q: 11 }])
}

/// The same in Q10, with room for filters that are hardly stable.
fn saturating(a: &Lp) -> [Series; 2] {
    let (mut f1, mut f2) = ([1 << 10; HALF + 1], [1 << 10; HALF + 1]);
    for i in 0..HALF {
        let (sum, difference) = halves(a, i, 10);
        f1[i + 1] = sum.saturating_sub(f1[i]);
        f2[i + 1] = difference.saturating_add(f2[i]);
    }
    [Series { f: f1, q: 10 }, Series { f: f2, q: 10 }]
}

/// Sum and difference of two mirrored coefficients, from Q12 to Qq.
fn halves(a: &Lp, i: usize, q: i16) -> (i16, i16) {
    let factor = 1 << (q + 3);
    let first = mul32(a[i + 1], factor);
    (
        high(mac(first, a[ORDER - i], factor)),
        high(msu(first, a[ORDER - i], factor)),
    )
}

impl Series {
    /// Equation (17): the value at the cosine `x` (Q15), Q14, by Clenshaw's recursion.
    fn at(&self, x: i16) -> i16 {
        let unit = 1 << (self.q - 11 + 8);
        // Two values back and one back, from Q24 (Q23 for a series in Q10).
        let mut before = Split { hi: unit, lo: 0 };
        let mut last = Split::new(mac(mul32(x, unit * 2), self.f[1], 4096));
        for &f in &self.f[2..HALF] {
            let sum = shl32(last.mul16(x), 1);
            let sum = msu(mac(sum, before.hi, i16::MIN), before.lo, 1);
            (before, last) = (last, Split::new(mac(sum, f, 4096)));
        }
        let sum = last.mul16(x);
        let sum = msu(mac(sum, before.hi, i16::MIN), before.lo, 1);
        high(shl32(mac(sum, self.f[HALF], 2048), 17 - self.q))
    }

    /// The root between two points whose values differ in sign: two bisections, then the chord.
    fn refine(&self, mut low: (i16, i16), mut high: (i16, i16)) -> i16 {
        for _ in 0..2 {
            let middle = (low.0 >> 1) + (high.0 >> 1);
            let y = self.at(middle);
            if i32::from(low.1) * i32::from(y) <= 0 {
                high = (middle, y);
            } else {
                low = (middle, y);
            }
        }
        let rise = high.1.saturating_sub(low.1);
        if rise == 0 {
            return low.0;
        }
        let magnitude = rise.saturating_abs();
        let shift = norm(magnitude);
        let inverse = div(0x3fff, shl(magnitude, shift));
        let run = high.0.saturating_sub(low.0);
        let slope = (mul32(run, inverse) >> (20 - shift)) as i16;
        let slope = if rise < 0 {
            slope.saturating_neg()
        } else {
            slope
        };
        low.0.saturating_sub((mul32(low.1, slope) >> 11) as i16)
    }
}
