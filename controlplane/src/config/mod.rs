//! The configuration: one TOML file, checked whole before anything is started.

/// The media side: addresses, ports and threads.
mod media;
/// What recorders are like: a profile sets every quirk, and each can be set alone.
mod profile;
/// How we are reached by SIP, and how recorders are found.
mod sip;
/// SRTP: whether and how audio is protected on its way to a recorder.
mod srtp;
/// TLS: whom we believe, and who we are.
mod tls;
/// Where a recorder is.
mod uri;
/// The words that a recorder's quirks are spelled in.
mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;

use serde::Deserialize;

pub use self::media::{Media, PortRange, Wake};
pub use self::sip::{Dns, Sip};
pub use self::tls::{Authority, RecorderTls, Tls};
pub use self::uri::RecorderUri;
use crate::control::request::{CodecName, Name};
use crate::group::{self, GroupConfig};

pub use self::profile::{Profile, Quirks, Setting};
pub use self::srtp::{Srtp, SuiteName};
pub use self::words::{AfterBye, AfterRefusal, IdFormat, InfoForm, MetadataType, RequireSiprec};

/// Recorders that one call can be recorded to at once.
pub const RECORDERS_MAX: usize = 6;
/// Recorders that can be configured, those that stand by included.
const CONFIGURED_MAX: usize = 64;

/// A configuration that was checked.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    #[serde(default)]
    pub control: Control,
    pub sip: Sip,
    pub media: Media,
    /// SIP over TLS.
    #[serde(default)]
    pub tls: Tls,
    #[serde(default)]
    pub dns: Dns,
    #[serde(default)]
    pub limits: Limits,
    #[serde(default)]
    pub policy: Policy,
    /// The recorders, in the order of the file.
    #[serde(default, rename = "recorder")]
    pub recorders: Vec<Recorder>,
    /// Of which recorders some are enough.
    #[serde(default, rename = "group")]
    pub groups: Vec<GroupConfig>,
}

/// The control socket.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Control {
    /// Path of the Unix socket.
    pub socket: PathBuf,
    /// Members of this group may connect; without it only our own user.
    pub group: Option<String>,
}

/// What is refused beyond.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    pub calls: u32,
    pub participants_per_call: u32,
    pub sources_per_call: u32,
}

/// What the site allows.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// A call that came in secure is not recorded in clear (RFC 7866 §12).
    pub require_secure_if_cs_secure: bool,
}

