//! Message bodies with a session description, metadata or both (RFC 7866 §9.1).

use super::multipart::{self, Part};
use crate::random::Random;

/// The media type that metadata goes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MediaType {
    /// `application/rs-metadata+xml`: RFC 9806.
    RsMetadataXml,
    /// `application/rs-metadata`: RFC 7866, and the ControlONE interface.
    RsMetadata,
}

/// A body that is written, with the headers that it needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Body {
    /// For the header Content-Type.
    pub content_type: String,
    /// For the header Content-Disposition.
    pub disposition: Option<&'static str>,
    pub bytes: Vec<u8>,
}

/// What a received body holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Contents<'a> {
    pub sdp: Option<&'a [u8]>,
    pub metadata: Option<&'a [u8]>,
}

const SDP: &str = "application/sdp";

/// RFC 7866 §9: how metadata is to be handled.
const RECORDING_SESSION: &str = "recording-session";

impl MediaType {
    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RsMetadataXml => "application/rs-metadata+xml",
            Self::RsMetadata => "application/rs-metadata",
        }
    }

    /// The other spelling.
    pub const fn other(self) -> Self {
        match self {
            Self::RsMetadataXml => Self::RsMetadata,
            Self::RsMetadata => Self::RsMetadataXml,
        }
    }

    /// From an entry of Accept or Content-Type. Snapshot requests had a type of their own in
    /// drafts, which RFC 8068 still lists.
    pub fn parse(text: &str) -> Option<Self> {
        match essence(text).as_str() {
            "application/rs-metadata+xml" | "application/rs-metadata-request+xml" => {
                Some(Self::RsMetadataXml)
            }
            "application/rs-metadata" | "application/rs-metadata-request" => Some(Self::RsMetadata),
            _ => None,
        }
    }
}

impl Body {
    /// A session description alone.
    pub fn sdp(sdp: Vec<u8>) -> Self {
        Self {
            content_type: SDP.to_owned(),
            disposition: None,
            bytes: sdp,
        }
    }

    /// Metadata alone.
    pub fn metadata(metadata: Vec<u8>, media_type: MediaType) -> Self {
        Self {
            content_type: media_type.as_str().to_owned(),
            disposition: Some(RECORDING_SESSION),
            bytes: metadata,
        }
    }

    /// Both, in one body of two parts.
    pub fn both(sdp: &[u8], metadata: &[u8], media_type: MediaType, random: &mut Random) -> Self {
        let parts = [
            Part {
                content_type: Some(SDP),
                disposition: None,
                bytes: sdp,
            },
            Part {
                content_type: Some(media_type.as_str()),
                disposition: Some(RECORDING_SESSION),
                bytes: metadata,
            },
        ];
        let (content_type, bytes) = multipart::write(&parts, random);
        Self {
            content_type,
            disposition: None,
            bytes,
        }
    }
}

impl<'a> Contents<'a> {
    /// Finds the session description and the metadata in a body: by their types, or where the
    /// types say nothing of them, by their first character.
    pub fn parse(content_type: Option<&'a str>, body: &'a [u8]) -> Self {
        let whole = Part {
            content_type,
            disposition: None,
            bytes: body,
        };
        let parts = match content_type {
            Some(text) if essence(text).starts_with("multipart/") => multipart::parse(text, body),
            Some(_) | None => vec![whole],
        };
        let first = |wanted: fn(&Part<'_>) -> bool| {
            let mut parts = parts.iter();
            parts.find(|part| wanted(part)).map(|part| part.bytes)
        };
        Self {
            sdp: first(is_sdp).or_else(|| first(looks_like_sdp)),
            metadata: first(is_metadata).or_else(|| first(looks_like_xml)),
        }
    }
}

fn is_sdp(part: &Part<'_>) -> bool {
    part.content_type.is_some_and(|text| essence(text) == SDP)
}

fn looks_like_sdp(part: &Part<'_>) -> bool {
    part.content_type.is_none() && part.bytes.trim_ascii_start().starts_with(b"v=")
}

fn is_metadata(part: &Part<'_>) -> bool {
    let by_type = part.content_type.and_then(MediaType::parse).is_some();
    let disposition = part.disposition.map(essence);
    by_type || disposition.is_some_and(|disposition| disposition == RECORDING_SESSION)
}

fn looks_like_xml(part: &Part<'_>) -> bool {
    !is_sdp(part) && part.bytes.trim_ascii_start().starts_with(b"<")
}

