//! One attempt at several addresses.

use std::time::Duration;

use rsip::Method;

use super::world::{Located, Manner, NotFound, World};
use crate::control::view::{EventKind, RecordingState};
use crate::locate::Server;
use crate::sip::flow::Protocol;

const A: &str = "192.0.2.1:5060";
const B: &str = "192.0.2.2:5060";
const C: &str = "[2001:db8::3]:5060";

/// A recorder with a name, which has three servers, and no pings.
fn world() -> World {
    let recorder = "[[recorder]]\nid = \"west\"\nuri = \"sip:rec@srs.example.com\"\n\
                    transport = \"tcp\"\nping_interval_s = 0\n";
    let mut world = World::new(recorder, &[A, B, C]);
    world.resolve(0, Ok(located()));
    world
}

fn located() -> Located {
    let server = |(priority, at): (u16, &str)| {
        let address: std::net::SocketAddr = at.parse().unwrap();
        Server {
            rank: 0,
            priority,
            weight: 0,
            protocol: Protocol::Tcp,
            port: address.port(),
            addresses: vec![address.ip()],
        }
    };
    Located {
        servers: [(1, A), (2, B), (3, C)].into_iter().map(server).collect(),
        until: None,
        again_in: Some(Duration::from_secs(3_600)),
    }
}

fn establishes(world: &mut World, within_ms: u64) {
    world.call("7");
    world.pass(within_ms);
    assert_eq!(world.recordings()[0].state, RecordingState::Recording);
    assert_eq!(world.recordings()[0].attempts, 1, "it is one attempt");
    assert!(world.told(EventKind::RecordingFailed).is_empty());
    assert!(world.recordings()[0].gaps.is_empty());
    world.stop("7");
    world.assert_empty();
}

#[test]
fn the_next_server_is_tried_when_one_is_silent() {
    let mut world = world();
    world.server(A).manner = Manner::Silent;
    establishes(&mut world, 1_800);
    assert_eq!(world.server(A).invited().len(), 1);
    assert_eq!(world.server(B).invited(), [1_666]);
    assert!(world.server(C).heard.is_empty());
}

#[test]
fn a_server_that_cannot_be_reached_costs_no_time() {
    let mut world = world();
    world.server(A).manner = Manner::Unreachable;
    world.server(B).manner = Manner::Unreachable;
    establishes(&mut world, 100);
    assert_eq!(world.server(C).invited().len(), 1, "it has an IPv6 address");
    let via = world.server(C).heard[0]
        .2
        .headers
        .get("Via")
        .unwrap()
        .to_owned();
    assert!(via.contains("[2001:db8::100]:5060"), "{via}");
    let offer = world.server(C).bodies().remove(0);
    assert!(offer.contains("c=IN IP6 2001:db8::100"), "{offer}");
}

#[test]
fn a_server_that_works_on_it_is_given_the_time() {
    let mut world = world();
    world.server(A).manner = Manner::Ponders;
    world.call("7");
    world.pass(4_900);
    assert_eq!(world.recordings()[0].state, RecordingState::Connecting);
    world.pass(200);
    assert!(world.server(B).heard.is_empty());
    let failed = world.told(EventKind::RecordingFailed);
    assert!(
        failed[0].2.contains("did not answer within 5000 ms"),
        "{failed:?}"
    );
    assert_eq!(world.server(A).asked(Method::Cancel).len(), 1);
}

#[test]
fn a_server_that_asks_to_be_left_alone_is() {
    let mut world = world();
    world.server(A).manner = Manner::Refuses(503, "Retry-After: 60");
    world.call("1");
    world.pass(100);
    world.call("2");
    world.pass(100);
    assert_eq!(world.server(A).invited().len(), 1);
    assert_eq!(world.server(B).invited().len(), 2);
    world.pass(60_000);
    world.server(A).manner = Manner::Accepts;
    world.call("3");
    world.pass(100);
    assert_eq!(world.server(A).invited().len(), 2);
}

#[test]
fn a_server_that_was_silent_comes_last_for_a_while() {
    let mut world = world();
    world.server(A).manner = Manner::Silent;
    world.call("1");
    world.pass(3_000);
    world.call("2");
    world.pass(100);
    assert_eq!(world.server(A).invited().len(), 1);
    assert_eq!(world.recordings()[1].state, RecordingState::Recording);
}

#[test]
fn an_attempt_fails_when_no_server_accepts_and_says_which_were_tried() {
    let mut world = world();
    world.server(A).manner = Manner::Silent;
    world.server(B).manner = Manner::Refuses(503, "");
    world.server(C).manner = Manner::Unreachable;
    world.call("7");
    world.pass(5_000);
    let failed = world.told(EventKind::RecordingFailed);
    assert_eq!(failed.len(), 1, "{failed:?}");
    let (at, _, detail) = &failed[0];
    assert!(*at < 2_000, "{at}");
    for server in [A, B, C] {
        assert!(detail.contains(server), "{detail}");
    }
}

#[test]
fn a_refusal_of_the_offer_is_not_carried_to_the_next_server() {
    let mut world = world();
    world.server(A).manner = Manner::Refuses(403, "");
    world.call("7");
    world.pass(5_000);
    assert!(world.server(B).heard.is_empty());
    assert_eq!(world.recordings()[0].state, RecordingState::Failed);
}

#[test]
fn a_name_that_becomes_known_lets_recordings_begin() {
    let recorder = "[[recorder]]\nid = \"west\"\nuri = \"sip:rec@srs.example.com\"\n\
                    transport = \"tcp\"\nping_interval_s = 0\n";
    let mut world = World::new(recorder, &[A, B, C]);
    let missing = NotFound {
        why: "srs.example.com cannot be looked up: no such name".to_owned(),
        again_in: Duration::from_secs(30),
    };
    world.resolve(0, Err(missing));
    world.call("7");
    world.pass(1_000);
    let error = world.recordings()[0].error.clone().unwrap();
    assert!(error.contains("no such name"), "{error}");
    world.resolve(0, Ok(located()));
    world.pass(100);
    assert_eq!(world.recordings()[0].state, RecordingState::Recording);
    let gaps = world.recordings()[0].gaps.clone();
    assert_eq!((gaps.len(), gaps[0].to.is_some()), (1, true));
    assert_eq!(world.recorder("west").addresses[0], format!("tcp {A}"));
}
