//! What the recorder offers, asks for and refuses in an established recording.

use std::time::Duration;

use rsip::Method;
use sixreel_dataplane::api::Codec;

use super::world::{World, has_type, metadata, offer, sdp, usual};
use crate::control::view::{EventKind, RecordingState};

const SDP: &str = "application/sdp";

/// The recorder offers that; what we answer.
fn offered(world: &mut World, media: &str) -> String {
    world.ask("INVITE", SDP, &sdp(media));
    let answer = world.answered(200);
    world.acknowledge();
    String::from_utf8(answer.body).unwrap()
}

#[test]
fn the_recorder_moves_changes_the_codec_holds_and_goes_on() {
    let mut world = World::established("", &usual());
    let answer = offered(
        &mut world,
        "m=audio 7000 RTP/AVP 0\nc=IN IP4 192.0.2.9\na=recvonly",
    );
    assert!(
        answer.contains("a=sendonly") && answer.contains("a=label:1"),
        "{answer}"
    );
    assert_eq!(world.flow().unwrap().remote.to_string(), "192.0.2.9:7000");

    let answer = offered(&mut world, "m=audio 7000 RTP/AVP 8\na=recvonly");
    assert!(answer.contains("RTP/AVP 8\r\n"), "{answer}");
    let flow = world.flow().unwrap();
    assert_eq!((flow.codec, flow.payload_type), (Codec::Pcma, 8));

    for hold in ["a=inactive", "a=sendonly"] {
        let answer = offered(&mut world, &format!("m=audio 7000 RTP/AVP 8\n{hold}"));
        assert!(answer.contains("a=inactive"), "{answer}");
        assert!(!world.flow().unwrap().sending);
        assert_eq!(world.state(), RecordingState::Paused);
    }
    offered(&mut world, "m=audio 7000 RTP/AVP 8\nc=IN IP4 0.0.0.0");
    assert!(world.flow().is_none());
    offered(&mut world, "m=audio 7002 RTP/AVP 8\na=recvonly");
    assert_eq!(world.state(), RecordingState::Recording);
    assert_eq!(world.flow().unwrap().remote.port(), 7002);
    world.ends();
}

#[test]
fn the_recorder_removes_the_stream_and_takes_it_back() {
    let mut world = World::established("", &usual());
    let answer = offered(&mut world, "m=audio 0 RTP/AVP 0");
    assert!(answer.contains("m=audio 0 "), "{answer}");
    assert!(world.flow().is_none());
    assert_eq!(world.state(), RecordingState::Paused);
    offered(&mut world, "m=audio 7000 RTP/AVP 0\na=recvonly");
    assert_eq!(world.state(), RecordingState::Recording);
    world.ends();
}

#[test]
fn streams_that_the_recorder_adds_are_refused() {
    let mut world = World::established("", &usual());
    let two = "m=audio 7000 RTP/AVP 0\na=recvonly\nm=video 7010 RTP/AVP 31";
    let answer = offered(&mut world, two);
    assert!(answer.contains("m=video 0 RTP/AVP 31"), "{answer}");
    assert!(world.flow().unwrap().sending);
    world.ask("INVITE", SDP, &sdp("m=audio 7000 RTP/AVP 18"));
    let refusal = world.answered(488);
    assert!(
        refusal
            .headers
            .get("Warning")
            .unwrap()
            .contains("no codec in common")
    );
    assert!(world.flow().unwrap().sending);
}

#[test]
fn an_offer_that_the_recorder_wants_from_us_is_answered_in_the_ack() {
    let mut world = World::established("", &usual());
    world.ask("INVITE", "", "");
    let ours = world.answered(200);
    assert!(String::from_utf8(ours.body).unwrap().contains("a=sendonly"));
    world.acknowledge_with(&sdp("m=audio 7004 RTP/AVP 0\na=recvonly"));
    assert_eq!(world.flow().unwrap().remote.port(), 7004);
}

#[test]
fn a_snapshot_is_sent_whatever_the_request_is_called() {
    const ROOT: &str = "requestsnapshot xmlns=\"urn:ietf:params:xml:ns:recording:1\"";
    let plain = format!(
        "<?xml version=\"1.0\"?><{ROOT}><requestreason>x</requestreason></requestsnapshot>"
    );
    let prefixed = "<r:requestsnapshot xmlns:r=\"urn:ietf:params:xml:ns:recording:1\"/>".to_owned();
    let bare = "<requestsnapshot/>".to_owned();
    let old = "<requestsnapshot xmlns=\"urn:ietf:params:xml:ns:recording\"/>".to_owned();
    let parts =
        format!("--b\r\nContent-Type: application/rs-metadata\r\n\r\n<{ROOT}/>\r\n--b--\r\n");
    for (content_type, body) in [
        ("application/rs-metadata+xml", &plain),
        ("application/rs-metadata", &plain),
        ("application/rs-metadata-request", &plain),
        ("application/rs-metadata-request+xml", &plain),
        ("Application/RS-Metadata+XML;charset=utf-8", &prefixed),
        ("application/xml", &bare),
        ("text/xml", &old),
        ("", &plain),
        ("multipart/mixed;boundary=b", &parts),
    ] {
        let mut world = World::established("", &usual());
        world.ask("UPDATE", content_type, body);
        world.answered(200);
        // RFC 7866 §9.1: in a transaction of its own, and everything.
        let snapshot = world.sent(Method::Invite);
        let told = metadata(&snapshot).unwrap();
        assert!(told.contains(">complete<"), "{content_type}: {told}");
        world.accept(&snapshot, &usual());
        world.sent(Method::Ack);
        world.nothing_sent();
        world.ends();
    }
}

