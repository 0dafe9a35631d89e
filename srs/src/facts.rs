//! What is known of a recording, as its JSON file tells it.

use std::net::SocketAddr;

use serde::Serialize;
use sixreel_controlplane::metadata::{CallInfo, Party, Recording};
use sixreel_controlplane::sip::output::End;
use sixreel_controlplane::time::Wall;

/// Everything that is known of a recording. Times are in UTC, as RFC 3339 writes them.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Facts {
    pub sip_call_id: String,
    /// `udp`, `tcp` or `tls`.
    pub transport: &'static str,
    /// Where the INVITE came from.
    pub remote: SocketAddr,
    pub user_agent: Option<String>,
    /// From the headers of the ControlONE interface.
    pub call: CallFacts,
    /// From the metadata: the sessions, with all documents taken together.
    pub sessions: Vec<SessionFacts>,
    /// From the metadata: everybody who took part, with all documents taken together.
    pub participants: Vec<ParticipantFacts>,
    pub metadata: MetadataFacts,
    /// What the client does otherwise than the RFCs say, the metadata excepted.
    pub findings: Vec<String>,
    pub codec: Option<String>,
    /// The crypto suite; the stream came in clear where there is none.
    pub suite: Option<String>,
    /// Packets that were not protected with the client's key.
    pub unauthentic: u64,
    /// Protected packets whose number came before, or is too old to tell.
    pub replayed: u64,
    /// Whether both sides want the stream at present.
    pub receiving: bool,
    pub invited: String,
    pub answered: String,
    pub ended: Option<String>,
    /// How it ended; nothing while it goes on.
    pub end: Option<EndFacts>,
    #[serde(flatten)]
    pub media: MediaFacts,
    #[serde(flatten)]
    pub rtcp: RtcpFacts,
}

/// A call as its headers tell it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CallFacts {
    pub call_id: Option<String>,
    pub console_id: Option<String>,
    pub user: Option<String>,
    pub calling: Option<PartyFacts>,
    pub called: Vec<PartyFacts>,
}

/// Who calls or is called.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PartyFacts {
    pub name: Option<String>,
    pub number: Option<String>,
}

/// A communication session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SessionFacts {
    pub id: String,
    pub started: Option<String>,
    pub ended: Option<String>,
    pub sip_session_ids: Vec<String>,
}

/// Somebody who takes part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ParticipantFacts {
    pub id: String,
    pub aor: Option<String>,
    pub name: Option<String>,
    pub joined: Option<String>,
    pub left: Option<String>,
    /// Whether the recorded stream is said to carry this voice at present.
    pub sends: bool,
    /// Whether this participant is said to hear the recorded stream at present.
    pub receives: bool,
}

/// The metadata documents that came.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct MetadataFacts {
    pub documents: u64,
    /// Whether all of them are as RFC 7865 demands; nothing where none came.
    pub valid: Option<bool>,
    /// What is wrong with them, each with the number of its document.
    pub findings: Vec<String>,
}

/// The received stream.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MediaFacts {
    pub media_from: Option<SocketAddr>,
    pub first_packet: Option<String>,
    pub last_packet: Option<String>,
    /// RTP packets.
    pub packets: u64,
    /// Their payloads.
    pub bytes: u64,
    /// Sequence numbers that never came.
    pub lost: u64,
    pub reordered: u64,
    pub duplicates: u64,
    /// Packets that came when their place in the recording was given up.
    pub late: u64,
    /// How often sequence numbers began again.
    pub restarts: u64,
    pub ssrc_changes: u64,
    /// Packets that came while the stream was inactive.
    pub while_inactive: u64,
    /// Packets whose payload type means nothing here.
    pub other_payload: u64,
    /// Datagrams that are no RTP.
    pub malformed: u64,
    /// Packets of others than the stream's sender, which were dropped.
    pub foreign: u64,
    /// RFC 3550 §6.4.1.
    pub jitter_ms: f64,
    /// The longest time between two packets while the stream was wanted.
    pub longest_gap_ms: u64,
    /// The length of the WAV file.
    pub duration_ms: u64,
    pub ssrc: Option<u32>,
    /// Everybody who ever contributed.
    pub csrcs: Vec<u32>,
}

/// RTCP.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RtcpFacts {
    pub reports_received: u64,
    pub reports_sent: u64,
    /// Packets that the client says it sent, when it last said so.
    pub sender_packets: Option<u32>,
    pub cname: Option<String>,
}

/// How a recording ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum EndFacts {
    /// The client said BYE.
    Client { reason: Option<String> },
    /// This recorder said BYE.
    Recorder,
    /// Nobody refreshed the session.
    Expired,
    /// The client knew the session no more, or answered nothing.
    Lost { status: Option<u16> },
    /// The client did not acknowledge the answer to its INVITE.
    Unacknowledged,
    /// The client's INVITE could not be taken.
    Invalid { status: u16 },
}

impl From<&CallInfo> for CallFacts {
    fn from(info: &CallInfo) -> Self {
        Self {
            call_id: info.call_id.clone(),
            console_id: info.console_id.clone(),
            user: info.user.clone(),
            calling: info.calling.as_ref().map(PartyFacts::from),
            called: info.called.iter().map(PartyFacts::from).collect(),
        }
    }
}

impl From<&Party> for PartyFacts {
    fn from(party: &Party) -> Self {
        Self {
            name: party.name.clone(),
            number: party.number.clone(),
        }
    }
}

impl SessionFacts {
    /// The sessions that the documents told of.
    pub(crate) fn of(known: &Recording) -> Vec<Self> {
        let sessions = known.sessions.iter();
        let facts = sessions.map(|session| Self {
            id: session.id.clone(),
            started: session.started.map(Wall::rfc3339),
            ended: session.ended.map(Wall::rfc3339),
            sip_session_ids: session.sip_session_ids.clone(),
        });
        facts.collect()
    }
}

impl ParticipantFacts {
    /// The participants that the documents told of.
    pub(crate) fn of(known: &Recording) -> Vec<Self> {
        let participants = known.participants.iter();
        let facts = participants.map(|participant| {
            let id = &participant.id;
            let in_session = known
                .in_sessions
                .iter()
                .find(|part| part.participant == *id);
            let in_stream = known.in_streams.iter().find(|part| part.participant == *id);
            let name = participant.names.first();
            Self {
                id: id.clone(),
                aor: name.map(|name| name.aor.clone()),
                name: name.and_then(|name| name.name.clone()),
                joined: in_session.and_then(|part| part.span.associated.map(Wall::rfc3339)),
                left: in_session.and_then(|part| part.span.disassociated.map(Wall::rfc3339)),
                sends: in_stream.is_some_and(|part| !part.sends.is_empty()),
                receives: in_stream.is_some_and(|part| !part.receives.is_empty()),
            }
        });
        facts.collect()
    }
}

impl From<End> for EndFacts {
    fn from(end: End) -> Self {
        match end {
            End::Local { .. } => Self::Recorder,
            End::Peer { reason } => Self::Client { reason },
            End::Expired => Self::Expired,
            End::Lost { status } => Self::Lost {
                status: status.map(|status| status.code()),
            },
            End::Unacknowledged => Self::Unacknowledged,
            End::Invalid { status } => Self::Invalid {
                status: status.code(),
            },
        }
    }
}
