//! The configuration of TLS: whom we believe, and who we are.

use std::path::{Path, PathBuf};

use rustls::pki_types::ServerName;
use serde::Deserialize;

use super::{Config, Recorder, Transport};
use crate::sip::host::Host;

/// What holds for all recorders.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tls {
    /// Who may vouch for a recorder.
    pub authorities: Vec<Authority>,
    /// PEM files of revocation lists: those of every authority that has one.
    pub revocation_lists: Vec<PathBuf>,
    /// Our certificate with the chain above it, a PEM file.
    pub certificate: Option<PathBuf>,
    /// Its key, a PEM file that only we can read.
    pub key: Option<PathBuf>,
    /// PEM files of the authorities of those who may connect to `sip.tls_address`; everybody may
    /// where there are none.
    pub client_authorities: Vec<PathBuf>,
}

/// What differs for one recorder.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RecorderTls {
    /// Who may vouch for it, instead of `tls.authorities`.
    pub authorities: Option<Vec<Authority>>,
    /// Our certificate there, instead of `tls.certificate`.
    pub certificate: Option<PathBuf>,
    /// Its key.
    pub key: Option<PathBuf>,
    /// The name that its certificate must have, instead of its URI's host.
    pub server_name: Option<String>,
    /// Whether its certificate is verified at all.
    pub verify: bool,
}

/// Somebody who may vouch for certificates.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(from = "String")]
pub enum Authority {
    /// `system`: those that the system trusts.
    System,
    /// Those of a PEM file.
    File(PathBuf),
}

impl Recorder {
    /// Whether it is spoken to by TLS.
    pub fn speaks_tls(&self) -> bool {
        self.transport == Transport::Tls || self.uri.wants_tls()
    }

    /// The name that its certificate must have (RFC 5922 §7.3).
    ///
    /// # Errors
    /// Where no certificate can have it.
    pub fn server_name(&self) -> Result<ServerName<'static>, String> {
        let name = match (&self.tls.server_name, &self.uri.0.host) {
            (Some(name), _) | (None, Host::Name(name)) => name.clone(),
            (None, Host::Address(address)) => return Ok(ServerName::from(*address)),
        };
        ServerName::try_from(name.clone())
            .map_err(|_| format!("{name:?} is neither a host name nor an address"))
    }

    pub(super) fn check_tls(&self, at: &str, findings: &mut Vec<String>) {
        let (uri, tls) = (&self.uri, &self.tls);
        let in_clear = matches!(self.transport, Transport::Udp | Transport::Tcp);
        if in_clear && uri.wants_tls() {
            findings.push(format!(
                "{at}: transport: the URI {} wants TLS: write transport = \"tls\", or another URI",
                uri.0
            ));
        }
        if self.transport == Transport::Tls && uri.wants_clear() {
            findings.push(format!(
                "{at}: uri: {} names a transport that is not TLS: leave its transport away",
                uri.0
            ));
        }
        if !self.speaks_tls() {
            if *tls != RecorderTls::default() {
                findings.push(format!(
                    "{at}: tls: it is not spoken to by TLS: write transport = \"tls\", or leave \
                     these settings away"
                ));
            }
            return;
        }
        check_pair(&format!("{at}: tls"), &tls.certificate, &tls.key, findings);
        if tls.authorities.as_ref().is_some_and(Vec::is_empty) {
            findings.push(format!(
                "{at}: tls.authorities: the list is empty, so nobody could be believed: name \
                 files, or \"system\""
            ));
        }
        if let Err(why) = self.server_name() {
            findings.push(format!("{at}: tls.server_name: {why}"));
        }
    }
}

impl Config {
    pub(super) fn check_tls(&self, findings: &mut Vec<String>) {
        let tls = &self.tls;
        check_pair("tls", &tls.certificate, &tls.key, findings);
        if tls.authorities.is_empty() {
            findings.push(
                "tls.authorities: the list is empty, so nobody could be believed: name files, or \
                 \"system\""
                    .to_owned(),
            );
        }
        let Some(address) = self.sip.tls_address else {
            if !tls.client_authorities.is_empty() {
                findings.push(
                    "tls.client_authorities: nobody can connect to us by TLS: set sip.tls_address"
                        .to_owned(),
                );
            }
            return;
        };
        if tls.certificate.is_none() {
            findings.push(
                "sip.tls_address: whoever connects there wants to see a certificate: set \
                 tls.certificate and tls.key"
                    .to_owned(),
            );
        }
        if address.ip().is_unspecified() {
            findings.push(format!(
                "sip.tls_address: {address} stands in Via and Contact, where recorders must find \
                 us: use an address of this host"
            ));
        }
        if address.port() == 0 {
            findings.push("sip.tls_address: the port must not be 0: use 5061".to_owned());
        }
        if address == self.sip.address {
            findings.push(format!(
                "sip.tls_address: {address} is sip.address already, and TLS needs a port of its \
                 own: use 5061"
            ));
        }
        if address.is_ipv4() != self.sip.address.is_ipv4() {
            findings.push(format!(
                "sip.tls_address: {address} is not of the same family as sip.address: use IPv4 or \
                 IPv6 for both"
            ));
        }
    }
}

