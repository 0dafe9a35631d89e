//! Recorders that are slow, silent, strange or gone, next to others that are not.

use serde_json::json;
use sixreel_controlplane::sdp::Codec;
use sixreel_dataplane::time::Nanos;
use sixreel_srs::behaviour::{Answer, Behaviour, Manner, Step, Wish};
use sixreel_srs::event::Event;
use sixreel_srs::facts::EndFacts;
use sixreel_tests::agenda::Fault;
use sixreel_tests::network::Outage;
use sixreel_tests::world::{Plan, World};

use super::call::*;

fn slow(ms: u64) -> Behaviour {
    Behaviour::Record(Manner {
        answer_after: ms_after(ms),
        ..Manner::default()
    })
}

fn answers(answer: Answer) -> Behaviour {
    Behaviour::Record(Manner {
        answer,
        ..Manner::default()
    })
}

/// When a recorder heard of the call for the first time, in ms.
fn first_packet_ms(world: &World, recorder: usize) -> u64 {
    world.recorders[recorder].rtp[0].at.0 / Nanos::MILLI.0
}

/// The events about recordings, in short.
fn told_of(world: &World, recorder: usize) -> Vec<(&'static str, String)> {
    let id = format!("r{recorder}");
    let told = world.site.told.iter().map(|(_, event)| event);
    let told = told.filter(|event| {
        let recorder = event.recorder.as_ref();
        recorder.is_some_and(|name| name.as_str() == id)
    });
    told.map(|event| (event.kind.name(), event.detail.clone().unwrap_or_default()))
        .collect()
}

/// RFC 7866 §7.2: not ready at first.
#[test]
fn a_recorder_that_is_not_ready_gets_the_stream_when_it_asks_for_it() {
    let mut world = world(&[tcp(Behaviour::Record(Manner {
        begin: Wish::Pause,
        steps: vec![(ms_after(3_000), Step::Want(Wish::Receive))],
        ..Manner::default()
    }))]);
    start(&mut world);
    join(&mut world, 0);
    world.run(2_900);
    assert!(world.recorders[0].rtp.is_empty());
    assert_eq!(recording(&mut world, 0)["state"], "paused");
    world.run(2_100);
    assert_eq!(recording(&mut world, 0)["state"], "recording");
    assert_eq!(heard(only(&world.recorders[0])), [0]);
    let invites = world.recorders[0]
        .heard
        .iter()
        .filter(|message| is_invite(message));
    assert_eq!(invites.count(), 1, "nothing was new for the recorder");
    check_received(&world);
    stop(&mut world);
    check_empty(&mut world);
}

/// A recorder's pause is its own: what else is told does not end it.
#[test]
fn a_recorder_that_takes_a_pause_is_not_talked_out_of_it() {
    let mut world = world(&[udp(steps(&[
        (1_000, Step::Want(Wish::Pause)),
        (6_000, Step::Want(Wish::Receive)),
    ]))]);
    start(&mut world);
    join(&mut world, 0);
    world.run(2_000);
    let invites = |world: &World| {
        let heard = world.recorders[0].heard.iter();
        heard.filter(|message| is_invite(message)).count()
    };
    assert_eq!(invites(&world), 1, "a pause is no news");
    assert!(latest(&world, 0, 900).is_empty());
    join(&mut world, 1);
    world.run(2_000);
    assert_eq!(invites(&world), 2);
    assert!(latest(&world, 0, 1_900).is_empty());
    world.run(3_500);
    assert_eq!(invites(&world), 2);
    assert_eq!(heard(only(&world.recorders[0])), [0, 1]);
    check_received(&world);
    stop(&mut world);
    check_empty(&mut world);
}

#[test]
fn nobody_waits_for_a_recorder_that_is_slow_silent_or_talks_nonsense() {
    let mut world = world(&[
        udp(slow(4_000)),
        udp(Behaviour::Ignore),
        tcp(answers(Answer::Nonsense)),
        tcp(answers(Answer::Nothing)),
        tcp(records()),
    ]);
    let garbled = sixreel_tests::network::Node::Recorder(2);
    world.network.link(garbled).weather.garbled = 1_000;
    start(&mut world);
    join(&mut world, 0);
    world.run(3_000);
    assert!(first_packet_ms(&world, 4) < 50);
    join(&mut world, 1);
    world.run(2_000);
    assert_eq!(heard(only(&world.recorders[4])), [0, 1]);
    assert_eq!(heard(only(&world.recorders[0])), [0, 1]);
    assert!(first_packet_ms(&world, 0) < 4_050);
    let states = [1, 2, 3].map(|recorder| recording(&mut world, recorder)["state"].clone());
    assert!(!states.contains(&json!("recording")), "{states:?}");
    stop(&mut world);
    world.run(20);
    assert!(world.recorders[4].recordings[0].is_over);
    check_empty(&mut world);
}