/// What stands before the parameters, in small letters.
fn essence(text: &str) -> String {
    let essence = text.split(';').next().unwrap_or_default();
    essence.trim().to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_the_media_type_is_known() {
        let xml = Some(MediaType::RsMetadataXml);
        assert_eq!(MediaType::parse("Application/RS-Metadata+XML ;q=1"), xml);
        let short = Some(MediaType::RsMetadata);
        assert_eq!(MediaType::parse("application/rs-metadata"), short);
        assert_eq!(MediaType::parse(" application/rs-metadata-request"), short);
        assert_eq!(MediaType::parse("application/sdp"), None);
    }

    #[test]
    fn what_is_written_is_found_again() {
        let (sdp, metadata) = (&b"v=0\r\n"[..], &b"<recording/>"[..]);
        let mut random = Random::new([0; 32]);
        let both = Body::both(sdp, metadata, MediaType::RsMetadata, &mut random);
        let found = Contents::parse(Some(&both.content_type), &both.bytes);
        let expected = Contents {
            sdp: Some(sdp),
            metadata: Some(metadata),
        };
        assert_eq!(found, expected);
        assert_eq!(both.disposition, None);

        let alone = Body::metadata(metadata.to_vec(), MediaType::RsMetadataXml);
        assert_eq!(alone.disposition, Some("recording-session"));
        let found = Contents::parse(Some(&alone.content_type), &alone.bytes);
        assert_eq!((found.sdp, found.metadata), (None, Some(metadata)));
        let offer = Body::sdp(sdp.to_vec());
        let found = Contents::parse(Some(&offer.content_type), &offer.bytes);
        assert_eq!((found.sdp, found.metadata), (Some(sdp), None));
    }

    #[test]
    fn what_its_type_does_not_tell_is_told_by_its_beginning() {
        let contents = |content_type, body| {
            let contents = Contents::parse(content_type, body);
            (contents.sdp, contents.metadata)
        };
        let (sdp, xml) = (&b"v=0\r\n"[..], &b"\n<requestsnapshot/>"[..]);
        assert_eq!(contents(None, sdp), (Some(sdp), None));
        assert_eq!(contents(None, xml), (None, Some(xml)));
        assert_eq!(contents(Some("application/xml"), xml), (None, Some(xml)));
        assert_eq!(contents(Some("text/plain"), sdp), (None, None));
        assert_eq!(contents(Some("application/sdp"), xml), (Some(xml), None));
        assert_eq!(contents(None, b""), (None, None));
    }

    #[test]
    fn metadata_is_preferred_to_other_xml() {
        let body = b"--b\n\nv=0\n--b\nContent-Type: application/pidf+xml\n\n<p/>\n--b\n\
            Content-Type: application/xml\n\
            Content-Disposition: Recording-Session;handling=optional\n\n<r/>\n--b--";
        let found = Contents::parse(Some("MULTIPART/mixed; boundary=b"), body);
        assert_eq!(found.sdp, Some(&b"v=0"[..]));
        assert_eq!(found.metadata, Some(&b"<r/>"[..]));
    }

    /// Messages from the field: the folder that SIXREEL_INTEROP names.
    #[test]
    fn bodies_of_other_clients_are_taken_apart() {
        let Ok(folder) = std::env::var("SIXREEL_INTEROP") else {
            println!("skipped: SIXREEL_INTEROP is not set");
            return;
        };
        for client in ["connectel", "metaswitch"] {
            for entry in std::fs::read_dir(format!("{folder}/{client}")).unwrap() {
                let message = std::fs::read(entry.unwrap().path()).unwrap();
                let contents = Contents::parse(Some("multipart/mixed"), body_of(&message));
                assert!(contents.sdp.unwrap().starts_with(b"v=0"));
                let metadata = crate::metadata::Document::parse(contents.metadata.unwrap());
                let Ok(crate::metadata::Document::Recording(recording)) = metadata else {
                    panic!("{metadata:?}");
                };
                assert_eq!(recording.participants.len(), 2);
                let labels = recording.streams.iter().filter(|s| s.label.is_some());
                assert_eq!(labels.count(), if client == "connectel" { 2 } else { 1 });
            }
        }
    }

    fn body_of(message: &[u8]) -> &[u8] {
        let start = message.windows(3).position(|window| window == b"\n--");
        &message[start.unwrap()..]
    }
}
