//! Messages that cross, are lost, or come too late.

use rsip::Method;
use sixreel_controlplane::sip::message::Message;
use sixreel_dataplane::time::Nanos;
use sixreel_srs::behaviour::{Behaviour, Manner, Step, Wish};
use sixreel_srs::event::Event;
use sixreel_tests::agenda::Fault;
use sixreel_tests::network::{Node, Outage};
use sixreel_tests::world::World;

use super::call::*;

/// A recorder that answers late.
fn late(ms: u64, ringing: bool) -> Behaviour {
    Behaviour::Record(Manner {
        answer_after: ms_after(ms),
        ringing,
        ..Manner::default()
    })
}

fn far(world: &mut World) {
    world.network.link(Node::Recorder(0)).weather.delay = Nanos::from_millis(60);
}

fn requests(world: &World, method: Method) -> usize {
    let of = |message: &&Message| match message {
        Message::Request(request) => request.method == method,
        Message::Response(_) => false,
    };
    world.recorders[0].heard.iter().filter(of).count()
}

fn is_491(message: &Message) -> bool {
    matches!(message, Message::Response(response) if response.status.code() == 491)
}

/// Both sides send a re-INVITE at the same time: each refuses the other's (RFC 3261 §14.1).
#[test]
fn offers_that_cross_are_made_again() {
    // Ours leaves while theirs is on its way, 2 s after the first INVITE was answered.
    for (plan, leaves_ms) in [(tcp as fn(_) -> _, 2_300), (udp, 2_090)] {
        let mut world = world(&[plan(steps(&[
            (2_000, Step::Want(Wish::Pause)),
            (9_000, Step::Want(Wish::Receive)),
        ]))]);
        far(&mut world);
        start(&mut world);
        join(&mut world, 0);
        world.run(leaves_ms);
        join(&mut world, 1);
        world.run(6_000);
        assert!(
            world.recorders[0].heard.iter().any(is_491),
            "ours refused theirs"
        );
        let recorded = only(&world.recorders[0]);
        assert_eq!(told(recorded).len(), 2, "and theirs did not swallow ours");
        assert!(
            latest(&world, 0, 1_500).is_empty(),
            "the recorder has its pause"
        );
        world.run(4_000);
        assert_eq!(heard(only(&world.recorders[0])), [0, 1]);
        check_received(&world);
        stop(&mut world);
        check_empty(&mut world);
    }
}

/// The pause of the site crosses the recorder's wish for a pause: both hold.
#[test]
fn pauses_that_cross_hold_both() {
    let mut world = world(&[udp(steps(&[
        (2_000, Step::Want(Wish::Pause)),
        (12_000, Step::Want(Wish::Receive)),
    ]))]);
    far(&mut world);
    start(&mut world);
    join(&mut world, 0);
    world.run(2_090);
    ask(
        &mut world,
        "POST",
        &format!("{CALL}/pause"),
        serde_json::Value::Null,
    );
    world.run(6_000);
    ask(
        &mut world,
        "POST",
        &format!("{CALL}/resume"),
        serde_json::Value::Null,
    );
    world.run(3_000);
    assert!(
        latest(&world, 0, 5_000).is_empty(),
        "the recorder wants none"
    );
    world.run(4_000);
    assert_eq!(heard(only(&world.recorders[0])), [0]);
    stop(&mut world);
    check_empty(&mut world);
}

/// The call is over before its recorder answers.
#[test]
fn a_call_that_is_stopped_while_its_invite_waits_is_cancelled() {
    for plan in [tcp, udp] {
        let mut world = world(&[plan(late(3_000, true))]);
        start(&mut world);
        join(&mut world, 0);
        world.run(1_000);
        stop(&mut world);
        world.run(100);
        assert_eq!(requests(&world, Method::Cancel), 1);
        let cancelled = |(_, event): &(String, Event)| matches!(event, Event::Cancelled);
        assert!(world.recorders[0].events.iter().any(cancelled));
        check_empty(&mut world);
        assert!(world.recorders[0].recordings.is_empty());
    }
}

/// CANCEL crosses the 200: what was accepted is ended.
#[test]
fn an_answer_that_crosses_a_cancel_is_ended() {
    for plan in [tcp, udp] {
        for stop_after in [1_010, 1_070, 1_130, 1_190] {
            let mut world = world(&[plan(late(1_000, true))]);
            far(&mut world);
            start(&mut world);
            join(&mut world, 0);
            world.run(stop_after);
            stop(&mut world);
            world.run(1_000);
            assert!(
                world.recorders[0].running().next().is_none(),
                "{stop_after}"
            );
            assert!(world.recorders[0].engine.is_idle());
            assert!(latest(&world, 0, 600).is_empty());
            check_empty(&mut world);
        }
    }
}

