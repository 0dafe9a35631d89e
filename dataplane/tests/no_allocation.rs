//! After start-up, the data plane allocates nothing.

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::hint::black_box;

use common::*;
use sixreel_dataplane::api::*;
use sixreel_dataplane::pipeline::{Events, Pipeline};
use sixreel_dataplane::time::Nanos;
use sixreel_dataplane::wire::datagram::Packet;

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

#[test]
fn commands_packets_and_slots_take_no_memory() {
    let mut pipeline = Pipeline::new(LIMITS, EPOCH_NTP);
    let mut batch = pipeline.batch();
    let mut events = Events::new(100);
    let mut talkers: Vec<_> = (0..LIMITS.calls).map(|n| Talker::new(n + 1)).collect();
    let said = ulaw(&speech(1, 160));
    let reply = recorder_says(&[], true);
    let packets: Vec<Vec<Vec<u8>>> = (0..300)
        .map(|_| {
            talkers
                .iter_mut()
                .map(|talker| talker.packet(&said))
                .collect()
        })
        .collect();
    let specs: Vec<_> = (0..LIMITS.calls).map(source_spec).collect();
    let mut sent = 0;
    let taken = taken_by(|| {
        for round in 0..2 {
            let mut now = Nanos::from_millis(100_000 * (round + 1));
            for n in 0..LIMITS.calls {
                let (call, source, sink) = (call(n), stream(n), stream(n + 8));
                for command in [
                    Command::OpenCall { call },
                    Command::OpenSource {
                        call,
                        source,
                        spec: specs[n as usize],
                    },
                    Command::OpenSink {
                        call,
                        sink,
                        spec: sink_spec(n + 8),
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
                    pipeline.apply(command, now, &mut batch, &mut events);
                }
            }
            for (period, packets) in packets.iter().enumerate() {
                for (pair, data) in packets.iter().enumerate() {
                    // Some are lost, so that gaps are covered as well.
                    if (period + pair) % 9 != 0 {
                        let (pair, from) = (pair as u32, address(pair as u16 + 1));
                        let packet = Packet {
                            pair,
                            rtcp: false,
                            from,
                            data,
                        };
                        pipeline.receive(packet, now);
                    }
                }
                let from = std::net::SocketAddr::from((RECORDER, 1));
                let packet = Packet {
                    pair: 8,
                    rtcp: true,
                    from,
                    data: &reply,
                };
                pipeline.receive(packet, now);
                now = now.after(Nanos::from_millis(20));
                while pipeline.next_slot().is_some_and(|due| due <= now) {
                    pipeline.tick(now, &mut batch, &mut events);
                    sent += batch.iter().count();
                    batch.clear();
                    while events.pop().is_some() {}
                }
            }
            for n in 0..LIMITS.calls {
                let command = Command::CloseCall { call: call(n) };
                pipeline.apply(command, now, &mut batch, &mut events);
                batch.clear();
            }
        }
    });
    assert!(sent > 2 * 299 * 8, "{sent}");
    assert!(pipeline.stats().frames_used == 0 && pipeline.stats().packets_in > 4000);
    assert_eq!(taken, 0);
}
