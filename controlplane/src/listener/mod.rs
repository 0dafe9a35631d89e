//! The control socket in the event loop: clients come, ask, are answered, and go.
//!
//! A turn of the loop: `Listener::handle` for each event, `Listener::serve` once, then a
//! `Listener::reply` for each request and a `Listener::broadcast` for each event that came of
//! it, and `Listener::flush` at the end. Nobody is waited for: a client that reads too slowly is
//! cut off, and requests beyond the turn's budget stay for the next turn, for which
//! `Listener::deadline` then asks at once.

/// One client: its socket, its connection and its patience.
mod client;
/// The socket's file.
mod socket;

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::time::{Duration, Instant};

use mio::event::Event;
use mio::net::{UnixListener, UnixStream};
use mio::{Interest, Registry, Token};

use self::client::{Client, End};
use self::socket::SocketFile;
use crate::control::DOCUMENT;
use crate::control::http::{Connection, Incoming, Response};
use crate::control::limits::CONNECTIONS;
use crate::control::problem::Problem;
use crate::control::reply::{Reply, Ticket};
use crate::control::request::Request;
use crate::control::route::{Asked, route};
use crate::control::sse::EventRing;
use crate::control::view::EventView;
use crate::time::Now;

pub use self::socket::BindError;

/// Tokens that the listener uses, from its first one on.
pub const TOKENS: usize = 1 + CONNECTIONS;

/// Requests that are taken in one turn, all clients together.
pub const REQUESTS_PER_TURN: usize = 64;

/// Clients that are let in in one turn.
const ACCEPTS_PER_TURN: usize = 64;
/// The pause after the system could not give us a client.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);
/// Bytes that are read at once.
const SCRATCH_BYTES: usize = 16 * 1024;

/// The control socket and its clients.
#[derive(Debug)]
pub struct Listener {
    socket: UnixListener,
    _file: SocketFile,
    registry: Registry,
    first_token: usize,
    clients: Vec<Option<Client>>,
    /// Places without a client.
    free: Vec<usize>,
    /// Clients so far.
    generations: u64,
    /// Clients that may have something for us, first come, first served.
    ready: VecDeque<usize>,
    /// Clients for whom something may wait.
    dirty: Vec<usize>,
    /// Somebody may wait to be let in.
    accepting: bool,
    accept_again: Option<Instant>,
    ring: EventRing,
    scratch: Box<[u8]>,
    /// When the present turn began.
    turn: Option<Instant>,
    /// No client's deadline is earlier.
    wake: Option<Instant>,
}

impl Listener {
    /// Listens at `path`, for its owner and the members of `group`. Uses [`TOKENS`] tokens of the
    /// loop's `registry` from `first_token` on.
    pub fn bind(
        path: &Path,
        group: Option<&str>,
        registry: &Registry,
        first_token: Token,
    ) -> Result<Self, BindError> {
        let (mut socket, file) = socket::open(path, group)?;
        let system = |error: io::Error| BindError::System {
            what: "register",
            path: path.to_owned(),
            error,
        };
        registry
            .register(&mut socket, first_token, Interest::READABLE)
            .map_err(system)?;
        Ok(Self {
            socket,
            _file: file,
            registry: registry.try_clone().map_err(system)?,
            first_token: first_token.0,
            clients: (0..CONNECTIONS).map(|_| None).collect(),
            free: (0..CONNECTIONS).rev().collect(),
            generations: 0,
            ready: VecDeque::new(),
            dirty: Vec::new(),
            accepting: true,
            accept_again: None,
            ring: EventRing::default(),
            scratch: vec![0; SCRATCH_BYTES].into_boxed_slice(),
            turn: None,
            wake: None,
        })
    }

    /// Notes an event of one of the listener's tokens; [`Self::serve`] then acts on it.
    pub fn handle(&mut self, event: &Event) {
        let Some(offset) = event.token().0.checked_sub(self.first_token) else {
            return;
        };
        let Some(index) = offset.checked_sub(1) else {
            self.accepting = true;
            return;
        };
        if let Some(Some(client)) = self.clients.get_mut(index) {
            client.note(event);
            self.mark_ready(index);
            self.mark_dirty(index);
        }
    }

    /// Lets clients in, reads, and pushes to `out` what the engine is asked: at most
    /// [`REQUESTS_PER_TURN`] requests. Also does what is due by `now`.
    pub fn serve(&mut self, now: Now, out: &mut Vec<(Ticket, Request)>) {
        self.turn = Some(now.mono);
        self.accept(now);
        if self.wake.is_some_and(|wake| wake <= now.mono) {
            self.on_deadline(now);
        }
        let mut budget = REQUESTS_PER_TURN;
        for _ in 0..self.ready.len() {
            if budget == 0 {
                break;
            }
            if let Some(index) = self.ready.pop_front() {
                self.receive(index, now, &mut budget, out);
            }
        }
    }

    /// Answers one request, once. The answer to a client that is gone goes nowhere.
    pub fn reply(&mut self, ticket: Ticket, reply: &Reply, now: Now) {
        let client = self.clients.get_mut(ticket.client).and_then(Option::as_mut);
        let client = client.filter(|client| client.generation == ticket.generation);
        let Some(client) = client else {
            return;
        };
        let was_full = !client.connection.wants_input();
        client
            .connection
            .answer(ticket.number, &reply.response(), now.wall);
        if was_full {
            self.mark_ready(ticket.client);
        }
        self.mark_dirty(ticket.client);
    }

