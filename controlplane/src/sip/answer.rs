//! Answers to requests: what every response copies from its request (RFC 3261 §8.2.6).

use std::net::SocketAddr;

use rsip::StatusCode;

use super::headers::Headers;
use super::message::Response;
use super::name_addr::NameAddr;
use super::via::Via;

/// The option tags that we understand in Require.
pub(super) const OPTION_TAGS: [&str; 2] = ["siprec", "timer"];
/// The same as Supported lists them.
pub(super) const SUPPORTED: &str = "siprec, timer";
/// As INVITE and UPDATE of ours list them: we acknowledge provisional answers (RFC 3262).
pub(super) const SUPPORTED_BY_CALLER: &str = "siprec, timer, 100rel";
/// What may be required of us within a dialog besides: an INVITE gets no provisional answer but
/// 100 there, so every one that it gets is reliable (RFC 3262 §3).
const WITHIN_DIALOG: &str = "100rel";

/// A response to the request with those headers that came from `source`. `tag` names our side of
/// the dialog where the request's To does not yet; 100 has none.
pub(super) fn answer(
    request: &Headers,
    source: SocketAddr,
    status: impl Into<StatusCode>,
    tag: Option<&str>,
) -> Response {
    let mut response = Response::new(status.into());
    let headers = &mut response.headers;
    for (at, via) in request
        .list("Via")
        .unwrap_or_default()
        .into_iter()
        .enumerate()
    {
        match Via::parse(via) {
            Ok(mut via) if at == 0 => {
                via.note_source(source);
                headers.push("Via", &via.to_string());
            }
            Ok(_) | Err(_) => headers.push("Via", via),
        }
    }
    for name in ["From", "To", "Call-ID", "CSeq"] {
        let Some(value) = request.get(name) else {
            continue;
        };
        let tagged = NameAddr::parse(value).is_ok_and(|address| address.tag().is_some());
        match tag {
            Some(tag) if name == "To" && !tagged => {
                headers.push(name, &format!("{value};tag={tag}"));
            }
            _ => headers.push(name, value),
        }
    }
    response
}

/// What the request requires and we do not understand (RFC 3261 §8.2.2.3).
pub(super) fn not_understood(request: &Headers) -> Vec<&str> {
    let mut required = request.list("Require").unwrap_or_default();
    required.retain(|tag| {
        !OPTION_TAGS
            .iter()
            .any(|known| known.eq_ignore_ascii_case(tag))
    });
    required
}

/// The same within a dialog.
pub(super) fn not_understood_within(request: &Headers) -> Vec<&str> {
    let mut required = not_understood(request);
    required.retain(|tag| !tag.eq_ignore_ascii_case(WITHIN_DIALOG));
    required
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_repeats_what_tells_the_transaction() {
        let mut request = Headers::default();
        request.push(
            "Via",
            "SIP/2.0/UDP a.example;rport;branch=z9hG4bK1, SIP/2.0/TCP b;x=y",
        );
        request.push("Via", "SIP/2.0/UDP c");
        request.push("From", "<sip:a@h>;tag=1");
        request.push("To", "sip:b@h;user=phone");
        request.push("Call-ID", "c1");
        request.push("CSeq", "7 INVITE");
        request.push("Subject", "not repeated");
        let source = "192.0.2.9:40000".parse().unwrap();
        let response = answer(&request, source, 486, Some("t9"));
        let lines: Vec<_> = response
            .headers
            .iter()
            .map(|(n, v)| format!("{n}: {v}"))
            .collect();
        assert_eq!(
            lines,
            [
                "Via: SIP/2.0/UDP a.example;rport=40000;branch=z9hG4bK1;received=192.0.2.9",
                "Via: SIP/2.0/TCP b;x=y",
                "Via: SIP/2.0/UDP c",
                "From: <sip:a@h>;tag=1",
                "To: sip:b@h;user=phone;tag=t9",
                "Call-ID: c1",
                "CSeq: 7 INVITE",
            ]
        );
        assert_eq!(response.reason, "Busy Here");
        let again = answer(&response.headers, source, 486, Some("other"));
        assert_eq!(again.headers.get("To"), Some("sip:b@h;user=phone;tag=t9"));
    }

    #[test]
    fn what_is_not_understood_is_told() {
        let mut request = Headers::default();
        request.push("Require", "SIPREC, 100rel");
        request.push("Require", "timer,foo");
        assert_eq!(not_understood(&request), ["100rel", "foo"]);
        assert_eq!(not_understood_within(&request), ["foo"]);
    }
}
