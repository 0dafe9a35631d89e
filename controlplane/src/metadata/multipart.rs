//! `multipart/mixed` bodies (RFC 2046 §5.1): write and parse.

use crate::random::Random;

/// One part of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Part<'a> {
    pub(super) content_type: Option<&'a str>,
    pub(super) disposition: Option<&'a str>,
    pub(super) bytes: &'a [u8],
}

/// More parts than these are not looked at.
const PARTS_MAX: usize = 16;

const BOUNDARY_LEN: usize = 24;

/// The Content-Type and the body. The form is the plainest there is: some recorders fail on quoted
/// boundaries, spaces, lone LFs and on a Content-Type that does not come first.
pub(super) fn write(parts: &[Part<'_>], random: &mut Random) -> (String, Vec<u8>) {
    let boundary = loop {
        let boundary = random.token(BOUNDARY_LEN);
        if parts.iter().all(|part| !contains(part.bytes, &boundary)) {
            break boundary;
        }
    };
    let mut body = Vec::new();
    for part in parts {
        let headers = [
            ("Content-Type", part.content_type),
            ("Content-Disposition", part.disposition),
        ];
        body.extend_from_slice(format!("--{boundary}\r\n").as_bytes());
        for (name, value) in headers {
            if let Some(value) = value {
                body.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
            }
        }
        body.extend_from_slice(b"\r\n");
        body.extend_from_slice(part.bytes);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    (format!("multipart/mixed;boundary={boundary}"), body)
}

/// The parts, as far as they can be made out: LF alone, text before the first part, and a last
/// delimiter or the blank line after the headers that are missing, all are taken.
pub(super) fn parse<'a>(content_type: &str, body: &'a [u8]) -> Vec<Part<'a>> {
    let boundary = boundary(content_type).or_else(|| boundary_of(body));
    let Some(boundary) = boundary else {
        return Vec::new();
    };
    let mut parts = Vec::new();
    let mut start = None;
    let mut place = 0;
    for line in body.split_inclusive(|byte| *byte == b'\n') {
        let delimiter = delimiter(line, &boundary);
        if delimiter != Delimiter::None {
            let part = start.take().and_then(|start| body.get(start..place));
            parts.extend(part.map(|part| read(without_eol(part))));
            if delimiter == Delimiter::Last || parts.len() == PARTS_MAX {
                return parts;
            }
            start = Some(place + line.len());
        }
        place += line.len();
    }
    let rest = start.and_then(|start| body.get(start..));
    parts.extend(rest.map(|part| read(without_eol(part))));
    parts
}

#[derive(PartialEq, Eq)]
enum Delimiter {
    None,
    Next,
    Last,
}

fn delimiter(line: &[u8], boundary: &str) -> Delimiter {
    let rest = line
        .strip_prefix(b"--")
        .and_then(|line| line.strip_prefix(boundary.as_bytes()));
    match rest.map(<[u8]>::trim_ascii) {
        Some(b"") => Delimiter::Next,
        Some(b"--") => Delimiter::Last,
        Some(_) | None => Delimiter::None,
    }
}

/// The boundary parameter of a Content-Type, quoted or not.
fn boundary(content_type: &str) -> Option<String> {
    let parameter = |text: &str| {
        let (name, value) = text.split_once('=')?;
        name.trim().eq_ignore_ascii_case("boundary").then(|| {
            let value = value.trim();
            let quoted = value.strip_prefix('"').and_then(|v| v.split('"').next());
            quoted.unwrap_or(value).to_owned()
        })
    };
    let found = content_type.split(';').skip(1).find_map(parameter);
    found.filter(|boundary| !boundary.is_empty())
}

/// The boundary that the body itself begins with, for a Content-Type that names none.
fn boundary_of(body: &[u8]) -> Option<String> {
    let line = body
        .trim_ascii_start()
        .split(|byte| *byte == b'\n')
        .next()?;
    let boundary = line.strip_prefix(b"--")?.trim_ascii();
    let boundary = std::str::from_utf8(boundary).ok()?;
    (!boundary.is_empty()).then(|| boundary.to_owned())
}

/// The line break before a delimiter belongs to the delimiter (RFC 2046 §5.1.1).
fn without_eol(part: &[u8]) -> &[u8] {
    let part = part.strip_suffix(b"\n").unwrap_or(part);
    part.strip_suffix(b"\r").unwrap_or(part)
}

/// Headers, as long as lines look like some, and what follows them.
fn read(part: &[u8]) -> Part<'_> {
    let mut read = Part {
        content_type: None,
        disposition: None,
        bytes: part,
    };
    while let Some((name, value, rest)) = header(read.bytes) {
        match name.to_ascii_lowercase().as_str() {
            "content-type" | "c" => read.content_type = Some(value),
            "content-disposition" => read.disposition = Some(value),
            _ => {}
        }
        read.bytes = rest;
    }
    let blank = [&b"\r\n"[..], b"\n"];
    let after_blank = blank.iter().find_map(|eol| read.bytes.strip_prefix(*eol));
    read.bytes = after_blank.unwrap_or(read.bytes);
    read
}

