//! Windowing, autocorrelation and lag window (§3.2.1).

use crate::arith::{Split, energy, mul_round, norm32, plain_dot, shl32};
use crate::dims::TAPS;
use crate::tables::{LAG_WINDOW_HI, LAG_WINDOW_LO, LP_WINDOW};

/// Samples that one analysis looks at: 120 of the past, the frame, and 40 of the next.
pub(crate) const WINDOW: usize = 240;

/// Autocorrelations for lags 0 to 10, normalised so that the first uses all of 32 bits.
pub(crate) type Correlations = [Split; TAPS];

/// Equations (4) to (5).
pub(crate) fn autocorrelate(speech: &[i16; WINDOW]) -> Correlations {
    let mut windowed: [i16; WINDOW] = core::array::from_fn(|n| mul_round(speech[n], LP_WINDOW[n]));
    // One keeps silence from an energy of zero.
    let energy = loop {
        match energy(1, &windowed) {
            (sum, false) => break sum,
            (_, true) => windowed = windowed.map(|x| x >> 2),
        }
    };
    let shift = norm32(energy);
    core::array::from_fn(|lag| {
        // No partial sum exceeds the energy, by Cauchy and Schwarz.
        let sum = match lag {
            0 => energy,
            _ => 2 * plain_dot(&windowed[..WINDOW - lag], &windowed[lag..]),
        };
        Split::new(shl32(sum, shift))
    })
}

/// Equations (6) to (7): widens the peaks of the spectrum by 60 Hz and adds white noise 40 dB down.
pub(crate) fn lag_window(correlations: &mut Correlations) {
    let windows = LAG_WINDOW_HI.iter().zip(LAG_WINDOW_LO);
    for (r, (&hi, lo)) in correlations[1..].iter_mut().zip(windows) {
        *r = Split::new(r.mul(Split { hi, lo }));
    }
}
