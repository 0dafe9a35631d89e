//! The words that a recorder's quirks are spelled in.

use serde::Deserialize;

/// How a recorder is told the facts of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum InfoForm {
    /// SIP headers.
    Headers,
    /// RFC 7865 metadata.
    Metadata,
    Both,
}

/// The media type under which metadata travels; RFC 9806 settled on the long one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum MetadataType {
    #[serde(rename = "application/rs-metadata+xml")]
    RsMetadataXml,
    #[serde(rename = "application/rs-metadata")]
    RsMetadata,
}

/// How identifiers are spelled in metadata.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IdFormat {
    /// As RFC 7865 wants them.
    Base64,
    /// As text, for recorders that expect it.
    Uuid,
}

/// Whether requests require the recorder to be a session recording server (RFC 7866 §6.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RequireSiprec {
    /// Nobody else ever gets a call's audio.
    Always,
    /// Until it says that it does not know the extension.
    UntilRefused,
    Never,
}

/// What to do when a recorder refuses to record a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AfterRefusal {
    /// Leave it at that for this call.
    #[default]
    Stop,
    /// Ask again, after a pause.
    Retry,
}

/// What to do when a recorder ends a recording before its call has ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AfterBye {
    /// Record there again, after a pause: what can be recorded is recorded.
    #[default]
    Retry,
    /// Leave it at that for this call.
    Stop,
}

impl InfoForm {
    /// Whether information goes into headers.
    pub const fn has_headers(self) -> bool {
        matches!(self, Self::Headers | Self::Both)
    }

    /// Whether metadata is sent.
    pub const fn has_metadata(self) -> bool {
        matches!(self, Self::Metadata | Self::Both)
    }

    /// As the configuration spells it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Headers => "headers",
            Self::Metadata => "metadata",
            Self::Both => "both",
        }
    }
}

impl MetadataType {
    /// As the configuration spells it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::RsMetadataXml => "application/rs-metadata+xml",
            Self::RsMetadata => "application/rs-metadata",
        }
    }
}

impl IdFormat {
    /// As the configuration spells it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Base64 => "base64",
            Self::Uuid => "uuid",
        }
    }
}

impl RequireSiprec {
    /// As the configuration spells it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Always => "always",
            Self::UntilRefused => "until-refused",
            Self::Never => "never",
        }
    }
}
