//! The network between the site, the recorders and the telephones.
//!
//! One link leads from the site to each recorder, and one to all telephones. Datagrams on it are
//! lost, doubled, delayed, overtaken and garbled as its weather says; TCP makes up for all of that
//! with time, or breaks.

/// TCP: what is sent arrives in order, or both ends learn in time that it does not.
pub mod tcp;

use std::net::{IpAddr, SocketAddr};

use sixreel_controlplane::random::Random;
use sixreel_controlplane::sip::flow::{Flow, Protocol};
use sixreel_dataplane::time::Nanos;
use sixreel_dataplane::wire::is_rtcp;

use crate::agenda::{Agenda, Happening};
use crate::garble::garble;
use tcp::Tcp;

/// The port of SIP.
pub const SIP_PORT: u16 = 5060;

/// Whoever has addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Node {
    Site,
    Recorder(usize),
    Callers,
}

/// What a link does to what travels on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Weather {
    /// The time that the fastest packet takes.
    pub delay: Nanos,
    /// What others take longer, at most: packets overtake each other.
    pub jitter: Nanos,
    /// Packets in a thousand that are lost,
    pub lost: u64,
    /// that arrive twice,
    pub doubled: u64,
    /// that arrive 40 ms later than they should,
    pub late: u64,
    /// and that arrive garbled, of those that go to the site.
    pub garbled: u64,
}

/// Why nothing arrives at a recorder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outage {
    /// Its host answers that nobody listens.
    Refused,
    /// Nothing comes back.
    BlackHole,
}

/// One link.
#[derive(Clone, Copy, Debug)]
pub struct Link {
    pub weather: Weather,
    pub outage: Option<Outage>,
}

/// All links, and the connections on them.
#[derive(Debug)]
pub struct Network {
    links: Vec<Link>,
    pub tcp: Tcp,
}

/// What the network works with.
pub struct Air<'a> {
    pub now: Nanos,
    pub random: &'a mut Random,
    pub agenda: &'a mut Agenda,
}

impl Weather {
    /// A good local network.
    pub const FINE: Self = Self {
        delay: Nanos(500_000),
        jitter: Nanos(100_000),
        lost: 0,
        doubled: 0,
        late: 0,
        garbled: 0,
    };

    /// How long a packet takes.
    fn time(&self, random: &mut Random) -> Nanos {
        let late = random.below(1000) < self.late;
        let more = if late { 40 * Nanos::MILLI.0 } else { 0 };
        Nanos(self.delay.0 + random.below(self.jitter.0 + 1) + more)
    }
}

impl Node {
    /// Whose address it is.
    pub fn of(ip: IpAddr) -> Self {
        match ip {
            IpAddr::V4(v4) if v4.octets()[0] == 192 => Self::Site,
            IpAddr::V4(v4) if v4.octets()[0] == 198 => {
                Self::Recorder(usize::from(v4.octets()[3]) - 1)
            }
            IpAddr::V4(_) | IpAddr::V6(_) => Self::Callers,
        }
    }

    /// Where it is reached by SIP.
    pub fn sip(self) -> SocketAddr {
        match self {
            Self::Site => SocketAddr::from(([192, 0, 2, 1], SIP_PORT)),
            Self::Recorder(number) => {
                SocketAddr::from(([198, 51, 100, 1 + number as u8], SIP_PORT))
            }
            Self::Callers => SocketAddr::from(([203, 0, 113, 1], SIP_PORT)),
        }
    }
}

impl Network {
    /// Links to so many recorders, and one to the telephones.
    pub fn new(recorders: usize) -> Self {
        let link = Link {
            weather: Weather::FINE,
            outage: None,
        };
        Self {
            links: vec![link; recorders + 1],
            tcp: Tcp::default(),
        }
    }

    /// The link to a recorder, or to the telephones.
    pub fn link(&mut self, node: Node) -> &mut Link {
        let last = self.links.len() - 1;
        match node {
            Node::Recorder(number) => &mut self.links[number],
            Node::Callers | Node::Site => &mut self.links[last],
        }
    }

    /// A datagram is sent.
    pub fn datagram(
        &mut self,
        (from, to): (SocketAddr, SocketAddr),
        bytes: &[u8],
        air: &mut Air<'_>,
    ) {
        let (sender, receiver) = (Node::of(from.ip()), Node::of(to.ip()));
        let away = if receiver == Node::Site {
            sender
        } else {
            receiver
        };
        let Link { weather, outage } = *self.link(away);
        match outage {
            Some(Outage::Refused) if sender == Node::Site && from.port() == SIP_PORT => {
                let flow = Flow {
                    protocol: Protocol::Udp,
                    remote: to,
                };
                let told = Happening::Unreachable { at: sender, flow };
                air.agenda.push(air.now.after(weather.delay), told);
                return;
            }
            Some(_) => return,
            None => {}
        }
        if air.random.below(1000) < weather.lost {
            return;
        }
        let copies = 1 + u64::from(air.random.below(1000) < weather.doubled);
        for _ in 0..copies {
            let mut bytes = bytes.to_vec();
            let spared = away != Node::Callers && is_rtcp(&bytes);
            if receiver == Node::Site && !spared && air.random.below(1000) < weather.garbled {
                garble(&mut bytes, air.random);
            }
            let at = air.now.after(weather.time(air.random));
            air.agenda.push(at, Happening::Datagram { from, to, bytes });
        }
    }

    /// Sends a message over TCP.
    pub fn stream(&mut self, from: Node, to: SocketAddr, bytes: &[u8], air: &mut Air<'_>) {
        let away = if from == Node::Site {
            Node::of(to.ip())
        } else {
            from
        };
        let link = *self.link(away);
        let mut bytes = bytes.to_vec();
        if from != Node::Site && air.random.below(1000) < link.weather.garbled {
            garble(&mut bytes, air.random);
        }
        self.tcp.send(from, to, bytes, link, air);
    }

    /// The way to a recorder is open again.
    pub fn repair(&mut self, recorder: usize, air: &mut Air<'_>) {
        let node = Node::Recorder(recorder);
        self.link(node).outage = None;
        self.tcp.repair(node, air);
    }
}