    /// Tells an event to everybody who listens for them, now or later.
    pub fn broadcast(&mut self, event: &EventView) {
        self.ring.push(event);
        for index in 0..self.clients.len() {
            let client = self.clients[index].as_ref();
            if client.is_some_and(|client| client.connection.cursor().is_some()) {
                self.mark_dirty(index);
            }
        }
    }

    /// Writes what waits. The last step of a turn.
    pub fn flush(&mut self, now: Now) {
        for index in std::mem::take(&mut self.dirty) {
            let Some(client) = &mut self.clients[index] else {
                continue;
            };
            client.is_dirty = false;
            match client.flush(&self.ring, now) {
                Ok(()) => self.note_deadline(index),
                Err(end) => self.let_go(index, end),
            }
        }
    }

    /// When [`Self::serve`] must be called next, even if nothing happens. It lies in the past
    /// where a turn's budget left something over.
    pub fn deadline(&self) -> Option<Instant> {
        let left_over = self.accepting || !self.ready.is_empty();
        let at_once = self.turn.filter(|_| left_over);
        [at_once, self.wake, self.accept_again]
            .into_iter()
            .flatten()
            .min()
    }

    fn accept(&mut self, now: Now) {
        if self.accept_again.is_some_and(|at| at <= now.mono) {
            self.accept_again = None;
            self.accepting = true;
        }
        for _ in 0..ACCEPTS_PER_TURN {
            if !self.accepting {
                return;
            }
            match self.socket.accept() {
                Ok((stream, _)) => self.let_in(stream, now),
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.accepting = false,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a client");
                    self.accepting = false;
                    self.accept_again = Some(now.mono + ACCEPT_PAUSE);
                }
            }
        }
    }

    fn let_in(&mut self, stream: UnixStream, now: Now) {
        let Some(index) = self.free.pop() else {
            tracing::warn!(limit = CONNECTIONS, "a client was turned away");
            let mut connection = Connection::new();
            let problem = Problem::limit_reached("connections", CONNECTIONS);
            connection.refuse(&problem, now.wall);
            client::turn_away(stream, connection);
            return;
        };
        self.generations += 1;
        let mut client = Client::new(stream, self.generations);
        let token = Token(self.first_token + 1 + index);
        if let Err(error) = client.register(&self.registry, token) {
            tracing::warn!(%error, "cannot register a client");
            self.free.push(index);
            return;
        }
        client.log_peer();
        self.clients[index] = Some(client);
        self.mark_ready(index);
    }

    fn receive(
        &mut self,
        index: usize,
        now: Now,
        budget: &mut usize,
        out: &mut Vec<(Ticket, Request)>,
    ) {
        let Some(client) = &mut self.clients[index] else {
            return;
        };
        client.is_ready = false;
        let generation = client.generation;
        let ring = &self.ring;
        let received = client.receive(
            now,
            &mut self.scratch,
            budget,
            |connection, number, incoming| {
                let ticket = Ticket::new(index, generation, number);
                if let Some(request) = understand(connection, ring, number, incoming, now) {
                    out.push((ticket, request));
                }
            },
        );
        match received {
            Ok(more) => {
                if more {
                    self.mark_ready(index);
                }
                self.mark_dirty(index);
                self.note_deadline(index);
            }
            Err(end) => self.let_go(index, end),
        }
    }

    fn on_deadline(&mut self, now: Now) {
        self.wake = None;
        for index in 0..self.clients.len() {
            let Some(client) = &mut self.clients[index] else {
                continue;
            };
            if client.deadline().is_some_and(|due| due <= now.mono) {
                if let Err(end) = client.on_deadline(now) {
                    self.let_go(index, end);
                    continue;
                }
                self.mark_dirty(index);
            }
            self.note_deadline(index);
        }
    }

    fn let_go(&mut self, index: usize, end: End) {
        let Some(mut client) = self.clients[index].take() else {
            return;
        };
        client.deregister(&self.registry);
        self.free.push(index);
        if end == End::TooSlow {
            tracing::warn!(
                client = client.generation,
                "client cut off: it does not read"
            );
        } else {
            tracing::debug!(client = client.generation, ?end, "client let go");
        }
    }

    fn mark_ready(&mut self, index: usize) {
        if let Some(client) = &mut self.clients[index]
            && !std::mem::replace(&mut client.is_ready, true)
        {
            self.ready.push_back(index);
        }
    }

    fn mark_dirty(&mut self, index: usize) {
        if let Some(client) = &mut self.clients[index]
            && !std::mem::replace(&mut client.is_dirty, true)
        {
            self.dirty.push(index);
        }
    }

    fn note_deadline(&mut self, index: usize) {
        let deadline = self.clients[index].as_ref().and_then(Client::deadline);
        self.wake = [self.wake, deadline].into_iter().flatten().min();
    }
}

/// What the engine is asked, where it is the engine who must answer.
fn understand(
    connection: &mut Connection,
    ring: &EventRing,
    number: u64,
    incoming: &Incoming,
    now: Now,
) -> Option<Request> {
    match route(incoming) {
        Ok(Asked::Request(request)) => return Some(request),
        Ok(Asked::Events { last_event_id }) => {
            let start = ring.start(last_event_id);
            connection.answer_stream(number, &start.opening, start.cursor, now.wall);
        }
        Ok(Asked::Document) => {
            let document = Response::constant("application/json", DOCUMENT.as_bytes());
            connection.answer(number, &document, now.wall);
        }
        Err(problem) => connection.answer(number, &problem.response(), now.wall),
    }
    None
}
