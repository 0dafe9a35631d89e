//! SIP over UDP and TCP in the event loop: one address, datagrams and connections.
//!
//! A turn of the loop: `Transport::handle` for each event, `Transport::serve` once, then a
//! `Transport::send` for each message that came of it. Nobody is waited for: what one turn's
//! budget leaves over, and whoever turns out to be unreachable while sending, is told in the next
//! turn, for which `Transport::deadline` then asks at once.

/// One TCP connection: its stream, its messages and its patience.
mod connection;
/// All TCP connections: those that others open, and those that we open to send.
mod connections;
/// The UDP socket, and what the network says of datagrams that found nobody.
mod datagrams;

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::Instant;

use mio::event::Event;
use mio::{Registry, Token};

use self::connections::Connections;
use self::datagrams::Datagrams;
use crate::sip::flow::{Flow, Protocol};
use crate::sip::message::{Message, Rejected};

/// Connections that others may have open to us.
pub const INCOMING_MAX: usize = 1024;

/// Connections that we have open to others.
pub const OUTGOING_MAX: usize = 256;

/// Tokens that the transport uses, from its first one on.
pub const TOKENS: usize = 2 + INCOMING_MAX + OUTGOING_MAX;

/// Datagrams that are taken in one turn, and as many messages from connections.
pub const MESSAGES_PER_TURN: usize = 128;

/// SIP at one address, by UDP and by TCP.
#[derive(Debug)]
pub struct Transport {
    address: SocketAddr,
    first_token: usize,
    datagrams: Datagrams,
    connections: Connections,
    /// What was learnt while sending.
    learnt: Vec<Received>,
    /// When something was last done.
    turn: Option<Instant>,
}

/// What comes from the network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Received {
    /// A message.
    Message {
        /// By which transport, and from whom.
        flow: Flow,
        /// The message.
        message: Message,
    },
    /// Bytes that are no usable message.
    Rejected {
        /// By which transport, and from whom.
        flow: Flow,
        /// What is wrong with them, and whether they can be answered.
        rejected: Rejected,
    },
    /// What was sent there last may never arrive: ICMP says so, or a connection could not be
    /// opened or has ended, for whatever reason.
    Unreachable {
        /// The peer, by its address at the other end.
        flow: Flow,
    },
}

/// Why SIP cannot be had at an address.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    #[error("another program has {address} ({protocol}): stop it, or choose another port")]
    InUse {
        address: SocketAddr,
        protocol: &'static str,
    },
    #[error("{0} is no address of this machine: choose one of its own")]
    NotOurs(SocketAddr),
    #[error("cannot listen at {address} ({protocol}): {error}")]
    System {
        address: SocketAddr,
        protocol: &'static str,
        error: io::Error,
    },
}

impl Transport {
    /// Listens at `address`, and sends from it. Uses [`TOKENS`] tokens of the loop's `registry`
    /// from `first_token` on. With port 0 the system chooses one.
    pub fn bind(
        address: SocketAddr,
        registry: &Registry,
        first_token: Token,
    ) -> Result<Self, BindError> {
        let first_token = first_token.0;
        let connections = Connections::bind(address, registry, first_token + 1)
            .map_err(|error| BindError::new(address, "TCP", error))?;
        let address = connections.address();
        let datagrams = Datagrams::bind(address, registry, Token(first_token))
            .map_err(|error| BindError::new(address, "UDP", error))?;
        Ok(Self {
            address,
            first_token,
            datagrams,
            connections,
            learnt: Vec::new(),
            turn: None,
        })
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Notes an event of one of the transport's tokens; [`Self::serve`] then acts on it.
    pub fn handle(&mut self, event: &Event) {
        match event.token().0.checked_sub(self.first_token) {
            Some(0) => self.datagrams.note(event),
            Some(_) => self.connections.note(event),
            None => {}
        }
    }

    /// Lets peers in, reads, and pushes to `out` what has come: at most [`MESSAGES_PER_TURN`]
    /// datagrams and as many messages from connections. Also does what is due by `now`.
    pub fn serve(&mut self, now: Instant, out: &mut Vec<Received>) {
        self.turn = Some(now);
        out.append(&mut self.learnt);
        self.datagrams.receive(out);
        self.connections.serve(now, out);
    }

    /// Sends one message. Never waits; whether it can have arrived is told by [`Self::serve`] if
    /// it cannot. A datagram for which there is no room is lost, as others are on their way.
    pub fn send(&mut self, flow: Flow, message: &[u8], now: Instant) {
        self.turn = Some(now);
        let (remote, learnt) = (flow.remote, &mut self.learnt);
        match flow.protocol {
            Protocol::Udp => self.datagrams.send(remote, message, learnt),
            Protocol::Tcp => self.connections.send(remote, message, now, learnt),
        }
    }

    /// When [`Self::serve`] must be called next, even if nothing happens. It lies in the past
    /// where a turn's budget left something over, or sending brought something to tell.
    pub fn deadline(&self) -> Option<Instant> {
        let left_over =
            !self.learnt.is_empty() || self.datagrams.has_more() || self.connections.has_more();
        let at_once = self.turn.filter(|_| left_over);
        at_once.into_iter().chain(self.connections.deadline()).min()
    }
}

impl BindError {
    fn new(address: SocketAddr, protocol: &'static str, error: io::Error) -> Self {
        if error.kind() == ErrorKind::AddrInUse {
            return Self::InUse { address, protocol };
        }
        if error.kind() == ErrorKind::AddrNotAvailable {
            return Self::NotOurs(address);
        }
        Self::System {
            address,
            protocol,
            error,
        }
    }
}

const fn tcp(remote: SocketAddr) -> Flow {
    Flow {
        protocol: Protocol::Tcp,
        remote,
    }
}

/// What bytes that came by `flow` mean.
fn understood(bytes: &[u8], flow: Flow) -> Received {
    match Message::parse(bytes, flow.protocol) {
        Ok(message) => Received::Message { flow, message },
        Err(rejected) => Received::Rejected { flow, rejected },
    }
}
