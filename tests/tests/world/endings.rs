//! How calls end that nobody stops.

use serde_json::{Value, json};
use sixreel_controlplane::engine::Input;
use sixreel_srs::behaviour::Behaviour;
use sixreel_tests::agenda::Fault;
use sixreel_tests::network::Outage;

use super::call::*;

/// The process ends: every recorder that can be told is told, within moments.
#[test]
fn the_end_of_the_process_ends_every_recording() {
    let mut world = world(&[tcp(records()), udp(records()), udp(Behaviour::Ignore)]);
    start(&mut world);
    join(&mut world, 0);
    ask(
        &mut world,
        "PUT",
        "/v1/calls/c2",
        json!({"console_id": "x"}),
    );
    ask(&mut world, "PUT", "/v1/calls/c2/participants/p", json!({}));
    world.run(1_000);
    world.tell_engine(Input::Shutdown);
    world.run(100);
    for recorder in &world.recorders[..2] {
        assert_eq!(recorder.recordings.len(), 2);
        assert!(recorder.recordings.iter().all(|recorded| recorded.is_over));
    }
    let answer = world.ask("PUT", CALL, Some(&json!({"console_id": "x"})));
    assert_eq!(answer.status, 503, "{answer:?}");
    check_empty(&mut world);
    assert!(world.site.engine.is_drained());
}

#[test]
fn recorders_that_answer_are_not_waited_for_when_the_process_ends() {
    let mut world = world(&[tcp(records()), udp(records())]);
    start(&mut world);
    join(&mut world, 0);
    world.run(1_000);
    world.tell_engine(Input::Shutdown);
    assert!(!world.site.engine.is_drained());
    world.run(100);
    assert!(world.site.engine.is_drained());
}

/// A conference server that died renews no lease.
#[test]
fn a_call_ends_with_its_lease() {
    let mut world = world(&[tcp(records())]);
    ask(
        &mut world,
        "PUT",
        CALL,
        json!({"console_id": "x", "lease_s": 5}),
    );
    join(&mut world, 0);
    for _ in 0..3 {
        world.run(4_900);
        ask(&mut world, "GET", CALL, Value::Null);
    }
    assert!(!only(&world.recorders[0]).is_over);
    world.run(5_100);
    assert!(only(&world.recorders[0]).is_over);
    assert_eq!(world.ask("GET", CALL, None).status, 404);
    check_empty(&mut world);
}

/// The same identifier names a new call as soon as the old one was stopped, even while its
/// recorder does not answer.
#[test]
fn an_identifier_is_free_again_at_once() {
    let mut world = world(&[tcp(records())]);
    start(&mut world);
    join(&mut world, 0);
    world.run(500);
    let (recorder, outage) = (0, Outage::BlackHole);
    world.befall(Fault::Outage { recorder, outage });
    stop(&mut world);
    start(&mut world);
    join(&mut world, 1);
    world.run(3_000);
    world.befall(Fault::Repair { recorder });
    world.run(10_000);
    let recorded = world.recorders[0].latest("c1").unwrap();
    assert_eq!(heard(recorded), [1]);
    assert_eq!(world.recorders[0].running().count(), 1);
    stop(&mut world);
    check_empty(&mut world);
}
