//! What to answer to requests outside of any session. Nothing is remembered: the same request gets
//! the same answer again (RFC 3261 §8.2.7).

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use rsip::Method;

use super::answer::{SUPPORTED, answer, not_understood};
use super::error::Error;
use super::flow::Flow;
use super::headers::Headers;
use super::local::Local;
use super::message::{Rejected, Request, Response};
use super::method;
use super::output::Output;
use super::uri::AnyUri;
use super::via::Via;

/// Answers a request that came by `flow` and belongs to no session of ours.
pub fn refuse(request: &Request, flow: Flow, local: &Local, out: &mut Vec<Output>) {
    let headers = &request.headers;
    let tag = tag(headers);
    let reply = |status: u16| answer(headers, flow.remote, status, Some(&tag));
    let within = headers
        .identity()
        .is_ok_and(|identity| identity.to_tag.is_some());
    if request.method == Method::Ack {
        // RFC 3261 §17.1.1.3: an ACK is never answered.
        return;
    }
    let response = if within || request.method == Method::Cancel {
        reply(481)
    } else if matches!(request.uri, AnyUri::Other(_)) {
        reply(416)
    } else if !not_understood(headers).is_empty() {
        refuse_extensions(headers, reply(420))
    } else {
        match request.method {
            Method::Options => describe(local, reply(200)),
            Method::Invite => {
                let mut response = reply(403);
                response.reason = "Recording Sessions Are Started From Here".to_owned();
                response
            }
            Method::Bye | Method::Update | Method::Ack | Method::Cancel => reply(481),
            Method::Info
            | Method::Message
            | Method::Notify
            | Method::PRack
            | Method::Publish
            | Method::Refer
            | Method::Register
            | Method::Subscribe => allow(reply(405)),
        }
    };
    send(response, headers, flow, local, out);
}

/// Answers received bytes that are no usable request, where anybody can be answered.
pub fn reject(rejected: &Rejected, flow: Flow, local: &Local, out: &mut Vec<Output>) {
    let Some(headers) = &rejected.request else {
        return;
    };
    let status: u16 = match rejected.error {
        Error::Method => 501,
        Error::Version => 505,
        Error::TooLarge { .. } => 513,
        Error::NoEnd
        | Error::StartLine
        | Error::HeaderLine
        | Error::ContentLength(_)
        | Error::RequestUri(_)
        | Error::Missing(_)
        | Error::Repeated(_)
        | Error::Header { .. } => 400,
    };
    let mut response = answer(headers, flow.remote, status, Some(&tag(headers)));
    if status == 501 {
        response = allow(response);
    } else if status == 400 {
        // RFC 3261 §21.4.1: the reason should say what is wrong.
        response.reason = format!("Bad Request: {}", rejected.error);
    }
    send(response, headers, flow, local, out);
}

/// 420 with what was not understood (RFC 3261 §8.2.2.3).
pub(super) fn refuse_extensions(request: &Headers, mut response: Response) -> Response {
    response
        .headers
        .push("Unsupported", &not_understood(request).join(", "));
    response
}

/// The answer to OPTIONS (RFC 3261 §11.2).
pub(super) fn describe(local: &Local, response: Response) -> Response {
    let mut response = allow(response);
    response.headers.push("Accept", &local.accept);
    response.headers.push("Supported", SUPPORTED);
    response
}

/// A response with the methods that we answer (RFC 3261 §8.2.1).
pub(super) fn allow(mut response: Response) -> Response {
    response.headers.push("Allow", method::ALLOW);
    response
}

/// Sends the response back the way that its Via says; without a Via it has none.
fn send(
    mut response: Response,
    request: &Headers,
    flow: Flow,
    local: &Local,
    out: &mut Vec<Output>,
) {
    let vias = request.list("Via").unwrap_or_default();
    let Some(Ok(via)) = vias.first().map(|via| Via::parse(via)) else {
        return;
    };
    response.headers.push("Server", &local.agent);
    out.push(Output::Transmit {
        flow: via.reply_flow(flow),
        bytes: response.write(),
    });
}

/// A tag that is the same whenever the request is (RFC 3261 §8.2.7).
fn tag(request: &Headers) -> String {
    let mut hasher = DefaultHasher::new();
    for name in ["Via", "From", "Call-ID", "CSeq"] {
        request.get(name).hash(&mut hasher);
    }
    format!("{:016x}", hasher.finish())
}

#[cfg(test)]
mod tests {
    use super::super::message::Message;
    use super::super::testing::{local, tcp, udp};
    use super::*;

    /// The answer to the bytes, and where it goes.
    fn answer_to(text: &str, flow: Flow) -> Option<(String, Flow)> {
        let mut out = Vec::new();
        match Message::parse(text.as_bytes(), flow.protocol) {
            Ok(Message::Request(request)) => refuse(&request, flow, &local(), &mut out),
            Ok(Message::Response(response)) => panic!("{response:?}"),
            Err(rejected) => reject(&rejected, flow, &local(), &mut out),
        }
        out.into_iter().next().map(|output| {
            let Output::Transmit { flow, bytes } = output else {
                panic!("{output:?}");
            };
            (String::from_utf8(bytes).unwrap(), flow)
        })
    }

