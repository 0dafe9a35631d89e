//! Bytes that make no sense, names that try to be more than names, and everything at its limit.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use sixreel_controlplane::sip::message::Message;
use sixreel_dataplane::time::Nanos;
use sixreel_tests::garble::garble;
use sixreel_tests::network::Node;
use sixreel_tests::site::Answer;
use sixreel_tests::world::request;

use super::call::*;

/// Values of which none may end a header, an element or an attribute.
const NAMES: [&str; 9] = [
    "a\"b'c<d>&e",
    "]]><x/>",
    "</name><recording>",
    "<!--",
    "&#13;&#10;X-Evil: 1",
    "%0D%0AX-Evil: 1",
    "a,b;c=\"d\"<sip:e@f>",
    "\u{1f600}\u{202e}\u{feff}",
    "\\\",\\",
];

#[test]
fn no_name_breaks_the_metadata_or_the_headers() {
    for name in NAMES {
        let mut world = world(&[tcp(records())]);
        let facts = json!({
            "console_id": name, "user": name, "calling": {"name": name, "number": name},
            "called": [{"name": name}, {"name": "Desk", "number": name}],
        });
        ask(&mut world, "PUT", CALL, facts);
        let facts = json!({"name": name, "number": name});
        ask(&mut world, "PUT", &format!("{CALL}/participants/p"), facts);
        world.run(500);
        let recorded = only(&world.recorders[0]);
        let facts = recorded.facts.as_ref().unwrap();
        assert_eq!(facts.metadata.findings, [""; 0], "{name}");
        assert_eq!(facts.metadata.valid, Some(true));
        assert_eq!(facts.participants[0].name.as_deref(), Some(name));
        assert_eq!(facts.call.user.as_deref(), Some(name));
        assert_eq!(facts.call.console_id.as_deref(), Some(name));
        let calling = facts.call.calling.as_ref().unwrap();
        assert_eq!(calling.name.as_deref(), Some(name));
        assert_eq!(calling.number.as_deref(), Some(name));
        let called: Vec<_> = facts
            .call
            .called
            .iter()
            .map(|party| party.name.clone())
            .collect();
        assert_eq!(called, [Some(name.to_owned()), Some("Desk".to_owned())]);
        for message in &world.recorders[0].heard {
            let (Message::Request(request), headers) = (message, "X-Evil") else {
                continue;
            };
            assert_eq!(request.headers.get(headers), None, "{name}");
        }
        stop(&mut world);
        check_empty(&mut world);
    }
}

/// What neither XML nor a header can hold comes out as something that they can.
#[test]
fn control_characters_do_not_reach_recorders() {
    for name in [
        "a\r\nX-Evil: 1",
        "a\0b",
        "a\u{1b}[2J",
        "a\u{ffff}b",
        "\u{7f}",
    ] {
        let mut world = world(&[tcp(records())]);
        let facts = json!({"console_id": name, "user": name, "calling": {"name": name}});
        ask(&mut world, "PUT", CALL, facts);
        let path = format!("{CALL}/participants/p");
        ask(
            &mut world,
            "PUT",
            &path,
            json!({"name": name, "number": name}),
        );
        world.run(500);
        let facts = only(&world.recorders[0]).facts.as_ref().unwrap();
        assert_eq!(facts.metadata.findings, [""; 0], "{name:?}");
        assert_eq!(facts.metadata.valid, Some(true), "{name:?}");
        let Some(Message::Request(invite)) = world.recorders[0].heard.first() else {
            panic!("no INVITE came");
        };
        assert_eq!(invite.headers.get("X-Evil"), None);
        let is_control = |text: &str| text.bytes().any(|byte| byte < b' ' && byte != b'\t');
        assert!(!invite.headers.iter().any(|(_, value)| is_control(value)));
        stop(&mut world);
        check_empty(&mut world);
    }
}

