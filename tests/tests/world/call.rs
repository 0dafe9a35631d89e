//! A call with participants who talk.

use serde_json::{Value, json};
use sixreel_controlplane::sdp::Codec;
use sixreel_dataplane::time::Nanos;
use sixreel_srs::behaviour::{Behaviour, Manner, Step};
use sixreel_tests::recorder::{Recorded, Recorder, Rtp};
use sixreel_tests::signal::{RATE, is_heard, tone};
use sixreel_tests::world::{Plan, World};

/// The one call of most tests.
pub(crate) const CALL: &str = "/v1/calls/c1";

/// A recorder that does as it is told over TCP.
pub(crate) fn tcp(behaviour: Behaviour) -> Plan {
    Plan {
        config: "transport = \"tcp\"".to_owned(),
        behaviour,
    }
}

/// The same over UDP.
pub(crate) fn udp(behaviour: Behaviour) -> Plan {
    Plan {
        config: "transport = \"udp\"".to_owned(),
        behaviour,
    }
}

/// A recorder that records, and does these things later, each so many ms after its answer.
pub(crate) fn steps(steps: &[(u64, Step)]) -> Behaviour {
    let steps = steps.iter().map(|(ms, step)| (ms_after(*ms), *step));
    Behaviour::Record(Manner {
        steps: steps.collect(),
        ..Manner::default()
    })
}

pub(crate) fn records() -> Behaviour {
    Behaviour::default()
}

pub(crate) fn ms_after(ms: u64) -> std::time::Duration {
    std::time::Duration::from_millis(ms)
}

/// A world with these recorders.
pub(crate) fn world(plans: &[Plan]) -> World {
    World::new(7, plans)
}

/// Asks, and expects that it is done.
pub(crate) fn ask(world: &mut World, method: &str, path: &str, body: Value) -> Value {
    let body = (body != Value::Null).then_some(body);
    let answer = world.ask(method, path, body.as_ref());
    assert!(answer.status < 300, "{method} {path}: {answer:?}");
    answer.body
}

/// A call begins.
pub(crate) fn start(world: &mut World) {
    let facts = json!({
        "console_id": "desk 7", "user": "ann", "calling": {"name": "P0", "number": "1000"},
        "called": [{"name": "Desk", "number": "2000"}],
    });
    ask(world, "PUT", CALL, facts);
}

/// Participant `number` joins, named `P` and the number, and talks in its tone.
pub(crate) fn join(world: &mut World, number: usize) -> usize {
    let facts = json!({"name": format!("P{number}"), "number": format!("{}", 1000 + number)});
    ask(
        world,
        "PUT",
        &format!("{CALL}/participants/p{number}"),
        facts,
    );
    let spec = json!({"participant": format!("p{number}"), "payload_types": {"0": "PCMU"}});
    let source = ask(world, "PUT", &format!("{CALL}/sources/s{number}"), spec);
    world.speak(port_of(&source), number, false)
}

/// The address in what is shown of a source.
pub(crate) fn port_of(source: &Value) -> std::net::SocketAddr {
    let address = source["address"].as_str().expect("an address");
    let port = source["port"].as_u64().expect("a port");
    std::net::SocketAddr::new(address.parse().expect("an IP address"), port as u16)
}

pub(crate) fn hold(world: &mut World, number: usize, held: bool) {
    let state = if held { "held" } else { "active" };
    let path = format!("{CALL}/participants/p{number}");
    ask(world, "PATCH", &path, json!({"state": state}));
}

pub(crate) fn leave(world: &mut World, number: usize) {
    let path = format!("{CALL}/participants/p{number}");
    ask(world, "DELETE", &path, Value::Null);
}

pub(crate) fn stop(world: &mut World) {
    ask(world, "DELETE", CALL, Value::Null);
}

/// What is shown of the call's recording at a recorder.
pub(crate) fn recording(world: &mut World, recorder: usize) -> Value {
    let path = format!("/v1/recordings/1-r{recorder}");
    ask(world, "GET", &path, Value::Null)
}

