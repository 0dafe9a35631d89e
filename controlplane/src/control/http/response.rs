//! An answer, and how it is written (RFC 9112 §4).

use std::borrow::Cow;

use serde::Serialize;

use crate::time::Wall;

/// An answer to one request, not yet written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    pub status: u16,
    /// The body's media type; empty where there is no body.
    pub media: &'static str,
    /// Further headers.
    pub headers: Vec<(&'static str, String)>,
    pub body: Cow<'static, [u8]>,
}

/// How an answer must be written, by what the request was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Manner {
    /// The request was HEAD: no body follows the head.
    pub(super) head_only: bool,
    /// The connection ends after the answer.
    pub(super) close: bool,
}

impl Response {
    /// An answer of JSON, ended by a newline for those who read it on a terminal.
    pub fn json(status: u16, media: &'static str, body: &impl Serialize) -> Self {
        let mut body = serde_json::to_vec(body).expect("views have text keys and no failing parts");
        body.push(b'\n');
        Self {
            status,
            media,
            headers: Vec::new(),
            body: Cow::Owned(body),
        }
    }

    /// An answer that is always the same.
    pub const fn constant(media: &'static str, body: &'static [u8]) -> Self {
        Self {
            status: 200,
            media,
            headers: Vec::new(),
            body: Cow::Borrowed(body),
        }
    }

    /// An answer without a body.
    pub const fn no_content() -> Self {
        Self {
            status: 204,
            media: "",
            headers: Vec::new(),
            body: Cow::Borrowed(&[]),
        }
    }

    pub(super) fn write(&self, manner: Manner, date: Wall) -> Vec<u8> {
        let mut out = Vec::with_capacity(256 + self.body.len());
        line(&mut out, &["HTTP/1.1 ", &status_line(self.status)]);
        // RFC 9110 §6.6.1
        line(&mut out, &["Date: ", &date.rfc1123()]);
        for (name, value) in &self.headers {
            line(&mut out, &[name, ": ", value]);
        }
        // RFC 9110 §8.6: a 204 has no Content-Length.
        if self.status != 204 {
            line(&mut out, &["Content-Type: ", self.media]);
            line(
                &mut out,
                &["Content-Length: ", &self.body.len().to_string()],
            );
        }
        if manner.close {
            line(&mut out, &["Connection: close"]);
        }
        line(&mut out, &[]);
        if !manner.head_only {
            out.extend_from_slice(&self.body);
        }
        out
    }
}

/// The head of an event stream, which lasts until the connection ends.
pub(super) fn write_stream_head(date: Wall) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    line(&mut out, &["HTTP/1.1 ", &status_line(200)]);
    line(&mut out, &["Date: ", &date.rfc1123()]);
    line(&mut out, &["Content-Type: text/event-stream"]);
    line(&mut out, &["Cache-Control: no-store"]);
    line(&mut out, &["Connection: close"]);
    line(&mut out, &[]);
    out
}

fn line(out: &mut Vec<u8>, parts: &[&str]) {
    for part in parts {
        out.extend_from_slice(part.as_bytes());
    }
    out.extend_from_slice(b"\r\n");
}

fn status_line(status: u16) -> String {
    let reason = match status {
        200 => "OK",
        201 => "Created",
        204 => "No Content",
        400 => "Bad Request",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        409 => "Conflict",
        413 => "Content Too Large",
        415 => "Unsupported Media Type",
        417 => "Expectation Failed",
        422 => "Unprocessable Content",
        431 => "Request Header Fields Too Large",
        501 => "Not Implemented",
        503 => "Service Unavailable",
        505 => "HTTP Version Not Supported",
        // RFC 9112 §4: the phrase may be empty, the space before it not.
        _ => "",
    };
    format!("{status} {reason}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::problem::ProblemKind;

    const KEEP: Manner = Manner {
        head_only: false,
        close: false,
    };

    fn written(response: &Response, manner: Manner) -> String {
        String::from_utf8(response.write(manner, Wall(1_493_633_831_042))).unwrap()
    }

    #[test]
    fn an_answer_is_head_and_body() {
        let response = Response::json(200, "application/json", &[1]);
        let expected = "HTTP/1.1 200 OK\r\n\
             Date: Mon, 01 May 2017 10:17:11 GMT\r\n\
             Content-Type: application/json\r\n\
             Content-Length: 4\r\n\
             \r\n\
             [1]\n";
        assert_eq!(written(&response, KEEP), expected);
    }

    #[test]
    fn an_answer_to_head_has_the_length_and_not_the_body() {
        let response = Response::json(200, "application/json", &[1]);
        let manner = Manner {
            head_only: true,
            close: true,
        };
        let text = written(&response, manner);
        assert!(text.contains("Content-Length: 4\r\n"), "{text}");
        assert!(text.ends_with("Connection: close\r\n\r\n"), "{text}");
    }

    #[test]
    fn no_content_has_no_length() {
        let text = written(&Response::no_content(), KEEP);
        assert!(!text.contains("Content-"), "{text}");
        assert!(text.ends_with("GMT\r\n\r\n"), "{text}");
    }

    #[test]
    fn every_problem_has_a_phrase() {
        for kind in ProblemKind::ALL {
            let line = status_line(kind.row().1);
            assert!(line.len() > 4, "{line:?}");
        }
    }
}
