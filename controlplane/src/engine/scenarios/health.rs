//! Up, degraded, down, and back.

use rsip::Method;

use super::world::{DISTRUST, Manner, World};
use crate::control::view::{EventKind, RecorderState, RecordingState};

const WEST: &str = "192.0.2.1:5060";

fn world(more: &str) -> World {
    let recorder = format!(
        "[[recorder]]\nid = \"west\"\nuri = \"sip:rec@192.0.2.1\"\ntransport = \"tcp\"\n{more}\n"
    );
    World::new(&recorder, &[WEST])
}

/// A world whose recorder is down.
fn down(manner: Manner) -> World {
    let mut world = world("");
    world.server(WEST).manner = manner;
    world.pass(60_000);
    assert_eq!(world.recorder("west").state, RecorderState::Down);
    world
}

#[test]
fn a_recorder_that_answers_is_asked_twice_a_minute_and_nothing_is_told() {
    let mut world = world("");
    world.pass(600_000);
    let pings = world.server(WEST).asked(Method::Options);
    assert!((19..=23).contains(&pings.len()), "{pings:?}");
    let pauses: Vec<_> = pings.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(
        pauses.iter().all(|pause| (26_900..=33_100).contains(pause)),
        "{pauses:?}"
    );
    assert!(pauses.iter().any(|pause| *pause != pauses[0]), "{pauses:?}");
    assert!(world.events.is_empty(), "{:?}", world.events);
    assert!(world.problems().is_empty());
}

#[test]
fn pings_can_be_off() {
    let mut world = world("ping_interval_s = 0");
    world.pass(600_000);
    assert!(world.server(WEST).heard.is_empty());
}

#[test]
fn by_udp_or_tcp_whichever_answers() {
    let recorder = "[[recorder]]\nid = \"west\"\nuri = \"sip:rec@192.0.2.1\"\n";
    let mut world = World::new(recorder, &[WEST]);
    world.pass(100_000);
    assert_eq!(world.recorder("west").state, RecorderState::Up);
    world.server(WEST).manner = Manner::Silent;
    world.pass(40_000);
    let heard = &world.server(WEST).heard;
    let by = |name: &str| {
        let via = |request: &crate::sip::message::Request| {
            request.headers.get("Via").unwrap().contains(name)
        };
        heard.iter().any(|(.., request)| via(request))
    };
    assert!(by("SIP/2.0/UDP") && by("SIP/2.0/TCP"));
}

#[test]
fn a_recorder_that_speaks_tls_is_pinged_by_nothing_else() {
    const SECURE: &str = "192.0.2.1:5061";
    let recorder = "[[recorder]]\nid = \"west\"\nuri = \"sips:rec@192.0.2.1\"\n";
    let mut world = World::new(recorder, &[SECURE, WEST]);
    world.pass(100_000);
    assert_eq!(world.recorder("west").addresses, ["tls 192.0.2.1:5061"]);
    world.server(SECURE).manner = Manner::Unreachable;
    world.pass(100_000);
    let told = world.told(EventKind::RecorderDown);
    assert_eq!(told.len(), 1);
    assert!(told[0].2.contains(DISTRUST), "{told:?}");
    let heard = &world.server(SECURE).heard;
    for (.., request) in heard {
        let via = request.headers.get("Via").unwrap();
        assert!(via.starts_with("SIP/2.0/TLS 192.0.2.100:5061"), "{via}");
        let contact = request.headers.get("Contact").unwrap();
        assert!(
            contact.contains("<sips:sixreel@192.0.2.100:5061>"),
            "{contact}"
        );
    }
    assert!(world.server(WEST).heard.is_empty());
}

#[test]
fn a_recorder_goes_down_in_steps_and_comes_back_in_steps() {
    for manner in [Manner::Silent, Manner::Unreachable] {
        let mut world = down(manner);
        assert_eq!(world.told(EventKind::RecorderDegraded).len(), 1);
        let told = world.told(EventKind::RecorderDown);
        assert_eq!(told.len(), 1);
        assert!(told[0].2.contains(WEST), "{told:?}");
        let problems = world.problems();
        assert!(
            problems[0].contains("recorder west is down since"),
            "{problems:?}"
        );
        assert!(world.recorder("west").state_reason.is_some());
        world.server(WEST).manner = Manner::Accepts;
        world.pass(15_000);
        assert_eq!(world.told(EventKind::RecorderDegraded).len(), 2);
        assert_eq!(world.told(EventKind::RecorderUp).len(), 1);
        assert!(world.problems().is_empty());
        assert_eq!(world.recorder("west").state, RecorderState::Up);
    }
}

