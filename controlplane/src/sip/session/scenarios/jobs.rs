//! Our requests within the dialog.

use std::time::Duration;

use rsip::Method;

use super::hand::{Hand, accept, body, call, response, sdp};
use crate::sip::content::Content;
use crate::sip::flow::TransportPolicy;
use crate::sip::output::{End, Failure, Output};
use crate::sip::testing::{tcp, udp};

fn reinvite(hand: &mut Hand, text: &str) {
    hand.user(|session, now, out| session.reinvite(sdp(text), now, out));
}

fn update(hand: &mut Hand, text: &str) {
    let content = body("application/rs-metadata+xml", text);
    hand.user(|session, now, out| session.update(content, now, out));
}

fn accepted(output: &Output, wanted: Method) -> bool {
    matches!(output, Output::Accepted { method, .. } if *method == wanted)
}

fn refused(output: &Output, wanted: Method, code: u16) -> bool {
    let Output::Refused { method, response } = output else {
        return false;
    };
    *method == wanted && response.status.code() == code
}

#[test]
fn a_reinvite_is_accepted_and_acknowledged_as_often_as_needed() {
    let mut hand = Hand::established(&[]);
    reinvite(&mut hand, "paused");
    let invite = hand.sent(Method::Invite);
    for (name, value) in [
        ("CSeq", "2 INVITE"),
        ("Contact", "<sip:us@192.0.2.1:5060>;+sip.src"),
        ("Require", "siprec"),
        ("Content-Type", "application/sdp"),
    ] {
        assert_eq!(invite.headers.get(name), Some(value));
    }
    assert_eq!(invite.body, b"paused");
    let answer = accept(&invite, &[("Contact", "<sip:new@192.0.2.7>")]);
    hand.receive(answer.clone());
    let (flow, ack) = hand.sent_by(Method::Ack);
    assert_eq!(
        (ack.uri.to_string().as_str(), flow.remote.port()),
        ("sip:new@192.0.2.7", 5060)
    );
    assert!(accepted(&hand.told(), Method::Invite));
    hand.receive(answer);
    assert_eq!(hand.sent(Method::Ack), ack);
    hand.end();
    assert_eq!(hand.sent(Method::Bye).uri.to_string(), "sip:new@192.0.2.7");
}

#[test]
fn a_refused_request_leaves_the_session_as_it_was() {
    for code in [302, 400, 415, 488, 500, 503, 603] {
        let mut hand = Hand::established(&[]);
        reinvite(&mut hand, "new");
        let invite = hand.sent(Method::Invite);
        hand.receive(response(
            &invite,
            code,
            &[("Contact", "<sip:other@192.0.2.9>")],
        ));
        hand.sent(Method::Ack);
        assert!(refused(&hand.told(), Method::Invite, code));
        update(&mut hand, "more");
        let sent = hand.sent(Method::Update);
        assert_eq!(sent.uri.to_string(), "sip:rec@192.0.2.2:5060");
        assert_eq!(sent.headers.get("CSeq"), Some("3 UPDATE"));
        hand.receive(response(&sent, 200, &[]));
        assert!(accepted(&hand.told(), Method::Update));
        hand.nothing_told();
    }
}

#[test]
fn requests_go_one_by_one_and_the_latest_content_wins() {
    let mut hand = Hand::established(&[]);
    update(&mut hand, "first");
    for text in ["second", "third"] {
        update(&mut hand, text);
        reinvite(&mut hand, text);
        hand.user(|session, now, out| session.options(now, out));
    }
    let first = hand.sent(Method::Update);
    assert_eq!(first.body, b"first");
    hand.nothing_sent();
    hand.receive(response(&first, 200, &[]));
    assert!(accepted(&hand.told(), Method::Update));
    let second = hand.sent(Method::Update);
    assert_eq!(second.body, b"third");
    hand.receive(response(&second, 500, &[]));
    assert!(refused(&hand.told(), Method::Update, 500));
    let invite = hand.sent(Method::Invite);
    assert_eq!(invite.body, b"third");
    hand.receive(accept(&invite, &[]));
    hand.sent(Method::Ack);
    assert!(accepted(&hand.told(), Method::Invite));
    let options = hand.sent(Method::Options);
    assert_eq!(options.headers.get("Accept"), Some("application/sdp"));
    assert_eq!(options.headers.get("Contact"), None);
    hand.receive(response(&options, 200, &[]));
    assert!(accepted(&hand.told(), Method::Options));
    hand.nothing_sent();
}

#[test]
fn a_dialog_that_the_peer_does_not_know_is_over() {
    for method in [Method::Invite, Method::Update, Method::Options] {
        let mut hand = Hand::established(&[]);
        if method == Method::Invite {
            reinvite(&mut hand, "x");
        } else if method == Method::Update {
            update(&mut hand, "x");
        } else {
            hand.user(|session, now, out| session.options(now, out));
        }
        let request = hand.sent(method);
        hand.receive(response(&request, 481, &[]));
        if method == Method::Invite {
            hand.sent(Method::Ack);
        }
        assert_eq!(
            hand.told(),
            Output::Ended {
                by: End::Lost {
                    status: Some(481.into())
                }
            }
        );
        hand.runs_out();
    }
}

