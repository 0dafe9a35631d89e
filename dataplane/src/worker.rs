//! A worker: one thread with a port, a clock and a pipeline.
//!
//! The only file of the data plane that reads the clock. The thread sleeps by the clock and not by
//! arrivals, because a wake-up costs more than handling a packet: what has come is taken in once
//! per slot.

use std::io;
use std::panic::resume_unwind;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use core_affinity::CoreId;
use crossbeam::channel::{Receiver, Sender, TryRecvError, bounded};
use hdrhistogram::Histogram;
use nix::sys::prctl::set_timerslack;
use nix::sys::time::TimeSpec;
use nix::time::{ClockId, ClockNanosleepFlags, clock_gettime, clock_nanosleep};

use crate::api::{Command, Event, Limits, WorkerStats};
use crate::pipeline::{Events, Pipeline};
use crate::port::{Bell, Port};
use crate::time::Nanos;
use crate::wire::datagram::TxBatch;

/// Commands that may wait for the worker.
const COMMANDS_MAX: usize = 4096;
/// Commands obeyed before the clock is looked at again.
const COMMANDS_PER_TURN: usize = 256;
/// Events that may wait beside those of the streams, and per stream.
const EVENTS_MIN: usize = 1024;
const EVENTS_PER_STREAM: usize = 2;
/// Lateness beyond this is stated as this.
const LATE_MAX_US: u64 = 10_000_000;

/// What a worker is made of.
pub struct WorkerConfig {
    /// Name of the thread.
    pub name: String,
    /// The core that it is bound to.
    pub core: Option<usize>,
    /// How it waits for the next slot.
    pub wake: Wake,
    /// What it can hold.
    pub limits: Limits,
    /// Its ports: as many pairs as streams.
    pub port: Port,
    /// The moment that is `Nanos(0)` for it.
    pub epoch: Instant,
    /// The wall-clock time of that moment, NTP format 32.32; see [`crate::time::ntp_from_unix`].
    pub epoch_ntp: u64,
    /// Called on the worker's thread when there are new events to fetch.
    pub notify: Box<dyn Fn() + Send>,
}

/// How a worker waits for the next slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wake {
    /// It sleeps; without a call, until there is one.
    Sleep,
    /// It never sleeps, and takes a core for itself.
    BusyPoll,
}

/// A running worker, seen from the control plane. Dropped without [`Worker::stop`], it ends within
/// a second, unwaited for.
#[derive(Debug)]
pub struct Worker {
    commands: Sender<Command>,
    events: Receiver<Event>,
    bell: Bell,
    thread: JoinHandle<()>,
}

/// Starts a worker.
///
/// # Errors
/// If there is no such core, or the system gives no thread or memory.
pub fn start(config: WorkerConfig) -> io::Result<Worker> {
    let core = config.core.map(find_core).transpose()?;
    let waiting = EVENTS_MIN + EVENTS_PER_STREAM * config.limits.streams as usize;
    let (commands, command_ring) = bounded(COMMANDS_MAX);
    let (event_ring, events) = bounded(waiting);
    let bell = config.port.bell();
    let pipeline = Pipeline::new(config.limits, config.epoch_ntp);
    let shift = Shift {
        batch: pipeline.batch(),
        pipeline,
        port: config.port,
        clock: Clock::new(config.epoch)?,
        wake: config.wake,
        commands: command_ring,
        events: Events::new(waiting),
        event_ring,
        notify: config.notify,
        lateness: Histogram::new_with_max(LATE_MAX_US, 2).expect("the bounds are in order"),
        figures_due: Nanos(0),
    };
    let thread = thread::Builder::new().name(config.name).spawn(move || {
        if let Some(core) = core {
            core_affinity::set_for_current(core);
        }
        shift.run();
    })?;
    Ok(Worker {
        commands,
        events,
        bell,
        thread,
    })
}

/// The core, if this process may use it.
fn find_core(id: usize) -> io::Result<CoreId> {
    let usable = core_affinity::get_core_ids().unwrap_or_default();
    usable
        .into_iter()
        .find(|core| core.id == id)
        .ok_or_else(|| {
            let why =
                format!("a worker cannot use core {id}: choose one that this process may use");
            io::Error::new(io::ErrorKind::InvalidInput, why)
        })
}

impl Worker {
    /// Hands a command to the worker, which obeys within a slot.
    ///
    /// # Errors
    /// The command is given back where too many wait already.
    #[expect(
        clippy::result_large_err,
        reason = "the command is given back, so that it can be sent again later"
    )]
    pub fn send(&self, command: Command) -> Result<(), Command> {
        match self.commands.try_send(command) {
            Ok(()) => {
                self.bell.ring();
                Ok(())
            }
            Err(error) => Err(error.into_inner()),
        }
    }

    /// The next event.
    pub fn try_event(&self) -> Option<Event> {
        self.events.try_recv().ok()
    }

    /// Lets the worker obey the commands that wait, and ends it. If it has panicked, so does the
    /// caller.
    pub fn stop(self) {
        drop(self.commands);
        self.bell.ring();
        if let Err(panic) = self.thread.join() {
            resume_unwind(panic);
        }
    }
}

