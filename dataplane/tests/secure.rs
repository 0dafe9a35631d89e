//! What goes out is protected, and what comes in is believed only if it is.

/// What the tests of this crate share.
mod common;

use std::net::SocketAddr;

use common::*;
use sixreel_dataplane::api::*;
use sixreel_dataplane::counters::Drop;
use sixreel_dataplane::srtp::{Keys, Kind, Receivers, Refusal, Senders, Suite};
use sixreel_dataplane::wire::rtcp::{Block, Compound};

const SUITE: Suite = Suite::AesCm128HmacSha1_80;

fn receiver(keys: &Keys) -> Receivers {
    let mut receivers = Receivers::new(1);
    receivers.open(0, keys).expect("there is a place");
    receivers
}

fn sender(keys: &Keys, ssrc: u32) -> Senders {
    let mut senders = Senders::new(1);
    senders.open(0, keys, ssrc).expect("there is a place");
    senders
}

/// A rig with one call, one source in clear and a sink with these keys.
fn recording(keys: &SinkKeys) -> Rig {
    let mut rig = Rig::new();
    rig.command(Command::OpenCall { call: call(0) });
    rig.open_source(0, 1);
    rig.open_sink(0, 10);
    set(&mut rig, Some(keys));
    rig
}

fn set(rig: &mut Rig, keys: Option<&SinkKeys>) {
    rig.command(Command::SetSink {
        sink: stream(10),
        flow: flow(Codec::Pcmu),
        keys: keys.cloned(),
    });
}

/// A rig with one call and a source with these keys.
fn source(keys: &Keys) -> Rig {
    let mut rig = Rig::new();
    rig.command(Command::OpenCall { call: call(0) });
    rig.command(Command::OpenSource {
        call: call(0),
        source: stream(1),
        spec: source_spec(1),
        keys: Some(keys.clone()),
    });
    rig
}

#[test]
fn what_a_sink_sends_is_for_those_who_have_its_key() {
    for suite in Suite::ALL {
        let agreed = sink_keys(suite, 20);
        let mut rig = recording(&agreed);
        let mut talker = Talker::new(5);
        talker.talk(&mut rig, 1, &[0x20; 160 * 150]);
        rig.command(Command::CloseCall { call: call(0) });

        let (mut theirs, mut thiefs) = (receiver(&agreed.ours), receiver(&keys(suite, 99)));
        let (mut rtp, mut rtcp) = (0, 0);
        for sent in &rig.sent {
            let kind = if sent.odd { Kind::Rtcp } else { Kind::Rtp };
            let stolen = unprotect(&mut thiefs, kind, &sent.data);
            assert_eq!(stolen, Err(Refusal::Authentication), "{suite:?}");
            let opened = unprotect(&mut theirs, kind, &sent.data).expect("it has the key");
            if sent.odd {
                assert!(Compound::parse(&opened).is_ok());
                rtcp += 1;
                continue;
            }
            let packet = read(&opened);
            let spoken = packet.payload.iter().all(|byte| *byte == 0x20);
            rtp += usize::from(spoken && packet.payload.len() == 160);
        }
        assert!(rtp > 140 && rtcp >= 2, "{suite:?}: {rtp} and {rtcp}");
        assert_eq!(rig.sink_stats(10).unsent, 0);
    }
}

#[test]
fn keys_that_were_in_use_encrypt_nothing_a_second_time() {
    let agreed = sink_keys(SUITE, 20);
    let mut rig = recording(&agreed);
    rig.pass(100);
    let before = rig.sent.len();
    set(&mut rig, Some(&agreed));
    rig.pass(100);
    assert_eq!(rig.sent.len(), before + 5, "the same keys go on");

    set(&mut rig, Some(&sink_keys(SUITE, 30)));
    rig.pass(100);
    assert_eq!(rig.sent.len(), before + 10, "new keys take their place");

    set(&mut rig, Some(&agreed));
    rig.pass(100);
    assert_eq!(rig.sent.len(), before + 10, "old ones are not taken again");
    assert_eq!(rig.drops(Drop::NoKeys), 5);
    rig.command(Command::CloseSink { sink: stream(10) });
    assert_eq!(
        rig.sink_stats(10).unsent,
        6,
        "not even a BYE goes out in clear"
    );
}

#[test]
fn a_key_that_replaces_another_begins_with_the_first_round() {
    let (old, new) = (sink_keys(SUITE, 20), sink_keys(SUITE, 30));
    let mut rig = recording(&old);
    rig.pass(100);
    set(&mut rig, Some(&new));
    rig.sent.clear();
    rig.pass(100);
    let mut theirs = receiver(&new.ours);
    for sent in &rig.sent {
        assert!(unprotect(&mut theirs, Kind::Rtp, &sent.data).is_ok());
    }
    assert_eq!(rig.sent.len(), 5);
}

