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
use sixreel_dataplane::srtp::{self, Keys, Kind, Path, Receivers, Senders, Suite};
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

/// Calls with a source and a sink each, every other one secure, and all that they will hear, made
/// beforehand.
struct Day {
    pipeline: Pipeline,
    batch: TxBatch,
    events: Events,
    specs: Vec<SourceSpec>,
    /// By period and source.
    packets: Vec<Vec<Vec<u8>>>,
    reply: Vec<u8>,
    sent: usize,
    /// Bytes that no key was made of yet.
    fresh: std::ops::Range<u8>,
}

impl Day {
    fn new() -> Self {
        let pipeline = Pipeline::new(LIMITS, EPOCH_NTP);
        let mut talkers: Vec<_> = (0..LIMITS.calls).map(|n| Talker::new(n + 1)).collect();
        let said = ulaw(&speech(1, 160));
        let mut senders: Vec<_> = (0..LIMITS.calls).map(secured).collect();
        Self {
            batch: pipeline.batch(),
            pipeline,
            events: Events::new(100),
            specs: (0..LIMITS.calls).map(source_spec).collect(),
            packets: (0..300)
                .map(|_| {
                    talkers
                        .iter_mut()
                        .zip(&mut senders)
                        .map(|(talker, senders)| {
                            let packet = talker.packet(&said);
                            match senders {
                                Some(senders) => protect(senders, Kind::Rtp, &packet),
                                None => packet,
                            }
                        })
                        .collect()
                })
                .collect(),
            reply: recorder_says(&[], true),
            sent: 0,
            fresh: 100..200,
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
        let byte = self.fresh.next().expect("there are enough");
        let sink_keys = suite(n).map(|suite| sink_keys(suite, byte));
        for command in [
            Command::OpenCall { call },
            Command::OpenSource {
                call,
                source,
                spec,
                keys: suite(n).map(|suite| keys(suite, n as u8)),
            },
            Command::OpenSink {
                call,
                sink,
                spec: sink_spec,
            },
            Command::SetSink {
                sink,
                flow: flow(Codec::Pcmu),
                keys: sink_keys.clone(),
            },
            Command::SetSink {
                sink,
                flow: flow(Codec::Pcma),
                keys: sink_keys,
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

/// The suite of the call of this number.
fn suite(n: u32) -> Option<Suite> {
    (!n.is_multiple_of(2)).then(|| Suite::ALL[n as usize % Suite::ALL.len()])
}

/// Who protects what the talker of this number says.
fn secured(n: u32) -> Option<Senders> {
    let mut senders = Senders::with_path(1, Path::Portable);
    senders
        .open(0, &keys(suite(n)?, n as u8), n + 1)
        .expect("nothing was in use before");
    Some(senders)
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

#[test]
fn keys_and_secure_packets_take_no_memory() {
    for path in Path::ALL {
        let mut senders = Senders::with_path(6, path);
        let mut receivers = Receivers::with_path(6, path);
        let keys = Suite::ALL.map(|suite| {
            let len = suite.key_len() + suite.salt_len();
            Keys::new(suite, &[suite as u8; 46][..len]).unwrap()
        });
        let mut bytes = vec![0; 1_200 * 300];
        let mut packets = Vec::with_capacity(1_200);
        let taken = taken_by(|| {
            for (place, keys) in (0..).zip(&keys) {
                senders.open(place, keys, place).unwrap();
                receivers.open(place, keys).unwrap();
            }
            for number in 0..1_200 {
                let place = number as u32 % 6;
                let kind = if number % 7 == 0 {
                    Kind::Rtcp
                } else {
                    Kind::Rtp
                };
                let packet = &mut bytes[300 * number..];
                packet[0] = 0x80;
                match kind {
                    Kind::Rtp => {
                        packet[2..4].copy_from_slice(&(number as u16).to_be_bytes());
                        packet[8..12].copy_from_slice(&place.to_be_bytes());
                    }
                    Kind::Rtcp => packet[4..8].copy_from_slice(&place.to_be_bytes()),
                }
                packets.push(srtp::Packet::new(
                    place,
                    kind,
                    300 * number,
                    60 + number % 200,
                ));
            }
            senders.protect(&mut bytes, &mut packets);
            assert!(packets.iter().all(|packet| packet.outcome.is_ok()));
            receivers.unprotect(&mut bytes, &mut packets);
            assert!(packets.iter().all(|packet| packet.outcome.is_ok()));
            for place in 0..6 {
                senders.close(place);
                receivers.close(place);
            }
        });
        assert_eq!(taken, 0, "{path}");
    }
}
