//! What the control interface shows, as JSON.

use std::net::{IpAddr, SocketAddr};

use serde::Serialize;

use super::request::{CallFacts, CodecName, Name, ParticipantFacts, Party, SourceSpec};

/// A call with everything that belongs to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CallView {
    pub id: Name,
    #[serde(flatten)]
    pub facts: CallFacts,
    /// `active` or `paused`.
    pub state: CallState,
    /// RFC 3339.
    pub started: String,
    pub participants: Vec<ParticipantView>,
    pub sources: Vec<SourceView>,
    /// Identifiers of its recordings, one per recorder.
    pub recordings: Vec<Name>,
}

/// One page of the calls.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CallList {
    pub calls: Vec<CallSummary>,
    /// Where there is more: what the next page comes `after`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<Name>,
}

/// A call in a list: of a bounded size, so that a page is too.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CallSummary {
    pub id: Name,
    pub console_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    pub calling: Party,
    pub state: CallState,
    /// RFC 3339.
    pub started: String,
    pub participants: u32,
    pub sources: u32,
    /// Its recordings by state.
    pub recordings: RecordingCounts,
}

/// Whether a call's recordings are paused by the site.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CallState {
    Active,
    Paused,
}

/// A participant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ParticipantView {
    pub id: Name,
    #[serde(flatten)]
    pub facts: ParticipantFacts,
    /// RFC 3339.
    pub joined: String,
}

/// A source: where to send, and what came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SourceView {
    pub id: Name,
    #[serde(flatten)]
    pub spec: SourceSpec,
    /// Send RTP to this address,
    pub address: IpAddr,
    /// and this port; RTCP to the same port or to the next.
    pub port: u16,
    pub state: SourceState,
    /// The address that feeds it, once latched.
    pub latched: Option<SocketAddr>,
    pub packets: u64,
    pub lost: u64,
    pub late: u64,
    pub duplicates: u64,
    pub reordered: u64,
    pub concealed_ms: u64,
    pub jitter_ms: Decimal,
    pub delay_ms: Decimal,
    /// Packets that were not protected with the source's key.
    pub unauthentic: u64,
    /// Packets whose number came before, or is too old to tell.
    pub replayed: u64,
}

/// Whether a source is heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SourceState {
    /// Nothing came yet.
    Waiting,
    Active,
    Silent,
    Lost,
}

/// A recording of one call at one recorder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RecordingView {
    pub id: Name,
    pub call: Name,
    pub recorder: Name,
    pub state: RecordingState,
    /// When this state began, RFC 3339.
    pub since: String,
    /// When the recorder accepted, RFC 3339.
    pub established: Option<String>,
    /// INVITEs sent so far.
    pub attempts: u32,
    /// Why the latest attempt failed or the recording ended.
    pub error: Option<String>,
    /// When the next attempt is due, RFC 3339.
    pub next_attempt: Option<String>,
    pub sip_call_id: Option<String>,
    /// `udp`, `tcp` or `tls`.
    pub transport: Option<&'static str>,
    pub codec: Option<CodecName>,
    /// The crypto suite; RTP is in clear where there is none.
    pub suite: Option<&'static str>,
    /// Where RTP is sent from,
    pub local: Option<SocketAddr>,
    /// and to.
    pub remote: Option<SocketAddr>,
    pub packets: u64,
    pub bytes: u64,
    /// What the recorder reports by RTCP.
    pub report: Option<ReportView>,
    /// The latest times when the recorder should have recorded and did not, oldest first.
    pub gaps: Vec<RecordingGapView>,
}

/// A time in which nothing was recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RecordingGapView {
    /// RFC 3339.
    pub from: String,
    /// RFC 3339; absent (`null`) while it lasts.
    pub to: Option<String>,
    pub reason: String,
}

/// One page of the recordings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RecordingList {
    pub recordings: Vec<RecordingView>,
    /// Where there is more: what the next page comes `after`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<Name>,
}

/// What a recorder reports by RTCP about a recording's stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReportView {
    pub lost: i32,
    pub fraction_lost_percent: Decimal,
    pub jitter_ms: Decimal,
    pub round_trip_ms: Option<Decimal>,
}

/// Where a recording stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RecordingState {
    /// INVITE sent, or about to be.
    Connecting,
    /// Accepted, RTP flows.
    Recording,
    /// Accepted, RTP is held back: by the site's pause, or because the recorder is not ready.
    Paused,
    /// Failed, and due for another attempt.
    Retrying,
    /// Failed for good: no further attempt for this call.
    Failed,
    /// BYE sent.
    Ending,
}

impl RecordingCounts {
    /// Counts one more in this state.
    pub const fn count(&mut self, state: RecordingState) {
        *match state {
            RecordingState::Connecting => &mut self.connecting,
            RecordingState::Recording => &mut self.recording,
            RecordingState::Paused => &mut self.paused,
            RecordingState::Retrying => &mut self.retrying,
            RecordingState::Failed => &mut self.failed,
            RecordingState::Ending => &mut self.ending,
        } += 1;
    }
}

