//! The peer's first INVITE: taken, refused, taken back.

use std::time::Duration;

use rsip::{Method, StatusCode};

use super::hand::{Hand, response, sdp};
use crate::sip::content::Content;
use crate::sip::output::{End, Output, RequestId};

fn offered(hand: &mut Hand) -> RequestId {
    let Output::Offered { id, request } = hand.told() else {
        panic!("nothing offered");
    };
    assert_eq!(request.body, b"offer");
    id
}

fn respond(hand: &mut Hand, id: RequestId, code: u16, content: Content) {
    hand.user(|session, now, out| session.respond(id, code.into(), content, now, out));
}

/// Accepted and acknowledged.
fn taken() -> Hand {
    let mut hand = Hand::called(&[]);
    let id = offered(&mut hand);
    respond(&mut hand, id, 200, sdp("answer"));
    hand.answered(200);
    let ack = hand.theirs(Method::Ack, 10, &[]);
    hand.receive(ack.clone());
    assert_eq!(hand.told(), Output::Acknowledged { id, ack });
    hand
}

#[test]
fn an_accepted_invite_makes_a_dialog() {
    let mut hand = Hand::called(&[
        ("Record-Route", "<sip:192.0.2.8;lr>"),
        ("Session-Expires", "1800;refresher=uac"),
        ("Supported", "timer"),
        ("Require", "siprec"),
    ]);
    let id = offered(&mut hand);
    respond(&mut hand, id, 180, Content::default());
    let ringing = hand.answered(180);
    respond(&mut hand, id, 200, sdp("answer"));
    let answer = hand.answered(200);
    let tag = |headers: &crate::sip::headers::Headers| headers.identity().unwrap().to_tag;
    assert!(tag(&answer.headers).is_some());
    assert_eq!(tag(&answer.headers), tag(&ringing.headers));
    for (name, value) in [
        ("Contact", "<sip:us@192.0.2.1:5060>;+sip.srs"),
        ("Record-Route", "<sip:192.0.2.8;lr>"),
        ("Session-Expires", "1800;refresher=uac"),
        ("Require", "timer"),
        ("Allow", "INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE"),
        ("Server", "sixreel"),
        ("From", "<sip:rec@192.0.2.2>;tag=r1"),
        ("CSeq", "10 INVITE"),
    ] {
        assert_eq!(answer.headers.get(name), Some(value));
    }
    assert_eq!(answer.body, b"answer");
    let ack = hand.theirs(Method::Ack, 10, &[]);
    hand.receive(ack.clone());
    assert_eq!(hand.told(), Output::Acknowledged { id, ack });
    hand.end();
    let (flow, bye) = hand.sent_by(Method::Bye);
    assert_eq!(flow.remote.to_string(), "192.0.2.8:5060");
    assert_eq!(bye.headers.get("To"), Some("<sip:rec@192.0.2.2>;tag=r1"));
    assert_eq!(bye.headers.get("CSeq"), Some("1 BYE"));
}

#[test]
fn a_slow_user_is_announced_by_100() {
    let mut hand = Hand::called(&[]);
    offered(&mut hand);
    hand.wait(Duration::from_millis(200));
    let trying = hand.answered(100);
    assert_eq!(trying.headers.get("To"), Some("<sip:us@192.0.2.1>"));
    let invite = hand.invite.clone();
    hand.receive(invite);
    hand.answered(100);
    hand.nothing_told();
}

#[test]
fn a_refused_invite_ends_the_session() {
    let mut hand = Hand::called(&[]);
    let id = offered(&mut hand);
    respond(&mut hand, id, 486, Content::default());
    hand.answered(486);
    assert_eq!(
        hand.told(),
        Output::Ended {
            by: End::Local { confirmed: true }
        }
    );
    hand.wait(Duration::from_millis(500));
    hand.answered(486);
    let ack = hand.theirs(
        Method::Ack,
        10,
        &[("Via", hand.invite.headers.get("Via").unwrap())],
    );
    hand.receive(ack);
    hand.runs_out();
}

#[test]
fn ending_an_unanswered_invite_refuses_it() {
    let mut hand = Hand::called(&[]);
    let id = offered(&mut hand);
    hand.end();
    hand.answered(480);
    assert_eq!(
        hand.told(),
        Output::Ended {
            by: End::Local { confirmed: true }
        }
    );
    respond(&mut hand, id, 200, sdp("answer"));
    hand.nothing_sent();
}

#[test]
fn a_cancelled_invite_is_answered_487() {
    let mut hand = Hand::called(&[]);
    let id = offered(&mut hand);
    let via = hand.invite.headers.get("Via").unwrap().to_owned();
    let more = [("Via", via.as_str()), ("Reason", "SIP;cause=200")];
    let mut cancel = hand.theirs(Method::Cancel, 10, &more);
    hand.receive(cancel.clone());
    hand.answered(200);
    hand.answered(487);
    let reason = Some("SIP;cause=200".to_owned());
    assert_eq!(
        hand.told(),
        Output::Ended {
            by: End::Peer { reason }
        }
    );
    respond(&mut hand, id, 200, sdp("answer"));
    hand.nothing_sent();
    hand.receive(cancel.clone());
    hand.answered(200);
    cancel.headers = hand.theirs(Method::Cancel, 11, &[]).headers;
    hand.receive(cancel);
    hand.answered(481);
    let ack = hand.theirs(Method::Ack, 10, &[("Via", &via)]);
    hand.receive(ack);
    hand.runs_out();
}

