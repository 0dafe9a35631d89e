//! What an answer may look like that accepts.

use rsip::Method;
use sixreel_dataplane::api::Codec;

use super::world::{World, sdp, usual};
use crate::control::view::{EventKind, RecordingState};

/// To where RTP flows once that answer has come.
fn flows_to(answer: &str) -> String {
    let world = World::established("", answer);
    assert_eq!(world.state(), RecordingState::Recording);
    let flow = world.flow().unwrap();
    assert!(flow.sending);
    let remote = format!("{:?} {} {}", flow.codec, flow.payload_type, flow.remote);
    world.ends();
    remote
}

#[test]
fn a_missing_direction_and_unknown_attributes_are_taken() {
    let bare = "m=audio 7000 RTP/AVP 0";
    assert_eq!(flows_to(&sdp(bare)), "Pcmu 0 192.0.2.2:7000");
    let odd = "m=audio 7000 RTP/AVP 0 101\nb=AS:64\na=label:99\na=x-odd:1 2 3\na=ssrc:1 cname:x\n\
        a=rtpmap:101 telephone-event/8000\na=recvonly\na=candidate:1 1 UDP 1 192.0.2.2 7 typ host";
    assert_eq!(flows_to(&sdp(odd)), "Pcmu 0 192.0.2.2:7000");
}

#[test]
fn of_several_codecs_the_first_is_sent() {
    let answer = sdp("m=audio 7000 RTP/AVP 18 97 0\na=rtpmap:97 PCMA/8000\na=recvonly");
    assert_eq!(flows_to(&answer), "Pcma 97 192.0.2.2:7000");
}

#[test]
fn a_200_of_several_parts_is_taken() {
    let mut world = World::new("");
    let invite = world.sent(Method::Invite);
    let body = format!(
        "--b1\r\nContent-Type: application/rs-metadata\r\n\r\n<recording/>\r\n--b1\r\n\
         Content-Type: application/sdp\r\n\r\n{}\r\n--b1--\r\n",
        usual()
    );
    let status = "200 OK\r\nContent-Type: multipart/mixed; boundary=\"b1\"";
    world.answer(&invite, status, &body);
    world.sent(Method::Ack);
    assert_eq!(world.state(), RecordingState::Recording);
    world.ends();
}

#[test]
fn an_answer_that_came_early_holds() {
    let mut world = World::new("");
    let invite = world.sent(Method::Invite);
    let status = "183 Session Progress\r\nRequire: 100rel\r\nRSeq: 1\r\n\
        Content-Type: application/sdp";
    world.answer(&invite, status, &usual());
    let prack = world.sent(Method::PRack);
    assert_eq!(prack.headers.get("RAck"), Some("1 1 INVITE"));
    world.answer(&prack, "200 OK", "");
    // Nothing is recorded before the recorder has accepted.
    assert!(world.flow().is_none());
    world.answer(&invite, "200 OK", "");
    world.sent(Method::Ack);
    assert_eq!(world.told(), EventKind::RecordingEstablished);
    assert!(world.flow().unwrap().sending);
    world.ends();
}

#[test]
fn of_several_recorders_that_accept_the_others_are_sent_away() {
    let mut world = World::new("");
    let invite = world.sent(Method::Invite);
    world.accept(&invite, &usual());
    world.sent(Method::Ack);
    let fork = crate::sip::message::Request {
        headers: {
            let mut headers = crate::sip::headers::Headers::default();
            for (name, value) in invite.headers.iter() {
                let tagged = format!("{value};tag=fork");
                headers.push(name, if name == "To" { &tagged } else { value });
            }
            headers
        },
        ..invite
    };
    world.accept(&fork, &sdp("m=audio 9000 RTP/AVP 8"));
    for method in [Method::Ack, Method::Bye] {
        let sent = world.sent(method);
        assert!(sent.headers.get("To").unwrap().ends_with("tag=fork"));
    }
    assert_eq!(world.flow().unwrap().remote.port(), 7000);
    assert_eq!(world.told(), EventKind::RecordingEstablished);
    world.nothing_told();
}

#[test]
fn a_recorder_that_is_not_ready_says_when_it_is() {
    let world = World::established("", &sdp("m=audio 7000 RTP/AVP 0\na=inactive"));
    assert_eq!(world.state(), RecordingState::Paused);
    assert!(!world.flow().unwrap().sending);
    let mut world = world;
    world.ask("INVITE", "application/sdp", &usual());
    world.answered(200);
    world.acknowledge();
    assert_eq!(world.state(), RecordingState::Recording);
    let flow = world.flow().unwrap();
    assert!(flow.sending && flow.codec == Codec::Pcmu);
    world.ends();
}

#[test]
fn an_answer_without_a_description_is_ended_and_told() {
    let mut world = World::new("");
    let invite = world.sent(Method::Invite);
    world.answer(&invite, "200 OK", "");
    world.sent(Method::Ack);
    world.sent(Method::Bye);
    let (kind, detail) = world.event();
    assert_eq!(kind, EventKind::RecordingFailed);
    assert!(detail.contains("no SDP"), "{detail}");
    assert_eq!(world.state(), RecordingState::Retrying);
}
