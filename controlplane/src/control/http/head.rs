//! The head of a request: request line and headers (RFC 9112 §3, §5).

use httparse::{Header, Status};

use super::chunked::Chunked;
use crate::control::limits::{BODY_BYTES, HEAD_BYTES, HEADERS};
use crate::control::problem::{Problem, ProblemKind};

/// The methods that the interface knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    Get,
    Head,
    Put,
    Patch,
    Post,
    Delete,
    /// Any other: no path has it.
    Other,
}

/// What the head of a request says.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) method: Method,
    pub(super) target: String,
    pub(super) content_type: Option<String>,
    pub(super) last_event_id: Option<String>,
    /// The client wants the connection to end after the answer.
    pub(super) close: bool,
    /// The client waits for 100 before it sends the body.
    pub(super) expects_continue: bool,
}

/// How the body's end is known.
#[derive(Debug)]
pub(super) enum Framing {
    /// After so many bytes.
    Length(usize),
    /// After the last chunk.
    Chunked(Chunked),
}

/// Parses the head at the beginning of `bytes`: the head, the body's framing, and the head's
/// length. `None` until it is complete. A problem ends the connection: what follows such a head
/// cannot be told.
pub(super) fn parse(bytes: &[u8]) -> Result<Option<(Head, Framing, usize)>, Problem> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    let length = match request.parse(bytes).map_err(syntax)? {
        Status::Complete(length) if length <= HEAD_BYTES => length,
        Status::Partial if bytes.len() <= HEAD_BYTES => return Ok(None),
        Status::Complete(_) | Status::Partial => return Err(too_large()),
    };
    let is_1_0 = request.version == Some(0);
    let headers = &*request.headers;
    let hosts = named(headers, "Host").count();
    // RFC 9112 §3.2
    if hosts > 1 || (hosts == 0 && !is_1_0) {
        return Err(malformed("the request has no Host header, or several"));
    }
    let head = Head {
        method: Method::parse(request.method.unwrap_or_default()),
        target: request.path.unwrap_or_default().to_owned(),
        content_type: text(headers, "Content-Type")?,
        last_event_id: text(headers, "Last-Event-ID")?,
        // RFC 9112 §9.3
        close: is_1_0 || tokens(headers, "Connection").any(|token| is(token, "close")),
        // RFC 9110 §10.1.1: from a 1.0 client it is ignored.
        expects_continue: expectation(headers)? && !is_1_0,
    };
    Ok(Some((head, framing(headers, is_1_0)?, length)))
}

impl Method {
    /// Its name, as a request spells it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Post => "POST",
            Self::Delete => "DELETE",
            Self::Other => "other",
        }
    }

    /// Names are case-sensitive (RFC 9110 §9.1).
    fn parse(text: &str) -> Self {
        let known = [
            Self::Get,
            Self::Head,
            Self::Put,
            Self::Patch,
            Self::Post,
            Self::Delete,
        ];
        let found = known.into_iter().find(|method| method.name() == text);
        found.unwrap_or(Self::Other)
    }
}

/// A malformed message; the connection ends.
pub(super) fn malformed(detail: impl Into<String>) -> Problem {
    let remedy = "send HTTP/1.1 as RFC 9112 describes it";
    Problem::new(ProblemKind::MalformedRequest, detail, remedy)
}

/// The body exceeds its limit; the connection ends.
pub(super) fn body_too_large() -> Problem {
    let detail = format!("the body is longer than {BODY_BYTES} bytes");
    let remedy = "no request needs so much: send one resource at a time";
    Problem::new(ProblemKind::BodyTooLarge, detail, remedy)
}

/// Where the body ends (RFC 9112 §6.3). Whatever two readers could understand differently is
/// refused, so that no request can hide in another one's body.
fn framing(headers: &[Header<'_>], is_1_0: bool) -> Result<Framing, Problem> {
    let mut lengths = named(headers, "Content-Length");
    let mut codings = named(headers, "Transfer-Encoding");
    match (lengths.next(), codings.next()) {
        (None, None) => Ok(Framing::Length(0)),
        (Some(length), None) if lengths.next().is_none() => content_length(length.value),
        (None, Some(_)) if is_1_0 => Err(malformed("HTTP/1.0 has no Transfer-Encoding")),
        (None, Some(coding)) if codings.next().is_none() => {
            if is(coding.value, "chunked") {
                Ok(Framing::Chunked(Chunked::default()))
            } else {
                let detail = "the body has a transfer coding other than chunked";
                let remedy = "send Content-Length, or Transfer-Encoding: chunked";
                Err(Problem::new(ProblemKind::NotImplemented, detail, remedy))
            }
        }
        (Some(_), Some(_)) => Err(malformed("both Content-Length and Transfer-Encoding")),
        (Some(_), None) => Err(malformed("several Content-Length headers")),
        (None, Some(_)) => Err(malformed("several Transfer-Encoding headers")),
    }
}

fn content_length(value: &[u8]) -> Result<Framing, Problem> {
    let value = value.trim_ascii();
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return Err(malformed("Content-Length is not a number"));
    }
    let digits = str::from_utf8(value).expect("digits are UTF-8");
    // A number beyond usize is too large all the more.
    let length = digits.parse().unwrap_or(usize::MAX);
    if length > BODY_BYTES {
        return Err(body_too_large());
    }
    Ok(Framing::Length(length))
}

fn expectation(headers: &[Header<'_>]) -> Result<bool, Problem> {
    let mut expected = false;
    for token in tokens(headers, "Expect") {
        if !is(token, "100-continue") {
            let detail = "an expectation other than 100-continue";
            let remedy = "leave the Expect header out";
            return Err(Problem::new(ProblemKind::ExpectationFailed, detail, remedy));
        }
        expected = true;
    }
    Ok(expected)
}

/// The value of a header that may stand once.
fn text(headers: &[Header<'_>], name: &str) -> Result<Option<String>, Problem> {
    let mut values = named(headers, name);
    let Some(header) = values.next() else {
        return Ok(None);
    };
    let value = str::from_utf8(header.value.trim_ascii());
    match (value, values.next()) {
        (Ok(value), None) => Ok(Some(value.to_owned())),
        (Err(_), _) | (_, Some(_)) => Err(malformed(format!("{name} is not one piece of text"))),
    }
}

fn named<'a>(headers: &'a [Header<'a>], name: &str) -> impl Iterator<Item = &'a Header<'a>> {
    let headers = headers.iter();
    headers.filter(move |header| header.name.eq_ignore_ascii_case(name))
}

fn tokens<'a>(headers: &'a [Header<'a>], name: &str) -> impl Iterator<Item = &'a [u8]> {
    let values = named(headers, name).map(|header| header.value);
    let items = values.flat_map(|value| value.split(|byte| *byte == b','));
    items.map(<[u8]>::trim_ascii)
}

fn is(value: &[u8], token: &str) -> bool {
    value.trim_ascii().eq_ignore_ascii_case(token.as_bytes())
}

fn too_large() -> Problem {
    let detail = format!("the head is longer than {HEAD_BYTES} bytes or {HEADERS} headers");
    let remedy = "leave out the headers that the interface does not need";
    Problem::new(ProblemKind::HeadTooLarge, detail, remedy)
}

fn syntax(error: httparse::Error) -> Problem {
    if error == httparse::Error::TooManyHeaders {
        return too_large();
    }
    if error == httparse::Error::Version {
        let detail = "the request is neither HTTP/1.1 nor HTTP/1.0";
        return Problem::new(ProblemKind::HttpVersion, detail, "use HTTP/1.1");
    }
    malformed(format!("the head is not well-formed: {error}"))
}
