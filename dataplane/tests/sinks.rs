//! What is sent to a recorder, and what it answers.

/// What the tests of this crate share.
mod common;

use std::net::SocketAddr;

use common::*;
use sixreel_dataplane::api::*;
use sixreel_dataplane::counters::Drop;
use sixreel_dataplane::time::Nanos;
use sixreel_dataplane::wire::rtcp::{Block, Compound, Item, SenderInfo};

fn paused(codec: Codec) -> SinkFlow {
    SinkFlow {
        sending: false,
        ..flow(codec)
    }
}

fn recorder(port: u16) -> SocketAddr {
    SocketAddr::from((RECORDER, port))
}

/// What a compound packet of ours says.
struct Said {
    sender: Option<SenderInfo>,
    names: Vec<(u32, Vec<u8>)>,
    bye: bool,
}

fn said(sent: &Sent) -> Said {
    let compound = Compound::parse(&sent.data).expect("RTCP was sent");
    let items: Vec<_> = compound.items().collect();
    let [
        Item::Report {
            ssrc: 1010, sender, ..
        },
        Item::Description(names),
        rest @ ..,
    ] = &items[..]
    else {
        panic!("{items:?}");
    };
    Said {
        sender: *sender,
        names: names
            .iter()
            .map(|chunk| (chunk.ssrc, chunk.cname.expect("each has a name").to_vec()))
            .collect(),
        bye: matches!(rest, [Item::Bye(_)]),
    }
}

#[test]
fn a_packet_is_sent_each_period_through_all_silence() {
    let mut rig = Rig::recording(Codec::Pcma);
    rig.pass(10_000);
    let sent = rig.rtp(10);
    assert_eq!(sent.len(), 500);
    for (n, rtp) in sent.iter().enumerate() {
        assert_eq!(rtp.sequence, 32_000u16.wrapping_add(n as u16));
        assert_eq!(
            rtp.timestamp,
            (u32::MAX - 1000).wrapping_add(160 * n as u32)
        );
        assert_eq!((rtp.marker, rtp.payload_type, rtp.ssrc), (n == 0, 8, 1010));
        assert_eq!(rtp.payload, [0xd5; 160]);
    }
    let times: Vec<_> = rig
        .sent
        .iter()
        .filter(|sent| !sent.odd)
        .map(|sent| sent.at)
        .collect();
    for pair in times.windows(2) {
        assert_eq!(pair[1].since(pair[0]), Nanos::from_millis(20));
    }
    assert!(
        rig.sent
            .iter()
            .filter(|sent| !sent.odd)
            .all(|sent| sent.to == recorder(4000))
    );
}

#[test]
fn a_pause_moves_the_timestamp_and_not_the_sequence() {
    let mut rig = Rig::recording(Codec::Pcmu);
    rig.pass(1000);
    rig.set_sink(10, paused(Codec::Pcmu));
    rig.pass(3000);
    rig.set_sink(10, flow(Codec::Pcmu));
    rig.pass(1000);
    let sent = rig.rtp(10);
    assert_eq!(sent.len(), 100);
    let (before, after) = (&sent[49], &sent[50]);
    assert_eq!(after.sequence, before.sequence.wrapping_add(1));
    assert_eq!(after.timestamp, before.timestamp.wrapping_add(160 * 151));
    let marked: Vec<_> = sent
        .iter()
        .enumerate()
        .filter(|(_, rtp)| rtp.marker)
        .collect();
    assert_eq!(marked.iter().map(|(n, _)| *n).collect::<Vec<_>>(), [0, 50]);
}

#[test]
fn a_recorder_that_begins_inactive_is_marked_when_it_starts() {
    let mut rig = Rig::new();
    rig.command(Command::OpenCall { call: call(0) });
    rig.open_sink(0, 10);
    rig.pass(200);
    rig.set_sink(10, paused(Codec::Pcmu));
    rig.pass(200);
    assert!(rig.rtp(10).is_empty());
    rig.set_sink(10, flow(Codec::Pcmu));
    rig.pass(40);
    let sent = rig.rtp(10);
    assert!(sent[0].marker && !sent[1].marker);
    assert_eq!(sent[0].sequence, 32_000);
    assert_eq!(sent[0].timestamp, (u32::MAX - 1000).wrapping_add(160 * 20));
}

