//! SIP messages: from received bytes, and to bytes that are sent.

use rsip::{Method, StatusCode};

use super::error::{Error, Flaw};
use super::flow::Protocol;
use super::headers::Headers;
use super::uri::{AnyUri, Uri};
use super::{method, status, text, wire};

/// A request or a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// A request.
    Request(Request),
    /// A response.
    Response(Response),
}

/// A request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// What is asked.
    pub method: Method,
    /// Of whom.
    pub uri: AnyUri,
    /// All headers but Content-Length.
    pub headers: Headers,
    /// The body; empty where there is none.
    pub body: Vec<u8>,
}

/// A response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// How the request fared: 100 to 699.
    pub status: StatusCode,
    /// The same for people.
    pub reason: String,
    /// All headers but Content-Length.
    pub headers: Headers,
    /// The body; empty where there is none.
    pub body: Vec<u8>,
}

/// Received bytes that are no usable message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{error}")]
pub struct Rejected {
    /// What is wrong.
    pub error: Error,
    /// The headers, where a request can be answered nevertheless.
    pub request: Option<Headers>,
}

impl Message {
    /// From a datagram, or from what a framer cut out of a stream. Every message that comes out
    /// has an identity, and a request's CSeq names its method.
    pub fn parse(bytes: &[u8], protocol: Protocol) -> Result<Self, Rejected> {
        let unanswerable = |error| Rejected {
            error,
            request: None,
        };
        let bytes = bytes.trim_ascii_start();
        let end = wire::head_end(bytes, 0).ok_or_else(|| unanswerable(Error::NoEnd))?;
        let (head, rest) = bytes.split_at(end);
        let head = wire::parse_head(head).map_err(unanswerable)?;
        let headers = Headers::new(head.headers);
        let body = head
            .content_length
            .and_then(|length| body(rest, length, protocol));
        if let Some(status) = parse_status_line(&head.start) {
            let (status, reason) = status.map_err(unanswerable)?;
            let body = body.map_err(unanswerable)?;
            headers.identity().map_err(unanswerable)?;
            return Ok(Self::Response(Response {
                status,
                reason,
                headers,
                body,
            }));
        }
        // RFC 3261 §17.1.1.3: an ACK is never answered.
        let answerable = !head.start.starts_with("ACK ");
        match parse_request(&head.start, &headers, body) {
            Ok((method, uri, body)) => Ok(Self::Request(Request {
                method,
                uri,
                headers,
                body,
            })),
            Err(error) => Err(Rejected {
                error,
                request: answerable.then_some(headers),
            }),
        }
    }

    /// The Call-ID, by which a message finds its session. Empty where it was built without.
    pub fn call_id(&self) -> &str {
        let headers = match self {
            Self::Request(request) => &request.headers,
            Self::Response(response) => &response.headers,
        };
        headers.get("Call-ID").unwrap_or_default()
    }
}

impl Request {
    /// As bytes. Nothing in a field can begin another header or another message.
    pub fn write(&self) -> Vec<u8> {
        let start = format!("{} {} SIP/2.0", method::name(self.method), self.uri);
        write(&start, &self.headers, &self.body)
    }
}

impl Response {
    /// As bytes. Nothing in a field can begin another header or another message.
    pub fn write(&self) -> Vec<u8> {
        let start = format!("SIP/2.0 {} {}", self.status.code(), self.reason);
        write(&start, &self.headers, &self.body)
    }

    /// A response without headers and body, with the usual reason.
    pub(super) fn new(status: StatusCode) -> Self {
        Self {
            reason: status::reason(&status),
            status,
            headers: Headers::default(),
            body: Vec::new(),
        }
    }
}

fn write(start: &str, headers: &Headers, body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(1024 + body.len());
    let mut line = |parts: [&str; 3]| {
        for part in parts {
            bytes.extend_from_slice(text::clean(part).as_bytes());
        }
        bytes.extend_from_slice(b"\r\n");
    };
    line([start, "", ""]);
    for (name, value) in headers.iter() {
        line([name, ": ", value]);
    }
    line(["Content-Length", ": ", &body.len().to_string()]);
    line(["", "", ""]);
    bytes.extend_from_slice(body);
    bytes
}

