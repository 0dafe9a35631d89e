//! After start-up, the data plane allocates nothing.

/// What the tests of this crate share.
mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::hint::black_box;
use std::net::SocketAddr;

use common::*;
use sixreel_dataplane::api::*;
use sixreel_dataplane::pipeline::{Events, Pipeline};
use sixreel_dataplane::time::Nanos;
use sixreel_dataplane::wire::datagram::{Packet, TxBatch};

/// The system's allocator, which counts what the thread of the test takes.
struct Counting;

thread_local! {
    static TAKEN: Cell<u64> = const { Cell::new(0) };
}

#[global_allocator]
static COUNTING: Counting = Counting;

// SAFETY: every call is handed to the system's allocator as it is; counting touches a cell of the
// thread that needs neither memory nor a destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        TAKEN.set(TAKEN.get() + 1);
        // SAFETY: the caller keeps this trait's contract, which is the system allocator's as well.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: as above; `memory` came from `alloc`, hence from the system's allocator.
        unsafe { System.dealloc(memory, layout) }
    }
}

fn taken_by(work: impl FnOnce()) -> u64 {
    let before = TAKEN.get();
    work();
    TAKEN.get() - before
}

#[test]
fn the_count_is_real() {
    assert_eq!(taken_by(|| drop(black_box(Box::new(1)))), 1);
}

/// Calls with a source and a sink each, and all that they will hear, made beforehand.
struct Day {
    pipeline: Pipeline,
    batch: TxBatch,
    events: Events,
    specs: Vec<SourceSpec>,
    /// By period and source.
    packets: Vec<Vec<Vec<u8>>>,
    reply: Vec<u8>,
    sent: usize,
}

impl Day {
    fn new() -> Self {
        let pipeline = Pipeline::new(LIMITS, EPOCH_NTP);
        let mut talkers: Vec<_> = (0..LIMITS.calls).map(|n| Talker::new(n + 1)).collect();
        let said = ulaw(&speech(1, 160));
        Self {
            batch: pipeline.batch(),
            pipeline,
            events: Events::new(100),
            specs: (0..LIMITS.calls).map(source_spec).collect(),
            packets: (0..300)
                .map(|_| {
                    talkers
                        .iter_mut()
                        .map(|talker| talker.packet(&said))
                        .collect()
                })
                .collect(),
            reply: recorder_says(&[], true),
            sent: 0,
        }
    }

    fn obey(&mut self, command: Command, now: Nanos) {
        self.pipeline
            .apply(command, now, &mut self.batch, &mut self.events);
        self.batch.clear();
    }

    fn open(&mut self, n: u32, now: Nanos) {
        let (call, source, sink) = (call(n), stream(n), stream(n + 8));
        let (spec, sink_spec) = (self.specs[n as usize], sink_spec(n + 8));
        for command in [
            Command::OpenCall { call },
            Command::OpenSource { call, source, spec },
            Command::OpenSink {
                call,
                sink,
                spec: sink_spec,
            },
            Command::SetSink {
                sink,
                flow: flow(Codec::Pcmu),
            },
            Command::SetSink {
                sink,
                flow: flow(Codec::Pcma),
            },
        ] {
            self.obey(command, now);
        }
    }

    fn receive(&mut self, period: usize, now: Nanos) {
        for (pair, data) in self.packets[period].iter().enumerate() {
            // Some are lost, so that gaps are covered as well.
            if !(period + pair).is_multiple_of(9) {
                let packet = Packet {
                    pair: pair as u32,
                    rtcp: false,
                    from: address(pair as u16 + 1),
                    data,
                };
                self.pipeline.receive(packet, now);
            }
        }
        let reply = Packet {
            pair: 8,
            rtcp: true,
            from: SocketAddr::from((RECORDER, 1)),
            data: &self.reply,
        };
        self.pipeline.receive(reply, now);
    }

    fn serve(&mut self, now: Nanos) {
        while self.pipeline.next_slot().is_some_and(|due| due <= now) {
            self.pipeline.tick(now, &mut self.batch, &mut self.events);
            self.sent += self.batch.iter().count();
            self.batch.clear();
            while self.events.pop().is_some() {}
        }
    }

    fn pass(&mut self, start: Nanos) {
        let mut now = start;
        (0..LIMITS.calls).for_each(|n| self.open(n, now));
        for period in 0..self.packets.len() {
            self.receive(period, now);
            now = now.after(Nanos::from_millis(20));
            self.serve(now);
        }
        for n in 0..LIMITS.calls {
            self.obey(Command::CloseCall { call: call(n) }, now);
        }
    }
}

#[test]
fn commands_packets_and_slots_take_no_memory() {
    let mut day = Day::new();
    let taken = taken_by(|| {
        day.pass(Nanos::from_millis(100_000));
        day.pass(Nanos::from_millis(200_000));
    });
    assert!(day.sent > 2 * 299 * 8, "{}", day.sent);
    let stats = day.pipeline.stats();
    assert!(stats.frames_used == 0 && stats.packets_in > 4000 && stats.commands_ignored == 0);
    assert_eq!(taken, 0);
}
