//! Where one message ends and the next begins on a stream (RFC 3261 §18.3).

use super::error::{Error, Flaw};
use super::wire;

/// Bytes of one stream, cut into messages. Each byte is looked at once, however it arrives.
#[derive(Debug, Default)]
pub struct Framer {
    bytes: Vec<u8>,
    /// How many bytes were taken already: they go when more come.
    taken: usize,
    /// How many of the bytes after those hold no end of a head.
    seen: usize,
    /// The length of the message that is arriving, once its head is there.
    length: Option<usize>,
}

/// What a stream brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// A keep-alive, which is answered with CRLF (RFC 5626 §3.5.1).
    Ping,
    /// The bytes of one message.
    Message(Vec<u8>),
}

impl Framer {
    /// More bytes have arrived. At most one head and one body are waited for, so whoever pushes no
    /// more than it reads at once, and pops until nothing comes, keeps the buffer bounded.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.drain(..self.taken);
        self.taken = 0;
        self.bytes.extend_from_slice(bytes);
    }

    /// The next frame, where all of it is there. After an error nothing on the stream has a
    /// beginning any more: the connection must be closed.
    pub fn pop(&mut self) -> Result<Option<Frame>, Error> {
        loop {
            match &self.bytes[self.taken..] {
                [b'\r', b'\n', b'\r', b'\n', ..] => {
                    self.taken += 4;
                    return Ok(Some(Frame::Ping));
                }
                [b'\r', b'\n'] | [b'\r', b'\n', b'\r'] | [b'\r'] | [] => return Ok(None),
                // A pong, or an empty line before a message (RFC 3261 §7.5).
                [b'\r', b'\n', ..] => self.taken += 2,
                [b'\n', ..] => self.taken += 1,
                _ => return self.pop_message(),
            }
        }
    }

    /// Takes a pong, where one is next: CRLF that is not the half of a ping (RFC 5626 §4.4.1).
    pub fn pop_pong(&mut self) -> bool {
        let rest = &self.bytes[self.taken..];
        let is_pong = rest.starts_with(b"\r\n") && !rest.starts_with(b"\r\n\r");
        self.taken += if is_pong { 2 } else { 0 };
        is_pong
    }

    fn pop_message(&mut self) -> Result<Option<Frame>, Error> {
        let rest = &self.bytes[self.taken..];
        let length = match self.length {
            Some(length) => length,
            None => match measure(rest, self.seen)? {
                Some(length) => length,
                None => {
                    self.seen = rest.len();
                    return Ok(None);
                }
            },
        };
        self.length = Some(length);
        let Some(message) = rest.get(..length).map(<[u8]>::to_vec) else {
            return Ok(None);
        };
        self.taken += length;
        self.seen = 0;
        self.length = None;
        Ok(Some(Frame::Message(message)))
    }
}

/// The length of the message that `bytes` begins with, once its head is there.
fn measure(bytes: &[u8], seen: usize) -> Result<Option<usize>, Error> {
    let Some(head) = wire::head_end(bytes, seen) else {
        if bytes.len() > wire::HEAD_MAX {
            return Err(Error::TooLarge {
                what: "a head of bytes",
                limit: wire::HEAD_MAX,
            });
        }
        return Ok(None);
    };
    let body = wire::parse_head(&bytes[..head])?
        .content_length?
        // RFC 3261 §20.14: mandatory on streams.
        .ok_or(Error::ContentLength(Flaw("missing, and a stream needs it")))?;
    Ok(Some(head + body))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ONE: &str = "OPTIONS sip:a@h SIP/2.0\r\nContent-Length: 4\r\n\r\n\r\n\r\n";
    const TWO: &str = "SIP/2.0 200 OK\nl: 0\n\n";

    fn frames(framer: &mut Framer) -> Result<Vec<String>, Error> {
        let mut found = Vec::new();
        while let Some(frame) = framer.pop()? {
            found.push(match frame {
                Frame::Ping => "ping".to_owned(),
                Frame::Message(bytes) => String::from_utf8(bytes).unwrap(),
            });
        }
        Ok(found)
    }

    #[test]
    fn keep_alives_and_messages_come_out_one_by_one() {
        let mut framer = Framer::default();
        framer.push(format!("\r\n\r\n{ONE}\r\n{TWO}\n{ONE}\r\n").as_bytes());
        assert_eq!(frames(&mut framer).unwrap(), ["ping", ONE, TWO, ONE]);
        framer.push(b"\r");
        assert_eq!(frames(&mut framer).unwrap(), [""; 0]);
        framer.push(b"\n");
        assert_eq!(frames(&mut framer).unwrap(), ["ping"]);
    }

    #[test]
    fn a_pong_is_told_from_a_ping() {
        let mut framer = Framer::default();
        assert!(!framer.pop_pong());
        framer.push(b"\r\n\r\n");
        assert!(!framer.pop_pong());
        framer.push(b"\r\n");
        assert_eq!(frames(&mut framer).unwrap(), ["ping"]);
        assert!(framer.pop_pong() && !framer.pop_pong());
        framer.push(format!("\r\n{TWO}").as_bytes());
        assert!(framer.pop_pong() && !framer.pop_pong());
        assert_eq!(frames(&mut framer).unwrap(), [TWO]);
    }

    #[test]
    fn a_stream_without_a_usable_content_length_is_given_up() {
        for bad in [
            "BYE sip:h SIP/2.0\r\n\r\n",
            "BYE sip:h SIP/2.0\r\nl: 1\r\nl: 2\r\n\r\n",
            "BYE sip:h SIP/2.0\r\nl: 300000\r\n\r\n",
            "nonsense\r\n\r\n",
        ] {
            let mut framer = Framer::default();
            framer.push(bad.as_bytes());
            assert!(framer.pop().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_head_that_never_ends_is_given_up() {
        let mut framer = Framer::default();
        let line = [b"X: ".as_slice(), &[b'y'; 1000], b"\r\n"].concat();
        let fits = wire::HEAD_MAX / line.len();
        for _ in 0..fits {
            framer.push(&line);
            assert_eq!(framer.pop(), Ok(None));
            assert_eq!(
                framer.seen,
                framer.bytes.len(),
                "no byte is looked at twice"
            );
        }
        framer.push(&line);
        assert!(framer.pop().is_err());
    }

    proptest! {
        #[test]
        fn however_the_bytes_arrive_the_frames_are_the_same(
            cuts in prop::collection::vec(1..9_usize, 1..9),
        ) {
            let stream = format!("\r\n\r\n{ONE}\r\n{ONE}{TWO}\r\n\r\n{ONE}");
            let mut whole = Framer::default();
            whole.push(stream.as_bytes());
            let expected = frames(&mut whole).unwrap();
            let (mut framer, mut found) = (Framer::default(), Vec::new());
            let mut rest = stream.as_bytes();
            for cut in cuts.iter().cycle() {
                let (piece, after) = rest.split_at((*cut).min(rest.len()));
                framer.push(piece);
                found.extend(frames(&mut framer).unwrap());
                rest = after;
                if rest.is_empty() {
                    break;
                }
            }
            prop_assert_eq!(found, expected);
        }

        #[test]
        fn nothing_makes_it_panic(bytes in "[a:l0-9\r\n ]{0,80}") {
            let mut framer = Framer::default();
            framer.push(bytes.as_bytes());
            let _ = frames(&mut framer);
        }
    }
}
