//! Messages that are hard to read: ours, and those of RFC 4475 where they are at hand.

use std::path::PathBuf;

use proptest::prelude::*;

use super::error::Error;
use super::flow::{Flow, Protocol};
use super::message::{Message, Rejected};
use super::output::Output;
use super::testing::{local, tcp, udp};
use super::{framing::Framer, method, stateless};

const HEAD: &str = "Via: SIP/2.0/UDP h.example;branch=z9hG4bK1\r\nFrom: <sip:a@h.example>;tag=1\r\n\
                    To: <sip:b@h.example>;tag=2\r\nCall-ID: c1\r\nCSeq: 1 INVITE\r\n";

fn whole(start: &str, more: &str, body: &str) -> Vec<u8> {
    format!("{start}\r\n{HEAD}{more}\r\n{body}").into_bytes()
}

fn parse(bytes: &[u8]) -> Result<Message, Rejected> {
    Message::parse(bytes, Protocol::Udp)
}

/// Its status or method, and its body.
fn shown(bytes: &[u8]) -> (String, Vec<u8>) {
    match parse(bytes) {
        Ok(Message::Request(request)) => (method::name(request.method).to_owned(), request.body),
        Ok(Message::Response(response)) => (response.status.code().to_string(), response.body),
        Err(rejected) => panic!("{rejected}: {}", bytes.escape_ascii()),
    }
}

const INVITE: &str = "INVITE sip:a@h.example SIP/2.0";

#[test]
fn odd_first_lines_are_read() {
    for (start, expected) in [
        ("SIP/2.0 200 ", "200"),
        ("SIP/2.0 200", "200"),
        ("SIP/2.0 200 D\u{e9}j\u{e0}", "200"),
        ("INVITE sip:john.doe@h SIP/2.0", "INVITE"),
        ("INVITE sip:r@[2001:db8::1]:5061 SIP/2.0", "INVITE"),
        ("INVITE tel:+1000 SIP/2.0", "INVITE"),
        ("INVITE sip:a@h sip/2.0 ", "INVITE"),
    ] {
        assert_eq!(
            shown(&whole(start, "Content-Length: 0\r\n", "")).0,
            expected,
            "{start}"
        );
    }
}

#[test]
fn odd_headers_and_lengths_are_read() {
    for (more, body, expected) in [
        ("Subject: a\r\n b\r\n\tc\r\n", "", ""),
        ("Subject : a\r\nContent-Length : 0\r\n", "", ""),
        ("Subject:\r\n", "", ""),
        ("X-Info-Called: One 1<2000>, Two <2001>\r\n", "", ""),
        ("l: 3\r\n", "abcdef", "abc"),
        ("", "v=0\r\n", "v=0\r\n"),
    ] {
        let shown = shown(&whole(INVITE, more, body));
        assert_eq!(
            shown,
            ("INVITE".to_owned(), expected.as_bytes().to_vec()),
            "{more}"
        );
    }
}

#[test]
fn odd_spellings_of_whole_messages_are_read() {
    let plain = whole(INVITE, "Subject: caf_\r\nContent-Length: 0\r\n", "");
    let text = String::from_utf8(plain.clone()).unwrap();
    let mut latin_1 = plain.clone();
    latin_1[text.find('_').unwrap()] = 0xe9;
    let compact = "INVITE sip:a@h.example SIP/2.0\r\nv: SIP/2.0/UDP h;branch=z9hG4bK1\r\n\
                   f: \"a, <b>\" <sip:a@h>;tag=1\r\nt: sip:b@h\r\ni: c1\r\nm: <sip:a@1.2.3.4>\r\n\
                   CSeq: 1 INVITE\r\nl: 0\r\n\r\n";
    for bytes in [
        text.replace("\r\n", "\n").into_bytes(),
        [b"\r\n\r\n", &plain[..]].concat(),
        compact.as_bytes().to_vec(),
        latin_1,
    ] {
        assert_eq!(shown(&bytes).0, "INVITE", "{}", bytes.escape_ascii());
    }
}

#[test]
fn messages_that_contradict_themselves_are_refused() {
    let invite = INVITE;
    let error = |bytes: &[u8]| parse(bytes).map(|_| ()).unwrap_err().error;
    let length = |bytes: &[u8]| matches!(error(bytes), Error::ContentLength(_));
    assert!(length(&whole(
        invite,
        "Content-Length: 9999\r\n",
        "v=0\r\n"
    )));
    assert!(length(&whole(
        invite,
        "Content-Length: -999\r\n",
        "v=0\r\n"
    )));
    assert!(length(&whole(
        invite,
        "Content-Length: 5\r\nl: 13\r\n",
        "There is no way to know."
    )));
    assert_eq!(error(&whole("PING sip:a@h SIP/2.0", "", "")), Error::Method);
    assert_eq!(
        error(&whole("invite sip:a@h SIP/2.0", "", "")),
        Error::Method
    );
    assert_eq!(
        error(&whole("INVITE sip:a@h SIP/7.0", "", "")),
        Error::Version
    );
    assert_eq!(
        error(&whole(invite, "To: <sip:c@h>\r\n", "")),
        Error::Repeated("To")
    );
    assert_eq!(
        error(&whole(invite, "Call-ID: c2\r\n", "")),
        Error::Repeated("Call-ID")
    );
    assert!(matches!(
        error(&whole("INVITE sip:a@h; lr SIP/2.0", "", "")),
        Error::RequestUri(_)
    ));
    assert!(matches!(
        error(&whole("INVITE <sip:a@h> SIP/2.0", "", "")),
        Error::RequestUri(_)
    ));
    let bye = whole("BYE sip:a@h SIP/2.0", "", "");
    assert!(matches!(error(&bye), Error::Header { name: "CSeq", .. }));
    assert_eq!(error(b"INVITE\r\n\r\n"), Error::StartLine);
    assert_eq!(error(b"HTTP/1.1 200 OK\r\n\r\n"), Error::StartLine);
    assert_eq!(error(b"\0\0\0\0"), Error::NoEnd);
    assert_eq!(error(b""), Error::NoEnd);
    let stream = Message::parse(&whole(invite, "", ""), Protocol::Tcp).unwrap_err();
    assert!(matches!(stream.error, Error::ContentLength(_)));
}