/// An INVITE that fails is known within its budget, whatever fails it.
#[test]
fn a_failed_invite_is_known_within_its_budget() {
    let outages = [None, Some(Outage::BlackHole), Some(Outage::Refused)];
    for plan in [tcp(Behaviour::Ignore), udp(Behaviour::Ignore)] {
        for outage in outages {
            let mut world = world(std::slice::from_ref(&plan));
            if let Some(outage) = outage {
                let recorder = 0;
                world.befall(Fault::Outage { recorder, outage });
            }
            start(&mut world);
            join(&mut world, 0);
            world.run(5_001);
            let told = told_of(&world, 0);
            let failed = told.iter().any(|(kind, _)| *kind == "recording.failed");
            assert!(failed, "{outage:?} {told:?}");
            let health = world.ask("GET", "/v1/health", None).body;
            assert_eq!(health["status"], "degraded");
            stop(&mut world);
            check_empty(&mut world);
        }
    }
}

#[test]
fn a_recorder_that_comes_back_is_found_again() {
    for outage in [Outage::BlackHole, Outage::Refused] {
        for plan in [tcp(records()), udp(records())] {
            let mut world = world(&[plan]);
            let recorder = 0;
            world.befall(Fault::Outage { recorder, outage });
            start(&mut world);
            join(&mut world, 0);
            world.run(8_000);
            assert!(world.recorders[0].rtp.is_empty());
            world.befall(Fault::Repair { recorder });
            let is_recording = |world: &mut World| recording(world, 0)["state"] == "recording";
            assert!(world.run_until(40_000, is_recording), "{outage:?}");
            world.run(1_500);
            assert_eq!(heard(world.recorders[0].latest("c1").unwrap()), [0]);
            stop(&mut world);
            check_empty(&mut world);
        }
    }
}

#[test]
fn a_recorder_that_says_bye_is_called_again_with_everything() {
    let mut world = world(&[tcp(steps(&[(1_500, Step::Bye)]))]);
    start(&mut world);
    join(&mut world, 0);
    join(&mut world, 1);
    world.run(2_000);
    leave(&mut world, 1);
    world.run(3_500);
    let recorder = &world.recorders[0];
    assert_eq!(recorder.recordings.len(), 2);
    let again = recorder.latest("c1").unwrap();
    assert_eq!(told(again), [("P0".to_owned(), true)]);
    let facts = again.facts.as_ref().unwrap();
    assert_eq!(facts.metadata.valid, Some(true), "{:?}", facts.metadata);
    assert_eq!(facts.participants.len(), 2, "those who left are told of");
    let kinds: Vec<_> = told_of(&world, 0).iter().map(|(kind, _)| *kind).collect();
    let begin = ["established", "failed", "retried", "established"];
    assert_eq!(kinds[..4], begin.map(|kind| format!("recording.{kind}")));
    stop(&mut world);
    check_empty(&mut world);
}

#[test]
fn a_recorder_whose_bye_is_final_is_left_alone() {
    let mut world = world(&[Plan {
        config: "transport = \"tcp\"\nafter_bye = \"stop\"".to_owned(),
        behaviour: steps(&[(1_500, Step::Bye)]),
    }]);
    start(&mut world);
    join(&mut world, 0);
    world.run(60_000);
    assert_eq!(
        only(&world.recorders[0]).facts.as_ref().unwrap().end,
        Some(EndFacts::Recorder)
    );
    assert_eq!(recording(&mut world, 0)["state"], "failed");
    assert!(latest(&world, 0, 58_000).is_empty());
    stop(&mut world);
    check_empty(&mut world);
}

/// RFC 7866 §9.2.
#[test]
fn a_recorder_that_asks_for_it_is_told_everything_at_once() {
    let mut world = world(&[tcp(steps(&[(1_000, Step::Snapshot)]))]);
    start(&mut world);
    join(&mut world, 0);
    join(&mut world, 1);
    world.run(900);
    let before = only(&world.recorders[0]).documents.len();
    world.run(200);
    let recorded = only(&world.recorders[0]);
    assert_eq!(recorded.documents.len(), before + 1);
    let last = String::from_utf8_lossy(recorded.documents.last().unwrap());
    assert!(last.contains("<datamode>complete</datamode>"), "{last}");
    let asked = |(_, event): &(String, Event)| matches!(event, Event::SnapshotRequested);
    assert!(world.recorders[0].events.iter().any(asked));
    check_received(&world);
    stop(&mut world);
    check_empty(&mut world);
}

#[test]
fn a_recorder_that_takes_no_codec_of_ours_is_asked_once_more_with_nothing_else() {
    let mut world = world(&[
        Plan {
            config: "codecs = [\"PCMU\"]".to_owned(),
            behaviour: codecs(&[Codec::Pcma]),
        },
        udp(codecs(&[Codec::Pcma])),
    ]);
    start(&mut world);
    join(&mut world, 0);
    world.run(30_000);
    let told = told_of(&world, 0);
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].1.contains("with one codec alone"), "{told:?}");
    assert!(
        told[1].1.contains("488") && told[1].1.contains("no further attempt"),
        "{told:?}"
    );
    assert_eq!(heard(only(&world.recorders[1])), [0]);
    assert!(
        world.recorders[1]
            .rtp
            .iter()
            .all(|packet| packet.payload_type == 8)
    );
    stop(&mut world);
    check_empty(&mut world);
}

