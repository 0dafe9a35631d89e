//! One m-line of a session description and what belongs to it: parse and write.

use std::net::IpAddr;

use sdp_types::{Attribute, Connection, Direction, Rtcp, RtpMap, Session};

use super::codec::Encoding;
use super::crypto::{Crypto, Flaw};

/// One m-line and what belongs to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Media {
    pub kind: MediaKind,
    /// Where RTP is wanted; 0 refuses or removes the stream.
    pub port: u16,
    pub profile: Profile,
    /// In the order of preference, each payload type once.
    pub formats: Vec<Format>,
    /// From the line's own `c=` or the session's.
    pub address: Option<Host>,
    /// The sender's point of view; `sendrecv` where nothing is said (RFC 8866 §6.7).
    pub direction: Direction,
    /// Names the stream in recording metadata (RFC 4574).
    pub label: Option<String>,
    /// Where RTCP is wanted, if not on the port above RTP's (RFC 3605).
    pub rtcp: Option<RtcpAddress>,
    /// RTCP is wanted on the port of RTP (RFC 5761).
    pub rtcp_mux: bool,
    /// Its valid `a=crypto` attributes, in their order (RFC 4568).
    pub crypto: Vec<Crypto>,
    /// What is wrong with the others.
    pub crypto_flaws: Vec<Flaw>,
}

/// What an m-line is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MediaKind {
    Audio,
    Other(String),
}

/// How media is transported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Profile {
    /// `RTP/AVP` (RFC 3551).
    Avp,
    /// `RTP/SAVP` (RFC 3711).
    Savp,
    /// `RTP/SAVPF` (RFC 5124).
    Savpf,
    Other(String),
}

/// A payload type and what it carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Format {
    /// Below 128.
    pub payload_type: u8,
    pub encoding: Encoding,
}

/// Where a `c=` line points.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    Ip(IpAddr),
    Name(String),
}

/// An `a=rtcp` attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RtcpAddress {
    pub port: u16,
    /// The address of RTP where it is absent.
    pub ip: Option<IpAddr>,
}

/// The packet time that we send, in milliseconds.
const PTIME_MS: &str = "20";

impl Media {
    pub(super) fn parse(media: &sdp_types::Media, session: &Session) -> Self {
        let (crypto, crypto_flaws) = crypto(media);
        let connection = media.connections.first().or(session.connection.as_ref());
        Self {
            kind: match media.media.as_str() {
                kind if kind.eq_ignore_ascii_case("audio") => MediaKind::Audio,
                kind => MediaKind::Other(kind.to_owned()),
            },
            port: media.port,
            profile: Profile::parse(&media.proto),
            formats: formats(media),
            address: connection.map(Host::parse),
            direction: direction(&media.attributes)
                .or_else(|| direction(&session.attributes))
                .unwrap_or_default(),
            label: value(media, "label").map(str::to_owned),
            rtcp: value(media, "rtcp").and_then(RtcpAddress::parse),
            rtcp_mux: media.attributes.iter().any(|a| is(a, "rtcp-mux")),
            crypto,
            crypto_flaws,
        }
    }

    /// As lines, in the order of the interface's examples. `session_host` needs no `c=` of its own.
    pub(super) fn to_lines(&self, session_host: Option<&Host>) -> sdp_types::Media {
        let mut attributes = Vec::new();
        for format in &self.formats {
            let payload_type = format.payload_type;
            if let Some((name, clock_rate)) = format.encoding.rtpmap() {
                attributes.push(RtpMap::new(payload_type, name, clock_rate).into());
            }
            if format.encoding == Encoding::TelephoneEvent {
                attributes.push(attribute("fmtp", format!("{payload_type} 0-16")));
            }
        }
        if matches!(self.kind, MediaKind::Audio) && self.port != 0 {
            attributes.push(attribute("ptime", PTIME_MS.to_owned()));
        }
        if let Some(label) = &self.label {
            attributes.push(attribute("label", label.clone()));
        }
        attributes.push(self.direction.into());
        if let Some(rtcp) = self.rtcp {
            attributes.push(rtcp.to_attribute());
        }
        if self.rtcp_mux {
            attributes.push(sdp_types::RtcpMux.into());
        }
        for crypto in &self.crypto {
            attributes.push(attribute("crypto", crypto.write().to_string()));
        }
        sdp_types::Media {
            media: self.kind.as_str().to_owned(),
            port: self.port,
            num_ports: None,
            proto: self.profile.as_str().to_owned(),
            fmt: self.format_list(),
            media_title: None,
            connections: self
                .address
                .iter()
                .filter(|address| Some(*address) != session_host)
                .map(Host::to_connection)
                .collect(),
            bandwidths: Vec::new(),
            key: None,
            attributes,
        }
    }

