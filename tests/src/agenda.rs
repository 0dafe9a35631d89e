//! What happens when.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use sixreel_controlplane::sip::flow::Flow;
use sixreel_dataplane::api::{Command, Event};
use sixreel_dataplane::time::Nanos;

use crate::network::{Node, Outage, tcp};

/// Something that will happen.
#[derive(Clone, Debug)]
pub enum Happening {
    /// A datagram arrives.
    Datagram {
        from: SocketAddr,
        to: SocketAddr,
        bytes: Vec<u8>,
    },
    /// Something becomes of a TCP connection.
    Stream(tcp::Step),
    /// The network tells somebody that nothing reaches that peer.
    Unreachable { at: Node, flow: Flow },
    /// A command reaches its worker.
    Command { worker: usize, command: Command },
    /// A worker's news reach the engine.
    Told { worker: usize, event: Event },
    /// A telephone sends its next packet.
    Speech { caller: usize },
    /// A name was looked up.
    Resolved { recorder: usize },
    /// Something befalls the network or a recorder.
    Fault(Fault),
}

/// What befalls the network or a recorder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The way to a recorder is interrupted so.
    Outage { recorder: usize, outage: Outage },
    /// The way is open again.
    Repair { recorder: usize },
    /// Every connection of a recorder is reset.
    Reset { recorder: usize },
    /// A recorder forgets its connections, and nobody is told.
    HalfOpen { recorder: usize },
    /// A recorder loses power, and is back at once: it knows nothing any more.
    Restart { recorder: usize },
}

/// Happenings in the order of time, and of their planning where they happen at once.
#[derive(Debug, Default)]
pub struct Agenda {
    ahead: BTreeMap<(Nanos, u64), Happening>,
    planned: u64,
}

impl Agenda {
    /// Something will happen.
    pub fn push(&mut self, at: Nanos, happening: Happening) {
        self.planned += 1;
        self.ahead.insert((at, self.planned), happening);
    }

    /// When something happens next.
    pub fn first(&self) -> Option<Nanos> {
        self.ahead.first_key_value().map(|((at, _), _)| *at)
    }

    /// What happens next.
    pub fn pop(&mut self) -> Option<Happening> {
        self.ahead.pop_first().map(|(_, happening)| happening)
    }

    /// Faults that were planned do not befall any more.
    pub fn spare(&mut self) {
        self.ahead
            .retain(|_, happening| !matches!(happening, Happening::Fault(_)));
    }
}