/// RFC 4028: a session that nothing happens in is refreshed, by us and by UPDATE.
#[test]
fn a_session_outlives_its_timer() {
    for plan in [tcp(records()), udp(records())] {
        let mut world = world(&[plan]);
        start(&mut world);
        join(&mut world, 0);
        world.callers[0].is_gone = true;
        world.run(100);
        ask(
            &mut world,
            "POST",
            &format!("{CALL}/pause"),
            serde_json::Value::Null,
        );
        world.run(4_000_000);
        assert!(!only(&world.recorders[0]).is_over);
        assert_eq!(recording(&mut world, 0)["attempts"], 1);
        stop(&mut world);
        check_empty(&mut world);
    }
}

#[test]
fn six_recorders_meet_six_fates() {
    let mut world = world(&[
        tcp(records()),
        udp(Behaviour::Reject(486)),
        udp(Behaviour::Reject(503)),
        tcp(steps(&[(2_000, Step::Bye)])),
        udp(Behaviour::Ignore),
        tcp(Behaviour::Record(Manner {
            codecs: vec![Codec::Pcma],
            begin: Wish::Pause,
            steps: vec![(ms_after(1_000), Step::Want(Wish::Receive))],
            ..Manner::default()
        })),
    ]);
    start(&mut world);
    join(&mut world, 0);
    join(&mut world, 1);
    world.run(10_000);
    let states: Vec<_> = (0..6)
        .map(|number| recording(&mut world, number)["state"].clone())
        .collect();
    assert_eq!(states[0], "recording");
    assert_eq!(states[1], "failed", "486 is a policy, and no outage");
    assert!(
        ["retrying", "connecting"]
            .map(|state| json!(state))
            .contains(&states[2])
    );
    assert!(
        ["retrying", "connecting"]
            .map(|state| json!(state))
            .contains(&states[4])
    );
    assert_eq!(states[5], "recording");
    assert_eq!(heard(only(&world.recorders[0])), [0, 1]);
    assert_eq!(heard(only(&world.recorders[5])), [0, 1]);
    assert!(world.recorders[3].recordings.len() >= 2);
    check_clock(&world.recorders[0].rtp);
    check_clock(&world.recorders[5].rtp);
    stop(&mut world);
    check_empty(&mut world);
}

/// What failed at one recorder is not missing at the other.
#[test]
fn the_second_recorder_gets_the_audio_when_the_first_answers_500() {
    let mut world = world(&[tcp(Behaviour::Reject(500)), tcp(records())]);
    start(&mut world);
    join(&mut world, 0);
    world.run(2_000);
    assert!(world.recorders[0].rtp.is_empty());
    assert_eq!(heard(only(&world.recorders[1])), [0]);
    assert_eq!(recording(&mut world, 0)["state"], "retrying");
    stop(&mut world);
    check_empty(&mut world);
}

/// The name of a recorder's host is looked up while its calls wait.
#[test]
fn a_recorder_with_a_name_is_found() {
    let mut world = world(&[Plan {
        config: "uri = \"sip:rec@srs.example.com\"".to_owned(),
        behaviour: records(),
    }]);
    start(&mut world);
    join(&mut world, 0);
    world.run(1_500);
    assert_eq!(heard(only(&world.recorders[0])), [0]);
    stop(&mut world);
    check_empty(&mut world);
}

/// Each recorder is told in its own way.
#[test]
fn headers_metadata_or_both_as_the_recorder_wants_it() {
    let plan = |info: &str| Plan {
        config: format!("transport = \"tcp\"\ninfo = \"{info}\""),
        behaviour: records(),
    };
    let mut world = world(&[plan("headers"), plan("metadata"), plan("both")]);
    start(&mut world);
    join(&mut world, 0);
    world.run(500);
    join(&mut world, 1);
    world.run(1_500);
    let told: Vec<_> = world
        .recorders
        .iter()
        .map(|recorder| {
            let recorded = only(recorder);
            let facts = recorded.facts.as_ref().unwrap();
            (
                facts.call.console_id.as_deref() == Some("desk 7"),
                recorded.documents.len(),
            )
        })
        .collect();
    assert_eq!(told, [(true, 0), (false, 2), (true, 2)]);
    let facts = only(&world.recorders[0]).facts.as_ref().unwrap();
    let called: Vec<_> = facts
        .call
        .called
        .iter()
        .filter_map(|party| party.name.as_deref())
        .collect();
    assert_eq!(called, ["Desk", "P1"]);
    stop(&mut world);
    check_empty(&mut world);
}