    fn format_list(&self) -> String {
        let numbers: Vec<_> = self
            .formats
            .iter()
            .map(|format| format.payload_type.to_string())
            .collect();
        if numbers.is_empty() {
            return "0".to_owned(); // RFC 3264 §6: at least one, ignored where the port is 0
        }
        numbers.join(" ")
    }
}

impl MediaKind {
    fn as_str(&self) -> &str {
        match self {
            Self::Audio => "audio",
            Self::Other(kind) => kind,
        }
    }
}

impl Profile {
    fn parse(name: &str) -> Self {
        let known = [Self::Avp, Self::Savp, Self::Savpf];
        let mut known = known.into_iter();
        known
            .find(|profile| profile.as_str().eq_ignore_ascii_case(name))
            .unwrap_or_else(|| Self::Other(name.to_owned()))
    }

    /// Whether its packets are protected.
    pub const fn is_secure(&self) -> bool {
        matches!(self, Self::Savp | Self::Savpf)
    }

    pub(super) fn as_str(&self) -> &str {
        match self {
            Self::Avp => "RTP/AVP",
            Self::Savp => "RTP/SAVP",
            Self::Savpf => "RTP/SAVPF",
            Self::Other(profile) => profile,
        }
    }
}

impl Host {
    fn parse(connection: &Connection) -> Self {
        // RFC 8866 §5.7: a multicast address may have `/ttl` behind it.
        let text = connection.connection_address.as_str();
        let host = text.split_once('/').map_or(text, |(host, _)| host);
        host.parse()
            .map_or_else(|_| Self::Name(host.to_owned()), Self::Ip)
    }

    pub(super) fn to_connection(&self) -> Connection {
        match self {
            Self::Ip(ip) => Connection::from_ip_addr(*ip),
            Self::Name(name) => Connection::new(
                sdp_types::NetType::In,
                sdp_types::AddrType::Ip4,
                name.as_str(),
            ),
        }
    }
}

impl RtcpAddress {
    fn parse(text: &str) -> Option<Self> {
        let rtcp: Rtcp = text.parse().ok()?;
        Some(Self {
            port: rtcp.port,
            ip: rtcp.connection_address.and_then(|ip| ip.parse().ok()),
        })
    }

    fn to_attribute(self) -> Attribute {
        let rtcp = match self.ip {
            Some(ip) => Rtcp::with_ip_addr(self.port, ip),
            None => Rtcp::with_port(self.port),
        };
        rtcp.into()
    }
}

/// The payload types of an m-line with what its rtpmaps, or else RFC 3551, say of them.
fn formats(media: &sdp_types::Media) -> Vec<Format> {
    let mut mapped = [None; 128];
    for attribute in media.attributes.iter().filter(|a| is(a, "rtpmap")) {
        let rtpmap = attribute.value.as_deref().map(str::parse::<RtpMap>);
        if let Some(Ok(rtpmap)) = rtpmap
            && let Some(place) = mapped.get_mut(usize::from(rtpmap.payload_type))
        {
            let channels = rtpmap.encoding_params.as_deref();
            let name = rtpmap.encoding_name.trim();
            *place = Some(Encoding::of_rtpmap(name, rtpmap.clock_rate, channels));
        }
    }
    let mut formats: Vec<Format> = Vec::new();
    for field in media.fmt.split_whitespace() {
        let Ok(payload_type) = field.parse::<u8>() else {
            continue;
        };
        let Some(encoding) = mapped.get(usize::from(payload_type)) else {
            continue;
        };
        if formats.iter().all(|f| f.payload_type != payload_type) {
            formats.push(Format {
                payload_type,
                encoding: encoding.unwrap_or_else(|| Encoding::of_static(payload_type)),
            });
        }
    }
    formats
}

