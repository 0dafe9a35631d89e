//! Answers to the first INVITE.

use std::time::Duration;

use rsip::Method;

use super::world::{World, has_headers, has_type, metadata, offer, sdp, usual};
use crate::control::view::{EventKind, RecordingState};
use crate::sip::digest::Credentials;
use crate::sip::flow::Protocol;
use crate::sip::message::Request;

const XML: &str = "application/rs-metadata+xml";
const SHORT: &str = "application/rs-metadata";
const CHALLENGE: &str =
    "401 Unauthorized\r\nWWW-Authenticate: Digest realm=\"srs\", nonce=\"n1\", algorithm=SHA-256";

/// The recorder refuses, and another INVITE goes out at once, in a session of its own.
fn refused_and_asked_otherwise(world: &mut World, invite: &Request, status: &str) -> Request {
    world.refuse(invite, status);
    let (kind, detail) = world.event();
    assert_eq!(kind, EventKind::RecordingRetried, "{detail}");
    let code = status.get(..3).unwrap();
    assert!(
        detail.contains(code) && detail.contains("; now "),
        "{detail}"
    );
    let again = world.sent(Method::Invite);
    assert_ne!(again.headers.get("Call-ID"), invite.headers.get("Call-ID"));
    again
}

fn accepted(mut world: World, invite: &Request) {
    accept(&mut world, invite);
    world.nothing_told();
    world.ends();
}

/// Accepted after a time without a recording, of which people are told.
fn accepted_after_a_gap(mut world: World, invite: &Request) {
    accept(&mut world, invite);
    assert_eq!(world.told(), EventKind::RecordingGap);
    world.nothing_told();
    world.ends();
}

fn accept(world: &mut World, invite: &Request) {
    world.accept(invite, &usual());
    world.sent(Method::Ack);
    assert_eq!(world.told(), EventKind::RecordingEstablished);
    assert_eq!(world.state(), RecordingState::Recording);
}

fn failed(world: &mut World, part: &str) {
    let (kind, detail) = world.event();
    assert_eq!(kind, EventKind::RecordingFailed);
    assert!(detail.contains(part), "{detail}");
    assert!(
        detail.ends_with("no further attempt for this call"),
        "{detail}"
    );
    assert_eq!(world.state(), RecordingState::Failed);
    world.wait(Duration::from_secs(600));
    world.nothing_sent();
}

#[test]
fn a_302_is_followed() {
    let mut world = World::new("");
    let invite = world.sent(Method::Invite);
    let elsewhere = "302 Moved Temporarily\r\nContact: <sip:rec@192.0.2.9:5070>";
    // The usual Contact of the answer leads nowhere new.
    world.refuse(&invite, elsewhere);
    let again = world.sent(Method::Invite);
    assert_eq!(again.uri.to_string(), "sip:rec@192.0.2.9:5070");
    world.nothing_told();
    accepted(world, &again);
}

#[test]
fn a_302_to_a_name_of_the_recorders_choice_is_not_followed() {
    let mut world = World::new("");
    let invite = world.sent(Method::Invite);
    world.refuse(&invite, "302 Moved\r\nContact: <sip:rec@elsewhere.example>");
    // The second Contact of this answer is a loop.
    let again = world.sent(Method::Invite);
    world.refuse(&again, "302 Moved\r\nContact: <sip:rec@elsewhere.example>");
    failed(&mut world, "correct uri");
    world.ends();
}

#[test]
fn a_401_is_answered_from_the_credentials() {
    let own = || {
        Some(Credentials::new(
            "anna".to_owned(),
            "open sesame".to_owned(),
            None,
        ))
    };
    let mut world = World::with("", own());
    let invite = world.sent(Method::Invite);
    world.refuse(&invite, CHALLENGE);
    let again = world.sent(Method::Invite);
    let proof = again.headers.get("Authorization").unwrap();
    assert!(
        proof.contains("username=\"anna\"") && proof.contains("algorithm=SHA-256"),
        "{proof}"
    );
    accepted(world, &again);

    let mut world = World::with("", own());
    let invite = world.sent(Method::Invite);
    world.refuse(&invite, CHALLENGE);
    let again = world.sent(Method::Invite);
    world.refuse(&again, CHALLENGE);
    let shown = format!("{:?}", world.recording());
    assert!(!shown.contains("open sesame") && !shown.contains("anna"));
    failed(&mut world, "does not accept our credentials for \"srs\"");
    world.ends();

    let mut world = World::new("");
    let invite = world.sent(Method::Invite);
    world.refuse(&invite, CHALLENGE);
    failed(&mut world, "set credentials to a file");
    world.ends();
}

