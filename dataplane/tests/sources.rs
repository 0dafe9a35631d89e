//! Who may feed a source, and what is told of it.

/// What the tests of this crate share.
mod common;

use std::net::SocketAddr;

use common::*;
use sixreel_dataplane::api::*;
use sixreel_dataplane::counters::Drop;
use sixreel_dataplane::wire::rtcp;

const SAID: [u8; 160] = [0x20; 160];

fn source_with(remote: AllowedRemote) -> Rig {
    let mut rig = Rig::new();
    rig.command(Command::OpenCall { call: call(0) });
    let spec = SourceSpec {
        remote,
        ..source_spec(1)
    };
    rig.command(Command::OpenSource {
        call: call(0),
        source: stream(1),
        spec,
    });
    rig
}

fn latched(remote: SocketAddr, ssrc: u32) -> Event {
    Event::SourceLatched {
        source: stream(1),
        remote,
        ssrc,
    }
}

fn bye(ssrc: u32) -> Vec<u8> {
    let report = rtcp::Report {
        ssrc,
        sender: None,
        blocks: &[],
    };
    let mut out = [0; rtcp::MAX_LEN];
    let len = rtcp::write(&mut out, &report, std::iter::empty(), true);
    out[..len].to_vec()
}

#[test]
fn the_first_sender_is_latched_and_others_are_kept_out() {
    let mut rig = source_with(AllowedRemote::First);
    let (mut alice, mut mallory) = (Talker::new(5), Talker::new(6));
    for _ in 0..20 {
        alice.send(&mut rig, 1, &SAID);
        mallory.send(&mut rig, 1, &SAID);
        rig.pass(20);
    }
    assert_eq!(rig.changes(), [latched(alice.from, 5)]);
    assert_eq!(rig.drops(Drop::Remote), 20);
}

#[test]
fn after_three_seconds_of_silence_another_may_send() {
    let mut rig = source_with(AllowedRemote::First);
    let (mut before, mut after) = (Talker::new(5), Talker::new(6));
    before.send(&mut rig, 1, &SAID);
    rig.pass(2990);
    after.send(&mut rig, 1, &SAID);
    assert_eq!(rig.drops(Drop::Remote), 1);
    rig.pass(20);
    after.send(&mut rig, 1, &SAID);
    rig.pass(20);
    before.send(&mut rig, 1, &SAID);
    assert_eq!(
        rig.changes(),
        [latched(before.from, 5), latched(after.from, 6)]
    );
    assert_eq!(rig.drops(Drop::Remote), 2);
}

#[test]
fn only_the_permitted_address_is_latched() {
    let permitted = address(5);
    let other_port = address(6);
    let other_host = SocketAddr::from(([192, 0, 2, 99], permitted.port()));
    for (remote, allowed) in [
        (AllowedRemote::First, [true, true, true]),
        (AllowedRemote::Address(permitted.ip()), [true, true, false]),
        (AllowedRemote::Exact(permitted), [true, false, false]),
    ] {
        for (from, allowed) in [permitted, other_port, other_host].into_iter().zip(allowed) {
            let mut rig = source_with(remote);
            let mut talker = Talker::new(5);
            talker.from = from;
            talker.send(&mut rig, 1, &SAID);
            rig.pass(20);
            assert_eq!(
                rig.changes() == [latched(from, 5)],
                allowed,
                "{remote:?} {from}"
            );
            assert_eq!(rig.drops(Drop::Remote), u64::from(!allowed));
        }
    }
}

#[test]
fn a_new_ssrc_is_believed_with_its_second_packet() {
    let mut rig = source_with(AllowedRemote::First);
    let (mut before, mut after, mut stray) = (Talker::new(5), Talker::new(6), Talker::new(7));
    (after.from, stray.from) = (before.from, before.from);
    before.send(&mut rig, 1, &SAID);
    stray.send(&mut rig, 1, &SAID);
    before.send(&mut rig, 1, &SAID);
    stray.send(&mut rig, 1, &SAID);
    rig.pass(20);
    assert_eq!(
        rig.changes(),
        [latched(before.from, 5)],
        "its packets were not consecutive"
    );
    after.send(&mut rig, 1, &SAID);
    after.send(&mut rig, 1, &SAID);
    rig.pass(20);
    assert_eq!(rig.changes()[1..], [latched(after.from, 6)]);
    assert_eq!(rig.drops(Drop::Ssrc), 3);
    rig.pass(1000);
    assert_eq!(rig.source_stats(1).restarts, 1);
}

