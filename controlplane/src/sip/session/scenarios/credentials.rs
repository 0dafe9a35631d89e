//! Digest authentication: of the first INVITE, and of every request within the dialog.

use std::sync::Arc;

use rsip::Method;

use super::hand::{Hand, accept, call, response, sdp};
use crate::sip::digest::Credentials;
use crate::sip::flow::TransportPolicy;
use crate::sip::message::{Message, Request, Response};
use crate::sip::output::{End, Output};
use crate::sip::params::Params;
use crate::sip::text::split;

const NONCE: &str = "dcd98b7102dd2f0e8b11d0f600bfb0c0";

fn with_credentials() -> Hand {
    let mut call = call(TransportPolicy::Udp, sdp("offer"));
    let credentials = Credentials::new("anna".to_owned(), "open sesame".to_owned(), None);
    call.options.credentials = Some(Arc::new(credentials));
    Hand::with(call)
}

fn challenge(request: &Request, code: u16, value: &str) -> Response {
    let name = match code {
        401 => "WWW-Authenticate",
        _ => "Proxy-Authenticate",
    };
    response(request, code, &[(name, value)])
}

fn digest(nonce: &str, more: &str) -> String {
    format!("Digest realm=\"srs\", nonce=\"{nonce}\", algorithm=SHA-256, qop=\"auth\"{more}")
}

/// The parameters of the only header of that name.
fn proof(request: &Request, name: &'static str) -> Params {
    let mut values = request.headers.all(name);
    let value = values.next().unwrap_or_else(|| panic!("no {name}"));
    assert_eq!(values.next(), None);
    let value = value.strip_prefix("Digest ").unwrap();
    Params::parse(&split(value, b',').unwrap().join(";")).unwrap()
}

fn answers(request: &Request, name: &'static str, nonce: &str, count: &str) {
    let proof = proof(request, name);
    assert_eq!(proof.value("nonce"), Some(nonce));
    assert_eq!(proof.value("nc"), Some(count));
    let uri = request.uri.to_string();
    assert_eq!(proof.value("uri"), Some(uri.as_str()));
    assert_eq!(proof.value("username"), Some("anna"));
}

fn code(output: &Output) -> u16 {
    let Output::Refused { response, .. } = output else {
        panic!("{output:?}");
    };
    response.status.code()
}

/// Challenged once, and then accepted.
fn established() -> Hand {
    let mut hand = with_credentials();
    let invite = hand.sent(Method::Invite);
    hand.receive(challenge(&invite, 401, &digest(NONCE, "")));
    hand.sent(Method::Ack);
    let again = hand.sent(Method::Invite);
    hand.receive(accept(&again, &[]));
    hand.sent(Method::Ack);
    hand.told();
    hand
}

#[test]
fn a_challenged_invite_is_sent_again_with_proof_and_so_is_its_ack() {
    for (status, name) in [(401, "Authorization"), (407, "Proxy-Authorization")] {
        let mut hand = with_credentials();
        let invite = hand.sent(Method::Invite);
        hand.receive(challenge(&invite, status, &digest(NONCE, ", opaque=\"o\"")));
        hand.sent(Method::Ack);
        hand.nothing_told();
        let again = hand.sent(Method::Invite);
        for same in ["Call-ID", "From", "To"] {
            assert_eq!(again.headers.get(same), invite.headers.get(same));
        }
        assert_eq!(again.headers.get("CSeq"), Some("2 INVITE"));
        assert_eq!(again.body, invite.body);
        answers(&again, name, NONCE, "00000001");
        assert_eq!(proof(&again, name).value("opaque"), Some("o"));
        hand.receive(accept(&again, &[]));
        let ack = hand.sent(Method::Ack);
        assert_eq!(ack.headers.get(name), again.headers.get(name));
        assert!(matches!(hand.told(), Output::Answered { .. }));
    }
}

#[test]
fn every_request_of_the_dialog_carries_the_next_count() {
    let mut hand = established();
    hand.user(|session, now, out| session.reinvite(sdp("more"), now, out));
    let invite = hand.sent(Method::Invite);
    answers(&invite, "Authorization", NONCE, "00000002");
    hand.receive(accept(&invite, &[]));
    hand.sent(Method::Ack);
    hand.user(|session, now, out| session.update(sdp("more"), now, out));
    let update = hand.sent(Method::Update);
    answers(&update, "Authorization", NONCE, "00000003");
    hand.receive(response(&update, 200, &[]));
    hand.end();
    answers(&hand.sent(Method::Bye), "Authorization", NONCE, "00000004");
}

