//! Our first INVITE: answered, refused, given up, answered late.

use std::time::Duration;

use rsip::Method;

use super::hand::{Hand, TAG, accept, call, response, sdp};
use crate::sip::flow::{Protocol, TransportPolicy};
use crate::sip::message::{Request, Response};
use crate::sip::output::{End, Failure, Output};
use crate::sip::testing::{tcp, udp};

const BUDGET: Duration = Duration::from_secs(5);
const MOMENT: Duration = Duration::from_millis(100);

fn refused(code: u16) -> impl Fn(&Output) -> bool {
    move |output| {
        let Output::Refused {
            method: Method::Invite,
            response,
        } = output
        else {
            return false;
        };
        response.status.code() == code
    }
}

fn failed(failure: Failure) -> Output {
    Output::Failed {
        method: Method::Invite,
        failure,
    }
}

fn ended(confirmed: bool) -> Output {
    Output::Ended {
        by: End::Local { confirmed },
    }
}

/// A request that has all that a request needs, and its number.
fn number(request: &Request) -> u32 {
    let identity = request.headers.identity().unwrap();
    assert_eq!(identity.cseq.method, request.method);
    assert!(identity.via.branch().unwrap().starts_with("z9hG4bK"));
    assert_eq!(request.headers.get("Max-Forwards"), Some("70"));
    identity.cseq.number
}

fn large() -> crate::sip::content::Content {
    sdp(&"x".repeat(1300))
}