/// A recorder.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recorder {
    /// At most 64 characters.
    pub id: Name,
    /// Its SIP URI.
    pub uri: RecorderUri,
    #[serde(default)]
    pub transport: Transport,
    /// What differs from the section `tls` for it.
    #[serde(default)]
    pub tls: RecorderTls,
    /// Whether audio goes there protected.
    #[serde(default)]
    pub srtp: Srtp,
    /// The crypto suites that are offered, the best first.
    #[serde(default = "Recorder::default_srtp_suites")]
    pub srtp_suites: Vec<SuiteName>,
    /// What it is like; each quirk below can be set alone.
    #[serde(default)]
    pub profile: Profile,
    /// File with the user and the password that it asks for.
    #[serde(default)]
    pub credentials: Option<PathBuf>,
    /// In which form it is told the facts of a call.
    #[serde(default)]
    pub info: Option<InfoForm>,
    /// Codecs offered after the call's own, in this order; the call's own only if it is listed.
    #[serde(default = "Recorder::default_codecs")]
    pub codecs: Vec<CodecName>,
    /// Whether RTP packets list their contributors.
    #[serde(default)]
    pub csrc: Option<bool>,
    /// Media type of the metadata.
    #[serde(default)]
    pub metadata_type: Option<MetadataType>,
    /// Spelling of identifiers in the metadata.
    #[serde(default)]
    pub id_format: Option<IdFormat>,
    /// Whether it is recorded to in headers alone once it has refused metadata.
    #[serde(default)]
    pub without_metadata: Option<bool>,
    /// What the names of information headers begin with.
    #[serde(default)]
    pub header_prefix: Option<String>,
    /// Label of the stream in SDP and metadata.
    #[serde(default)]
    pub label: Option<String>,
    /// Whether requests require it to be a session recording server.
    #[serde(default)]
    pub require_siprec: Option<RequireSiprec>,
    /// The methods that requests say we answer.
    #[serde(default)]
    pub allow: Option<Vec<String>>,
    /// The media types that requests say we take.
    #[serde(default)]
    pub accept: Option<Vec<String>>,
    /// Whether requests say that we acknowledge provisional answers (RFC 3262).
    #[serde(default)]
    pub reliable_provisional: Option<bool>,
    /// Whether named events (RFC 4733) are offered.
    #[serde(default)]
    pub telephone_event: Option<bool>,
    /// Whether RTCP on the port of RTP (RFC 5761) is offered.
    #[serde(default)]
    pub rtcp_mux: Option<bool>,
    /// More headers of INVITEs, by their names, which begin with `X-`.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// How long an INVITE may go unanswered.
    #[serde(default = "Recorder::default_invite_timeout_ms")]
    pub invite_timeout_ms: u32,
    /// What to do when the recorder ends a recording before its call has ended.
    #[serde(default)]
    pub after_bye: AfterBye,
    /// What to do when the recorder refuses to record a call, which is its policy and no outage.
    #[serde(default)]
    pub after_refusal: AfterRefusal,
    /// How often the recorder is asked by OPTIONS whether it is there; never where it is 0.
    #[serde(default = "Recorder::default_ping_interval_s")]
    pub ping_interval_s: u32,
}

/// Which transport carries SIP to a recorder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// UDP, and TCP for what is too large for it (RFC 3261 §18.1.1).
    #[default]
    Auto,
    /// UDP whatever the size.
    Udp,
    /// TCP always.
    Tcp,
    /// TLS always.
    Tls,
}

/// Everything that is wrong with a configuration, one finding a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError(Vec<String>);

impl Config {
    /// Reads and checks the text of a configuration file.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let config: Self =
            toml::from_str(text).map_err(|e| ConfigError(vec![e.to_string().trim_end().into()]))?;
        let findings = config.findings();
        if findings.is_empty() {
            Ok(config)
        } else {
            Err(ConfigError(findings))
        }
    }

    /// Port pairs of each worker.
    pub fn pairs_per_worker(&self) -> u32 {
        self.media.ports.pairs() / u32::from(self.media.workers)
    }

    fn findings(&self) -> Vec<String> {
        let mut findings = Vec::new();
        self.check_sip(&mut findings);
        self.check_media(&mut findings);
        self.check_limits(&mut findings);
        self.check_tls(&mut findings);
        self.check_recorders(&mut findings);
        findings
    }

    fn check_limits(&self, findings: &mut Vec<String>) {
        let limits = [
            ("calls", self.limits.calls, 100_000),
            (
                "participants_per_call",
                self.limits.participants_per_call,
                1_000,
            ),
            ("sources_per_call", self.limits.sources_per_call, 256),
        ];
        for (name, value, max) in limits {
            if value == 0 || value > max {
                findings.push(format!("limits.{name}: {value} is not 1 to {max}"));
            }
        }
    }

    fn check_recorders(&self, findings: &mut Vec<String>) {
        if self.recorders.len() > CONFIGURED_MAX {
            findings.push(format!(
                "recorder: {} are configured, and {CONFIGURED_MAX} is the most: remove some",
                self.recorders.len()
            ));
        }
        let mut ids = BTreeSet::new();
        for recorder in &self.recorders {
            let at = format!("recorder {}", recorder.id);
            if !ids.insert(&recorder.id) {
                findings.push(format!("{at}: the id is used twice: ids must differ"));
            }
            recorder.check(&at, findings);
        }
        group::check(&self.groups, &self.recorders, findings);
    }
}

