//! The ciphers of all sessions, in the form in which the processor computes them fastest.

use super::derive::SessionKeys;
use super::job::Job;
use super::portable::Ready;
use super::suite::Suite;

/// A table of ciphers, by place.
pub(super) struct Ciphers {
    table: Box<[Option<Ready>]>,
}

impl Ciphers {
    pub(super) fn new(places: usize) -> Self {
        Self {
            table: (0..places).map(|_| None).collect(),
        }
    }

    /// Puts keys into a place.
    pub(super) fn set(&mut self, place: usize, suite: Suite, keys: &SessionKeys) {
        self.table[place] = Some(Ready::new(suite.cipher(), keys));
    }

    /// Wipes the keys of a place.
    pub(super) fn clear(&mut self, place: usize) {
        self.table[place] = None;
    }

    /// Encrypts each packet and writes its tag.
    pub(super) fn seal(&self, bytes: &mut [u8], jobs: &[Job]) {
        for job in jobs {
            let (clear, body, tag) = parts(bytes, job);
            let right = self.look(job).seal(job.nonce(), clear, body);
            tag.copy_from_slice(&right[..tag.len()]);
        }
    }

    /// Decrypts those packets whose tag is right, and notes which they are.
    pub(super) fn open(&self, bytes: &mut [u8], jobs: &mut [Job]) {
        for job in jobs {
            let (clear, body, tag) = parts(bytes, job);
            job.good = self.look(job).open(job.nonce(), clear, body, tag);
        }
    }

    fn look(&self, job: &Job) -> &Ready {
        let ready = self.table[job.place as usize].as_ref();
        ready.expect("a job's place has keys")
    }
}

/// What stays clear of a packet, what is encrypted, and its tag.
fn parts<'b>(bytes: &'b mut [u8], job: &Job) -> (&'b [u8], &'b mut [u8], &'b mut [u8]) {
    let (packet, behind) = bytes[job.start..].split_at_mut(job.len as usize);
    let (clear, body) = packet.split_at_mut(job.clear_len as usize);
    let tag = &mut behind[(job.tag_at - job.len) as usize..][..job.suite.rtp_tag_len()];
    (clear, body, tag)
}
