//! The configuration: one TOML file, checked whole before anything is started.

/// What recorders are like: a profile sets every quirk, and each can be set alone.
mod profile;
/// The words that a recorder's quirks are spelled in.
mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use serde::Deserialize;

use crate::control::request::{CodecName, Name};
use crate::sip::uri::Uri;

pub use self::profile::{Profile, Quirks, Setting};
pub use self::words::{AfterBye, AfterRefusal, IdFormat, InfoForm, MetadataType, RequireSiprec};

/// Recorders that one call can be recorded to at once.
pub const RECORDERS_MAX: usize = 6;

/// A configuration that was checked.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    #[serde(default)]
    pub control: Control,
    pub sip: Sip,
    pub media: Media,
    #[serde(default)]
    pub limits: Limits,
    #[serde(default)]
    pub policy: Policy,
    /// The recorders, in the order of the file.
    #[serde(default, rename = "recorder")]
    pub recorders: Vec<Recorder>,
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

/// How we are reached by SIP.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sip {
    /// Address and port of UDP and TCP, as recorders see them: they stand in Via and Contact.
    pub address: SocketAddr,
    /// User part of our address in From and Contact.
    #[serde(default = "Sip::default_user")]
    pub user: String,
    /// Domain of participants that come with a bare extension; our address where it is absent.
    #[serde(default)]
    pub domain: Option<String>,
}

/// The media side: addresses, ports and threads.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Media {
    /// Address of RTP, in and out, as participants and recorders see it.
    pub address: IpAddr,
    /// Ports of RTP and RTCP, all held from the start.
    #[serde(default)]
    pub ports: PortRange,
    /// Data-plane threads; the ports are shared out evenly.
    #[serde(default = "Media::default_workers")]
    pub workers: u16,
    /// The core of each thread, where they are to be pinned.
    #[serde(default)]
    pub cores: Vec<usize>,
    /// How a thread waits for its next slot.
    #[serde(default)]
    pub wake: Wake,
}

/// An inclusive range of ports, written `first-last`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct PortRange {
    pub first: u16,
    pub last: u16,
}

/// How a data-plane thread waits for its next slot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Wake {
    /// Sleeps: the core is free for others in between.
    #[default]
    Sleep,
    /// Spins: for a core that has nothing else to do.
    BusyPoll,
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
}

