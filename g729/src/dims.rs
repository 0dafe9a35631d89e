//! The sizes that all stages share.

/// Samples of a frame: 10 ms at 8 kHz.
pub const FRAME_SAMPLES: usize = 80;
/// Bytes of an encoded frame: 80 bits.
pub const FRAME_BYTES: usize = 10;

/// Samples of a subframe: excitation and gains are chosen for each.
pub(crate) const SUBFRAME: usize = 40;
/// The order of linear prediction.
pub(crate) const ORDER: usize = 10;
/// Coefficients of a predictor, the leading one (1, or 4096 in Q12) among them.
pub(crate) const TAPS: usize = ORDER + 1;
/// The shortest pitch lag in samples.
pub(crate) const LAG_MIN: i16 = 20;
/// The longest pitch lag in samples.
pub(crate) const LAG_MAX: i16 = 143;
/// Past excitation that the longest lag and the filter that interpolates reach back to.
pub(crate) const PAST: usize = LAG_MAX as usize + INTERPOLATION_REACH + 1;
/// Samples that the filter that interpolates takes on each side.
pub(crate) const INTERPOLATION_REACH: usize = 10;
/// One, in Q12.
pub(crate) const ONE_Q12: i16 = 4096;

/// One number for each order of prediction: LSPs (Q15) or LSFs (Q13).
pub(crate) type Spectrum = [i16; ORDER];
/// The coefficients of a filter 1 + a1·z^-1 + … in Q12.
pub(crate) type Lp = [i16; TAPS];
/// One subframe of samples.
pub(crate) type Block = [i16; SUBFRAME];
