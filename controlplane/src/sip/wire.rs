//! The head of a message: its first line and its headers, as they come from the wire.
//!
//! Tolerant where the meaning is clear: bare line feeds, folded lines, spaces before the colon,
//! compact names, empty lines before the message, Latin-1 where UTF-8 is due.

use std::borrow::Cow;

use memchr::memchr;
use rsip::Header;

use super::error::{Error, Flaw};
use super::header;
use super::text;

/// The most bytes of a head, empty line included.
pub const HEAD_MAX: usize = 64 * 1024;
/// The most bytes of a line, folds included.
pub const LINE_MAX: usize = 16 * 1024;
/// The most headers.
pub const HEADERS_MAX: usize = 256;
/// The most bytes of a body.
pub const BODY_MAX: usize = 256 * 1024;

/// A lexed head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Head {
    /// The request line or status line.
    pub(super) start: String,
    /// The headers in their order, without Content-Length.
    pub(super) headers: Vec<Header>,
    /// What Content-Length says, or what is wrong with it: a request can be answered all the same.
    pub(super) content_length: Result<Option<usize>, Error>,
}

/// Where the head ends: the index after its empty line. `from` is how far an earlier call looked.
pub(super) fn head_end(bytes: &[u8], from: usize) -> Option<usize> {
    let mut at = from.saturating_sub(3);
    while let Some(found) = bytes.get(at..).and_then(|rest| memchr(b'\n', rest)) {
        at += found + 1;
        match bytes.get(at..) {
            Some([b'\n', ..]) => return Some(at + 1),
            Some([b'\r', b'\n', ..]) => return Some(at + 2),
            _ => {}
        }
    }
    None
}

/// The head that ends with `bytes`.
pub(super) fn parse_head(bytes: &[u8]) -> Result<Head, Error> {
    if bytes.len() > HEAD_MAX {
        return Err(Error::TooLarge {
            what: "a head of bytes",
            limit: HEAD_MAX,
        });
    }
    let lines = unfold(bytes)?;
    let mut lines = lines.iter().map(|line| decode(line));
    let start = lines.next().ok_or(Error::StartLine)?.trim_end().to_owned();
    let mut headers = Vec::with_capacity(24);
    let mut content_length = Ok(None);
    for line in lines {
        let (name, value) = line.split_once(':').ok_or(Error::HeaderLine)?;
        let name = name.trim();
        if !text::is_token(name) {
            return Err(Error::HeaderLine);
        }
        let header = header::make(name, value);
        match header::parts(&header) {
            ("Content-Length", value) => {
                content_length = content_length.and_then(|known| agree(known, value));
            }
            _ => headers.push(header),
        }
    }
    Ok(Head {
        start,
        headers,
        content_length,
    })
}

/// The head's lines, each with the lines that continue it (RFC 3261 §7.3.1).
fn unfold(bytes: &[u8]) -> Result<Vec<Cow<'_, [u8]>>, Error> {
    let mut lines: Vec<Cow<'_, [u8]>> = Vec::with_capacity(24);
    for line in bytes.split(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        match (line.first(), lines.last_mut()) {
            // RFC 3261 §7.5: empty lines before the first line are ignored.
            (None, _) => continue,
            (Some(b' ' | b'\t'), Some(folded)) => {
                let folded = folded.to_mut();
                folded.push(b' ');
                folded.extend_from_slice(line.trim_ascii());
            }
            _ => lines.push(Cow::Borrowed(line)),
        }
        if lines.last().is_some_and(|line| line.len() > LINE_MAX) {
            return Err(Error::TooLarge {
                what: "a line of bytes",
                limit: LINE_MAX,
            });
        }
        if lines.len() > HEADERS_MAX + 1 {
            return Err(Error::TooLarge {
                what: "headers",
                limit: HEADERS_MAX,
            });
        }
    }
    Ok(lines)
}

/// UTF-8, or Latin-1 where it is none.
fn decode(bytes: &[u8]) -> Cow<'_, str> {
    std::str::from_utf8(bytes).map_or_else(
        |_| Cow::Owned(bytes.iter().copied().map(char::from).collect()),
        Cow::Borrowed,
    )
}