    /// The value of a header in the answer.
    fn header<'a>(answer: &'a str, name: &str) -> Option<&'a str> {
        answer
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    fn request(method: &str, to: &str, more: &str) -> String {
        format!(
            "{method} sip:us@192.0.2.1 SIP/2.0\r\n\
             Via: SIP/2.0/UDP h.example:5070;branch=z9hG4bK1\r\n\
             From: <sip:a@h>;tag=1\r\nTo: {to}\r\nCall-ID: c1\r\nCSeq: 3 {method}\r\n{more}\
             Content-Length: 0\r\n\r\n"
        )
    }

    fn status(text: &str) -> Option<u16> {
        let (answer, _) = answer_to(text, udp())?;
        answer.split(' ').nth(1)?.parse().ok()
    }

    #[test]
    fn each_request_gets_its_answer() {
        let (new, within) = ("<sip:us@h>", "<sip:us@h>;tag=9");
        for (method, to, expected) in [
            ("OPTIONS", new, Some(200)),
            ("OPTIONS", within, Some(481)),
            ("INVITE", new, Some(403)),
            ("INVITE", within, Some(481)),
            ("BYE", within, Some(481)),
            ("CANCEL", new, Some(481)),
            ("UPDATE", within, Some(481)),
            ("INFO", within, Some(481)),
            ("MESSAGE", new, Some(405)),
            ("REGISTER", new, Some(405)),
            ("PING", new, Some(501)),
            ("ACK", within, None),
        ] {
            assert_eq!(status(&request(method, to, "")), expected, "{method} {to}");
        }
    }

    #[test]
    fn options_tells_what_we_can() {
        let (response, _) = answer_to(&request("OPTIONS", "<sip:us@h>", ""), udp()).unwrap();
        assert_eq!(header(&response, "Allow"), Some(method::ALLOW));
        assert_eq!(header(&response, "Accept"), Some("application/sdp"));
        assert_eq!(header(&response, "Supported"), Some("siprec, timer"));
    }

    #[test]
    fn extensions_that_are_not_understood_are_named() {
        let text = request(
            "INVITE",
            "<sip:us@h>",
            "Require: foo, siprec\r\nRequire: 100rel\r\n",
        );
        let (response, _) = answer_to(&text, udp()).unwrap();
        assert!(response.starts_with("SIP/2.0 420 Bad Extension\r\n"));
        assert_eq!(header(&response, "Unsupported"), Some("foo, 100rel"));
        assert_eq!(
            status(&request("CANCEL", "<sip:us@h>", "Require: foo\r\n")),
            Some(481)
        );
    }

    #[test]
    fn what_cannot_be_used_is_refused_with_the_reason() {
        let good = request("OPTIONS", "<sip:us@h>", "");
        for (bad, expected) in [
            (good.replace("CSeq: 3 OPTIONS", "CSeq: 3 INVITE"), Some(400)),
            (good.replace("<sip:us@h>", "\"us <sip:us@h>"), Some(400)),
            (good.replace("Length: 0", "Length: 9"), Some(400)),
            (good.replace("Call-ID: c1\r\n", ""), Some(400)),
            (
                good.replace("sip:us@192.0.2.1 SIP/2.0", "<sip:us@h> SIP/2.0"),
                Some(400),
            ),
            (
                good.replace("192.0.2.1 SIP/2.0", "192.0.2.1 SIP/7.0"),
                Some(505),
            ),
            (
                good.replace("sip:us@192.0.2.1 SIP", "tel:+1000 SIP"),
                Some(416),
            ),
            (good.replace("Length: 0", "Length: 300000"), Some(513)),
            (good.replace("SIP/2.0/UDP h", "UDP h"), None),
            (
                good.replace("OPTIONS", "ACK")
                    .replace("<sip:us@h>", "<sip:us@h"),
                None,
            ),
            (good.replace("\r\n\r\n", "\r\n"), None),
        ] {
            assert_eq!(status(&bad), expected, "{bad}");
        }
        let (response, _) = answer_to(&good.replace("Call-ID: c1\r\n", ""), udp()).unwrap();
        let line = "SIP/2.0 400 Bad Request: the sender's message has no Call-ID header\r\n";
        assert!(response.starts_with(line));
    }

    #[test]
    fn the_answer_goes_back_by_its_via_and_is_always_the_same() {
        let text = request("BYE", "<sip:us@h>", "");
        let (response, flow) = answer_to(&text, udp()).unwrap();
        assert_eq!(flow.remote.to_string(), "192.0.2.2:5070");
        assert!(
            header(&response, "To")
                .unwrap()
                .starts_with("<sip:us@h>;tag=")
        );
        assert_eq!(answer_to(&text, udp()), Some((response, flow)));
        assert_eq!(answer_to(&text, tcp()).unwrap().1, tcp());
    }
}
