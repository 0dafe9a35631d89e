//! Runs of jobs by AVX-512, VAES and VPCLMULQDQ.

use super::super::portable::{cm_iv, same};
use super::lanes::{LANES, hmac};
use super::sha_ni::Digest;
use super::{Run, narrow, vaes, vgcm};

/// So many packets are hashed faster in lanes, most of them empty, than in pairs.
const MANY: usize = 5;

#[target_feature(enable = "avx512f,avx512bw,avx512vbmi2,vaes,aes,sha,ssse3,sse4.1")]
pub(super) fn seal_cm<const R: usize>(bytes: &mut [u8], run: &mut Run<'_>) {
    run.prefetch(0);
    for (number, group) in run.order.chunks(LANES).enumerate() {
        run.prefetch(number + 1);
        for &place in group {
            crypt::<R>(bytes, run, place);
        }
        let digests = digests(bytes, run, group);
        for (&place, digest) in group.iter().zip(&digests) {
            let (_, _, tag) = run.job(place).parts(bytes);
            tag.copy_from_slice(&digest[..tag.len()]);
        }
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vbmi2,vaes,aes,sha,ssse3,sse4.1")]
pub(super) fn open_cm<const R: usize>(bytes: &mut [u8], run: &mut Run<'_>) {
    run.prefetch(0);
    for (number, group) in run.order.chunks(LANES).enumerate() {
        run.prefetch(number + 1);
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

#[target_feature(
    enable = "avx512f,avx512bw,avx512dq,avx512vl,vaes,vpclmulqdq,aes,pclmulqdq,ssse3,sse4.1"
)]
pub(super) fn seal_gcm<const R: usize>(bytes: &mut [u8], run: &mut Run<'_>) {
    run.prefetch(0);
    for (number, group) in run.order.chunks(LANES).enumerate() {
        run.prefetch(number + 1);
        for &place in group {
            let (job, session) = (run.job(place), run.session(place));
            let counter = super::ghash::first_counter(session, job.nonce());
            let (clear, body, tag) = job.parts(bytes);
            tag.copy_from_slice(&vgcm::seal::<R>(session, &counter, clear, body));
        }
    }
}

#[target_feature(
    enable = "avx512f,avx512bw,avx512dq,avx512vl,vaes,vpclmulqdq,aes,pclmulqdq,ssse3,sse4.1"
)]
pub(super) fn open_gcm<const R: usize>(bytes: &mut [u8], run: &mut Run<'_>) {
    run.prefetch(0);
    for (number, group) in run.order.chunks(LANES).enumerate() {
        run.prefetch(number + 1);
        for &place in group {
            let (job, session) = (run.job(place), run.session(place));
            let counter = super::ghash::first_counter(session, job.nonce());
            let (clear, body, tag) = job.parts(bytes);
            let good = same(&vgcm::open::<R>(session, &counter, clear, body), tag);
            if !good {
                // Encrypting again undoes the decrypting: what is not authentic stays as it is.
                super::ghash::crypt::<R>(session, &counter, body);
            }
            run.jobs[usize::from(place)].good = good;
        }
    }
}

/// The digests of packets with equally many blocks, as many as there are.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi2,sha,ssse3,sse4.1")]
fn digests(bytes: &[u8], run: &Run<'_>, group: &[u16]) -> [Digest; LANES] {
    if group.len() >= MANY {
        // Lanes that are left over hash the first packet once more.
        let place = |lane: usize| *group.get(lane).unwrap_or(&group[0]);
        let messages = std::array::from_fn(|lane| run.message(bytes, place(lane)));
        return hmac(&messages);
    }
    let mut digests = [[0; 16]; LANES];
    for (few, out) in group
        .chunks(narrow::STEP)
        .zip(digests.chunks_mut(narrow::STEP))
    {
        out.copy_from_slice(&narrow::digests(bytes, run, few));
    }
    digests
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,vaes")]
fn crypt<const R: usize>(bytes: &mut [u8], run: &Run<'_>, place: u16) {
    let (job, session) = (run.job(place), run.session(place));
    let start = cm_iv(session.salt(), job.nonce());
    let (_, body, _) = job.parts(bytes);
    vaes::crypt::<R>(session.rounds(), &start, body);
}