/// The recorder accepts when we have given up.
#[test]
fn an_answer_that_comes_too_late_is_ended() {
    for (plan, answer_after) in [
        (tcp as fn(_) -> _, 4_950),
        (udp, 4_950),
        (tcp, 7_000),
        (udp, 7_000),
    ] {
        let mut world = world(&[plan(late(answer_after, false))]);
        far(&mut world);
        start(&mut world);
        join(&mut world, 0);
        world.run(5_100);
        let state = recording(&mut world, 0)["state"].clone();
        assert_eq!(state, "retrying", "{answer_after}");
        stop(&mut world);
        world.run(4_000);
        assert!(world.recorders[0].engine.is_idle());
        check_empty(&mut world);
    }
}

/// Nothing arrives any more when the call is stopped: nothing is left here all the same.
#[test]
fn a_call_that_is_stopped_behind_a_black_hole_leaves_nothing() {
    for plan in [tcp, udp] {
        for wait in [0, 30, 3_000] {
            let mut world = world(&[plan(records())]);
            start(&mut world);
            join(&mut world, 0);
            world.run(wait);
            let (recorder, outage) = (0, Outage::BlackHole);
            world.befall(Fault::Outage { recorder, outage });
            stop(&mut world);
            check_empty(&mut world);
        }
    }
}

/// A connection is reset in mid-call: the recording survives it.
#[test]
fn a_recording_survives_its_connection() {
    for fault in [
        Fault::Reset { recorder: 0 },
        Fault::HalfOpen { recorder: 0 },
    ] {
        let mut world = world(&[tcp(records())]);
        start(&mut world);
        join(&mut world, 0);
        world.run(1_000);
        world.befall(fault);
        world.run(500);
        join(&mut world, 1);
        world.run(8_000);
        let recorded = world.recorders[0].latest("c1").unwrap();
        assert_eq!(told(recorded).len(), 2, "{fault:?}");
        assert_eq!(heard(recorded), [0, 1]);
        stop(&mut world);
        check_empty(&mut world);
    }
}

/// A recorder that lost its memory answers 481: it is called again, with everything.
#[test]
fn a_recorder_that_knows_nothing_any_more_is_called_again() {
    for plan in [tcp, udp] {
        let mut world = world(&[plan(records())]);
        start(&mut world);
        join(&mut world, 0);
        world.run(1_000);
        world.befall(Fault::Restart { recorder: 0 });
        world.run(500);
        join(&mut world, 1);
        world.run(6_000);
        let recorded = world.recorders[0].latest("c1").unwrap();
        assert!(!recorded.is_over);
        assert_eq!(told(recorded).len(), 2);
        assert_eq!(heard(recorded), [0, 1]);
        stop(&mut world);
        check_empty(&mut world);
    }
}

/// A recorder that restarts breaks its connections: that is enough to find out that it knows
/// nothing any more.
#[test]
fn a_recorder_that_restarts_is_called_again_without_any_news() {
    let mut world = world(&[tcp(records())]);
    start(&mut world);
    join(&mut world, 0);
    world.run(1_000);
    world.befall(Fault::Reset { recorder: 0 });
    world.befall(Fault::Restart { recorder: 0 });
    world.run(9_000);
    let recorder = &world.recorders[0];
    assert_eq!(recorder.recordings.len(), 2);
    assert_eq!(heard(recorder.latest("c1").unwrap()), [0]);
    stop(&mut world);
    check_empty(&mut world);
}

/// A large INVITE over a bad network arrives whole all the same.
#[test]
fn a_bad_network_costs_time_and_no_recording() {
    let mut world = world(&[udp(records()), tcp(records())]);
    for recorder in 0..2 {
        let weather = &mut world.network.link(Node::Recorder(recorder)).weather;
        weather.lost = 300;
        weather.doubled = 200;
        weather.late = 200;
    }
    start(&mut world);
    for number in 0..4 {
        join(&mut world, number);
        world.run(1_000);
    }
    world.run(40_000);
    for recorder in 0..2 {
        let recorded = only(&world.recorders[recorder]);
        assert_eq!(told(recorded).len(), 4);
        let facts = recorded.facts.as_ref().unwrap();
        assert_eq!(facts.metadata.valid, Some(true));
    }
    stop(&mut world);
    check_empty(&mut world);
}