/// The folder of RFC 4475's messages, where there is one.
fn rfc4475() -> Option<PathBuf> {
    let root = PathBuf::from(std::env::var_os("SIXREEL_INTEROP")?);
    let inner = root.join("rfc4475");
    Some(if inner.is_dir() { inner } else { root })
}

/// The messages that a user agent must accept.
const VALID: [&str; 13] = [
    "wsinv",
    "intmeth",
    "esc01",
    "escnull",
    "esc02",
    "lwsdisp",
    "longreq",
    "dblreq",
    "semiuri",
    "transports",
    "mpart01",
    "unreason",
    "noreason",
];
/// The messages whose length cannot be believed.
const REFUSED: [&str; 3] = ["clerr", "ncl", "mcl01"];

#[test]
fn the_messages_of_rfc_4475_are_told_apart() {
    let Some(folder) = rfc4475() else {
        println!("skipped: SIXREEL_INTEROP names no folder with the messages of RFC 4475");
        return;
    };
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "dat") {
            continue;
        }
        seen += 1;
        let (name, bytes) = (
            path.file_stem().unwrap().to_str().unwrap(),
            std::fs::read(&path).unwrap(),
        );
        let result = parse(&bytes);
        match (&result, name) {
            // Well formed, with methods that nobody standardised: these are answered by 501.
            (Err(rejected), "intmeth" | "esc02") => {
                assert_eq!(rejected.error, Error::Method);
                assert!(rejected.request.is_some());
            }
            _ if VALID.contains(&name) => assert!(result.is_ok(), "{name}: {result:?}"),
            _ if REFUSED.contains(&name) => assert!(result.is_err(), "{name}"),
            _ => {}
        }
        survive(&bytes);
    }
    assert_eq!(seen, 50, "RFC 4475 has so many messages");
}

/// Everything that can be done with received bytes outside of a session.
fn survive(bytes: &[u8]) {
    for flow in [udp(), tcp()] {
        let Flow { protocol, .. } = flow;
        let mut out = Vec::new();
        match Message::parse(bytes, protocol) {
            Ok(Message::Request(request)) => {
                stateless::refuse(&request, flow, &local(), &mut out);
                let again = Message::parse(&request.write(), protocol);
                assert_eq!(again, Ok(Message::Request(request)));
            }
            Ok(Message::Response(response)) => {
                let _ = response.headers.contact();
                let _ = response.headers.record_route();
                let again = Message::parse(&response.write(), protocol);
                assert_eq!(again, Ok(Message::Response(response)));
            }
            Err(rejected) => stateless::reject(&rejected, flow, &local(), &mut out),
        }
        for output in out {
            let Output::Transmit { bytes, .. } = output else {
                panic!("{output:?}");
            };
            // What a request lacks its answer lacks too; otherwise the answer is well formed.
            if let Err(rejected) = Message::parse(&bytes, protocol) {
                assert!(
                    matches!(rejected.error, Error::Header { .. } | Error::Missing(_)),
                    "{rejected}: {}",
                    bytes.escape_ascii()
                );
            }
        }
    }
    let mut framer = Framer::default();
    framer.push(bytes);
    while let Ok(Some(_)) = framer.pop() {}
}

/// Messages to start from.
fn seeds() -> Vec<Vec<u8>> {
    let contact = "Contact: \"x\" <sip:[::1]:1;lr>;+sip.srs\r\nRecord-Route: <sip:p;lr>\r\n";
    let tel = "Require: siprec\r\nSession-Expires: 90;refresher=uac\r\n";
    vec![
        whole(
            "INVITE sip:a@h.example SIP/2.0",
            "Content-Length: 4\r\n",
            "v=0\n",
        ),
        whole("INVITE tel:+1 SIP/2.0", tel, ""),
        whole("SIP/2.0 200 OK", contact, ""),
    ]
}

proptest! {
    #[test]
    fn whatever_a_message_becomes_on_its_way_nothing_panics(
        seed in prop::sample::select(seeds()),
        edits in prop::collection::vec(
            (
                any::<prop::sample::Index>(),
                0..4_usize,
                "[\r\n\t \"\\\\<>;,:=@?/\\[\\]0-9a-zA-Z\u{e9}\u{0}]{0,6}",
            ),
            0..6,
        ),
    ) {
        let mut bytes = seed;
        for (at, cut, insert) in edits {
            let at = at.index(bytes.len() + 1);
            let end = (at + cut).min(bytes.len());
            bytes.splice(at..end, insert.bytes());
        }
        survive(&bytes);
    }

    #[test]
    fn whatever_bytes_come_nothing_panics(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        survive(&bytes);
    }
}