/// The participants that are heard in the last second of a recording, by their numbers.
pub(crate) fn heard(recorded: &Recorded) -> Vec<usize> {
    let samples = &recorded.samples;
    let last = &samples[samples.len().saturating_sub(RATE)..];
    let is_there = |number: &usize| {
        is_heard(last, tone(*number)).unwrap_or_else(|| panic!("tone {number} is half there"))
    };
    (0..8).filter(is_there).collect()
}

/// The one recording of a recorder.
pub(crate) fn only(recorder: &Recorder) -> &Recorded {
    assert_eq!(recorder.recordings.len(), 1, "{:?}", recorder.events);
    &recorder.recordings[0]
}

/// Those who are said to take part in a recording, with whether they send.
pub(crate) fn told(recorded: &Recorded) -> Vec<(String, bool)> {
    let facts = recorded.facts.as_ref().expect("facts");
    let present = facts.participants.iter().filter(|who| who.left.is_none());
    present
        .map(|who| (who.name.clone().unwrap_or_default(), who.sends))
        .collect()
}

/// Everything that recorders received is as it should be.
pub(crate) fn check_received(world: &World) {
    for recorder in &world.recorders {
        for recorded in &recorder.recordings {
            let facts = recorded.facts.as_ref().expect("facts");
            assert_eq!(facts.metadata.findings, [""; 0]);
            assert_eq!(facts.metadata.valid, Some(true));
            assert_eq!(facts.findings, [""; 0]);
            let media = &facts.media;
            let faults = [
                media.lost,
                media.foreign,
                media.malformed,
                media.other_payload,
            ];
            assert_eq!(faults, [0; 4], "{media:?}");
        }
        check_clock(&recorder.rtp);
    }
}

/// Numbers follow one another, and timestamps follow the clock.
pub(crate) fn check_clock(packets: &[Rtp]) {
    for pair in packets.windows(2) {
        let [before, after] = pair else {
            unreachable!("windows of two");
        };
        if before.ssrc == after.ssrc {
            assert_eq!(after.sequence, before.sequence.wrapping_add(1));
            let ticks = after.timestamp.wrapping_sub(before.timestamp);
            let passed = after.at.since(before.at).0 as f64 / 125_000.0;
            assert!(
                (f64::from(ticks) - passed).abs() < 8.0,
                "{ticks} in {passed}"
            );
        }
    }
}

/// The packets of the last `ms` milliseconds.
pub(crate) fn latest(world: &World, recorder: usize, ms: u64) -> Vec<&Rtp> {
    let since = Nanos(world.passed().0 - Nanos::from_millis(ms).0);
    let packets = world.recorders[recorder].rtp.iter();
    packets.filter(|packet| packet.at >= since).collect()
}

/// Who contributes to the latest packet, by how many.
pub(crate) fn contributors(world: &World, recorder: usize) -> usize {
    let latest = latest(world, recorder, 25);
    latest.last().expect("packets come").csrcs.len()
}

/// Everything is stopped, and nothing is left of it.
pub(crate) fn check_empty(world: &mut World) {
    let limit = 70_000;
    assert!(
        world.run_until(limit, |world| world.site.engine.is_empty()),
        "something is left: {:?}",
        world.site.engine
    );
    world.run(100);
    assert!(world.wiretap.is_empty());
    for worker in &world.site.workers {
        let stats = worker.pipeline.stats();
        let left = (stats.calls, stats.sources, stats.sinks, stats.frames_used);
        assert_eq!(left, (0, 0, 0, 0));
        assert_eq!(stats.commands_ignored, 0);
        assert_eq!(worker.pipeline.next_slot(), None);
    }
}

pub(crate) fn codecs(codecs: &[Codec]) -> Behaviour {
    Behaviour::Record(Manner {
        codecs: codecs.to_vec(),
        ..Manner::default()
    })
}

pub(crate) fn is_invite(message: &sixreel_controlplane::sip::message::Message) -> bool {
    use sixreel_controlplane::sip::message::Message;
    matches!(message, Message::Request(request) if request.method == rsip::Method::Invite)
}
