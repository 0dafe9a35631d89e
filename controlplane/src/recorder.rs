//! A recorder as calls see it: where it is, and what it wants to be told.

use std::time::Duration;

use crate::config;
use crate::control::request::{CodecName, Name};
use crate::metadata::{IdFormat, MediaType};
use crate::sip::flow::{Protocol, TlsSettings, TransportPolicy};
use crate::sip::uri::Uri;

pub use crate::config::{AfterBye, InfoForm};

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
    pub info: InfoForm,
    pub media_type: MediaType,
    pub id_format: IdFormat,
    pub header_prefix: String,
    pub codecs: Vec<CodecName>,
    pub csrc: bool,
    pub label: String,
    pub invite_timeout: Duration,
    pub after_bye: AfterBye,
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
            info: config.info,
            media_type: match config.metadata_type {
                config::MetadataType::RsMetadataXml => MediaType::RsMetadataXml,
                config::MetadataType::RsMetadata => MediaType::RsMetadata,
            },
            id_format: match config.id_format {
                config::IdFormat::Base64 => IdFormat::Base64,
                config::IdFormat::Uuid => IdFormat::Uuid,
            },
            header_prefix: config.header_prefix.clone(),
            codecs: config.codecs.clone(),
            csrc: config.csrc,
            label: config.label.clone(),
            invite_timeout: Duration::from_millis(config.invite_timeout_ms.into()),
            after_bye: config.after_bye,
            ping_interval: (config.ping_interval_s > 0)
                .then(|| Duration::from_secs(config.ping_interval_s.into())),
        }
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