#[test]
fn a_recorder_is_heard_only_with_its_key() {
    let agreed = sink_keys(SUITE, 20);
    let mut rig = recording(&agreed);
    rig.pass(100);
    let block = Block {
        ssrc: 1010,
        fraction_lost: 3,
        cumulative_lost: 4,
        highest_sequence: 0,
        jitter: 0,
        last_report: 0,
        delay: 0,
    };
    let said = recorder_says(&[block], true);
    let from = SocketAddr::from((RECORDER, 4001));
    let forged = protect(&mut sender(&agreed.ours, 7), Kind::Rtcp, &said);
    for packet in [&said, &forged] {
        rig.receive_rtcp(10, from, packet);
    }
    rig.pass(1000);
    assert_eq!(rig.sink_stats(10).report, None);
    assert_eq!(rig.drops(Drop::Authentication), 2);
    assert!(rig.changes().is_empty());

    let authentic = protect(&mut sender(&agreed.theirs, 7), Kind::Rtcp, &said);
    rig.receive_rtcp(10, from, &authentic);
    rig.pass(1000);
    let report = rig.sink_stats(10).report.expect("it is believed");
    assert_eq!(report.cumulative_lost, 4);
    assert_eq!(rig.changes(), [Event::SinkBye { sink: stream(10) }]);
}

#[test]
fn nothing_latches_a_secure_source_but_its_own_packets() {
    let right = keys(SUITE, 1);
    let mut rig = source(&right);
    let mut talker = Talker::new(5);
    let mut stranger = Talker::new(6);
    let mut forger = sender(&keys(SUITE, 2), 6);
    for _ in 0..20 {
        let clear = stranger.packet(&[0x20; 160]);
        let forged = protect(&mut forger, Kind::Rtp, &clear);
        for packet in [clear, forged, vec![0x80; 5]] {
            rig.receive(1, stranger.from, &packet);
        }
        rig.pass(20);
    }
    let unauthentic = Event::SourceUnauthentic {
        source: stream(1),
        remote: stranger.from,
    };
    assert_eq!(rig.changes(), [unauthentic], "told once");
    rig.pass(1000);
    let stats = rig.source_stats(1);
    assert_eq!(
        (stats.remote, stats.packets, stats.unauthentic),
        (None, 0, 60)
    );

    let mut phone = sender(&right, 5);
    let mut packets = Vec::new();
    for _ in 0..50 {
        packets.push(protect(&mut phone, Kind::Rtp, &talker.packet(&[0x20; 160])));
        rig.receive(1, talker.from, packets.last().expect("just pushed"));
        rig.pass(20);
    }
    rig.receive(1, stranger.from, &packets[40]);
    rig.pass(1000);
    let stats = rig.source_stats(1);
    assert_eq!((stats.remote, stats.packets), (Some(talker.from), 50));
    assert_eq!((stats.unauthentic, stats.replayed), (60, 1));
    assert_eq!(rig.drops(Drop::Replay), 1);
}

#[test]
fn a_forger_beside_a_good_stream_is_counted_and_not_told() {
    let right = keys(SUITE, 1);
    let mut rig = source(&right);
    let (mut talker, mut phone) = (Talker::new(5), sender(&right, 5));
    for _ in 0..50 {
        let packet = protect(&mut phone, Kind::Rtp, &talker.packet(&[0x20; 160]));
        let mut forged = packet.clone();
        forged[20] ^= 1;
        rig.receive(1, talker.from, &forged);
        rig.receive(1, talker.from, &packet);
        rig.pass(20);
    }
    rig.pass(1000);
    assert_eq!(rig.source_stats(1).unauthentic, 50);
    let told = |event: &Event| matches!(event, Event::SourceUnauthentic { .. });
    assert!(!rig.changes().iter().any(told));
}

#[test]
fn an_authentic_bye_frees_a_secure_source_and_a_forged_one_does_not() {
    let right = keys(SUITE, 1);
    let mut rig = source(&right);
    let (mut talker, mut phone) = (Talker::new(7), sender(&right, 7));
    let mut say = |rig: &mut Rig, from| {
        let packet = protect(&mut phone, Kind::Rtp, &talker.packet(&[0x20; 160]));
        rig.receive(1, from, &packet);
        rig.pass(1100);
        rig.source_stats(1).remote
    };
    let (here, there) = (address(7), address(8));
    assert_eq!(say(&mut rig, here), Some(here));
    let bye = recorder_says(&[], true);
    rig.receive_rtcp(1, here, &bye);
    assert_eq!(say(&mut rig, there), Some(here));
    let mut control = sender(&right, 7);
    let authentic = protect(&mut control, Kind::Rtcp, &bye);
    rig.receive_rtcp(1, here, &authentic);
    assert_eq!(say(&mut rig, there), Some(there));
}
