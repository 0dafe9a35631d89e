//! Which instructions the ciphers are computed with.

use std::fmt;

/// A way to compute the ciphers. All give the same bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Path {
    /// What RustCrypto does, which uses some of the processor's instructions by itself.
    Portable,
    /// AES-NI, PCLMULQDQ and SHA-NI.
    AesNi,
    /// AVX-512 with VAES and VPCLMULQDQ, sixteen packets hashed at once; SHA-NI for a few.
    Avx512,
}

impl Path {
    /// Every path, the fastest last.
    pub const ALL: [Self; 3] = [Self::Portable, Self::AesNi, Self::Avx512];

    /// The fastest path of this processor.
    pub fn best() -> Self {
        let mut paths = Self::ALL.into_iter().rev();
        let best = paths.find(|path| path.is_available());
        best.expect("the portable path is always there")
    }

    /// Whether this processor has the instructions.
    pub fn is_available(self) -> bool {
        match self {
            Self::Portable => true,
            Self::AesNi => has_aes_ni(),
            Self::Avx512 => has_aes_ni() && has_avx512(),
        }
    }

    /// Its name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Portable => "portable",
            Self::AesNi => "aes-ni",
            Self::Avx512 => "avx512",
        }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// AVX is not needed, but tells that the upper halves of registers can be cleared.
#[cfg(target_arch = "x86_64")]
fn has_aes_ni() -> bool {
    is_x86_feature_detected!("aes")
        && is_x86_feature_detected!("pclmulqdq")
        && is_x86_feature_detected!("sha")
        && is_x86_feature_detected!("ssse3")
        && is_x86_feature_detected!("sse4.1")
        && is_x86_feature_detected!("avx")
}

#[cfg(target_arch = "x86_64")]
fn has_avx512() -> bool {
    is_x86_feature_detected!("avx2")
        && is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512vl")
        && is_x86_feature_detected!("avx512vbmi2")
        && is_x86_feature_detected!("vaes")
        && is_x86_feature_detected!("vpclmulqdq")
}

#[cfg(not(target_arch = "x86_64"))]
fn has_aes_ni() -> bool {
    false
}

#[cfg(not(target_arch = "x86_64"))]
fn has_avx512() -> bool {
    false
}
