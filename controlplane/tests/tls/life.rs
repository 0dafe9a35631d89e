//! Connections: who shares which, and what becomes of them.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::time::Duration;

use sixreel_controlplane::sip::flow::{Flow, Protocol, TlsSettings};
use sixreel_controlplane::transport::Received;

use super::pki::Pki;
use super::world::{Side, request, settle, to, until};

const RECORDER: &str = "\"sips:rec@srs.example\"";

fn trusting(file: &Path) -> String {
    format!("authorities = [{file:?}]\n")
}

/// A client and a recorder that believe each other.
fn pair(pki: &Pki, recorders: &[&str]) -> (Side, Side) {
    let authority = pki.authority("authority");
    let theirs = pki.issue(&authority, "srs", &["DNS:srs.example"]);
    let us = Side::client(&trusting(&authority.file), recorders);
    (us, Side::recorder(&theirs, &[]))
}

/// Sends by a flow, and says by which flow it came.
fn send(us: &mut Side, them: &mut Side, flow: Flow, text: &str) -> Flow {
    let before = them.messages().len();
    us.send(flow, text);
    until(&mut [us, them], |sides| sides[1].messages().len() > before);
    them.messages()[before].0
}

fn of_listener(remote: SocketAddr) -> Flow {
    Flow {
        protocol: Protocol::Tls(TlsSettings::Listener),
        remote,
    }
}

#[test]
fn recordings_share_a_connection_and_recorders_do_not() {
    let pki = Pki::new();
    let (mut us, mut them) = pair(&pki, &[RECORDER, RECORDER]);
    let (one, other) = (to(0, them.address()), to(1, them.address()));
    let first = send(&mut us, &mut them, one, &request("a", "h"));
    assert_eq!(send(&mut us, &mut them, one, &request("b", "h")), first);
    let second = send(&mut us, &mut them, other, &request("c", "h"));
    assert_ne!(second, first, "other settings, another connection");
    them.send(second, &request("d", "h"));
    until(&mut [&mut us, &mut them], |sides| {
        !sides[0].messages().is_empty()
    });
    assert_eq!(us.messages(), [(other, "d".to_owned())]);
}

#[test]
fn a_lost_connection_is_told_and_the_next_message_opens_another() {
    let pki = Pki::new();
    let (mut us, mut them) = pair(&pki, &[RECORDER]);
    let flow = to(0, them.address());
    let first = send(&mut us, &mut them, flow, &request("a", "h"));
    them.transport.close(first, them.now);
    until(&mut [&mut us, &mut them], |sides| !sides[0].came.is_empty());
    assert_eq!(us.take(), [Received::Unreachable { flow }]);
    let second = send(&mut us, &mut them, flow, &request("b", "h"));
    assert_ne!(second, first);
    assert_eq!(us.take(), []);
}

#[test]
fn new_certificates_are_for_new_connections_and_broken_ones_for_none() {
    let pki = Pki::new();
    let (mut us, mut them) = pair(&pki, &[RECORDER]);
    let flow = to(0, them.address());
    let first = send(&mut us, &mut them, flow, &request("a", "h"));
    let gone = pki.path("gone.pem");
    let why = us.renew(&trusting(&gone), &[RECORDER]).unwrap_err();
    assert!(
        why.starts_with("tls.authorities: ") && why.contains("cannot be read"),
        "{why}"
    );
    assert_eq!(send(&mut us, &mut them, flow, &request("b", "h")), first);

    let stranger = pki.authority("stranger");
    us.renew(&trusting(&stranger.file), &[RECORDER]).unwrap();
    assert_eq!(send(&mut us, &mut them, flow, &request("c", "h")), first);
    them.transport.close(first, them.now);
    until(&mut [&mut us, &mut them], |sides| !sides[0].came.is_empty());
    us.send(flow, &request("d", "h"));
    until(&mut [&mut us, &mut them], |sides| {
        !sides[0].troubles().is_empty()
    });
    assert!(us.troubles()[0].contains("whom we do not believe"));

    // The recorder's operator puts it right, and nobody waits for a pause to end.
    let theirs = pki.issue(&stranger, "srs2", &["DNS:srs.example"]);
    them.transport
        .set_tls(sixreel_controlplane::tls::Tls::server(theirs.files(), &[], &them.clock).unwrap());
    us.renew(&trusting(&stranger.file), &[RECORDER]).unwrap();
    send(&mut us, &mut them, flow, &request("e", "h"));
}

#[test]
fn what_came_to_nothing_is_not_tried_again_at_once() {
    let pki = Pki::new();
    let (mut us, mut them) = pair(&pki, &[RECORDER]);
    let wrong = pki.authority("wrong");
    us.renew(&trusting(&wrong.file), &[RECORDER]).unwrap();
    let flow = to(0, them.address());
    us.send(flow, &request("a", "h"));
    until(&mut [&mut us, &mut them], |sides| {
        !sides[0].troubles().is_empty()
    });
    settle(&mut [&mut us, &mut them]);
    let (told, at_them) = (us.take(), them.take().len());
    us.send(flow, &request("b", "h"));
    us.turn();
    assert_eq!(us.take(), told, "the reason of before");
    settle(&mut [&mut us, &mut them]);
    assert_eq!(
        them.take().len(),
        0,
        "nobody has connected; {at_them} before"
    );
    us.now += Duration::from_secs(1);
    us.send(flow, &request("c", "h"));
    until(&mut [&mut us, &mut them], |sides| !sides[1].came.is_empty());
}