#[test]
fn a_peer_that_does_not_answer_is_lost_and_sent_bye() {
    let mut hand = Hand::established(&[]);
    update(&mut hand, "x");
    let request = hand.sent(Method::Update);
    hand.receive(response(&request, 408, &[]));
    assert_eq!(
        hand.told(),
        Output::Ended {
            by: End::Lost {
                status: Some(408.into())
            }
        }
    );
    let bye = hand.sent(Method::Bye);
    hand.receive(response(&bye, 200, &[]));
    hand.runs_out();

    for invite in [true, false] {
        let mut hand = Hand::established(&[]);
        if invite {
            reinvite(&mut hand, "x");
        } else {
            update(&mut hand, "x");
        }
        hand.wait(Duration::from_millis(31_999));
        hand.nothing_told();
        hand.sent_count();
        hand.wait(Duration::from_millis(1));
        assert_eq!(
            hand.told(),
            Output::Ended {
                by: End::Lost { status: None }
            }
        );
        hand.sent(Method::Bye);
        hand.wait(Duration::from_secs(32));
        hand.sent_count();
        hand.runs_out();
    }
}

#[test]
fn a_reinvite_that_is_worked_on_without_end_is_cancelled() {
    let mut hand = Hand::established(&[]);
    reinvite(&mut hand, "x");
    let invite = hand.sent(Method::Invite);
    hand.receive(response(&invite, 100, &[]));
    hand.wait(Duration::from_millis(31_999));
    hand.nothing_sent();
    hand.wait(Duration::from_millis(1));
    let cancel = hand.sent(Method::Cancel);
    hand.receive(response(&cancel, 200, &[]));
    hand.nothing_told();
    hand.receive(response(&invite, 487, &[]));
    hand.sent(Method::Ack);
    assert!(refused(&hand.told(), Method::Invite, 487));
    update(&mut hand, "x");
    hand.sent(Method::Update);
}

#[test]
fn a_cancelled_reinvite_without_end_loses_the_session() {
    let mut hand = Hand::established(&[]);
    reinvite(&mut hand, "x");
    let invite = hand.sent(Method::Invite);
    hand.receive(response(&invite, 100, &[]));
    hand.wait(Duration::from_secs(32));
    let cancel = hand.sent(Method::Cancel);
    hand.receive(response(&cancel, 200, &[]));
    hand.wait(Duration::from_secs(32));
    assert_eq!(
        hand.told(),
        Output::Ended {
            by: End::Lost { status: None }
        }
    );
    hand.sent(Method::Bye);
}

#[test]
fn after_glare_the_request_is_sent_again() {
    let mut waits = Vec::new();
    let mut hand = Hand::established(&[]);
    reinvite(&mut hand, "old");
    for round in 0..9 {
        let invite = hand.sent(Method::Invite);
        let before = hand.now;
        hand.receive(response(&invite, 491, &[]));
        hand.sent(Method::Ack);
        if round == 4 {
            reinvite(&mut hand, "newer");
        }
        hand.wait(Duration::from_millis(2_090));
        hand.nothing_sent();
        while hand.session.deadline().is_some() && hand.now - before < Duration::from_secs(4) {
            hand.wait(Duration::from_millis(10));
            if let Some(Output::Refused { .. }) = hand.told_if_any() {
                panic!("refused too early");
            }
            if hand.peek(Method::Invite) {
                break;
            }
        }
        waits.push(hand.now - before);
    }
    let invite = hand.sent(Method::Invite);
    assert_eq!(invite.body, b"newer");
    assert!(
        waits
            .iter()
            .all(|wait| (2_100..=4_000).contains(&wait.as_millis())),
        "{waits:?}"
    );
    assert!(waits.iter().any(|wait| *wait != waits[0]));
    hand.receive(response(&invite, 491, &[]));
    hand.sent(Method::Ack);
    assert!(refused(&hand.told(), Method::Invite, 491));
}

#[test]
fn what_was_asked_during_the_glare_replaces_what_collided() {
    let mut hand = Hand::established(&[]);
    reinvite(&mut hand, "old");
    reinvite(&mut hand, "newer");
    let invite = hand.sent(Method::Invite);
    hand.receive(response(&invite, 491, &[]));
    hand.sent(Method::Ack);
    hand.wait(Duration::from_secs(4));
    let again = hand.sent(Method::Invite);
    assert_eq!(again.body, b"newer");
    // Retransmissions: the wait ended before the four seconds did.
    hand.sent_count();
    hand.receive(accept(&again, &[]));
    hand.sent(Method::Ack);
    assert!(accepted(&hand.told(), Method::Invite));
    hand.nothing_sent();
}