/// A configured recorder and how it fares.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RecorderView {
    pub id: Name,
    pub uri: String,
    pub transport: &'static str,
    /// By what it is told from others; absent (`null`) where it is spoken to in clear.
    pub tls: Option<RecorderTlsView>,
    pub info: &'static str,
    pub profile: &'static str,
    /// Every quirk that is in force.
    pub settings: Vec<SettingView>,
    pub codecs: Vec<CodecName>,
    /// `off`, `optional` or `required`.
    pub srtp: &'static str,
    /// The crypto suites that are offered, the best first.
    pub srtp_suites: Vec<&'static str>,
    /// The group that it belongs to.
    pub group: Option<Name>,
    /// Where it is, as far as that is known: `tcp 192.0.2.1:5060`.
    pub addresses: Vec<String>,
    pub state: RecorderState,
    /// When this state began, RFC 3339.
    pub state_since: String,
    /// Why it is not up.
    pub state_reason: Option<String>,
    /// Its recordings by state.
    pub recordings: RecordingCounts,
    /// When it last accepted a recording, RFC 3339.
    pub last_established: Option<String>,
    /// When an attempt last failed, RFC 3339, and why.
    pub last_failure: Option<String>,
    pub last_error: Option<String>,
}

/// Whether a recorder answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RecorderState {
    Up,
    /// It has failed of late, or has just come back.
    Degraded,
    /// It is not tried until it answers again.
    Down,
}

impl RecorderState {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Degraded => "degraded",
            Self::Down => "down",
        }
    }
}

/// How a recorder is told from somebody who only says that it is it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RecorderTlsView {
    /// Whether its certificate is verified at all.
    pub verify: bool,
    /// The name that its certificate must have.
    pub server_name: String,
}

/// What works with a recorder, step by step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TrialView {
    pub recorder: Name,
    /// Whether no step has failed.
    pub ok: bool,
    /// In the order in which they were made; what comes after a failure is left out.
    pub steps: Vec<StepView>,
    /// What TLS has shown; absent (`null`) where it came to no connection, or is not spoken.
    pub tls: Option<TlsView>,
}

/// One step of a test.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StepView {
    pub step: StepName,
    pub result: StepResult,
    /// What was found, or what is wrong and the remedy, in a sentence.
    pub detail: String,
}

/// The steps of a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum StepName {
    /// The address of its host.
    Resolve,
    /// A connection of TCP.
    Connect,
    /// TLS, and whose certificate that is.
    Tls,
    /// OPTIONS is answered.
    Options,
    /// It is a recorder.
    Siprec,
    /// It takes our form of metadata.
    Metadata,
    /// It takes one of the codecs.
    Codecs,
}

/// How a step went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum StepResult {
    Ok,
    Failed,
    /// The recorder does not say.
    Unknown,
}

/// What TLS shows of a connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TlsView {
    /// `TLS 1.2` or `TLS 1.3`, once that is agreed on.
    pub protocol: Option<&'static str>,
    /// The cipher suite by its IANA name.
    pub cipher: Option<String>,
    /// Whether the certificate is held against anything.
    pub verified: bool,
    /// The recorder's certificates, its own first.
    pub chain: Vec<CertificateView>,
}

/// What a certificate says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CertificateView {
    pub subject: String,
    pub issuer: String,
    /// RFC 3339.
    pub not_before: String,
    /// RFC 3339.
    pub not_after: String,
    /// `URI:sip:example.com`, `DNS:example.com`, `IP:192.0.2.1`.
    pub names: Vec<String>,
}

/// A quirk of a recorder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SettingView {
    /// As the configuration names it,
    pub name: &'static str,
    /// and spells it.
    pub value: String,
    /// A profile's name, or `configuration` where it was set alone.
    pub set_by: &'static str,
}

/// Every configured recorder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RecorderList {
    pub recorders: Vec<RecorderView>,
}

/// Counters and gauges of the whole process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StatsView {
    pub uptime_s: u64,
    pub calls: u64,
    pub participants: u64,
    pub sources: u64,
    pub recordings: RecordingCounts,
    /// Recordings since the start, by how they went.
    pub established_total: u64,
    pub failed_attempts_total: u64,
    pub ended_total: u64,
    /// The newest event's identifier.
    pub last_event_id: u64,
    pub workers: Vec<WorkerView>,
}

/// Recordings by state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RecordingCounts {
    pub connecting: u64,
    pub recording: u64,
    pub paused: u64,
    pub retrying: u64,
    pub failed: u64,
    pub ending: u64,
}

