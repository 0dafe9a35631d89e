//! Provisional answers: acknowledged, and as answers to the offer.

use std::time::Duration;

use rsip::Method;

use super::hand::{Hand, accept, call, response, sdp};
use crate::sip::flow::TransportPolicy;
use crate::sip::message::{Request, Response};
use crate::sip::output::Output;

fn reliable(request: &Request, code: u16, number: &str) -> Response {
    let contact = ("Contact", "<sip:early@192.0.2.5:5070>");
    let more = [("Require", "100rel"), ("RSeq", number), contact];
    response(request, code, &more)
}

fn progress(hand: &mut Hand) {
    assert!(matches!(hand.told(), Output::Progress { .. }));
}

#[test]
fn a_reliable_provisional_answer_is_acknowledged_once() {
    let mut hand = Hand::calling();
    let invite = hand.sent(Method::Invite);
    hand.receive(reliable(&invite, 183, "7"));
    let (flow, prack) = hand.sent_by(Method::PRack);
    assert_eq!(flow.remote.to_string(), "192.0.2.5:5070");
    assert_eq!(prack.uri.to_string(), "sip:early@192.0.2.5:5070");
    for (name, value) in [("RAck", "7 1 INVITE"), ("CSeq", "2 PRACK")] {
        assert_eq!(prack.headers.get(name), Some(value));
    }
    progress(&mut hand);
    hand.receive(reliable(&invite, 183, "7"));
    hand.nothing_sent();
    progress(&mut hand);
    hand.receive(reliable(&invite, 180, "9"));
    hand.nothing_sent();
    hand.receive(response(&prack, 200, &[]));
    hand.receive(reliable(&invite, 180, "8"));
    let second = hand.sent(Method::PRack);
    assert_eq!(second.headers.get("RAck"), Some("8 1 INVITE"));
    hand.receive(response(&second, 200, &[]));
    hand.receive(accept(&invite, &[]));
    // The ACK has the INVITE's number, and what follows the next that is free.
    assert_eq!(hand.sent(Method::Ack).headers.get("CSeq"), Some("1 ACK"));
    hand.end();
    assert_eq!(hand.sent(Method::Bye).headers.get("CSeq"), Some("4 BYE"));
}

#[test]
fn a_prack_that_is_lost_is_sent_again() {
    let mut hand = Hand::calling();
    let invite = hand.sent(Method::Invite);
    hand.receive(reliable(&invite, 183, "1"));
    let prack = hand.sent(Method::PRack);
    hand.wait(Duration::from_millis(500));
    assert_eq!(hand.sent(Method::PRack), prack);
    hand.receive(response(&prack, 481, &[]));
    hand.receive(accept(&invite, &[]));
    hand.sent(Method::Ack);
}

#[test]
fn the_answer_may_come_early_and_be_missing_in_the_200() {
    for more in [&[("Require", "100rel"), ("RSeq", "1")][..], &[]] {
        let mut hand = Hand::calling();
        let invite = hand.sent(Method::Invite);
        let mut early = response(&invite, 183, more);
        sdp("early answer").put(&mut early.headers, &mut early.body);
        hand.receive(early);
        hand.sent_count();
        progress(&mut hand);
        hand.receive(response(&invite, 200, &[]));
        hand.sent(Method::Ack);
        let Output::Answered { response, .. } = hand.told() else {
            panic!("not answered");
        };
        assert_eq!(response.body, b"early answer");
        let media_type = response.headers.media_type();
        assert_eq!(media_type.as_deref(), Some("application/sdp"));
    }
    let mut hand = Hand::calling();
    let invite = hand.sent(Method::Invite);
    let mut early = reliable(&invite, 183, "1");
    sdp("early answer").put(&mut early.headers, &mut early.body);
    hand.receive(early);
    progress(&mut hand);
    hand.receive(accept(&invite, &[]));
    let Output::Answered { response, .. } = hand.told() else {
        panic!("not answered");
    };
    assert_eq!(response.body, b"answer");
}

#[test]
fn a_reinvite_is_worked_on_reliably_too() {
    let mut hand = Hand::established(&[]);
    hand.user(|session, now, out| session.reinvite(sdp("more"), now, out));
    let invite = hand.sent(Method::Invite);
    hand.receive(reliable(&invite, 183, "1"));
    let prack = hand.sent(Method::PRack);
    assert_eq!(prack.headers.get("RAck"), Some("1 2 INVITE"));
    assert_eq!(prack.headers.get("CSeq"), Some("3 PRACK"));
    hand.receive(response(&prack, 200, &[]));
    hand.receive(accept(&invite, &[]));
    assert_eq!(hand.sent(Method::Ack).headers.get("CSeq"), Some("2 ACK"));
    assert!(matches!(hand.told(), Output::Accepted { .. }));
    hand.end();
    assert_eq!(hand.sent(Method::Bye).headers.get("CSeq"), Some("4 BYE"));
}

#[test]
fn what_is_not_reliable_or_has_no_number_is_not_acknowledged() {
    let mut hand = Hand::calling();
    let invite = hand.sent(Method::Invite);
    for more in [
        &[("RSeq", "1")][..],
        &[("Require", "100rel")],
        &[("Require", "100rel"), ("RSeq", "0")],
        &[("Require", "100rel"), ("RSeq", "4294967296")],
    ] {
        hand.receive(response(&invite, 183, more));
    }
    hand.receive(reliable(&invite, 100, "1"));
    hand.nothing_sent();
    for tag in 0..50 {
        let mut fork = reliable(&invite, 183, "1");
        let to = format!("<sip:rec@192.0.2.2>;tag={tag}");
        fork.headers = super::calling::replaced(&fork, "To", &to);
        hand.receive(fork);
    }
    assert!(hand.sent_count() <= 8);
}

#[test]
fn an_option_that_the_profile_lacks_is_not_offered() {
    let mut call = call(TransportPolicy::Udp, sdp("offer"));
    call.options.reliable_provisional = false;
    let mut hand = Hand::with(call);
    let invite = hand.sent(Method::Invite);
    assert_eq!(invite.headers.get("Supported"), Some("siprec, timer"));
}

#[test]
fn the_peer_may_require_it_of_us_within_the_dialog() {
    let mut hand = Hand::established(&[]);
    let mut invite = hand.theirs(Method::Invite, 1, &[("Require", "100rel,siprec")]);
    sdp("theirs").put(&mut invite.headers, &mut invite.body);
    hand.receive(invite);
    assert!(matches!(hand.told(), Output::Offered { .. }));
}
