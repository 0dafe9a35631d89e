//! The ciphers by vector instructions: jobs sorted into runs of one cipher and one length in
//! blocks of SHA-1, and each run worked on in groups.

/// AES by AES-NI: key schedules, and counter mode with up to eight blocks in flight.
mod aes_ni;
/// GHASH by carry-less multiplication, and GCM with AES-NI.
mod ghash;
/// HMAC-SHA1 of sixteen packets at once.
mod lanes;
/// Runs of jobs by AES-NI, PCLMULQDQ and SHA-NI.
mod narrow;
/// One session's keys as the vector units want them.
mod session;
/// HMAC-SHA1 by SHA-NI, several packets in step.
mod sha_ni;
/// AES by VAES: counter mode with twelve blocks in flight.
mod vaes;
/// Bytes into 512-bit registers and back.
mod vector;
/// GCM by VAES and VPCLMULQDQ.
mod vgcm;
/// Runs of jobs by AVX-512, VAES and VPCLMULQDQ.
mod wide;

use zeroize::Zeroize;

use super::derive::SessionKeys;
use super::job::{JOBS, Job};
use super::path::Path;
use super::portable::Nonce;
use super::suite::{Cipher, Suite};
use session::Session;
use sha_ni::Message;

/// A table of sessions, by place.
pub(super) struct Fast {
    sessions: Box<[Session]>,
    width: Width,
    /// Jobs, by their places, in the order in which they are worked on.
    order: Vec<u16>,
}

/// How wide the registers are. The processor has been found to have them.
#[derive(Clone, Copy)]
enum Width {
    Narrow,
    Wide,
}

/// A run of jobs and all that it takes to work on it.
struct Run<'r> {
    sessions: &'r [Session],
    jobs: &'r mut [Job],
    order: &'r [u16],
}

impl Fast {
    /// Room for so many sessions; `None` if the path is not one of ours, or not this processor's.
    pub(super) fn new(path: Path, places: usize) -> Option<Self> {
        let width = match path {
            Path::Portable => return None,
            Path::AesNi => Width::Narrow,
            Path::Avx512 => Width::Wide,
        };
        path.is_available().then(|| Self {
            sessions: vec![Session::EMPTY; places].into_boxed_slice(),
            width,
            order: Vec::with_capacity(JOBS),
        })
    }

    /// Puts keys into a place.
    pub(super) fn set(&mut self, place: usize, suite: Suite, keys: &SessionKeys) {
        // SAFETY: both paths need these features, and the path is available.
        unsafe { self.sessions[place].set(suite.cipher(), keys) };
    }

    /// Wipes the keys of a place.
    pub(super) fn clear(&mut self, place: usize) {
        self.sessions[place].zeroize();
    }

    /// Encrypts each packet and writes its tag.
    pub(super) fn seal(&mut self, bytes: &mut [u8], jobs: &mut [Job]) {
        self.sort(jobs);
        self.runs(jobs, |width, cipher, run| {
            // SAFETY: the path, of which this is the width, is available.
            unsafe {
                match (width, cipher) {
                    (Width::Narrow, Cipher::Cm128) => narrow::seal_cm::<11>(bytes, run),
                    (Width::Narrow, Cipher::Cm256) => narrow::seal_cm::<15>(bytes, run),
                    (Width::Narrow, Cipher::Gcm128) => narrow::seal_gcm::<11>(bytes, run),
                    (Width::Narrow, Cipher::Gcm256) => narrow::seal_gcm::<15>(bytes, run),
                    (Width::Wide, Cipher::Cm128) => wide::seal_cm::<11>(bytes, run),
                    (Width::Wide, Cipher::Cm256) => wide::seal_cm::<15>(bytes, run),
                    (Width::Wide, Cipher::Gcm128) => wide::seal_gcm::<11>(bytes, run),
                    (Width::Wide, Cipher::Gcm256) => wide::seal_gcm::<15>(bytes, run),
                }
            }
        });
    }

    /// Decrypts those packets whose tag is right, and notes which they are.
    pub(super) fn open(&mut self, bytes: &mut [u8], jobs: &mut [Job]) {
        self.sort(jobs);
        self.runs(jobs, |width, cipher, run| {
            // SAFETY: the path, of which this is the width, is available.
            unsafe {
                match (width, cipher) {
                    (Width::Narrow, Cipher::Cm128) => narrow::open_cm::<11>(bytes, run),
                    (Width::Narrow, Cipher::Cm256) => narrow::open_cm::<15>(bytes, run),
                    (Width::Narrow, Cipher::Gcm128) => narrow::open_gcm::<11>(bytes, run),
                    (Width::Narrow, Cipher::Gcm256) => narrow::open_gcm::<15>(bytes, run),
                    (Width::Wide, Cipher::Cm128) => wide::open_cm::<11>(bytes, run),
                    (Width::Wide, Cipher::Cm256) => wide::open_cm::<15>(bytes, run),
                    (Width::Wide, Cipher::Gcm128) => wide::open_gcm::<11>(bytes, run),
                    (Width::Wide, Cipher::Gcm256) => wide::open_gcm::<15>(bytes, run),
                }
            }
        });
    }

    /// Orders jobs by class. They often are of one class, and in order already.
    fn sort(&mut self, jobs: &[Job]) {
        self.order.clear();
        self.order.extend(0..jobs.len() as u16);
        if !jobs.is_sorted_by_key(class) {
            self.order
                .sort_unstable_by_key(|place| class(&jobs[usize::from(*place)]));
        }
    }

    /// Hands on the jobs of each class.
    fn runs(&self, jobs: &mut [Job], mut work: impl FnMut(Width, Cipher, &mut Run<'_>)) {
        let mut rest = &self.order[..];
        while let Some(first) = rest.first() {
            let job = &jobs[usize::from(*first)];
            let (cipher, wanted) = (job.suite.cipher(), class(job));
            let same = |place: &&u16| class(&jobs[usize::from(**place)]) == wanted;
            let (order, after) = rest.split_at(rest.iter().take_while(same).count());
            rest = after;
            let mut run = Run {
                sessions: &self.sessions,
                jobs,
                order,
            };
            work(self.width, cipher, &mut run);
        }
    }
}

/// Jobs of one class can be worked on together: they have one cipher and, if they are hashed with
/// SHA-1, equally many of its blocks.
fn class(job: &Job) -> (Cipher, usize) {
    let blocks = if job.suite.is_aead() {
        0
    } else {
        sha_ni::blocks(job.len as usize)
    };
    (job.suite.cipher(), blocks)
}

impl Run<'_> {
    /// Asks for the keys of a group of jobs that comes later.
    fn prefetch(&self, group: usize) {
        for place in self
            .order
            .chunks(lanes::LANES)
            .nth(group)
            .unwrap_or_default()
        {
            self.session(*place).prefetch();
        }
    }

    fn message<'b>(&'b self, bytes: &'b [u8], place: u16) -> Message<'b> {
        let job = self.job(place);
        Message {
            session: self.session(place),
            bytes: &bytes[job.start..][..job.len as usize],
            trailer: job.nonce().trailer(),
        }
    }

    fn job(&self, place: u16) -> &Job {
        &self.jobs[usize::from(place)]
    }

    fn session(&self, place: u16) -> &Session {
        &self.sessions[self.job(place).place as usize]
    }
}

impl Drop for Fast {
    fn drop(&mut self) {
        for session in &mut self.sessions {
            session.zeroize();
        }
    }
}