/// The header in the first line: its name, its value, and what comes after the line.
fn header(bytes: &[u8]) -> Option<(&str, &str, &[u8])> {
    let end = bytes.iter().position(|byte| *byte == b'\n');
    let (line, rest) = bytes.split_at(end.map_or(bytes.len(), |end| end + 1));
    let (name, value) = std::str::from_utf8(line).ok()?.split_once(':')?;
    let name = name.trim_end();
    let is_name = |name: &str| {
        let mut bytes = name.bytes();
        !name.is_empty() && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    is_name(name).then_some((name, value.trim(), rest))
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes
        .windows(text.len())
        .any(|window| window == text.as_bytes())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn part<'a>(content_type: &'a str, disposition: Option<&'a str>, text: &'a str) -> Part<'a> {
        Part {
            content_type: Some(content_type),
            disposition,
            bytes: text.as_bytes(),
        }
    }

    #[test]
    fn the_plainest_form_is_written() {
        let parts = [
            part("application/sdp", None, "v=0\r\n"),
            part(
                "application/rs-metadata+xml",
                Some("recording-session"),
                "<r/>",
            ),
        ];
        let mut random = Random::new([1; 32]);
        let boundary = random.clone().token(BOUNDARY_LEN);
        let (content_type, body) = write(&parts, &mut random);
        assert_eq!(content_type, format!("multipart/mixed;boundary={boundary}"));
        let expected = "--B\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n\r\n--B\r\n\
            Content-Type: application/rs-metadata+xml\r\n\
            Content-Disposition: recording-session\r\n\r\n<r/>\r\n--B--\r\n";
        assert_eq!(
            String::from_utf8(body).unwrap(),
            expected.replace('B', &boundary)
        );
    }

    #[test]
    fn a_boundary_that_occurs_in_a_part_is_not_used() {
        let mut random = Random::new([2; 32]);
        let first = random.clone().token(BOUNDARY_LEN);
        let text = format!("--{first}--");
        let (content_type, _) = write(&[part("text/plain", None, &text)], &mut random);
        assert!(!content_type.contains(&first));
    }

    #[test]
    fn the_interfaces_example_is_read_without_blank_lines_and_end() {
        let body = "\n--foobar \nContent-Type: application/SDP \nv=0 \na=sendonly \n\n--foobar \n\
            Content-Type: application/rs-metadata \nContent-Disposition: recording-session \n\
            <?xml version=\"1.0\"?> \n<recording/>   Related";
        let sdp = part("application/SDP", None, "v=0 \na=sendonly \n");
        let disposition = Some("recording-session");
        let xml = "<?xml version=\"1.0\"?> \n<recording/>   Related";
        let metadata = part("application/rs-metadata", disposition, xml);
        for content_type in [
            "multipart/mixed;boundary=foobar",
            "multipart/mixed; Boundary = \"foobar\" ; x=y",
            "multipart/mixed",
        ] {
            assert_eq!(parse(content_type, body.as_bytes()), [sdp, metadata]);
        }
    }

    #[test]
    fn what_surrounds_the_parts_and_what_only_looks_like_a_delimiter_is_no_part() {
        let body =
            b"preamble\r\n--ab\r\n\r\none\r\n--abc\r\n--ab\r\nX: y\r\n\r\n--ab--\r\n--ab\r\nlate";
        let parts = parse("multipart/mixed;boundary=ab", body);
        let bytes: Vec<_> = parts.iter().map(|part| part.bytes).collect();
        assert_eq!(bytes, [&b"one\r\n--abc"[..], b""]);
        assert!(parse("multipart/mixed;boundary=\"\"", b"no boundary").is_empty());
        let many = "--a\r\n\r\n".repeat(100);
        assert_eq!(
            parse("multipart/mixed;boundary=a", many.as_bytes()).len(),
            PARTS_MAX
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        #[test]
        fn what_is_written_reads_back(bodies: Vec<Vec<u8>>, seed: [u8; 32]) {
            let parts: Vec<_> = bodies
                .iter()
                .take(PARTS_MAX)
                .map(|bytes| Part {
                    content_type: Some("application/octet-stream"),
                    disposition: Some("recording-session"),
                    bytes,
                })
                .collect();
            let (content_type, body) = write(&parts, &mut Random::new(seed));
            prop_assert_eq!(parse(&content_type, &body), parts);
        }

        #[test]
        fn any_bytes_are_taken_apart(
            content_type: String,
            lines in "(--a|--a--|:|b: c|\r|\n){0,30}",
        ) {
            let _ = parse(&content_type, lines.as_bytes());
            let parts = parse("multipart/mixed;boundary=a", lines.as_bytes());
            prop_assert!(parts.len() <= PARTS_MAX);
        }
    }
}