/// What the thread works with.
struct Shift {
    pipeline: Pipeline,
    port: Port,
    batch: TxBatch,
    clock: Clock,
    wake: Wake,
    commands: Receiver<Command>,
    events: Events,
    event_ring: Sender<Event>,
    notify: Box<dyn Fn() + Send>,
    /// How late the slots of this second were served, in microseconds.
    lateness: Histogram<u32>,
    figures_due: Nanos,
}

impl Shift {
    fn run(mut self) {
        // Where it cannot be set, the timers are only less exact.
        let _ = set_timerslack(1);
        self.figures_due = self.clock.now().after(Nanos::SECOND);
        loop {
            let now = self.clock.now();
            // 1. Commands.
            if !self.obey(now) {
                return;
            }
            // 2. Packets.
            self.port
                .receive(|packet| self.pipeline.receive(packet, now));
            // 3. Slots.
            self.serve(now);
            // 4. Figures.
            if now >= self.figures_due {
                self.figures_due = now.after(Nanos::SECOND);
                let stats = self.figures();
                self.events.push(Event::Worker { stats });
            }
            // 5. Events.
            self.publish();
            // 6. Sleep.
            if self.wake == Wake::Sleep {
                match self.pipeline.next_slot() {
                    Some(due) => self.clock.sleep_until(due),
                    None => self.port.wait(until(self.figures_due, now)),
                }
            }
        }
    }

    /// Obeys the commands that wait; `false` when there will be no more.
    fn obey(&mut self, now: Nanos) -> bool {
        for _ in 0..COMMANDS_PER_TURN {
            match self.commands.try_recv() {
                Ok(command) => {
                    self.pipeline
                        .apply(command, now, &mut self.batch, &mut self.events);
                    self.flush();
                }
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => return false,
            }
        }
        true
    }

    fn serve(&mut self, now: Nanos) {
        while let Some(due) = self.pipeline.next_slot().filter(|due| *due <= now) {
            self.lateness.saturating_record(now.since(due).0 / 1000);
            self.pipeline.tick(now, &mut self.batch, &mut self.events);
            self.flush();
        }
    }

    fn flush(&mut self) {
        self.port
            .send(&self.batch, |pair| self.pipeline.unsent(pair));
        self.batch.clear();
    }

    fn figures(&mut self) -> WorkerStats {
        let late = |quantile| self.lateness.value_at_quantile(quantile) as u32;
        let stats = WorkerStats {
            late_p50_us: late(0.5),
            late_p99_us: late(0.99),
            late_p999_us: late(0.999),
            late_max_us: self.lateness.max() as u32,
            events_dropped: self.events.dropped(),
            cpu_us: thread_cpu_us(),
            ..self.pipeline.stats()
        };
        self.lateness.reset();
        stats
    }

    /// Puts events on the ring, as many as it takes; the others stay in their order.
    fn publish(&mut self) {
        let mut published = false;
        while let Some(event) = self.events.first() {
            if self.event_ring.try_send(*event).is_err() {
                break;
            }
            self.events.pop();
            published = true;
        }
        if published {
            (self.notify)();
        }
    }
}

/// The monotonic clock, counted from a moment of our own.
#[derive(Debug)]
struct Clock {
    /// That moment on the system's clock.
    epoch: Duration,
}

impl Clock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the clock is read here and handed down"
    )]
    fn new(epoch: Instant) -> io::Result<Self> {
        let passed = epoch.elapsed();
        let now = Duration::from(clock_gettime(ClockId::CLOCK_MONOTONIC)?);
        Ok(Self {
            epoch: now.saturating_sub(passed),
        })
    }

    fn now(&self) -> Nanos {
        let now = clock_gettime(ClockId::CLOCK_MONOTONIC).expect("it could be read at the start");
        let passed = Duration::from(now).saturating_sub(self.epoch);
        Nanos(passed.as_nanos() as u64)
    }

    /// Sleeps; a signal may end it early.
    fn sleep_until(&self, due: Nanos) {
        let due = TimeSpec::from(self.epoch + due.duration());
        let absolute = ClockNanosleepFlags::TIMER_ABSTIME;
        // Interrupted or not: the caller reads the clock.
        let _ = clock_nanosleep(ClockId::CLOCK_MONOTONIC, absolute, &due);
    }
}

/// The time from `now` until `due` in whole milliseconds, rounded up: ports wait no finer.
const fn until(due: Nanos, now: Nanos) -> Duration {
    Duration::from_millis(due.since(now).0.div_ceil(Nanos::MILLI.0))
}

fn thread_cpu_us() -> u64 {
    let used = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID);
    used.map_or(0, |used| Duration::from(used).as_micros() as u64)
}
