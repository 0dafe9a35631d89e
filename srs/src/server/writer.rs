//! The thread that writes.

use std::collections::BTreeMap;
use std::path::PathBuf;

use sixreel_controlplane::time::Wall;

use super::Keep;
use super::files::{FileError, Files};
use super::queue::{Drain, Job, Task};
use super::told::{Notice, Teller, What};
use crate::engine::RecordingId;

/// Where it writes, and whom it tells.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) folder: PathBuf,
    pub(super) keep: Keep,
    pub(super) teller: Teller,
}

/// A recording that goes on.
struct Open {
    call: String,
    files: Files,
    /// Whether something of it was lost, and that was told.
    failed: bool,
}

impl Writer {
    /// Does the jobs as they come, until there are no more.
    pub(super) fn run(self, jobs: &Drain) {
        let mut open = BTreeMap::new();
        while let Some((batch, at)) = jobs.pop() {
            for job in batch {
                self.work(job, &mut open, at);
            }
        }
    }

    fn work(&self, Job { recording, task }: Job, open: &mut BTreeMap<RecordingId, Open>, at: Wall) {
        if let Task::Begin(call) = task {
            match Files::begin(&self.folder, &call, self.keep) {
                Ok(files) => {
                    let failed = false;
                    let begun = Open {
                        call,
                        files,
                        failed,
                    };
                    open.insert(recording, begun);
                }
                Err(error) => self.complain(&call, error, at),
            }
            return;
        }
        if let Task::End = task {
            if let Some(ended) = open.remove(&recording) {
                self.end(ended, at);
            }
            return;
        }
        let Some(open) = open.get_mut(&recording) else {
            return;
        };
        let done = match task {
            Task::Samples(samples) => open.files.push(&samples),
            Task::Silence(samples) => open.files.push_silence(samples),
            Task::Metadata(number, document) => open.files.document(number, document),
            Task::Facts(facts) => open.files.facts(&facts),
            Task::Begin(_) | Task::End => Ok(()),
        };
        if let Err(error) = done
            && !std::mem::replace(&mut open.failed, true)
        {
            self.complain(&open.call, error, at);
        }
    }

    fn end(
        &self,
        Open {
            call,
            files,
            failed,
        }: Open,
        at: Wall,
    ) {
        match files.end() {
            Ok(files) => {
                let kept = What::Server(Notice::Kept { files });
                self.teller.tell(Some(&call), kept, at);
            }
            Err(error) if !failed => self.complain(&call, error, at),
            Err(_) => {}
        }
    }

    fn complain(&self, call: &str, FileError { file, error }: FileError, at: Wall) {
        let why = error.to_string();
        let notice = Notice::NotKept { file, why };
        self.teller.tell(Some(call), What::Server(notice), at);
    }
}
