//! A client of the control interface: HTTP/1.1 over the Unix socket, one request at a time.
//!
//! It knows the server that it talks to: every answer has a Content-Length, but for the event
//! stream, which lasts until the connection ends.

use std::fmt::Write as _;
use std::io::{self, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

/// The server answers at once; who does not is dead.
const ANSWER_TIME: Duration = Duration::from_secs(10);
/// An event stream says something every 15 s.
const EVENT_TIME: Duration = Duration::from_secs(45);
/// The longest head of an answer.
const HEAD_BYTES: usize = 16 * 1024;
/// The longest answer, and the longest event.
const BODY_BYTES: usize = 16 * 1024 * 1024;

/// A connection to the server.
#[derive(Debug)]
pub struct Client {
    stream: UnixStream,
    path: PathBuf,
    /// What came and was not yet looked at.
    inbound: Vec<u8>,
}

/// The server's answer to a request.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The JSON that came, or null where none did.
    pub body: Value,
}

/// An event of the server's stream.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Its identifier; `events.gap` has none.
    pub id: Option<u64>,
    /// What it tells, such as `recording.established`.
    pub kind: String,
    /// The JSON that came with it.
    pub data: Value,
}

/// The server's events, one after the other, until the connection fails.
#[derive(Debug)]
pub struct Events {
    client: Client,
}

/// Why the server could not be talked to.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody listens at the socket, or we may not speak there.
    #[error("no server answers at {path}: {error}")]
    Unreachable { path: PathBuf, error: io::Error },
    /// The connection failed after it had begun.
    #[error("the server at {path} fell silent: {error}")]
    Lost { path: PathBuf, error: io::Error },
    /// It is not our server that listens there.
    #[error("what listens at {path} does not speak like sixreel: {detail}")]
    Foreign { path: PathBuf, detail: String },
}

impl Client {
    /// Connects to the server's socket at `path`.
    pub fn connect(path: &Path) -> Result<Self, ClientError> {
        let connected = UnixStream::connect(path).and_then(|stream| {
            stream.set_read_timeout(Some(ANSWER_TIME))?;
            stream.set_write_timeout(Some(ANSWER_TIME))?;
            Ok(stream)
        });
        let stream = connected.map_err(|error| ClientError::Unreachable {
            path: path.to_owned(),
            error,
        })?;
        Ok(Self {
            stream,
            path: path.to_owned(),
            inbound: Vec::new(),
        })
    }

    /// `GET path`.
    pub fn get(&mut self, path: &str) -> Result<Answer, ClientError> {
        self.ask("GET", path, None)
    }

    /// `PUT path` with a body.
    pub fn put(&mut self, path: &str, body: &Value) -> Result<Answer, ClientError> {
        self.ask("PUT", path, Some(body))
    }

    /// `PATCH path` with a merge patch (RFC 7396).
    pub fn patch(&mut self, path: &str, body: &Value) -> Result<Answer, ClientError> {
        self.ask("PATCH", path, Some(body))
    }

    /// `POST path` without a body.
    pub fn post(&mut self, path: &str) -> Result<Answer, ClientError> {
        self.ask("POST", path, None)
    }

    /// `DELETE path`.
    pub fn delete(&mut self, path: &str) -> Result<Answer, ClientError> {
        self.ask("DELETE", path, None)
    }

    /// The server's events: those after `last`, or those from now on.
    pub fn events(mut self, last: Option<u64>) -> Result<Events, ClientError> {
        let query = last.map_or_else(String::new, |id| format!("?last_event_id={id}"));
        self.send("GET", &format!("/v1/events{query}"), None)?;
        let head = self.read_head()?;
        if head.status != 200 {
            return Err(self.foreign(format!("status {} for the event stream", head.status)));
        }
        let patient = self.stream.set_read_timeout(Some(EVENT_TIME));
        patient.map_err(|error| self.lost(error))?;
        Ok(Events { client: self })
    }

