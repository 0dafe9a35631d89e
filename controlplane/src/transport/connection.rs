//! One TCP connection: its stream, its messages and its patience.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::SocketAddr;
use std::os::fd::AsRawFd as _;
use std::time::{Duration, Instant};

use mio::event::{Event, Source as _};
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, SockaddrStorage, bind, connect, setsockopt, socket, sockopt,
};

use super::{Received, understood};
use crate::sip::flow::Flow;
use crate::sip::framing::{Frame, Framer};

/// A connection must be open by then.
const CONNECT_TIME: Duration = Duration::from_millis(1500);
/// What the peer's system does not acknowledge for so long ends the connection: less than an
/// INVITE may take, so that calls learn of a dead connection before they give up.
const ACKNOWLEDGE_TIME: Duration = Duration::from_secs(4);
/// Bytes that are read from one connection in one turn.
const READ_BYTES: usize = 256 * 1024;

/// A connection.
#[derive(Debug)]
pub(super) struct Connection {
    stream: TcpStream,
    pub(super) flow: Flow,
    limits: &'static Limits,
    /// By then it must be open, if it is not yet.
    open_by: Option<Instant>,
    framer: Framer,
    unsent: VecDeque<u8>,
    readable: bool,
    writable: bool,
    /// Whether it waits in the queue of those to be served.
    pub(super) is_ready: bool,
    /// When bytes last went either way.
    used: Instant,
}

/// What is granted to a connection.
#[derive(Debug)]
struct Limits {
    /// Bytes that may wait to be sent.
    backlog: usize,
    /// How long nothing may happen.
    idle: Duration,
}

/// Anybody can open one.
const INCOMING: Limits = Limits {
    backlog: 1024 * 1024,
    idle: Duration::from_secs(10 * 60),
};
/// We chose its peer, all of whose calls share it. It outlives the time between two refreshes of a
/// session, for peers that can talk to us on no other.
const OUTGOING: Limits = Limits {
    backlog: 4 * 1024 * 1024,
    idle: Duration::from_secs(60 * 60),
};

/// Why a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// It could not be opened.
    Refused,
    /// It was not open in time.
    ConnectTimeout,
    /// The peer closed it, or the network lost it.
    Lost,
    /// What the peer says is no SIP.
    Nonsense,
    /// The peer does not read.
    TooSlow,
    /// Nobody used it.
    Idle,
}

