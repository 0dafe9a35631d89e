//! The end: BYE by either side, and everything that crosses it.

use std::time::Duration;

use rsip::Method;

use super::hand::{Hand, accept, call, response, sdp};
use crate::sip::flow::TransportPolicy;
use crate::sip::output::{End, Output};
use crate::sip::testing::{tcp, udp};

fn ended(confirmed: bool) -> Output {
    Output::Ended {
        by: End::Local { confirmed },
    }
}

fn by_peer() -> Output {
    Output::Ended {
        by: End::Peer { reason: None },
    }
}

#[test]
fn our_bye_is_confirmed() {
    for code in [200, 481, 500] {
        let mut hand = Hand::established(&[]);
        hand.end();
        hand.end();
        let bye = hand.sent(Method::Bye);
        assert_eq!(
            (bye.headers.get("CSeq"), &bye.body[..]),
            (Some("2 BYE"), &b"farewell"[..])
        );
        hand.nothing_told();
        hand.receive(response(&bye, 100, &[]));
        hand.nothing_told();
        hand.receive(response(&bye, code, &[]));
        assert_eq!(hand.told(), ended(true));
        hand.receive(response(&bye, code, &[]));
        hand.runs_out();
    }
}

#[test]
fn our_bye_is_given_up_after_32_seconds() {
    let mut hand = Hand::established(&[]);
    hand.end();
    hand.wait(Duration::from_millis(31_999));
    hand.nothing_told();
    assert_eq!(hand.sent_count(), 11);
    hand.wait(Duration::from_millis(1));
    assert_eq!(hand.told(), ended(false));
    hand.runs_out();
}

#[test]
fn a_bye_to_nobody_is_given_up_at_once() {
    let mut hand = Hand::established(&[]);
    hand.end();
    hand.sent(Method::Bye);
    hand.unreachable(udp());
    assert_eq!(hand.told(), ended(false));
    hand.runs_out();
}

#[test]
fn over_a_connection_that_died_bye_is_sent_once_more() {
    let mut hand = Hand::with(call(TransportPolicy::Tcp, sdp("offer")));
    let invite = hand.sent(Method::Invite);
    hand.receive(accept(&invite, &[]));
    hand.sent(Method::Ack);
    hand.told();
    hand.end();
    let bye = hand.sent(Method::Bye);
    hand.unreachable(tcp());
    assert_eq!(hand.sent(Method::Bye), bye);
    hand.unreachable(tcp());
    assert_eq!(hand.told(), ended(false));
    hand.runs_out();
}

#[test]
fn their_bye_is_answered_as_often_as_it_comes() {
    let mut hand = Hand::established(&[]);
    let bye = hand.theirs(Method::Bye, 1, &[("Reason", "Q.850;cause=16")]);
    hand.receive(bye.clone());
    let ok = hand.answered(200);
    let reason = Some("Q.850;cause=16".to_owned());
    assert_eq!(
        hand.told(),
        Output::Ended {
            by: End::Peer { reason }
        }
    );
    hand.receive(bye);
    assert_eq!(hand.answered(200), ok);
    hand.end();
    hand.user(|session, now, out| session.reinvite(sdp("x"), now, out));
    hand.runs_out();
}

#[test]
fn byes_that_cross_are_both_answered() {
    let mut hand = Hand::established(&[]);
    hand.end();
    let bye = hand.sent(Method::Bye);
    let theirs = hand.theirs(Method::Bye, 1, &[]);
    hand.receive(theirs);
    hand.answered(200);
    assert_eq!(hand.told(), ended(true));
    hand.receive(response(&bye, 481, &[]));
    hand.runs_out();
}

#[test]
fn a_bye_that_crosses_our_reinvite_ends_the_session() {
    let mut hand = Hand::established(&[]);
    hand.user(|session, now, out| session.reinvite(sdp("new"), now, out));
    let invite = hand.sent(Method::Invite);
    let bye = hand.theirs(Method::Bye, 1, &[]);
    hand.receive(bye);
    hand.answered(200);
    assert_eq!(hand.told(), by_peer());
    hand.wait(Duration::from_secs(3));
    hand.receive(response(&invite, 100, &[]));
    hand.nothing_sent();
    hand.receive(response(&invite, 481, &[]));
    hand.sent(Method::Ack);
    hand.runs_out();
}

#[test]
fn a_200_that_crosses_our_bye_is_still_acknowledged() {
    let mut hand = Hand::established(&[]);
    hand.user(|session, now, out| session.reinvite(sdp("new"), now, out));
    let invite = hand.sent(Method::Invite);
    hand.end();
    let bye = hand.sent(Method::Bye);
    hand.receive(accept(&invite, &[]));
    let ack = hand.sent(Method::Ack);
    assert_eq!(ack.headers.get("CSeq"), Some("2 ACK"));
    hand.receive(response(&bye, 200, &[]));
    assert_eq!(hand.told(), ended(true));
    hand.runs_out();
}

#[test]
fn what_the_peer_asked_is_answered_487_when_the_session_ends() {
    for ours in [true, false] {
        let mut hand = Hand::established(&[]);
        let mut invite = hand.theirs(Method::Invite, 1, &[]);
        sdp("theirs").put(&mut invite.headers, &mut invite.body);
        hand.receive(invite);
        assert!(matches!(hand.told(), Output::Offered { .. }));
        let via = "SIP/2.0/UDP 192.0.2.2:5060;branch=z9hG4bKt1INVITE;rport";
        if ours {
            hand.end();
            hand.answered(487);
            let bye = hand.sent(Method::Bye);
            hand.receive(response(&bye, 200, &[]));
            assert_eq!(hand.told(), ended(true));
        } else {
            let bye = hand.theirs(Method::Bye, 2, &[]);
            hand.receive(bye);
            hand.answered(200);
            hand.answered(487);
            assert_eq!(hand.told(), by_peer());
        }
        let ack = hand.theirs(Method::Ack, 1, &[("Via", via)]);
        hand.receive(ack);
        hand.runs_out();
    }
}

#[test]
fn requests_after_the_end_are_refused() {
    let mut hand = Hand::established(&[]);
    let bye = hand.theirs(Method::Bye, 1, &[]);
    hand.receive(bye);
    hand.answered(200);
    hand.told();
    for method in [
        Method::Options,
        Method::Invite,
        Method::Update,
        Method::Info,
    ] {
        let late = hand.theirs(method, 2, &[]);
        hand.receive(late);
        hand.answered(481);
    }
    hand.nothing_told();
}

#[test]
fn what_was_asked_or_answered_is_not_repeated_after_the_end() {
    let mut hand = Hand::established(&[]);
    hand.user(|session, now, out| session.update(sdp("x"), now, out));
    hand.sent(Method::Update);
    let bye = hand.theirs(Method::Bye, 1, &[]);
    hand.receive(bye);
    hand.answered(200);
    assert_eq!(hand.told(), by_peer());
    hand.runs_out();

    let mut hand = Hand::established(&[]);
    let mut invite = hand.theirs(Method::Invite, 1, &[]);
    sdp("theirs").put(&mut invite.headers, &mut invite.body);
    hand.receive(invite);
    let Output::Offered { id, .. } = hand.told() else {
        panic!("nothing offered");
    };
    hand.user(|session, now, out| session.respond(id, 200.into(), sdp("ours"), now, out));
    hand.answered(200);
    hand.end();
    let bye = hand.sent(Method::Bye);
    hand.receive(response(&bye, 200, &[]));
    assert_eq!(hand.told(), ended(true));
    hand.runs_out();
}
