//! One connection: its stream, its messages and its patience.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsRawFd as _;
use std::time::{Duration, Instant};

use mio::event::Event;
use mio::net::TcpStream;
use mio::{Registry, Token};
use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, SockaddrStorage, bind, connect, setsockopt, socket, sockopt,
};

use super::end::End;
use super::stream::{Broken, Read, Stream};
use super::{Received, understood};
use crate::sip::flow::Flow;
use crate::sip::framing::{Frame, Framer};
use crate::sip::message::Message;
use crate::tls::Session;

/// A connection must be open by then.
pub(super) const CONNECT_TIME: Duration = Duration::from_millis(1500);
/// TLS must be agreed on by then, once it is open: less than an INVITE may take, too.
pub(super) const HANDSHAKE_TIME: Duration = Duration::from_millis(2500);
/// What the peer's system does not acknowledge for so long ends the connection: less than an
/// INVITE may take, so that calls learn of a dead connection before they give up.
const ACKNOWLEDGE_TIME: Duration = Duration::from_secs(4);
/// A peer that answers pings answers within this time (RFC 5626 §4.4.1).
const PONG_TIME: Duration = Duration::from_secs(10);
/// Bytes that are read from one connection in one turn.
const READ_BYTES: usize = 256 * 1024;

/// A connection.
#[derive(Debug)]
pub(super) struct Connection {
    stream: Stream,
    pub(super) flow: Flow,
    /// Where the peer wants to be reached by this connection, too (RFC 5923 §4).
    pub(super) alias: Option<Flow>,
    limits: &'static Limits,
    phase: Phase,
    framer: Framer,
    unsent: VecDeque<u8>,
    readable: bool,
    writable: bool,
    /// Whether it waits in the queue of those to be served.
    pub(super) is_ready: bool,
    /// When a message last went either way, or the peer said anything.
    used: Instant,
    pings: Option<Pings>,
    /// Whether anything of SIP has come by it.
    pub(super) is_proven: bool,
}

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// It must be open by then.
    Connecting(Instant),
    /// TLS must be agreed on by then.
    ShakingHands(Instant),
    Open,
}

/// Pings over an idle connection that we opened (RFC 5626 §3.5.1): they keep what stands between
/// from forgetting it, and find out that it is dead before a call does.
#[derive(Debug)]
struct Pings {
    /// How long nothing may be said before a ping.
    every: Duration,
    /// When something was last said.
    said: Instant,
    /// A pong must be there by then.
    pong_by: Option<Instant>,
    /// Whether the peer has ever answered one. Who has not may not know pings, and loses nothing.
    answers: bool,
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

impl Connection {
    /// A connection that the peer has just opened; whether it says anything is found out by
    /// reading.
    pub(super) fn incoming(stream: Stream, flow: Flow, now: Instant) -> Self {
        let connection = Self::new(stream, flow, &INCOMING, now);
        let phase = if connection.stream.is_handshaking() {
            Phase::ShakingHands(now + HANDSHAKE_TIME)
        } else {
            Phase::Open
        };
        Self {
            phase,
            readable: true,
            writable: true,
            ..connection
        }
    }

    /// A connection that has begun to open, and that is pinged when nothing was said for so long.
    pub(super) fn outgoing(stream: Stream, flow: Flow, every: Duration, now: Instant) -> Self {
        let pings = Pings {
            every,
            said: now,
            pong_by: None,
            answers: false,
        };
        Self {
            phase: Phase::Connecting(now + CONNECT_TIME),
            pings: Some(pings),
            ..Self::new(stream, flow, &OUTGOING, now)
        }
    }

    fn new(stream: Stream, flow: Flow, limits: &'static Limits, now: Instant) -> Self {
        Self {
            stream,
            flow,
            alias: None,
            limits,
            phase: Phase::Open,
            framer: Framer::default(),
            unsent: VecDeque::new(),
            readable: false,
            writable: false,
            is_ready: false,
            used: now,
            pings: None,
            is_proven: false,
        }
    }

    pub(super) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        self.stream.register(registry, token)
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
        if !self.is_open(now)? {
            return Ok(false);
        }
        let more = self.receive(now, scratch, budget, out)?;
        self.flush(now)?;
        Ok(more)
    }

    /// Sends a message as soon as there is room for it.
    pub(super) fn send(&mut self, message: &[u8], now: Instant) -> Result<(), End> {
        self.unsent.extend(message);
        self.used = now;
        self.flush(now)
    }

    /// When its patience ends, or it has something to do.
    pub(super) fn deadline(&self) -> Instant {
        match self.phase {
            Phase::Connecting(by) | Phase::ShakingHands(by) => by,
            Phase::Open => {
                let idle = self.used + self.limits.idle;
                let ping = self.pings.as_ref().map(Pings::deadline);
                ping.into_iter().fold(idle, Instant::min)
            }
        }
    }

    /// Ends it where its patience has ended by `now`; pings where it is time to.
    pub(super) fn on_deadline(&mut self, now: Instant) -> Result<(), End> {
        match self.phase {
            _ if now < self.deadline() => Ok(()),
            Phase::Connecting(_) => Err(End::ConnectTimeout),
            Phase::ShakingHands(_) => Err(End::HandshakeTimeout),
            Phase::Open if self.used + self.limits.idle <= now => Err(End::Idle),
            Phase::Open => {
                if let Some(pings) = &mut self.pings
                    && pings.on_deadline(now)?
                {
                    self.unsent.extend(b"\r\n\r\n");
                }
                self.flush(now)
            }
        }
    }

