//! What the tests of this room share.

use std::time::{Duration, Instant};

use rsip::Method;

use super::flow::{Flow, Protocol, TlsSettings};
use super::headers::{CSeq, Headers};
use super::local::Local;
use super::output::Output;
use super::transaction::Key;
use super::transaction::timing::Timing;

/// A peer by UDP.
pub(super) fn udp() -> Flow {
    Flow {
        protocol: Protocol::Udp,
        remote: "192.0.2.2:5060".parse().unwrap(),
    }
}

/// The same peer by TCP.
pub(super) fn tcp() -> Flow {
    Flow {
        protocol: Protocol::Tcp,
        ..udp()
    }
}

/// The same peer by TLS.
pub(super) fn tls() -> Flow {
    Flow {
        protocol: Protocol::Tls(TlsSettings::Recorder(0)),
        remote: "192.0.2.2:5061".parse().unwrap(),
    }
}

/// Us.
pub(super) fn local() -> Local {
    Local {
        address: "192.0.2.1:5060".parse().unwrap(),
        tls: None,
        user: "us".to_owned(),
        agent: "sixreel".to_owned(),
        accept: "application/sdp".to_owned(),
        timing: Timing::default(),
    }
}

/// The moment at which a test begins.
#[expect(
    clippy::disallowed_methods,
    reason = "a test needs some instant to count from"
)]
pub(super) fn epoch() -> Instant {
    Instant::now()
}

/// The key of some INVITE.
pub(super) fn key() -> Key {
    let mut headers = Headers::default();
    for (name, value) in [
        ("Via", "SIP/2.0/UDP a;branch=z9hG4bK1"),
        ("From", "<sip:a@h>;tag=1"),
        ("To", "<sip:b@h>"),
        ("Call-ID", "c1"),
        ("CSeq", "1 INVITE"),
    ] {
        headers.push(name, value);
    }
    let identity = headers.identity().unwrap();
    assert_eq!(
        identity.cseq,
        CSeq {
            number: 1,
            method: Method::Invite
        }
    );
    Key::of(&identity)
}

/// How many messages are to be sent.
pub(super) fn sent(out: &[Output]) -> usize {
    out.iter()
        .filter(|output| matches!(output, Output::Transmit { .. }))
        .count()
}

/// Fires a machine's deadlines until it has none or tells something: the milliseconds after
/// `from` at which it sent, and what it told when.
pub(super) fn run<M, E>(
    machine: &mut M,
    from: Instant,
    deadline: fn(&M) -> Option<Instant>,
    fire: fn(&mut M, Instant, &mut Vec<Output>) -> Option<E>,
) -> (Vec<u128>, Option<(u128, E)>) {
    let (mut sends, mut told) = (Vec::new(), None);
    while let (Some(at), None) = (deadline(machine), &told) {
        let mut out = Vec::new();
        let after = at.saturating_duration_since(from);
        assert!(after < Duration::from_secs(3600), "it never ends");
        told = fire(machine, at, &mut out).map(|event| (after.as_millis(), event));
        sends.extend(out.iter().map(|_| after.as_millis()));
    }
    (sends, told)
}
