//! How we are reached by SIP, and how recorders are found.

use std::net::SocketAddr;

use serde::Deserialize;

use super::Config;

/// How we are reached by SIP.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sip {
    /// Address and port of UDP and TCP, as recorders see them: they stand in Via and Contact.
    pub address: SocketAddr,
    /// The same in the other address family, where recorders of both are to be reached.
    #[serde(default)]
    pub other_address: Option<SocketAddr>,
    /// Address and port of TLS. Where it is absent, recorders that speak TLS reach us by the
    /// connections that we open.
    #[serde(default)]
    pub tls_address: Option<SocketAddr>,
    /// User part of our address in From and Contact.
    #[serde(default = "Sip::default_user")]
    pub user: String,
    /// Domain of participants that come with a bare extension; our address where it is absent.
    #[serde(default)]
    pub domain: Option<String>,
}

/// How names of recorders are looked up.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Dns {
    /// Name servers; those of the system where there are none.
    pub servers: Vec<SocketAddr>,
}

impl Config {
    pub(super) fn check_sip(&self, findings: &mut Vec<String>) {
        check_sip_address("sip.address", self.sip.address, findings);
        if let Some(other) = self.sip.other_address {
            check_sip_address("sip.other_address", other, findings);
            if other.is_ipv4() == self.sip.address.is_ipv4() {
                findings.push(format!(
                    "sip.other_address: {other} is of the same family as sip.address: use one of \
                     the other, or leave it out"
                ));
            }
        }
        if !is_user(&self.sip.user) {
            findings.push(format!(
                "sip.user: {:?} is not a SIP user: use letters, digits, '-', '_' or '.'",
                self.sip.user
            ));
        }
        if let Some(domain) = &self.sip.domain
            && !is_host(domain)
        {
            findings.push(format!("sip.domain: {domain:?} is not a host name"));
        }
    }
}

impl Sip {
    fn default_user() -> String {
        "sixreel".into()
    }
}

fn check_sip_address(at: &str, address: SocketAddr, findings: &mut Vec<String>) {
    if address.ip().is_unspecified() {
        findings.push(format!(
            "{at}: {address} stands in Via and Contact, where recorders must find us: \
             use an address of this host"
        ));
    }
    if address.port() == 0 {
        findings.push(format!("{at}: the port must not be 0: use 5060"));
    }
}

fn is_user(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
}

fn is_host(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-.:[]".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "[sip]\naddress = \"127.0.0.1:5060\"\n[media]\naddress = \"127.0.0.1\"\n";

    fn error(text: &str) -> String {
        Config::parse(text).unwrap_err().to_string()
    }

    #[test]
    fn the_other_address_is_of_the_other_family() {
        let with = |other: &str| GOOD.replace("[media]", &format!("{other}\n[media]"));
        assert!(Config::parse(&with("other_address = \"[::1]:5060\"")).is_ok());
        let refused = error(&with("other_address = \"127.0.0.2:5060\""));
        assert!(refused.contains("sip.other_address") && refused.contains("same family"));
    }
}