#[test]
fn requests_of_the_dialog_are_challenged_anew() {
    let mut hand = established();
    hand.take_told();
    hand.user(|session, now, out| session.reinvite(sdp("more"), now, out));
    let invite = hand.sent(Method::Invite);
    hand.receive(challenge(&invite, 401, &digest("second", ", stale=true")));
    hand.sent(Method::Ack);
    let again = hand.sent(Method::Invite);
    answers(&again, "Authorization", "second", "00000001");
    hand.receive(accept(&again, &[]));
    hand.sent(Method::Ack);
    assert!(matches!(hand.told(), Output::Accepted { .. }));
    hand.user(|session, now, out| session.update(sdp("more"), now, out));
    let update = hand.sent(Method::Update);
    // The nonce of an earlier request may grow old without a word.
    hand.receive(challenge(&update, 407, &digest("third", "")));
    let again = hand.sent(Method::Update);
    answers(&again, "Proxy-Authorization", "third", "00000001");
    answers(&again, "Authorization", "second", "00000003");
    hand.receive(response(&again, 200, &[]));
    assert!(matches!(hand.told(), Output::Accepted { .. }));
    hand.end();
    let bye = hand.sent(Method::Bye);
    hand.receive(challenge(&bye, 401, &digest("fourth", ", stale=TRUE")));
    hand.nothing_told();
    let again = hand.sent(Method::Bye);
    answers(&again, "Authorization", "fourth", "00000001");
    hand.receive(response(&again, 200, &[]));
    let by = End::Local { confirmed: true };
    assert_eq!(hand.told(), Output::Ended { by });
}

#[test]
fn wrong_credentials_are_shown_once() {
    let mut hand = with_credentials();
    let invite = hand.sent(Method::Invite);
    hand.receive(challenge(&invite, 401, &digest(NONCE, "")));
    hand.sent(Method::Ack);
    let again = hand.sent(Method::Invite);
    hand.receive(challenge(&again, 401, &digest("other", "")));
    hand.sent(Method::Ack);
    assert_eq!(code(&hand.told()), 401);
    hand.runs_out();

    let mut hand = established();
    hand.take_told();
    hand.user(|session, now, out| session.update(sdp("more"), now, out));
    for nonce in ["second", "third"] {
        let update = hand.sent(Method::Update);
        hand.receive(challenge(&update, 401, &digest(nonce, "")));
    }
    assert_eq!(code(&hand.told()), 401);
    hand.end();
    for nonce in ["fourth", "fifth"] {
        let bye = hand.sent(Method::Bye);
        hand.receive(challenge(&bye, 401, &digest(nonce, "")));
    }
    assert!(matches!(hand.told(), Output::Ended { .. }));
    hand.runs_out();
}

#[test]
fn nonces_that_are_stale_without_end_are_a_refusal() {
    let mut hand = with_credentials();
    for round in 0.. {
        assert!(round < 10, "it never ends");
        let invite = hand.sent(Method::Invite);
        let value = digest(&round.to_string(), ", stale=true");
        hand.receive(challenge(&invite, 401, &value));
        hand.sent(Method::Ack);
        if let Some(told) = hand.told_if_any() {
            assert_eq!(code(&told), 401);
            break;
        }
    }
    hand.runs_out();
}

#[test]
fn a_proxy_and_the_recorder_are_both_answered() {
    let mut hand = with_credentials();
    let invite = hand.sent(Method::Invite);
    hand.receive(challenge(
        &invite,
        407,
        "Digest realm=\"proxy\", nonce=\"p\"",
    ));
    hand.sent(Method::Ack);
    let second = hand.sent(Method::Invite);
    assert_eq!(proof(&second, "Proxy-Authorization").value("nc"), None);
    hand.receive(challenge(&second, 401, &digest(NONCE, "")));
    hand.sent(Method::Ack);
    let third = hand.sent(Method::Invite);
    answers(&third, "Authorization", NONCE, "00000001");
    let proxy = proof(&third, "Proxy-Authorization");
    assert_eq!(proxy.value("nonce"), Some("p"));
    hand.receive(accept(&third, &[]));
    hand.sent(Method::Ack);
    assert!(matches!(hand.told(), Output::Answered { .. }));
}

#[test]
fn the_best_of_several_challenges_is_answered() {
    let mut hand = with_credentials();
    let invite = hand.sent(Method::Invite);
    let md5 = "Digest realm=\"srs\", nonce=\"m\", algorithm=MD5";
    let mut refusal = challenge(&invite, 401, md5);
    refusal.headers.push("WWW-Authenticate", &digest(NONCE, ""));
    hand.receive(refusal);
    hand.sent(Method::Ack);
    answers(
        &hand.sent(Method::Invite),
        "Authorization",
        NONCE,
        "00000001",
    );
}

#[test]
fn without_credentials_a_challenge_is_a_refusal() {
    let mut hand = Hand::calling();
    let invite = hand.sent(Method::Invite);
    hand.receive(challenge(&invite, 401, &digest(NONCE, "")));
    hand.sent(Method::Ack);
    assert_eq!(code(&hand.told()), 401);
    hand.runs_out();

    let mut hand = with_credentials();
    let invite = hand.sent(Method::Invite);
    hand.receive(challenge(&invite, 401, "Basic realm=\"srs\""));
    hand.sent(Method::Ack);
    assert_eq!(code(&hand.told()), 401);
    hand.runs_out();
}

#[test]
fn user_and_password_are_in_no_debug_output() {
    let mut hand = established();
    hand.end();
    let shown = format!("{:?}", hand.session);
    assert!(!shown.contains("open sesame") && !shown.contains("anna"));
    assert!(shown.contains("hidden"));
    let bye = Message::from(hand.sent(Method::Bye));
    let shown = format!("{bye:?}");
    assert!(!shown.contains("open sesame") && !shown.contains("anna"));
}
