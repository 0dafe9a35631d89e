//! Offer and answer (RFC 3264): what was agreed on, or why nothing was.
//!
//! The recording's stream is the first m-line; answers are matched to offers by the m-line's place
//! and by nothing else. Every other m-line is refused.

use std::net::{IpAddr, SocketAddr};

use sdp_types::Direction;

use super::codec::{Codec, Encoding};
use super::crypto::Crypto;
use super::description::Description;
use super::media::{Format, Host, Media, MediaKind, Profile};
use super::secure::{Insecure, Secured, accept_crypto, choose_crypto};

/// Our side of a stream: offers and answers are made of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Local {
    /// Random; names the session for its life, and is where its versions start.
    pub session_id: u32,
    /// Where our media comes from or goes to; not the address of the signalling.
    pub address: IpAddr,
    /// The port of our RTP: even, and not 0.
    pub port: u16,
    /// What we can do, the best first.
    pub codecs: Vec<Codec>,
    /// Whether named events (RFC 4733) are wanted too.
    pub telephone_event: bool,
    /// A token that names the stream: a recording client must give one (RFC 7866 §7.1.1), a
    /// recorder need not.
    pub label: Option<String>,
    /// What we want: `sendonly` for a recording client, `recvonly` for a recorder, `inactive` for
    /// a pause.
    pub direction: Direction,
    /// Whether RTCP may share the port of RTP.
    pub rtcp_mux: bool,
    /// The suites that we take, the best first, each with a key of ours and a tag of its own.
    /// Where there are none, RTP is in clear; where there are, it never is.
    pub crypto: Vec<Crypto>,
}

/// What both sides agreed on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// Where RTP goes.
    pub remote: SocketAddr,
    /// Where RTCP goes.
    pub rtcp: RtcpRemote,
    /// The codec to send.
    pub codec: Codec,
    /// The number that they want for it.
    pub payload_type: u8,
    /// The number that they want for named events.
    pub telephone_event: Option<u8>,
    /// Whether RTP may be sent now.
    pub sending: bool,
    /// How RTP and RTCP are protected; nothing is where it is absent.
    pub secured: Option<Secured>,
}

/// Where RTCP goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RtcpRemote {
    /// To the address and port of RTP (RFC 5761).
    Mux,
    At(SocketAddr),
}

