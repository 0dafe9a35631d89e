//! Runs of jobs by AES-NI, PCLMULQDQ and SHA-NI.

use std::arch::x86_64::_mm256_zeroupper;

use super::super::portable::same;
use super::sha_ni::{Digest, hmac};
use super::{Run, aes_ni, ghash};

/// Packets hashed in step.
const STEP: usize = 4;

#[target_feature(enable = "aes,sha,ssse3,sse4.1")]
pub(super) fn seal_cm<const R: usize>(bytes: &mut [u8], run: &mut Run<'_>) {
    seal_some_cm::<R>(bytes, run, run.order);
}

/// The same for a part of a run. Never a part of a function that uses AVX, whose registers' upper
/// halves would be in use.
#[inline(never)]
#[target_feature(enable = "aes,sha,ssse3,sse4.1")]
pub(super) fn seal_some_cm<const R: usize>(bytes: &mut [u8], run: &Run<'_>, order: &[u16]) {
    clean_uppers();
    for group in order.chunks(STEP) {
        for &place in group {
            crypt::<R>(bytes, run, place);
        }
        let mut digests = [[0; 16]; STEP];
        hash(bytes, run, group, &mut digests);
        for (&place, digest) in group.iter().zip(&digests) {
            let (_, _, tag) = run.job(place).parts(bytes);
            write_tag(tag, digest);
        }
    }
}

#[target_feature(enable = "aes,sha,ssse3,sse4.1")]
pub(super) fn open_cm<const R: usize>(bytes: &mut [u8], run: &mut Run<'_>) {
    open_some_cm::<R>(bytes, run, run.order);
}

/// The same for a part of a run. Never a part of a function that uses AVX, whose registers' upper
/// halves would be in use.
#[inline(never)]
#[target_feature(enable = "aes,sha,ssse3,sse4.1")]
pub(super) fn open_some_cm<const R: usize>(bytes: &mut [u8], run: &mut Run<'_>, order: &[u16]) {
    clean_uppers();
    for group in order.chunks(STEP) {
        let mut digests = [[0; 16]; STEP];
        hash(bytes, run, group, &mut digests);
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
    clean_uppers();
    for &place in run.order {
        let (job, session) = (run.job(place), run.session(place));
        let counter = session.gcm_counter(job.nonce());
        let (clear, body, tag) = job.parts(bytes);
        ghash::crypt::<R>(session, counter, body);
        write_tag(tag, &ghash::tag::<R>(session, counter, clear, body));
    }
}

#[target_feature(enable = "aes,pclmulqdq,ssse3,sse4.1")]
pub(super) fn open_gcm<const R: usize>(bytes: &mut [u8], run: &mut Run<'_>) {
    clean_uppers();
    for &place in run.order {
        let (job, session) = (run.job(place), run.session(place));
        let counter = session.gcm_counter(job.nonce());
        let (clear, body, tag) = job.parts(bytes);
        let good = same(&ghash::tag::<R>(session, counter, clear, body), tag);
        if good {
            ghash::crypt::<R>(session, counter, body);
        }
        run.jobs[usize::from(place)].good = good;
    }
}

/// Writes the beginning of a digest. The lengths are spelled out: one of them at run time would
/// cost a call.
#[inline]
pub(super) fn write_tag(tag: &mut [u8], digest: &Digest) {
    match tag.len() {
        10 => tag.copy_from_slice(&digest[..10]),
        16 => tag.copy_from_slice(&digest[..16]),
        4 => tag.copy_from_slice(&digest[..4]),
        len => tag.copy_from_slice(&digest[..len]),
    }
}

/// The digests of a few packets with equally many blocks.
#[inline]
#[target_feature(enable = "sha,ssse3,sse4.1")]
fn hash(bytes: &[u8], run: &Run<'_>, group: &[u16], digests: &mut [Digest; STEP]) {
    match *group {
        [a] => [digests[0]] = hmac(&[run.message(bytes, a)]),
        [a, b] => {
            let messages = [run.message(bytes, a), run.message(bytes, b)];
            [digests[0], digests[1]] = hmac(&messages);
        }
        _ => {
            // A place that is left over hashes the first packet once more.
            let mut messages = [run.message(bytes, group[0]); STEP];
            for (message, &place) in messages.iter_mut().zip(group) {
                *message = run.message(bytes, place);
            }
            *digests = hmac(&messages);
        }
    }
}

/// Lets no instruction of SSE wait for what AVX has left in the upper halves of registers.
fn clean_uppers() {
    #[target_feature(enable = "avx")]
    #[inline(never)]
    fn zero_upper() {
        _mm256_zeroupper();
    }
    // SAFETY: AVX is among what the path was looked for.
    unsafe { zero_upper() };
}

#[inline]
#[target_feature(enable = "aes,ssse3,sse4.1")]
fn crypt<const R: usize>(bytes: &mut [u8], run: &Run<'_>, place: u16) {
    let (job, session) = (run.job(place), run.session(place));
    let counter = session.cm_counter(job.nonce());
    let (_, body, _) = job.parts(bytes);
    aes_ni::crypt::<R>(session.rounds(), counter, 0, body);
}