#[test]
fn the_mix_goes_on_while_a_source_changes_its_ssrc() {
    let said = ulaw(&speech(1, 16_000));
    let mut rig = Rig::recording(Codec::Pcmu);
    let mut talker = Talker::new(5);
    talker.talk(&mut rig, 1, &said[..8000]);
    let mut another = Talker::new(6);
    another.from = talker.from;
    another.talk(&mut rig, 1, &said[8000..]);
    let sent = rig.rtp(10);
    for (before, after) in sent.iter().zip(&sent[1..]) {
        assert_eq!(after.timestamp.wrapping_sub(before.timestamp), 160);
    }
    let heard: Vec<u8> = sent.into_iter().flat_map(|rtp| rtp.payload).collect();
    let resumed = &said[8160..14_000];
    assert!(
        heard.windows(resumed.len()).any(|w| w == resumed),
        "all but the first packet"
    );
}

#[test]
fn bye_frees_the_latch_if_it_comes_from_the_latched_host() {
    let mut rig = source_with(AllowedRemote::First);
    let (mut alice, mut bob) = (Talker::new(5), Talker::new(6));
    let elsewhere = SocketAddr::from(([203, 0, 113, 1], 5));
    alice.send(&mut rig, 1, &SAID);
    rig.receive_rtcp(1, elsewhere, &bye(5));
    rig.receive_rtcp(1, address(77), &bye(99));
    bob.send(&mut rig, 1, &SAID);
    assert_eq!(rig.drops(Drop::Remote), 2, "still alice's");
    rig.receive(1, address(77), &bye(5));
    bob.send(&mut rig, 1, &SAID);
    rig.pass(20);
    assert_eq!(rig.changes(), [latched(bob.from, 6)]);
    assert_eq!(rig.drops(Drop::Remote), 2);
}

#[test]
fn silence_loss_and_return_are_told_once_each() {
    let mut rig = source_with(AllowedRemote::First);
    let source = stream(1);
    let mut talker = Talker::new(5);
    talker.talk(&mut rig, 1, &[0x20; 1600]);
    rig.pass(4700);
    assert_eq!(rig.changes(), [latched(talker.from, 5)]);
    rig.pass(400);
    assert_eq!(rig.changes()[1..], [Event::SourceSilent { source }]);
    talker.send(&mut rig, 1, &SAID);
    rig.pass(31_000);
    let more = [
        Event::SourceHeard { source },
        Event::SourceSilent { source },
        Event::SourceLost { source },
    ];
    assert_eq!(rig.changes()[2..], more);
    talker.send(&mut rig, 1, &SAID);
    rig.pass(20);
    assert_eq!(rig.changes()[5..], [Event::SourceHeard { source }]);
}

#[test]
fn a_source_that_never_sends_is_silent_too() {
    let mut rig = source_with(AllowedRemote::First);
    let source = stream(1);
    rig.pass(4900);
    assert_eq!(rig.changes(), []);
    rig.pass(26_000);
    assert_eq!(
        rig.changes(),
        [Event::SourceSilent { source }, Event::SourceLost { source }]
    );
    let mut talker = Talker::new(5);
    talker.send(&mut rig, 1, &SAID);
    rig.pass(20);
    assert_eq!(
        rig.changes()[2..],
        [latched(talker.from, 5), Event::SourceHeard { source }]
    );
}