#[test]
fn a_reinvite_that_waits_is_taken_back_with_word_whether_it_was_sent() {
    let mut hand = Hand::established(&[]);
    assert_eq!(hand.session.withdraw_reinvite(), None);
    reinvite(&mut hand, "old");
    assert_eq!(hand.session.withdraw_reinvite(), None, "it is in flight");
    let invite = hand.sent(Method::Invite);
    hand.receive(response(&invite, 491, &[]));
    hand.sent(Method::Ack);
    assert_eq!(hand.session.withdraw_reinvite(), Some(true));
    reinvite(&mut hand, "newer");
    assert_eq!(hand.session.withdraw_reinvite(), Some(false));
    hand.wait(Duration::from_secs(5));
    hand.nothing_sent();
}

#[test]
fn an_accepted_update_moves_the_target() {
    let mut hand = Hand::established(&[]);
    update(&mut hand, "x");
    let sent = hand.sent(Method::Update);
    hand.receive(response(
        &sent,
        200,
        &[("Contact", "<sip:moved@192.0.2.6>")],
    ));
    assert!(accepted(&hand.told(), Method::Update));
    update(&mut hand, "y");
    assert_eq!(
        hand.sent(Method::Update).uri.to_string(),
        "sip:moved@192.0.2.6"
    );
}

#[test]
fn too_short_an_interval_is_asked_for_again_within_the_dialog() {
    let mut hand = Hand::established(&[("Session-Expires", "600;refresher=uac")]);
    update(&mut hand, "x");
    let first = hand.sent(Method::Update);
    assert_eq!(
        first.headers.get("Session-Expires"),
        Some("600;refresher=uac")
    );
    hand.receive(response(&first, 422, &[("Min-SE", "900")]));
    let again = hand.sent(Method::Update);
    assert_eq!(
        again.headers.get("Session-Expires"),
        Some("900;refresher=uac")
    );
    assert_eq!(again.headers.get("Min-SE"), Some("900"));
    assert_eq!(again.body, b"x");
    hand.receive(response(&again, 422, &[("Min-SE", "900")]));
    assert!(refused(&hand.told(), Method::Update, 422));
}

#[test]
fn a_request_to_nobody_fails_and_the_session_lives() {
    let mut hand = Hand::established(&[]);
    update(&mut hand, "x");
    reinvite(&mut hand, "y");
    hand.sent(Method::Update);
    hand.unreachable(udp());
    let failure = Failure::Unreachable;
    assert_eq!(
        hand.told(),
        Output::Failed {
            method: Method::Update,
            failure
        }
    );
    hand.sent(Method::Invite);
    hand.unreachable(udp());
    assert_eq!(
        hand.told(),
        Output::Failed {
            method: Method::Invite,
            failure
        }
    );
    update(&mut hand, "z");
    let sent = hand.sent(Method::Update);
    hand.receive(response(&sent, 200, &[]));
    assert!(accepted(&hand.told(), Method::Update));
}

#[test]
fn over_a_connection_that_died_a_request_is_sent_once_more() {
    let mut hand = Hand::with(call(TransportPolicy::Tcp, sdp("offer")));
    let invite = hand.sent(Method::Invite);
    hand.receive(accept(&invite, &[]));
    hand.sent(Method::Ack);
    hand.told();
    reinvite(&mut hand, "x");
    let invite = hand.sent(Method::Invite);
    hand.unreachable(tcp());
    let again = hand.sent(Method::Invite);
    assert_eq!(again, invite);
    hand.receive(accept(&again, &[]));
    hand.sent(Method::Ack);
    assert!(accepted(&hand.told(), Method::Invite));
    hand.unreachable(tcp());
    hand.nothing_sent();
    hand.nothing_told();
}

#[test]
fn the_transport_is_the_dialogs_unless_the_contact_names_another() {
    for (contact, content, flow) in [
        ("<sip:rec@192.0.2.2>", sdp("x"), udp()),
        ("<sip:rec@192.0.2.2;transport=tcp>", sdp("x"), tcp()),
        ("<sip:rec@192.0.2.2>", sdp(&"x".repeat(1300)), tcp()),
        ("<sip:rec@recorder.example>", sdp("x"), udp()),
    ] {
        let mut hand = Hand::established(&[("Contact", contact)]);
        hand.user(|session, now, out| session.reinvite(content, now, out));
        let (by, invite) = hand.sent_by(Method::Invite);
        assert_eq!(by, flow, "{contact}");
        let contact = invite.headers.get("Contact");
        assert_eq!(contact, Some("<sip:us@192.0.2.1:5060>;+sip.src"));
    }
}

#[test]
fn nothing_is_asked_outside_of_an_established_session() {
    let mut hand = Hand::calling();
    hand.sent(Method::Invite);
    reinvite(&mut hand, "x");
    update(&mut hand, "x");
    hand.user(|session, now, out| {
        session.options(now, out);
        let id = crate::sip::output::RequestId(0);
        session.respond(id, 200.into(), Content::default(), now, out);
    });
    hand.nothing_sent();
    hand.nothing_told();
}
