//! Where a recorder is: from its URI to the addresses that are tried, in order (RFC 3263).
//!
//! Nothing here waits or sends: whoever has a resolver answers the questions, and whoever has
//! randomness asks for an order.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use crate::sip::flow::{Flow, Protocol};

/// In which order servers are tried (RFC 2782).
mod order;
/// What is asked of the DNS, and what its answers mean.
mod search;

pub use self::search::locate;

/// What a URI says of where it leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// A domain name.
    pub host: String,
    /// The port, where the URI names one.
    pub port: Option<u16>,
    /// The transport, where the URI or the configuration names one.
    pub protocol: Option<Protocol>,
}

/// A question to the DNS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// Which services a domain has.
    Naptr(String),
    /// Which servers a service has.
    Srv(String),
    /// A host's IPv4 and IPv6 addresses.
    Addresses(String),
}

/// What the DNS answered, and until when it may be believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub records: Records,
    pub until: Instant,
}

/// Records of the kind that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Records {
    Naptr(Vec<Naptr>),
    Srv(Vec<Srv>),
    Addresses(Vec<IpAddr>),
}

/// RFC 3403 §4.1; a regular expression is not for SIP (RFC 3263 §4.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Naptr {
    pub order: u16,
    pub preference: u16,
    pub flags: String,
    pub service: String,
    pub replacement: String,
}

/// RFC 2782.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Srv {
    pub priority: u16,
    pub weight: u16,
    pub port: u16,
    pub target: String,
}

/// Why a question has no records for an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Missing {
    /// There are none, and there will be none for so long (RFC 2308).
    Nothing { ttl: Duration },
    /// The DNS could not be asked.
    Failed(String),
}

/// A recorder's servers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Located {
    pub servers: Vec<Server>,
    /// Until when what was found may be believed.
    pub until: Option<Instant>,
    /// How long what was not found may be believed not to be there.
    pub again_in: Option<Duration>,
}

/// One server of a recorder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// The service's place among those of the domain: lower ones are tried first.
    pub rank: u16,
    /// Lower ones are tried first.
    pub priority: u16,
    /// How often it comes first among those of its priority.
    pub weight: u16,
    pub protocol: Protocol,
    pub port: u16,
    pub addresses: Vec<IpAddr>,
}

/// Why a recorder's servers are not known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotFound {
    /// A sentence for the operator.
    pub why: String,
    /// When asking again is worth it.
    pub again_in: Duration,
}

/// An address of a recorder, and by what it is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Target {
    pub protocol: Protocol,
    pub remote: SocketAddr,
}

impl Target {
    /// The way there.
    pub const fn flow(self) -> Flow {
        Flow {
            protocol: self.protocol,
            remote: self.remote,
        }
    }
}

impl Located {
    /// A recorder whose URI holds its address (RFC 3263 §4.1 and §4.2).
    pub fn at(address: SocketAddr, protocol: Option<Protocol>) -> Self {
        Self {
            servers: vec![Server {
                rank: 0,
                priority: 0,
                weight: 0,
                protocol: protocol.unwrap_or(Protocol::Udp),
                port: address.port(),
                addresses: vec![address.ip()],
            }],
            until: None,
            again_in: None,
        }
    }
}
