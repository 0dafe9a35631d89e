//! What a session tells: bytes to send, and what becomes of its requests.

use rsip::{Method, StatusCode};

use super::flow::{Flow, Protocol};
use super::message::{Request, Response};

/// What a session wants sent, or its user to know.
///
/// Each session tells its end exactly once: by `Ended`, or by `Refused` or `Failed` of a first
/// INVITE that was never answered. Each request of the user that was begun is told once too: by
/// `Accepted`, `Refused`, `Failed`, or the session's end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Bytes to send.
    Transmit {
        /// By which transport, and to whom.
        flow: Flow,
        /// One message.
        bytes: Vec<u8>,
    },
    /// A provisional answer to our first INVITE.
    Progress {
        /// 100 to 199.
        status: StatusCode,
    },
    /// Our first INVITE was accepted. ACK was sent already.
    Answered {
        /// The 2xx.
        response: Response,
        /// By which transport the dialog speaks.
        protocol: Protocol,
    },
    /// A request of ours within the dialog was accepted.
    Accepted {
        /// INVITE, UPDATE or OPTIONS.
        method: Method,
        /// The 2xx.
        response: Response,
    },
    /// A request of ours was refused. Within a dialog, everything stays as it was (RFC 6141 §3.4).
    Refused {
        /// INVITE, UPDATE or OPTIONS.
        method: Method,
        /// 300 to 699.
        response: Response,
    },
    /// A request of ours had no answer.
    Failed {
        /// INVITE, UPDATE or OPTIONS.
        method: Method,
        /// Why.
        failure: Failure,
    },
    /// The peer's INVITE or UPDATE waits for `respond`.
    Offered {
        /// Names it.
        id: RequestId,
        /// The request. An INVITE without body asks for an offer in the 2xx.
        request: Request,
    },
    /// The peer took back what it offered: there is nothing to respond to any more.
    Withdrawn {
        /// What was offered.
        id: RequestId,
    },
    /// The peer acknowledged our 2xx to its INVITE.
    Acknowledged {
        /// The INVITE.
        id: RequestId,
        /// The ACK. It carries the answer where the 2xx carried the offer.
        ack: Request,
    },
    /// The session must be refreshed, and the peer takes no UPDATE: a re-INVITE with an unchanged
    /// offer is due.
    RefreshDue,
    /// The session is over for its user.
    Ended {
        /// Why.
        by: End,
    },
}

/// One request of the peer, within its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub(super) u32);

/// Why a request had no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Nobody answered in time.
    Timeout,
    /// The network says that nobody is there.
    Unreachable,
}

/// Why a session ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// We ended it.
    Local {
        /// Whether the peer confirmed it.
        confirmed: bool,
    },
    /// The peer said BYE, or CANCEL before its INVITE was answered.
    Peer {
        /// The Reason header, where there was one (RFC 3326).
        reason: Option<String>,
    },
    /// The peer did not refresh the session, or ours failed to (RFC 4028 §10).
    Expired,
    /// The peer knows the session no more: 481 or 408 within the dialog (RFC 3261 §12.2.1.2).
    Lost {
        /// What it answered; nothing where it answered nothing at all.
        status: Option<StatusCode>,
    },
    /// The peer did not acknowledge our 2xx (RFC 3261 §13.3.1.4).
    Unacknowledged,
    /// The peer's INVITE could not be taken.
    Invalid {
        /// What it was answered.
        status: StatusCode,
    },
}