#[test]
fn codec_and_destination_may_change_in_mid_call() {
    let said = ulaw(&speech(1, 16_000));
    let mut rig = Rig::recording(Codec::Pcmu);
    let mut talker = Talker::new(5);
    talker.talk(&mut rig, 1, &said[..8000]);
    let moved = SinkFlow {
        remote: recorder(5000),
        payload_type: 96,
        ..flow(Codec::Pcma)
    };
    rig.set_sink(10, moved);
    talker.talk(&mut rig, 1, &said[8000..]);
    let sent = rig.rtp(10);
    assert_eq!((sent[49].payload_type, sent[50].payload_type), (0, 96));
    assert!(!sent[50].marker);
    assert_eq!(sent[50].timestamp, sent[49].timestamp.wrapping_add(160));
    let to: Vec<_> = rig
        .sent
        .iter()
        .filter(|sent| !sent.odd)
        .map(|sent| sent.to)
        .collect();
    assert_eq!((to[49], to[50]), (recorder(4000), recorder(5000)));
    let heard: Vec<i16> = sent
        .iter()
        .flat_map(|rtp| {
            let codec = if rtp.payload_type == 0 {
                Codec::Pcmu
            } else {
                Codec::Pcma
            };
            decode(codec, &rtp.payload)
        })
        .collect();
    let reference: Vec<f64> = decode(Codec::Pcmu, &said[..15_000])
        .into_iter()
        .map(f64::from)
        .collect();
    assert!(snr(&reference, &heard, 0..800).0 > 30.0);
}

#[test]
fn slots_that_a_late_worker_skips_leave_a_hole_in_the_timestamps_only() {
    let mut rig = Rig::recording(Codec::Pcmu);
    rig.pass(100);
    rig.now = rig.now.after(Nanos::from_millis(500));
    while rig.pipeline.next_slot().is_some_and(|due| due <= rig.now) {
        rig.tick();
    }
    rig.pass(100);
    let sent = rig.rtp(10);
    let hole = sent
        .windows(2)
        .find(|pair| pair[1].timestamp.wrapping_sub(pair[0].timestamp) > 160);
    let [before, after] = hole.expect("slots were skipped") else {
        unreachable!("windows of two");
    };
    assert_eq!(after.sequence, before.sequence.wrapping_add(1));
    let jump = after.timestamp.wrapping_sub(before.timestamp);
    assert_eq!((jump % 160, jump / 160 >= 13), (0, true), "{jump}");
    assert!(rig.pipeline.stats().slots_skipped >= 130);
    let slot = rig.sent.iter().rfind(|sent| !sent.odd).unwrap().at;
    let first = rig.sent.iter().find(|sent| !sent.odd).unwrap().at;
    let passed = slot.since(first).0 / 125_000;
    let last = sent.last().unwrap().timestamp;
    assert_eq!(
        u64::from(last.wrapping_sub(sent[0].timestamp)),
        passed,
        "it keeps to the clock"
    );
}

#[test]
fn reports_go_out_every_few_seconds_and_go_on_through_a_pause() {
    let mut rig = Rig::recording(Codec::Pcmu);
    Talker::new(5).talk(&mut rig, 1, &[0x20; 160 * 150]);
    rig.pass(57_000);
    rig.set_sink(10, paused(Codec::Pcmu));
    let pause = rig.now;
    rig.pass(60_000);
    let sent = rig.rtcp(10);
    assert!((17..32).contains(&sent.len()), "{}", sent.len());
    assert!(sent[0].at.since(Nanos::from_millis(1000)) <= Nanos::from_millis(2500));
    assert!(
        sent.iter()
            .all(|sent| sent.odd && sent.to == recorder(4001))
    );
    let (own, source) = ((1010, b"sixreel".to_vec()), (1, b"source-1".to_vec()));
    for sent in &sent {
        let Said { sender, names, bye } = said(sent);
        assert_eq!(names, [own.clone(), source.clone()]);
        assert!(!bye);
        let Some(sender) = sender else {
            assert!(
                sent.at > pause,
                "only a stream that flows reports as sender"
            );
            continue;
        };
        assert_eq!(sender.ntp, sent.at.ntp(EPOCH_NTP));
        assert_eq!(sender.octets, sender.packets * 160);
    }
    assert!(
        said(sent.last().unwrap()).sender.is_none(),
        "no longer a sender"
    );
    assert!(sent.iter().any(|sent| sent.at > pause));
}

