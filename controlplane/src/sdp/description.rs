//! A session description as either side writes it: parse and write.

use std::net::Ipv4Addr;

use sdp_types::{Origin, Session};

use super::media::{Host, Media};
use super::normalise::normalise;

/// A session description, reduced to what an audio stream needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// Names the session for its life; 0 where the sender's is not a number.
    pub session_id: u64,
    /// Counts the sender's changes.
    pub version: u64,
    /// One for each m-line: an answer has as many, in the same order (RFC 3264 §6).
    pub media: Vec<Media>,
}

/// Why received bytes are no session description.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("the other side's SDP has {0} bytes: it must send at most {LIMIT}")]
    TooLong(usize),
    #[error("the other side sent no SDP: it must send a body with v= and m= lines")]
    NotSdp,
    #[error("the other side's SDP has {0} m-lines: it must send at most {MEDIA_MAX}")]
    TooManyMedia(usize),
    #[error("the other side's SDP is malformed and must be corrected there: {0}")]
    Malformed(String),
}

/// The longest description that is read, in bytes.
const LIMIT: usize = 64 * 1024;

/// The most m-lines that are read.
const MEDIA_MAX: usize = 32;

impl Description {
    /// Reads what the other side sent, however sloppy.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        if bytes.len() > LIMIT {
            return Err(Error::TooLong(bytes.len()));
        }
        let text = normalise(bytes).ok_or(Error::NotSdp)?;
        let session =
            Session::parse(text.as_bytes()).map_err(|error| Error::Malformed(error.to_string()))?;
        if session.medias.len() > MEDIA_MAX {
            return Err(Error::TooManyMedia(session.medias.len()));
        }
        Ok(Self {
            session_id: session.origin.sess_id.parse().unwrap_or(0),
            version: session.origin.sess_version,
            media: session
                .medias
                .iter()
                .map(|media| Media::parse(media, &session))
                .collect(),
        })
    }

    /// As it goes into a message.
    pub fn write(&self) -> Vec<u8> {
        let session_host = self.media.iter().find_map(|media| media.address.as_ref());
        let ip = match session_host {
            Some(Host::Ip(ip)) => *ip,
            Some(Host::Name(_)) | None => Ipv4Addr::UNSPECIFIED.into(),
        };
        let origin = Origin::with_ip_addr(self.session_id, self.version, ip);
        let mut session = Session::new(origin, "-");
        session.connection = session_host.map(Host::to_connection);
        session.medias = self
            .media
            .iter()
            .map(|media| media.to_lines(session_host))
            .collect();
        let mut out = Vec::with_capacity(512);
        session
            .write(&mut out)
            .expect("writing into memory cannot fail");
        out
    }

    /// This description as the one that we send after `previous`: the version goes up by one
    /// exactly when anything else differs (RFC 3264 §8).
    pub(super) fn following(mut self, previous: &Self) -> Self {
        self.session_id = previous.session_id;
        self.version = previous.version;
        if self != *previous {
            self.version += 1;
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use proptest::prelude::*;

    use super::*;
    use crate::random::Random;
    use crate::sdp::{
        Codec, Crypto, Direction, Encoding, Format, MediaKind, Profile, RtcpAddress, Suite,
    };

    /// The interface's example, trailing spaces included.
    const SEED: &str = "v=0 \no=SIMB-Conference 1055606034 1055606034 IN IP4 127.127.127.127 \n\
        s=SIMB Conference \nc=IN IP4 127.127.127.127 \nt=0 0 \nm=audio 7038 RTP/AVP 18 0 101 \n\
        a=rtpmap:18 G729/8000 \na=fmtp:18 annexb=no \na=rtpmap:0 PCMU/8000 \n\
        a=rtpmap:101 telephone-event/8000 \na=fmtp:101 0-16 \na=ptime:20 \na=label:182 \n\
        a=sendonly \n";

    fn format(payload_type: u8, encoding: Encoding) -> Format {
        Format {
            payload_type,
            encoding,
        }
    }

    #[test]
    fn reads_the_interfaces_example() {
        let description = Description::parse(SEED.as_bytes()).unwrap();
        assert_eq!(description.session_id, 1_055_606_034);
        assert_eq!(
            description.media,
            [Media {
                kind: MediaKind::Audio,
                port: 7038,
                profile: Profile::Avp,
                formats: vec![
                    format(18, Encoding::Other),
                    format(0, Encoding::Audio(Codec::Pcmu)),
                    format(101, Encoding::TelephoneEvent),
                ],
                address: Some(Host::Ip([127, 127, 127, 127].into())),
                direction: Direction::SendOnly,
                label: Some("182".to_owned()),
                rtcp: None,
                rtcp_mux: false,
                crypto: Vec::new(),
                crypto_flaws: Vec::new(),
            }]
        );
    }

    #[test]
    fn writes_the_lines_in_the_examples_order() {
        let mut description = Description::parse(SEED.as_bytes()).unwrap();
        description.media[0].formats.remove(0);
        description.media[0].rtcp_mux = true;
        assert_eq!(
            String::from_utf8(description.write()).unwrap(),
            "v=0\r\no=- 1055606034 1055606034 IN IP4 127.127.127.127\r\ns=-\r\n\
             c=IN IP4 127.127.127.127\r\nt=0 0\r\nm=audio 7038 RTP/AVP 0 101\r\n\
             a=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\n\
             a=ptime:20\r\na=label:182\r\na=sendonly\r\na=rtcp-mux\r\n"
        );
    }

    #[test]
    fn what_cannot_be_read_is_refused_with_a_reason() {
        let parse = |text: &str| Description::parse(text.as_bytes()).unwrap_err();
        assert_eq!(parse("Not here"), Error::NotSdp);
        assert_eq!(parse(&"x".repeat(70_000)), Error::TooLong(70_000));
        assert_eq!(
            parse(&"m=audio 1 RTP/AVP 0\n".repeat(33)),
            Error::TooManyMedia(33)
        );
        let error = parse("v=0\nm=audio port RTP/AVP 0\n").to_string();
        assert!(error.contains("Media port"), "{error}");
    }

    #[test]
    fn the_version_rises_exactly_when_the_text_changes() {
        let first = Description::parse(SEED.as_bytes()).unwrap();
        let same = first.clone().following(&first);
        assert_eq!(same, first);
        let mut paused = first.clone();
        paused.media[0].direction = Direction::Inactive;
        let paused = paused.following(&first);
        assert_eq!(paused.version, first.version + 1);
        assert_ne!(paused.write(), first.write());
        assert_eq!(first.clone().following(&paused).version, first.version + 2);
    }

    /// Descriptions from the field: the folder that SIXREEL_INTEROP names.
    #[test]
    fn descriptions_of_other_clients_are_read() {
        let Ok(folder) = std::env::var("SIXREEL_INTEROP") else {
            println!("skipped: SIXREEL_INTEROP is not set");
            return;
        };
        let mut read = 0;
        for client in ["connectel", "metaswitch"] {
            for entry in std::fs::read_dir(format!("{folder}/{client}")).unwrap() {
                let message = std::fs::read_to_string(entry.unwrap().path()).unwrap();
                let (_, rest) = message.split_once("v=0").unwrap();
                let (text, _) = rest.split_once("\n--").unwrap();
                let text = text
                    .replace("[local_ip]", "192.0.2.1")
                    .replace("[auto_media_port+2]", "4002")
                    .replace("[auto_media_port]", "4000");
                let description = Description::parse(format!("v=0{text}").as_bytes()).unwrap();
                for media in &description.media {
                    assert_eq!(media.kind, MediaKind::Audio);
                    assert!(
                        media.label.is_some()
                            && media.address.is_some() == (client == "metaswitch")
                    );
                    let pcmu = format(0, Encoding::Audio(Codec::Pcmu));
                    assert!(media.formats.contains(&pcmu), "{media:?}");
                }
                read += description.media.len();
            }
        }
        assert!(read >= 10, "{read}");
    }

    fn any_media() -> impl Strategy<Value = Media> {
        let encoding = prop_oneof![
            Just(Encoding::Audio(Codec::Pcmu)),
            Just(Encoding::Audio(Codec::Pcma)),
            Just(Encoding::TelephoneEvent),
        ];
        let formats = proptest::collection::btree_map(0..128_u8, encoding, 1..5);
        let direction = prop_oneof![
            Just(Direction::SendOnly),
            Just(Direction::RecvOnly),
            Just(Direction::SendRecv),
            Just(Direction::Inactive),
        ];
        let rtcp = (1..=u16::MAX, any::<Option<IpAddr>>());
        (
            (any::<bool>(), any::<u16>(), any::<bool>(), formats),
            (any::<IpAddr>(), direction, any::<Option<[u8; 2]>>()),
            (proptest::option::of(rtcp), any::<bool>(), 0..7_usize),
        )
            .prop_map(|(head, (ip, direction, label), (rtcp, rtcp_mux, suites))| {
                let (audio, port, avp, formats) = head;
                Media {
                    kind: match audio {
                        true => MediaKind::Audio,
                        false => MediaKind::Other("image".to_owned()),
                    },
                    port,
                    profile: match (avp, suites) {
                        (true, 0) => Profile::Avp,
                        (true, 1) => Profile::Savpf,
                        (true, _) => Profile::Savp,
                        (false, _) => Profile::Other("udptl".to_owned()),
                    },
                    formats: formats.into_iter().map(|(p, e)| format(p, e)).collect(),
                    address: Some(Host::Ip(ip)),
                    direction,
                    label: label.map(|[a, b]| format!("{a}.{b}")),
                    rtcp: rtcp.map(|(port, ip)| RtcpAddress { port, ip }),
                    rtcp_mux,
                    crypto: (0..suites)
                        .map(|at| {
                            let mut random = Random::new([at as u8; 32]);
                            Crypto::fresh(at as u32, Suite::ALL[at % 6], &mut random, &[])
                        })
                        .collect(),
                    crypto_flaws: Vec::new(),
                }
            })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        #[test]
        fn what_is_written_reads_back(
            session_id: u64,
            version: u64,
            media in proptest::collection::vec(any_media(), 0..4),
        ) {
            let description = Description { session_id, version, media };
            prop_assert_eq!(Description::parse(&description.write()), Ok(description));
        }

        #[test]
        fn any_bytes_are_read_or_refused(
            bytes: Vec<u8>,
            cut in 0..SEED.len(),
            len in 0..40_usize,
        ) {
            let mut mutated = SEED.as_bytes().to_vec();
            let end = (cut + len).min(SEED.len());
            mutated.splice(cut..end, bytes.iter().copied());
            for input in [bytes, mutated] {
                if let Ok(description) = Description::parse(&input) {
                    let written = description.write();
                    prop_assert!(Description::parse(&written).is_ok());
                }
            }
        }
    }
}
