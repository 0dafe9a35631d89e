//! A recorder as calls see it: where it is, and what it wants to be told.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::config::{self, Profile, Setting};
use crate::control::request::{CodecName, Name};
use crate::metadata::{IdFormat, MediaType};
use crate::sip::digest::Credentials;
use crate::sip::flow::TransportPolicy;
use crate::sip::uri::Uri;

pub use crate::config::{AfterBye, AfterRefusal, InfoForm, RequireSiprec};

/// The port of SIP where a URI names none (RFC 3261 §19.1.2).
const SIP_PORT: u16 = 5060;

/// A recorder. Nothing of it changes while the process runs.
#[derive(Clone, Debug)]
pub struct Recorder {
    pub id: Name,
    /// Its place among the recorders.
    pub index: usize,
    pub uri: Uri,
    pub policy: TransportPolicy,
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
                config::Transport::Auto => TransportPolicy::Auto,
                config::Transport::Udp => TransportPolicy::Udp,
                config::Transport::Tcp => TransportPolicy::Tcp,
            },
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
        }
    }

    /// One at 192.0.2.2, by UDP, with these lines in its part of the configuration.
    #[cfg(test)]
    pub(crate) fn testing(lines: &str) -> Self {
        let text = format!(
            "[sip]\naddress = \"192.0.2.1:5060\"\n[media]\naddress = \"192.0.2.1\"\n\
             [[recorder]]\nid = \"west\"\nuri = \"sip:rec@192.0.2.2\"\ntransport = \"udp\"\n{lines}"
        );
        let config = config::Config::parse(&text).unwrap();
        Self::new(0, &config.recorders[0])
    }

    /// The port that its signalling is at.
    pub fn port(&self) -> u16 {
        self.uri.port.unwrap_or(SIP_PORT)
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
