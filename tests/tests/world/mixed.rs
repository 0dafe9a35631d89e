//! RFC 8068 §3.3: recordings of a mix.

use serde_json::{Value, json};
use sixreel_tests::signal::RATE;

use super::call::*;

/// §3.3.1: a basic call.
#[test]
fn a_basic_call_is_recorded_with_everybody_in_it() {
    let mut world = world(&[tcp(records())]);
    start(&mut world);
    join(&mut world, 0);
    world.run(1_000);
    join(&mut world, 1);
    world.run(3_000);
    let recorded = only(&world.recorders[0]);
    assert_eq!(heard(recorded), [0, 1]);
    assert_eq!(
        told(recorded),
        [("P0".to_owned(), true), ("P1".to_owned(), true)]
    );
    assert_eq!(contributors(&world, 0), 2);
    assert_eq!(recording(&mut world, 0)["state"], "recording");
    stop(&mut world);
    world.run(100);
    let recorded = only(&world.recorders[0]);
    assert!(recorded.is_over && recorded.samples.len() > 3 * RATE);
    check_reports(&world.recorders[0].rtcp);
    check_received(&world);
    check_empty(&mut world);
}

/// Sender reports with everybody's names, and a BYE at last.
fn check_reports(rtcp: &[sixreel_tests::recorder::Rtcp]) {
    let Some((last, others)) = rtcp.split_last() else {
        panic!("no RTCP came");
    };
    assert!(last.bye && others.iter().all(|report| !report.bye));
    assert!(rtcp.iter().all(|report| report.is_sender));
    // The stream's own name, and those of both contributors.
    assert!(
        rtcp.iter().any(|report| report.names.len() == 3),
        "{rtcp:?}"
    );
}

/// §3.3.2: hold and resume.
#[test]
fn who_is_held_is_told_and_not_heard() {
    let mut world = world(&[tcp(records())]);
    start(&mut world);
    join(&mut world, 0);
    join(&mut world, 1);
    world.run(2_000);
    hold(&mut world, 1, true);
    world.run(1_500);
    let recorded = only(&world.recorders[0]);
    assert_eq!(heard(recorded), [0]);
    assert_eq!(
        told(recorded),
        [("P0".to_owned(), true), ("P1".to_owned(), false)]
    );
    assert_eq!(contributors(&world, 0), 1);
    hold(&mut world, 1, false);
    world.run(1_500);
    let recorded = only(&world.recorders[0]);
    assert_eq!(heard(recorded), [0, 1]);
    assert_eq!(
        told(recorded),
        [("P0".to_owned(), true), ("P1".to_owned(), true)]
    );
    assert_eq!(recorded.documents.len(), 4, "two joins, hold, resume");
    check_received(&world);
}

/// §3.3.3: somebody joins, and somebody drops out.
#[test]
fn who_joins_is_heard_and_who_drops_is_not() {
    let mut world = world(&[tcp(records())]);
    start(&mut world);
    join(&mut world, 0);
    join(&mut world, 1);
    world.run(2_000);
    join(&mut world, 2);
    world.run(1_500);
    assert_eq!(heard(only(&world.recorders[0])), [0, 1, 2]);
    leave(&mut world, 1);
    world.run(1_500);
    let recorded = only(&world.recorders[0]);
    assert_eq!(heard(recorded), [0, 2]);
    assert_eq!(
        told(recorded),
        [("P0".to_owned(), true), ("P2".to_owned(), true)]
    );
    let facts = recorded.facts.as_ref().unwrap();
    let gone = facts.participants.iter().find(|who| who.left.is_some());
    assert_eq!(gone.unwrap().name.as_deref(), Some("P1"));
    check_received(&world);
    stop(&mut world);
    check_empty(&mut world);
}

/// §3.2.3, for a mix: a call is transferred, so somebody else takes a place.
#[test]
fn a_transfer_replaces_a_participant_in_the_same_recording() {
    let mut world = world(&[tcp(records())]);
    start(&mut world);
    join(&mut world, 0);
    let first = join(&mut world, 1);
    world.run(2_000);
    hold(&mut world, 1, true);
    world.run(500);
    join(&mut world, 2);
    leave(&mut world, 1);
    world.callers[first].is_gone = true;
    world.run(1_500);
    let recorded = only(&world.recorders[0]);
    assert_eq!(heard(recorded), [0, 2]);
    assert_eq!(
        told(recorded),
        [("P0".to_owned(), true), ("P2".to_owned(), true)]
    );
    check_received(&world);
}

/// §3.2.4: disconnect. The recording ends with its call, whoever still sends.
#[test]
fn a_stopped_call_sends_nothing_more() {
    let mut world = world(&[tcp(records())]);
    start(&mut world);
    join(&mut world, 0);
    world.run(1_000);
    stop(&mut world);
    world.run(500);
    assert!(latest(&world, 0, 450).is_empty());
    assert!(only(&world.recorders[0]).is_over);
    let gone = world.ask("GET", CALL, None);
    assert_eq!(gone.status, 404);
    check_empty(&mut world);
}

/// RFC 7866 §7.1.1.1: the site pauses the recording, at once, and resumes it.
#[test]
fn a_pause_stops_the_stream_at_once_and_keeps_the_recording() {
    let mut world = world(&[tcp(records())]);
    start(&mut world);
    join(&mut world, 0);
    world.run(1_000);
    ask(&mut world, "POST", &format!("{CALL}/pause"), Value::Null);
    world.run(20);
    let quiet = world.recorders[0].rtp.len();
    world.run(7_000);
    assert_eq!(world.recorders[0].rtp.len(), quiet);
    let state = recording(&mut world, 0)["state"].clone();
    assert_eq!(state, json!("paused"));
    assert!(
        world.recorders[0]
            .rtcp
            .iter()
            .any(|report| report.at.0 > 3_000_000_000)
    );
    ask(&mut world, "POST", &format!("{CALL}/resume"), Value::Null);
    world.run(1_500);
    assert_eq!(heard(only(&world.recorders[0])), [0]);
    let marked = world.recorders[0].rtp.iter().filter(|packet| packet.marker);
    assert_eq!(
        marked.count(),
        2,
        "the first packet, and the first after the pause"
    );
    check_received(&world);
    stop(&mut world);
    check_empty(&mut world);
}

/// The clock of the stream goes on while nobody says anything.
#[test]
fn silence_is_sent_like_speech() {
    let mut world = world(&[tcp(records())]);
    start(&mut world);
    let caller = join(&mut world, 0);
    world.run(1_000);
    world.callers[caller].talks = false;
    world.run(10_000);
    assert!((499..=501).contains(&latest(&world, 0, 10_000).len()));
    assert!(heard(only(&world.recorders[0])).is_empty());
    assert_eq!(contributors(&world, 0), 0);
    world.callers[caller].talks = true;
    world.run(1_500);
    assert_eq!(heard(only(&world.recorders[0])), [0]);
    check_received(&world);
    stop(&mut world);
    check_empty(&mut world);
}
