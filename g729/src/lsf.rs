//! Line spectral pairs as cosines (LSP, Q15) and as frequencies (LSF, Q13 radians), §3.2.3 and
//! §3.2.4: linear interpolation in a table of 64 cosines.

use crate::arith::{mul, mul32};
use crate::dims::Spectrum;
use crate::tables::{ARCCOSINE_SLOPE, COSINE, COSINE_SLOPE};

/// 2π in Q12: from the place in the table to radians.
const INDEX_TO_LSF: i16 = 25736;
/// 1/2π in Q17: from radians to the place in the table.
const LSF_TO_INDEX: i16 = 20861;

/// The frequencies of LSPs in falling order.
pub(crate) fn from_lsp(lsp: &Spectrum) -> Spectrum {
    let mut lsf = [0; 10];
    let mut index = COSINE.len() - 1;
    // The last LSP is the least: the table is walked once, from its end.
    for (lsf, &lsp) in lsf.iter_mut().zip(lsp).rev() {
        while index > 0 && COSINE[index] < lsp {
            index -= 1;
        }
        let beyond = lsp.saturating_sub(COSINE[index]);
        let place = (mul32(beyond, ARCCOSINE_SLOPE[index]) >> 12) as i16;
        *lsf = mul((index as i16 * 512).saturating_add(place), INDEX_TO_LSF);
    }
    lsf
}

/// The cosines of frequencies.
pub(crate) fn to_lsp(lsf: &Spectrum) -> Spectrum {
    lsf.map(|lsf| {
        let place = mul(lsf, LSF_TO_INDEX);
        let index = (place >> 8).clamp(0, 63) as usize;
        let beyond = place & 0xff;
        COSINE[index].saturating_add((mul32(COSINE_SLOPE[index], beyond) >> 13) as i16)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::{LSF_RESET, LSP_RESET};

    #[test]
    fn frequencies_come_back() {
        for (back, lsf) in from_lsp(&to_lsp(&LSF_RESET)).iter().zip(LSF_RESET) {
            assert!((back - lsf).abs() <= 4, "{back} {lsf}");
        }
    }

    #[test]
    fn frequencies_rise_where_cosines_fall() {
        assert!(from_lsp(&LSP_RESET).is_sorted());
    }
}
