//! Which members of a group record a call, and who stands in for whom.

use rsip::Method;

use super::world::{Manner, World};
use crate::control::view::{EventKind, RecorderState, RecordingState, RecordingView};

const A: &str = "192.0.2.1:5060";
const B: &str = "192.0.2.2:5060";
const C: &str = "192.0.2.3:5060";

/// Three recorders in a group.
fn world(group: &str) -> World {
    let recorder = |(id, ip): (&str, &str)| {
        format!(
            "[[recorder]]\nid = \"{id}\"\nuri = \"sip:rec@{ip}\"\ntransport = \"tcp\"\n\
             after_bye = \"stop\"\n"
        )
    };
    let recorders = [("a", "192.0.2.1"), ("b", "192.0.2.2"), ("c", "192.0.2.3")];
    let recorders: String = recorders.into_iter().map(recorder).collect();
    let group = format!("[[group]]\nname = \"main\"\nmembers = [\"a\", \"b\", \"c\"]\n{group}\n");
    World::new(&(recorders + &group), &[A, B, C])
}

/// The recorders whose recordings are in that state.
fn who(world: &mut World, state: RecordingState) -> Vec<String> {
    let recordings = world.recordings().into_iter();
    let mine = recordings.filter(|recording| recording.state == state);
    mine.map(|recording| recording.recorder.to_string())
        .collect()
}

fn recording(world: &mut World, recorder: &str) -> RecordingView {
    let mut recordings = world.recordings().into_iter();
    let mine = recordings.find(|recording| recording.recorder.as_str() == recorder);
    mine.unwrap()
}

#[test]
fn a_call_goes_to_the_first_that_works() {
    let mut world = world("");
    world.call("7");
    world.pass(1_000);
    assert_eq!(who(&mut world, RecordingState::Recording), ["a"]);
    assert_eq!(world.recordings().len(), 1);
    assert!(world.server(B).invited().is_empty() && world.server(C).invited().is_empty());
    assert_eq!(world.recorder("b").group.unwrap().as_str(), "main");
    world.stop("7");
    world.assert_empty();
}

#[test]
fn a_call_goes_to_as_many_as_are_wanted() {
    let mut two = world("count = 2");
    two.call("7");
    two.pass(1_000);
    assert_eq!(who(&mut two, RecordingState::Recording), ["a", "b"]);
    let mut all = world("mode = \"all\"");
    all.call("7");
    all.pass(1_000);
    assert_eq!(who(&mut all, RecordingState::Recording), ["a", "b", "c"]);
}

#[test]
fn calls_go_round() {
    let mut world = world("mode = \"round-robin\"");
    for call in 0..6 {
        world.call(&call.to_string());
    }
    world.pass(1_000);
    for server in [A, B, C] {
        assert_eq!(world.server(server).invited().len(), 2);
    }
}

#[test]
fn a_recorder_that_is_down_is_passed_over_without_a_gap() {
    let mut world = world("");
    world.server(A).manner = Manner::Silent;
    world.pass(60_000);
    world.call("7");
    world.pass(1_000);
    assert_eq!(who(&mut world, RecordingState::Recording), ["b"]);
    assert!(recording(&mut world, "b").gaps.is_empty());
    assert!(world.server(A).invited().is_empty());
}

#[test]
fn a_standby_takes_over_when_the_recorder_says_bye() {
    let mut world = world("");
    world.server(A).manner = Manner::HangsUp(10_000);
    world.call("7");
    world.join("7", "second");
    world.pass(11_000);
    assert_eq!(who(&mut world, RecordingState::Recording), ["b"]);
    assert_eq!(world.recordings().len(), 1, "the other is dismissed");
    let body = world.server(B).bodies().remove(0);
    assert!(body.contains("first") && body.contains("second"), "{body}");
    let gaps = recording(&mut world, "b").gaps;
    assert_eq!(gaps.len(), 1);
    assert!(
        gaps[0].reason.contains("recorder a: the recorder ended"),
        "{gaps:?}"
    );
    assert!(gaps[0].to.is_some());
    let told = world.told(EventKind::RecordingGap);
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].1, "b");
    let ended = world.told(EventKind::RecordingEnded);
    assert!(
        ended[0].2.contains("recorder b records the call"),
        "{ended:?}"
    );
    world.stop("7");
    world.assert_empty();
}

