//! What a certificate says, in words for people.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::time::Wall;

/// Characters of a name that are shown: a certificate is their bytes, and may say anything.
const SHOWN_MAX: usize = 200;
/// Names that are shown.
const NAMES_MAX: usize = 32;

/// What a certificate says of itself; nothing of it is verified here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// Whose it is.
    pub subject: String,
    /// Who vouches for that.
    pub issuer: String,
    /// Valid from then,
    pub not_before: Wall,
    /// and until then.
    pub not_after: Wall,
    /// Its alternative names, as `URI:sip:example.com`, `DNS:example.com` or `IP:192.0.2.1`.
    pub names: Vec<String>,
}

impl Certificate {
    /// From its bytes, where they are a certificate.
    pub fn read(der: &[u8]) -> Option<Self> {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        let validity = certificate.validity();
        let wall = |seconds: i64| Wall(seconds.saturating_mul(1000));
        let names = certificate.subject_alternative_name().ok().flatten();
        let names = names.map(|names| names.value.general_names.as_slice());
        Some(Self {
            subject: shown(&certificate.subject().to_string()),
            issuer: shown(&certificate.issuer().to_string()),
            not_before: wall(validity.not_before.timestamp()),
            not_after: wall(validity.not_after.timestamp()),
            names: names
                .unwrap_or_default()
                .iter()
                .filter_map(name)
                .take(NAMES_MAX)
                .collect(),
        })
    }

    /// Whether nobody but itself vouches for it.
    pub fn is_self_signed(&self) -> bool {
        self.subject == self.issuer
    }
}

fn name(name: &GeneralName<'_>) -> Option<String> {
    if let GeneralName::URI(uri) = name {
        Some(shown(&format!("URI:{uri}")))
    } else if let GeneralName::DNSName(host) = name {
        Some(shown(&format!("DNS:{host}")))
    } else if let GeneralName::IPAddress(bytes) = name {
        Some(format!("IP:{}", address(bytes)?))
    } else {
        None
    }
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(bytes).map(|bytes| Ipv4Addr::from(bytes).into());
    let v6 = || <[u8; 16]>::try_from(bytes).map(|bytes| Ipv6Addr::from(bytes).into());
    v4.or_else(|_| v6()).ok()
}

fn shown(text: &str) -> String {
    let printable = text
        .chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c });
    printable.take(SHOWN_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_it_says_is_shown_and_commands_no_terminal() {
        let key = rcgen::KeyPair::generate().unwrap();
        let names = ["a.example".to_owned(), "192.0.2.1".to_owned()];
        let mut params = rcgen::CertificateParams::new(names).unwrap();
        let uri = "sip:a.example".try_into().unwrap();
        params.subject_alt_names.push(rcgen::SanType::URI(uri));
        params.not_before = rcgen::date_time_ymd(2020, 1, 2);
        let common = rcgen::DnType::CommonName;
        params.distinguished_name.push(common, "evil\u{1b}[2J");
        let der = params.self_signed(&key).unwrap();
        let read = Certificate::read(der.der()).unwrap();
        assert_eq!(read.subject, "CN=evil\u{fffd}[2J");
        assert!(read.is_self_signed());
        assert_eq!(read.not_before.rfc3339(), "2020-01-02T00:00:00.000Z");
        assert_eq!(
            read.names,
            ["DNS:a.example", "IP:192.0.2.1", "URI:sip:a.example"]
        );
        assert_eq!(Certificate::read(b"no certificate"), None);
    }
}
