//! The data-plane workers, and the commands that wait for them.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::Waker;
use sixreel_dataplane::api::{Command, Event, Limits};
use sixreel_dataplane::port::{KernelPort, Port};
use sixreel_dataplane::time::ntp_from_unix;
use sixreel_dataplane::worker::{self, Wake, Worker, WorkerConfig};

use super::setup::StartError;
use crate::config::{self, Config};
use crate::time::Now;

/// Packets that the jitter buffers hold for each stream: about five times what a stream needs,
/// for the times when the network stalls for all of them together.
const FRAMES_PER_STREAM: u32 = 16;
/// Events taken from the workers in one turn, all together.
const EVENTS_PER_TURN: usize = 4096;
/// When commands are offered again to a worker that had no room for them.
const AGAIN: Duration = Duration::from_millis(1);

/// The workers.
#[derive(Debug)]
pub(super) struct Crew {
    workers: Vec<Hand>,
    /// The worker whose turn it is to be asked for events.
    next: usize,
    /// Events that may still be taken in this turn.
    budget: usize,
    has_more: bool,
}

#[derive(Debug)]
struct Hand {
    worker: Worker,
    /// Commands for which there was no room.
    waiting: VecDeque<Command>,
}

impl Crew {
    /// Binds every media port and starts every worker.
    pub(super) fn start(config: &Config, now: Now, waker: &Arc<Waker>) -> Result<Self, StartError> {
        let mut workers = Vec::new();
        for number in 0..config.media.workers {
            workers.push(Hand {
                worker: start(config, number, now, waker)?,
                waiting: VecDeque::new(),
            });
        }
        Ok(Self {
            workers,
            next: 0,
            budget: EVENTS_PER_TURN,
            has_more: false,
        })
    }

    /// The next event and the number of its worker; none when this turn has seen enough.
    pub(super) fn next_event(&mut self) -> Option<(usize, Event)> {
        self.has_more = self.budget == 0;
        if self.budget > 0 {
            for _ in 0..self.workers.len() {
                let number = self.next;
                self.next = (self.next + 1) % self.workers.len();
                if let Some(event) = self.workers[number].worker.try_event() {
                    self.budget -= 1;
                    return Some((number, event));
                }
            }
        }
        self.budget = EVENTS_PER_TURN;
        None
    }

    /// Gives a worker a command, at the latest when it has room for it.
    pub(super) fn give(&mut self, worker: usize, command: Command) {
        self.workers[worker].waiting.push_back(command);
    }

    /// Gives what waits.
    pub(super) fn flush(&mut self) {
        for hand in &mut self.workers {
            while let Some(command) = hand.waiting.pop_front() {
                if let Err(command) = hand.worker.send(command) {
                    hand.waiting.push_front(command);
                    break;
                }
            }
        }
    }

    /// When something has to be done that no worker calls for.
    pub(super) fn deadline(&self, now: Instant) -> Option<Instant> {
        let is_waiting = self.workers.iter().any(|hand| !hand.waiting.is_empty());
        if self.has_more {
            Some(now)
        } else {
            is_waiting.then_some(now + AGAIN)
        }
    }

    /// Lets every worker do what it was told, and ends it.
    pub(super) fn stop(self) {
        for hand in self.workers {
            hand.worker.stop();
        }
    }
}

fn start(config: &Config, number: u16, now: Now, waker: &Arc<Waker>) -> Result<Worker, StartError> {
    let pairs = config.pairs_per_worker();
    let media = &config.media;
    let first_port = u32::from(media.ports.first_even()) + u32::from(number) * pairs * 2;
    let addresses = media.addresses();
    let streams = pairs * addresses.len() as u32;
    let port = KernelPort::bind_each(&addresses, first_port as u16, pairs)
        .map_err(StartError::MediaPorts)?;
    let waker = Arc::clone(waker);
    let started = worker::start(WorkerConfig {
        name: format!("worker-{number}"),
        core: media.cores.get(usize::from(number)).copied(),
        wake: match media.wake {
            config::Wake::Sleep => Wake::Sleep,
            config::Wake::BusyPoll => Wake::BusyPoll,
        },
        limits: Limits {
            calls: config.limits.calls,
            // A source that is replaced overlaps with the one that replaces it.
            sources_per_call: config.limits.sources_per_call + 1,
            // A standby is invited before the one that it stands in for is given up.
            sinks_per_call: config.recorders.len().max(1) as u32,
            streams,
            frames: streams * FRAMES_PER_STREAM,
        },
        port: Port::Kernel(port),
        epoch: now.mono,
        epoch_ntp: ntp_from_unix(Duration::from_millis(now.wall.0.unsigned_abs())),
        notify: Box::new(move || {
            // It fails only where the loop has ended.
            let _ = waker.wake();
        }),
    });
    started.map_err(|error| StartError::System {
        what: "a data-plane thread",
        error,
    })
}
