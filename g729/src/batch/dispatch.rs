//! Which instructions this machine has, and the entry into code that uses them.

use core::arch::x86_64::{__cpuid, __cpuid_count, _xgetbv};

use super::avx2::Avx2;
use super::avx512::Avx512;
use super::state::State;
use super::vector::LANES;
use super::{Path, frame};
use crate::dims::{FRAME_BYTES, FRAME_SAMPLES};

/// Whether this machine allows a path.
pub(crate) fn allows(path: Path) -> bool {
    // Leaf 7, EBX: AVX2; AVX-512 F, DQ, CD, BW and VL. ECX: AVX-512 VNNI.
    const AVX2: u32 = 1 << 5;
    const AVX512: u32 = 1 << 16 | 1 << 17 | 1 << 28 | 1 << 30 | 1 << 31 | AVX2;
    const VNNI: u32 = 1 << 11;
    // SSE and AVX registers; mask registers and both upper parts of AVX-512's.
    const STATES_AVX2: u64 = 0b0000_0110;
    const STATES_AVX512: u64 = 0b1110_0110;
    let (features, more, states) = match path {
        Path::Avx512 => (AVX512, VNNI, STATES_AVX512),
        Path::Avx2 => (AVX2, 0, STATES_AVX2),
        Path::Scalar => return true,
    };
    // Extended states are enabled (OSXSAVE) and leaf 7 exists.
    if __cpuid(0).eax < 7 || __cpuid(1).ecx >> 27 & 1 == 0 {
        return false;
    }
    // SAFETY: OSXSAVE says that the instruction may be used.
    let enabled = unsafe { enabled_states() };
    let leaf = __cpuid_count(7, 0);
    enabled & states == states && leaf.ebx & features == features && leaf.ecx & more == more
}

#[target_feature(enable = "xsave")]
fn enabled_states() -> u64 {
    // SAFETY: register 0 always exists.
    unsafe { _xgetbv(0) }
}

/// Encodes one frame of each stream, see [`frame::encode`], on a path in lanes that is allowed.
pub(crate) fn encode(
    path: Path,
    state: &mut State,
    samples: &[&[i16; FRAME_SAMPLES]; LANES],
    frames: &mut [[u8; FRAME_BYTES]; LANES],
) -> u16 {
    debug_assert!(allows(path));
    match path {
        // SAFETY: a batch has a path only if it is allowed: the features were found.
        Path::Avx512 => unsafe { with_avx512(state, samples, frames) },
        // SAFETY: as above.
        Path::Avx2 => unsafe { with_avx2(state, samples, frames) },
        Path::Scalar => unreachable!("this path has no lanes"),
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx512vnni")]
fn with_avx512(
    state: &mut State,
    samples: &[&[i16; FRAME_SAMPLES]; LANES],
    frames: &mut [[u8; FRAME_BYTES]; LANES],
) -> u16 {
    frame::encode::<Avx512>(state, samples, frames)
}

#[target_feature(enable = "avx2")]
fn with_avx2(
    state: &mut State,
    samples: &[&[i16; FRAME_SAMPLES]; LANES],
    frames: &mut [[u8; FRAME_BYTES]; LANES],
) -> u16 {
    frame::encode::<Avx2>(state, samples, frames)
}
