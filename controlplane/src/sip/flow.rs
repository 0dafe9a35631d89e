//! Flows: by which transport and with whom a message is exchanged.

use std::net::SocketAddr;

/// A transport protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// Datagrams, which may be lost.
    Udp,
    /// A stream, which is reliable while its connection lives.
    Tcp,
}

/// A transport protocol and the address at its other end. The transport keeps one connection for
/// each TCP flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Flow {
    /// By what.
    pub protocol: Protocol,
    /// With whom.
    pub remote: SocketAddr,
}

/// Which transport protocol requests take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TransportPolicy {
    /// UDP, but TCP for requests that are too large for it (RFC 3261 §18.1.1), and UDP again where
    /// TCP cannot be opened. A URI that names a transport is followed.
    #[default]
    Auto,
    /// UDP whatever the size.
    Udp,
    /// TCP always.
    Tcp,
}

impl Protocol {
    /// As Via spells it.
    pub(super) const fn via_name(self) -> &'static str {
        match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
        }
    }

    /// Whether what was sent arrives or its loss is told.
    pub(super) const fn is_reliable(self) -> bool {
        match self {
            Self::Udp => false,
            Self::Tcp => true,
        }
    }

    /// From a URI's `transport` parameter, where we speak that protocol.
    pub fn named(name: &str) -> Option<Self> {
        [Self::Udp, Self::Tcp]
            .into_iter()
            .find(|protocol| protocol.via_name().eq_ignore_ascii_case(name))
    }
}
