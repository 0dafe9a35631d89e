//! What waits to be written, within limits: the thread that receives fills it and never waits.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sixreel_controlplane::time::{Now, Wall};

use super::told::Notice;
use crate::engine::RecordingId;
use crate::facts::Facts;

/// Bytes that may wait: 8 s of 500 recordings.
const WAITING_MAX: usize = 64 << 20;
/// What waits costs so many bytes in any case.
const OVERHEAD: usize = 128;
/// What is lost is told so often at most.
const TELL_INTERVAL: Duration = Duration::from_secs(1);

/// Something to be done to the files of a recording.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) recording: RecordingId,
    pub(super) task: Task,
}

/// What is to be done.
#[derive(Debug)]
pub(super) enum Task {
    /// Its files begin; the call is called so.
    Begin(String),
    Samples(Vec<i16>),
    Silence(u64),
    /// A metadata document and its number.
    Metadata(u64, Vec<u8>),
    Facts(Box<Facts>),
    /// Its files are complete.
    End,
}

/// The end that is filled.
#[derive(Debug)]
pub(super) struct Feeder {
    queue: Arc<Queue>,
    batch: Vec<Job>,
    /// Samples that found no room: they become silence when there is room again.
    owed: BTreeMap<RecordingId, u64>,
    lost: Lost,
    told: Option<Instant>,
}

/// The end that is emptied. Dropping it says that all is done.
#[derive(Debug)]
pub(super) struct Drain(Arc<Queue>);

#[derive(Debug, Default)]
struct Queue {
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    jobs: Vec<Job>,
    bytes: usize,
    /// When something was last added.
    at: Wall,
    /// Nothing more is added.
    closed: bool,
    /// Nothing more is taken.
    done: bool,
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Lost {
    samples: u64,
    documents: u64,
}

/// Both ends of an empty queue.
pub(super) fn queue() -> (Feeder, Drain) {
    let queue = Arc::new(Queue::default());
    let feeder = Feeder {
        queue: queue.clone(),
        batch: Vec::new(),
        owed: BTreeMap::new(),
        lost: Lost::default(),
        told: None,
    };
    (feeder, Drain(queue))
}

impl Feeder {
    /// Adds a job; the other end sees it after the next [`Self::flush`].
    pub(super) fn push(&mut self, recording: RecordingId, task: Task) {
        self.batch.push(Job { recording, task });
    }

    /// Hands over what was added, as far as there is room.
    pub(super) fn flush(&mut self, now: Now) {
        if self.batch.is_empty() {
            return;
        }
        let queue = self.queue.clone();
        let mut waiting = queue.lock();
        waiting.at = now.wall;
        for job in std::mem::take(&mut self.batch) {
            self.admit(job, &mut waiting);
        }
        queue.changed.notify_all();
    }

    /// What was lost and not told yet, once in a while, or now if it must be.
    pub(super) fn lost(&mut self, now: Instant, at_once: bool) -> Option<Notice> {
        let early = self.told.is_some_and(|told| now < told + TELL_INTERVAL);
        if self.lost == Lost::default() || early && !at_once {
            return None;
        }
        self.told = Some(now);
        let Lost { samples, documents } = std::mem::take(&mut self.lost);
        Some(Notice::Behind { samples, documents })
    }

    /// Whether the other end is gone, which is a bug.
    pub(super) fn is_orphaned(&self) -> bool {
        self.queue.lock().done
    }

    /// Nothing more comes: waits until all is done, and says whether it was in time.
    pub(super) fn finish(&self, patience: Duration) -> bool {
        self.queue.close();
        let (queue, waiting) = (&self.queue, self.queue.lock());
        let waited = queue
            .changed
            .wait_timeout_while(waiting, patience, |waiting| !waiting.done);
        waited.unwrap_or_else(PoisonError::into_inner).0.done
    }

