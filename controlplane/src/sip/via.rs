//! Via: the way that responses go back (RFC 3261 §20.42, RFC 3581).

use std::fmt;
use std::net::SocketAddr;

use super::error::Flaw;
use super::flow::{Flow, Protocol};
use super::host::Host;
use super::params::Params;
use super::text;

/// One Via value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Via {
    /// `UDP`, `TCP`, … as it was written: answers go back where the request came from.
    pub transport: String,
    /// Who sent the message,
    pub host: Host,
    /// and from which port, where it is named.
    pub port: Option<u16>,
    /// `branch`, `rport`, `received` and whatever else.
    pub params: Params,
}

impl Via {
    /// From one value of the header; spaces may stand around the slashes.
    pub fn parse(source: &str) -> Result<Self, Flaw> {
        let (sent, params) = source.split_once(';').unwrap_or((source, ""));
        let mut words = sent.splitn(3, '/').map(str::trim);
        let (name, version, rest) = (words.next(), words.next(), words.next());
        if !name.is_some_and(|name| name.eq_ignore_ascii_case("SIP")) || version != Some("2.0") {
            return Err(Flaw("it does not begin with SIP/2.0/"));
        }
        let (transport, sent_by) = rest
            .and_then(|rest| rest.split_once(char::is_whitespace))
            .filter(|(transport, _)| text::is_token(transport))
            .ok_or(Flaw("it names no transport and sender"))?;
        let (host, port) = Host::parse_with_port(sent_by)?;
        Ok(Self {
            transport: transport.to_owned(),
            host,
            port,
            params: Params::parse(params)?,
        })
    }

    /// What tells the transaction (RFC 3261 §8.1.1.7).
    pub fn branch(&self) -> Option<&str> {
        self.params.value("branch")
    }

    /// Notes where the request really came from (RFC 3261 §18.2.1, RFC 3581 §4).
    pub(super) fn note_source(&mut self, source: SocketAddr) {
        let asks = self.params.get("rport").is_some();
        if asks {
            self.params.set("rport", Some(source.port().to_string()));
        }
        if asks || self.host != Host::Address(source.ip()) {
            self.params.set("received", Some(source.ip().to_string()));
        }
    }

    /// Where the answer to a request goes that came by `flow` (RFC 3261 §18.2.2, RFC 3581 §4).
    pub(super) fn reply_flow(&self, flow: Flow) -> Flow {
        match flow.protocol {
            Protocol::Udp if self.params.get("rport").is_none() => self.listener(flow),
            Protocol::Udp | Protocol::Tcp | Protocol::Tls(_) => flow,
        }
    }

    /// As which flow the sender wants to be reached by the connection that the request came by: at
    /// the address that it listens at, where that is the one that it speaks from (RFC 5923 §9.3).
    pub(crate) fn alias(&self, flow: Flow) -> Option<Flow> {
        let wanted = self.params.get("alias").is_some();
        let is_its_own = self.host == Host::Address(flow.remote.ip());
        (wanted && is_its_own).then(|| self.listener(flow))
    }

    /// Where the sender says that it listens, at the address that the request came from.
    pub(super) fn listener(&self, flow: Flow) -> Flow {
        // RFC 3261 §18.2.2
        let port = self.port.unwrap_or_else(|| flow.protocol.default_port());
        let remote = SocketAddr::new(flow.remote.ip(), port);
        Flow { remote, ..flow }
    }
}

impl fmt::Display for Via {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SIP/2.0/{} {}", self.transport, self.host)?;
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        write!(f, "{}", self.params)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::flow::TlsSettings;

    fn flow(protocol: Protocol) -> Flow {
        Flow {
            protocol,
            remote: "192.0.2.9:40000".parse().unwrap(),
        }
    }

    #[test]
    fn vias_of_the_field() {
        for (source, host, port, branch) in [
            (
                "SIP/2.0/TLS 10.0.0.1:5061;branch=z9hG4bK1;rport",
                "10.0.0.1",
                Some(5061),
                Some("z9hG4bK1"),
            ),
            (
                "SIP / 2.0 / UDP  h.example:5060 ; branch = z9hG4bK1",
                "h.example",
                Some(5060),
                Some("z9hG4bK1"),
            ),
            (
                "SIP/2.0/UDP [2001:db8::9:1];received=2001:db8::1;branch=z9hG4bKx",
                "[2001:db8::9:1]",
                None,
                Some("z9hG4bKx"),
            ),
            (
                "sip/2.0/TCP src_1.local;branch=z9hG4bK-a=b",
                "src_1.local",
                None,
                Some("z9hG4bK-a=b"),
            ),
            ("SIP/2.0/UNKNOWN a.example", "a.example", None, None),
        ] {
            let via = Via::parse(source).unwrap();
            assert_eq!(
                (via.host.to_string().as_str(), via.port, via.branch()),
                (host, port, branch)
            );
            assert_eq!(Via::parse(&via.to_string()), Ok(via));
        }
        for bad in [
            "",
            "SIP/2.0/UDP",
            "SIP/7.0/UDP h",
            "SIP/2.0/UDP ",
            "UDP h",
            "SIP/2.0/ h",
            "SIP/2.0/UDP a@b",
        ] {
            assert!(Via::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn an_answer_goes_where_the_request_came_from() {
        let mut via = Via::parse("SIP/2.0/UDP 10.0.0.1:5062;rport;branch=x").unwrap();
        assert_eq!(via.reply_flow(flow(Protocol::Udp)), flow(Protocol::Udp));
        via.note_source(flow(Protocol::Udp).remote);
        assert_eq!(
            via.to_string(),
            "SIP/2.0/UDP 10.0.0.1:5062;rport=40000;branch=x;received=192.0.2.9"
        );
    }

    #[test]
    fn who_asks_for_its_port_is_told_its_address_too() {
        let mut via = Via::parse("SIP/2.0/UDP 192.0.2.9:40000;rport").unwrap();
        via.note_source(flow(Protocol::Udp).remote);
        assert_eq!(
            via.to_string(),
            "SIP/2.0/UDP 192.0.2.9:40000;rport=40000;received=192.0.2.9"
        );
    }

    #[test]
    fn an_alias_is_its_senders_own() {
        let tls = flow(Protocol::Tls(TlsSettings::Listener));
        let alias = |via: &str| Via::parse(via).unwrap().alias(tls);
        let own = alias("SIP/2.0/TLS 192.0.2.9;alias;branch=x").unwrap();
        assert_eq!((own.protocol, own.remote.port()), (tls.protocol, 5061));
        assert_eq!(own.remote.ip(), tls.remote.ip());
        assert_eq!(alias("SIP/2.0/TLS 192.0.2.8;alias;branch=x"), None);
        assert_eq!(alias("SIP/2.0/TLS 192.0.2.9;branch=x"), None);
    }

    #[test]
    fn without_rport_it_goes_to_the_port_that_the_sender_names() {
        let mut via = Via::parse("SIP/2.0/UDP 192.0.2.9:5062;branch=x").unwrap();
        assert_eq!(
            via.reply_flow(flow(Protocol::Udp)).remote.to_string(),
            "192.0.2.9:5062"
        );
        assert_eq!(via.reply_flow(flow(Protocol::Tcp)), flow(Protocol::Tcp));
        via.note_source(flow(Protocol::Udp).remote);
        assert_eq!(via.params.get("received"), None);
        via.port = None;
        assert_eq!(via.reply_flow(flow(Protocol::Udp)).remote.port(), 5060);
    }
}