/// One more Content-Length must say what those before it said.
fn agree(known: Option<usize>, value: &str) -> Result<Option<usize>, Error> {
    let length = text::number(value, u32::MAX)
        .and_then(|length| usize::try_from(length).ok())
        .ok_or(Error::ContentLength(Flaw("not a number of bytes")))?;
    match known {
        Some(known) if known != length => Err(Error::ContentLength(Flaw(
            "there twice and contradicts itself",
        ))),
        _ if length > BODY_MAX => Err(Error::TooLarge {
            what: "a body of bytes",
            limit: BODY_MAX,
        }),
        _ => Ok(Some(length)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn head(source: &[u8]) -> Head {
        parse_head(source).unwrap_or_else(|error| panic!("{error}"))
    }

    fn shown(head: &Head) -> Vec<String> {
        let line = |header| {
            let (name, value) = header::parts(header);
            format!("{name}={value}")
        };
        head.headers.iter().map(line).collect()
    }

    #[test]
    fn folds_compact_names_and_spaces_before_the_colon_are_read() {
        let head = head(
            b"\r\n\r\nOPTIONS sip:a@h SIP/2.0\r\nv : SIP/2.0/UDP h\r\n\t;branch=1\r\n  \
              ;rport\r\nSubject:\r\n   one\r\n two\r\nX-Odd:\r\nl :  4\r\n\r\n",
        );
        assert_eq!(head.start, "OPTIONS sip:a@h SIP/2.0");
        assert_eq!(head.content_length, Ok(Some(4)));
        assert_eq!(
            shown(&head),
            [
                "Via=SIP/2.0/UDP h ;branch=1 ;rport",
                "Subject=one two",
                "X-Odd="
            ]
        );
    }

    #[test]
    fn bare_line_feeds_and_latin_1_are_read() {
        let head = head(b"SIP/2.0 200\nSubject: caf\xe9\nTo: <sip:\xc3\xa9@h>\n\n");
        assert_eq!(head.start, "SIP/2.0 200");
        assert_eq!(shown(&head), ["Subject=caf\u{e9}", "To=<sip:\u{e9}@h>"]);
    }

    #[test]
    fn a_content_length_is_one_number() {
        for (lines, expected) in [
            ("", Ok(None)),
            ("Content-Length: 7\r\nl: 7\r\n", Ok(Some(7))),
            ("Content-Length: 13\r\nContent-Length: 5\r\n", Err(())),
            ("Content-Length: -999\r\n", Err(())),
            ("Content-Length:\r\n", Err(())),
            ("Content-Length: 99999999999999999999\r\n", Err(())),
            ("Content-Length: 262145\r\n", Err(())),
        ] {
            let head = head(format!("BYE sip:h SIP/2.0\r\n{lines}\r\n").as_bytes());
            assert_eq!(head.content_length.map_err(|_| ()), expected, "{lines:?}");
        }
    }

    #[test]
    fn the_limits_hold() {
        let many = |count: usize| format!("A b\r\n{}\r\n", "X: y\r\n".repeat(count));
        assert_eq!(
            head(many(HEADERS_MAX).as_bytes()).headers.len(),
            HEADERS_MAX
        );
        assert!(parse_head(many(HEADERS_MAX + 1).as_bytes()).is_err());
        let folded = format!(
            "A b\r\nX: y\r\n{}\r\n",
            " 0123456789\r\n".repeat(LINE_MAX / 10)
        );
        assert!(parse_head(folded.as_bytes()).is_err());
        assert!(parse_head(&vec![b'a'; LINE_MAX + 1]).is_err());
        assert!(parse_head(&vec![b'\n'; HEAD_MAX + 1]).is_err());
    }

    #[test]
    fn lines_that_are_no_headers_are_refused() {
        for bad in [
            "A b\r\nno colon\r\n",
            "A b\r\n: value\r\n",
            "A b\r\nna me: value\r\n",
        ] {
            assert_eq!(parse_head(bad.as_bytes()), Err(Error::HeaderLine));
        }
        assert_eq!(parse_head(b"\r\n\r\n"), Err(Error::StartLine));
    }

    proptest! {
        #[test]
        fn the_end_is_found_wherever_the_search_resumes(
            tail in "[ab\r\n]{0,20}",
            step in 1..7_usize,
        ) {
            let bytes = tail.as_bytes();
            let whole = head_end(bytes, 0);
            let (mut seen, mut resumed) = (0, None);
            for len in (0..=bytes.len()).step_by(step).chain([bytes.len()]) {
                resumed = resumed.or_else(|| head_end(&bytes[..len], seen));
                seen = len;
            }
            prop_assert_eq!(resumed, whole);
        }

        #[test]
        fn nothing_makes_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse_head(&bytes).map(|head| head.headers.len());
        }
    }
}