#[test]
fn a_recorder_that_is_down_is_not_invited_and_is_at_once_when_it_is_back() {
    let mut world = down(Manner::Silent);
    world.call("7");
    world.pass(60_000);
    assert!(world.server(WEST).invited().is_empty());
    let recording = world.recordings().remove(0);
    assert_eq!(
        (recording.state, recording.attempts),
        (RecordingState::Retrying, 0)
    );
    assert!(recording.error.unwrap().contains("is down"));
    assert_eq!(recording.next_attempt, None);
    assert_eq!(
        world.told(EventKind::RecordingFailed).len(),
        1,
        "it is told once"
    );
    world.join("7", "second");
    world.server(WEST).manner = Manner::Accepts;
    let back = world.ms();
    world.pass(10_000);
    let ping = world.server(WEST).asked(Method::Options);
    let ping = ping.iter().find(|at| **at >= back).unwrap();
    assert_eq!(world.server(WEST).invited(), [ping + 10]);
    let body = world.server(WEST).bodies().remove(0);
    assert!(
        body.contains("<datamode>complete") || body.contains("complete"),
        "{body}"
    );
    assert!(body.contains("first") && body.contains("second"), "{body}");
    let recording = world.recordings().remove(0);
    assert_eq!(recording.state, RecordingState::Recording);
    assert_eq!(recording.gaps.len(), 1);
    assert!(recording.gaps[0].to.is_some());
    assert_eq!(world.told(EventKind::RecordingGap).len(), 1);
    world.stop("7");
    world.assert_empty();
}

#[test]
fn a_hundred_calls_that_wait_do_not_come_at_once() {
    let mut world = down(Manner::Silent);
    for call in 0..100 {
        world.call(&call.to_string());
    }
    world.server(WEST).manner = Manner::Accepts;
    world.pass(10_000);
    let invited = world.server(WEST).invited();
    assert_eq!(invited.len(), 100);
    let (first, last) = (invited[0], invited[99]);
    assert!(
        (1_000..2_100).contains(&(last - first)),
        "{first} to {last}"
    );
    let in_100_ms = |from: u64| {
        invited
            .iter()
            .filter(|at| (from..from + 100).contains(*at))
            .count()
    };
    let most = (first..last).map(in_100_ms).max().unwrap();
    assert!(most < 25, "{most} in 100 ms");
}

#[test]
fn without_pings_one_call_at_a_time_finds_out() {
    let mut world = world("ping_interval_s = 0");
    world.server(WEST).manner = Manner::Unreachable;
    for call in 0..20 {
        world.call(&call.to_string());
    }
    world.pass(60_000);
    assert_eq!(world.recorder("west").state, RecorderState::Down);
    let before = world.server(WEST).invited().len();
    world.pass(60_000);
    let tries = world.server(WEST).invited().len() - before;
    assert!((8..=12).contains(&tries), "{tries} in a minute");
    world.server(WEST).manner = Manner::Accepts;
    world.pass(8_000);
    let states = world
        .recordings()
        .into_iter()
        .map(|recording| recording.state);
    assert!(states.eq([RecordingState::Recording; 20]));
}

#[test]
fn a_recorder_that_was_away_and_remembers_has_no_gap() {
    let mut world = world("");
    world.call("7");
    world.pass(1_000);
    world.server(WEST).manner = Manner::Silent;
    world.pass(60_000);
    assert_eq!(world.recorder("west").state, RecorderState::Down);
    world.server(WEST).manner = Manner::Accepts;
    world.pass(10_000);
    assert_eq!(world.server(WEST).invited().len(), 1);
    assert_eq!(world.server(WEST).bodies().len(), 2, "a re-INVITE");
    let recording = world.recordings().remove(0);
    assert_eq!(recording.state, RecordingState::Recording);
    assert!(recording.gaps.is_empty(), "{:?}", recording.gaps);
    world.stop("7");
    world.assert_empty();
}

#[test]
fn a_recorder_that_was_away_and_has_forgotten_is_told_everything_again() {
    let mut world = world("");
    world.call("7");
    world.join("7", "second");
    world.pass(1_000);
    world.server(WEST).manner = Manner::Silent;
    world.pass(60_000);
    let degraded = world.told(EventKind::RecorderDegraded)[0].0;
    world.server(WEST).restart();
    world.pass(10_000);
    let invited = world.server(WEST).invited();
    assert_eq!(invited.len(), 2);
    let body = world.server(WEST).bodies().pop().unwrap();
    assert!(body.contains("first") && body.contains("second"), "{body}");
    let recording = world.recordings().remove(0);
    assert_eq!(recording.gaps.len(), 1);
    let from = crate::time::Wall(degraded as i64).rfc3339();
    assert_eq!(recording.gaps[0].from, from, "since it was first missed");
    let gap = world.told(EventKind::RecordingGap).remove(0);
    assert!(gap.2.contains(&from), "{gap:?}");
    world.stop("7");
    world.assert_empty();
}
