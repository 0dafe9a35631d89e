//! From stretches of each stream to rows of all streams, and back.

use core::arch::x86_64::*;

use super::vector::{LANES, Row};

/// Samples that are moved at once.
const TILE: usize = LANES;

/// Fills rows with what `stream` yields for each lane: as many samples as there are rows, and at
/// least 16.
#[inline(always)]
pub(crate) fn gather<'a>(rows: &mut [Row], stream: impl Fn(usize) -> &'a [i16]) {
    let len = rows.len();
    for from in (0..len).step_by(TILE) {
        // The last tile begins early enough to be whole.
        let from = from.min(len - TILE);
        let mut tile = [Row::ZERO; TILE];
        for (lane, row) in tile.iter_mut().enumerate() {
            row.0.copy_from_slice(&stream(lane)[from..from + TILE]);
        }
        rows[from..from + TILE].copy_from_slice(&transpose(&tile));
    }
}

/// Gives each lane its samples of all rows, of which there are at least 16.
#[inline(always)]
pub(crate) fn scatter(rows: &[Row], mut stream: impl FnMut(usize, usize, &[i16; TILE])) {
    let len = rows.len();
    for from in (0..len).step_by(TILE) {
        let from = from.min(len - TILE);
        let tile: &[Row; TILE] = rows[from..from + TILE].try_into().expect("a tile");
        for (lane, row) in transpose(tile).iter().enumerate() {
            stream(lane, from, &row.0);
        }
    }
}

/// Swaps rows and columns. For use where AVX2 is enabled, as it is in all lanes.
#[inline(always)]
fn transpose(tile: &[Row; TILE]) -> [Row; TILE] {
    let mut out = [Row::ZERO; TILE];
    // SAFETY: the code in lanes is entered with AVX2 enabled at least. Rows are 32 bytes, aligned
    // to as many.
    unsafe {
        let mut rows = [_mm256_setzero_si256(); TILE];
        for (row, from) in rows.iter_mut().zip(tile) {
            *row = _mm256_load_si256(from.0.as_ptr().cast());
        }
        let (low, high) = rows.split_at(TILE / 2);
        let (low, high) = (halves(low), halves(high));
        for n in 0..TILE / 2 {
            let (first, last) = (
                &mut out[n].0,
                _mm256_permute2x128_si256::<0x20>(low[n], high[n]),
            );
            _mm256_store_si256(first.as_mut_ptr().cast(), last);
            let (first, last) = (
                &mut out[n + TILE / 2].0,
                _mm256_permute2x128_si256::<0x31>(low[n], high[n]),
            );
            _mm256_store_si256(first.as_mut_ptr().cast(), last);
        }
    }
    out
}

/// Swaps rows and columns of eight by eight numbers in each half of the registers.
///
/// # Safety
///
/// AVX2 is enabled.
#[inline(always)]
unsafe fn halves(r: &[__m256i]) -> [__m256i; 8] {
    // SAFETY: the caller sees to it.
    unsafe {
        let mut a = [r[0]; 8];
        let mut b = a;
        for n in 0..4 {
            a[2 * n] = _mm256_unpacklo_epi16(r[2 * n], r[2 * n + 1]);
            a[2 * n + 1] = _mm256_unpackhi_epi16(r[2 * n], r[2 * n + 1]);
        }
        for n in 0..4 {
            // Rows 0 and 2, 1 and 3 of each four.
            let (x, y) = (a[n / 2 * 4 + n % 2], a[n / 2 * 4 + n % 2 + 2]);
            b[2 * n] = _mm256_unpacklo_epi32(x, y);
            b[2 * n + 1] = _mm256_unpackhi_epi32(x, y);
        }
        for n in 0..4 {
            a[2 * n] = _mm256_unpacklo_epi64(b[n], b[n + 4]);
            a[2 * n + 1] = _mm256_unpackhi_epi64(b[n], b[n + 4]);
        }
        a
    }
}

#[cfg(test)]
mod tests {
    use super::super::Path;
    use super::*;

    #[test]
    fn rows_and_streams_are_each_others_columns() {
        if !Path::Avx2.is_available() {
            return;
        }
        const LEN: usize = 41;
        let streams: [[i16; LEN]; LANES] =
            core::array::from_fn(|lane| core::array::from_fn(|n| (1000 * lane + n) as i16));
        let mut rows = [Row::ZERO; LEN];
        gather(&mut rows, |lane| &streams[lane]);
        for (n, row) in rows.iter().enumerate() {
            assert_eq!(row.0, core::array::from_fn(|lane| streams[lane][n]));
        }
        let mut back = [[0; LEN]; LANES];
        scatter(&rows, |lane, from, samples| {
            back[lane][from..][..16].copy_from_slice(samples)
        });
        assert_eq!(back, streams);
    }
}
