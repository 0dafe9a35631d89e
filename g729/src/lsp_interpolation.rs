//! From LSPs to the LP filters of both subframes (§3.2.5, §3.2.6).

use crate::arith::{Split, msu, mul32, shl32, shr32_round};
use crate::dims::{Lp, ONE_Q12, ORDER, Spectrum};

/// Half of the order: the degree of the symmetric and of the antisymmetric polynomial.
const HALF: usize = ORDER / 2;

/// The filters of both subframes: the first from the mean of both frames' LSPs, the second from
/// those of the present one.
pub(crate) fn interpolate(before: &Spectrum, now: &Spectrum) -> [Lp; 2] {
    let mean = core::array::from_fn(|i| (now[i] >> 1).saturating_add(before[i] >> 1));
    [to_lp(&mean), to_lp(now)]
}

/// Equations (25) and (26): the LP filter of LSPs.
fn to_lp(lsp: &Spectrum) -> Lp {
    let mut sum = polynomial(lsp, 0);
    let mut difference = polynomial(lsp, 1);
    for i in (1..=HALF).rev() {
        sum[i] = sum[i].saturating_add(sum[i - 1]);
        difference[i] = difference[i].saturating_sub(difference[i - 1]);
    }
    let mut lp = [ONE_Q12; ORDER + 1];
    for i in 1..=HALF {
        // Half of the sum, from Q24 to Q12.
        lp[i] = shr32_round(sum[i].saturating_add(difference[i]), 13) as i16;
        lp[ORDER + 1 - i] = shr32_round(sum[i].saturating_sub(difference[i]), 13) as i16;
    }
    lp
}

/// The product of `1 - 2·q·z^-1 + z^-2` over every second LSP q from `first`; half of its
/// coefficients, Q24, as the others mirror them.
fn polynomial(lsp: &Spectrum, first: usize) -> [i32; HALF + 1] {
    let mut f = [0; HALF + 1];
    f[0] = mul32(ONE_Q12, 2048);
    f[1] = msu(0, lsp[first], 512);
    for i in 2..=HALF {
        let q = lsp[first + 2 * (i - 1)];
        f[i] = f[i - 2];
        for j in (2..=i).rev() {
            let crossed = shl32(Split::new(f[j - 1]).mul16(q), 1);
            f[j] = f[j].saturating_add(f[j - 2]).saturating_sub(crossed);
        }
        f[1] = msu(f[1], q, 512);
    }
    f
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lsf;

    #[test]
    fn evenly_spread_lsps_make_the_filter_that_does_nothing() {
        let lsp = lsf::to_lsp(&core::array::from_fn(|i| {
            (2340.0 * (i as f64 + 1.0)) as i16
        }));
        let lp = to_lp(&lsp);
        assert_eq!(lp[0], ONE_Q12);
        assert!(lp[1..].iter().all(|a| a.abs() < 40), "{lp:?}");
    }
}
