//! One HTTP/1.1 connection without its socket (RFC 9112): bytes in, requests out; answers in,
//! bytes out, in the order of the requests.

/// The chunked transfer coding.
mod chunked;
/// The head of a request.
mod head;
/// Bytes in, requests out.
mod reader;
/// An answer, and how it is written.
mod response;

use std::collections::VecDeque;

use self::reader::Reader;
use self::response::Manner;
use super::limits::PIPELINED;
use super::problem::{Problem, ProblemKind};
use crate::time::Wall;

pub use self::head::Method;
pub use self::reader::Incoming;
pub use self::response::Response;

/// The capacity that an empty buffer may keep.
const KEPT_BYTES: usize = 64 * 1024;

/// The state of one connection.
#[derive(Debug)]
pub struct Connection {
    reader: Reader,
    /// The requests whose answers are not yet written, oldest first,
    slots: VecDeque<Slot>,
    /// and the oldest one's number.
    first: u64,
    outbound: Vec<u8>,
    sent: usize,
    state: State,
}

#[derive(Debug)]
enum Slot {
    Waiting(Manner),
    Answered(Vec<u8>),
    /// An event stream begins here, after the event `cursor`.
    Stream {
        opening: Vec<u8>,
        cursor: u64,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Requests are answered.
    Talking,
    /// Events are streamed; the newest that was written is `cursor`.
    Streaming { cursor: u64 },
    /// Nothing is written any more.
    Ended,
}

impl Connection {
    /// A connection on which nothing was said.
    pub const fn new() -> Self {
        Self {
            reader: Reader::new(),
            slots: VecDeque::new(),
            first: 0,
            outbound: Vec::new(),
            sent: 0,
            state: State::Talking,
        }
    }

    /// Takes in bytes from the client.
    pub fn receive(&mut self, bytes: &[u8]) {
        self.reader.push(bytes);
    }

    /// The client sends nothing any more. Complete requests must have been taken before.
    pub fn finish(&mut self) {
        self.reader.close();
        self.settle();
    }

    /// The next complete request and its number. What is malformed is answered here, with `date`,
    /// and is the last that is answered.
    pub fn next(&mut self, date: Wall) -> Option<(u64, Incoming)> {
        if self.slots.len() >= PIPELINED {
            return None;
        }
        let found = match self.reader.pop() {
            Ok(Some((incoming, manner))) => {
                let number = self.first + self.slots.len() as u64;
                self.slots.push_back(Slot::Waiting(manner));
                Some((number, incoming))
            }
            Ok(None) => None,
            Err(problem) => {
                self.refuse(&problem, date);
                None
            }
        };
        self.settle();
        found
    }

    /// Answers the request `number`, once.
    pub fn answer(&mut self, number: u64, response: &Response, date: Wall) {
        self.fill(number, |manner| {
            Slot::Answered(response.write(manner, date))
        });
    }

    /// Answers the request `number` with an event stream: `opening`, then what comes after the
    /// event `cursor`. No further request is read.
    pub fn answer_stream(&mut self, number: u64, opening: &[u8], cursor: u64, date: Wall) {
        self.fill(number, |manner| {
            let mut bytes = response::write_stream_head(date);
            if manner.head_only {
                return Slot::Answered(bytes);
            }
            bytes.extend_from_slice(opening);
            Slot::Stream {
                opening: bytes,
                cursor,
            }
        });
        self.reader.close();
        self.settle();
    }

    /// The newest event that was streamed, on a connection that streams events.
    pub const fn cursor(&self) -> Option<u64> {
        match self.state {
            State::Streaming { cursor } => Some(cursor),
            State::Talking | State::Ended => None,
        }
    }

    /// Streams the event after the cursor.
    pub fn push_event(&mut self, bytes: &[u8]) {
        if let State::Streaming { cursor } = &mut self.state {
            *cursor += 1;
            self.outbound.extend_from_slice(bytes);
        }
    }