/// One data-plane worker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WorkerView {
    pub worker: usize,
    pub core: Option<usize>,
    pub calls: u32,
    pub sources: u32,
    pub sinks: u32,
    pub frames_used: u32,
    pub packets_in: u64,
    pub packets_out: u64,
    /// Dropped packets by reason.
    pub drops: std::collections::BTreeMap<&'static str, u64>,
    /// How late the slots of the last second were.
    pub late_us: LatenessView,
    pub slots_skipped: u64,
    pub cpu_us: u64,
}

/// Quantiles of lateness in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct LatenessView {
    pub p50: u32,
    pub p99: u32,
    pub p999: u32,
    pub max: u32,
}

/// Whether the process does what it is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HealthView {
    /// `ok`, or `degraded` where `problems` says why.
    pub status: HealthStatus,
    /// One line each, with the remedy.
    pub problems: Vec<String>,
}

/// `ok` or `degraded`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum HealthStatus {
    Ok,
    Degraded,
}

/// The product, the interface and every limit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct VersionView {
    pub product: &'static str,
    pub version: &'static str,
    /// The interface's version: 1.
    pub api: u32,
    pub limits: LimitsView,
}

/// What is refused beyond.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct LimitsView {
    pub calls: u32,
    pub participants_per_call: u32,
    pub sources_per_call: u32,
    pub recorders: u32,
    pub called_parties: u32,
    pub request_head_bytes: u32,
    pub request_body_bytes: u32,
    pub connections: u32,
    /// Bytes that may wait for a slow reader before it is cut off.
    pub response_backlog_bytes: u32,
    pub events_replayed: u32,
    pub sip_message_head_bytes: u32,
    pub sip_message_body_bytes: u32,
}

/// One event of the stream `/v1/events`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EventView {
    /// Counts up by one; also the `id:` of the server-sent event.
    pub id: u64,
    /// Also the `event:` of the server-sent event.
    #[serde(rename = "type")]
    pub kind: EventKind,
    /// RFC 3339.
    pub time: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub call: Option<Name>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recording: Option<Name>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recorder: Option<Name>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<Name>,
    /// What happened, in a sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// What an event tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventKind {
    CallStarted,
    CallEnded,
    RecordingEstablished,
    RecordingFailed,
    RecordingRetried,
    RecordingGap,
    RecordingEnded,
    RecorderUp,
    RecorderDegraded,
    RecorderDown,
    SourceHeard,
    SourceSilent,
    SourceLost,
    SourceUnauthentic,
    Overload,
    /// New certificates and authorities are in force.
    TlsReloaded,
    /// They cannot be used: the old ones stay in force.
    TlsNotReloaded,
}

/// The first event of a stream that cannot be continued where its client left it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct GapView {
    /// `events.gap`; also the `event:` of the server-sent event, which has no `id:`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Events that are lost; absent (`null`) where the process has restarted.
    pub missing: Option<u64>,
    /// The next event's identifier.
    pub next: u64,
}

impl EventKind {
    /// Every kind.
    pub const ALL: [Self; 17] = [
        Self::CallStarted,
        Self::CallEnded,
        Self::RecordingEstablished,
        Self::RecordingFailed,
        Self::RecordingRetried,
        Self::RecordingGap,
        Self::RecordingEnded,
        Self::RecorderUp,
        Self::RecorderDegraded,
        Self::RecorderDown,
        Self::SourceHeard,
        Self::SourceSilent,
        Self::SourceLost,
        Self::SourceUnauthentic,
        Self::Overload,
        Self::TlsReloaded,
        Self::TlsNotReloaded,
    ];

    /// Its name in the stream.
    pub const fn name(self) -> &'static str {
        match self {
            Self::CallStarted => "call.started",
            Self::CallEnded => "call.ended",
            Self::RecordingEstablished => "recording.established",
            Self::RecordingFailed => "recording.failed",
            Self::RecordingRetried => "recording.retried",
            Self::RecordingGap => "recording.gap",
            Self::RecordingEnded => "recording.ended",
            Self::RecorderUp => "recorder.up",
            Self::RecorderDegraded => "recorder.degraded",
            Self::RecorderDown => "recorder.down",
            Self::SourceHeard => "source.heard",
            Self::SourceSilent => "source.silent",
            Self::SourceLost => "source.lost",
            Self::SourceUnauthentic => "source.unauthentic",
            Self::Overload => "overload",
            Self::TlsReloaded => "tls.reloaded",
            Self::TlsNotReloaded => "tls.not-reloaded",
        }
    }
}

impl Serialize for EventKind {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl GapView {
    /// `missing` events were lost before the event `next`.
    pub const fn new(missing: Option<u64>, next: u64) -> Self {
        Self {
            kind: "events.gap",
            missing,
            next,
        }
    }
}

/// A figure with three decimals, kept exact so that views can be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decimal {
    /// Thousandths.
    pub thousandths: u64,
}

impl Serialize for Decimal {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.thousandths as f64 / 1000.0)
    }
}