    fn admit(&mut self, Job { recording, task }: Job, waiting: &mut Waiting) {
        let is_full = waiting.bytes + size(&task) > WAITING_MAX;
        match task {
            Task::Samples(samples) if is_full => {
                let count = samples.len() as u64;
                *self.owed.entry(recording).or_default() += count;
                self.lost.samples += count;
            }
            Task::Silence(samples) if is_full => {
                *self.owed.entry(recording).or_default() += samples;
            }
            Task::Metadata(..) if is_full => self.lost.documents += 1,
            // There will be others, but for the last ones.
            Task::Facts(facts) if is_full && facts.end.is_none() => {}
            // As many as there are calls.
            Task::Begin(_) => waiting.push(recording, task),
            Task::Samples(_)
            | Task::Silence(_)
            | Task::Metadata(..)
            | Task::Facts(_)
            | Task::End => {
                if let Some(owed) = self.owed.remove(&recording) {
                    waiting.push(recording, Task::Silence(owed));
                }
                waiting.push(recording, task);
            }
        }
    }
}

impl Drain {
    /// Waits for jobs, and tells when the last of them came; nothing once all are done.
    pub(super) fn pop(&self) -> Option<(Vec<Job>, Wall)> {
        let waiting = self.0.lock();
        let idle = |waiting: &mut Waiting| waiting.jobs.is_empty() && !waiting.closed;
        let waited = self.0.changed.wait_while(waiting, idle);
        let mut waiting = waited.unwrap_or_else(PoisonError::into_inner);
        waiting.bytes = 0;
        let jobs = std::mem::take(&mut waiting.jobs);
        (!jobs.is_empty()).then_some((jobs, waiting.at))
    }
}

impl Drop for Feeder {
    fn drop(&mut self) {
        self.queue.close();
    }
}

impl Drop for Drain {
    fn drop(&mut self) {
        self.0.lock().done = true;
        self.0.changed.notify_all();
    }
}

impl Queue {
    fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // What a panic leaves is whole: each change is one step.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn push(&mut self, recording: RecordingId, task: Task) {
        self.bytes += size(&task);
        self.jobs.push(Job { recording, task });
    }
}

/// Bytes that it costs to let it wait.
fn size(task: &Task) -> usize {
    let held = match task {
        Task::Samples(samples) => samples.len() * 2,
        Task::Metadata(_, document) => document.len(),
        Task::Facts(_) => 1024,
        Task::Begin(_) | Task::Silence(_) | Task::End => 0,
    };
    OVERHEAD + held
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::epoch;

    const ONE: RecordingId = RecordingId(1);

    fn now() -> Now {
        Now {
            mono: epoch(),
            wall: Wall(7),
        }
    }

    /// Leaves no room.
    fn fill(feeder: &mut Feeder) {
        let samples = vec![1; (WAITING_MAX - OVERHEAD) / 2];
        feeder.push(RecordingId(2), Task::Samples(samples));
        feeder.flush(now());
    }

    /// Lengths of sound, negative for silence.
    fn sound(drain: &Drain, recording: RecordingId) -> Vec<i64> {
        let (jobs, at) = drain.pop().unwrap();
        assert_eq!(at, Wall(7));
        let mine = jobs.into_iter().filter(|job| job.recording == recording);
        mine.filter_map(|job| match job.task {
            Task::Samples(samples) => Some(samples.len() as i64),
            Task::Silence(samples) => Some(-(samples as i64)),
            Task::Begin(_) | Task::Metadata(..) | Task::Facts(_) | Task::End => None,
        })
        .collect()
    }

    #[test]
    fn what_finds_no_room_becomes_silence_of_the_same_length() {
        let (mut feeder, drain) = queue();
        fill(&mut feeder);
        feeder.push(ONE, Task::Begin("7".to_owned()));
        feeder.push(ONE, Task::Samples(vec![1; 160]));
        feeder.push(ONE, Task::Silence(80));
        feeder.push(ONE, Task::Metadata(1, vec![0; 10]));
        feeder.flush(now());
        assert!(sound(&drain, ONE).is_empty());
        feeder.push(ONE, Task::Samples(vec![1; 3]));
        feeder.push(ONE, Task::Silence(5));
        feeder.flush(now());
        assert_eq!(sound(&drain, ONE), [-240, 3, -5]);
        let expected = Notice::Behind {
            samples: 160,
            documents: 1,
        };
        assert_eq!(feeder.lost(epoch(), false), Some(expected));
        assert_eq!(feeder.lost(epoch(), true), None);
    }

    #[test]
    fn losses_are_told_once_in_a_while() {
        let (mut feeder, _drain) = queue();
        fill(&mut feeder);
        assert_eq!(feeder.lost(epoch(), true), None);
        fill(&mut feeder);
        assert!(feeder.lost(epoch(), false).is_some());
        fill(&mut feeder);
        assert!(feeder.lost(epoch(), false).is_none());
        assert!(feeder.lost(epoch() + TELL_INTERVAL, false).is_some());
    }

    #[test]
    fn the_end_is_waited_for_but_not_for_ever() {
        let (mut feeder, drain) = queue();
        feeder.push(ONE, Task::End);
        feeder.flush(now());
        assert!(!feeder.finish(Duration::ZERO), "nobody empties it");
        assert!(!feeder.is_orphaned());
        let thread = std::thread::spawn(move || {
            let mut taken = 0;
            while let Some((jobs, _)) = drain.pop() {
                taken += jobs.len();
            }
            taken
        });
        assert!(feeder.finish(Duration::from_secs(20)));
        assert!(feeder.is_orphaned());
        assert_eq!(thread.join().unwrap(), 1);
    }
}