#[test]
fn a_refusal_by_policy_is_final_and_told_as_such() {
    for status in ["403 Forbidden", "486 Busy Here", "600 Busy", "603 Decline"] {
        let mut world = World::new("");
        let invite = world.sent(Method::Invite);
        world.refuse(&invite, status);
        failed(&mut world, "by its policy");
        world.ends();

        let mut world = World::new("after_refusal = \"retry\"");
        let invite = world.sent(Method::Invite);
        world.refuse(&invite, status);
        assert_eq!(world.told(), EventKind::RecordingFailed);
        assert_eq!(world.state(), RecordingState::Retrying);
        world.ends();
    }
}

#[test]
fn after_an_outage_there_is_another_attempt_with_everything() {
    for status in [
        "408 Request Timeout",
        "500 Oops",
        "502 Bad",
        "504 Timeout",
        "599 Other",
    ] {
        let mut world = World::new("");
        let invite = world.sent(Method::Invite);
        world.refuse(&invite, status);
        let (kind, detail) = world.event();
        assert_eq!(kind, EventKind::RecordingFailed);
        assert!(detail.contains("next attempt in 2 s"), "{detail}");
        world.join(2);
        world.nothing_sent();
        world.wait(Duration::from_millis(2_500));
        assert_eq!(world.told(), EventKind::RecordingRetried);
        let again = world.sent(Method::Invite);
        assert_ne!(again.headers.get("Call-ID"), invite.headers.get("Call-ID"));
        let told = metadata(&again).unwrap();
        assert_eq!(told.matches("<participant ").count(), 2, "{told}");
        // The wait went on: the INVITE may have been repeated.
        world.pass_over(&again);
        accepted_after_a_gap(world, &again);
    }
}

#[test]
fn a_503_is_not_asked_again_before_it_says() {
    let mut world = World::new("");
    let invite = world.sent(Method::Invite);
    world.refuse(&invite, "503 Service Unavailable\r\nRetry-After: 120");
    assert!(world.event().1.contains("next attempt in 120 s"));
    world.wait(Duration::from_millis(119_900));
    world.nothing_sent();
    world.wait(Duration::from_millis(200));
    let again = world.sent(Method::Invite);
    assert_eq!(world.told(), EventKind::RecordingRetried);
    accepted_after_a_gap(world, &again);
}

#[test]
fn what_is_too_large_goes_by_tcp_and_then_without_metadata() {
    for status in ["413 Request Entity Too Large", "513 Message Too Large"] {
        let mut world = World::new("");
        let (by, invite) = world.sent_by(Method::Invite);
        assert_eq!(by, Protocol::Udp);
        let second = refused_and_asked_otherwise(&mut world, &invite, status);
        assert!(
            second
                .headers
                .get("Via")
                .unwrap()
                .starts_with("SIP/2.0/TCP")
        );
        assert!(metadata(&second).is_some());
        let third = refused_and_asked_otherwise(&mut world, &second, status);
        assert!(third.headers.get("Via").unwrap().starts_with("SIP/2.0/TCP"));
        assert!(metadata(&third).is_none() && has_headers(&third));
        world.refuse(&third, status);
        failed(&mut world, status.get(..3).unwrap());
        world.ends();
    }
}

#[test]
fn where_there_is_no_tcp_what_is_too_large_goes_by_udp_without_metadata() {
    let mut world = World::new("");
    let invite = world.sent(Method::Invite);
    let second = refused_and_asked_otherwise(&mut world, &invite, "413 Too Large");
    world.tcp_fails();
    // A connection is tried twice, because one that was open may have died.
    assert_eq!(world.sent(Method::Invite), second);
    world.tcp_fails();
    assert_eq!(world.told(), EventKind::RecordingRetried);
    let (by, third) = world.sent_by(Method::Invite);
    assert_eq!(by, Protocol::Udp);
    assert!(metadata(&third).is_none() && has_headers(&third));
    world.refuse(&third, "413 Too Large");
    failed(&mut world, "413");
    world.ends();
}

#[test]
fn metadata_that_is_refused_goes_by_its_other_name_and_then_not_at_all() {
    for status in [
        "415 Unsupported Media Type",
        "406 Not Acceptable",
        "400 Bad Request",
    ] {
        let mut world = World::new("info = \"metadata\"");
        let invite = world.sent(Method::Invite);
        assert!(has_type(&invite, XML) && !has_headers(&invite));
        let second = refused_and_asked_otherwise(&mut world, &invite, status);
        assert!(has_type(&second, SHORT) && !has_type(&second, XML));
        let third = refused_and_asked_otherwise(&mut world, &second, status);
        assert!(metadata(&third).is_none() && has_headers(&third));
        world.refuse(&third, status);
        failed(&mut world, status.get(..3).unwrap());
        world.ends();
    }
}

