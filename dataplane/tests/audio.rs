//! What the recorders hear.

/// What the tests of this crate share.
mod common;

use common::*;
use sixreel_dataplane::api::*;
use sixreel_dataplane::time::Nanos;

/// Where in `heard` the samples of `said` begin, if they are there without a change.
fn find(said: &[i16], heard: &[i16]) -> Option<usize> {
    heard.windows(said.len()).position(|window| window == said)
}

#[test]
fn one_source_passes_through_bit_by_bit() {
    let said = ulaw(&speech(1, 80_000));
    let mut rig = Rig::recording(Codec::Pcmu);
    Talker::new(5).talk(&mut rig, 1, &said);
    rig.pass(100);
    let sent: Vec<u8> = rig
        .rtp(10)
        .into_iter()
        .flat_map(|rtp| rtp.payload)
        .collect();
    let start = sent.iter().position(|byte| *byte != 0xff).unwrap();
    let first = said.iter().position(|byte| *byte != 0xff).unwrap();
    assert_eq!(sent[start - first..][..said.len()], said);
    assert!(
        start - first <= 60 * 8 + 160,
        "delayed by {} samples",
        start - first
    );
    let stats = rig.source_stats(1);
    assert_eq!((stats.lost, stats.late, stats.concealed_samples), (0, 0, 0));
    assert_eq!(
        (
            stats.inserted_samples,
            stats.removed_samples,
            stats.restarts
        ),
        (0, 0, 0)
    );
}

#[test]
fn what_a_late_worker_makes_up_for_is_not_heard() {
    let said = ulaw(&speech(9, 64_000));
    let (before, rest) = said.split_at(160 * 150);
    let (meanwhile, after) = rest.split_at(160 * 11);
    let mut rig = Rig::recording(Codec::Pcmu);
    let mut talker = Talker::new(5);
    talker.talk(&mut rig, 1, before);
    // The thread sleeps for 220 ms too long: everything waits in the port.
    rig.now = rig.now.after(Nanos::from_millis(220));
    for payload in meanwhile.chunks(160) {
        talker.send(&mut rig, 1, payload);
    }
    rig.pass(0);
    talker.talk(&mut rig, 1, after);
    rig.pass(100);
    assert!(
        find(
            &decode(Codec::Pcmu, &said[800..]),
            &rig.heard(10, Codec::Pcmu)
        )
        .is_some()
    );
    let stats = rig.source_stats(1);
    assert_eq!((stats.late, stats.concealed_samples), (0, 0));
    assert_eq!(rig.pipeline.stats().slots_skipped, 0);
}

#[test]
fn jitter_and_reordering_within_the_delay_are_not_heard() {
    let said = ulaw(&speech(2, 40_000));
    let mut rig = Rig::recording(Codec::Pcmu);
    let mut talker = Talker::new(5);
    let mut packets: Vec<(u64, Vec<u8>)> = said
        .chunks(160)
        .enumerate()
        .map(|(n, payload)| ((n * 20 + n * 15 % 37) as u64, talker.packet(payload)))
        .collect();
    packets.sort();
    let start = rig.now;
    for (ms, packet) in packets {
        rig.pass(ms - rig.now.since(start).0 / 1_000_000);
        rig.receive(1, address(5), &packet);
    }
    rig.pass(100);
    let heard = rig.heard(10, Codec::Pcmu);
    assert!(find(&decode(Codec::Pcmu, &said), &heard).is_some());
    assert!(rig.source_stats(1).reordered > 0);
}

#[test]
fn packets_of_any_length_are_played_without_a_seam() {
    for ptime_ms in [10, 20, 30, 40, 50, 60, 13] {
        let said = ulaw(&speech(3, 16_000));
        let mut rig = Rig::recording(Codec::Pcma);
        let mut talker = Talker::new(5);
        for payload in said.chunks(ptime_ms * 8) {
            talker.send(&mut rig, 1, payload);
            rig.pass(ptime_ms as u64);
        }
        rig.pass(200);
        let heard = rig.heard(10, Codec::Pcma);
        let reference: Vec<f64> = decode(Codec::Pcmu, &said)
            .into_iter()
            .map(f64::from)
            .collect();
        let (ratio, _) = snr(&reference, &heard, 0..1600);
        assert!(ratio > 30.0, "{ptime_ms} ms: {ratio} dB");
    }
}