#[test]
fn a_standby_takes_over_when_the_recorder_vanishes() {
    let mut world = world("");
    world.call("7");
    world.pass(10_000);
    world.server(A).manner = Manner::Silent;
    world.pass(60_000);
    assert_eq!(world.recorder("a").state, RecorderState::Down);
    assert_eq!(who(&mut world, RecordingState::Recording), ["b"]);
    let since = world.told(EventKind::RecorderDegraded)[0].0;
    let gap = recording(&mut world, "b").gaps.remove(0);
    assert_eq!(gap.from, crate::time::Wall(since as i64).rfc3339());
    assert_eq!(
        world.server(A).asked(Method::Bye).len(),
        1,
        "by TCP it is said once"
    );
    // It comes back, and is not taken again while the other one works.
    world.server(A).manner = Manner::Accepts;
    world.pass(60_000);
    assert_eq!(who(&mut world, RecordingState::Recording), ["b"]);
    // The other one goes, too.
    world.server(B).manner = Manner::Unreachable;
    world.pass(60_000);
    assert_eq!(who(&mut world, RecordingState::Recording), ["a"]);
    assert_eq!(world.server(A).invited().len(), 2);
    world.stop("7");
    world.assert_empty();
}

#[test]
fn whoever_accepts_first_records_when_all_were_down() {
    let mut world = world("");
    for server in [A, B, C] {
        world.server(server).manner = Manner::Silent;
    }
    world.pass(60_000);
    world.call("7");
    world.pass(5_000);
    assert_eq!(who(&mut world, RecordingState::Retrying), ["a"]);
    world.server(C).manner = Manner::Accepts;
    world.pass(6_000);
    assert_eq!(who(&mut world, RecordingState::Recording), ["c"]);
    assert_eq!(world.recordings().len(), 1);
    assert_eq!(recording(&mut world, "c").gaps.len(), 1);
    world.stop("7");
    world.assert_empty();
}

#[test]
fn an_invite_that_is_not_answered_moves_the_call_on() {
    let mut world = world("");
    world.pass(1_000);
    world.server(A).manner = Manner::Silent;
    world.server(B).manner = Manner::Refuses(500, "");
    world.call("7");
    world.pass(5_500);
    assert_eq!(who(&mut world, RecordingState::Recording), ["c"]);
    let gap = recording(&mut world, "c").gaps.remove(0);
    assert_eq!(
        gap.from,
        crate::time::Wall(1_000).rfc3339(),
        "since recording was wanted"
    );
}

#[test]
fn a_refusal_on_purpose_is_no_outage() {
    let mut world = world("");
    world.server(A).manner = Manner::Refuses(403, "");
    world.call("7");
    world.pass(60_000);
    assert!(world.server(B).invited().is_empty() && world.server(C).invited().is_empty());
    assert_eq!(who(&mut world, RecordingState::Failed), ["a"]);
    let mut world = world_of_488();
    world.call("7");
    world.pass(1_000);
    assert_eq!(who(&mut world, RecordingState::Recording), ["b"]);
}

fn world_of_488() -> World {
    let mut world = world("");
    world.server(A).manner = Manner::Refuses(488, "");
    world
}

#[test]
fn a_call_that_ends_meanwhile_leaves_nothing() {
    let mut world = world("");
    world.server(A).manner = Manner::HangsUp(2_000);
    world.server(B).manner = Manner::Ponders;
    world.call("7");
    world.pass(3_000);
    world.stop("7");
    let gaps = world.told(EventKind::RecordingGap);
    assert!(
        !gaps.is_empty() && gaps.iter().all(|(at, ..)| *at == 3_000),
        "{gaps:?}"
    );
    world.assert_empty();
}
