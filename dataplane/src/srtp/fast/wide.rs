//! Runs of jobs by AVX-512, VAES and VPCLMULQDQ.

use std::arch::x86_64::_mm_setzero_si128;

use super::super::portable::same;
use super::lanes::{LANES, hmac};
use super::sha_ni::Digest;
use super::{Run, narrow, vaes, vgcm};

/// So many packets are hashed faster in lanes, most of them empty, than in steps of a few.
const MANY: usize = 8;

#[target_feature(enable = "avx512f,avx512bw,avx512vbmi2,vaes,aes,sha,ssse3,sse4.1")]
pub(super) fn seal_cm<const R: usize>(bytes: &mut [u8], run: &mut Run<'_>) {
    for (number, group) in run.order.chunks(LANES).enumerate() {
        if group.len() < MANY {
            narrow::seal_some_cm::<R>(bytes, run, group);
            continue;
        }
        for (&place, at) in group.iter().zip(LANES * (number + 1)..) {
            run.prefetch::<R, false>(at);
            crypt::<R>(bytes, run, place);
        }
        let digests = digests(bytes, run, group);
        for (&place, digest) in group.iter().zip(&digests) {
            let (_, _, tag) = run.job(place).parts(bytes);
            narrow::write_tag(tag, digest);
        }
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vbmi2,vaes,aes,sha,ssse3,sse4.1")]
pub(super) fn open_cm<const R: usize>(bytes: &mut [u8], run: &mut Run<'_>) {
    for (number, group) in run.order.chunks(LANES).enumerate() {
        if group.len() < MANY {
            narrow::open_some_cm::<R>(bytes, run, group);
            continue;
        }
        let digests = digests(bytes, run, group);
        for ((&place, digest), at) in group.iter().zip(&digests).zip(LANES * (number + 1)..) {
            run.prefetch::<R, false>(at);
            let (_, _, tag) = run.job(place).parts(bytes);
            let good = same(digest, tag);
            if good {
                crypt::<R>(bytes, run, place);
            }
            run.jobs[usize::from(place)].good = good;
        }
    }
}

#[target_feature(
    enable = "avx512f,avx512bw,avx512dq,avx512vl,vaes,vpclmulqdq,aes,pclmulqdq,ssse3,sse4.1"
)]
pub(super) fn seal_gcm<const R: usize>(bytes: &mut [u8], run: &mut Run<'_>) {
    for (number, group) in run.order.chunks(LANES).enumerate() {
        let mut masks = [_mm_setzero_si128(); LANES];
        for ((&place, mask), at) in group.iter().zip(&mut masks).zip(LANES * (number + 1)..) {
            run.prefetch::<R, true>(at);
            let (job, session) = (run.job(place), run.session(place));
            let (_, body, _) = job.parts(bytes);
            *mask = vgcm::crypt::<R>(session, session.gcm_counter(job.nonce()), body);
        }
        for (&place, mask) in group.iter().zip(masks) {
            let (job, session) = (run.job(place), run.session(place));
            let (clear, body, tag) = job.parts(bytes);
            narrow::write_tag(tag, &vgcm::tag(session, clear, body, mask));
        }
    }
}

#[target_feature(
    enable = "avx512f,avx512bw,avx512dq,avx512vl,vaes,vpclmulqdq,aes,pclmulqdq,ssse3,sse4.1"
)]
pub(super) fn open_gcm<const R: usize>(bytes: &mut [u8], run: &mut Run<'_>) {
    for (number, group) in run.order.chunks(LANES).enumerate() {
        for (&place, at) in group.iter().zip(LANES * (number + 1)..) {
            run.prefetch::<R, true>(at);
            let (job, session) = (run.job(place), run.session(place));
            let mask = vgcm::mask::<R>(session, session.gcm_counter(job.nonce()));
            let (clear, body, tag) = job.parts(bytes);
            let good = same(&vgcm::tag(session, clear, body, mask), tag);
            run.jobs[usize::from(place)].good = good;
        }
        for &place in group {
            let (job, session) = (run.job(place), run.session(place));
            if job.good {
                let (_, body, _) = job.parts(bytes);
                vgcm::crypt::<R>(session, session.gcm_counter(job.nonce()), body);
            }
        }
    }
}

/// The digests of packets with equally many blocks.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi2,ssse3")]
fn digests(bytes: &[u8], run: &Run<'_>, group: &[u16]) -> [Digest; LANES] {
    // Lanes that are left over hash the first packet once more.
    let mut messages = [run.message(bytes, group[0]); LANES];
    for (message, &place) in messages.iter_mut().zip(group) {
        *message = run.message(bytes, place);
    }
    hmac(&messages)
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,vaes")]
fn crypt<const R: usize>(bytes: &mut [u8], run: &Run<'_>, place: u16) {
    let (job, session) = (run.job(place), run.session(place));
    let counter = session.cm_counter(job.nonce());
    let (_, body, _) = job.parts(bytes);
    vaes::crypt::<R>(session.rounds(), counter, body);
}