    /// Whether it can be used: it connected, and TLS was agreed on.
    pub(super) const fn is_usable(&self) -> bool {
        matches!(self.phase, Phase::Open)
    }

    /// What TLS shows of it.
    pub(super) fn session(&self) -> Option<Session> {
        self.stream.session()
    }

    /// Says goodbye where the peer may still listen.
    pub(super) fn say_goodbye(&mut self) {
        self.stream.say_goodbye();
    }

    /// Whether it is open by now.
    fn is_open(&mut self, now: Instant) -> Result<bool, End> {
        if let Phase::Connecting(_) = self.phase {
            if !self.stream.is_connected().map_err(|_| End::Refused)? {
                return Ok(false);
            }
            self.phase = Phase::ShakingHands(now + HANDSHAKE_TIME);
        }
        if let Phase::ShakingHands(_) = self.phase {
            let shaken = self
                .stream
                .shake_hands(&mut self.readable, &mut self.writable);
            shaken.map_err(|broken| match broken {
                Broken::Lost => End::HandshakeLost,
                Broken::Tls(why) => End::Tls(why),
            })?;
            if self.stream.is_handshaking() {
                return Ok(false);
            }
            self.phase = Phase::Open;
        }
        Ok(true)
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
            if let Some(pings) = &mut self.pings {
                pings.hear(&mut self.framer, now);
            }
            while *budget > 0
                && let Some(frame) = self.framer.pop().map_err(|_| End::Nonsense)?
            {
                *budget -= 1;
                self.is_proven = true;
                match frame {
                    // RFC 5626 §3.5.1: a ping is answered by a pong.
                    Frame::Ping => self.unsent.extend(b"\r\n"),
                    Frame::Message(bytes) => {
                        self.used = now;
                        if let Some(pings) = &mut self.pings {
                            pings.on_message(now);
                        }
                        let received = understood(&bytes, self.flow);
                        self.note_alias(&received);
                        out.push(received);
                    }
                }
            }
            if *budget == 0 || unread == 0 {
                return Ok(true);
            }
            match self.stream.read(scratch, &mut self.readable)? {
                Read::Some(count) => {
                    self.framer.push(&scratch[..count]);
                    // Pongs do not keep a connection that we opened for nobody.
                    if self.pings.is_none() {
                        self.used = now;
                    }
                    unread = unread.saturating_sub(count);
                }
                Read::Again => return Ok(true),
                Read::Nothing => return Ok(false),
            }
        }
    }

    /// A peer that connected by TLS can ask to be reached by this connection at the address that
    /// it listens at. It must be its own: nobody else's requests come here (RFC 5923 §9.3).
    fn note_alias(&mut self, received: &Received) {
        let Received::Message {
            flow,
            message: Message::Request(request),
        } = received
        else {
            return;
        };
        if self.pings.is_none() && flow.protocol.is_tls() && self.alias.is_none() {
            let via = request.headers.identity().ok().map(|identity| identity.via);
            self.alias = via.and_then(|via| via.alias(*flow));
        }
    }

    /// Writes what waits, as far as the network takes it.
    fn flush(&mut self, now: Instant) -> Result<(), End> {
        while self.phase == Phase::Open && self.writable {
            let (chunk, _) = self.unsent.as_slices();
            if chunk.is_empty() {
                self.stream.drain(&mut self.writable)?;
                break;
            }
            let count = self.stream.write(chunk, &mut self.writable)?;
            self.unsent.drain(..count);
            if let Some(pings) = &mut self.pings {
                pings.said = now;
            }
        }
        if self.unsent.len() > self.limits.backlog {
            return Err(End::TooSlow);
        }
        Ok(())
    }
}

impl Pings {
    fn deadline(&self) -> Instant {
        self.pong_by.unwrap_or(self.said + self.every)
    }

    /// Whether it is time to ping. It is over where a pong is missing that came before.
    fn on_deadline(&mut self, now: Instant) -> Result<bool, End> {
        let unanswered = self.pong_by.take().is_some();
        if unanswered && self.answers {
            return Err(End::Silent);
        }
        self.said = now;
        if !unanswered {
            self.pong_by = Some(now + PONG_TIME);
        }
        Ok(!unanswered)
    }

    /// Takes the pong that is awaited, where it has come.
    fn hear(&mut self, framer: &mut Framer, now: Instant) {
        if self.pong_by.is_some() && framer.pop_pong() {
            self.answers = true;
            self.on_message(now);
        }
    }

    /// Whatever the peer says shows that it lives.
    fn on_message(&mut self, now: Instant) {
        self.pong_by = None;
        self.said = now;
    }
}

/// A connection that begins to open, from one of our addresses.
pub(super) fn begin(from: SocketAddr, to: SocketAddr) -> io::Result<TcpStream> {
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
    Ok(stream)
}

/// Makes ready a connection that a peer has opened.
pub(super) fn let_in(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    setsockopt(stream, sockopt::TcpUserTimeout, &acknowledge_time_ms())?;
    Ok(())
}

fn acknowledge_time_ms() -> u32 {
    ACKNOWLEDGE_TIME.as_millis() as u32
}
