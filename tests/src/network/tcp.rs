//! TCP: what is sent arrives in order, or both ends learn in time that it does not.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use sixreel_controlplane::sip::framing::{Frame, Framer};
use sixreel_dataplane::time::Nanos;

use super::{Air, Link, Node, Outage, SIP_PORT};
use crate::agenda::Happening;

/// How long what is sent may stay unacknowledged,
const PATIENCE: Nanos = Nanos::from_millis(4_000);
/// and how long a connection may take to open.
const OPENING: Nanos = Nanos::from_millis(1_500);
/// How long a lost segment is delayed, at least.
const RETRANSMISSION: Nanos = Nanos::from_millis(200);
/// Opened connections come from ports from here on.
const FIRST_PORT: u16 = 49_152;

/// Every connection that ever was.
#[derive(Debug, Default)]
pub struct Tcp {
    connections: Vec<Connection>,
    /// The latest connection of each node with each address.
    latest: BTreeMap<(Node, SocketAddr), usize>,
}

/// A connection: who opened it comes first.
#[derive(Debug)]
struct Connection {
    ends: [End; 2],
    delay: Nanos,
    /// When the handshake is done, if nothing comes between.
    ready_at: Nanos,
    is_open: bool,
}

/// One end of a connection.
#[derive(Debug)]
struct End {
    node: Node,
    address: SocketAddr,
    is_alive: bool,
    framer: Framer,
    /// When the last of what is under way to this end arrives.
    busy_until: Nanos,
    /// What was sent to this end and does not arrive, and since when.
    stalled: Vec<Vec<u8>>,
    stalled_since: Option<Nanos>,
}

/// What becomes of a connection. `to` is the end that it happens at.
#[derive(Clone, Debug)]
pub enum Step {
    /// Bytes arrive.
    Segment {
        connection: usize,
        to: usize,
        bytes: Vec<u8>,
    },
    /// The end learns that the connection is no more.
    Reset { connection: usize, to: usize },
    /// What was sent to this end was not acknowledged since then.
    Impatience {
        connection: usize,
        to: usize,
        since: Nanos,
    },
}

/// What an end of a connection tells its node.
#[derive(Debug)]
pub enum Arrival {
    /// A message came.
    Message {
        node: Node,
        remote: SocketAddr,
        bytes: Vec<u8>,
    },
    /// The connection is no more.
    Broken { node: Node, remote: SocketAddr },
}

impl Tcp {
    /// Sends to `to` over the latest connection, or over a new one.
    pub fn send(
        &mut self,
        from: Node,
        to: SocketAddr,
        bytes: Vec<u8>,
        link: Link,
        air: &mut Air<'_>,
    ) {
        let known = self.latest.get(&(from, to)).copied();
        let index = known.unwrap_or_else(|| self.open(from, to, link, air));
        let connection = &mut self.connections[index];
        let target = usize::from(connection.ends[0].node == from);
        let end = &mut connection.ends[target];
        if link.outage == Some(Outage::BlackHole) {
            end.stalled.push(bytes);
            if end.stalled_since.is_none() {
                end.stalled_since = Some(air.now);
                let patience = if connection.is_open {
                    PATIENCE
                } else {
                    OPENING
                };
                let step = Step::Impatience {
                    connection: index,
                    to: target,
                    since: air.now,
                };
                air.agenda
                    .push(air.now.after(patience), Happening::Stream(step));
            }
            return;
        }
        connection.transport((index, target), bytes, link, air);
    }

    /// Does a step.
    pub fn step(&mut self, step: Step, air: &mut Air<'_>) -> Vec<Arrival> {
        let mut arrivals = Vec::new();
        match step {
            Step::Segment {
                connection,
                to,
                bytes,
            } => self.receive((connection, to), &bytes, air, &mut arrivals),
            Step::Reset { connection, to } => self.kill((connection, to), &mut arrivals),
            Step::Impatience {
                connection,
                to,
                since,
            } => {
                let end = &mut self.connections[connection].ends[to];
                if end.stalled_since == Some(since) {
                    end.stalled.clear();
                    end.stalled_since = None;
                    self.kill((connection, 1 - to), &mut arrivals);
                }
            }
        }
        arrivals
    }

    /// Both ends of every connection of this node learn that it is no more.
    pub fn reset(&mut self, node: Node, air: &mut Air<'_>) {
        for index in self.of(node) {
            for to in 0..2 {
                self.connections[index].tell_reset((index, to), air);
            }
        }
    }

    /// A node forgets its connections; who is at the other end learns it when it sends.
    pub fn forget(&mut self, node: Node) {
        for index in self.of(node) {
            let ends = &mut self.connections[index].ends;
            let mine = usize::from(ends[1].node == node);
            ends[mine].is_alive = false;
            let remote = ends[1 - mine].address;
            self.latest.remove(&(node, remote));
        }
    }