    /// Streams something that is no event.
    pub fn push_comment(&mut self, bytes: &[u8]) {
        if self.cursor().is_some() {
            self.outbound.extend_from_slice(bytes);
        }
    }

    /// A request takes too long to come: it is given up, and the connection with it.
    pub fn expire(&mut self, date: Wall) {
        let detail = "the rest of the request did not come in time";
        let remedy = "send each request at once";
        let problem = Problem::new(ProblemKind::RequestTimeout, detail, remedy);
        self.refuse(&problem, date);
    }

    /// Tells a problem of the connection itself, after the answers that are due, and nothing more.
    pub fn refuse(&mut self, problem: &Problem, date: Wall) {
        self.reader.close();
        let manner = Manner {
            head_only: false,
            close: true,
        };
        let bytes = problem.response().write(manner, date);
        self.slots.push_back(Slot::Answered(bytes));
        self.settle();
    }

    /// Whether bytes should be read: not while too many requests wait for their answers.
    pub fn wants_input(&self) -> bool {
        self.slots.len() < PIPELINED
    }

    /// Whether a request has begun to come and is not complete.
    pub fn is_incomplete(&self) -> bool {
        self.wants_input() && self.reader.is_incomplete()
    }

    /// The bytes that wait to be sent.
    pub fn output(&self) -> &[u8] {
        &self.outbound[self.sent..]
    }

    /// `count` bytes of the output were sent.
    pub fn sent(&mut self, count: usize) {
        self.sent += count;
        if self.sent == self.outbound.len() {
            self.outbound.clear();
            self.outbound.shrink_to(KEPT_BYTES);
            self.sent = 0;
        }
    }

    /// Whether everything is said and sent.
    pub fn is_over(&self) -> bool {
        self.state == State::Ended && self.output().is_empty()
    }

    fn fill(&mut self, number: u64, answered: impl FnOnce(Manner) -> Slot) {
        let place = number.checked_sub(self.first).map(|place| place as usize);
        let slot = place.and_then(|place| self.slots.get_mut(place));
        let Some(slot @ &mut Slot::Waiting(manner)) = slot else {
            debug_assert!(false, "request {number} was answered before, or never came");
            return;
        };
        *slot = answered(manner);
        self.settle();
    }

    /// Writes what is due now, in the order of the requests.
    fn settle(&mut self) {
        while let Some(slot) = self.slots.pop_front() {
            match slot {
                Slot::Answered(bytes) => self.outbound.extend_from_slice(&bytes),
                Slot::Stream { opening, cursor } => {
                    self.outbound.extend_from_slice(&opening);
                    self.state = State::Streaming { cursor };
                }
                Slot::Waiting(_) => {
                    self.slots.push_front(slot);
                    return;
                }
            }
            self.first += 1;
        }
        if self.reader.pop_expectation() {
            // RFC 9110 §10.1.1, and after the answers to earlier requests.
            let go_on = b"HTTP/1.1 100 Continue\r\n\r\n";
            self.outbound.extend_from_slice(go_on);
        }
        if self.reader.is_closed() && self.state == State::Talking {
            self.state = State::Ended;
        }
    }
}

impl Default for Connection {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::control::limits::{BODY_BYTES, HEAD_BYTES};

    const DATE: Wall = Wall(0);

    fn take(connection: &mut Connection) -> Vec<Incoming> {
        std::iter::from_fn(|| connection.next(DATE).map(|(_, incoming)| incoming)).collect()
    }

    /// All requests of `bytes`, and what is written without an answer to any of them.
    fn heard(bytes: &[u8]) -> (Vec<Incoming>, String) {
        let mut connection = Connection::new();
        connection.receive(bytes);
        let requests = take(&mut connection);
        (requests, flushed(&mut connection))
    }

    fn flushed(connection: &mut Connection) -> String {
        let bytes = connection.output().to_vec();
        connection.sent(bytes.len());
        String::from_utf8(bytes).unwrap()
    }

