//! The chunked transfer coding, taken off as the bytes come (RFC 9112 §7.1).

use memchr::memmem;

use super::head::{body_too_large, malformed};
use crate::control::limits::{BODY_BYTES, HEADERS};
use crate::control::problem::Problem;

/// The longest line between chunks: a size with its extensions, or a trailer field.
const LINE_BYTES: usize = 1024;

/// A body that comes in chunks.
#[derive(Debug, Default)]
pub(super) struct Chunked {
    body: Vec<u8>,
    state: State,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// The line with a chunk's size comes next.
    #[default]
    Size,
    /// So many bytes of the chunk are missing.
    Data(usize),
    /// The line end after a chunk comes next.
    DataEnd,
    /// A trailer field or the empty line at the very end comes next; so many fields came.
    Trailer(usize),
    Complete,
}

impl Chunked {
    /// Takes bytes off the front of `input`; the body once it is complete.
    pub(super) fn push(&mut self, input: &mut &[u8]) -> Result<Option<Vec<u8>>, Problem> {
        while self.state != State::Complete {
            if let State::Data(missing) = self.state {
                let (data, rest) = input.split_at(missing.min(input.len()));
                self.body.extend_from_slice(data);
                *input = rest;
                if data.len() < missing {
                    self.state = State::Data(missing - data.len());
                    return Ok(None);
                }
                self.state = State::DataEnd;
                continue;
            }
            let Some(line) = pop_line(input)? else {
                return Ok(None);
            };
            self.state = self.after(line)?;
        }
        Ok(Some(std::mem::take(&mut self.body)))
    }

    /// The state after a line that is not data.
    fn after(&self, line: &[u8]) -> Result<State, Problem> {
        Ok(match self.state {
            State::Size => match chunk_size(line)? {
                0 => State::Trailer(0),
                size if size > BODY_BYTES - self.body.len() => return Err(body_too_large()),
                size => State::Data(size),
            },
            State::DataEnd if line.is_empty() => State::Size,
            State::DataEnd => return Err(malformed("a chunk is longer than its size")),
            State::Trailer(_) if line.is_empty() => State::Complete,
            State::Trailer(fields) if fields < HEADERS => State::Trailer(fields + 1),
            State::Trailer(_) => return Err(malformed("too many trailer fields")),
            State::Data(_) | State::Complete => unreachable!("neither waits for a line"),
        })
    }
}

/// Takes a line off the front of `input`; `None` until it is complete.
fn pop_line<'a>(input: &mut &'a [u8]) -> Result<Option<&'a [u8]>, Problem> {
    let end = memmem::find(input, b"\r\n");
    if end.unwrap_or(input.len()) > LINE_BYTES {
        return Err(malformed("a line between chunks is too long"));
    }
    let Some(end) = end else {
        return Ok(None);
    };
    let (line, rest) = input.split_at(end);
    *input = rest.strip_prefix(b"\r\n").expect("found there");
    // A lone CR or LF ends a line for some readers and not for others.
    if line.iter().any(|byte| matches!(byte, b'\r' | b'\n')) {
        return Err(malformed("a lone CR or LF between chunks"));
    }
    Ok(Some(line))
}

/// The size before the extensions, which are ignored.
fn chunk_size(line: &[u8]) -> Result<usize, Problem> {
    let digits = line.split(|byte| *byte == b';').next().unwrap_or_default();
    let digits = digits.trim_ascii_end();
    if !digits.iter().all(u8::is_ascii_hexdigit) || !(1..=8).contains(&digits.len()) {
        return Err(malformed("a chunk's size is not a hexadecimal number"));
    }
    let digits = str::from_utf8(digits).expect("hexadecimal digits are UTF-8");
    Ok(usize::from_str_radix(digits, 16).expect("up to eight hexadecimal digits fit"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::control::problem::ProblemKind;

    fn decode(input: &[u8]) -> Result<Option<(Vec<u8>, usize)>, ProblemKind> {
        let mut rest = input;
        match Chunked::default().push(&mut rest) {
            Ok(body) => Ok(body.map(|body| (body, rest.len()))),
            Err(problem) => Err(problem.kind),
        }
    }

    #[test]
    fn sizes_extensions_and_trailers_are_taken_off() {
        let input = b"4;name=\"v\"\r\nWiki\r\n05 \r\npedia\r\n0\r\nX-Sum: 1\r\n\r\nGET";
        assert_eq!(decode(input), Ok(Some((b"Wikipedia".to_vec(), 3))));
    }

    #[test]
    fn what_readers_could_take_differently_is_refused() {
        let inputs: [&[u8]; 9] = [
            b"x\r\n",
            b"\r\n",
            b"-1\r\n",
            b"+1\r\n",
            b"0x1\r\n",
            b"123456789\r\n",
            b"1;a\nb\r\nx\r\n",
            b"1\r\nab\r\n",
            b"0\r\nA: b\rC: d\r\n\r\n",
        ];
        for input in inputs {
            let text = String::from_utf8_lossy(input);
            assert_eq!(
                decode(input),
                Err(ProblemKind::MalformedRequest),
                "{text:?}"
            );
        }
    }

    #[test]
    fn the_limit_holds_for_all_chunks_together() {
        let mut input = b"ffff\r\n".to_vec();
        input.resize(input.len() + 0xffff, b'x');
        let mut fits = input.clone();
        fits.extend_from_slice(b"\r\n1\r\nx\r\n0\r\n\r\n");
        assert_eq!(decode(&fits).unwrap().unwrap().0.len(), BODY_BYTES);
        input.extend_from_slice(b"\r\n2\r\n");
        assert_eq!(decode(&input), Err(ProblemKind::BodyTooLarge));
    }

    #[test]
    fn endless_lines_and_trailers_are_refused() {
        let line = [b"1;".as_slice(), &[b'x'; LINE_BYTES]].concat();
        assert_eq!(decode(&line), Err(ProblemKind::MalformedRequest));
        let trailers = [b"0\r\n".as_slice(), &b"A: b\r\n".repeat(HEADERS + 1)].concat();
        assert_eq!(decode(&trailers), Err(ProblemKind::MalformedRequest));
    }

    proptest! {
        #[test]
        fn chunks_join_however_the_bytes_come(
            chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..40), 0..6),
            step in 1_usize..20,
        ) {
            let mut wire = Vec::new();
            for chunk in &chunks {
                wire.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
                wire.extend_from_slice(chunk);
                wire.extend_from_slice(b"\r\n");
            }
            wire.extend_from_slice(b"0\r\n\r\nrest");
            let (mut decoder, mut held, mut body) = (Chunked::default(), Vec::new(), None);
            for piece in wire.chunks(step) {
                held.extend_from_slice(piece);
                if body.is_none() {
                    let mut input = held.as_slice();
                    body = decoder.push(&mut input).unwrap();
                    held = input.to_vec();
                }
            }
            prop_assert_eq!(body, Some(chunks.concat()));
            prop_assert_eq!(held, b"rest");
        }
    }
}
