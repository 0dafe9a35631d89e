//! The ciphers of all sessions, in the form in which the processor computes them fastest.

use super::derive::SessionKeys;
#[cfg(target_arch = "x86_64")]
use super::fast::Fast;
use super::job::Job;
use super::path::Path;
use super::portable::Ready;
use super::suite::Suite;

/// A table of ciphers, by place.
pub(super) struct Ciphers {
    table: Table,
}

enum Table {
    Portable(Box<[Option<Ready>]>),
    #[cfg(target_arch = "x86_64")]
    Fast(Fast),
}

impl Ciphers {
    /// Room for so many ciphers; a path that the processor does not have is the portable one.
    pub(super) fn new(path: Path, places: usize) -> Self {
        #[cfg(target_arch = "x86_64")]
        if let Some(fast) = Fast::new(path, places) {
            return Self {
                table: Table::Fast(fast),
            };
        }
        Self {
            table: Table::Portable((0..places).map(|_| None).collect()),
        }
    }

    /// Puts keys into a place.
    pub(super) fn set(&mut self, place: usize, suite: Suite, keys: &SessionKeys) {
        match &mut self.table {
            Table::Portable(table) => table[place] = Some(Ready::new(suite.cipher(), keys)),
            #[cfg(target_arch = "x86_64")]
            Table::Fast(fast) => fast.set(place, suite, keys),
        }
    }

    /// Wipes the keys of a place.
    pub(super) fn clear(&mut self, place: usize) {
        match &mut self.table {
            Table::Portable(table) => table[place] = None,
            #[cfg(target_arch = "x86_64")]
            Table::Fast(fast) => fast.clear(place),
        }
    }

    /// Encrypts each packet and writes its tag.
    pub(super) fn seal(&mut self, bytes: &mut [u8], jobs: &mut [Job]) {
        match &mut self.table {
            Table::Portable(table) => {
                for job in jobs {
                    let (clear, body, tag) = job.parts(bytes);
                    let right = look(table, job).seal(job.nonce(), clear, body);
                    tag.copy_from_slice(&right[..tag.len()]);
                }
            }
            #[cfg(target_arch = "x86_64")]
            Table::Fast(fast) => fast.seal(bytes, jobs),
        }
    }

    /// Decrypts those packets whose tag is right, and notes which they are.
    pub(super) fn open(&mut self, bytes: &mut [u8], jobs: &mut [Job]) {
        match &mut self.table {
            Table::Portable(table) => {
                for job in jobs {
                    let (clear, body, tag) = job.parts(bytes);
                    job.good = look(table, job).open(job.nonce(), clear, body, tag);
                }
            }
            #[cfg(target_arch = "x86_64")]
            Table::Fast(fast) => fast.open(bytes, jobs),
        }
    }
}

fn look<'t>(table: &'t [Option<Ready>], job: &Job) -> &'t Ready {
    let ready = table[job.place as usize].as_ref();
    ready.expect("a job's place has keys")
}
