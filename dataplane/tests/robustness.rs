//! Whatever comes, in whatever order: nothing breaks, nothing is kept, nothing depends on chance.

/// What the tests of this crate share.
mod common;

use std::net::SocketAddr;

use common::*;
use proptest::prelude::*;
use sixreel_dataplane::api::*;
use sixreel_dataplane::time::Nanos;

const SMALL: Limits = Limits {
    calls: 3,
    sources_per_call: 2,
    sinks_per_call: 2,
    streams: 8,
    frames: 40,
};

/// One thing that happens.
#[derive(Clone, Debug)]
enum Step {
    Command(Command),
    Bytes {
        pair: u32,
        odd: bool,
        from: u16,
        bytes: Vec<u8>,
    },
    Rtp {
        pair: u32,
        from: u16,
        payload_type: u8,
        sequence: u16,
        timestamp: u32,
        ssrc: u32,
        len: usize,
    },
    Rtcp {
        pair: u32,
        bye: bool,
    },
    Pass(u64),
    /// The worker oversleeps.
    Late(u64),
}

fn handle(places: u32) -> impl Strategy<Value = Handle> {
    (0..places + 1, 0..2u32).prop_map(|(index, generation)| Handle { index, generation })
}

fn command() -> impl Strategy<Value = Command> {
    let call = || handle(3).prop_map(CallId);
    let stream = || handle(8).prop_map(StreamId);
    let flow = (any::<bool>(), any::<bool>(), any::<bool>(), any::<u8>()).prop_map(
        |(alaw, sending, mux, payload_type)| SinkFlow {
            sending,
            payload_type,
            rtcp: if mux {
                RtcpRemote::Mux
            } else {
                RtcpRemote::At(SocketAddr::from((RECORDER, 1)))
            },
            ..flow(if alaw { Codec::Pcma } else { Codec::Pcmu })
        },
    );
    prop_oneof![
        4 => call().prop_map(|call| Command::OpenCall { call }),
        1 => call().prop_map(|call| Command::CloseCall { call }),
        6 => (call(), stream(), any::<u16>()).prop_map(|(call, source, jitter_max_ms)| {
            let spec = SourceSpec { jitter_max_ms, ..source_spec(source.0.index) };
            Command::OpenSource { call, source, spec }
        }),
        1 => (stream(), any::<bool>())
            .prop_map(|(source, muted)| Command::MuteSource { source, muted }),
        1 => stream().prop_map(|source| Command::CloseSource { source }),
        6 => (call(), stream()).prop_map(|(call, sink)| Command::OpenSink {
            call,
            sink,
            spec: sink_spec(sink.0.index),
        }),
        6 => (stream(), flow).prop_map(|(sink, flow)| Command::SetSink { sink, flow }),
        1 => stream().prop_map(|sink| Command::StopSink { sink }),
        1 => stream().prop_map(|sink| Command::CloseSink { sink }),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let bytes = prop::collection::vec(any::<u8>(), 0..40);
    let payload_type = prop_oneof![Just(0u8), Just(8), Just(13), Just(101), any::<u8>()];
    let timestamp = prop_oneof![0..3000u32, any::<u32>()];
    let rtp = (
        0..9u32,
        0..3u16,
        payload_type,
        prop_oneof![0..30u16, any::<u16>()],
        timestamp,
    );
    prop_oneof![
        4 => command().prop_map(Step::Command),
        2 => (0..9u32, any::<bool>(), 0..3u16, bytes)
            .prop_map(|(pair, odd, from, bytes)| Step::Bytes { pair, odd, from, bytes }),
        20 => (rtp, 0..2u32, 0..490usize).prop_map(
            |((pair, from, payload_type, sequence, timestamp), ssrc, len)| Step::Rtp {
                pair, from, payload_type, sequence, timestamp, ssrc, len,
            },
        ),
        1 => (0..9u32, any::<bool>()).prop_map(|(pair, bye)| Step::Rtcp { pair, bye }),
        6 => (0..50u64).prop_map(Step::Pass),
        1 => (0..5000u64).prop_map(Step::Pass),
        1 => (0..500u64).prop_map(Step::Late),
    ]
}

fn play(rig: &mut Rig, step: &Step) {
    match step {
        Step::Command(command) => rig.command(*command),
        Step::Bytes {
            pair,
            odd: false,
            from,
            bytes,
        } => rig.receive(*pair, address(*from), bytes),
        Step::Bytes {
            pair, from, bytes, ..
        } => rig.receive_rtcp(*pair, address(*from), bytes),
        Step::Rtp {
            pair,
            from,
            payload_type,
            sequence,
            timestamp,
            ssrc,
            len,
        } => {
            let mut talker = Talker {
                from: address(*from),
                ssrc: *ssrc,
                payload_type: *payload_type,
                sequence: *sequence,
                timestamp: *timestamp,
            };
            talker.send(rig, *pair, &vec![0x20; *len]);
        }
        Step::Rtcp { pair, bye } => {
            let recorder = SocketAddr::from((RECORDER, 1));
            rig.receive_rtcp(*pair, recorder, &recorder_says(&[], *bye));
        }
        Step::Pass(ms) => rig.pass(*ms),
        Step::Late(ms) => {
            rig.now = rig.now.after(Nanos::from_millis(*ms));
            while rig.pipeline.next_slot().is_some_and(|due| due <= rig.now) {
                rig.tick();
            }
        }
    }
}

fn run(steps: &[Step]) -> Rig {
    let mut rig = Rig::with(SMALL);
    for step in steps {
        play(&mut rig, step);
    }
    rig
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..<_>::default() })]

    #[test]
    fn nothing_breaks_and_the_same_input_gives_the_same_output(
        steps in prop::collection::vec(step(), 0..120),
    ) {
        let (first, second) = (run(&steps), run(&steps));
        prop_assert_eq!(first.sent, second.sent);
        prop_assert_eq!(first.told, second.told);
        prop_assert_eq!(first.pipeline.stats(), second.pipeline.stats());
    }

    #[test]
    fn closing_the_calls_leaves_nothing_behind(
        steps in prop::collection::vec(step(), 0..120),
    ) {
        let mut rig = run(&steps);
        for index in 0..3 {
            for generation in 0..2 {
                let call = CallId(Handle { index, generation });
                rig.command(Command::CloseCall { call });
            }
        }
        let stats = rig.pipeline.stats();
        let left = (stats.calls, stats.sources, stats.sinks, stats.frames_used);
        prop_assert_eq!(left, (0, 0, 0, 0));
        prop_assert_eq!(rig.pipeline.next_slot(), None);
        rig.sent.clear();
        rig.pass(1000);
        prop_assert!(rig.sent.is_empty());
    }

    #[test]
    fn sequence_numbers_count_packets_and_timestamps_count_time(
        steps in prop::collection::vec(step(), 0..120),
    ) {
        let mut rig = Rig::recording(Codec::Pcmu);
        for step in &steps {
            if !matches!(step, Step::Command(_)) {
                play(&mut rig, step);
            }
        }
        let sent: Vec<_> = rig.rtp(10);
        for pair in sent.windows(2) {
            prop_assert_eq!(pair[1].sequence, pair[0].sequence.wrapping_add(1));
            let step = pair[1].timestamp.wrapping_sub(pair[0].timestamp);
            prop_assert!(step >= 160 && step % 160 == 0, "{}", step);
        }
    }
}
