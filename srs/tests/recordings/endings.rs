//! How recordings end.

use rsip::Method;
use sixreel_controlplane::sip::content::Content;
use sixreel_controlplane::sip::flow::{Flow, Protocol};
use sixreel_controlplane::sip::message::Message;
use sixreel_dataplane::wire::rtcp::{Compound, Item};
use sixreel_srs::behaviour::{Behaviour, Manner, Step};
use sixreel_srs::engine::{Input, Output};
use sixreel_srs::event::Event;
use sixreel_srs::facts::EndFacts;

use crate::world::{CLIENT, World, address, content, manner, metadata};

/// Nothing is left of any call.
fn is_empty(world: &mut World) {
    world.finish();
    assert!(world.engine.is_idle());
    assert_eq!(world.engine.deadline(), None);
    let (began, ended) = world.recordings();
    assert_eq!(began, ended);
}

impl World {
    /// The client says BYE.
    pub(crate) fn finish_by_client(&mut self) {
        self.act(|session, now, told| session.end(Content::default(), now, told));
    }
}

#[test]
fn a_client_ends_its_recording() {
    let mut world = World::new(Manner::default());
    world.talks = true;
    world.call();
    world.run(2000);
    let bye = Content {
        headers: vec![("Reason".to_owned(), "SIP;cause=200".to_owned())],
        body: None,
    };
    world.act(|session, now, told| session.end(bye, now, told));
    let reason = Some("SIP;cause=200".to_owned());
    let end = EndFacts::Client { reason };
    assert_eq!(world.facts().end.as_ref(), Some(&end));
    assert_eq!(
        world.facts().ended.as_deref(),
        Some("2017-05-01T10:17:13.000Z")
    );
    let ended = Event::Ended {
        end,
        duration_ms: 2000,
        packets: 100,
        lost: 0,
    };
    assert_eq!(world.events().last(), Some(&&ended));
    assert_eq!(world.responses(Method::Bye)[0].status.code(), 200);
    let (_, _, last) = world.reports().pop().unwrap();
    let items: Vec<_> = Compound::parse(last).unwrap().items().collect();
    assert!(matches!(items[..], [.., Item::Bye(_)]), "{items:?}");
    is_empty(&mut world);
}

#[test]
fn the_last_metadata_may_come_with_the_bye() {
    let mut world = World::new(Manner::default());
    world.call();
    let bye = content("application/rs-metadata+xml", metadata());
    world.act(|session, now, told| session.end(bye, now, told));
    assert_eq!(world.facts().metadata.documents, 2);
    let places = [
        world
            .out
            .iter()
            .position(|out| matches!(out, Output::Metadata { number: 2, .. })),
        world
            .out
            .iter()
            .position(|out| matches!(out, Output::End { .. })),
    ];
    assert!(places[0].is_some() && places[0] < places[1], "{places:?}");
}

#[test]
fn the_recorder_ends_a_recording() {
    let mut world = World::new(manner(&[(1000, Step::Bye)]));
    world.talks = true;
    world.call();
    world.run(1100);
    assert_eq!(world.requests(Method::Bye).len(), 1);
    assert_eq!(world.facts().end, Some(EndFacts::Recorder));
    assert_eq!(world.client.told.last().map(String::as_str), Some("Ended"));
    is_empty(&mut world);
}

#[test]
fn stopping_ends_everything_and_begins_nothing() {
    let mut world = World::new(Manner::default());
    world.engine.plan(Behaviour::default());
    world.call();
    world.run(100);
    world.give(Input::Stop);
    assert_eq!(world.requests(Method::Bye).len(), 1);
    assert_eq!(world.facts().end, Some(EndFacts::Recorder));
    world.run(100);
    assert!(world.engine.is_idle(), "its BYE has its answer");
    world.call();
    let response = world.responses(Method::Invite).pop().unwrap();
    assert_eq!(response.status.code(), 503);
    is_empty(&mut world);
}

#[test]
fn stopping_waits_for_the_answer_to_a_bye_and_not_for_files() {
    let mut world = World::new(Manner::default());
    world.call();
    world.client.reaches = false;
    world.give(Input::Stop);
    assert!(!world.engine.is_idle());
    let (began, ended) = world.recordings();
    assert_eq!(began, ended);
    is_empty(&mut world);
}

#[test]
fn a_call_that_is_not_answered_yet_is_refused_when_stopping() {
    let mut world = World::new(Manner {
        answer_after: std::time::Duration::from_secs(60),
        ..Manner::default()
    });
    world.call();
    world.give(Input::Stop);
    let response = world.responses(Method::Invite).pop().unwrap();
    assert!(response.status.code() >= 400, "{response:?}");
    is_empty(&mut world);
}

#[test]
fn a_client_that_does_not_acknowledge_is_not_recorded_for_ever() {
    let mut world = World::new(Manner::default());
    let invite = b"INVITE sip:rec@192.0.2.2 SIP/2.0\r\n\
        Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKx\r\nFrom: <sip:a@h>;tag=1\r\n\
        To: <sip:rec@h>\r\nCall-ID: c9\r\nCSeq: 1 INVITE\r\n\
        Contact: <sip:a@192.0.2.1:5060>\r\nContent-Type: application/sdp\r\n\r\n\
        v=0\r\nc=IN IP4 192.0.2.1\r\nm=audio 4000 RTP/AVP 0\r\na=sendonly\r\n";
    let message = Message::parse(invite, Protocol::Udp).unwrap();
    let flow = Flow {
        protocol: Protocol::Udp,
        remote: address(CLIENT),
    };
    world.give(Input::Sip { flow, message });
    world.run(40_000);
    assert_eq!(world.facts().end, Some(EndFacts::Unacknowledged));
    let findings = world.facts().findings.join("\n");
    assert!(findings.contains("+sip.src") && findings.contains("Require: siprec"));
    is_empty(&mut world);
}

#[test]
fn a_client_that_is_gone_is_not_recorded_for_ever() {
    let mut world = World::new(Manner::default());
    world.call();
    world.client.reaches = false;
    world.client.session = None;
    world.finish();
    assert!(world.passed_ms() < 2_000_000, "the session timer");
    assert_eq!(world.facts().end, Some(EndFacts::Expired));
    is_empty(&mut world);
}

#[test]
fn requests_outside_of_any_call_are_answered() {
    let mut world = World::new(Manner::default());
    let flow = Flow {
        protocol: Protocol::Tcp,
        remote: address(CLIENT),
    };
    let mut statuses = Vec::new();
    for (method, more) in [("OPTIONS", ""), ("BYE", ";tag=2"), ("FOO", "")] {
        let text = format!(
            "{method} sip:rec@192.0.2.2 SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bK1\r\n\
             From: <sip:a@h>;tag=1\r\nTo: <sip:rec@h>{more}\r\nCall-ID: c\r\n\
             CSeq: 1 {method}\r\nContent-Length: 0\r\n\r\n"
        );
        let input = match Message::parse(text.as_bytes(), Protocol::Tcp) {
            Ok(message) => Input::Sip { flow, message },
            Err(rejected) => Input::Rejected { flow, rejected },
        };
        let mut out = Vec::new();
        world.engine.handle(input, world.now, &mut out);
        let [Output::Transmit { flow: to, bytes }] = &out[..] else {
            panic!("{out:?}");
        };
        assert_eq!(*to, flow);
        let line = String::from_utf8_lossy(bytes);
        statuses.push(line.split(' ').nth(1).unwrap().to_owned());
    }
    assert_eq!(statuses, ["200", "481", "501"]);
}
