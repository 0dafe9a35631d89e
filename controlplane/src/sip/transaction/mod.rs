//! Transactions: one request, its retransmissions and its answers (RFC 3261 §17, RFC 6026).
//!
//! A machine pushes what it sends, returns what its user must know, and is dropped when it is over.

use std::time::Instant;

use rsip::Method;

use super::flow::{Flow, Protocol};
use super::headers::{CSeq, Identity};
use super::host::Host;
use super::via::Via;

/// Our requests other than INVITE and ACK.
pub(super) mod client;
/// Our INVITEs.
pub(super) mod client_invite;
/// Their requests other than INVITE and ACK.
pub(super) mod server;
/// Their INVITEs.
pub(super) mod server_invite;
/// The timers and their lengths.
pub mod timing;

/// What a response means to the user of a client transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// The request is being worked on.
    Provisional,
    /// 2xx. To an INVITE it may come again, and from several places.
    Success,
    /// 300 to 699.
    Refusal,
}

/// What tells a transaction of theirs from another (RFC 3261 §17.2.3). The number tells those
/// apart that come without a proper branch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Key {
    branch: Option<String>,
    host: Host,
    port: Option<u16>,
    cseq: CSeq,
}

impl Key {
    /// Of a request other than ACK and CANCEL.
    pub(super) fn of(identity: &Identity) -> Self {
        Self {
            branch: identity.via.branch().map(str::to_owned),
            host: identity.via.host.clone(),
            port: identity.via.port,
            cseq: identity.cseq,
        }
    }

    /// Of the INVITE that an ACK or CANCEL belongs to.
    pub(super) fn of_invite(identity: &Identity) -> Self {
        let cseq = CSeq {
            method: Method::Invite,
            ..identity.cseq
        };
        Self {
            cseq,
            ..Self::of(identity)
        }
    }
}

/// The way back to whoever sent a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reply {
    /// The way that is taken.
    flow: Flow,
    /// Where a connection is opened to once the one that brought the request is dead
    /// (RFC 3261 §18.2.2).
    spare: Option<Flow>,
}

impl Reply {
    /// To a request with that Via which came by `source`.
    pub(super) fn new(via: &Via, source: Flow) -> Self {
        let spare = match source.protocol {
            Protocol::Udp => None,
            Protocol::Tcp | Protocol::Tls(_) => Some(via.listener(source)),
        };
        Self {
            flow: via.reply_flow(source),
            spare,
        }
    }

    /// That flow is dead: takes the other way, if it was this one and there is another.
    fn turn(&mut self, dead: Flow) -> bool {
        let spare = if self.flow == dead {
            self.spare.take()
        } else {
            None
        };
        self.flow = spare.unwrap_or(self.flow);
        spare.is_some()
    }

    #[cfg(test)]
    fn by(flow: Flow) -> Self {
        Self { flow, spare: None }
    }
}

/// The earlier of two deadlines.
pub(super) fn earlier(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    one.into_iter().chain(other).min()
}