/// The body within what follows the head (RFC 3261 §18.3).
fn body(rest: &[u8], length: Option<usize>, protocol: Protocol) -> Result<Vec<u8>, Error> {
    let body = match (length, protocol) {
        (Some(length), _) => rest.get(..length).ok_or(Flaw("more than has arrived")),
        (None, Protocol::Udp) => Ok(rest),
        (None, Protocol::Tcp | Protocol::Tls(_)) => Err(Flaw("missing, and a stream needs it")),
    };
    body.map(<[u8]>::to_vec).map_err(Error::ContentLength)
}

/// `SIP/2.0 200 OK`; the reason may be missing. `None` where it is no status line.
fn parse_status_line(line: &str) -> Option<Result<(StatusCode, String), Error>> {
    let (version, rest) = line.split_once(' ').unwrap_or((line, ""));
    if !version.get(..4)?.eq_ignore_ascii_case("SIP/") {
        return None;
    }
    if !version.eq_ignore_ascii_case("SIP/2.0") {
        return Some(Err(Error::Version));
    }
    let (code, reason) = rest.split_once(' ').unwrap_or((rest, ""));
    let code = text::number(code, 699).filter(|number| code.len() == 3 && *number >= 100);
    let code = code.and_then(|code| u16::try_from(code).ok());
    let reason = text::clean(reason.trim()).trim().to_owned();
    Some(
        code.map(|code| (StatusCode::from(code), reason))
            .ok_or(Error::StartLine),
    )
}

/// Everything about a request that must be right before anything is done with it.
fn parse_request(
    start: &str,
    headers: &Headers,
    body: Result<Vec<u8>, Error>,
) -> Result<(Method, AnyUri, Vec<u8>), Error> {
    let (name, rest) = start.split_once(' ').ok_or(Error::StartLine)?;
    let (uri, version) = rest.rsplit_once(' ').ok_or(Error::StartLine)?;
    if !text::is_token(name)
        || !version
            .get(..4)
            .is_some_and(|v| v.eq_ignore_ascii_case("SIP/"))
    {
        return Err(Error::StartLine);
    }
    if !version.eq_ignore_ascii_case("SIP/2.0") {
        return Err(Error::Version);
    }
    let method = method::parse(name).ok_or(Error::Method)?;
    let uri = parse_request_uri(uri)?;
    let body = body?;
    if headers.identity()?.cseq.method != method {
        let flaw = Flaw("it names another method than the request");
        return Err(Error::Header { name: "CSeq", flaw });
    }
    Ok((method, uri, body))
}