#[test]
fn what_a_415_says_of_types_is_believed() {
    let mut world = World::new("metadata_type = \"application/rs-metadata\"");
    let invite = world.sent(Method::Invite);
    let takes = format!("415 Unsupported\r\nAccept: application/sdp, {XML};q=0.5");
    let second = refused_and_asked_otherwise(&mut world, &invite, &takes);
    assert!(has_type(&second, XML));
    accepted(world, &second);

    let mut world = World::new("");
    let invite = world.sent(Method::Invite);
    let second = refused_and_asked_otherwise(
        &mut world,
        &invite,
        "415 Unsupported\r\nAccept: application/sdp",
    );
    assert!(metadata(&second).is_none() && has_headers(&second));
    accepted(world, &second);
}

#[test]
fn where_metadata_must_be_a_recorder_that_takes_none_is_refused() {
    let mut world = World::new("without_metadata = false");
    let invite = world.sent(Method::Invite);
    let second = refused_and_asked_otherwise(&mut world, &invite, "415 Unsupported");
    world.refuse(&second, "415 Unsupported");
    failed(&mut world, "415");
    world.ends();
}

#[test]
fn who_does_not_know_siprec_is_asked_without_it_only_where_that_is_allowed() {
    let status = "420 Bad Extension\r\nUnsupported: siprec";
    let mut world = World::new("require_siprec = \"until-refused\"");
    let invite = world.sent(Method::Invite);
    assert_eq!(invite.headers.get("Require"), Some("siprec"));
    let second = refused_and_asked_otherwise(&mut world, &invite, status);
    assert_eq!(second.headers.get("Require"), None);
    world.refuse(&second, status);
    failed(&mut world, "420");
    world.ends();

    let mut world = World::new("");
    let invite = world.sent(Method::Invite);
    world.refuse(&invite, status);
    failed(&mut world, "no session recording server");
    world.ends();
}

#[test]
fn a_422_is_asked_for_longer_in_the_same_session() {
    let mut world = World::new("");
    let invite = world.sent(Method::Invite);
    world.refuse(&invite, "422 Session Interval Too Small\r\nMin-SE: 3600");
    let again = world.sent(Method::Invite);
    assert_eq!(again.headers.get("Call-ID"), invite.headers.get("Call-ID"));
    let expires = again.headers.get("Session-Expires");
    assert_eq!(expires, Some("3600;refresher=uac"));
    accepted(world, &again);
}

#[test]
fn an_offer_that_is_refused_is_followed_by_single_codecs() {
    for status in ["488 Not Acceptable Here", "606 Not Acceptable"] {
        let mut world = World::new("");
        let invite = world.sent(Method::Invite);
        assert!(offer(&invite).contains("RTP/AVP 0 8 101\r\n"));
        let second = refused_and_asked_otherwise(&mut world, &invite, status);
        assert!(offer(&second).contains("RTP/AVP 0\r\n"));
        assert!(!offer(&second).contains("rtcp-mux"));
        let third = refused_and_asked_otherwise(&mut world, &second, status);
        assert!(offer(&third).contains("RTP/AVP 8\r\n"));
        world.refuse(&third, status);
        failed(&mut world, status.get(..3).unwrap());
        world.ends();
    }
}

#[test]
fn a_stream_that_is_refused_by_port_0_is_offered_otherwise_too() {
    let mut world = World::new("");
    let invite = world.sent(Method::Invite);
    world.accept(&invite, &sdp("m=audio 0 RTP/AVP 0"));
    world.sent(Method::Ack);
    world.sent(Method::Bye);
    let (kind, detail) = world.event();
    assert_eq!(kind, EventKind::RecordingRetried);
    assert!(
        detail.contains("port 0") && detail.contains("one codec"),
        "{detail}"
    );
    let second = world.sent(Method::Invite);
    assert!(offer(&second).contains("RTP/AVP 0\r\n"));
    accepted(world, &second);
}

#[test]
fn what_a_recorder_took_is_kept_for_the_next_attempt() {
    let mut world = World::new("");
    let invite = world.sent(Method::Invite);
    let second = refused_and_asked_otherwise(&mut world, &invite, "415 Unsupported");
    world.accept(&second, &usual());
    world.sent(Method::Ack);
    assert_eq!(world.told(), EventKind::RecordingEstablished);
    world.ask("BYE", "", "");
    world.answered(200);
    assert_eq!(world.told(), EventKind::RecordingFailed);
    world.wait(Duration::from_millis(2_450));
    let third = world.sent(Method::Invite);
    assert!(has_type(&third, SHORT));
    assert_eq!(world.recording().attempts, 3);
}