#[test]
fn two_sources_are_mixed_as_their_sum() {
    let (a, b) = (ulaw(&speech(1, 40_000)), ulaw(&speech(4, 40_000)));
    let mut rig = Rig::recording(Codec::Pcmu);
    rig.open_source(0, 2);
    let (mut alice, mut bob) = (Talker::new(5), Talker::new(6));
    for (a, b) in a.chunks(160).zip(b.chunks(160)) {
        alice.send(&mut rig, 1, a);
        bob.send(&mut rig, 2, b);
        rig.pass(20);
    }
    let sum: Vec<f64> = decode(Codec::Pcmu, &a)
        .into_iter()
        .zip(decode(Codec::Pcmu, &b))
        .map(|(a, b)| f64::from(a) + f64::from(b))
        .take(39_000)
        .collect();
    let (ratio, _) = snr(&sum, &rig.heard(10, Codec::Pcmu), 0..800);
    assert!(ratio >= 35.0, "{ratio} dB");
}

#[test]
fn a_lost_packet_is_covered_and_nothing_else_is_touched() {
    let said = ulaw(&vowel(24_000));
    let mut rig = Rig::recording(Codec::Pcmu);
    let mut talker = Talker::new(5);
    for (n, payload) in said.chunks(160).enumerate() {
        let packet = talker.packet(payload);
        if n % 20 != 13 {
            rig.receive(1, talker.from, &packet);
        }
        rig.pass(20);
    }
    rig.pass(1000);
    let stats = rig.source_stats(1);
    assert_eq!((stats.lost, stats.packets), (7, 143));
    assert_eq!(
        stats.concealed_samples,
        7 * 160 + 480,
        "the end fades as well"
    );
    let said = decode(Codec::Pcmu, &said);
    let heard = rig.heard(10, Codec::Pcmu);
    let start = find(&said[..13 * 160], &heard).unwrap();
    let heard = &heard[start..];
    for first in (13..150).step_by(20) {
        let gap = first * 160..(first + 1) * 160;
        let wanted: Vec<f64> = said[gap.clone()].iter().map(|s| f64::from(*s)).collect();
        let (ratio, _) = snr(&wanted, &heard[gap.clone()], 0..1);
        assert!(ratio > 10.0, "the vowel goes on: {ratio} dB");
        let untouched = gap.end + 80..(gap.end + 19 * 160).min(said.len());
        assert_eq!(heard[untouched.clone()], said[untouched]);
    }
}

#[test]
fn six_recorders_hear_the_same_and_each_its_own_codec() {
    let said = ulaw(&speech(1, 8000));
    let mut rig = Rig::recording(Codec::Pcmu);
    for index in 11..16 {
        rig.open_sink(0, index);
        rig.set_sink(
            index,
            flow(if index < 13 { Codec::Pcmu } else { Codec::Pcma }),
        );
    }
    Talker::new(5).talk(&mut rig, 1, &said);
    let payloads = |index| {
        rig.rtp(index)
            .into_iter()
            .map(|rtp| rtp.payload)
            .collect::<Vec<_>>()
    };
    for index in 11..13 {
        assert_eq!(payloads(index), payloads(10));
    }
    for index in 14..16 {
        assert_eq!(payloads(index), payloads(13));
    }
    assert_eq!(payloads(13).len(), payloads(10).len());
    let ulaw: Vec<f64> = rig
        .heard(10, Codec::Pcmu)
        .into_iter()
        .map(f64::from)
        .collect();
    let (ratio, _) = snr(&ulaw, &rig.heard(13, Codec::Pcma), 0..1);
    assert!(ratio > 30.0, "{ratio} dB");
}

#[test]
fn a_muted_source_is_received_but_not_heard_and_returns_at_once() {
    let said = ulaw(&speech(1, 24_000));
    let mut rig = Rig::recording(Codec::Pcmu);
    let mut talker = Talker::new(5);
    let source = stream(1);
    talker.talk(&mut rig, 1, &said[..8000]);
    rig.command(Command::MuteSource {
        source,
        muted: true,
    });
    let muted_from = rig.rtp(10).len();
    talker.talk(&mut rig, 1, &said[8000..16_000]);
    rig.command(Command::MuteSource {
        source,
        muted: false,
    });
    let muted_to = rig.rtp(10).len();
    talker.talk(&mut rig, 1, &said[16_000..]);
    let rtp = rig.rtp(10);
    for packet in &rtp[muted_from..muted_to] {
        assert_eq!(
            (&packet.payload, &packet.csrcs),
            (&vec![0xff; 160], &vec![])
        );
    }
    let returned: Vec<u8> = rtp[muted_to..muted_to + 10]
        .iter()
        .flat_map(|rtp| rtp.payload.clone())
        .collect();
    assert!(
        said.windows(1600).any(|window| window == returned),
        "without a gap"
    );
    assert_eq!(rig.source_stats(1).restarts, 0);
}

