//! The control socket over real Unix sockets, in virtual time, with an engine that only counts.
#![cfg(test)]

use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use mio::{Events, Poll, Token};
use sixreel_controlplane::control::limits::{BACKLOG_BYTES, CONNECTIONS, PIPELINED};
use sixreel_controlplane::control::reply::{Reply, Ticket, View};
use sixreel_controlplane::control::request::Request;
use sixreel_controlplane::control::view::{EventKind, EventView, HealthStatus, HealthView};
use sixreel_controlplane::listener::{Listener, REQUESTS_PER_TURN, TOKENS};
use sixreel_controlplane::time::{Now, Wall};

const GET: &[u8] = b"GET /v1/stats HTTP/1.1\r\nHost: x\r\n\r\n";
const STREAM: &[u8] = b"GET /v1/events HTTP/1.1\r\nHost: x\r\n\r\n";

/// A listener, its loop, and an engine that numbers its answers.
struct World {
    poll: Poll,
    listener: Listener,
    now: Now,
    path: PathBuf,
    answered: usize,
    events: u64,
    /// The length of an answer.
    padding: usize,
    _folder: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("control.sock");
        let poll = Poll::new().unwrap();
        let listener = Listener::bind(&path, None, poll.registry(), Token(1000)).unwrap();
        #[expect(
            clippy::disallowed_methods,
            reason = "virtual time has to begin somewhere"
        )]
        let mono = Instant::now();
        let now = Now {
            mono,
            wall: Wall(1_493_633_831_042),
        };
        Self {
            poll,
            listener,
            now,
            path,
            answered: 0,
            events: 0,
            padding: 0,
            _folder: folder,
        }
    }

    /// So many clients, let in.
    fn crowd(&mut self, count: usize) -> Vec<UnixStream> {
        let mut clients = Vec::new();
        while clients.len() < count {
            clients.push(self.connect());
            self.settle();
        }
        clients
    }

    fn connect(&self) -> UnixStream {
        let stream = UnixStream::connect(&self.path).unwrap();
        stream.set_nonblocking(true).unwrap();
        stream
    }

    /// What is asked in one turn; whether anything happened in it.
    fn begin_turn(&mut self) -> (Vec<(Ticket, Request)>, bool) {
        let mut events = Events::with_capacity(1024);
        self.poll.poll(&mut events, Some(Duration::ZERO)).unwrap();
        for event in &events {
            assert!((1000..1000 + TOKENS).contains(&event.token().0));
            self.listener.handle(event);
        }
        let due = self.listener.deadline();
        let due = due.is_some_and(|due| due <= self.now.mono);
        let mut asked = Vec::new();
        self.listener.serve(self.now, &mut asked);
        (asked, due || !events.is_empty())
    }

    fn answer(&mut self, ticket: Ticket) {
        self.answered += 1;
        let number = format!("{}{}", self.answered, " ".repeat(self.padding));
        let view = View::Health(HealthView {
            status: HealthStatus::Ok,
            problems: vec![number],
        });
        self.listener.reply(ticket, &Reply::Ok(view), self.now);
    }

    /// One turn; whether anything happened in it.
    fn turn(&mut self) -> bool {
        let (asked, busy) = self.begin_turn();
        for (ticket, _) in asked {
            self.answer(ticket);
        }
        self.listener.flush(self.now);
        busy
    }

    fn settle(&mut self) {
        while self.turn() {}
    }

    /// Lets time pass, from deadline to deadline.
    fn pass(&mut self, seconds: u64) {
        let end = self.now.mono + Duration::from_secs(seconds);
        self.settle();
        while let Some(due) = self.listener.deadline().filter(|due| *due <= end) {
            self.now = self.now.after(due - self.now.mono);
            self.settle();
        }
        self.now = self.now.after(end - self.now.mono);
    }

    fn broadcast(&mut self, count: u64) {
        for _ in 0..count {
            self.events += 1;
            self.listener.broadcast(&EventView {
                id: self.events,
                kind: EventKind::Overload,
                time: self.now.wall.rfc3339(),
                call: None,
                recording: None,
                recorder: None,
                source: None,
                detail: None,
            });
        }
    }
}