#[test]
fn what_is_no_snapshot_request_gets_no_snapshot() {
    let mut world = World::established("", &usual());
    let other = "<recording xmlns=\"urn:ietf:params:xml:ns:recording:1\"/>";
    world.ask("UPDATE", "application/rs-metadata", other);
    world.answered(200);
    world.ask("UPDATE", "text/plain", "hello");
    let refusal = world.answered(415);
    assert!(refusal.headers.lists("Accept", "application/rs-metadata"));
    world.nothing_sent();
}

#[test]
fn metadata_that_is_refused_later_goes_by_its_other_name_whole() {
    let mut world = World::established("", &usual());
    world.join(2);
    let update = world.sent(Method::Invite);
    assert!(metadata(&update).unwrap().contains(">partial<"));
    world.refuse(&update, "415 Unsupported Media Type");
    let again = world.sent(Method::Invite);
    assert!(has_type(&again, "application/rs-metadata"));
    assert!(metadata(&again).unwrap().contains(">complete<"));
    world.accept(&again, &usual());
    world.sent(Method::Ack);
    assert_eq!(world.state(), RecordingState::Recording);
    world.nothing_told();
    world.ends();
}

#[test]
fn a_refused_update_is_tried_again_and_the_audio_goes_on() {
    for status in [
        "488 Not Acceptable Here",
        "400 Bad Request",
        "500 Oops",
        "603 Decline",
        "401 Unauthorized",
    ] {
        let mut world = World::established("", &usual());
        world.join(2);
        let update = world.sent(Method::Invite);
        world.refuse(&update, status);
        world.nothing_sent();
        assert!(world.flow().unwrap().sending);
        assert!(
            world
                .recording()
                .error()
                .unwrap()
                .contains(status.get(..3).unwrap())
        );
        world.wait(Duration::from_secs(5));
        let again = world.sent(Method::Invite);
        assert!(has_type(&again, "application/rs-metadata+xml"));
        assert!(metadata(&again).unwrap().contains(">complete<"));
        world.nothing_told();
    }
}

#[test]
fn after_glare_the_update_comes_again() {
    let mut world = World::established("", &usual());
    world.join(2);
    let update = world.sent(Method::Invite);
    world.refuse(&update, "491 Request Pending");
    world.wait(Duration::from_millis(2_090));
    world.nothing_sent();
    world.wait(Duration::from_millis(2_000));
    let again = world.sent(Method::Invite);
    assert_eq!(offer(&again), offer(&update));
}

#[test]
fn a_session_that_the_recorder_lost_is_replaced_by_another_with_the_same_ids() {
    for status in ["481 Call/Transaction Does Not Exist", "408 Request Timeout"] {
        let mut world = World::established("", &usual());
        world.join(2);
        let update = world.sent(Method::Invite);
        world.refuse(&update, status);
        if status.starts_with("408") {
            world.sent(Method::Bye);
        }
        assert!(world.flow().is_none());
        let (kind, detail) = world.event();
        assert_eq!(kind, EventKind::RecordingFailed);
        assert!(detail.contains(status.get(..3).unwrap()), "{detail}");
        let before = update.headers.get("Call-ID");
        world.wait(Duration::from_millis(2_450));
        while !world.peek(Method::Invite) {
            world.sent(Method::Bye);
        }
        let invite = world.sent(Method::Invite);
        assert_ne!(invite.headers.get("Call-ID"), before);
        let told = metadata(&invite).unwrap();
        assert!(told.contains(">complete<"), "{told}");
        // The session's identifier, in base64.
        assert!(told.contains("AQEBAQEBAQEBAQEBAQEBAQ=="), "{told}");
    }
}

#[test]
fn a_bye_ends_this_recording_and_the_policy_says_what_follows() {
    for (lines, state) in [
        ("", RecordingState::Retrying),
        ("after_bye = \"stop\"", RecordingState::Failed),
    ] {
        let mut world = World::established(lines, &usual());
        world.ask("BYE", "", "");
        world.answered(200);
        let (kind, detail) = world.event();
        assert_eq!(kind, EventKind::RecordingFailed);
        assert!(detail.contains("0 ms after it had accepted"), "{detail}");
        assert!(world.flow().is_none());
        assert_eq!(world.state(), state);
        world.ends();
    }
    let mut world = World::established("", &usual());
    world.wait(Duration::from_secs(10));
    world.ask("BYE", "", "");
    world.answered(200);
    let detail = world.event().1;
    assert!(
        detail.starts_with("the recorder ended the recording; next"),
        "{detail}"
    );
}

#[test]
fn the_sites_pause_holds_whatever_the_recorder_answers() {
    let mut world = World::established("", &usual());
    world.change(|account| account.paused = true);
    assert!(!world.flow().unwrap().sending);
    let pause = world.sent(Method::Invite);
    assert!(offer(&pause).contains("a=inactive"));
    world.accept(&pause, &usual());
    world.sent(Method::Ack);
    assert!(!world.flow().unwrap().sending);
    assert_eq!(world.state(), RecordingState::Paused);
}