/// HTTP and JSON that were right once: each connection gets an answer or nothing, and the call
/// that goes on does not notice.
#[test]
fn garbled_requests_do_no_harm() {
    let mut world = world(&[tcp(records())]);
    start(&mut world);
    join(&mut world, 0);
    let facts = json!({"console_id": "x", "called": [{"name": "a", "number": "1"}], "lease_s": 60});
    let spec = json!({"participant": "q", "payload_types": {"0": "PCMU"}, "jitter_max_ms": 100});
    let who = json!({"name": "n", "number": "1", "aor": "sip:a@b", "state": "held"});
    let stranger = "/v1/calls/stranger";
    let requests = [
        request("PUT", stranger, Some(&facts)),
        request(
            "PATCH",
            stranger,
            Some(&json!({"user": null, "priority": "urgent"})),
        ),
        request("PUT", &format!("{stranger}/participants/q"), Some(&who)),
        request("PUT", &format!("{stranger}/sources/s"), Some(&spec)),
        request("GET", "/v1/recordings?limit=10&after=1-r0", None),
        request("DELETE", stranger, None),
    ];
    for round in 0..3_000 {
        let mut bytes = requests[round % requests.len()].clone().into_bytes();
        if round % 5 > 0 {
            garble(&mut bytes, &mut world.random);
        }
        let answer = world.say(&bytes);
        assert!(answer.is_empty() || Answer::parse(&answer).status >= 200);
        if round % 100 == 0 {
            world.run(20);
        }
    }
    world.run(1_500);
    let recorded = only_of(&world, "c1");
    assert_eq!(heard(recorded), [0]);
    assert_eq!(recorded.facts.as_ref().unwrap().media.lost, 0);
    let all = ask(&mut world, "GET", "/v1/calls", Value::Null);
    for call in all["calls"].as_array().unwrap() {
        let path = format!("/v1/calls/{}", call["id"].as_str().unwrap());
        ask(&mut world, "DELETE", &path, Value::Null);
    }
    check_empty(&mut world);
}

/// SIP, SDP and XML that were right once, from the recorder itself and from anybody.
#[test]
fn garbled_sip_does_no_harm() {
    let mut world = world(&[udp(records()), tcp(records())]);
    start(&mut world);
    join(&mut world, 0);
    world.run(1_000);
    let heard_before = world.recorders[0].heard.clone();
    let strangers = sixreel_tests::recorder::flow(
        sixreel_controlplane::sip::flow::Protocol::Udp,
        Node::Callers.sip(),
    );
    for round in 0..3_000 {
        let message = &heard_before[round % heard_before.len()];
        let mut bytes = match message {
            Message::Request(request) => request.write(),
            Message::Response(response) => response.write(),
        };
        garble(&mut bytes, &mut world.random);
        world.arrive(Node::Site, strangers, &bytes);
        if round % 100 == 0 {
            world.run(20);
        }
    }
    world.run(1_500);
    for recorder in 0..2 {
        let recorded = only(&world.recorders[recorder]);
        assert_eq!(heard(recorded), [0]);
        assert_eq!(recorded.facts.as_ref().unwrap().media.lost, 0);
    }
    stop(&mut world);
    check_empty(&mut world);
}

/// RTP and RTCP that were right once, at every port there is.
#[test]
fn garbled_media_does_no_harm() {
    let mut world = world(&[tcp(records())]);
    start(&mut world);
    join(&mut world, 0);
    world.run(1_000);
    for round in 0_u64..6_000 {
        let mut bytes = vec![0x80, 0, 0xff, 0xf0, 0, 0, 0, 1, 0, 0, 0, 2];
        bytes.resize(172, 0xd5);
        if round % 3 == 0 {
            bytes = vec![0x81, 201, 0, 7, 0, 0, 0, 1];
            bytes.resize(32, 1);
        }
        garble(&mut bytes, &mut world.random);
        let (port, now) = (20_000 + (round % 256) as u16, world.passed());
        world.site.receive(port, Node::Callers.sip(), &bytes, now);
        if round % 100 == 0 {
            world.run(20);
        }
    }
    world.run(1_500);
    let recorded = only(&world.recorders[0]);
    assert_eq!(heard(recorded), [0]);
    assert_eq!(recorded.facts.as_ref().unwrap().media.lost, 0);
    check_received(&world);
    stop(&mut world);
    check_empty(&mut world);
}

