//! One client: its socket, its connection and its patience.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::Shutdown;
use std::time::{Duration, Instant};

use mio::event::{Event, Source as _};
use mio::net::UnixStream;
use mio::{Interest, Registry, Token};
use nix::sys::socket::{getsockopt, sockopt};

use crate::control::http::{Connection, Incoming};
use crate::control::limits::BACKLOG_BYTES;
use crate::control::sse::{EventRing, HEARTBEAT};
use crate::time::Now;

/// A request that has begun must be complete by then.
const REQUEST_TIME: Duration = Duration::from_secs(60);
/// A client that reads nothing for so long, while something waits for it, is cut off.
const STALL_TIME: Duration = Duration::from_secs(60);
/// A stream never says nothing for longer.
const HEARTBEAT_TIME: Duration = Duration::from_secs(15);
/// After the last answer the client has so long to hang up: closing earlier could destroy an
/// answer that it has not read yet (RFC 9112 §9.6).
const LINGER_TIME: Duration = Duration::from_secs(2);
/// Bytes that are read from one client in one turn.
const READ_BYTES: usize = 256 * 1024;
/// Events are taken from the ring while less than this waits.
const STREAM_BYTES: usize = 64 * 1024;

/// A connected client.
#[derive(Debug)]
pub(super) struct Client {
    stream: UnixStream,
    pub(super) connection: Connection,
    /// Tells apart the clients of all times.
    pub(super) generation: u64,
    /// Whether it waits in the listener's queue of those to be read,
    pub(super) is_ready: bool,
    /// and in the list of those to be written to.
    pub(super) is_dirty: bool,
    readable: bool,
    writable: bool,
    /// It has hung up, and reads nothing any more.
    gone: bool,
    request_since: Option<Instant>,
    stalled_since: Option<Instant>,
    heartbeat_at: Option<Instant>,
    linger_until: Option<Instant>,
}

/// Why a client is let go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// Everything was said.
    Finished,
    /// It hung up.
    Gone,
    /// It does not read what it is told.
    TooSlow,
}

impl Client {
    /// A client that has just connected; whether it has sent anything is found out by reading.
    pub(super) const fn new(stream: UnixStream, generation: u64) -> Self {
        Self {
            stream,
            connection: Connection::new(),
            generation,
            is_ready: false,
            is_dirty: false,
            readable: true,
            writable: true,
            gone: false,
            request_since: None,
            stalled_since: None,
            heartbeat_at: None,
            linger_until: None,
        }
    }

    pub(super) fn register(&mut self, registry: &Registry, token: Token) -> std::io::Result<()> {
        let interests = Interest::READABLE | Interest::WRITABLE;
        self.stream.register(registry, token, interests)
    }

    pub(super) fn deregister(&mut self, registry: &Registry) {
        if let Err(error) = self.stream.deregister(registry) {
            tracing::warn!(client = self.generation, %error, "cannot deregister a client");
        }
    }

    /// Who it is, for the log; what it says is nobody's business.
    pub(super) fn log_peer(&self) {
        match getsockopt(&self.stream, sockopt::PeerCredentials) {
            Ok(peer) => tracing::info!(
                client = self.generation,
                pid = peer.pid(),
                uid = peer.uid(),
                gid = peer.gid(),
                "client connected"
            ),
            Err(error) => {
                tracing::warn!(client = self.generation, %error, "client without credentials");
            }
        }
    }

    /// Notes what has become possible.
    pub(super) fn note(&mut self, event: &Event) {
        self.gone |= event.is_write_closed();
        self.readable |= event.is_readable() || event.is_read_closed() || self.gone;
        self.writable |= event.is_writable();
    }

    /// Reads and hands requests to `ask`, which answers some of them itself, while `budget` lasts.
    /// Whether there may be more.
    pub(super) fn receive(
        &mut self,
        now: Now,
        scratch: &mut [u8],
        budget: &mut usize,
        mut ask: impl FnMut(&mut Connection, u64, &Incoming),
    ) -> Result<bool, End> {
        let mut unread = READ_BYTES;
        loop {
            while *budget > 0
                && let Some((number, incoming)) = self.connection.next(now.wall)
            {
                *budget -= 1;
                self.request_since = None;
                ask(&mut self.connection, number, &incoming);
            }
            if *budget == 0 || unread == 0 {
                return Ok(true);
            }
            if !self.readable || !self.connection.wants_input() {
                break;
            }
            let count = self.read(scratch)?;
            unread = unread.saturating_sub(count);
        }
        self.request_since = if self.connection.is_incomplete() {
            self.request_since.or(Some(now.mono))
        } else {
            None
        };
        if self.gone && !self.readable {
            return Err(End::Gone);
        }
        Ok(false)
    }

