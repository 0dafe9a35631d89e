//! Who we are, and whom a session is with.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::content::Content;
use super::digest::Credentials;
use super::flow::{Protocol, TransportPolicy};
use super::host::Host;
use super::method;
use super::params::Params;
use super::transaction::timing::Timing;
use super::uri::Uri;

/// Who we are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Local {
    /// Where we listen, by UDP and by TCP: an address that peers can reach, because it stands in
    /// Via and Contact.
    pub address: SocketAddr,
    /// Where we listen by TLS. Where we do not, peers reach us by the connections that we open.
    pub tls: Option<SocketAddr>,
    /// The user part of our URIs.
    pub user: String,
    /// What we call ourselves in User-Agent and Server.
    pub agent: String,
    /// The media types that we take, as OPTIONS is told (RFC 3261 §11.2).
    pub accept: String,
    /// The protocol's timers.
    pub timing: Timing,
}

/// Whom a session is with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// The URI that is called.
    pub uri: Uri,
    /// Its resolved address.
    pub remote: SocketAddr,
    /// Which transport protocol requests take.
    pub policy: TransportPolicy,
}

/// A session that we start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The Call-ID, which no other session has or had.
    pub call_id: String,
    /// Whom we call.
    pub peer: Peer,
    /// The name that From shows to people.
    pub display: String,
    /// What the INVITE carries: an offer, and whatever else.
    pub content: Content,
    /// The part that we play.
    pub options: Options,
}

/// The part that we play in a session, and its limits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The feature tag in our Contact (RFC 7866 §6.1.1 and §6.2).
    pub feature_tag: &'static str,
    /// The methods that our messages say we answer.
    pub allow: String,
    /// The option tags that our requests require of the peer.
    pub require: Vec<&'static str>,
    /// How long our first INVITE may stay without a final answer.
    pub invite_timeout: Duration,
    /// The session interval that we ask for, in seconds (RFC 4028 §4).
    pub session_expires_s: u32,
    /// The shortest session interval that we accept, in seconds (RFC 4028 §5).
    pub min_se_s: u32,
    /// Whether we offer to acknowledge provisional answers (RFC 3262). Those that want to be are
    /// acknowledged in any case.
    pub reliable_provisional: bool,
    /// What proves who we are to a peer that asks.
    pub credentials: Option<Arc<Credentials>>,
}

/// Who we are towards `remote`: at an address of its family where we have one.
pub fn of_family(ours: &[Arc<Local>], remote: SocketAddr) -> &Arc<Local> {
    let mut same = ours.iter();
    let same = same.find(|local| local.address.is_ipv4() == remote.is_ipv4());
    same.unwrap_or(&ours[0])
}

impl Options {
    /// As a session recording client has them (RFC 7866 §6.1.1).
    pub fn recording_client() -> Self {
        Self {
            feature_tag: "+sip.src",
            allow: method::ALLOW.to_owned(),
            require: vec!["siprec"],
            invite_timeout: Duration::from_secs(5),
            session_expires_s: 1800,
            min_se_s: 90,
            reliable_provisional: true,
            credentials: None,
        }
    }

    /// As a session recording server has them (RFC 7866 §6.2).
    pub fn recording_server() -> Self {
        Self {
            feature_tag: "+sip.srs",
            require: Vec::new(),
            ..Self::recording_client()
        }
    }
}

impl Local {
    /// Our URI without a port, as it stands in From.
    pub(super) fn uri(&self) -> Uri {
        Uri {
            secure: false,
            user: Some(self.user.clone()),
            host: Host::Address(self.address.ip()),
            port: None,
            params: Params::default(),
            headers: None,
        }
    }

    /// Our Contact for a dialog over that protocol; `secure` makes it a SIPS URI.
    pub(super) fn contact(&self, protocol: Protocol, secure: bool, feature_tag: &str) -> String {
        let mut uri = self.uri();
        let address = self.listener(protocol);
        (uri.host, uri.port) = (Host::Address(address.ip()), Some(address.port()));
        // RFC 3261 §26.2.2: a SIPS URI means TLS, and TCP as its transport is the default.
        uri.secure = secure && protocol.is_tls();
        if protocol != Protocol::Udp && !uri.secure {
            let name = protocol.name().to_owned();
            uri.params.set("transport", Some(name));
        }
        // RFC 7866 §6.1.1: the feature tag is a parameter of the header, outside of the brackets.
        format!("<{uri}>;{feature_tag}")
    }

    /// Our Via (RFC 3261 §8.1.1.7). `rport` is for datagrams (RFC 3581 §3); `alias` asks that
    /// requests to us take the connection that is there (RFC 5923 §4).
    pub(super) fn via(&self, protocol: Protocol, branch: &str) -> String {
        let address = self.listener(protocol);
        let host = Host::Address(address.ip());
        let (name, port) = (protocol.via_name(), address.port());
        let wish = match protocol {
            Protocol::Udp => ";rport",
            Protocol::Tcp => "",
            Protocol::Tls(_) => ";alias",
        };
        format!("SIP/2.0/{name} {host}:{port};branch={branch}{wish}")
    }

    /// Where we listen by that protocol, or would.
    fn listener(&self, protocol: Protocol) -> SocketAddr {
        match protocol {
            Protocol::Udp | Protocol::Tcp => self.address,
            Protocol::Tls(_) => self.tls.unwrap_or_else(|| {
                let port = protocol.default_port();
                SocketAddr::new(self.address.ip(), port)
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::name_addr::NameAddr;
    use super::super::testing::local;
    use super::super::via::Via;
    use super::*;
    use crate::sip::flow::TlsSettings;

    #[test]
    fn via_and_contact_say_where_we_listen() {
        let mut us = local();
        assert_eq!(
            us.via(Protocol::Udp, "b1"),
            "SIP/2.0/UDP 192.0.2.1:5060;branch=b1;rport"
        );
        assert_eq!(
            us.contact(Protocol::Udp, false, "+sip.src"),
            "<sip:us@192.0.2.1:5060>;+sip.src"
        );
        us.address = "[2001:db8::1]:5070".parse().unwrap();
        assert_eq!(
            us.via(Protocol::Tcp, "b1"),
            "SIP/2.0/TCP [2001:db8::1]:5070;branch=b1"
        );
        let contact = us.contact(Protocol::Tcp, false, "+sip.srs");
        assert_eq!(
            contact,
            "<sip:us@[2001:db8::1]:5070;transport=tcp>;+sip.srs"
        );
        assert!(Via::parse(&us.via(Protocol::Tcp, "b1")).is_ok());
        assert_eq!(
            NameAddr::parse(&contact).map(|contact| contact.to_string()),
            Ok(contact)
        );
    }

    #[test]
    fn by_tls_we_are_somewhere_else() {
        let mut us = local();
        let tls = Protocol::Tls(TlsSettings::Recorder(0));
        assert_eq!(
            us.via(tls, "b1"),
            "SIP/2.0/TLS 192.0.2.1:5061;branch=b1;alias"
        );
        us.tls = Some("192.0.2.9:5071".parse().unwrap());
        assert_eq!(
            us.contact(tls, false, "+sip.src"),
            "<sip:us@192.0.2.9:5071;transport=tls>;+sip.src"
        );
        assert_eq!(
            us.contact(tls, true, "+sip.src"),
            "<sips:us@192.0.2.9:5071>;+sip.src"
        );
        assert_eq!(
            us.contact(Protocol::Udp, true, "+sip.src"),
            "<sip:us@192.0.2.1:5060>;+sip.src"
        );
    }
}