#[test]
fn the_caller_may_say_bye_before_the_answer() {
    let mut hand = Hand::called(&[]);
    let id = offered(&mut hand);
    respond(&mut hand, id, 180, Content::default());
    hand.answered(180);
    let stranger = hand.theirs(Method::Bye, 11, &[("To", "<sip:us@192.0.2.1>;tag=other")]);
    hand.receive(stranger);
    hand.answered(481);
    let bye = hand.theirs(Method::Bye, 12, &[]);
    hand.receive(bye);
    hand.answered(200);
    hand.answered(487);
    assert_eq!(
        hand.told(),
        Output::Ended {
            by: End::Peer { reason: None }
        }
    );
}

#[test]
fn what_cannot_make_a_dialog_is_refused_at_once() {
    for (more, code) in [
        (&[("Contact", "")][..], 400),
        (&[("Contact", "<tel:+1000>")], 400),
        (&[("Require", "siprec, 100rel")], 420),
        (&[("Session-Expires", "30"), ("Supported", "timer")], 422),
        (&[("To", "<sip:us@192.0.2.1>;tag=gone")], 481),
    ] {
        let mut hand = Hand::called(more);
        let answer = hand.answered(code);
        assert_eq!(answer.headers.get("Min-SE").is_some(), code == 422);
        assert_eq!(answer.headers.get("Unsupported").is_some(), code == 420);
        let status = StatusCode::from(code);
        assert_eq!(
            hand.told(),
            Output::Ended {
                by: End::Invalid { status }
            }
        );
        let via = hand.invite.headers.get("Via").unwrap();
        let ack = hand.theirs(Method::Ack, 10, &[("Via", via)]);
        hand.receive(ack);
        hand.runs_out();
    }
}

#[test]
fn the_same_invite_by_another_way_is_a_loop() {
    let mut hand = Hand::called(&[]);
    offered(&mut hand);
    let mut merged = hand.invite.clone();
    merged.headers = hand
        .theirs(Method::Invite, 10, &[("To", "<sip:us@192.0.2.1>")])
        .headers;
    hand.receive(merged);
    hand.answered(482);
    hand.nothing_told();
}

#[test]
fn without_ack_the_answer_is_repeated_and_the_session_ended() {
    let mut hand = Hand::called(&[]);
    let id = offered(&mut hand);
    respond(&mut hand, id, 200, sdp("answer"));
    hand.wait(Duration::from_millis(31_999));
    assert_eq!(hand.sent_count(), 11);
    hand.nothing_told();
    hand.wait(Duration::from_millis(1));
    let bye = hand.sent(Method::Bye);
    assert_eq!(
        hand.told(),
        Output::Ended {
            by: End::Unacknowledged
        }
    );
    hand.receive(response(&bye, 200, &[]));
    hand.runs_out();
}

#[test]
fn bye_waits_for_the_ack() {
    let mut hand = Hand::called(&[]);
    let id = offered(&mut hand);
    respond(&mut hand, id, 200, sdp("answer"));
    hand.answered(200);
    hand.end();
    hand.nothing_sent();
    let ack = hand.theirs(Method::Ack, 10, &[]);
    hand.receive(ack);
    assert!(matches!(hand.told(), Output::Acknowledged { .. }));
    let bye = hand.sent(Method::Bye);
    assert_eq!(bye.body, b"farewell");
    hand.receive(response(&bye, 200, &[]));
    assert_eq!(
        hand.told(),
        Output::Ended {
            by: End::Local { confirmed: true }
        }
    );
    hand.runs_out();
}

#[test]
fn nothing_is_asked_before_the_ack() {
    let mut hand = Hand::called(&[]);
    let id = offered(&mut hand);
    respond(&mut hand, id, 200, sdp("answer"));
    hand.answered(200);
    hand.user(|session, now, out| session.reinvite(sdp("mine"), now, out));
    hand.nothing_sent();
    let early = hand.theirs(Method::Invite, 11, &[]);
    hand.receive(early);
    assert!(hand.answered(500).headers.get("Retry-After").is_some());
    let ack = hand.theirs(Method::Ack, 10, &[]);
    hand.receive(ack);
    assert_eq!(hand.sent(Method::Invite).body, b"mine");
}

#[test]
fn the_called_side_waits_less_after_glare() {
    let mut hand = taken();
    hand.user(|session, now, out| session.reinvite(sdp("mine"), now, out));
    let invite = hand.sent(Method::Invite);
    hand.receive(response(&invite, 491, &[]));
    hand.sent(Method::Ack);
    hand.nothing_sent();
    hand.wait(Duration::from_secs(2));
    assert_eq!(hand.sent(Method::Invite).body, b"mine");
}
