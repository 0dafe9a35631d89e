//! A recorder as calls see it: where it is, and what it wants to be told.

use std::time::Duration;

use crate::config;
use crate::control::request::{CodecName, Name};
use crate::metadata::{IdFormat, MediaType};
use crate::sip::flow::{Protocol, TransportPolicy};
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

impl Recorder {
    /// From its part of the configuration, as the one at `index`.
    pub fn new(index: usize, config: &config::Recorder) -> Self {
        Self {
            id: config.id.clone(),
            index,
            uri: config.uri.0.clone(),
            policy: match config.transport {
                config::Transport::Auto => TransportPolicy::Auto,
                config::Transport::Udp => TransportPolicy::Udp,
                config::Transport::Tcp => TransportPolicy::Tcp,
            },
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
            TransportPolicy::Auto => self.uri.params.value("transport").and_then(Protocol::named),
        }
    }

    /// The name of its transport.
    pub const fn transport(&self) -> &'static str {
        match self.policy {
            TransportPolicy::Auto => "auto",
            TransportPolicy::Udp => "udp",
            TransportPolicy::Tcp => "tcp",
        }
    }
}