/// The attributes that are valid, and what is wrong with the others: each is passed over alone
/// (RFC 4568 §6.1). Tags are unique within an m-line.
fn crypto(media: &sdp_types::Media) -> (Vec<Crypto>, Vec<Flaw>) {
    let (mut valid, mut flaws) = (Vec::<Crypto>::new(), Vec::new());
    for attribute in media.attributes.iter().filter(|a| is(a, "crypto")) {
        match Crypto::parse(attribute.value.as_deref().unwrap_or_default()) {
            Ok(new) if valid.iter().any(|other| other.tag == new.tag) => flaws.push(Flaw::SameTag),
            Ok(new) => valid.push(new),
            Err(flaw) => flaws.push(flaw),
        }
    }
    (valid, flaws)
}

fn direction(attributes: &[Attribute]) -> Option<Direction> {
    attributes.iter().find_map(|a| a.attribute.parse().ok())
}

fn value<'a>(media: &'a sdp_types::Media, name: &str) -> Option<&'a str> {
    let attribute = media.attributes.iter().find(|a| is(a, name))?;
    attribute.value.as_deref().map(str::trim)
}

fn is(attribute: &Attribute, name: &str) -> bool {
    attribute.attribute.eq_ignore_ascii_case(name)
}

fn attribute(name: &str, value: String) -> Attribute {
    Attribute {
        attribute: name.to_owned(),
        value: Some(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sdp::{Codec, Description};

    #[test]
    fn addresses_directions_and_rtcp_are_found_where_they_may_stand() {
        let text = "v=0\nc=IN IP6 2001:db8::1\na=inactive\nm=audio 4000 RTP/AVP 8\na=rtcp:5001\n\
            m=AUDIO 4002 rtp/avp 8\na=RecvOnly\nc=IN IP4 recorder.example.com\n\
            a=rtcp:5003 IN IP4 192.0.2.7\nm=audio 4004 RTP/AVP 8\nc=IN IP4 233.252.0.1/127\n\
            m=video 0 RTP/SAVP 31\nc=ATM NSAP 47\n";
        let media = Description::parse(text.as_bytes()).unwrap().media;
        let ip = |text: &str| Some(Host::Ip(text.parse().unwrap()));
        let hosts: Vec<_> = media.iter().map(|media| media.address.clone()).collect();
        let name = Some(Host::Name("recorder.example.com".to_owned()));
        assert_eq!(
            hosts,
            [
                ip("2001:db8::1"),
                name,
                ip("233.252.0.1"),
                ip("2001:db8::1")
            ]
        );
        assert_eq!(media[0].direction, Direction::Inactive);
        assert_eq!(media[1].direction, Direction::RecvOnly);
        let rtcp = |port, ip| Some(RtcpAddress { port, ip });
        assert_eq!(media[0].rtcp, rtcp(5001, None));
        assert_eq!(media[1].rtcp, rtcp(5003, Some([192, 0, 2, 7].into())));
        assert_eq!(media[3].kind, MediaKind::Other("video".to_owned()));
        assert_eq!(media[3].profile, Profile::Savp);
    }

    fn format(payload_type: u8, encoding: Encoding) -> Format {
        Format {
            payload_type,
            encoding,
        }
    }

    #[test]
    fn an_rtpmap_outranks_the_static_number_and_nonsense_is_passed_over() {
        let text = "v=0\nm=audio 4000 RTP/AVP 0 0 96 8 300 x 97\na=rtpmap:0 L16/44100\n\
            a=rtpmap:96  pcmu/8000/1\na=rtpmap:8 PCMA\na=rtpmap:97 PCMA/16000\n";
        let media = &Description::parse(text.as_bytes()).unwrap().media[0];
        assert_eq!(
            media.formats,
            [
                format(0, Encoding::Other),
                format(96, Encoding::Audio(Codec::Pcmu)),
                format(8, Encoding::Audio(Codec::Pcma)),
                format(97, Encoding::Other),
            ]
        );
    }
}