/// A recorder whose every message is garbled, for the whole call.
#[test]
fn a_recorder_that_talks_nonsense_harms_nobody() {
    for seed in 0..20 {
        let plans = [udp(records()), tcp(records()), tcp(records())];
        let mut world = sixreel_tests::world::World::new(seed, &plans);
        for recorder in 0..2 {
            let link = world.network.link(Node::Recorder(recorder));
            link.weather.garbled = 1_000;
        }
        start(&mut world);
        join(&mut world, 0);
        world.run(4_000);
        join(&mut world, 1);
        world.run(4_000);
        let recorded = only(&world.recorders[2]);
        assert_eq!(heard(recorded), [0, 1]);
        assert_eq!(recorded.facts.as_ref().unwrap().media.lost, 0);
        stop(&mut world);
        check_empty(&mut world);
    }
}

/// No two streams ever have the same port, and each port is given back.
#[test]
fn ports_are_never_shared_and_all_given_back() {
    let mut world = world(&[tcp(records())]);
    for _ in 0..3 {
        let mut ports = BTreeSet::new();
        let mut refused = 0;
        for call in 0..10 {
            let path = format!("/v1/calls/c{call}");
            ask(&mut world, "PUT", &path, json!({"console_id": "x"}));
            ask(
                &mut world,
                "PUT",
                &format!("{path}/participants/p"),
                json!({}),
            );
            for source in 0..20 {
                let spec = json!({"participant": "p", "payload_types": {"0": "PCMU"}});
                let path = format!("{path}/sources/s{source}");
                let answer = world.ask("PUT", &path, Some(&spec));
                if answer.status == 201 {
                    assert!(ports.insert(answer.body["port"].as_u64()), "{answer:?}");
                } else {
                    assert_eq!(answer.status, 503, "{answer:?}");
                    refused += 1;
                }
            }
        }
        // Of 128 pairs the recorder got one for each call that began before they were used up.
        assert_eq!((ports.len(), refused), (120, 80));
        world.run(500);
        for call in 0..10 {
            ask(
                &mut world,
                "DELETE",
                &format!("/v1/calls/c{call}"),
                Value::Null,
            );
        }
        check_empty(&mut world);
    }
}

/// Thousands of calls come and go, and nothing of them stays.
#[test]
fn calls_that_were_stopped_leave_nothing() {
    let mut world = world(&[tcp(records()), udp(records())]);
    for round in 0..1_000 {
        start(&mut world);
        let caller = join(&mut world, round % 8);
        // Before the INVITE arrives, while it waits for its answer, and after that.
        world.run((round % 4) as u64);
        stop(&mut world);
        world.callers[caller].is_gone = true;
        if round % 4 == 3 {
            world.run(50);
        }
    }
    check_empty(&mut world);
    assert!(
        world
            .recorders
            .iter()
            .all(|recorder| recorder.engine.is_idle())
    );
    let sent_by = world.passed();
    world.run(10_000);
    let late = |packet: &sixreel_tests::recorder::Rtp| packet.at > sent_by.after(Nanos::SECOND);
    assert!(
        !world
            .recorders
            .iter()
            .any(|recorder| recorder.rtp.iter().any(late))
    );
}

fn only_of<'a>(
    world: &'a sixreel_tests::world::World,
    name: &str,
) -> &'a sixreel_tests::recorder::Recorded {
    let all = world.recorders[0].recordings.iter();
    let mut all = all.filter(|recorded| recorded.name == name);
    let found = all.next().expect("it was recorded");
    assert!(all.next().is_none());
    found
}