#[test]
fn a_report_ties_the_timestamps_to_the_wall_clock() {
    let mut rig = Rig::recording(Codec::Pcmu);
    rig.pass(5000);
    let sender = said(&rig.rtcp(10)[0]).sender.unwrap();
    let at = rig.rtcp(10)[0].at;
    let before = rig
        .sent
        .iter()
        .rfind(|sent| !sent.odd && sent.at <= at)
        .unwrap();
    let since = at.since(before.at).0 / 125_000;
    assert_eq!(
        sender.rtp,
        read(&before.data).timestamp.wrapping_add(since as u32)
    );
}

#[test]
fn reports_name_contributors_only_where_the_recorder_wants_them() {
    let mut rig = Rig::recording(Codec::Pcmu);
    rig.open_source(0, 2);
    rig.command(Command::CloseSink { sink: stream(10) });
    let spec = SinkSpec {
        csrc: false,
        ..sink_spec(10)
    };
    let sink = StreamId(Handle {
        index: 10,
        generation: 2,
    });
    rig.command(Command::OpenSink {
        call: call(0),
        sink,
        spec,
    });
    rig.command(Command::SetSink {
        sink,
        flow: flow(Codec::Pcmu),
    });
    Talker::new(5).talk(&mut rig, 1, &[0x20; 160 * 200]);
    assert_eq!(said(&rig.rtcp(10)[0]).names, [(1010, b"sixreel".to_vec())]);
}

#[test]
fn a_stopped_sink_is_silent_until_it_is_set_again() {
    let mut rig = Rig::recording(Codec::Pcmu);
    rig.pass(100);
    rig.command(Command::StopSink { sink: stream(10) });
    let (rtp, rtcp) = (rig.rtp(10).len(), rig.rtcp(10).len());
    rig.pass(20_000);
    assert_eq!((rig.rtp(10).len(), rig.rtcp(10).len()), (rtp, rtcp));
    rig.set_sink(10, flow(Codec::Pcma));
    rig.pass(100);
    let resumed = &rig.rtp(10)[rtp..];
    assert_eq!(resumed.len(), 5);
    assert!(resumed[0].marker, "a talk begins with the marker");
}

#[test]
fn multiplexed_reports_use_the_ports_of_rtp() {
    let mut rig = Rig::recording(Codec::Pcmu);
    let muxed = SinkFlow {
        rtcp: RtcpRemote::Mux,
        ..flow(Codec::Pcmu)
    };
    rig.set_sink(10, muxed);
    rig.pass(5000);
    let sent = rig.rtcp(10);
    assert!(!sent.is_empty());
    assert!(
        sent.iter()
            .all(|sent| !sent.odd && sent.to == recorder(4000))
    );
}

#[test]
fn the_end_is_said_to_who_heard_anything() {
    let mut rig = Rig::recording(Codec::Pcmu);
    rig.pass(100);
    rig.command(Command::CloseSink { sink: stream(10) });
    let Said { sender, names, bye } = said(rig.rtcp(10).last().unwrap());
    assert_eq!(sender.unwrap().packets, 5);
    assert_eq!((names.len(), bye), (1, true));
    assert_eq!(rig.sink_stats(10).packets, 5);
    let count = rig.sent.len();
    rig.pass(100);
    assert_eq!(rig.sent.len(), count);
}

#[test]
fn the_end_is_not_said_to_who_heard_nothing() {
    let mut rig = Rig::new();
    rig.command(Command::OpenCall { call: call(0) });
    rig.open_sink(0, 10);
    rig.open_sink(0, 11);
    rig.set_sink(11, paused(Codec::Pcmu));
    rig.pass(100);
    rig.command(Command::CloseSink { sink: stream(10) });
    rig.command(Command::CloseCall { call: call(0) });
    assert!(rig.sent.is_empty());
}

#[test]
fn closing_a_call_ends_all_its_streams() {
    let mut rig = Rig::recording(Codec::Pcmu);
    rig.open_sink(0, 11);
    rig.set_sink(11, flow(Codec::Pcma));
    Talker::new(5).talk(&mut rig, 1, &[0x20; 1600]);
    rig.command(Command::CloseCall { call: call(0) });
    let byes: Vec<_> = rig
        .sent
        .iter()
        .rev()
        .take(2)
        .map(|sent| (sent.pair, sent.odd))
        .collect();
    assert_eq!(byes, [(11, true), (10, true)]);
    let stats = rig.pipeline.stats();
    assert_eq!(
        (stats.calls, stats.sources, stats.sinks, stats.frames_used),
        (0, 0, 0, 0)
    );
    assert_eq!(rig.pipeline.next_slot(), None);
    for index in [10, 11] {
        assert_eq!(rig.sink_stats(index).packets, 10);
    }
    assert_eq!(rig.source_stats(1).packets, 10);
}