#[test]
fn the_codec_of_a_source_may_change_in_mid_call() {
    let samples = speech(1, 16_000);
    let mut alaw = vec![0; 8000];
    sixreel_dataplane::codec::g711::encode_alaw(&samples[8000..], &mut alaw);
    let mut rig = Rig::recording(Codec::Pcmu);
    let mut talker = Talker::new(5);
    talker.talk(&mut rig, 1, &ulaw(&samples[..8000]));
    talker.payload_type = 8;
    talker.talk(&mut rig, 1, &alaw);
    let reference: Vec<f64> = samples[..15_000].iter().map(|s| f64::from(*s)).collect();
    let (ratio, _) = snr(&reference, &rig.heard(10, Codec::Pcmu), 0..800);
    assert!(ratio > 30.0, "{ratio} dB");
}

#[test]
fn contributors_are_listed_while_they_are_heard() {
    let said = ulaw(&speech(1, 8000));
    let mut rig = Rig::recording(Codec::Pcmu);
    rig.open_source(0, 2);
    rig.open_sink(0, 11);
    rig.command(Command::OpenSink {
        call: call(0),
        sink: stream(12),
        spec: SinkSpec {
            csrc: false,
            ..sink_spec(12)
        },
    });
    rig.set_sink(12, flow(Codec::Pcmu));
    let (mut alice, mut bob) = (Talker::new(5), Talker::new(6));
    for (n, payload) in said.chunks(160).enumerate() {
        bob.send(&mut rig, 2, payload);
        if n < 25 {
            alice.send(&mut rig, 1, payload);
        }
        rig.pass(20);
    }
    let lists: Vec<_> = rig.rtp(10).into_iter().map(|rtp| rtp.csrcs).collect();
    assert_eq!(lists[0], [0; 0], "nothing was heard yet");
    assert_eq!(lists[20], [1, 2], "in the order in which they were opened");
    assert_eq!(lists[45], [2], "what is invented is no contribution");
    assert!(
        rig.rtp(12).iter().all(|rtp| rtp.csrcs.is_empty()),
        "this recorder wants no lists"
    );
    assert!(
        rig.rtp(11).is_empty(),
        "a sink without a flow sends nothing"
    );
}

#[test]
fn telephone_events_and_comfort_noise_are_counted_and_not_heard() {
    let said = ulaw(&speech(1, 16_000));
    let mut rig = Rig::recording(Codec::Pcmu);
    let mut talker = Talker::new(5);
    talker.talk(&mut rig, 1, &said[..8000]);
    rig.pass(40);
    let quiet_from = rig.rtp(10).len() + 1;
    let timestamp = talker.timestamp;
    for n in 0..10 {
        talker.payload_type = 101;
        talker.timestamp = timestamp;
        talker.send(&mut rig, 1, &[5, 10, n, 0]);
        rig.pass(20);
    }
    talker.payload_type = 13;
    talker.timestamp = timestamp.wrapping_add(1920);
    talker.send(&mut rig, 1, &[60]);
    rig.pass(200);
    let quiet_to = rig.rtp(10).len();
    talker.payload_type = 0;
    talker.timestamp = timestamp.wrapping_add(3520);
    talker.talk(&mut rig, 1, &said[8000..]);
    rig.pass(1000);
    let rtp = rig.rtp(10);
    assert!(quiet_to - quiet_from > 15);
    for packet in &rtp[quiet_from..quiet_to] {
        assert_eq!(packet.payload, [0xff; 160]);
    }
    let stats = rig.source_stats(1);
    assert_eq!(
        (stats.telephone_events, stats.packets, stats.lost),
        (10, 111, 0)
    );
    assert_eq!(stats.late, 0);
}

#[test]
fn a_drifting_clock_is_followed_without_restarts() {
    // Two samples in a thousand: ten times what clocks really differ by.
    for nanos in [19_960_000u64, 20_040_000] {
        let said = ulaw(&speech(1, 8000 * 60));
        let mut rig = Rig::recording(Codec::Pcmu);
        let mut talker = Talker::new(5);
        let start = rig.now;
        for (n, payload) in said.chunks(160).enumerate() {
            rig.pass((n as u64 * nanos - rig.now.since(start).0) / 1_000_000);
            talker.send(&mut rig, 1, payload);
        }
        let stats = rig.source_stats(1);
        assert_eq!((stats.lost, stats.restarts), (0, 0));
        let moved = if nanos < 20_000_000 {
            stats.removed_samples
        } else {
            stats.inserted_samples + stats.concealed_samples
        };
        assert!((400..1400).contains(&moved), "{nanos}: {stats:?}");
        assert!(stats.delay_us < 110_000, "{nanos}: {stats:?}");
    }
}