impl Connection {
    /// A connection that the peer has just opened; whether it says anything is found out by
    /// reading.
    pub(super) fn incoming(
        stream: TcpStream,
        remote: SocketAddr,
        now: Instant,
    ) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        setsockopt(&stream, sockopt::TcpUserTimeout, &acknowledge_time_ms())?;
        let connection = Self::new(stream, remote, &INCOMING, now);
        Ok(Self {
            readable: true,
            writable: true,
            ..connection
        })
    }

    /// Begins to open a connection from one of our addresses.
    pub(super) fn outgoing(from: SocketAddr, to: SocketAddr, now: Instant) -> io::Result<Self> {
        let family = if from.is_ipv4() {
            AddressFamily::Inet
        } else {
            AddressFamily::Inet6
        };
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let fd = socket(family, SockType::Stream, flags, None)?;
        setsockopt(&fd, sockopt::TcpUserTimeout, &acknowledge_time_ms())?;
        let any_port = SocketAddr::new(from.ip(), 0);
        bind(fd.as_raw_fd(), &SockaddrStorage::from(any_port))?;
        match connect(fd.as_raw_fd(), &SockaddrStorage::from(to)) {
            Ok(()) | Err(Errno::EINPROGRESS) => {}
            Err(error) => return Err(error.into()),
        }
        let stream = TcpStream::from_std(std::net::TcpStream::from(fd));
        stream.set_nodelay(true)?;
        let connection = Self::new(stream, to, &OUTGOING, now);
        Ok(Self {
            open_by: Some(now + CONNECT_TIME),
            ..connection
        })
    }

    fn new(stream: TcpStream, remote: SocketAddr, limits: &'static Limits, now: Instant) -> Self {
        Self {
            stream,
            flow: super::tcp(remote),
            limits,
            open_by: None,
            framer: Framer::default(),
            unsent: VecDeque::new(),
            readable: false,
            writable: false,
            is_ready: false,
            used: now,
        }
    }

    pub(super) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        let interests = Interest::READABLE | Interest::WRITABLE;
        self.stream.register(registry, token, interests)
    }

    /// Notes what has become possible.
    pub(super) fn note(&mut self, event: &Event) {
        let over = event.is_error() || event.is_read_closed() || event.is_write_closed();
        self.readable |= event.is_readable() || over;
        self.writable |= event.is_writable() || over;
    }

    /// Reads and writes as far as that is possible, while `budget` lasts. Whether there may be
    /// more to read.
    pub(super) fn serve(
        &mut self,
        now: Instant,
        scratch: &mut [u8],
        budget: &mut usize,
        out: &mut Vec<Received>,
    ) -> Result<bool, End> {
        if !self.is_open()? {
            return Ok(false);
        }
        let more = self.receive(now, scratch, budget, out)?;
        self.flush(now)?;
        Ok(more)
    }

    /// Sends a message as soon as there is room for it.
    pub(super) fn send(&mut self, message: &[u8], now: Instant) -> Result<(), End> {
        self.unsent.extend(message);
        self.flush(now)
    }

    /// When its patience ends.
    pub(super) fn deadline(&self) -> Instant {
        self.open_by.unwrap_or(self.used + self.limits.idle)
    }

    /// Ends it where its patience has ended by `now`.
    pub(super) fn on_deadline(&self, now: Instant) -> Result<(), End> {
        match self.open_by {
            _ if now < self.deadline() => Ok(()),
            Some(_) => Err(End::ConnectTimeout),
            None => Err(End::Idle),
        }
    }

    /// Whether it is open by now.
    fn is_open(&mut self) -> Result<bool, End> {
        if self.open_by.is_none() {
            return Ok(true);
        }
        if let Ok(Some(_)) | Err(_) = self.stream.take_error() {
            return Err(End::Refused);
        }
        match self.stream.peer_addr() {
            Ok(_) => {
                self.open_by = None;
                Ok(true)
            }
            Err(error) if error.kind() == ErrorKind::NotConnected => Ok(false),
            Err(_) => Err(End::Refused),
        }
    }

    fn receive(
        &mut self,
        now: Instant,
        scratch: &mut [u8],
        budget: &mut usize,
        out: &mut Vec<Received>,
    ) -> Result<bool, End> {
        let mut unread = READ_BYTES;
        loop {
            while *budget > 0
                && let Some(frame) = self.framer.pop().map_err(|_| End::Nonsense)?
            {
                *budget -= 1;
                match frame {
                    // RFC 5626 §3.5.1: a ping is answered by a pong.
                    Frame::Ping => self.unsent.extend(b"\r\n"),
                    Frame::Message(bytes) => out.push(understood(&bytes, self.flow)),
                }
            }
            if *budget == 0 || unread == 0 {
                return Ok(true);
            }
            if !self.readable {
                return Ok(false);
            }
            match self.stream.read(scratch) {
                Ok(0) => return Err(End::Lost),
                Ok(count) => {
                    self.framer.push(&scratch[..count]);
                    self.used = now;
                    unread = unread.saturating_sub(count);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.readable = false,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Err(End::Lost),
            }
        }
    }

    /// Writes what waits, as far as the socket takes it.
    fn flush(&mut self, now: Instant) -> Result<(), End> {
        while self.open_by.is_none() && self.writable {
            let (chunk, _) = self.unsent.as_slices();
            if chunk.is_empty() {
                break;
            }
            match self.stream.write(chunk) {
                Ok(count) => {
                    self.unsent.drain(..count);
                    self.used = now;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.writable = false,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Err(End::Lost),
            }
        }
        if self.unsent.len() > self.limits.backlog {
            return Err(End::TooSlow);
        }
        Ok(())
    }
}

fn acknowledge_time_ms() -> u32 {
    ACKNOWLEDGE_TIME.as_millis() as u32
}
