//! What the control interface can be asked, as typed requests. Strings die here.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

/// An identifier in a path: 1 to 128 characters of `A-Z a-z 0-9 . _ ~ : @ + -`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Name(String);

/// A request that made sense.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// `GET /v1/calls`
    CallList,
    /// `GET /v1/calls/{call}`
    CallGet { call: Name },
    /// `PUT /v1/calls/{call}`: a call is connected to its console, or its facts are replaced.
    CallPut { call: Name, facts: CallFacts },
    /// `PATCH /v1/calls/{call}`: new facts, by JSON merge patch (RFC 7396).
    CallPatch { call: Name, patch: CallPatch },
    /// `DELETE /v1/calls/{call}`: the call is over.
    CallDelete { call: Name },
    /// `POST /v1/calls/{call}/pause`
    CallPause { call: Name },
    /// `POST /v1/calls/{call}/resume`
    CallResume { call: Name },
    /// `PUT /v1/calls/{call}/participants/{participant}`: joins, or is replaced.
    ParticipantPut {
        call: Name,
        participant: Name,
        facts: ParticipantFacts,
    },
    /// `PATCH /v1/calls/{call}/participants/{participant}`: hold, resume, new name.
    ParticipantPatch {
        call: Name,
        participant: Name,
        patch: ParticipantPatch,
    },
    /// `DELETE /v1/calls/{call}/participants/{participant}`: leaves.
    ParticipantDelete { call: Name, participant: Name },
    /// `PUT /v1/calls/{call}/sources/{source}`: where to send a participant's audio.
    SourcePut {
        call: Name,
        source: Name,
        spec: SourceSpec,
    },
    /// `GET /v1/calls/{call}/sources/{source}`
    SourceGet { call: Name, source: Name },
    /// `DELETE /v1/calls/{call}/sources/{source}`
    SourceDelete { call: Name, source: Name },
    /// `GET /v1/recordings`
    RecordingList,
    /// `GET /v1/recordings/{recording}`
    RecordingGet { recording: Name },
    /// `GET /v1/recorders`
    RecorderList,
    /// `GET /v1/recorders/{recorder}`
    RecorderGet { recorder: Name },
    /// `GET /v1/stats`
    Stats,
    /// `GET /v1/health`
    Health,
    /// `GET /v1/version`
    Version,
    /// `GET /v1/events`: server-sent events, from after `last_event_id` where it is given.
    Events { last_event_id: Option<u64> },
    /// `GET /v1/openapi.json`
    OpenApi,
}

/// A person or console as the conference server knows it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Party {
    /// Display name, up to 256 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Number or extension, up to 64 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
}

/// What the conference server tells of a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallFacts {
    /// The console that the call is connected to, up to 128 characters.
    pub console_id: String,
    /// The user logged in at the console, up to 128 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Who calls.
    #[serde(default)]
    pub calling: Party,
    /// Who is called, up to 32.
    #[serde(default)]
    pub called: Vec<Party>,
    /// The call's own codec, offered first to the recorders.
    #[serde(default)]
    pub codec: CodecName,
    /// Whether the call itself is protected.
    #[serde(default)]
    pub security: Security,
    /// Priority (RFC 3261 §20.26).
    #[serde(default)]
    pub priority: Priority,
    /// If set, the call is stopped when no request names it for so many seconds, 5 to 86400.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease_s: Option<u32>,
}

/// New facts of a call: a field that is there replaces, `null` clears an optional one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallPatch {
    #[serde(default)]
    pub console_id: Option<String>,
    #[serde(default, with = "nullable")]
    pub user: Option<Option<String>>,
    #[serde(default)]
    pub calling: Option<Party>,
    #[serde(default)]
    pub called: Option<Vec<Party>>,
    #[serde(default)]
    pub codec: Option<CodecName>,
    #[serde(default)]
    pub security: Option<Security>,
    #[serde(default)]
    pub priority: Option<Priority>,
    #[serde(default, with = "nullable")]
    pub lease_s: Option<Option<u32>>,
}

