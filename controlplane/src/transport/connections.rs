//! All TCP connections: those that others open, and those that we open to send.

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::event::Event;
use mio::net::{TcpListener, TcpStream};
use mio::{Interest, Registry, Token};

use super::connection::{Connection, End};
use super::{INCOMING_MAX, MESSAGES_PER_TURN, OUTGOING_MAX, Received};

/// Connections that are let in in one turn.
const ACCEPTS_PER_TURN: usize = 64;
/// The pause after the system could not give us a connection.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);
/// Bytes that are read at once.
const SCRATCH_BYTES: usize = 16 * 1024;

/// The listening socket and the connections.
#[derive(Debug)]
pub(super) struct Connections {
    listener: TcpListener,
    address: SocketAddr,
    registry: Registry,
    first_token: usize,
    /// First the places of those that others open, then the places of ours.
    places: Vec<Option<Connection>>,
    free_incoming: Vec<usize>,
    free_outgoing: Vec<usize>,
    /// The latest connection with each peer.
    by_remote: BTreeMap<SocketAddr, usize>,
    /// Connections that may have something for us, first come, first served.
    ready: VecDeque<usize>,
    /// Somebody may wait to be let in.
    accepting: bool,
    accept_again: Option<Instant>,
    scratch: Box<[u8]>,
    /// No connection's deadline is earlier.
    wake: Option<Instant>,
}

impl Connections {
    /// Listens at `address`; connections to others come from there, too.
    pub(super) fn bind(
        address: SocketAddr,
        registry: &Registry,
        first_token: usize,
    ) -> io::Result<Self> {
        let mut listener = TcpListener::bind(address)?;
        registry.register(&mut listener, Token(first_token), Interest::READABLE)?;
        Ok(Self {
            address: listener.local_addr()?,
            listener,
            registry: registry.try_clone()?,
            first_token,
            places: (0..INCOMING_MAX + OUTGOING_MAX).map(|_| None).collect(),
            free_incoming: (0..INCOMING_MAX).rev().collect(),
            free_outgoing: (INCOMING_MAX..INCOMING_MAX + OUTGOING_MAX).rev().collect(),
            by_remote: BTreeMap::new(),
            ready: VecDeque::new(),
            accepting: false,
            accept_again: None,
            scratch: vec![0; SCRATCH_BYTES].into_boxed_slice(),
            wake: None,
        })
    }

    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Notes an event of the listening socket or of a connection.
    pub(super) fn note(&mut self, event: &Event) {
        let Some(index) = event.token().0.checked_sub(self.first_token + 1) else {
            self.accepting = true;
            return;
        };
        if let Some(Some(connection)) = self.places.get_mut(index) {
            connection.note(event);
            self.mark_ready(index);
        }
    }

    /// Lets peers in, reads and writes, and ends what has had its time.
    pub(super) fn serve(&mut self, now: Instant, out: &mut Vec<Received>) {
        self.accept(now);
        let mut budget = MESSAGES_PER_TURN;
        for _ in 0..self.ready.len() {
            if budget == 0 {
                break;
            }
            if let Some(index) = self.ready.pop_front() {
                self.serve_one(index, now, &mut budget, out);
            }
        }
        if self.wake.is_some_and(|wake| wake <= now) {
            self.on_deadline(now, out);
        }
    }

    /// Sends over the connection with that peer, which is opened where there is none.
    pub(super) fn send(
        &mut self,
        to: SocketAddr,
        message: &[u8],
        now: Instant,
        learnt: &mut Vec<Received>,
    ) {
        let known = self.by_remote.get(&to).copied();
        let index = match known.map_or_else(|| self.open(to, now), Ok) {
            Ok(index) => index,
            Err(error) => {
                tracing::debug!(remote = %to, %error, "cannot open a SIP connection");
                let flow = super::tcp(to);
                learnt.push(Received::Unreachable { flow });
                return;
            }
        };
        let Some(connection) = &mut self.places[index] else {
            return;
        };
        if let Err(end) = connection.send(message, now) {
            self.let_go(index, end, learnt);
        }
    }

    /// Whether a turn's budget left something over.
    pub(super) fn has_more(&self) -> bool {
        self.accepting || !self.ready.is_empty()
    }