#[test]
fn figures_are_told_once_a_second_and_at_the_end() {
    let mut rig = source_with(AllowedRemote::First);
    Talker::new(5).talk(&mut rig, 1, &[0x20; 160 * 250]);
    let stats = |rig: &Rig| {
        rig.told
            .iter()
            .filter(|event| matches!(event, Event::SourceStats { .. }))
            .count()
    };
    assert_eq!(stats(&rig), 5);
    rig.command(Command::CloseSource { source: stream(1) });
    assert_eq!(stats(&rig), 6);
    let last = rig.source_stats(1);
    assert_eq!((last.packets, last.bytes), (250, 40_000));
    assert_eq!(last.remote, Some(address(5)));
}

#[test]
fn what_is_not_the_sources_audio_is_dropped_with_its_reason() {
    let mut rig = source_with(AllowedRemote::First);
    let mut talker = Talker::new(5);
    let good = talker.packet(&SAID);
    let at = |index: usize, value: u8| {
        let mut bad = good.clone();
        bad[index] = value;
        bad
    };
    rig.receive(1, talker.from, &good[..11]);
    rig.receive(1, talker.from, &at(0, 0x9f));
    rig.receive(1, talker.from, &at(0, 0x40));
    rig.receive(1, talker.from, &at(1, 9));
    rig.receive(1, talker.from, &good[..12]);
    let long = talker.packet(&[0; 481]);
    rig.receive(1, talker.from, &long);
    rig.receive(7, talker.from, &good);
    rig.receive(700_000, talker.from, &good);
    rig.receive_rtcp(1, talker.from, &good);
    rig.pass(20);
    assert_eq!(rig.changes(), [], "none of them latched");
    rig.receive(1, talker.from, &good);
    rig.receive(1, talker.from, &good);
    for (reason, count) in [
        (Drop::Malformed, 2),
        (Drop::Version, 1),
        (Drop::PayloadType, 1),
        (Drop::PayloadSize, 2),
        (Drop::NoStream, 2),
        (Drop::RtcpMalformed, 1),
        (Drop::Duplicate, 1),
    ] {
        assert_eq!(rig.drops(reason), count, "{reason:?}");
    }
}

#[test]
fn padding_contributors_and_extensions_are_stepped_over() {
    let said = ulaw(&speech(1, 8000));
    let mut rig = Rig::recording(Codec::Pcmu);
    let mut talker = Talker::new(5);
    for payload in said.chunks(160) {
        let plain = talker.packet(payload);
        let mut packet = plain[..12].to_vec();
        packet[0] |= 0x31;
        packet.extend_from_slice(&[0, 0, 0, 9]);
        packet.extend_from_slice(&[0xbe, 0xde, 0, 1, 0x10, 0xff, 0, 0]);
        packet.extend_from_slice(payload);
        packet.extend_from_slice(&[0, 0, 0, 4]);
        rig.receive(1, talker.from, &packet);
        rig.pass(20);
    }
    rig.pass(100);
    let heard: Vec<u8> = rig
        .rtp(10)
        .into_iter()
        .flat_map(|rtp| rtp.payload)
        .collect();
    assert!(heard.windows(said.len()).any(|window| window == said));
}

#[test]
fn one_source_cannot_take_all_frames() {
    let mut rig = Rig::with(Limits {
        frames: 60,
        ..LIMITS
    });
    rig.command(Command::OpenCall { call: call(0) });
    rig.open_source(0, 1);
    rig.open_source(0, 2);
    let (mut flood, mut fair) = (Talker::new(5), Talker::new(6));
    for _ in 0..200 {
        flood.send(&mut rig, 1, &[0x20; 8]);
    }
    assert_eq!(rig.drops(Drop::NoFrame), 0);
    assert!(rig.drops(Drop::Early) > 100);
    fair.send(&mut rig, 2, &SAID);
    assert_eq!(rig.drops(Drop::NoFrame), 0);
    rig.pass(40);
    for _ in 0..50 {
        fair.send(&mut rig, 2, &SAID[..80]);
        flood.send(&mut rig, 1, &[0x20; 8]);
    }
    assert!(
        rig.drops(Drop::NoFrame) > 0,
        "two floods take more than there is"
    );
    assert_eq!(rig.pipeline.stats().frames_used, 60);
}