impl Recorder {
    fn check(&self, at: &str, findings: &mut Vec<String>) {
        if self.id.as_str().len() > 64 {
            findings.push(format!("{at}: id: it is longer than 64 characters"));
        }
        self.check_tls(at, findings);
        self.check_srtp(at, findings);
        if self.codecs.is_empty() {
            findings.push(format!(
                "{at}: codecs: the list is empty: name at least one"
            ));
        }
        if self.codecs.iter().collect::<BTreeSet<_>>().len() != self.codecs.len() {
            findings.push(format!("{at}: codecs: a codec is named twice"));
        }
        self.check_quirks(at, findings);
        if let Some(path) = self.credentials.as_ref().filter(|path| path.is_relative()) {
            findings.push(format!(
                "{at}: credentials: {} is relative: write the whole path, from / on",
                path.display()
            ));
        }
        if !(500..=32_000).contains(&self.invite_timeout_ms) {
            findings.push(format!(
                "{at}: invite_timeout_ms: {} is not 500 to 32000",
                self.invite_timeout_ms
            ));
        }
        if !(self.ping_interval_s == 0 || (2..=3_600).contains(&self.ping_interval_s)) {
            findings.push(format!(
                "{at}: ping_interval_s: {} is neither 0 (no pings) nor 2 to 3600",
                self.ping_interval_s
            ));
        }
    }

    fn default_codecs() -> Vec<CodecName> {
        vec![CodecName::Pcmu, CodecName::Pcma]
    }

    const fn default_invite_timeout_ms() -> u32 {
        5_000
    }

    const fn default_ping_interval_s() -> u32 {
        30
    }
}

impl Default for Control {
    fn default() -> Self {
        Self {
            socket: "/run/sixreel/control.sock".into(),
            group: None,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            calls: 1_000,
            participants_per_call: 64,
            sources_per_call: 32,
        }
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            require_secure_if_cs_secure: true,
        }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

impl std::error::Error for ConfigError {}

const fn is_token_byte(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b == b'-' || b == b'_' || b == b'.'
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
        [sip]
        address = "127.0.0.1:5060"
        [media]
        address = "127.0.0.1"
        [[recorder]]
        id = "west"
        uri = "sip:recorder@srs.example.com"
    "#;

    fn error(text: &str) -> String {
        Config::parse(text).unwrap_err().to_string()
    }

    #[test]
    fn a_short_file_is_enough() {
        let config = Config::parse(GOOD).unwrap();
        assert_eq!(config.recorders[0].quirks().info, InfoForm::Both);
        assert_eq!(config.recorders[0].invite_timeout_ms, 5_000);
        assert_eq!(config.pairs_per_worker(), 5_000);
        assert!(config.policy.require_secure_if_cs_secure);
        assert_eq!(config.recorders[0].ping_interval_s, 30);
    }

    #[test]
    fn an_unknown_key_is_named_with_its_line() {
        let text = GOOD.replace("[media]", "lissten = 1\n[media]");
        let error = error(&text);
        assert!(
            error.contains("lissten") && error.contains("line 4"),
            "{error}"
        );
    }

    #[test]
    fn every_finding_is_told_at_once() {
        let text = GOOD.replace("127.0.0.1:5060", "0.0.0.0:5060")
            + "codecs = []\ninvite_timeout_ms = 1\nlabel = \"\"\n";
        let error = error(&text);
        for part in ["sip.address", "label", "codecs", "invite_timeout_ms"] {
            assert!(error.contains(part), "{part} is missing in {error}");
        }
    }

    #[test]
    fn a_seventh_recorder_at_once_and_a_second_of_the_same_id_are_refused() {
        let one = "[[recorder]]\nid = \"west\"\nuri = \"sip:r@192.0.2.1\"\n";
        let error = error(&format!("{GOOD}\n{}", one.repeat(6)));
        assert!(error.contains("7 at once") && error.contains("used twice"));
    }
}
