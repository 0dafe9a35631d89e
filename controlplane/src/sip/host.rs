//! Hosts and ports: names, IPv4 and bracketed IPv6 addresses.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::error::Flaw;
use super::text;

/// A host as SIP names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    /// An IPv4 address, or an IPv6 address in brackets.
    Address(IpAddr),
    /// A domain name. Underscores occur in the field.
    Name(String),
}

impl Host {
    /// A host with an optional port; spaces around the colon occur in the field.
    pub(super) fn parse_with_port(source: &str) -> Result<(Self, Option<u16>), Flaw> {
        let source = source.trim();
        let (host, rest) = match source.strip_prefix('[') {
            Some(rest) => {
                let (inner, rest) = rest
                    .split_once(']')
                    .ok_or(Flaw("an IPv6 address does not end"))?;
                let address: Ipv6Addr = inner
                    .parse()
                    .map_err(|_| Flaw("the brackets hold no IPv6 address"))?;
                (Self::Address(address.into()), rest)
            }
            None => {
                let end = source.find(':').unwrap_or(source.len());
                let (host, rest) = source.split_at(end);
                (Self::parse_name(host.trim())?, rest)
            }
        };
        let port = match rest.trim() {
            "" => None,
            rest => Some(
                rest.strip_prefix(':')
                    .and_then(|digits| text::number(digits.trim(), u32::from(u16::MAX)))
                    .and_then(|port| u16::try_from(port).ok())
                    .filter(|port| *port > 0)
                    .ok_or(Flaw("the port is not a number from 1 to 65535"))?,
            ),
        };
        Ok((host, port))
    }

    fn parse_name(name: &str) -> Result<Self, Flaw> {
        if let Ok(address) = name.parse::<Ipv4Addr>() {
            return Ok(Self::Address(address.into()));
        }
        let fits = |b: u8| b.is_ascii_alphanumeric() || b"-._".contains(&b);
        if name.is_empty() || !name.bytes().all(fits) {
            return Err(Flaw("the host is neither a name nor an address"));
        }
        Ok(Self::Name(name.to_owned()))
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
            Self::Address(IpAddr::V4(address)) => write!(f, "{address}"),
            Self::Name(name) => f.write_str(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_names_with_and_without_ports() {
        for (source, written, port) in [
            ("192.0.2.1", "192.0.2.1", None),
            ("192.0.2.1:5061", "192.0.2.1", Some(5061)),
            ("[2001:db8::1]:5061", "[2001:db8::1]", Some(5061)),
            ("[2001:DB8::1]", "[2001:db8::1]", None),
            (" my_host.local : 5060 ", "my_host.local", Some(5060)),
        ] {
            let (host, found) = Host::parse_with_port(source).unwrap();
            assert_eq!((host.to_string().as_str(), found), (written, port));
        }
    }

    #[test]
    fn what_is_no_host_is_refused() {
        for bad in [
            "",
            ":5060",
            "a b",
            "a:0",
            "a:65536",
            "a:",
            "a:x",
            "[::1",
            "[1.2.3.4]",
            "[::1]5060",
            "a@b",
            "é.example",
        ] {
            assert!(Host::parse_with_port(bad).is_err(), "{bad:?}");
        }
    }
}