#[test]
fn the_recorders_reports_are_kept() {
    let mut rig = Rig::recording(Codec::Pcmu);
    rig.pass(5000);
    let report = rig.rtcp(10)[0].clone();
    let sender = said(&report).sender.unwrap();
    let block = Block {
        ssrc: 1010,
        fraction_lost: 12,
        cumulative_lost: 34,
        highest_sequence: 0,
        jitter: 8,
        last_report: (sender.ntp >> 16) as u32,
        delay: 0,
    };
    rig.receive_rtcp(10, recorder(9), &recorder_says(&[block], false));
    rig.pass(1000);
    let heard = rig.sink_stats(10).report.unwrap();
    assert_eq!(
        (heard.fraction_lost, heard.cumulative_lost, heard.jitter_us),
        (12, 34, 1000)
    );
    let expected_us = Nanos::from_millis(6000).since(report.at).0 / 1000;
    assert!(
        u64::from(heard.round_trip_us).abs_diff(expected_us) < 100,
        "{heard:?}"
    );
}

#[test]
fn bye_of_the_recorder_is_told_once_and_only_believed_from_its_host() {
    let mut rig = Rig::recording(Codec::Pcmu);
    rig.pass(100);
    rig.receive_rtcp(10, address(1), &recorder_says(&[], true));
    rig.receive_rtcp(10, recorder(4001), &recorder_says(&[], false));
    rig.pass(20);
    assert_eq!((rig.changes(), rig.drops(Drop::Remote)), (vec![], 1));
    for _ in 0..3 {
        rig.receive(10, recorder(4000), &recorder_says(&[], true));
        rig.pass(100);
    }
    assert_eq!(rig.changes(), [Event::SinkBye { sink: stream(10) }]);
}

#[test]
fn rtp_of_the_recorder_is_not_wanted() {
    let mut rig = Rig::recording(Codec::Pcmu);
    let mut talker = Talker::new(5);
    talker.send(&mut rig, 10, &[0x20; 160]);
    assert_eq!(rig.drops(Drop::RtpAtSink), 1);
}

#[test]
fn what_the_port_could_not_send_is_counted() {
    let mut rig = Rig::recording(Codec::Pcmu);
    rig.pass(1000);
    rig.pipeline.unsent(10);
    rig.pipeline.unsent(1);
    rig.pipeline.unsent(900_000);
    rig.pass(1000);
    assert_eq!((rig.sink_stats(10).unsent, rig.drops(Drop::Unsent)), (1, 3));
}

#[test]
fn late_words_about_the_gone_reach_nobody() {
    let mut rig = Rig::recording(Codec::Pcmu);
    rig.command(Command::CloseSink { sink: stream(10) });
    let next = StreamId(Handle {
        index: 10,
        generation: 2,
    });
    rig.command(Command::OpenSink {
        call: call(0),
        sink: next,
        spec: sink_spec(10),
    });
    rig.set_sink(10, flow(Codec::Pcmu));
    rig.command(Command::CloseSink { sink: stream(10) });
    rig.command(Command::CloseSource { source: next });
    rig.command(Command::CloseCall { call: call(3) });
    rig.command(Command::CloseCall { call: call(99) });
    rig.command(Command::OpenCall { call: call(0) });
    rig.open_source(0, 1);
    rig.pass(100);
    assert!(rig.rtp(10).is_empty());
    let stats = rig.pipeline.stats();
    assert_eq!((stats.calls, stats.sources, stats.sinks), (1, 1, 1));
    assert_eq!(stats.commands_ignored, 7);
}

#[test]
fn no_more_is_opened_than_the_limits_allow() {
    let mut rig = Rig::new();
    for index in 0..LIMITS.calls + 1 {
        rig.command(Command::OpenCall { call: call(index) });
    }
    for index in 0..LIMITS.sources_per_call + 1 {
        rig.open_source(0, index);
    }
    for index in 10..10 + LIMITS.sinks_per_call + 1 {
        rig.open_sink(0, index);
    }
    rig.open_sink(1, LIMITS.streams);
    let stats = rig.pipeline.stats();
    assert_eq!((stats.calls, stats.sources, stats.sinks), (8, 4, 6));
    assert_eq!(stats.commands_ignored, 4);
    rig.pass(100);
}