    /// When something is due.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.wake.into_iter().chain(self.accept_again).min()
    }

    fn accept(&mut self, now: Instant) {
        if self.accept_again.take_if(|at| *at <= now).is_some() {
            self.accepting = true;
        }
        for _ in 0..ACCEPTS_PER_TURN {
            if !self.accepting {
                return;
            }
            match self.listener.accept() {
                Ok((stream, remote)) => self.let_in(stream, remote, now),
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.accepting = false,
                // The next one may be better: this one is gone already.
                Err(error) if is_of_one(error.kind()) => {}
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a SIP connection");
                    self.accepting = false;
                    self.accept_again = Some(now + ACCEPT_PAUSE);
                }
            }
        }
    }

    fn let_in(&mut self, stream: TcpStream, remote: SocketAddr, now: Instant) {
        let Some(index) = self.free_incoming.pop() else {
            tracing::warn!(%remote, limit = INCOMING_MAX, "a SIP connection was turned away");
            return;
        };
        let connection = Connection::incoming(stream, remote, now);
        if let Err(error) = connection.and_then(|connection| self.place(index, connection)) {
            tracing::warn!(%remote, %error, "cannot keep a SIP connection");
            self.free_incoming.push(index);
            return;
        }
        self.mark_ready(index);
    }

    fn open(&mut self, to: SocketAddr, now: Instant) -> io::Result<usize> {
        let too_many = || io::Error::other(format!("{OUTGOING_MAX} are open already"));
        let index = self.free_outgoing.pop().ok_or_else(too_many)?;
        let connection = Connection::outgoing(self.address, to, now);
        match connection.and_then(|connection| self.place(index, connection)) {
            Ok(()) => Ok(index),
            Err(error) => {
                self.free_outgoing.push(index);
                Err(error)
            }
        }
    }

    fn place(&mut self, index: usize, mut connection: Connection) -> io::Result<()> {
        connection.register(&self.registry, Token(self.first_token + 1 + index))?;
        self.by_remote.insert(connection.flow.remote, index);
        self.wake = self.wake.into_iter().chain([connection.deadline()]).min();
        self.places[index] = Some(connection);
        Ok(())
    }

    fn serve_one(
        &mut self,
        index: usize,
        now: Instant,
        budget: &mut usize,
        out: &mut Vec<Received>,
    ) {
        let Some(connection) = &mut self.places[index] else {
            return;
        };
        connection.is_ready = false;
        match connection.serve(now, &mut self.scratch, budget, out) {
            Ok(true) => self.mark_ready(index),
            Ok(false) => {}
            Err(end) => self.let_go(index, end, out),
        }
    }

    fn on_deadline(&mut self, now: Instant, out: &mut Vec<Received>) {
        self.wake = None;
        for index in 0..self.places.len() {
            let Some(connection) = &self.places[index] else {
                continue;
            };
            match connection.on_deadline(now) {
                Ok(()) => {
                    let deadline = connection.deadline();
                    self.wake = self.wake.into_iter().chain([deadline]).min();
                }
                Err(end) => self.let_go(index, end, out),
            }
        }
    }

    /// Closes a connection, and tells so.
    fn let_go(&mut self, index: usize, end: End, out: &mut Vec<Received>) {
        let Some(connection) = self.places[index].take() else {
            return;
        };
        let flow = connection.flow;
        if self.by_remote.get(&flow.remote) == Some(&index) {
            self.by_remote.remove(&flow.remote);
        }
        if index < INCOMING_MAX {
            self.free_incoming.push(index);
        } else {
            self.free_outgoing.push(index);
        }
        tracing::debug!(remote = %flow.remote, ?end, "a SIP connection has ended");
        out.push(Received::Unreachable { flow });
    }

    fn mark_ready(&mut self, index: usize) {
        if let Some(connection) = &mut self.places[index]
            && !std::mem::replace(&mut connection.is_ready, true)
        {
            self.ready.push_back(index);
        }
    }
}

/// Whether accepting failed because of the connection that would have been accepted.
fn is_of_one(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::Interrupted | ErrorKind::ConnectionAborted)
}
