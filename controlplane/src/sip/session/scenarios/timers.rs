//! Refreshes and expiry (RFC 4028).

use std::time::Duration;

use rsip::Method;

use super::hand::{Hand, accept, response, sdp};
use crate::sip::output::{End, Output};

const UPDATES: (&str, &str) = ("Allow", "INVITE, ACK, BYE, UPDATE");

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn without_the_header_nothing_expires() {
    let mut hand = Hand::established(&[UPDATES]);
    hand.wait(seconds(100_000));
    hand.nothing_sent();
    hand.nothing_told();
    hand.user(|session, now, out| session.update(sdp("x"), now, out));
    assert_eq!(
        hand.sent(Method::Update).headers.get("Session-Expires"),
        None
    );
}

#[test]
fn we_refresh_at_half_time_by_update() {
    let mut hand = Hand::established(&[UPDATES, ("Session-Expires", "1800;refresher=uac")]);
    for _ in 0..5 {
        hand.wait(seconds(899));
        hand.nothing_sent();
        hand.wait(seconds(1));
        let update = hand.sent(Method::Update);
        assert_eq!(
            update.headers.get("Session-Expires"),
            Some("1800;refresher=uac")
        );
        assert!(update.body.is_empty() && update.headers.get("Content-Type").is_none());
        hand.receive(response(
            &update,
            200,
            &[("Session-Expires", "1800;refresher=uac")],
        ));
    }
    hand.nothing_told();
}

#[test]
fn where_the_peer_takes_no_update_the_user_refreshes() {
    let mut hand = Hand::established(&[("Session-Expires", "1800;refresher=uac")]);
    hand.wait(seconds(900));
    assert_eq!(hand.told(), Output::RefreshDue);
    hand.user(|session, now, out| session.reinvite(sdp("same"), now, out));
    let invite = hand.sent(Method::Invite);
    assert_eq!(
        invite.headers.get("Session-Expires"),
        Some("1800;refresher=uac")
    );
    hand.receive(accept(
        &invite,
        &[("Session-Expires", "1800;refresher=uac")],
    ));
    hand.sent(Method::Ack);
    assert!(matches!(hand.told(), Output::Accepted { .. }));
    hand.wait(seconds(899));
    hand.nothing_told();
    hand.wait(seconds(1));
    assert_eq!(hand.told(), Output::RefreshDue);
}

#[test]
fn refreshes_that_are_refused_are_repeated_until_the_session_expires() {
    let mut hand = Hand::established(&[UPDATES, ("Session-Expires", "90;refresher=uac")]);
    let mut refreshes = 0;
    while hand.elapsed_ms() < 59_999 {
        hand.wait(Duration::from_millis(1));
        if hand.peek(Method::Update) {
            refreshes += 1;
            let update = hand.sent(Method::Update);
            hand.receive(response(&update, 500, &[]));
        }
    }
    assert!((2..6).contains(&refreshes), "{refreshes}");
    hand.nothing_told();
    hand.wait(Duration::from_millis(1));
    assert_eq!(hand.told(), Output::Ended { by: End::Expired });
    hand.sent(Method::Bye);
}

#[test]
fn a_peer_that_does_not_refresh_is_sent_bye() {
    let mut hand = Hand::established(&[("Session-Expires", "1800;refresher=uas")]);
    hand.wait(seconds(1767));
    hand.nothing_sent();
    hand.wait(seconds(1));
    let bye = hand.sent(Method::Bye);
    assert_eq!(hand.told(), Output::Ended { by: End::Expired });
    hand.receive(response(&bye, 200, &[]));
    hand.runs_out();
}

#[test]
fn a_peer_that_refreshes_keeps_the_session() {
    let mut hand = Hand::established(&[("Session-Expires", "1800;refresher=uas")]);
    for number in 1..5 {
        hand.wait(seconds(900));
        let more = [
            ("Session-Expires", "1800;refresher=uac"),
            ("Supported", "timer"),
        ];
        let update = hand.theirs(Method::Update, number, &more);
        hand.receive(update);
        let answer = hand.answered(200);
        assert_eq!(
            answer.headers.get("Session-Expires"),
            Some("1800;refresher=uac")
        );
    }
    hand.nothing_told();
    hand.wait(seconds(1768));
    assert_eq!(hand.told(), Output::Ended { by: End::Expired });
}

#[test]
fn a_refresh_that_nobody_answers_ends_the_session() {
    let mut hand = Hand::established(&[UPDATES, ("Session-Expires", "1800;refresher=uac")]);
    hand.wait(seconds(900 + 32));
    assert_eq!(
        hand.told(),
        Output::Ended {
            by: End::Lost { status: None }
        }
    );
    hand.sent_count();
}

#[test]
fn a_peer_that_refuses_update_is_refreshed_by_the_user() {
    let mut hand = Hand::established(&[UPDATES, ("Session-Expires", "1800;refresher=uac")]);
    hand.wait(seconds(900));
    let update = hand.sent(Method::Update);
    hand.receive(response(&update, 405, &[]));
    assert_eq!(hand.told(), Output::RefreshDue);
    hand.wait(seconds(434));
    hand.nothing_sent();
    assert_eq!(hand.told(), Output::RefreshDue);
}
