//! What is known of a recorded call: the model that metadata is written from.

use super::id::Id;
use crate::time::Wall;

/// A communication session, who takes part in it, and the one stream that it is mixed into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    pub session: SessionFacts,
    /// In the order of joining. Nobody is ever taken out: who leaves gets a time for it.
    pub participants: Vec<ParticipantFacts>,
    pub stream: StreamFacts,
}

/// The communication session (RFC 7865 §6.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionFacts {
    pub id: Id,
    pub started: Wall,
    pub ended: Option<Wall>,
    /// SIP session identifiers (RFC 7989), one for each dialog that is known.
    pub sip_session_ids: Vec<String>,
}

/// A participant and its part in the session and the stream (RFC 7865 §6.5, §6.6, §6.8).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParticipantFacts {
    pub id: Id,
    /// A SIP, SIPS or tel URI, a host name or an IP address.
    pub aor: String,
    pub name: Option<String>,
    pub joined: Wall,
    /// From then on `sends` and `receives` count as false.
    pub left: Option<Wall>,
    /// Contributes to the stream.
    pub sends: bool,
    /// Hears the stream.
    pub receives: bool,
    /// When `sends` or `receives` last changed; when joining, the time of that.
    pub media_since: Wall,
}

/// The recorded stream (RFC 7865 §6.7); it is the same for the life of a recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamFacts {
    pub id: Id,
    /// The `a=label` of its m-line.
    pub label: String,
}
