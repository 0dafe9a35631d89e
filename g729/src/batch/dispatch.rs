//! Which instructions this machine has, and the entry into code that uses them.

use core::arch::x86_64::{__cpuid, __cpuid_count, _xgetbv};

use super::avx512::Avx512;
use super::frame;
use super::state::State;
use super::vector::LANES;
use crate::dims::{FRAME_BYTES, FRAME_SAMPLES};

/// How a batch is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Path {
    /// Lanes of AVX-512 (with the parts BW, CD, DQ and VL).
    Avx512,
    /// One stream after the other.
    Scalar,
}

/// The best path that this machine allows.
pub(crate) fn detect() -> Path {
    // Extended states are enabled (OSXSAVE) and leaf 7 exists.
    if __cpuid(0).eax < 7 || __cpuid(1).ecx >> 27 & 1 == 0 {
        return Path::Scalar;
    }
    // SAFETY: OSXSAVE says that the instruction may be used.
    let enabled = unsafe { xcr0() };
    // SSE, AVX, mask registers, and both upper parts of AVX-512.
    const STATES: u64 = 0b1110_0110;
    // F, DQ, CD, BW and VL.
    const FEATURES: u32 = 1 << 16 | 1 << 17 | 1 << 28 | 1 << 30 | 1 << 31;
    let features = __cpuid_count(7, 0).ebx;
    if enabled & STATES == STATES && features & FEATURES == FEATURES {
        Path::Avx512
    } else {
        Path::Scalar
    }
}

#[target_feature(enable = "xsave")]
fn xcr0() -> u64 {
    // SAFETY: the caller knows that the instruction exists and register 0 always does.
    unsafe { _xgetbv(0) }
}

/// Encodes one frame with AVX-512, as [`frame::encode`].
pub(crate) fn encode_avx512(
    state: &mut State,
    samples: &[&[i16; FRAME_SAMPLES]; LANES],
    frames: &mut [[u8; FRAME_BYTES]; LANES],
) -> u16 {
    debug_assert_eq!(detect(), Path::Avx512);
    // SAFETY: this path is only taken where [`detect`] has found the features.
    unsafe { with_avx512(state, samples, frames) }
}

#[target_feature(enable = "avx512f,avx512bw,avx512cd,avx512dq,avx512vl")]
fn with_avx512(
    state: &mut State,
    samples: &[&[i16; FRAME_SAMPLES]; LANES],
    frames: &mut [[u8; FRAME_BYTES]; LANES],
) -> u16 {
    frame::encode::<Avx512>(state, samples, frames)
}