/// Why nothing was agreed on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unacceptable {
    #[error("the other side's SDP has no m-line: it must have one for each of ours")]
    NoMedia,
    #[error("the other side refused the stream with port 0: look there for codecs and licences")]
    Rejected,
    #[error("the other side's first m-line is {0:?}: it must be the audio stream")]
    NotAudio(String),
    #[error("the other side's profile is {theirs:?}: it must be {ours:?}")]
    Profile { theirs: String, ours: &'static str },
    #[error(transparent)]
    Insecure(#[from] Insecure),
    #[error("no codec in common: the other side must take one of {}", list(ours))]
    NoCodec { ours: Vec<Codec> },
    #[error("the other side's SDP has no usable address: it must send a c= line")]
    NoAddress,
    #[error("the other side's c= line names the host {0:?}: it must give an IP address")]
    NamedAddress(String),
    #[error("the other side's address {0} is no single host's: it must give a unicast address")]
    NotUnicast(IpAddr),
    #[error("the other side's address {theirs} cannot be reached from {ours}: families differ")]
    OtherFamily { ours: IpAddr, theirs: IpAddr },
}

impl Local {
    /// The description that offers this. `previous` is what we sent last in the same session, offer
    /// or answer: the version follows from it, and m-lines never go away (RFC 3264 §8).
    pub fn offer(&self, previous: Option<&Description>) -> Description {
        let events = self.telephone_event.then_some(Encoding::TelephoneEvent);
        let encodings = self.codecs.iter().copied().map(Encoding::Audio);
        let formats = encodings.chain(events).filter_map(|encoding| {
            Some(Format {
                payload_type: encoding.payload_type()?,
                encoding,
            })
        });
        let profile = if self.crypto.is_empty() {
            Profile::Avp
        } else {
            Profile::Savp
        };
        let terms = (profile, self.crypto.clone());
        let stream = self.media(formats.collect(), self.direction, self.rtcp_mux, terms);
        let refused = previous.iter().flat_map(|sent| sent.media.iter().skip(1));
        let media = std::iter::once(stream).chain(refused.cloned());
        self.describe(media.collect(), previous)
    }

    fn describe(&self, media: Vec<Media>, previous: Option<&Description>) -> Description {
        let first = Description {
            session_id: self.session_id.into(),
            version: self.session_id.into(),
            media,
        };
        match previous {
            Some(previous) => first.following(previous),
            None => first,
        }
    }

    fn media(
        &self,
        formats: Vec<Format>,
        direction: Direction,
        rtcp_mux: bool,
        (profile, crypto): (Profile, Vec<Crypto>),
    ) -> Media {
        Media {
            kind: MediaKind::Audio,
            port: self.port,
            profile,
            formats,
            address: Some(Host::Ip(self.address)),
            direction,
            label: self.label.clone(),
            rtcp: None,
            rtcp_mux,
            crypto,
            crypto_flaws: Vec::new(),
        }
    }

    /// Their m-line, refused (RFC 3264 §6).
    fn refusal(&self, theirs: &Media) -> Media {
        Media {
            port: 0,
            address: Some(Host::Ip(self.address)),
            direction: Direction::Inactive,
            label: None,
            rtcp: None,
            rtcp_mux: false,
            crypto: Vec::new(),
            crypto_flaws: Vec::new(),
            ..theirs.clone()
        }
    }

    fn takes(&self, format: &Format) -> bool {
        match format.encoding {
            Encoding::Audio(codec) => self.codecs.contains(&codec),
            Encoding::TelephoneEvent => self.telephone_event,
            Encoding::Other => false,
        }
    }
}

/// Reads the answer to an offer of ours.
///
/// `None` is a stream that is agreed on and on hold the old way, by a null address: neither RTP
/// nor RTCP may be sent until a new offer gives an address (RFC 3264 §8.4).
pub fn accept(ours: &Local, answer: &Description) -> Result<Option<Accepted>, Unacceptable> {
    let theirs = answer.media.first().ok_or(Unacceptable::NoMedia)?;
    if theirs.port == 0 {
        return Err(Unacceptable::Rejected); // RFC 3264 §6
    }
    check_profile(ours, theirs)?;
    let secured = if ours.crypto.is_empty() {
        None
    } else {
        Some(accept_crypto(&ours.crypto, answer)?)
    };
    agree(ours, theirs, secured)
}

/// Answers the other side's offer: the answer, and what is agreed on if it is sent. `previous` is
/// what we sent last in the same session.
///
/// `None` is as for [`accept`], and also what is left of a stream that they removed with port 0.
/// An error is for a 488: what was agreed on before still holds (RFC 6141).
pub fn answer(
    ours: &Local,
    offer: &Description,
    previous: Option<&Description>,
) -> Result<(Description, Option<Accepted>), Unacceptable> {
    let (theirs, others) = offer.media.split_first().ok_or(Unacceptable::NoMedia)?;
    let (ours_now, agreed) = if theirs.port == 0 {
        (ours.refusal(theirs), None)
    } else {
        check_profile(ours, theirs)?;
        let chosen = if ours.crypto.is_empty() {
            None
        } else {
            Some(choose_crypto(&ours.crypto, offer)?)
        };
        let (line, secured) = chosen.unzip();
        let agreed = agree(ours, theirs, secured)?;
        // RFC 3264 §6.1: the mirror of their direction, as far as ours allows.
        let direction = match agreed {
            Some(_) => ours.direction.intersect_with_remote(theirs.direction),
            None => Direction::Inactive,
        };
        let formats = theirs.formats.iter().filter(|f| ours.takes(f)).copied();
        let rtcp_mux = ours.rtcp_mux && theirs.rtcp_mux;
        let terms = (theirs.profile.clone(), line.into_iter().collect());
        let media = ours.media(formats.collect(), direction, rtcp_mux, terms);
        (media, agreed)
    };
    // RFC 3264 §6: as many m-lines as they have, in their order.
    let refusals = others.iter().map(|other| ours.refusal(other));
    let media = std::iter::once(ours_now).chain(refusals);
    Ok((ours.describe(media.collect(), previous), agreed))
}

/// Protected or not, as we want it and never otherwise (RFC 4568 §7.1.3).
fn check_profile(ours: &Local, theirs: &Media) -> Result<(), Unacceptable> {
    if let MediaKind::Other(kind) = &theirs.kind {
        return Err(Unacceptable::NotAudio(kind.clone()));
    }
    let (fits, wanted) = if ours.crypto.is_empty() {
        (theirs.profile == Profile::Avp, "RTP/AVP")
    } else {
        (theirs.profile.is_secure(), "RTP/SAVP")
    };
    if fits {
        return Ok(());
    }
    Err(Unacceptable::Profile {
        theirs: theirs.profile.as_str().to_owned(),
        ours: wanted,
    })
}

fn agree(
    ours: &Local,
    theirs: &Media,
    secured: Option<Secured>,
) -> Result<Option<Accepted>, Unacceptable> {
    let common = || theirs.formats.iter().filter(|format| ours.takes(format));
    let (codec, payload_type) = common()
        .find_map(|format| match format.encoding {
            Encoding::Audio(codec) => Some((codec, format.payload_type)),
            Encoding::TelephoneEvent | Encoding::Other => None,
        })
        .ok_or_else(|| Unacceptable::NoCodec {
            ours: ours.codecs.clone(),
        })?;
    let telephone_event = common()
        .find(|format| format.encoding == Encoding::TelephoneEvent)
        .map(|format| format.payload_type);
    let Some(ip) = unicast(ours, theirs)? else {
        return Ok(None);
    };
    let direction = ours.direction.intersect_with_remote(theirs.direction);
    Ok(Some(Accepted {
        remote: SocketAddr::new(ip, theirs.port),
        rtcp: rtcp(ours, theirs, ip),
        codec,
        payload_type,
        telephone_event,
        sending: direction.has_send(),
        secured,
    }))
}

/// The address that they want media at; `None` where they hold with a null address.
fn unicast(ours: &Local, theirs: &Media) -> Result<Option<IpAddr>, Unacceptable> {
    let ip = match &theirs.address {
        Some(Host::Ip(ip)) => *ip,
        Some(Host::Name(name)) => return Err(Unacceptable::NamedAddress(name.clone())),
        None => return Err(Unacceptable::NoAddress),
    };
    if ip.is_unspecified() {
        return Ok(None); // RFC 3264 §8.4
    }
    if ip.is_multicast() || matches!(ip, IpAddr::V4(v4) if v4.is_broadcast()) {
        return Err(Unacceptable::NotUnicast(ip));
    }
    if ip.is_ipv4() != ours.address.is_ipv4() {
        return Err(Unacceptable::OtherFamily {
            ours: ours.address,
            theirs: ip,
        });
    }
    Ok(Some(ip))
}

fn rtcp(ours: &Local, theirs: &Media, ip: IpAddr) -> RtcpRemote {
    if ours.rtcp_mux && theirs.rtcp_mux {
        return RtcpRemote::Mux;
    }
    match theirs.rtcp {
        // An address of another family, or none that is meant: the port alone still tells.
        Some(rtcp) if rtcp.port != 0 => {
            let usable = rtcp
                .ip
                .filter(|to| to.is_ipv4() == ip.is_ipv4())
                .filter(|to| !to.is_unspecified() && !to.is_multicast());
            RtcpRemote::At(SocketAddr::new(usable.unwrap_or(ip), rtcp.port))
        }
        // RFC 3550 §11: the port above; there is none above the last, which nobody uses.
        Some(_) | None => RtcpRemote::At(SocketAddr::new(ip, theirs.port.saturating_add(1))),
    }
}

fn list(codecs: &[Codec]) -> String {
    let names: Vec<_> = codecs.iter().map(Codec::to_string).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn client() -> Local {
        Local {
            session_id: 7,
            address: [192, 0, 2, 1].into(),
            port: 4000,
            codecs: vec![Codec::Pcma, Codec::Pcmu],
            telephone_event: true,
            label: Some("1".to_owned()),
            direction: Direction::SendOnly,
            rtcp_mux: true,
            crypto: Vec::new(),
        }
    }

    fn recorder() -> Local {
        Local {
            session_id: 9,
            address: [192, 0, 2, 2].into(),
            port: 5000,
            codecs: vec![Codec::Pcmu],
            telephone_event: false,
            label: None,
            direction: Direction::RecvOnly,
            rtcp_mux: false,
            crypto: Vec::new(),
        }
    }

    /// An answer of one audio line with these lines around it.
    fn read(lines: &str) -> Description {
        Description::parse(format!("v=0\n{lines}").as_bytes()).unwrap()
    }

    fn to(remote: &str, rtcp: &str) -> Accepted {
        Accepted {
            remote: remote.parse().unwrap(),
            rtcp: RtcpRemote::At(rtcp.parse().unwrap()),
            codec: Codec::Pcma,
            payload_type: 8,
            telephone_event: None,
            sending: true,
            secured: None,
        }
    }

    #[test]
    fn a_client_and_a_recorder_agree() {
        let offer = client().offer(None);
        let (answer, at_recorder) = answer(&recorder(), &offer, None).unwrap();
        let media = &answer.media[0];
        assert_eq!((media.port, media.direction), (5000, Direction::RecvOnly));
        assert_eq!(media.formats.len(), 1);
        assert!(!at_recorder.unwrap().sending);

        let answer = Description::parse(&answer.write()).unwrap();
        let expected = Accepted {
            codec: Codec::Pcmu,
            payload_type: 0,
            ..to("192.0.2.2:5000", "192.0.2.2:5001")
        };
        assert_eq!(accept(&client(), &answer), Ok(Some(expected)));
    }

    #[test]
    fn the_offer_lists_the_codecs_in_order_of_preference() {
        let text = String::from_utf8(client().offer(None).write()).unwrap();
        assert!(text.contains("m=audio 4000 RTP/AVP 8 0 101\r\n"), "{text}");
        assert!(text.contains("o=- 7 7 IN IP4 192.0.2.1\r\n"), "{text}");
    }

    #[test]
    fn rtcp_goes_where_the_answer_says() {
        let accepted = |lines: &str| {
            let lines = format!("c=IN IP4 192.0.2.9\nm=audio 6000 RTP/AVP 8\n{lines}");
            accept(&client(), &read(&lines)).unwrap().unwrap()
        };
        let remote = "192.0.2.9:6000";
        assert_eq!(accepted(""), to(remote, "192.0.2.9:6001"));
        assert_eq!(accepted("a=rtcp:53"), to(remote, "192.0.2.9:53"));
        let elsewhere = accepted("a=rtcp:53 IN IP4 192.0.2.10");
        assert_eq!(elsewhere, to(remote, "192.0.2.10:53"));
        let unusable = accepted("a=rtcp:53 IN IP6 2001:db8::1");
        assert_eq!(unusable, to(remote, "192.0.2.9:53"));
        assert_eq!(accepted("a=rtcp-mux").rtcp, RtcpRemote::Mux);

        let unmuxed = Local {
            rtcp_mux: false,
            ..client()
        };
        let lines = "c=IN IP4 192.0.2.9\nm=audio 65535 RTP/AVP 8\na=rtcp-mux";
        let last = accept(&unmuxed, &read(lines)).unwrap();
        assert_eq!(last, Some(to("192.0.2.9:65535", "192.0.2.9:65535")));
    }

    #[test]
    fn the_first_codec_of_the_answer_that_was_offered_is_taken_by_its_number_there() {
        let lines = "c=IN IP4 192.0.2.9\nm=audio 6000 RTP/AVP 18 97 96 8 98\n\
            a=rtpmap:97 telephone-event/8000\na=rtpmap:96 PCMU/8000\n";
        let accepted = accept(&client(), &read(lines)).unwrap().unwrap();
        assert_eq!(accepted.codec, Codec::Pcmu);
        assert_eq!(accepted.payload_type, 96);
        assert_eq!(accepted.telephone_event, Some(97));
    }

    #[test]
    fn rtp_flows_only_where_both_want_it() {
        let sending = |ours: Direction, theirs: &str| {
            let lines = format!("c=IN IP4 192.0.2.9\nm=audio 6000 RTP/AVP 8\n{theirs}");
            let ours = Local {
                direction: ours,
                ..client()
            };
            accept(&ours, &read(&lines)).unwrap().unwrap().sending
        };
        assert!(sending(Direction::SendOnly, "a=recvonly"));
        assert!(sending(Direction::SendOnly, "")); // said nothing: sendrecv
        assert!(!sending(Direction::SendOnly, "a=inactive"));
        assert!(!sending(Direction::SendOnly, "a=sendonly"));
        assert!(!sending(Direction::Inactive, "a=recvonly"));
    }

    #[test]
    fn a_null_address_holds_everything() {
        let lines = "c=IN IP4 0.0.0.0\nm=audio 6000 RTP/AVP 8\na=recvonly";
        assert_eq!(accept(&client(), &read(lines)), Ok(None));
        let (answer, agreed) = answer(&client(), &read(lines), None).unwrap();
        assert_eq!(agreed, None);
        assert_eq!(answer.media[0].direction, Direction::Inactive);
        assert_eq!(answer.media[0].port, 4000);
    }

    #[test]
    fn an_answer_that_cannot_be_used_says_why() {
        let refusal = |lines: &str| accept(&client(), &read(lines)).unwrap_err();
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        assert_eq!(refusal("c=IN IP4 192.0.2.9"), Unacceptable::NoMedia);
        assert_eq!(refusal("m=audio 0 RTP/AVP"), Unacceptable::Rejected);
        assert_eq!(
            refusal("m=video 1 RTP/AVP 31"),
            Unacceptable::NotAudio("video".to_owned())
        );
        assert_eq!(
            refusal("m=audio 1 RTP/SAVP 8"),
            Unacceptable::Profile {
                theirs: "RTP/SAVP".to_owned(),
                ours: "RTP/AVP",
            }
        );
        assert_eq!(
            refusal("m=audio 1 RTP/AVP 18 101").to_string(),
            "no codec in common: the other side must take one of PCMA, PCMU"
        );
        assert_eq!(refusal("m=audio 1 RTP/AVP 8"), Unacceptable::NoAddress);
        assert_eq!(
            refusal("m=audio 1 RTP/AVP 8\nc=IN IP4 rec.example.com"),
            Unacceptable::NamedAddress("rec.example.com".to_owned())
        );
        for group in ["233.252.0.1", "255.255.255.255"] {
            let lines = format!("m=audio 1 RTP/AVP 8\nc=IN IP4 {group}/4");
            assert_eq!(refusal(&lines), Unacceptable::NotUnicast(ip(group)));
        }
        assert_eq!(
            refusal("m=audio 1 RTP/AVP 8\nc=IN IP6 2001:db8::1"),
            Unacceptable::OtherFamily {
                ours: ip("192.0.2.1"),
                theirs: ip("2001:db8::1"),
            }
        );
    }

    #[test]
    fn a_recorder_that_removes_the_stream_gets_it_removed() {
        let (answer, agreed) = answer(&client(), &read("m=audio 0 RTP/AVP 8 0"), None).unwrap();
        assert_eq!(agreed, None);
        assert_eq!(answer.media[0].port, 0);
        let text = String::from_utf8(answer.write()).unwrap();
        assert!(text.contains("m=audio 0 RTP/AVP 8 0\r\n"), "{text}");
        assert!(text.contains("c=IN IP4 192.0.2.1\r\n"), "{text}");
    }

    #[test]
    fn a_recorders_new_offer_changes_codec_and_address_and_adds_nothing() {
        let lines = "c=IN IP4 192.0.2.9\nm=audio 6000 RTP/AVP 3 0 8 97\na=recvonly\n\
            a=rtpmap:97 telephone-event/8000\na=rtcp-mux\nm=video 6002 RTP/AVP 31\n\
            m=audio 6004 RTP/AVP 0\n";
        let (answer, agreed) = answer(&client(), &read(lines), None).unwrap();
        let expected = Accepted {
            rtcp: RtcpRemote::Mux,
            codec: Codec::Pcmu,
            payload_type: 0,
            telephone_event: Some(97),
            ..to("192.0.2.9:6000", "192.0.2.9:6001")
        };
        assert_eq!(agreed, Some(expected));
        let text = String::from_utf8(answer.write()).unwrap();
        assert!(text.contains("m=audio 4000 RTP/AVP 0 8 97\r\n"), "{text}");
        assert!(
            text.contains("a=label:1\r\na=sendonly\r\na=rtcp-mux\r\n"),
            "{text}"
        );
        assert!(text.contains("m=video 0 RTP/AVP 31\r\n"), "{text}");
        assert!(text.contains("m=audio 0 RTP/AVP 0\r\n"), "{text}");
        assert_eq!(text.matches("c=").count(), 1);
    }

    #[test]
    fn what_follows_keeps_the_session_and_its_lines() {
        let first = client().offer(None);
        assert_eq!((first.session_id, first.version), (7, 7));
        assert_eq!(client().offer(Some(&first)), first);

        let paused = Local {
            direction: Direction::Inactive,
            ..client()
        };
        let second = paused.offer(Some(&first));
        assert_eq!((second.session_id, second.version), (7, 8));

        let lines = "c=IN IP4 192.0.2.9\nm=audio 6000 RTP/AVP 8\nm=video 6002 RTP/AVP 31\n";
        let (third, _) = answer(&client(), &read(lines), Some(&second)).unwrap();
        assert_eq!((third.version, third.media.len()), (9, 2));
        let fourth = client().offer(Some(&third));
        assert_eq!((fourth.version, fourth.media.len()), (10, 2));
        assert_eq!(fourth.media[1], third.media[1]);
        assert_eq!(fourth.media[1].port, 0);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        #[test]
        fn an_answer_fits_its_offer(
            lines in proptest::collection::vec((0..3_u16, 0..40_u8, 0..40_u8, 0..4_usize), 1..5),
        ) {
            let mut text = "v=0\nc=IN IP4 192.0.2.9\n".to_owned();
            for (port, one, two, direction) in lines {
                let direction = ["sendonly", "recvonly", "sendrecv", "inactive"][direction];
                text += &format!("m=audio {port} RTP/AVP {one} {two}\na={direction}\n");
            }
            let offer = Description::parse(text.as_bytes()).unwrap();
            for ours in [client(), recorder()] {
                let Ok((answer, agreed)) = answer(&ours, &offer, None) else { continue };
                prop_assert_eq!(answer.media.len(), offer.media.len());
                let (first, theirs) = (&answer.media[0], &offer.media[0]);
                prop_assert_eq!(first.port == 0, theirs.port == 0);
                prop_assert!(first.formats.iter().all(|f| theirs.formats.contains(f)));
                prop_assert!(!first.direction.has_send() || theirs.direction.has_recv());
                prop_assert!(!first.direction.has_recv() || theirs.direction.has_send());
                prop_assert_eq!(agreed.is_some(), theirs.port != 0);
                prop_assert!(answer.media.iter().skip(1).all(|media| media.port == 0));
            }
        }
    }
}
