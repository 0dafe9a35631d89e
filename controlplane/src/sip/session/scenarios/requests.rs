//! The peer's requests within the dialog.

use std::net::SocketAddr;
use std::time::Duration;

use rsip::Method;

use super::hand::{Hand, accept, body, response, sdp};
use crate::sip::content::Content;
use crate::sip::flow::Flow;
use crate::sip::message::Request;
use crate::sip::output::{End, Output, RequestId};
use crate::sip::testing::tcp;

fn with(mut request: Request, content: &Content) -> Request {
    content.put(&mut request.headers, &mut request.body);
    request
}

fn snapshot() -> Content {
    body("application/rs-metadata-request", "snapshot")
}

fn offered(hand: &mut Hand) -> RequestId {
    let Output::Offered { id, .. } = hand.told() else {
        panic!("nothing offered");
    };
    id
}

fn respond(hand: &mut Hand, id: RequestId, code: u16, content: Content) {
    hand.user(|session, now, out| session.respond(id, code.into(), content, now, out));
}

#[test]
fn their_reinvite_is_offered_answered_and_acknowledged() {
    let mut hand = Hand::established(&[]);
    let more = [("Contact", "<sip:moved@192.0.2.6:5080>")];
    let invite = with(hand.theirs(Method::Invite, 1, &more), &sdp("theirs"));
    hand.receive(invite.clone());
    let Output::Offered { id, request } = hand.told() else {
        panic!("nothing offered");
    };
    assert_eq!(request, invite);
    hand.receive(invite.clone());
    assert!(hand.answered(100).headers.get("Server").is_none());
    respond(&mut hand, id, 200, sdp("ours"));
    let answer = hand.answered(200);
    assert_eq!(
        answer.headers.get("Contact"),
        Some("<sip:us@192.0.2.1:5060>;+sip.src")
    );
    assert_eq!(answer.body, b"ours");
    hand.wait(Duration::from_millis(1500));
    for _ in 0..2 {
        assert_eq!(hand.answered(200), answer);
    }
    hand.receive(invite);
    hand.nothing_sent();
    let ack = hand.theirs(Method::Ack, 1, &[]);
    hand.receive(ack.clone());
    hand.receive(ack.clone());
    assert_eq!(hand.told(), Output::Acknowledged { id, ack });
    hand.wait(Duration::from_secs(60));
    hand.nothing_sent();
    hand.nothing_told();
    hand.end();
    assert_eq!(
        hand.sent(Method::Bye).uri.to_string(),
        "sip:moved@192.0.2.6:5080"
    );
}

#[test]
fn an_offerless_reinvite_is_answered_in_the_ack() {
    let mut hand = Hand::established(&[]);
    let invite = hand.theirs(Method::Invite, 1, &[]);
    hand.receive(invite);
    let id = offered(&mut hand);
    respond(&mut hand, id, 200, sdp("our offer"));
    hand.answered(200);
    let ack = with(hand.theirs(Method::Ack, 1, &[]), &sdp("their answer"));
    hand.receive(ack.clone());
    assert_eq!(hand.told(), Output::Acknowledged { id, ack });
}

#[test]
fn a_refused_reinvite_changes_nothing() {
    let mut hand = Hand::established(&[]);
    let more = [("Contact", "<sip:moved@192.0.2.6:5080>")];
    let invite = with(hand.theirs(Method::Invite, 1, &more), &sdp("theirs"));
    hand.receive(invite);
    let id = offered(&mut hand);
    respond(&mut hand, id, 488, Content::default());
    hand.answered(488);
    let via = "SIP/2.0/UDP 192.0.2.2:5060;branch=z9hG4bKt1INVITE;rport";
    let ack = hand.theirs(Method::Ack, 1, &[("Via", via)]);
    hand.receive(ack);
    hand.nothing_told();
    hand.end();
    assert_eq!(
        hand.sent(Method::Bye).uri.to_string(),
        "sip:rec@192.0.2.2:5060"
    );
}

#[test]
fn without_ack_their_reinvite_ends_the_session() {
    let mut hand = Hand::established(&[]);
    let invite = with(hand.theirs(Method::Invite, 1, &[]), &sdp("theirs"));
    hand.receive(invite);
    let id = offered(&mut hand);
    respond(&mut hand, id, 200, sdp("ours"));
    hand.wait(Duration::from_secs(32));
    assert_eq!(
        hand.told(),
        Output::Ended {
            by: End::Unacknowledged
        }
    );
    assert_eq!(hand.sent_count(), 12);
}