    /// Writes what waits, as far as the socket takes it, and looks after what then is due.
    pub(super) fn flush(&mut self, ring: &EventRing, now: Now) -> Result<(), End> {
        loop {
            self.feed(ring)?;
            if !self.writable || self.connection.output().is_empty() {
                break;
            }
            match self.stream.write(self.connection.output()) {
                Ok(count) => {
                    self.connection.sent(count);
                    self.stalled_since = None;
                    self.heartbeat_at = None;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.writable = false,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Err(End::Gone),
            }
        }
        let waiting = self.connection.output().len();
        if waiting > BACKLOG_BYTES {
            return Err(End::TooSlow);
        }
        if waiting > 0 {
            self.stalled_since.get_or_insert(now.mono);
        }
        if self.connection.cursor().is_some() {
            self.heartbeat_at.get_or_insert(now.mono + HEARTBEAT_TIME);
        }
        if self.connection.is_over() && self.linger_until.is_none() {
            if self.stream.shutdown(Shutdown::Write).is_err() {
                return Err(End::Finished);
            }
            self.linger_until = Some(now.mono + LINGER_TIME);
        }
        Ok(())
    }

    /// When its patience, or ours, ends.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let request = self.request_since.map(|since| since + REQUEST_TIME);
        let stall = self.stalled_since.map(|since| since + STALL_TIME);
        let due = [request, stall, self.heartbeat_at, self.linger_until];
        due.into_iter().flatten().min()
    }

    /// Does what is due by `now`.
    pub(super) fn on_deadline(&mut self, now: Now) -> Result<(), End> {
        if self.linger_until.is_some_and(|until| until <= now.mono) {
            return Err(End::Finished);
        }
        let stalled = self.stalled_since.map(|since| since + STALL_TIME);
        if stalled.is_some_and(|until| until <= now.mono) {
            return Err(End::TooSlow);
        }
        let request = self.request_since.map(|since| since + REQUEST_TIME);
        if request.is_some_and(|until| until <= now.mono) {
            self.request_since = None;
            self.connection.expire(now.wall);
        }
        if self.heartbeat_at.is_some_and(|at| at <= now.mono) {
            self.heartbeat_at = Some(now.mono + HEARTBEAT_TIME);
            // What waits already is a sign of life, as soon as it is read.
            if self.connection.output().is_empty() {
                self.connection.push_comment(HEARTBEAT);
            }
        }
        Ok(())
    }

    fn read(&mut self, scratch: &mut [u8]) -> Result<usize, End> {
        match self.stream.read(scratch) {
            Ok(0) => {
                self.readable = false;
                if self.linger_until.is_some() {
                    return Err(End::Finished);
                }
                self.connection.finish();
                Ok(0)
            }
            Ok(count) => {
                self.connection.receive(&scratch[..count]);
                Ok(count)
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                self.readable = false;
                Ok(0)
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(0),
            Err(_) => Err(End::Gone),
        }
    }

    /// Takes events from the ring while the stream has room for them.
    fn feed(&mut self, ring: &EventRing) -> Result<(), End> {
        let Some(cursor) = self.connection.cursor() else {
            return Ok(());
        };
        for event in ring.after(cursor).ok_or(End::TooSlow)? {
            if self.connection.output().len() >= STREAM_BYTES {
                break;
            }
            self.connection.push_event(event);
        }
        Ok(())
    }
}

/// Tells a client that there is no place for it.
pub(super) fn turn_away(mut stream: UnixStream, mut connection: Connection) {
    // A new socket has room for one answer; a client that is gone already needs none.
    if let Ok(count) = stream.write(connection.output()) {
        connection.sent(count);
    }
}
