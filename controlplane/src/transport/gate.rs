//! A listening socket.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::net::{TcpListener, TcpStream};
use mio::{Interest, Registry, Token};

/// Connections that are let in in one turn.
const ACCEPTS_PER_TURN: usize = 64;
/// The pause after the system could not give us a connection.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);

/// Where others connect to us.
#[derive(Debug)]
pub(super) struct Gate {
    listener: TcpListener,
    address: SocketAddr,
    /// Somebody may wait to be let in.
    accepting: bool,
    again: Option<Instant>,
}

impl Gate {
    pub(super) fn bind(address: SocketAddr, registry: &Registry, token: Token) -> io::Result<Self> {
        let mut listener = TcpListener::bind(address)?;
        registry.register(&mut listener, token, Interest::READABLE)?;
        Ok(Self {
            address: listener.local_addr()?,
            listener,
            accepting: false,
            again: None,
        })
    }

    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Somebody has come.
    pub(super) const fn note(&mut self) {
        self.accepting = true;
    }

    /// Lets in who waits.
    pub(super) fn accept(&mut self, now: Instant, out: &mut Vec<(TcpStream, SocketAddr)>) {
        if self.again.take_if(|at| *at <= now).is_some() {
            self.accepting = true;
        }
        for _ in 0..ACCEPTS_PER_TURN {
            if !self.accepting {
                return;
            }
            match self.listener.accept() {
                Ok(accepted) => out.push(accepted),
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.accepting = false,
                // The next one may be better: this one is gone already.
                Err(error) if is_of_one(error.kind()) => {}
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a SIP connection");
                    self.accepting = false;
                    self.again = Some(now + ACCEPT_PAUSE);
                }
            }
        }
    }

    /// Whether somebody may still wait.
    pub(super) const fn has_more(&self) -> bool {
        self.accepting
    }

    /// When to try again.
    pub(super) const fn deadline(&self) -> Option<Instant> {
        self.again
    }
}

/// Whether accepting failed because of the connection that would have been accepted.
fn is_of_one(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::Interrupted | ErrorKind::ConnectionAborted)
}