    /// What was held up on the way from and to this node goes on.
    pub fn repair(&mut self, node: Node, air: &mut Air<'_>) {
        for index in self.of(node) {
            for to in 0..2 {
                let connection = &mut self.connections[index];
                let end = &mut connection.ends[to];
                end.stalled_since = None;
                let link = Link {
                    weather: super::Weather::FINE,
                    outage: None,
                };
                for bytes in std::mem::take(&mut end.stalled) {
                    connection.transport((index, to), bytes, link, air);
                }
            }
        }
    }

    fn of(&self, node: Node) -> Vec<usize> {
        let is_of = |connection: &Connection| {
            connection.ends.iter().any(|end| end.node == node)
                && connection.ends.iter().any(|end| end.is_alive)
        };
        let all = self.connections.iter().enumerate();
        all.filter(|(_, connection)| is_of(connection))
            .map(|(index, _)| index)
            .collect()
    }

    fn open(&mut self, from: Node, to: SocketAddr, link: Link, air: &mut Air<'_>) -> usize {
        let index = self.connections.len();
        let own = SocketAddr::new(from.sip().ip(), FIRST_PORT + (index % 16_000) as u16);
        let end = |node, address| End {
            node,
            address,
            is_alive: true,
            framer: Framer::default(),
            busy_until: air.now,
            stalled: Vec::new(),
            stalled_since: None,
        };
        let mut connection = Connection {
            ends: [end(from, own), end(Node::of(to.ip()), to)],
            delay: link.weather.delay,
            ready_at: air.now.after(Nanos(2 * link.weather.delay.0)),
            is_open: false,
        };
        // Nobody listens at the port of a connection that is no more.
        if link.outage == Some(Outage::Refused) || to.port() != SIP_PORT {
            connection.ends[1].is_alive = false;
        }
        self.connections.push(connection);
        self.latest.insert((from, to), index);
        index
    }

    fn receive(
        &mut self,
        (index, to): (usize, usize),
        bytes: &[u8],
        air: &mut Air<'_>,
        arrivals: &mut Vec<Arrival>,
    ) {
        let connection = &mut self.connections[index];
        let remote = connection.ends[1 - to].address;
        let end = &mut connection.ends[to];
        if !end.is_alive {
            connection.tell_reset((index, 1 - to), air);
            return;
        }
        let node = end.node;
        if !connection.is_open {
            connection.is_open = true;
            self.latest.insert((node, remote), index);
        }
        let end = &mut connection.ends[to];
        end.framer.push(bytes);
        loop {
            match end.framer.pop() {
                Ok(Some(Frame::Message(bytes))) => arrivals.push(Arrival::Message {
                    node,
                    remote,
                    bytes,
                }),
                Ok(Some(Frame::Ping)) => {}
                Ok(None) => return,
                Err(_) => break,
            }
        }
        // What is no SIP ends the connection.
        connection.tell_reset((index, 1 - to), air);
        self.kill((index, to), arrivals);
    }

    fn kill(&mut self, (index, to): (usize, usize), arrivals: &mut Vec<Arrival>) {
        let ends = &mut self.connections[index].ends;
        let remote = ends[1 - to].address;
        let end = &mut ends[to];
        if std::mem::replace(&mut end.is_alive, false) {
            let node = end.node;
            if self.latest.get(&(node, remote)) == Some(&index) {
                self.latest.remove(&(node, remote));
            }
            arrivals.push(Arrival::Broken { node, remote });
        }
    }
}

impl Connection {
    /// Bytes are on their way to an end, in up to three pieces.
    fn transport(
        &mut self,
        (index, to): (usize, usize),
        bytes: Vec<u8>,
        link: Link,
        air: &mut Air<'_>,
    ) {
        let mut rest = &bytes[..];
        for piece in 0..3 {
            let len = match piece {
                2 => rest.len(),
                _ => air.random.below(rest.len() as u64 + 1) as usize,
            };
            let (now, later) = rest.split_at(len);
            rest = later;
            if now.is_empty() {
                continue;
            }
            let lost = air.random.below(1000) < link.weather.lost;
            let again = if lost { RETRANSMISSION.0 } else { 0 };
            let time = Nanos(link.weather.time(air.random).0 + again);
            let end = &mut self.ends[to];
            let sent = air.now.max(self.ready_at);
            end.busy_until = sent.after(time).max(end.busy_until);
            let step = Step::Segment {
                connection: index,
                to,
                bytes: now.to_vec(),
            };
            air.agenda.push(end.busy_until, Happening::Stream(step));
        }
    }

    fn tell_reset(&self, (index, to): (usize, usize), air: &mut Air<'_>) {
        let step = Step::Reset {
            connection: index,
            to,
        };
        let at = air.now.after(self.delay);
        air.agenda.push(at, Happening::Stream(step));
    }
}
