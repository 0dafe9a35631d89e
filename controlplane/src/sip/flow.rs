//! Flows: by which transport and with whom a message is exchanged.

use std::net::SocketAddr;

/// A transport protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// Datagrams, which may be lost.
    Udp,
    /// A stream, which is reliable while its connection lives.
    Tcp,
    /// Such a stream that nobody else can read or write, under the settings for that peer.
    Tls(TlsSettings),
}

/// Under which settings a TLS connection is made: whom we believe at its other end, and who we are
/// there. A connection under one is never used under another, even to the same address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TlsSettings {
    /// Those for whoever connects to us.
    Listener,
    /// Those of the recorder at this place in the configuration.
    Recorder(u16),
    /// The same, for a connection of its own that shows whether they work.
    Trial(u16),
}

/// A transport protocol and the address at its other end. The transport keeps one connection for
/// each TCP and TLS flow.
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
    /// TLS always: nothing that a peer says makes us speak in clear.
    Tls(TlsSettings),
}

impl Protocol {
    /// As Via spells it.
    pub(super) const fn via_name(self) -> &'static str {
        match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
            Self::Tls(_) => "TLS",
        }
    }

    /// Whether what was sent arrives or its loss is told.
    pub(super) const fn is_reliable(self) -> bool {
        match self {
            Self::Udp => false,
            Self::Tcp | Self::Tls(_) => true,
        }
    }

    /// Whether it is TLS.
    pub const fn is_tls(self) -> bool {
        matches!(self, Self::Tls(_))
    }

    /// As URIs and people spell it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Tls(_) => "tls",
        }
    }

    /// The port where nobody names one (RFC 3261 §19.1.2).
    pub const fn default_port(self) -> u16 {
        match self {
            Self::Udp | Self::Tcp => 5060,
            Self::Tls(_) => 5061,
        }
    }

    /// From a URI's `transport` parameter, where it names one in clear. TLS is no matter of a name
    /// alone: whom to believe belongs to it.
    pub fn named(name: &str) -> Option<Self> {
        [Self::Udp, Self::Tcp]
            .into_iter()
            .find(|protocol| protocol.name().eq_ignore_ascii_case(name))
    }
}