#[test]
fn requests_to_us_take_the_connection_that_we_opened() {
    let pki = Pki::new();
    let (mut us, mut them) = pair(&pki, &[RECORDER]);
    let flow = to(0, them.address());
    let by = send(
        &mut us,
        &mut them,
        flow,
        &request("a", "127.0.0.1:5999;alias"),
    );
    // Somebody else's address is not believed, and without a wish there is none.
    for via in ["127.0.0.2:5998;alias", "127.0.0.1:5997"] {
        assert_eq!(send(&mut us, &mut them, flow, &request("b", via)), by);
    }
    let alias = of_listener("127.0.0.1:5999".parse().unwrap());
    them.send(alias, &request("c", "h"));
    until(&mut [&mut us, &mut them], |sides| {
        !sides[0].messages().is_empty()
    });
    assert_eq!(us.messages(), [(flow, "c".to_owned())]);
    them.take();
    for port in [5997, 5998] {
        let other = of_listener(SocketAddr::from(([127, 0, 0, 1], port)));
        them.send(other, &request("d", "h"));
        until(&mut [&mut them], |sides| sides[0].came.len() == 2);
        assert!(them.take().contains(&Received::Unreachable { flow: other }));
    }
    us.transport.close(flow, us.now);
    until(&mut [&mut us, &mut them], |sides| sides[1].came.len() == 2);
    let unreachable = |flow| Received::Unreachable { flow };
    assert_eq!(them.take(), [unreachable(by), unreachable(alias)]);
}

#[test]
fn a_connection_that_we_opened_is_pinged_and_ends_when_the_answers_stop() {
    let pki = Pki::new();
    let (mut us, mut them) = pair(&pki, &[RECORDER]);
    let flow = to(0, them.address());
    send(&mut us, &mut them, flow, &request("a", "h"));
    settle(&mut [&mut us, &mut them]);
    us.now += Duration::from_secs(3);
    settle(&mut [&mut us, &mut them]);
    let quiet = us.transport.deadline().unwrap() - us.now;
    assert!((92..=117).contains(&quiet.as_secs()), "{quiet:?}");
    for _ in 0..3 {
        // The ping and its answer, and the moment at which the answer must be there.
        for _ in 0..2 {
            us.now = us.transport.deadline().unwrap();
            settle(&mut [&mut us, &mut them]);
        }
    }
    assert_eq!(us.take(), [], "each was answered");
    us.now = us.transport.deadline().unwrap();
    us.turn();
    assert_eq!(
        us.transport.deadline(),
        Some(us.now + Duration::from_secs(10))
    );
    us.now += Duration::from_secs(10);
    us.turn();
    assert_eq!(us.take(), [Received::Unreachable { flow }]);
}

#[test]
fn who_has_never_answered_a_ping_loses_nothing_by_it() {
    let mut us = Side::client("", &[]);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let flow = Flow {
        protocol: Protocol::Tcp,
        remote: listener.local_addr().unwrap(),
    };
    us.send(flow, &request("a", "h"));
    let (_peer, _) = listener.accept().unwrap();
    settle(&mut [&mut us]);
    for _ in 0..6 {
        us.now = us.transport.deadline().unwrap();
        settle(&mut [&mut us]);
    }
    assert_eq!(us.take(), []);
    // Without a message, it ends all the same.
    us.now += Duration::from_secs(3600);
    settle(&mut [&mut us]);
    assert_eq!(us.take(), [Received::Unreachable { flow }]);
}

#[test]
fn a_trial_has_a_connection_of_its_own_and_tells_what_it_sees() {
    let pki = Pki::new();
    let (mut us, mut them) = pair(&pki, &[RECORDER]);
    let real = to(0, them.address());
    let trial = Flow {
        protocol: Protocol::Tls(TlsSettings::Trial(0)),
        ..real
    };
    let by = send(&mut us, &mut them, real, &request("a", "h"));
    assert_ne!(send(&mut us, &mut them, trial, &request("b", "h")), by);
    settle(&mut [&mut us, &mut them]);
    let told = us.take();
    let [Received::Secured { flow, session }] = &told[..] else {
        panic!("{told:?}");
    };
    assert_eq!(*flow, trial);
    let (protocol, cipher) = session.agreed.clone().unwrap();
    assert_eq!((protocol, session.verified), ("TLS 1.3", true));
    assert!(cipher.starts_with("TLS13_"), "{cipher}");
    assert_eq!(session.chain[0].names, ["DNS:srs.example"]);
    assert_eq!(session.chain[0].issuer, "CN=authority");

    // What is refused is shown, too.
    us.transport.close(trial, us.now);
    let stranger = pki.authority("stranger");
    us.renew(&trusting(&stranger.file), &[RECORDER]).unwrap();
    us.take();
    us.send(trial, &request("c", "h"));
    until(&mut [&mut us, &mut them], |sides| sides[0].came.len() > 2);
    let told = us.take();
    let shown = told.iter().find_map(|received| match received {
        Received::Secured { session, .. } => Some(session),
        Received::Message { .. }
        | Received::Rejected { .. }
        | Received::Trouble { .. }
        | Received::Unreachable { .. } => None,
    });
    assert_eq!(shown.unwrap().chain[0].subject, "CN=srs");
}