    fn ask(
        &mut self,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Answer, ClientError> {
        self.send(method, path, body)?;
        let head = self.read_head()?;
        let body = self.read_exactly(head.length)?;
        let body = match body.as_slice() {
            [] => Value::Null,
            text => serde_json::from_slice(text)
                .map_err(|error| self.foreign(format!("an answer that is no JSON: {error}")))?,
        };
        Ok(Answer {
            status: head.status,
            body,
        })
    }

    fn send(&mut self, method: &str, path: &str, body: Option<&Value>) -> Result<(), ClientError> {
        let body = body.map_or_else(String::new, Value::to_string);
        let mut request = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n");
        if !body.is_empty() {
            let length = body.len();
            request.push_str("Content-Type: application/json\r\n");
            request.push_str(&format!("Content-Length: {length}\r\n"));
        }
        request.push_str("\r\n");
        request.push_str(&body);
        let sent = self.stream.write_all(request.as_bytes());
        match sent {
            // A server that refuses us has hung up, but has said why.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            sent => sent.map_err(|error| self.lost(error)),
        }
    }

    fn read_head(&mut self) -> Result<Head, ClientError> {
        loop {
            match parse_head(&self.inbound) {
                Ok(Some((head, length))) => {
                    self.inbound.drain(..length);
                    return Ok(head);
                }
                Ok(None) if self.inbound.len() < HEAD_BYTES => self.read_more()?,
                Ok(None) => return Err(self.foreign("an endless head")),
                Err(detail) => return Err(self.foreign(detail)),
            }
        }
    }

    fn read_exactly(&mut self, length: usize) -> Result<Vec<u8>, ClientError> {
        if length > BODY_BYTES {
            return Err(self.foreign(format!("an answer of {length} bytes")));
        }
        while self.inbound.len() < length {
            self.read_more()?;
        }
        Ok(self.inbound.drain(..length).collect())
    }

    fn read_more(&mut self) -> Result<(), ClientError> {
        let mut buffer = [0; 16 * 1024];
        let count = loop {
            match self.stream.read(&mut buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(0) => {
                    let error = io::ErrorKind::UnexpectedEof;
                    return Err(self.lost(io::Error::new(error, "it has hung up")));
                }
                read => break read.map_err(|error| self.lost(error))?,
            }
        };
        self.inbound.extend_from_slice(&buffer[..count]);
        Ok(())
    }

    fn lost(&self, error: io::Error) -> ClientError {
        // What a timeout of a socket is called.
        let error = if error.kind() == io::ErrorKind::WouldBlock {
            io::Error::new(io::ErrorKind::TimedOut, "no word in time")
        } else {
            error
        };
        ClientError::Lost {
            path: self.path.clone(),
            error,
        }
    }

    fn foreign(&self, detail: impl Into<String>) -> ClientError {
        ClientError::Foreign {
            path: self.path.clone(),
            detail: detail.into(),
        }
    }
}

impl Events {
    /// Waits for the next event.
    fn wait(&mut self) -> Result<Event, ClientError> {
        let mut searched = 0;
        loop {
            let end = self.client.inbound[searched..]
                .windows(2)
                .position(|pair| pair == b"\n\n");
            let Some(end) = end else {
                searched = self.client.inbound.len().saturating_sub(1);
                if searched > BODY_BYTES {
                    return Err(self.client.foreign("an endless event"));
                }
                self.client.read_more()?;
                continue;
            };
            let block: Vec<u8> = self.client.inbound.drain(..searched + end + 2).collect();
            searched = 0;
            let event = parse_event(&block).map_err(|detail| self.client.foreign(detail))?;
            if let Some(event) = event {
                return Ok(event);
            }
        }
    }
}

impl Iterator for Events {
    type Item = Result<Event, ClientError>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(self.wait())
    }
}

/// One segment of a path, with whatever cannot stand there percent-encoded (RFC 3986 §2.1).
pub fn segment(text: &str) -> String {
    let mut segment = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"._~:@+-".contains(&byte) {
            segment.push(byte.into());
        } else {
            write!(segment, "%{byte:02X}").expect("a String takes everything");
        }
    }
    segment
}

struct Head {
    status: u16,
    length: usize,
}

/// The head at the beginning of `bytes` and its length, or what is wrong with it; `None` until it
/// is complete.
fn parse_head(bytes: &[u8]) -> Result<Option<(Head, usize)>, String> {
    let mut headers = [httparse::EMPTY_HEADER; 32];
    let mut response = httparse::Response::new(&mut headers);
    let parsed = response.parse(bytes).map_err(|error| error.to_string())?;
    let httparse::Status::Complete(end) = parsed else {
        return Ok(None);
    };
    let lengths = response.headers.iter();
    let mut lengths = lengths.filter(|header| header.name.eq_ignore_ascii_case("Content-Length"));
    let length = match lengths.next() {
        None => 0,
        Some(header) => {
            let text = str::from_utf8(header.value).ok();
            let length = text.and_then(|text| text.trim().parse().ok());
            length.ok_or("a Content-Length that is no number")?
        }
    };
    let status = response.code.unwrap_or_default();
    Ok(Some((Head { status, length }, end)))
}