/// A SIP URI, or one of another scheme: to whom it is sent is for others to judge.
fn parse_request_uri(source: &str) -> Result<AnyUri, Error> {
    let scheme = source.split_once(':').map_or("", |(scheme, _)| scheme);
    let odd = |c: char| c.is_whitespace() || c.is_control() || "<>\"".contains(c);
    let is_sip = ["sip", "sips"]
        .iter()
        .any(|sip| scheme.eq_ignore_ascii_case(sip));
    if text::is_token(scheme) && !is_sip {
        return match source.contains(odd) {
            false => Ok(AnyUri::Other(source.to_owned())),
            true => Err(Error::RequestUri(Flaw(
                "a URI has no spaces, quotes or brackets",
            ))),
        };
    }
    Uri::parse(source)
        .map(AnyUri::Sip)
        .map_err(Error::RequestUri)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn identity(method: Method) -> Vec<(String, String)> {
        [
            ("Via", "SIP/2.0/UDP a;branch=z9hG4bK1".to_owned()),
            ("From", "<sip:a@h>;tag=1".to_owned()),
            ("To", "<sip:b@h>".to_owned()),
            ("Call-ID", "c1".to_owned()),
            ("CSeq", format!("1 {}", method::name(method))),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
    }

    fn headers(list: Vec<(String, String)>) -> Headers {
        let mut headers = Headers::default();
        for (name, value) in list {
            headers.push(&name, &value);
        }
        headers
    }

    #[test]
    fn what_is_sent_cannot_begin_another_header_or_message() {
        let mut list = identity(Method::Bye);
        list.push((
            "X-Name\r\nX-Evil".to_owned(),
            "a\r\nX-Evil: b\r\n\r\nBYE".to_owned(),
        ));
        let request = Request {
            method: Method::Bye,
            uri: AnyUri::Other("tel:1\r\nX-Evil: c".to_owned()),
            headers: headers(list),
            body: b"\r\n\xff\0body".to_vec(),
        };
        let bytes = request.write();
        let head = bytes.strip_suffix(b"\r\n\r\n\r\n\xff\0body").unwrap();
        let lines: Vec<_> = std::str::from_utf8(head).unwrap().split("\r\n").collect();
        assert_eq!(lines[0], "BYE tel:1  X-Evil: c SIP/2.0");
        assert_eq!(lines[6], "X-Name--X-Evil: a  X-Evil: b    BYE");
        assert_eq!(lines[7..], ["Content-Length: 8"]);
    }

    #[test]
    fn a_status_line_may_lack_its_reason() {
        for (line, expected) in [
            ("SIP/2.0 200 OK", Ok((200, "OK"))),
            ("sip/2.0 486 ", Ok((486, ""))),
            ("SIP/2.0 200", Ok((200, ""))),
            (
                "SIP/2.0 699 D\u{e9}j\u{e0} \u{1}vu",
                Ok((699, "D\u{e9}j\u{e0}  vu")),
            ),
            ("SIP/2.0 4294967301 no", Err(Error::StartLine)),
            ("SIP/2.0 0200 no", Err(Error::StartLine)),
            ("SIP/2.0 700 no", Err(Error::StartLine)),
            ("SIP/2.0 099 no", Err(Error::StartLine)),
            ("SIP/3.0 200 OK", Err(Error::Version)),
        ] {
            let found = parse_status_line(line).unwrap();
            let found = found.map(|(status, reason)| (status.code(), reason));
            assert_eq!(
                found,
                expected.map(|(code, reason)| (code, reason.to_owned()))
            );
        }
        assert_eq!(parse_status_line("BYE sip:h SIP/2.0"), None);
    }

    fn more_headers() -> impl Strategy<Value = Vec<(String, String)>> {
        let name = prop_oneof![
            "X-[a-zA-Z]{1,8}",
            Just("Subject".to_owned()),
            Just("Require".to_owned()),
            Just("Session-Expires".to_owned()),
            Just("Record-Route".to_owned()),
        ];
        prop::collection::vec((name, "\\PC{0,40}"), 0..8)
    }

    proptest! {
        #[test]
        fn a_request_is_read_as_it_was_written(
            method in prop::sample::select(Method::all()),
            more in more_headers(),
            body in prop::collection::vec(any::<u8>(), 0..60),
            tcp in any::<bool>(),
        ) {
            let mut list = identity(method);
            list.extend(more);
            let uri = AnyUri::parse("sip:b@192.0.2.1:5070;transport=tcp");
            let request = Request { method, uri, headers: headers(list), body };
            let protocol = if tcp { Protocol::Tcp } else { Protocol::Udp };
            let again = Message::parse(&request.write(), protocol);
            prop_assert_eq!(again, Ok(Message::Request(request)));
        }

        #[test]
        fn a_response_is_read_as_it_was_written(
            code in 100..700_u16,
            reason in "([A-Za-z]{1,9}( [a-z]{1,9})?)?",
            more in more_headers(),
            body in prop::collection::vec(any::<u8>(), 0..60),
        ) {
            let mut list = identity(Method::Invite);
            list.extend(more);
            let status = StatusCode::from(code);
            let response = Response { status, reason, headers: headers(list), body };
            let again = Message::parse(&response.write(), Protocol::Udp);
            prop_assert_eq!(again, Ok(Message::Response(response)));
        }
    }
}
