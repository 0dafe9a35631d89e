//! Runs of jobs by AES-NI, PCLMULQDQ and SHA-NI.

use std::arch::x86_64::_mm256_zeroupper;

use super::super::portable::{cm_iv, same};
use super::sha_ni::{Digest, hmac};
use super::{Run, aes_ni, ghash};

/// Packets hashed in step.
pub(super) const STEP: usize = 2;

#[target_feature(enable = "aes,sha,ssse3,sse4.1")]
pub(super) fn seal_cm<const R: usize>(bytes: &mut [u8], run: &mut Run<'_>) {
    for group in run.order.chunks(STEP) {
        for &place in group {
            crypt::<R>(bytes, run, place);
        }
        let digests = digests(bytes, run, group);
        for (&place, digest) in group.iter().zip(digests) {
            let (_, _, tag) = run.job(place).parts(bytes);
            tag.copy_from_slice(&digest[..tag.len()]);
        }
    }
}

#[target_feature(enable = "aes,sha,ssse3,sse4.1")]
pub(super) fn open_cm<const R: usize>(bytes: &mut [u8], run: &mut Run<'_>) {
    for group in run.order.chunks(STEP) {
        let digests = digests(bytes, run, group);
        for (&place, digest) in group.iter().zip(&digests) {
            let (_, _, tag) = run.job(place).parts(bytes);
            let good = same(digest, tag);
            if good {
                crypt::<R>(bytes, run, place);
            }
            run.jobs[usize::from(place)].good = good;
        }
    }
}

#[target_feature(enable = "aes,pclmulqdq,ssse3,sse4.1")]
pub(super) fn seal_gcm<const R: usize>(bytes: &mut [u8], run: &mut Run<'_>) {
    for &place in run.order {
        let (job, session) = (run.job(place), run.session(place));
        let counter = ghash::first_counter(session, job.nonce());
        let (clear, body, tag) = job.parts(bytes);
        ghash::crypt::<R>(session, &counter, body);
        tag.copy_from_slice(&ghash::tag::<R>(session, &counter, clear, body));
    }
}

#[target_feature(enable = "aes,pclmulqdq,ssse3,sse4.1")]
pub(super) fn open_gcm<const R: usize>(bytes: &mut [u8], run: &mut Run<'_>) {
    for &place in run.order {
        let (job, session) = (run.job(place), run.session(place));
        let counter = ghash::first_counter(session, job.nonce());
        let (clear, body, tag) = job.parts(bytes);
        let good = same(&ghash::tag::<R>(session, &counter, clear, body), tag);
        if good {
            ghash::crypt::<R>(session, &counter, body);
        }
        run.jobs[usize::from(place)].good = good;
    }
}

/// The digests of a few packets with equally many blocks.
#[target_feature(enable = "sha,ssse3,sse4.1")]
pub(super) fn digests(bytes: &[u8], run: &Run<'_>, group: &[u16]) -> [Digest; STEP] {
    // SAFETY: AVX is among what the path was looked for.
    unsafe { clear_uppers() };
    match *group {
        [one, other] => hmac([run.message(bytes, one), run.message(bytes, other)]),
        [one] => {
            let [digest] = hmac([run.message(bytes, one)]);
            [digest, [0; 16]]
        }
        _ => unreachable!("a group has one or two packets"),
    }
}

/// Lets no instruction of SSE wait for what AVX has left in the upper halves of registers.
#[inline(never)]
#[target_feature(enable = "avx")]
fn clear_uppers() {
    _mm256_zeroupper();
}

#[inline]
#[target_feature(enable = "aes,ssse3,sse4.1")]
fn crypt<const R: usize>(bytes: &mut [u8], run: &Run<'_>, place: u16) {
    let (job, session) = (run.job(place), run.session(place));
    let start = cm_iv(session.salt(), job.nonce());
    let (_, body, _) = job.parts(bytes);
    aes_ni::crypt::<R>(session.rounds(), &start, body);
}