/// An event from its lines; `None` where they only keep the stream alive.
fn parse_event(block: &[u8]) -> Result<Option<Event>, String> {
    let text = str::from_utf8(block).map_err(|error| error.to_string())?;
    let field = |name: &str| {
        let mut values = text.lines().filter_map(|line| line.strip_prefix(name));
        values.next()
    };
    let Some(data) = field("data: ") else {
        return Ok(None);
    };
    Ok(Some(Event {
        id: field("id: ").and_then(|id| id.parse().ok()),
        kind: field("event: ").unwrap_or_default().to_owned(),
        data: serde_json::from_str(data).map_err(|error| error.to_string())?,
    }))
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;

    /// A client of a server that says `bytes` and hangs up.
    fn told(bytes: &[u8]) -> (tempfile::TempDir, Client) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s");
        let listener = UnixListener::bind(&path).unwrap();
        let client = Client::connect(&path).unwrap();
        listener.accept().unwrap().0.write_all(bytes).unwrap();
        (folder, client)
    }

    fn refusal(bytes: &[u8]) -> String {
        let (_folder, mut client) = told(bytes);
        client.get("/v1/stats").unwrap_err().to_string()
    }

    #[test]
    fn answers_have_a_status_and_json_or_nothing() {
        let (_folder, mut client) = told(
            b"HTTP/1.1 422 X\r\ncontent-length: 8\r\n\r\n{\"a\":1}\n\
              HTTP/1.1 204 No Content\r\n\r\n",
        );
        let answer = client.get("/").unwrap();
        assert_eq!(answer.status, 422);
        assert_eq!(answer.body, serde_json::json!({ "a": 1 }));
        let answer = client.delete("/").unwrap();
        assert_eq!((answer.status, answer.body), (204, Value::Null));
    }

    #[test]
    fn a_stranger_is_recognised() {
        assert!(refusal(b"220 mail.example.com ESMTP\r\n").contains("does not speak like sixreel"));
        assert!(refusal(b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n").contains("no number"));
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n<html";
        assert!(refusal(answer).contains("no JSON"));
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n";
        assert!(refusal(answer).contains("an answer of 99999999999 bytes"));
        let endless = [b"HTTP/1.1 200 OK\r\nA: ".as_slice(), &[b'x'; HEAD_BYTES]].concat();
        assert!(refusal(&endless).contains("an endless head"));
    }

    #[test]
    fn a_server_that_hangs_up_is_lost() {
        assert!(refusal(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n{").contains("fell silent"));
    }

    #[test]
    fn events_are_read_until_the_stream_ends() {
        let (_folder, client) = told(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n\
              event: events.gap\ndata: {\"missing\":2}\n\n:\n\n\
              id: 7\nevent: call.ended\ndata: {\"id\":7}\n\nid: 8\nevent: half",
        );
        let mut events = client.events(Some(4)).unwrap();
        let gap = events.next().unwrap().unwrap();
        assert_eq!((gap.id, gap.kind.as_str()), (None, "events.gap"));
        let ended = events.next().unwrap().unwrap();
        assert_eq!((ended.id, ended.kind.as_str()), (Some(7), "call.ended"));
        assert_eq!(ended.data, serde_json::json!({ "id": 7 }));
        let lost = events.next().unwrap().unwrap_err();
        assert!(matches!(lost, ClientError::Lost { .. }), "{lost}");
    }

    #[test]
    fn a_segment_carries_any_text() {
        assert_eq!(segment("a.b_c~d:e@f+g-1"), "a.b_c~d:e@f+g-1");
        assert_eq!(segment("a/b ü?"), "a%2Fb%20%C3%BC%3F");
    }

    #[test]
    fn nobody_at_the_socket_is_unreachable() {
        let error = Client::connect(Path::new("/nowhere/s")).unwrap_err();
        assert!(matches!(error, ClientError::Unreachable { .. }), "{error}");
    }
}
