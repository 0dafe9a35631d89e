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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
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
    /// Finds the first session description and the first metadata in a body. Where a part or a
    /// message names no type, its first character tells.
    pub fn parse(content_type: Option<&str>, body: &'a [u8]) -> Self {
        let whole = content_type.unwrap_or_default();
        if essence(whole).starts_with("multipart/") {
            let mut contents = Self::default();
            for part in multipart::parse(whole, body) {
                contents.add(part.content_type, part.disposition, part.bytes);
            }
            return contents;
        }
        let mut contents = Self::default();
        contents.add(content_type, None, body);
        contents
    }

    fn add(&mut self, content_type: Option<&str>, disposition: Option<&str>, bytes: &'a [u8]) {
        let first = bytes.trim_ascii_start().first();
        let (is_sdp, is_metadata) = match content_type {
            Some(text) => (essence(text) == SDP, MediaType::parse(text).is_some()),
            None => (first == Some(&b'v'), first == Some(&b'<')),
        };
        let is_recording = || disposition.is_some_and(|text| essence(text) == RECORDING_SESSION);
        if is_sdp {
            self.sdp.get_or_insert(bytes);
        } else if is_metadata || is_recording() {
            self.metadata.get_or_insert(bytes);
        }
    }
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
    fn bodies_without_a_type_are_told_by_their_beginning() {
        assert_eq!(Contents::parse(None, b"v=0\r\n").sdp, Some(&b"v=0\r\n"[..]));
        assert_eq!(
            Contents::parse(None, b"\n<r/>").metadata,
            Some(&b"\n<r/>"[..])
        );
        assert_eq!(Contents::parse(None, b""), Contents::default());
        let other = Contents::parse(Some("text/plain"), b"<r/>");
        assert_eq!(other, Contents::default());
        let body = b"--b\n\nv=0\n--b\nContent-Disposition: Recording-Session;handling=optional\n\
            Content-Type: application/xml\n\n<r/>\n--b--";
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
