//! Redirections of the first INVITE.

use rsip::Method;

use super::hand::{Hand, accept, call, response, sdp};
use crate::sip::flow::{Protocol, TransportPolicy};
use crate::sip::output::Output;

fn refused(output: &Output) -> bool {
    let Output::Refused { response, .. } = output else {
        return false;
    };
    response.status.code() == 302
}

#[test]
fn a_redirection_is_followed_in_the_same_session() {
    let mut hand = Hand::calling();
    let invite = hand.sent(Method::Invite);
    let contacts = "<sip:c@192.0.2.8>;q=0.2, <tel:+1>, <sip:b@192.0.2.7:5080;method=INVITE>;q=0.9";
    hand.receive(response(&invite, 302, &[("Contact", contacts)]));
    hand.sent(Method::Ack);
    hand.nothing_told();
    let (flow, again) = hand.sent_by(Method::Invite);
    assert_eq!(again.uri.to_string(), "sip:b@192.0.2.7:5080");
    assert_eq!(flow.remote.to_string(), "192.0.2.7:5080");
    assert_eq!(again.headers.get("CSeq"), Some("2 INVITE"));
    assert_eq!(again.headers.get("Call-ID"), invite.headers.get("Call-ID"));
    hand.receive(accept(&again, &[("Contact", "<sip:b@192.0.2.7:5080>")]));
    assert_eq!(
        hand.sent(Method::Ack).uri.to_string(),
        "sip:b@192.0.2.7:5080"
    );
    assert!(matches!(hand.told(), Output::Answered { .. }));
}

#[test]
fn redirections_in_a_circle_or_without_end_are_refusals() {
    let mut hand = Hand::calling();
    let mut followed = 0;
    for port in 6000_u16.. {
        let invite = hand.sent(Method::Invite);
        let contact = format!("<sip:b@192.0.2.7:{port}>");
        hand.receive(response(&invite, 302, &[("Contact", &contact)]));
        hand.sent(Method::Ack);
        if let Some(told) = hand.told_if_any() {
            assert!(refused(&told));
            break;
        }
        followed += 1;
    }
    assert_eq!(followed, 5);
    hand.runs_out();

    let mut hand = Hand::calling();
    let invite = hand.sent(Method::Invite);
    hand.receive(response(&invite, 302, &[("Contact", "<sip:b@192.0.2.7>")]));
    hand.sent(Method::Ack);
    let again = hand.sent(Method::Invite);
    hand.receive(response(&again, 302, &[("Contact", "<sip:rec@192.0.2.2>")]));
    hand.sent(Method::Ack);
    assert!(refused(&hand.told()));
    hand.runs_out();
}

#[test]
fn a_redirection_to_nowhere_is_a_refusal() {
    for contact in [
        "",
        "*",
        "<tel:+1>",
        "<sips:b@192.0.2.7>",
        "<sip:b@0.0.0.0>",
        "<sip:b@elsewhere.example>",
        "<sip:b@[2001:db8::1]>",
    ] {
        let mut hand = Hand::calling();
        let invite = hand.sent(Method::Invite);
        hand.receive(response(&invite, 302, &[("Contact", contact)]));
        hand.sent(Method::Ack);
        assert!(refused(&hand.told()), "{contact}");
        hand.runs_out();
    }
}

#[test]
fn a_redirection_does_not_change_the_policy() {
    let mut hand = Hand::with(call(TransportPolicy::Tcp, sdp("offer")));
    let invite = hand.sent(Method::Invite);
    let contact = "<sip:b@192.0.2.7;transport=udp>";
    hand.receive(response(&invite, 302, &[("Contact", contact)]));
    hand.sent(Method::Ack);
    assert_eq!(hand.sent_by(Method::Invite).0.protocol, Protocol::Tcp);
}
