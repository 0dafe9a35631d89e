//! Why a connection ends, and what an operator is told of it.

use std::net::SocketAddr;

use super::connection::{CONNECT_TIME, HANDSHAKE_TIME};
use super::stream::Broken;

/// Why a connection ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// It could not be opened.
    Refused,
    /// It was not open in time.
    ConnectTimeout,
    /// TLS was not agreed on in time.
    HandshakeTimeout,
    /// The peer closed it before TLS was agreed on.
    HandshakeLost,
    /// TLS came to nothing, and why.
    Tls(String),
    /// The peer closed it, or the network lost it.
    Lost,
    /// What the peer says is no SIP.
    Nonsense,
    /// The peer does not read.
    TooSlow,
    /// The peer does not answer pings any more.
    Silent,
    /// Nobody used it.
    Idle,
    /// It is not wanted any more.
    Unwanted,
}

impl End {
    /// What keeps us from speaking TLS with a recorder at `remote`, where that is it: a sentence
    /// with the remedy.
    pub(super) fn trouble(&self, remote: SocketAddr) -> Option<String> {
        match self {
            Self::Refused => Some(format!(
                "{remote} takes no connection: see whether the recorder runs and listens there"
            )),
            Self::ConnectTimeout => Some(format!(
                "{remote} has not taken a connection within {} ms: see whether the recorder runs, \
                 and whether a firewall stands between",
                CONNECT_TIME.as_millis()
            )),
            Self::HandshakeTimeout => Some(format!(
                "{remote} took a connection and agreed on no TLS within {} ms: see whether that \
                 port is the one for TLS",
                HANDSHAKE_TIME.as_millis()
            )),
            Self::HandshakeLost => Some(format!(
                "{remote} closed the connection before TLS was agreed on: see whether that port is \
                 the one for TLS, and the recorder's log"
            )),
            Self::Tls(why) => Some(why.clone()),
            Self::Lost
            | Self::Nonsense
            | Self::TooSlow
            | Self::Silent
            | Self::Idle
            | Self::Unwanted => None,
        }
    }
}

impl From<Broken> for End {
    fn from(broken: Broken) -> Self {
        match broken {
            Broken::Lost => Self::Lost,
            Broken::Tls(why) => Self::Tls(why),
        }
    }
}
