//! What the control interface can be asked, as typed requests. Strings die here.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

use super::limits::ID_CHARS;
use super::patch::{CallPatch, ParticipantPatch};
use super::srtp::SourceSrtp;

/// An identifier in a path: 1 to 128 characters of `A-Z a-z 0-9 . _ ~ : @ + -`, but neither `.`
/// nor `..`, which paths give a meaning of their own.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(String);

/// One page of a list, in the order of the identifiers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Only what comes after this identifier.
    pub after: Option<Name>,
    /// At most so many, 1 to 200.
    pub limit: usize,
}

/// A request that made sense.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// `GET /v1/calls`
    CallList { page: Page },
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
    RecordingList { page: Page },
    /// `GET /v1/recordings/{recording}`
    RecordingGet { recording: Name },
    /// `GET /v1/recorders`
    RecorderList,
    /// `GET /v1/recorders/{recorder}`
    RecorderGet { recorder: Name },
    /// `POST /v1/recorders/{recorder}/test`: what works with it, step by step.
    RecorderTest { recorder: Name },
    /// `GET /v1/stats`
    Stats,
    /// `GET /v1/health`
    Health,
    /// `GET /v1/version`
    Version,
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

impl CodecName {
    /// Its RTP name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pcmu => "PCMU",
            Self::Pcma => "PCMA",
        }
    }
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
    pub participant: Name,
    /// What each RTP payload type carries: at least one codec.
    pub payload_types: BTreeMap<PayloadType, PayloadName>,
    /// Who may send; anybody where it is absent, until the first sender is latched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remote: Option<Remote>,
    /// The longest delay of the jitter buffer in milliseconds, 20 to 1000.
    #[serde(default = "SourceSpec::default_jitter_max_ms")]
    pub jitter_max_ms: u16,
    /// How what is sent is protected; it comes in clear where this is absent. Never shown again
    /// but for its suite.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub srtp: Option<SourceSrtp>,
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

/// An IP address, or an IP address and a port: `192.0.2.1`, `192.0.2.1:4000`, `[2001:db8::1]:4000`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Remote {
    /// Any port of this address.
    Address(IpAddr),
    /// This port and no other.
    Exact(SocketAddr),
}

impl Request {
    /// The call that the request's path names: such a request renews the call's lease.
    pub const fn call(&self) -> Option<&Name> {
        match self {
            Self::CallGet { call }
            | Self::CallPut { call, .. }
            | Self::CallPatch { call, .. }
            | Self::CallDelete { call }
            | Self::CallPause { call }
            | Self::CallResume { call }
            | Self::ParticipantPut { call, .. }
            | Self::ParticipantPatch { call, .. }
            | Self::ParticipantDelete { call, .. }
            | Self::SourcePut { call, .. }
            | Self::SourceGet { call, .. }
            | Self::SourceDelete { call, .. } => Some(call),
            Self::CallList { .. }
            | Self::RecordingList { .. }
            | Self::RecordingGet { .. }
            | Self::RecorderList
            | Self::RecorderGet { .. }
            | Self::RecorderTest { .. }
            | Self::Stats
            | Self::Health
            | Self::Version => None,
        }
    }
}

impl Name {
    /// A name from a path segment that was percent-decoded already.
    pub fn new(text: &str) -> Option<Self> {
        let fits = (1..=ID_CHARS).contains(&text.len());
        let clean = text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"._~:@+-".contains(&b));
        let walks = text == "." || text == "..";
        (fits && clean && !walks).then(|| Self(text.to_owned()))
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

impl TryFrom<String> for Name {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::new(&text).ok_or_else(|| {
            format!("{text:?} is not an identifier: use 1 to 128 of A-Z a-z 0-9 . _ ~ : @ + -")
        })
    }
}

impl From<Name> for String {
    fn from(value: Name) -> Self {
        value.0
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
            .filter(|value| value.0.to_string() == text)
            .ok_or_else(|| format!("{text:?} is not an RTP payload type"))
    }
}

impl From<PayloadType> for String {
    fn from(value: PayloadType) -> Self {
        value.0.to_string()
    }
}

impl PayloadName {
    /// Whether it is speech, and not something beside it.
    pub const fn is_codec(self) -> bool {
        match self {
            Self::Pcmu | Self::Pcma => true,
            Self::ComfortNoise | Self::TelephoneEvent => false,
        }
    }
}

impl TryFrom<String> for Remote {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let exact = |text: &str| text.parse().ok().filter(|at: &SocketAddr| at.port() != 0);
        (text.parse().ok().map(Self::Address))
            .or_else(|| exact(&text).map(Self::Exact))
            .ok_or_else(|| format!("{text:?} is not an IP address"))
    }
}

impl From<Remote> for String {
    fn from(value: Remote) -> Self {
        match value {
            Remote::Address(address) => address.to_string(),
            Remote::Exact(address) => address.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_what_a_path_can_carry() {
        for good in ["1", "a.b_c~d:e@f+g-h", "...", &"x".repeat(128)] {
            assert_eq!(Name::new(good).unwrap().as_str(), good);
        }
        for bad in [
            "",
            ".",
            "..",
            "a/b",
            "a b",
            "\u{e9}",
            "a%20",
            &"x".repeat(129),
        ] {
            assert_eq!(Name::new(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn a_payload_type_has_one_spelling() {
        for number in 0..128_u8 {
            let text = number.to_string();
            let value = PayloadType::try_from(text.clone()).unwrap();
            assert_eq!((value.number(), String::from(value)), (number, text));
        }
        for bad in ["", "128", "256", "-1", "+8", "08", " 8", "x"] {
            assert!(PayloadType::try_from(bad.to_owned()).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_remote_is_an_address_with_or_without_a_port() {
        for text in [
            "192.0.2.1",
            "192.0.2.1:4000",
            "2001:db8::1",
            "[2001:db8::1]:4000",
        ] {
            let remote = Remote::try_from(text.to_owned()).unwrap();
            assert_eq!(matches!(remote, Remote::Exact(_)), text.ends_with(":4000"));
            assert_eq!(String::from(remote), text);
        }
        for bad in [
            "",
            "host",
            "192.0.2.1:",
            "192.0.2.1:0",
            "192.0.2.1:70000",
            "[2001:db8::1]",
        ] {
            assert!(Remote::try_from(bad.to_owned()).is_err(), "{bad:?}");
        }
    }
}