fn check_pair(
    at: &str,
    certificate: &Option<PathBuf>,
    key: &Option<PathBuf>,
    findings: &mut Vec<String>,
) {
    let shown = |path: &Path| path.display().to_string();
    match (certificate, key) {
        (Some(certificate), None) => findings.push(format!(
            "{at}.key: {} is of no use without its key: set {at}.key",
            shown(certificate)
        )),
        (None, Some(key)) => findings.push(format!(
            "{at}.certificate: {} is of no use without its certificate: set {at}.certificate",
            shown(key)
        )),
        (Some(_), Some(_)) | (None, None) => {}
    }
}

impl From<String> for Authority {
    fn from(text: String) -> Self {
        if text == "system" {
            Self::System
        } else {
            Self::File(text.into())
        }
    }
}

impl Default for Tls {
    fn default() -> Self {
        Self {
            authorities: vec![Authority::System],
            revocation_lists: Vec::new(),
            certificate: None,
            key: None,
            client_authorities: Vec::new(),
        }
    }
}

impl Default for RecorderTls {
    fn default() -> Self {
        Self {
            authorities: None,
            certificate: None,
            key: None,
            server_name: None,
            verify: true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "[sip]\naddress = \"127.0.0.1:5060\"\n[media]\naddress = \"127.0.0.1\"\n";

    fn findings(sections: &str) -> Vec<String> {
        match Config::parse(&format!("{GOOD}{sections}")) {
            Ok(_) => Vec::new(),
            Err(error) => error.to_string().lines().map(str::to_owned).collect(),
        }
    }

    fn recorder(lines: &str) -> Vec<String> {
        findings(&format!("[[recorder]]\nid = \"west\"\n{lines}\n"))
    }

    #[test]
    fn tls_can_be_asked_for_in_three_ways() {
        for lines in [
            "uri = \"sips:rec@srs.example\"",
            "uri = \"sip:rec@srs.example;transport=TLS\"",
            "uri = \"sip:rec@srs.example\"\ntransport = \"tls\"",
            "uri = \"sips:rec@srs.example;transport=tcp\"\ntls.verify = false",
        ] {
            let text = format!("{GOOD}[[recorder]]\nid = \"west\"\n{lines}\n");
            let config = Config::parse(&text).unwrap();
            assert!(config.recorders[0].speaks_tls(), "{lines}");
        }
    }

    #[test]
    fn what_contradicts_itself_is_told() {
        assert_eq!(
            recorder("uri = \"sips:rec@srs\"\ntransport = \"tcp\""),
            [
                "recorder west: transport: the URI sips:rec@srs wants TLS: write transport = \
                 \"tls\", or another URI"
            ]
        );
        assert_eq!(
            recorder("uri = \"sip:rec@srs;transport=udp\"\ntransport = \"tls\""),
            [
                "recorder west: uri: sip:rec@srs;transport=udp names a transport that is not TLS: \
                 leave its transport away"
            ]
        );
        assert_eq!(
            recorder("uri = \"sip:rec@srs\"\ntls.verify = false"),
            [
                "recorder west: tls: it is not spoken to by TLS: write transport = \"tls\", or \
                 leave these settings away"
            ]
        );
    }

    #[test]
    fn halves_and_empty_lists_are_told() {
        let tls = "uri = \"sips:rec@srs\"\ntls.certificate = \"a.pem\"\ntls.authorities = []\n";
        assert_eq!(
            recorder(&format!("{tls}tls.server_name = \"a b\"")),
            [
                "recorder west: tls.key: a.pem is of no use without its key: set recorder west: \
                 tls.key",
                "recorder west: tls.authorities: the list is empty, so nobody could be believed: \
                 name files, or \"system\"",
                "recorder west: tls.server_name: \"a b\" is neither a host name nor an address",
            ]
        );
        assert_eq!(
            findings("[tls]\nkey = \"a.key\"\nauthorities = []\nclient_authorities = [\"b\"]"),
            [
                "tls.certificate: a.key is of no use without its certificate: set tls.certificate",
                "tls.authorities: the list is empty, so nobody could be believed: name files, or \
                 \"system\"",
                "tls.client_authorities: nobody can connect to us by TLS: set sip.tls_address",
            ]
        );
    }

    #[test]
    fn listening_needs_a_certificate_and_a_port_of_its_own() {
        let listening = GOOD.replace("[media]", "tls_address = \"127.0.0.1:5060\"\n[media]");
        assert_eq!(
            Config::parse(&listening).unwrap_err().to_string(),
            "sip.tls_address: whoever connects there wants to see a certificate: set \
             tls.certificate and tls.key\n\
             sip.tls_address: 127.0.0.1:5060 is sip.address already, and TLS needs a port of its \
             own: use 5061"
        );
    }
}