    fn answer(text: &str) -> Response {
        Response::json(200, "application/json", &text)
    }

    /// The status with which `bytes` are refused.
    fn refused(bytes: &[u8]) -> u16 {
        let mut connection = Connection::new();
        connection.receive(bytes);
        assert_eq!(take(&mut connection), []);
        let text = flushed(&mut connection);
        assert!(text.contains("\r\nConnection: close\r\n"), "{text}");
        assert!(connection.is_over());
        text[9..12].parse().unwrap()
    }

    #[test]
    fn a_request_has_method_target_and_body() {
        let (requests, _) = heard(
            b"\r\nPATCH /v1/calls/7?x=1 HTTP/1.1\r\nhost: x\r\nCONTENT-TYPE:  a/b \r\n\
              Last-Event-ID: 9\r\nContent-Length: 2\r\n\r\n{}",
        );
        let expected = Incoming {
            method: Method::Patch,
            target: "/v1/calls/7?x=1".to_owned(),
            content_type: Some("a/b".to_owned()),
            last_event_id: Some("9".to_owned()),
            body: b"{}".to_vec(),
        };
        assert_eq!(requests, [expected]);
    }

    #[test]
    fn answers_leave_in_the_order_of_the_requests() {
        let mut connection = Connection::new();
        connection.receive(&b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".repeat(3));
        assert_eq!(take(&mut connection).len(), 3);
        connection.answer(2, &answer("c"), DATE);
        connection.answer(1, &answer("b"), DATE);
        assert_eq!(flushed(&mut connection), "");
        connection.answer(0, &answer("a"), DATE);
        let text = flushed(&mut connection);
        let bodies: Vec<_> = text.lines().filter(|line| line.starts_with('"')).collect();
        assert_eq!(bodies, ["\"a\"", "\"b\"", "\"c\""]);
        assert!(!connection.is_over());
    }

    #[test]
    fn a_client_that_asks_for_the_end_gets_it_after_the_answer() {
        for head in ["1.1\r\nHost: x\r\nConnection: x, Close", "1.0"] {
            let mut connection = Connection::new();
            connection.receive(format!("GET / HTTP/{head}\r\n\r\nGET /more").as_bytes());
            assert_eq!(take(&mut connection).len(), 1, "{head}");
            assert!(!connection.is_over());
            connection.answer(0, &answer("a"), DATE);
            assert!(flushed(&mut connection).contains("Connection: close\r\n"));
            assert!(connection.is_over());
        }
    }

    #[test]
    fn requests_before_the_end_of_input_are_still_answered() {
        let mut connection = Connection::new();
        connection.receive(b"GET / HTTP/1.1\r\nHost: x\r\n\r\nGET /half");
        assert_eq!(take(&mut connection).len(), 1);
        connection.finish();
        assert!(!connection.is_over());
        connection.answer(0, &answer("a"), DATE);
        assert!(flushed(&mut connection).contains("\"a\""));
        assert!(connection.is_over());
    }

    #[test]
    fn the_body_is_called_for_when_earlier_requests_are_answered() {
        let mut connection = Connection::new();
        connection.receive(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n");
        connection.receive(b"PUT / HTTP/1.1\r\nHost: x\r\nExpect: 100-Continue\r\n");
        connection.receive(b"Content-Length: 2\r\n\r\n");
        assert_eq!(take(&mut connection).len(), 1);
        assert_eq!(flushed(&mut connection), "");
        connection.answer(0, &answer("a"), DATE);
        let text = flushed(&mut connection);
        assert!(
            text.ends_with("\"a\"\nHTTP/1.1 100 Continue\r\n\r\n"),
            "{text}"
        );
        connection.receive(b"{}");
        assert_eq!(take(&mut connection)[0].body, b"{}");
        assert_eq!(flushed(&mut connection), "");
        let old = b"PUT / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n";
        assert_eq!(heard(old), (Vec::new(), String::new()));
    }

    #[test]
    fn what_could_hide_a_request_is_refused() {
        let put =
            |headers: &str| format!("PUT / HTTP/1.1\r\nHost: x\r\n{headers}\r\n").into_bytes();
        for headers in [
            "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n",
            "Content-Length: 1\r\nContent-Length: 1\r\n",
            "Content-Length: 1, 1\r\n",
            "Content-Length: +1\r\n",
            "Content-Length: \r\n",
            "Content-Length : 1\r\n",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
            "Host: y\r\n",
            "A: b\r\n folded\r\n",
        ] {
            assert_eq!(refused(&put(headers)), 400, "{headers:?}");
        }
        assert_eq!(
            refused(b"PUT / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"),
            400
        );
        assert_eq!(refused(b"GET / HTTP/1.1\r\n\r\n"), 400);
        assert_eq!(refused(b"\x16\x03\x01\x02"), 400);
        assert_eq!(refused(&put("Transfer-Encoding: gzip, chunked\r\n")), 501);
        assert_eq!(refused(&put("Expect: tea\r\n")), 417);
        assert_eq!(refused(b"GET / HTTP/2.0\r\nHost: x\r\n\r\n"), 505);
    }

    #[test]
    fn a_refusal_waits_for_the_answers_before_it() {
        let mut connection = Connection::new();
        connection.receive(b"GET / HTTP/1.1\r\nHost: x\r\n\r\nnonsense\r\n\r\n");
        assert_eq!(take(&mut connection).len(), 1);
        assert_eq!(flushed(&mut connection), "");
        connection.answer(0, &answer("a"), DATE);
        let text = flushed(&mut connection);
        assert!(text.starts_with("HTTP/1.1 200 ") && text.contains("HTTP/1.1 400 "));
        assert!(connection.is_over());
    }

    #[test]
    fn the_limits_hold_to_the_byte() {
        let head = |length: usize| {
            let mut head = b"GET / HTTP/1.1\r\nHost: x\r\nA: ".to_vec();
            head.resize(length - 4, b'x');
            head.extend_from_slice(b"\r\n\r\n");
            head
        };
        assert_eq!(heard(&head(HEAD_BYTES)).0.len(), 1);
        assert_eq!(refused(&head(HEAD_BYTES + 1)), 431);
        assert_eq!(refused(&head(2 * HEAD_BYTES)[..HEAD_BYTES + 1]), 431);

        let headers = |count: usize| {
            let rest = "A: b\r\n".repeat(count - 1);
            format!("GET / HTTP/1.1\r\nHost: x\r\n{rest}\r\n").into_bytes()
        };
        assert_eq!(heard(&headers(64)).0.len(), 1);
        assert_eq!(refused(&headers(65)), 431);

        let put = |length: usize| {
            let mut put = b"PUT / HTTP/1.1\r\nHost: x\r\n".to_vec();
            put.extend_from_slice(format!("Content-Length: {length}\r\n\r\n").as_bytes());
            put
        };
        let fits = [put(BODY_BYTES), vec![b' '; BODY_BYTES]].concat();
        assert_eq!(heard(&fits).0[0].body.len(), BODY_BYTES);
        assert_eq!(refused(&put(BODY_BYTES + 1)), 413);
        assert_eq!(
            refused(
                b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999999\r\n\r\n"
            ),
            413
        );
    }

    #[test]
    fn a_client_that_asks_without_end_waits_for_answers() {
        let mut connection = Connection::new();
        connection.receive(&b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".repeat(PIPELINED + 1));
        assert_eq!(take(&mut connection).len(), PIPELINED);
        assert!(!connection.wants_input() && !connection.is_incomplete());
        connection.answer(0, &answer("a"), DATE);
        assert!(connection.wants_input());
        assert_eq!(take(&mut connection).len(), 1);
    }

    #[test]
    fn a_stream_begins_after_the_answers_before_it_and_reads_no_request() {
        let mut connection = Connection::new();
        connection.receive(&b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".repeat(2));
        assert_eq!(take(&mut connection).len(), 2);
        connection.answer_stream(1, b": hello\n\n", 41, DATE);
        connection.receive(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n");
        assert_eq!(
            (take(&mut connection).len(), connection.cursor()),
            (0, None)
        );
        connection.answer(0, &answer("a"), DATE);
        assert_eq!(connection.cursor(), Some(41));
        connection.push_event(b"data: 42\n\n");
        connection.push_comment(b":\n\n");
        assert_eq!(connection.cursor(), Some(42));
        let text = flushed(&mut connection);
        assert!(
            text.ends_with("\r\n\r\n: hello\n\ndata: 42\n\n:\n\n"),
            "{text}"
        );
        assert!(!connection.is_over());
    }

    #[test]
    fn head_of_a_stream_is_only_a_head() {
        let mut connection = Connection::new();
        connection.receive(b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n");
        assert_eq!(take(&mut connection).len(), 1);
        connection.answer_stream(0, b": hello\n\n", 0, DATE);
        assert!(flushed(&mut connection).ends_with("Connection: close\r\n\r\n"));
        assert!(connection.is_over());
    }

    #[test]
    fn a_request_that_never_ends_is_given_up() {
        let mut connection = Connection::new();
        assert!(!connection.is_incomplete());
        connection.receive(b"GET / HT");
        assert_eq!(take(&mut connection), []);
        assert!(connection.is_incomplete());
        connection.expire(DATE);
        assert!(flushed(&mut connection).starts_with("HTTP/1.1 408 "));
        assert!(connection.is_over());
    }

    /// A request on the wire, and its body.
    fn request() -> impl Strategy<Value = (Vec<u8>, Vec<u8>)> {
        (prop::collection::vec(any::<u8>(), 0..50), any::<bool>()).prop_map(|(body, chunked)| {
            let mut wire = b"PUT /x HTTP/1.1\r\nHost: x\r\n".to_vec();
            if chunked {
                wire.extend_from_slice(b"Transfer-Encoding: chunked\r\n\r\n");
                for chunk in body.chunks(7) {
                    wire.extend_from_slice(format!("{:X}\r\n", chunk.len()).as_bytes());
                    wire.extend_from_slice(chunk);
                    wire.extend_from_slice(b"\r\n");
                }
                wire.extend_from_slice(b"0\r\n\r\n");
            } else {
                let length = format!("Content-Length: {}\r\n\r\n", body.len());
                wire.extend_from_slice(length.as_bytes());
                wire.extend_from_slice(&body);
            }
            (wire, body)
        })
    }

    proptest! {
        #[test]
        fn requests_are_the_same_however_their_bytes_come(
            requests in prop::collection::vec(request(), 1..5),
            step in 1_usize..60,
        ) {
            let wire: Vec<u8> = requests.iter().flat_map(|(wire, _)| wire.clone()).collect();
            let mut connection = Connection::new();
            let mut bodies = Vec::new();
            for piece in wire.chunks(step) {
                connection.receive(piece);
                bodies.extend(take(&mut connection).into_iter().map(|request| request.body));
            }
            let expected: Vec<_> = requests.into_iter().map(|(_, body)| body).collect();
            prop_assert_eq!(bodies, expected);
            prop_assert!(!connection.is_incomplete());
        }

        #[test]
        fn nonsense_harms_nobody(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let mut connection = Connection::new();
            connection.receive(b"PUT /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
            connection.receive(&bytes);
            for number in 0..take(&mut connection).len() as u64 {
                connection.answer(number, &answer("a"), DATE);
            }
            connection.finish();
            let text = flushed(&mut connection);
            prop_assert!(text.is_empty() || text.starts_with("HTTP/1.1 "));
            prop_assert!(connection.is_over());
        }
    }
}