/// A SIP URI that names no transport but UDP and TCP.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct RecorderUri(pub Uri);

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
        self.check_addresses(&mut findings);
        self.check_media(&mut findings);
        self.check_limits(&mut findings);
        self.check_recorders(&mut findings);
        findings
    }

    fn check_addresses(&self, findings: &mut Vec<String>) {
        if self.sip.address.ip().is_unspecified() {
            findings.push(format!(
                "sip.address: {} stands in Via and Contact, where recorders must find us: \
                 use an address of this host",
                self.sip.address
            ));
        }
        if self.sip.address.port() == 0 {
            findings.push("sip.address: the port must not be 0: use 5060".into());
        }
        if !is_user(&self.sip.user) {
            findings.push(format!(
                "sip.user: {:?} is not a SIP user: use letters, digits, '-', '_' or '.'",
                self.sip.user
            ));
        }
        if let Some(domain) = &self.sip.domain
            && !is_host(domain)
        {
            findings.push(format!("sip.domain: {domain:?} is not a host name"));
        }
        if self.media.address.is_unspecified() {
            findings.push(format!(
                "media.address: {} stands in SDP, where recorders must find us: \
                 use an address of this host",
                self.media.address
            ));
        }
    }

    fn check_media(&self, findings: &mut Vec<String>) {
        let media = &self.media;
        if media.workers == 0 || media.workers > 64 {
            findings.push(format!("media.workers: {} is not 1 to 64", media.workers));
        } else if self.pairs_per_worker() < 2 {
            findings.push(format!(
                "media.ports: {}-{} is too small for {} workers: give each at least 4 ports",
                media.ports.first, media.ports.last, media.workers
            ));
        }
        if !media.cores.is_empty() && media.cores.len() != usize::from(media.workers) {
            findings.push(format!(
                "media.cores: names {} cores for {} workers: name one for each, or none",
                media.cores.len(),
                media.workers
            ));
        }
        let sip_port = self.sip.address.port();
        if (media.ports.first..=media.ports.last).contains(&sip_port) {
            findings.push(format!(
                "media.ports: {}-{} contains the SIP port {sip_port}: move either",
                media.ports.first, media.ports.last
            ));
        }
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
        if self.recorders.len() > RECORDERS_MAX {
            findings.push(format!(
                "recorder: {} are configured, and a call is recorded to {RECORDERS_MAX} at most: \
                 remove some",
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
    }
}

impl Recorder {
    fn check(&self, at: &str, findings: &mut Vec<String>) {
        if self.id.as_str().len() > 64 {
            findings.push(format!("{at}: id: it is longer than 64 characters"));
        }
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
    }

    fn default_codecs() -> Vec<CodecName> {
        vec![CodecName::Pcmu, CodecName::Pcma]
    }

    const fn default_invite_timeout_ms() -> u32 {
        5_000
    }
}

impl Sip {
    fn default_user() -> String {
        "sixreel".into()
    }
}

impl Media {
    const fn default_workers() -> u16 {
        1
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

impl Default for PortRange {
    fn default() -> Self {
        Self {
            first: 20_000,
            last: 29_999,
        }
    }
}

impl PortRange {
    /// Pairs of an even port and the odd one above it.
    pub const fn pairs(self) -> u32 {
        let first = self.first_even() as u32;
        let end = self.last as u32 + 1;
        end.saturating_sub(first) / 2
    }

    /// The first even port.
    pub const fn first_even(self) -> u16 {
        self.first + self.first % 2
    }
}

impl TryFrom<String> for RecorderUri {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let wrong = |why: &str| format!("{text:?}: {why}: write \"sip:user@host:port\"");
        let uri = Uri::parse(&text).map_err(|flaw| wrong(&flaw.to_string()))?;
        if uri.secure {
            return Err(wrong("it begins with sips:"));
        }
        match uri.params.value("transport") {
            Some(name) if !["udp", "tcp"].contains(&name.to_ascii_lowercase().as_str()) => {
                Err(wrong("its transport is neither udp nor tcp"))
            }
            Some(_) | None => Ok(Self(uri)),
        }
    }
}

impl TryFrom<String> for PortRange {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let range = text.split_once('-').and_then(|(first, last)| {
            Some(Self {
                first: first.trim().parse().ok()?,
                last: last.trim().parse().ok()?,
            })
        });
        match range {
            Some(range) if range.first >= 1024 && range.first < range.last => Ok(range),
            _ => Err(format!(
                "{text:?} is not a range of ports from 1024 up: write \"20000-29999\""
            )),
        }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

impl std::error::Error for ConfigError {}

fn is_user(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
}

fn is_host(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-.:[]".contains(&b))
}

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
    fn a_seventh_recorder_and_a_second_of_the_same_id_are_refused() {
        let one = "[[recorder]]\nid = \"west\"\nuri = \"sip:r@192.0.2.1\"\n";
        let error = error(&format!("{GOOD}\n{}", one.repeat(6)));
        assert!(error.contains("7 are configured") && error.contains("used twice"));
    }

    #[test]
    fn a_uri_says_where_and_by_what() {
        for (text, why) in [
            ("http://srs", "neither with sip:"),
            ("sips:rec@srs", "sips:"),
            ("sip:rec@srs;transport=ws", "neither udp nor tcp"),
        ] {
            let error = error(&GOOD.replace("sip:recorder@srs.example.com", text));
            assert!(error.contains(why) && error.contains("line 8"), "{error}");
        }
    }

    #[test]
    fn port_ranges_give_whole_pairs() {
        let range = |text: &str| PortRange::try_from(text.to_owned());
        assert_eq!(range("20001-20006").unwrap().pairs(), 2);
        assert_eq!(range("20000-20001").unwrap().pairs(), 1);
        assert!(range("20000").is_err() && range("30000-20000").is_err());
        assert!(range("80-90").is_err());
    }
}
