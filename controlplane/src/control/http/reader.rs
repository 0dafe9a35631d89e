//! Bytes in, requests out.

use super::head::{self, Framing, Head, Method};
use super::response::Manner;
use crate::control::problem::Problem;

/// A request as it came, not yet understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incoming {
    pub method: Method,
    /// Path and query, or the absolute form of both (RFC 9112 §3.2).
    pub target: String,
    pub content_type: Option<String>,
    pub last_event_id: Option<String>,
    pub body: Vec<u8>,
}

/// What has come of the requests of one connection.
#[derive(Debug)]
pub(super) struct Reader {
    state: State,
    inbound: Vec<u8>,
}

#[derive(Debug)]
enum State {
    Head,
    Body {
        head: Head,
        framing: Framing,
    },
    /// No request comes any more; bytes that come are dropped.
    Closed,
}

impl Reader {
    pub(super) const fn new() -> Self {
        Self {
            state: State::Head,
            inbound: Vec::new(),
        }
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        if !self.is_closed() {
            self.inbound.extend_from_slice(bytes);
        }
    }

    /// The next request, once it is complete, and how it must be answered. After a problem, and
    /// after a request that is the client's last, the reader is closed.
    pub(super) fn pop(&mut self) -> Result<Option<(Incoming, Manner)>, Problem> {
        // A problem leaves it closed: what follows cannot be told apart.
        let (head, mut framing) = match std::mem::replace(&mut self.state, State::Closed) {
            State::Closed => return Ok(None),
            State::Body { head, framing } => (head, framing),
            State::Head => {
                // RFC 9112 §2.2: empty lines before a request are ignored.
                let blank = self.inbound.iter().take_while(|b| b"\r\n".contains(b));
                let blank = blank.count();
                self.inbound.drain(..blank);
                let Some((head, framing, length)) = head::parse(&self.inbound)? else {
                    self.state = State::Head;
                    return Ok(None);
                };
                self.inbound.drain(..length);
                (head, framing)
            }
        };
        let Some(body) = framing.pop(&mut self.inbound)? else {
            self.state = State::Body { head, framing };
            return Ok(None);
        };
        if head.close {
            self.close();
        } else {
            self.state = State::Head;
        }
        let manner = Manner {
            head_only: head.method == Method::Head,
            close: head.close,
        };
        let incoming = Incoming {
            method: head.method,
            target: head.target,
            content_type: head.content_type,
            last_event_id: head.last_event_id,
            body,
        };
        Ok(Some((incoming, manner)))
    }

    /// Whether the client waits for 100 before it sends the body: true once for each request.
    pub(super) const fn pop_expectation(&mut self) -> bool {
        match &mut self.state {
            State::Body { head, .. } => std::mem::replace(&mut head.expects_continue, false),
            State::Head | State::Closed => false,
        }
    }

    /// Reads no further request.
    pub(super) fn close(&mut self) {
        self.state = State::Closed;
        self.inbound = Vec::new();
    }

    pub(super) const fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed)
    }

    /// Whether a request has begun to come and is not complete.
    pub(super) const fn is_incomplete(&self) -> bool {
        match self.state {
            State::Head => !self.inbound.is_empty(),
            State::Body { .. } => true,
            State::Closed => false,
        }
    }
}

impl Framing {
    /// Takes the body off the front of `inbound`; `None` until it is complete.
    fn pop(&mut self, inbound: &mut Vec<u8>) -> Result<Option<Vec<u8>>, Problem> {
        match self {
            Self::Length(length) if inbound.len() < *length => Ok(None),
            Self::Length(length) => Ok(Some(inbound.drain(..*length).collect())),
            Self::Chunked(chunked) => {
                let mut rest = inbound.as_slice();
                let body = chunked.push(&mut rest)?;
                let taken = inbound.len() - rest.len();
                inbound.drain(..taken);
                Ok(body)
            }
        }
    }
}
