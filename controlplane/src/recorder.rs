//! A recorder as calls see it: where it is, and what it wants to be told.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::config::{self, Profile, Setting};
use crate::control::request::{CodecName, Name};
use crate::metadata::{IdFormat, MediaType};
use crate::sdp::Suite;
use crate::sip::digest::Credentials;
use crate::sip::flow::{Protocol, TlsSettings, TransportPolicy};
use crate::sip::uri::Uri;

pub use crate::config::{AfterBye, AfterRefusal, InfoForm, RequireSiprec, Srtp};

/// A recorder. Nothing of it changes while the process runs.
#[derive(Clone, Debug)]
pub struct Recorder {
    pub id: Name,
    /// Its place among the recorders.
    pub index: usize,
    pub uri: Uri,
    pub policy: TransportPolicy,
    /// By what it is told from others, where it speaks TLS.
    pub tls: Option<Verified>,
    /// Whether protection is offered: never where SIP is in clear.
    pub srtp: Srtp,
    /// The suites that are offered then, the best first.
    pub suites: Vec<Suite>,
    pub profile: Profile,
    /// Every quirk for people, and what set it.
    pub settings: Vec<Setting>,
    /// What proves who we are to a recorder that asks.
    pub credentials: Option<Arc<Credentials>>,
    pub info: InfoForm,
    pub media_type: MediaType,
    pub id_format: IdFormat,
    /// Whether it is recorded to in headers alone once it has refused metadata.
    pub without_metadata: bool,
    pub header_prefix: String,
    /// More headers of INVITEs.
    pub headers: BTreeMap<String, String>,
    pub codecs: Vec<CodecName>,
    pub telephone_event: bool,
    pub rtcp_mux: bool,
    pub csrc: bool,
    pub label: String,
    pub require_siprec: RequireSiprec,
    /// As the headers Allow and Accept say it.
    pub allow: String,
    pub accept: String,
    pub reliable_provisional: bool,
    pub invite_timeout: Duration,
    pub after_bye: AfterBye,
    pub after_refusal: AfterRefusal,
    /// How often it is asked whether it is there; never where there is none.
    pub ping_interval: Option<Duration>,
}

/// By what a recorder is told from others.
#[derive(Clone, Debug)]
pub struct Verified {
    /// Whether its certificate is verified at all.
    pub verify: bool,
    /// The name that it must have.
    pub name: String,
}

impl Verified {
    fn new(config: &config::Recorder) -> Self {
        let name = config.server_name();
        Self {
            verify: config.tls.verify,
            name: name.map_or_else(|why| why, |name| name.to_str().into_owned()),
        }
    }
}

impl Recorder {
    /// From its part of the configuration, as the one at `index`.
    pub fn new(index: usize, config: &config::Recorder) -> Self {
        let quirks = config.quirks();
        Self {
            id: config.id.clone(),
            index,
            uri: config.uri.0.clone(),
            policy: match config.transport {
                _ if config.speaks_tls() => {
                    TransportPolicy::Tls(TlsSettings::Recorder(index as u16))
                }
                config::Transport::Tls | config::Transport::Auto => TransportPolicy::Auto,
                config::Transport::Udp => TransportPolicy::Udp,
                config::Transport::Tcp => TransportPolicy::Tcp,
            },
            tls: config.speaks_tls().then(|| Verified::new(config)),
            srtp: config.offers_srtp(),
            suites: config.srtp_suites.iter().map(|name| name.0).collect(),
            profile: config.profile,
            settings: config.settings(),
            credentials: None,
            info: quirks.info,
            media_type: match quirks.metadata_type {
                config::MetadataType::RsMetadataXml => MediaType::RsMetadataXml,
                config::MetadataType::RsMetadata => MediaType::RsMetadata,
            },
            id_format: match quirks.id_format {
                config::IdFormat::Base64 => IdFormat::Base64,
                config::IdFormat::Uuid => IdFormat::Uuid,
            },
            without_metadata: quirks.without_metadata,
            header_prefix: quirks.header_prefix,
            headers: config.headers.clone(),
            codecs: config.codecs.clone(),
            telephone_event: quirks.telephone_event,
            rtcp_mux: quirks.rtcp_mux,
            csrc: quirks.csrc,
            label: quirks.label,
            require_siprec: quirks.require_siprec,
            allow: quirks.allow.join(", "),
            accept: quirks.accept.join(", "),
            reliable_provisional: quirks.reliable_provisional,
            invite_timeout: Duration::from_millis(config.invite_timeout_ms.into()),
            after_bye: config.after_bye,
            after_refusal: config.after_refusal,
            ping_interval: (config.ping_interval_s > 0)
                .then(|| Duration::from_secs(config.ping_interval_s.into())),
        }
    }

    /// One at 192.0.2.2, by UDP, with these lines in its part of the configuration.
    #[cfg(test)]
    pub(crate) fn testing(lines: &str) -> Self {
        Self::new(0, &Self::testing_config(lines))
    }

    /// Its part of the configuration.
    #[cfg(test)]
    pub(crate) fn testing_config(lines: &str) -> config::Recorder {
        let text = format!(
            "[sip]\naddress = \"192.0.2.1:5060\"\n[media]\naddress = \"192.0.2.1\"\n\
             [[recorder]]\nid = \"west\"\nuri = \"sip:rec@192.0.2.2\"\ntransport = \"udp\"\n{lines}"
        );
        let mut config = config::Config::parse(&text).unwrap();
        config.recorders.remove(0)
    }

    /// Its transport, where the configuration or its URI names one.
    pub fn protocol(&self) -> Option<Protocol> {
        match self.policy {
            TransportPolicy::Udp => Some(Protocol::Udp),
            TransportPolicy::Tcp => Some(Protocol::Tcp),
            TransportPolicy::Tls(settings) => Some(Protocol::Tls(settings)),
            TransportPolicy::Auto => self.uri.params.value("transport").and_then(Protocol::named),
        }
    }

    /// The name of its transport.
    pub const fn transport(&self) -> &'static str {
        match self.policy {
            TransportPolicy::Auto => "auto",
            TransportPolicy::Udp => "udp",
            TransportPolicy::Tcp => "tcp",
            TransportPolicy::Tls(_) => "tls",
        }
    }
}