#[test]
fn glare_is_answered_491_and_the_peers_own_haste_500() {
    let mut hand = Hand::established(&[]);
    hand.user(|session, now, out| session.reinvite(sdp("ours"), now, out));
    let ours = hand.sent(Method::Invite);
    for (number, method) in [(1, Method::Invite), (2, Method::Update)] {
        let theirs = with(hand.theirs(method, number, &[]), &sdp("theirs"));
        hand.receive(theirs);
        hand.answered(491);
    }
    hand.receive(accept(&ours, &[]));
    hand.sent(Method::Ack);
    assert!(matches!(hand.told(), Output::Accepted { .. }));
    let third = with(hand.theirs(Method::Invite, 3, &[]), &sdp("theirs"));
    hand.receive(third);
    let id = offered(&mut hand);
    for (number, method) in [(4, Method::Invite), (5, Method::Update)] {
        let hasty = with(hand.theirs(method, number, &[]), &sdp("theirs"));
        hand.receive(hasty);
        let refusal = hand.answered(500);
        let after: u32 = refusal.headers.get("Retry-After").unwrap().parse().unwrap();
        assert!(after <= 10);
    }
    hand.user(|session, now, out| session.reinvite(sdp("ours"), now, out));
    hand.nothing_sent();
    respond(&mut hand, id, 200, sdp("ours"));
    hand.answered(200);
    hand.nothing_sent();
    let ack = hand.theirs(Method::Ack, 3, &[]);
    hand.receive(ack);
    hand.sent(Method::Invite);
}

#[test]
fn an_update_without_offer_never_collides() {
    let mut hand = Hand::established(&[]);
    hand.user(|session, now, out| session.reinvite(sdp("ours"), now, out));
    hand.sent(Method::Invite);
    let request = with(hand.theirs(Method::Update, 1, &[]), &snapshot());
    hand.receive(request.clone());
    let id = offered(&mut hand);
    let second = with(hand.theirs(Method::Update, 2, &[]), &snapshot());
    hand.receive(second);
    hand.answered(500);
    respond(&mut hand, id, 180, Content::default());
    hand.nothing_sent();
    hand.receive(request.clone());
    hand.nothing_sent();
    respond(&mut hand, id, 200, Content::default());
    let answer = hand.answered(200);
    hand.receive(request);
    assert_eq!(hand.answered(200), answer);
    respond(&mut hand, id, 200, Content::default());
    hand.nothing_sent();
}

#[test]
fn an_update_without_body_is_a_refresh_and_answered_at_once() {
    let mut hand = Hand::established(&[]);
    let more = [
        ("Contact", "<sip:moved@192.0.2.6>"),
        ("Session-Expires", "300;refresher=uac"),
    ];
    let mut update = hand.theirs(Method::Update, 1, &more);
    update.headers.push("Supported", "timer");
    hand.receive(update);
    let answer = hand.answered(200);
    assert_eq!(
        answer.headers.get("Session-Expires"),
        Some("300;refresher=uac")
    );
    assert_eq!(answer.headers.get("Require"), Some("timer"));
    assert!(answer.headers.get("Contact").is_some());
    hand.nothing_told();
    hand.end();
    assert_eq!(
        hand.sent(Method::Bye).uri.to_string(),
        "sip:moved@192.0.2.6"
    );
}

#[test]
fn a_cancelled_reinvite_is_withdrawn() {
    let mut hand = Hand::established(&[]);
    let invite = with(hand.theirs(Method::Invite, 1, &[]), &sdp("theirs"));
    hand.receive(invite);
    let id = offered(&mut hand);
    let via = "SIP/2.0/UDP 192.0.2.2:5060;branch=z9hG4bKt1INVITE;rport";
    let cancel = hand.theirs(Method::Cancel, 1, &[("Via", via)]);
    hand.receive(cancel);
    hand.answered(200);
    hand.answered(487);
    assert_eq!(hand.told(), Output::Withdrawn { id });
    respond(&mut hand, id, 200, sdp("ours"));
    hand.nothing_sent();
    let ack = hand.theirs(Method::Ack, 1, &[("Via", via)]);
    hand.receive(ack);
    hand.wait(Duration::from_secs(60));
    hand.nothing_sent();
    let bye = hand.theirs(Method::Bye, 2, &[]);
    hand.receive(bye);
    hand.answered(200);
}

#[test]
fn a_cancel_after_the_answer_changes_nothing() {
    let mut hand = Hand::established(&[]);
    let invite = with(hand.theirs(Method::Invite, 1, &[]), &sdp("theirs"));
    hand.receive(invite);
    let id = offered(&mut hand);
    respond(&mut hand, id, 200, sdp("ours"));
    hand.answered(200);
    let via = "SIP/2.0/UDP 192.0.2.2:5060;branch=z9hG4bKt1INVITE;rport";
    let cancel = hand.theirs(Method::Cancel, 1, &[("Via", via)]);
    hand.receive(cancel);
    hand.answered(200);
    hand.nothing_sent();
    let ack = hand.theirs(Method::Ack, 1, &[]);
    hand.receive(ack);
    assert!(matches!(hand.told(), Output::Acknowledged { .. }));
}