/// Everything that can be read now, and whether the server has hung up.
fn read(mut stream: &UnixStream) -> (String, bool) {
    let (mut text, mut buffer) = (Vec::new(), [0; 65536]);
    let ended = loop {
        match stream.read(&mut buffer) {
            Ok(0) => break true,
            Ok(count) => text.extend_from_slice(&buffer[..count]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => break false,
            Err(error) if error.kind() == ErrorKind::ConnectionReset => break true,
            Err(error) => panic!("{error}"),
        }
    };
    (String::from_utf8(text).unwrap(), ended)
}

fn write(mut stream: &UnixStream, bytes: &[u8]) {
    stream.write_all(bytes).unwrap();
}

fn bodies(text: &str) -> Vec<&str> {
    let lines = text.lines().filter(|line| line.starts_with('{'));
    lines.collect()
}

/// The identifiers of the events in `text`.
fn ids(text: &str) -> Vec<u64> {
    let ids = text.lines().filter_map(|line| line.strip_prefix("id: "));
    ids.map(|id| id.parse().unwrap()).collect()
}

#[test]
fn a_request_reaches_the_engine_and_its_answer_the_client() {
    let mut world = World::new();
    let client = world.connect();
    write(
        &client,
        b"POST /v1/calls/7/pause HTTP/1.1\r\nHost: x\r\n\r\n",
    );
    let (asked, _) = world.begin_turn();
    let [(ticket, Request::CallPause { call })] = asked.as_slice() else {
        panic!("{asked:?}");
    };
    assert_eq!(call.as_str(), "7");
    world.answer(*ticket);
    world.listener.flush(world.now);
    let (text, ended) = read(&client);
    assert!(text.starts_with("HTTP/1.1 200 OK\r\nDate: Mon, 01 May 2017 10:17:11 GMT\r\n"));
    assert_eq!(bodies(&text), [r#"{"status":"ok","problems":["1"]}"#]);
    assert!(!ended, "the connection is kept");
}

#[test]
fn answers_that_come_late_and_out_of_order_leave_in_order() {
    let mut world = World::new();
    let client = world.connect();
    write(&client, &GET.repeat(2));
    write(&client, b"GET /v1/nothing HTTP/1.1\r\nHost: x\r\n\r\n");
    let (asked, _) = world.begin_turn();
    world.answer(asked[1].0);
    world.settle();
    assert_eq!(read(&client).0, "");
    world.answer(asked[0].0);
    world.settle();
    let text = read(&client).0;
    let bodies = bodies(&text);
    assert!(bodies[0].contains("[\"2\"]") && bodies[1].contains("[\"1\"]"));
    assert!(bodies[2].contains("urn:sixreel:problem:no-such-path"));
}

#[test]
fn a_turn_takes_so_many_requests_and_no_more() {
    let mut world = World::new();
    let clients: Vec<_> = (0..3).map(|_| world.connect()).collect();
    for client in &clients {
        write(client, &GET.repeat(PIPELINED - 1));
    }
    let mut turns = Vec::new();
    loop {
        let (asked, busy) = world.begin_turn();
        if !busy {
            break;
        }
        turns.push(asked.len());
        for (ticket, _) in asked {
            world.answer(ticket);
        }
        world.listener.flush(world.now);
    }
    assert_eq!(turns.iter().sum::<usize>(), 3 * (PIPELINED - 1));
    assert!(
        turns.iter().all(|taken| *taken <= REQUESTS_PER_TURN),
        "{turns:?}"
    );
    for client in &clients {
        assert_eq!(bodies(&read(client).0).len(), PIPELINED - 1);
    }
}

#[test]
fn a_client_that_pipelines_without_end_is_answered_in_full() {
    let mut world = World::new();
    let client = world.connect();
    write(&client, &GET.repeat(3 * PIPELINED + 1));
    world.settle();
    assert_eq!(bodies(&read(&client).0).len(), 3 * PIPELINED + 1);
}

#[test]
fn a_client_that_hangs_up_has_still_asked() {
    let mut world = World::new();
    let client = world.connect();
    write(&client, &GET.repeat(2));
    drop(client);
    world.settle();
    assert_eq!(world.answered, 2);
    // The place is free again, and a late answer to the old client does not reach the new one.
    let client = world.connect();
    write(&client, GET);
    let (asked, _) = world.begin_turn();
    drop(client);
    world.settle();
    let next = world.connect();
    world.settle();
    world.answer(asked[0].0);
    world.settle();
    assert_eq!(read(&next), (String::new(), false));
}

#[test]
fn a_client_that_only_stops_sending_gets_its_answers() {
    let mut world = World::new();
    let client = world.connect();
    write(&client, GET);
    client.shutdown(std::net::Shutdown::Write).unwrap();
    world.settle();
    let (text, ended) = read(&client);
    assert_eq!(bodies(&text).len(), 1);
    assert!(ended);
}

#[test]
fn nonsense_is_answered_and_the_answer_survives_what_still_comes() {
    let mut world = World::new();
    let client = world.connect();
    write(
        &client,
        b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 999999\r\n\r\n",
    );
    write(&client, &[b'x'; 50_000]);
    world.settle();
    write(&client, &[b'x'; 50_000]);
    world.settle();
    let (text, ended) = read(&client);
    assert!(text.starts_with("HTTP/1.1 413 "), "{text}");
    assert!(ended);
    // It has two seconds to hang up.
    world.pass(1);
    write(&client, b"x");
    world.pass(2);
    assert!((&client).write_all(b"x").is_err());
}

#[test]
fn one_client_too_many_is_turned_away() {
    let mut world = World::new();
    let _clients = world.crowd(CONNECTIONS);
    let refused = world.connect();
    world.settle();
    let (text, ended) = read(&refused);
    assert!(text.starts_with("HTTP/1.1 503 "), "{text}");
    assert!(text.contains("\r\nRetry-After: "), "{text}");
    assert!(ended);
}

#[test]
fn a_client_that_goes_makes_room_at_once() {
    let mut world = World::new();
    let clients = world.crowd(CONNECTIONS);
    for (number, client) in clients.iter().enumerate() {
        match number % 3 {
            0 => {}
            1 => write(client, STREAM),
            _ => write(client, GET),
        }
    }
    world.settle();
    let mut finished = Vec::new();
    for (number, client) in clients.into_iter().enumerate() {
        // What nobody has read would tell the server at once that its reader is gone.
        assert!(!read(&client).1);
        if number % 3 == 2 {
            client.shutdown(std::net::Shutdown::Write).unwrap();
            finished.push(client);
        }
    }
    world.settle();
    let clients = world.crowd(CONNECTIONS);
    for client in &clients {
        write(client, GET);
        world.settle();
        assert!(read(client).0.starts_with("HTTP/1.1 200 "));
    }
}

#[test]
fn a_client_that_reads_nothing_is_cut_off() {
    let mut world = World::new();
    world.padding = 50_000;
    let slow = world.connect();
    let other = world.connect();
    write(&slow, &GET.repeat(60));
    world.settle();
    write(&other, GET);
    world.settle();
    assert_eq!(bodies(&read(&other).0).len(), 1);
    let (text, ended) = read(&slow);
    assert!(text.len() < BACKLOG_BYTES && ended);
}

#[test]
fn answers_as_long_as_the_backlog_reach_a_client_that_reads() {
    let mut world = World::new();
    world.padding = BACKLOG_BYTES - 1000;
    let client = world.connect();
    write(&client, GET);
    let mut length = 0;
    while world.turn() {
        length += read(&client).0.len();
    }
    assert!(length > world.padding);
}

#[test]
fn a_client_that_stalls_on_an_answer_is_cut_off_in_time() {
    let mut world = World::new();
    world.padding = BACKLOG_BYTES / 2;
    let (stalled, slow) = (world.connect(), world.connect());
    write(&stalled, GET);
    write(&slow, GET);
    world.pass(59);
    // Whoever reads what the system has buffered begins a new minute.
    let mut length = read(&slow).0.len();
    world.pass(59);
    let (text, ended) = read(&stalled);
    assert!(text.len() < world.padding && ended);
    loop {
        let (text, ended) = read(&slow);
        length += text.len();
        assert!(!ended);
        if !world.turn() {
            break;
        }
    }
    assert!(length > world.padding);
}

#[test]
fn a_request_that_does_not_end_is_given_up_and_a_quiet_client_is_not() {
    let mut world = World::new();
    let (quiet, slow) = (world.connect(), world.connect());
    write(&quiet, GET);
    write(
        &slow,
        b"PUT /v1/calls/7 HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n",
    );
    world.pass(30);
    write(&slow, b"{");
    world.pass(29);
    assert_eq!(read(&slow), (String::new(), false));
    world.pass(2);
    let (text, ended) = read(&slow);
    assert!(text.starts_with("HTTP/1.1 408 ") && ended, "{text}");
    world.pass(3600);
    let (text, ended) = read(&quiet);
    assert!(text.starts_with("HTTP/1.1 200 ") && !ended);
}

#[test]
fn each_request_has_a_minute_of_its_own() {
    let mut world = World::new();
    let client = world.connect();
    let (first, second) = GET.split_at(20);
    write(&client, first);
    world.pass(40);
    write(&client, &[second, first].concat());
    world.pass(40);
    assert!(read(&client).0.starts_with("HTTP/1.1 200 "));
    write(&client, second);
    world.settle();
    assert!(read(&client).0.starts_with("HTTP/1.1 200 "));
}

#[test]
fn a_full_pipeline_goes_on_when_its_answers_come() {
    let mut world = World::new();
    let client = world.connect();
    write(&client, &GET.repeat(PIPELINED + 1));
    let (asked, _) = world.begin_turn();
    world.settle();
    assert_eq!((asked.len(), world.answered), (PIPELINED, 0));
    world.answer(asked[0].0);
    world.settle();
    assert_eq!(world.answered, 2, "the last request is asked and answered");
}

#[test]
fn a_stream_tells_what_happens_and_what_was_missed() {
    let mut world = World::new();
    world.broadcast(5);
    let (fresh, back) = (world.connect(), world.connect());
    write(&fresh, STREAM);
    write(
        &back,
        b"GET /v1/events HTTP/1.1\r\nHost: x\r\nLast-Event-ID: 3\r\n\r\n",
    );
    world.settle();
    world.broadcast(2);
    world.settle();
    let (text, ended) = read(&fresh);
    assert!(
        text.contains("\r\nContent-Type: text/event-stream\r\n"),
        "{text}"
    );
    assert_eq!((ids(&text), ended), (vec![6, 7], false));
    assert_eq!(ids(&read(&back).0), [4, 5, 6, 7]);
}

#[test]
fn a_quiet_stream_has_a_heartbeat() {
    let mut world = World::new();
    let client = world.connect();
    write(&client, STREAM);
    world.pass(14);
    assert!(!read(&client).0.contains("\n:"));
    world.pass(60);
    assert_eq!(read(&client), (":\n\n".repeat(4), false));
    world.pass(10);
    world.broadcast(1);
    world.pass(14);
    assert_eq!(ids(&read(&client).0), [1]);
    world.pass(2);
    assert_eq!(read(&client).0, ":\n\n");
    drop(client);
    world.pass(60);
    assert_eq!(world.listener.deadline(), None, "nothing of it is left");
}

#[test]
fn a_stream_whose_reader_falls_behind_is_cut_off_and_can_be_taken_up_again() {
    let mut world = World::new();
    let slow = world.connect();
    write(&slow, STREAM);
    world.settle();
    for _ in 0..100 {
        world.broadcast(100);
        world.settle();
    }
    let (text, ended) = read(&slow);
    assert!(ended);
    let seen = ids(&text);
    let last = seen.len() as u64;
    assert_eq!(seen, (1..=last).collect::<Vec<_>>());
    let again = world.connect();
    let head = format!("GET /v1/events?last_event_id={last} HTTP/1.1\r\nHost: x\r\n\r\n");
    write(&again, head.as_bytes());
    let mut text = String::new();
    while world.turn() {
        text.push_str(&read(&again).0);
    }
    let missing = 10_000 - 4096 - last;
    assert!(
        text.contains(&format!("\"missing\":{missing},\"next\":5905")),
        "{text}"
    );
    assert_eq!(ids(&text), (5905..=10_000).collect::<Vec<_>>());
}

#[test]
fn the_interface_describes_itself() {
    let mut world = World::new();
    let client = world.connect();
    write(&client, b"GET /v1/openapi.json HTTP/1.0\r\n\r\n");
    world.settle();
    let (text, ended) = read(&client);
    let body = text.split_once("\r\n\r\n").unwrap().1;
    assert_eq!(body, sixreel_controlplane::control::DOCUMENT);
    assert!(ended && world.answered == 0);
}