#[test]
fn the_invite_says_who_we_are_and_what_we_can() {
    let mut hand = Hand::calling();
    let (flow, invite) = hand.sent_by(Method::Invite);
    assert_eq!(flow, udp());
    assert_eq!(invite.uri.to_string(), "sip:rec@192.0.2.2");
    let headers = &invite.headers;
    let identity = headers.identity().unwrap();
    assert_eq!(number(&invite), 1);
    assert_eq!(identity.to_tag, None);
    assert_eq!(identity.via.params.get("rport"), Some(None));
    assert_eq!(headers.get("To"), Some("<sip:rec@192.0.2.2>"));
    let from = headers.get("From").unwrap();
    assert!(
        from.starts_with(r#""Console \"1\"" <sip:us@192.0.2.1>;tag="#),
        "{from}"
    );
    for (name, value) in [
        ("Contact", "<sip:us@192.0.2.1:5060>;+sip.src"),
        ("Require", "siprec"),
        ("Supported", "siprec, timer, 100rel"),
        ("Allow", "INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE"),
        ("Session-Expires", "1800;refresher=uac"),
        ("Min-SE", "90"),
        ("User-Agent", "sixreel"),
        ("Content-Type", "application/sdp"),
    ] {
        assert_eq!(headers.get(name), Some(value));
    }
    assert_eq!(invite.body, b"offer");
    assert_eq!(hand.session.call_id(), identity.call_id);
}

#[test]
fn an_answer_is_acknowledged_as_often_as_it_comes() {
    let mut hand = Hand::calling();
    let invite = hand.sent(Method::Invite);
    hand.receive(response(&invite, 100, &[]));
    hand.receive(response(&invite, 180, &[]));
    for code in [100, 180] {
        assert_eq!(
            hand.told(),
            Output::Progress {
                status: code.into()
            }
        );
    }
    let answer = accept(&invite, &[("Contact", "<sip:r@192.0.2.3:5070>")]);
    hand.receive(answer.clone());
    let (flow, ack) = hand.sent_by(Method::Ack);
    assert_eq!(
        (number(&ack), flow.remote.to_string().as_str()),
        (1, "192.0.2.3:5070")
    );
    assert_eq!(ack.uri.to_string(), "sip:r@192.0.2.3:5070");
    assert_eq!(ack.headers.identity().unwrap().to_tag.as_deref(), Some(TAG));
    assert!(ack.body.is_empty());
    let told = Output::Answered {
        response: answer.clone(),
        protocol: Protocol::Udp,
    };
    assert_eq!(hand.told(), told);
    hand.wait(Duration::from_secs(20));
    hand.receive(answer);
    assert_eq!(hand.sent(Method::Ack), ack);
    hand.nothing_sent();
    hand.nothing_told();
}

#[test]
fn an_answer_without_contact_and_tag_is_taken() {
    let mut hand = Hand::calling();
    let invite = hand.sent(Method::Invite);
    let mut answer = Response {
        headers: Default::default(),
        ..response(&invite, 200, &[])
    };
    for name in ["Via", "From", "To", "Call-ID", "CSeq"] {
        answer.headers.push(name, invite.headers.get(name).unwrap());
    }
    hand.receive(answer);
    assert_eq!(hand.sent(Method::Ack).uri.to_string(), "sip:rec@192.0.2.2");
    assert!(matches!(hand.told(), Output::Answered { .. }));
}

#[test]
fn a_refusal_is_acknowledged_and_told_once() {
    for code in [302, 380, 403, 486, 503, 603] {
        let mut hand = Hand::calling();
        let invite = hand.sent(Method::Invite);
        hand.receive(response(&invite, code, &[]));
        let ack = hand.sent(Method::Ack);
        assert_eq!(ack.headers.get("Via"), invite.headers.get("Via"));
        assert!(refused(code)(&hand.told()));
        hand.receive(response(&invite, code, &[]));
        assert_eq!(hand.sent(Method::Ack), ack);
        assert!(!hand.session.is_over());
        hand.end();
        hand.runs_out();
    }
}

#[test]
fn silence_fails_within_the_budget_and_is_left_alone() {
    let mut hand = Hand::calling();
    hand.wait(BUDGET - Duration::from_millis(1));
    hand.nothing_told();
    hand.wait(Duration::from_millis(1));
    assert_eq!(hand.told(), failed(Failure::Timeout));
    // Sent at 0, 0.5, 1.5 and 3.5 s.
    assert_eq!(hand.sent_count(), 4);
    hand.runs_out();
    assert!(hand.elapsed_ms() > 37_000);
}

#[test]
fn provisional_answers_do_not_lengthen_the_budget_and_lead_to_cancel() {
    let mut hand = Hand::calling();
    let invite = hand.sent(Method::Invite);
    hand.wait(MOMENT);
    hand.receive(response(&invite, 180, &[]));
    assert!(matches!(hand.told(), Output::Progress { .. }));
    hand.wait(BUDGET - MOMENT);
    assert_eq!(hand.told(), failed(Failure::Timeout));
    let cancel = hand.sent(Method::Cancel);
    assert_eq!(cancel.headers.get("Via"), invite.headers.get("Via"));
    assert_eq!(number(&cancel), 1);
    hand.receive(response(&cancel, 200, &[]));
    hand.receive(response(&invite, 487, &[]));
    hand.sent(Method::Ack);
    hand.runs_out();
}

#[test]
fn a_provisional_answer_after_the_budget_is_answered_by_cancel_once() {
    let mut hand = Hand::calling();
    let invite = hand.invite.clone();
    hand.wait(BUDGET);
    assert_eq!(hand.told(), failed(Failure::Timeout));
    hand.sent_count();
    for code in [100, 180, 183] {
        hand.receive(response(&invite, code, &[]));
    }
    let cancel = hand.sent(Method::Cancel);
    hand.receive(response(&cancel, 481, &[]));
    hand.runs_out();
}

#[test]
fn a_late_200_is_acked_and_ended_with_bye() {
    let mut hand = Hand::calling();
    let invite = hand.invite.clone();
    hand.wait(BUDGET + Duration::from_secs(20));
    assert_eq!(hand.told(), failed(Failure::Timeout));
    hand.sent_count();
    for _ in 0..2 {
        hand.receive(accept(&invite, &[]));
    }
    let ack = hand.sent(Method::Ack);
    let bye = hand.sent(Method::Bye);
    assert_eq!(number(&bye), 2);
    assert_eq!(hand.sent(Method::Ack), ack);
    hand.receive(response(&bye, 200, &[]));
    hand.runs_out();
}

#[test]
fn the_user_ends_before_anybody_answers() {
    let mut hand = Hand::calling();
    hand.end();
    hand.end();
    assert_eq!(hand.sent_count(), 1);
    hand.wait(Duration::from_secs(31));
    hand.nothing_told();
    hand.wait(Duration::from_secs(1));
    assert_eq!(hand.told(), ended(false));
    hand.runs_out();
}

#[test]
fn the_user_ends_and_the_peer_answers_487() {
    let mut hand = Hand::calling();
    let invite = hand.sent(Method::Invite);
    hand.receive(response(&invite, 100, &[]));
    hand.told();
    hand.end();
    let cancel = hand.sent(Method::Cancel);
    hand.receive(response(&cancel, 200, &[]));
    hand.nothing_told();
    hand.receive(response(&invite, 487, &[]));
    hand.sent(Method::Ack);
    assert_eq!(hand.told(), ended(true));
    hand.runs_out();
}

#[test]
fn a_200_that_crosses_cancel_is_acked_and_ended_with_the_users_bye() {
    let mut hand = Hand::calling();
    let invite = hand.sent(Method::Invite);
    hand.receive(response(&invite, 180, &[]));
    hand.told();
    hand.end();
    let cancel = hand.sent(Method::Cancel);
    hand.receive(accept(&invite, &[]));
    hand.sent(Method::Ack);
    let bye = hand.sent(Method::Bye);
    assert_eq!(bye.body, b"farewell");
    hand.receive(response(&cancel, 200, &[]));
    hand.nothing_told();
    hand.receive(response(&bye, 200, &[]));
    assert_eq!(hand.told(), ended(true));
    hand.runs_out();
}

#[test]
fn of_several_places_that_answer_the_first_wins() {
    let mut hand = Hand::calling();
    let invite = hand.sent(Method::Invite);
    hand.receive(accept(&invite, &[]));
    hand.sent(Method::Ack);
    assert!(matches!(hand.told(), Output::Answered { .. }));
    for tag in ["f1", "f2", "f1"] {
        let mut fork = accept(&invite, &[("Contact", "<sip:f@192.0.2.4>")]);
        let to = format!("<sip:rec@192.0.2.2>;tag={tag}");
        fork.headers = replaced(&fork, "To", &to);
        hand.receive(fork);
    }
    for tag in ["f1", "f2"] {
        let (flow, ack) = hand.sent_by(Method::Ack);
        assert_eq!(flow.remote.to_string(), "192.0.2.4:5060");
        assert!(ack.headers.get("To").unwrap().ends_with(tag));
        let bye = hand.sent(Method::Bye);
        assert!(bye.headers.get("To").unwrap().ends_with(tag));
        hand.receive(response(&bye, 200, &[]));
    }
    hand.sent(Method::Ack);
    hand.nothing_sent();
    hand.nothing_told();
    hand.end();
    let bye = hand.sent(Method::Bye);
    assert!(bye.headers.get("To").unwrap().ends_with(TAG));
}

pub(super) fn replaced(
    response: &Response,
    name: &str,
    value: &str,
) -> crate::sip::headers::Headers {
    let mut headers = crate::sip::headers::Headers::default();
    for (found, old) in response.headers.iter() {
        headers.push(found, if found == name { value } else { old });
    }
    headers
}

#[test]
fn forks_without_end_are_not_followed() {
    let mut hand = Hand::calling();
    let invite = hand.sent(Method::Invite);
    for tag in 0..100 {
        let mut fork = accept(&invite, &[]);
        fork.headers = replaced(&fork, "To", &format!("<sip:rec@192.0.2.2>;tag={tag}"));
        hand.receive(fork);
    }
    assert_eq!(hand.sent_count(), 8 + 7);
}

#[test]
fn too_short_an_interval_is_asked_for_again() {
    let mut hand = Hand::calling();
    let invite = hand.sent(Method::Invite);
    hand.receive(response(&invite, 422, &[("Min-SE", "3600")]));
    hand.sent(Method::Ack);
    let again = hand.sent(Method::Invite);
    assert_eq!(number(&again), 2);
    assert_eq!(
        again.headers.get("Session-Expires"),
        Some("3600;refresher=uac")
    );
    assert_eq!(again.headers.get("Min-SE"), Some("3600"));
    assert_eq!(again.headers.get("Call-ID"), invite.headers.get("Call-ID"));
    assert_eq!(again.headers.get("From"), invite.headers.get("From"));
    hand.nothing_told();
    hand.receive(accept(&again, &[]));
    hand.sent(Method::Ack);
    assert!(matches!(hand.told(), Output::Answered { .. }));
}

#[test]
fn endless_422_is_a_refusal() {
    let mut hand = Hand::calling();
    for least in 0_u32.. {
        assert!(least < 10, "it never ends");
        let invite = hand.sent(Method::Invite);
        let least = (2000 + least).to_string();
        hand.receive(response(&invite, 422, &[("Min-SE", &least)]));
        hand.sent(Method::Ack);
        if refused(422)(&hand.told_if_any().unwrap_or(Output::RefreshDue)) {
            break;
        }
    }
    let mut hand = Hand::calling();
    let invite = hand.sent(Method::Invite);
    hand.receive(response(&invite, 422, &[]));
    assert!(refused(422)(&hand.told()));
}

#[test]
fn what_is_too_large_for_udp_goes_by_tcp() {
    let mut hand = Hand::with(call(TransportPolicy::Auto, large()));
    let (flow, invite) = hand.sent_by(Method::Invite);
    assert_eq!(flow, tcp());
    assert!(
        invite
            .headers
            .get("Via")
            .unwrap()
            .starts_with("SIP/2.0/TCP 192.0.2.1:5060;")
    );
    let contact = invite.headers.get("Contact").unwrap();
    assert_eq!(contact, "<sip:us@192.0.2.1:5060;transport=tcp>;+sip.src");
    hand.wait(Duration::from_secs(4));
    hand.nothing_sent();
    hand.receive(accept(&invite, &[("Contact", "<sip:rec@192.0.2.2>")]));
    assert_eq!(hand.sent_by(Method::Ack).0, tcp());
    let Output::Answered { protocol, .. } = hand.told() else {
        panic!("not answered");
    };
    assert_eq!(protocol, Protocol::Tcp);
    hand.end();
    assert_eq!(hand.sent_by(Method::Bye).0, tcp());
}

#[test]
fn where_tcp_cannot_be_opened_udp_is_taken_whatever_the_size() {
    let mut hand = Hand::with(call(TransportPolicy::Auto, large()));
    let invite = hand.sent(Method::Invite);
    hand.unreachable(tcp());
    let (flow, again) = hand.sent_by(Method::Invite);
    assert_eq!(flow, udp());
    assert_eq!(number(&again), number(&invite) + 1);
    assert_ne!(again.headers.get("Via"), invite.headers.get("Via"));
    hand.unreachable(tcp());
    hand.nothing_sent();
    hand.nothing_told();
    hand.receive(accept(&again, &[]));
    assert_eq!(hand.sent_by(Method::Ack).0, udp());
    assert!(matches!(hand.told(), Output::Answered { .. }));
    hand.user(|session, now, out| session.reinvite(large(), now, out));
    assert_eq!(hand.sent_by(Method::Invite).0, udp());
}

#[test]
fn the_policy_decides_the_transport() {
    let by = |policy, content| Hand::with(call(policy, content)).sent_by(Method::Invite).0;
    assert_eq!(by(TransportPolicy::Udp, large()), udp());
    assert_eq!(by(TransportPolicy::Tcp, sdp("offer")), tcp());
    let mut named = call(TransportPolicy::Auto, sdp("offer"));
    named
        .peer
        .uri
        .params
        .set("transport", Some("TCP".to_owned()));
    assert_eq!(Hand::with(named).sent_by(Method::Invite).0, tcp());
}

#[test]
fn a_connection_that_died_is_opened_again_once() {
    let mut hand = Hand::with(call(TransportPolicy::Tcp, sdp("offer")));
    hand.sent(Method::Invite);
    hand.unreachable(tcp());
    assert_eq!(hand.sent_by(Method::Invite).0, tcp());
    hand.unreachable(tcp());
    assert_eq!(hand.told(), failed(Failure::Unreachable));
    hand.runs_out();
}

#[test]
fn where_nobody_is_there_it_fails_at_once() {
    let mut hand = Hand::calling();
    hand.sent(Method::Invite);
    hand.unreachable(tcp());
    hand.nothing_told();
    hand.unreachable(udp());
    assert_eq!(hand.told(), failed(Failure::Unreachable));
    hand.runs_out();
}

#[test]
fn an_ended_call_to_nobody_is_over_at_once() {
    let mut hand = Hand::calling();
    hand.sent(Method::Invite);
    hand.end();
    hand.unreachable(udp());
    assert_eq!(hand.told(), ended(false));
    assert!(hand.session.is_over());
}

#[test]
fn responses_of_others_change_nothing() {
    let mut hand = Hand::calling();
    let invite = hand.sent(Method::Invite);
    for (name, value) in [
        ("Via", "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKother"),
        ("CSeq", "2 INVITE"),
        ("CSeq", "1 BYE"),
    ] {
        let mut other = accept(&invite, &[]);
        other.headers = replaced(&other, name, value);
        hand.receive(other);
    }
    hand.nothing_sent();
    hand.nothing_told();
}