#[test]
fn other_requests_get_their_answers() {
    let mut hand = Hand::established(&[]);
    for (number, method, code) in [
        (1, Method::Options, 200),
        (2, Method::Info, 405),
        (3, Method::Message, 405),
        (4, Method::Notify, 405),
        (5, Method::PRack, 405),
        (6, Method::Refer, 405),
    ] {
        let request = hand.theirs(method, number, &[]);
        hand.receive(request.clone());
        let answer = hand.answered(code);
        assert!(answer.headers.lists("Allow", "UPDATE"));
        hand.receive(request);
        assert_eq!(hand.answered(code), answer);
    }
    let request = hand.theirs(Method::Update, 7, &[("Require", "siprec, precondition")]);
    hand.receive(request);
    assert_eq!(
        hand.answered(420).headers.get("Unsupported"),
        Some("precondition")
    );
    let more = [("Session-Expires", "60"), ("Supported", "timer")];
    let request = hand.theirs(Method::Update, 8, &more);
    hand.receive(request);
    assert_eq!(hand.answered(422).headers.get("Min-SE"), Some("90"));
    hand.nothing_told();
}

#[test]
fn requests_that_come_too_late_or_from_strangers_are_refused() {
    let mut hand = Hand::established(&[]);
    let fifth = hand.theirs(Method::Options, 5, &[]);
    hand.receive(fifth);
    hand.answered(200);
    let fourth = hand.theirs(Method::Bye, 4, &[]);
    hand.receive(fourth);
    hand.answered(500);
    let from = "<sip:rec@192.0.2.2>;tag=stranger";
    let stranger = hand.theirs(Method::Bye, 6, &[("From", from)]);
    hand.receive(stranger);
    hand.answered(481);
    let again = hand.theirs(Method::Invite, 7, &[("To", "<sip:us@192.0.2.1>")]);
    hand.receive(again);
    hand.answered(482);
    hand.nothing_told();
}

#[test]
fn before_the_answer_there_is_no_dialog() {
    let mut hand = Hand::calling();
    let invite = hand.sent(Method::Invite);
    hand.receive(response(&invite, 180, &[]));
    hand.told();
    for method in [Method::Bye, Method::Update, Method::Options, Method::Cancel] {
        let early = hand.theirs(method, 1, &[]);
        hand.receive(early);
        hand.answered(481);
    }
    let ack = hand.theirs(Method::Ack, 1, &[]);
    hand.receive(ack);
    hand.nothing_sent();
    hand.nothing_told();
}

#[test]
fn a_flood_of_requests_leaves_no_more_than_a_handful_of_transactions() {
    let mut hand = Hand::established(&[]);
    let update = with(hand.theirs(Method::Update, 1, &[]), &snapshot());
    hand.receive(update);
    let id = offered(&mut hand);
    for number in 2..500 {
        let method = if number % 2 == 0 {
            Method::Options
        } else {
            Method::Invite
        };
        let request = hand.theirs(method, number, &[("Require", "nonsense")]);
        hand.receive(request);
        hand.answered(420);
    }
    assert!(hand.session.servers.len() <= 8 && hand.session.server_invites.len() <= 8);
    respond(&mut hand, id, 200, Content::default());
    hand.answered(200);
}

#[test]
fn over_tcp_answers_go_where_the_request_came_last() {
    let from = |port: u16| Flow {
        remote: SocketAddr::new(tcp().remote.ip(), port),
        ..tcp()
    };
    let mut hand = Hand::established(&[]);
    let update = with(hand.theirs(Method::Update, 1, &[]), &snapshot());
    hand.receive_by(from(40_001), update.clone());
    let id = offered(&mut hand);
    hand.receive_by(from(40_002), update.clone());
    respond(&mut hand, id, 200, Content::default());
    assert_eq!(hand.answered_by(200).0, from(40_002));
    hand.unreachable(from(40_001));
    hand.nothing_sent();
    hand.wait(Duration::from_millis(1));

    let invite = with(hand.theirs(Method::Invite, 2, &[]), &sdp("theirs"));
    hand.receive_by(from(40_002), invite);
    let id = offered(&mut hand);
    respond(&mut hand, id, 200, sdp("ours"));
    assert_eq!(hand.answered_by(200).0, from(40_002));
    // The connection died: the answer takes the address that the peer listens on.
    hand.unreachable(from(40_002));
    assert_eq!(hand.answered_by(200).0, from(5060));
    hand.unreachable(from(5060));
    hand.nothing_sent();
    let ack = hand.theirs(Method::Ack, 2, &[]);
    hand.receive_by(from(40_003), ack);
    assert!(matches!(hand.told(), Output::Acknowledged { .. }));
}