/// A codec by its RTP name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum CodecName {
    /// G.711 µ-law.
    #[default]
    Pcmu,
    /// G.711 A-law.
    Pcma,
}

/// How a call is protected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Security {
    /// Signalling and media in clear.
    #[default]
    None,
    /// Signalling and media encrypted.
    Secure,
}

/// SIP's priorities.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Priority {
    NonUrgent,
    #[default]
    Normal,
    Urgent,
    Emergency,
}

/// What the conference server tells of a participant.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ParticipantFacts {
    /// Display name, up to 256 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Number or extension, up to 64 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
    /// Address of record, a SIP, SIPS or TEL URI, up to 512 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aor: Option<String>,
    /// Whether the participant talks and listens, or is on hold.
    #[serde(default)]
    pub state: ParticipantState,
}

/// New facts of a participant.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ParticipantPatch {
    #[serde(default, with = "nullable")]
    pub name: Option<Option<String>>,
    #[serde(default, with = "nullable")]
    pub number: Option<Option<String>>,
    #[serde(default, with = "nullable")]
    pub aor: Option<Option<String>>,
    #[serde(default)]
    pub state: Option<ParticipantState>,
}

/// A participant's part in the call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ParticipantState {
    /// Talks and listens.
    #[default]
    Active,
    /// On hold: neither contributes nor listens.
    Held,
}

/// A participant's audio and who may send it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceSpec {
    /// Whose audio it is.
    pub participant: String,
    /// What each RTP payload type carries: at least one codec.
    pub payload_types: BTreeMap<PayloadType, PayloadName>,
    /// Who may send; anybody where it is absent, until the first sender is latched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remote: Option<Remote>,
    /// The longest delay of the jitter buffer in milliseconds, 20 to 1000.
    #[serde(default = "SourceSpec::default_jitter_max_ms")]
    pub jitter_max_ms: u16,
}

/// An RTP payload type, 0 to 127.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PayloadType(u8);

/// What a payload type may carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PayloadName {
    /// G.711 µ-law.
    #[serde(rename = "PCMU")]
    Pcmu,
    /// G.711 A-law.
    #[serde(rename = "PCMA")]
    Pcma,
    /// Comfort noise, RFC 3389.
    #[serde(rename = "CN")]
    ComfortNoise,
    /// Named events, RFC 4733.
    #[serde(rename = "telephone-event")]
    TelephoneEvent,
}

/// An IP address, or an IP address and a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Remote {
    /// Any port of this address.
    Address(IpAddr),
    /// This port and no other.
    Exact(SocketAddr),
}

impl Name {
    /// A name from a path segment that was percent-decoded already.
    pub fn new(text: &str) -> Option<Self> {
        let fits = (1..=128).contains(&text.len());
        let clean = text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"._~:@+-".contains(&b));
        (fits && clean).then(|| Self(text.to_owned()))
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl SourceSpec {
    const fn default_jitter_max_ms() -> u16 {
        200
    }
}

impl PayloadType {
    /// A payload type below 128.
    pub fn new(number: u8) -> Option<Self> {
        (number < 128).then_some(Self(number))
    }

    /// Its number.
    pub const fn number(self) -> u8 {
        self.0
    }
}

impl TryFrom<String> for PayloadType {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
            .ok()
            .and_then(Self::new)
            .ok_or_else(|| format!("{text:?} is not an RTP payload type: use 0 to 127"))
    }
}

impl From<PayloadType> for String {
    fn from(value: PayloadType) -> Self {
        value.0.to_string()
    }
}

/// Tells an absent field (`None`) from a `null` (`Some(None)`).
mod nullable {
    use serde::{Deserialize, Deserializer};

    pub(super) fn deserialize<'de, D, T>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
    where
        D: Deserializer<'de>,
        T: Deserialize<'de>,
    {
        Option::deserialize(deserializer).map(Some)
    }
}
