//! SIP and SIPS URIs (RFC 3261 §19.1), and any other URI as text.

use std::fmt;

use super::error::Flaw;
use super::host::Host;
use super::params::Params;

/// A SIP or SIPS URI: something that a request can be sent to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uri {
    /// `sips:` instead of `sip:`.
    pub secure: bool,
    /// The user part as it was written, escapes and password included.
    pub user: Option<String>,
    /// Where to.
    pub host: Host,
    /// The port, where it is named.
    pub port: Option<u16>,
    /// `transport`, `lr` and whatever else.
    pub params: Params,
    /// What follows the question mark, as it was written.
    pub headers: Option<String>,
}

/// Any URI that a SIP message can hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AnyUri {
    /// One that a request can be sent to.
    Sip(Uri),
    /// Another scheme, or what only looks like a SIP URI: its text.
    Other(String),
}

impl Uri {
    /// From text without angle brackets, as in `sip:user@host:port;transport=tcp`.
    pub fn parse(source: &str) -> Result<Self, Flaw> {
        let odd = |c: char| c.is_whitespace() || c.is_control() || "<>\"".contains(c);
        if source.contains(odd) {
            return Err(Flaw("a URI has no spaces, quotes or angle brackets"));
        }
        let (scheme, rest) = source.split_once(':').unwrap_or(("", source));
        let secure = scheme.eq_ignore_ascii_case("sips");
        if !secure && !scheme.eq_ignore_ascii_case("sip") {
            return Err(Flaw("the URI begins neither with sip: nor with sips:"));
        }
        // A user part may hold semicolons and question marks, so the @ is looked for first
        // (RFC 3261 §25.1, user-unreserved).
        let (user, rest) = match rest.split_once('@') {
            Some(("", _)) => return Err(Flaw("nothing stands before the @")),
            Some((user, rest)) => (Some(user.to_owned()), rest),
            None => (None, rest),
        };
        let (rest, headers) = match rest.split_once('?') {
            Some((rest, headers)) => (rest, Some(headers.to_owned())),
            None => (rest, None),
        };
        let (host, params) = rest.split_once(';').unwrap_or((rest, ""));
        let (host, port) = Host::parse_with_port(host)?;
        let params = Params::parse_bare(params)?;
        Ok(Self {
            secure,
            user,
            host,
            port,
            params,
            headers,
        })
    }

    /// The same URI without what a Request-URI must not hold (RFC 3261 §19.1.1).
    pub(super) fn for_request(&self) -> Self {
        let mut uri = self.clone();
        uri.headers = None;
        uri.params.remove("method");
        uri
    }
}

impl fmt::Display for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.secure { "sips:" } else { "sip:" })?;
        if let Some(user) = &self.user {
            write!(f, "{user}@")?;
        }
        write!(f, "{}", self.host)?;
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        self.params.write_bare(f)?;
        match &self.headers {
            Some(headers) => write!(f, "?{headers}"),
            None => Ok(()),
        }
    }
}

impl AnyUri {
    /// Any text: what is no valid SIP URI is kept as it is.
    pub fn parse(source: &str) -> Self {
        Uri::parse(source).map_or_else(|_| Self::Other(source.to_owned()), Self::Sip)
    }

    /// The URI, where a request can be sent to it.
    pub fn as_sip(&self) -> Option<&Uri> {
        match self {
            Self::Sip(uri) => Some(uri),
            Self::Other(_) => None,
        }
    }
}

impl fmt::Display for AnyUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sip(uri) => write!(f, "{uri}"),
            Self::Other(text) => f.write_str(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn users_may_hold_dots_semicolons_escapes_and_passwords() {
        for (source, user) in [
            ("sip:john.doe@h.example", "john.doe"),
            (
                "sip:user;par=u%40example.net@example.com",
                "user;par=u%40example.net",
            ),
            (
                "sip:+15551234;phone-context=x@gw.example.com;user=phone",
                "+15551234;phone-context=x",
            ),
            ("sip:alice:secret@h.example", "alice:secret"),
            ("sip:%75ser@h.example", "%75ser"),
            ("sip:a?b@h.example", "a?b"),
        ] {
            let uri = Uri::parse(source).unwrap();
            assert_eq!(uri.user.as_deref(), Some(user));
            assert_eq!(uri.to_string(), source);
        }
    }

    #[test]
    fn hosts_ports_parameters_and_headers() {
        let uri = Uri::parse("SIP:a@B.example:5061;LR;Transport=TCP;gr=urn:uuid:f8?Replaces=a%3B")
            .unwrap();
        assert_eq!(uri.host, Host::Name("B.example".to_owned()));
        assert_eq!(uri.port, Some(5061));
        assert_eq!(uri.params.get("lr"), Some(None));
        assert_eq!(uri.params.value("transport"), Some("TCP"));
        assert_eq!(uri.params.value("gr"), Some("urn:uuid:f8"));
        assert_eq!(uri.headers.as_deref(), Some("Replaces=a%3B"));
        let uri = Uri::parse("sips:10.0.0.1").unwrap();
        assert!(uri.secure);
        assert_eq!(uri.host, Host::Address(Ipv4Addr::new(10, 0, 0, 1).into()));
        let uri = Uri::parse("sip:rec@[2001:db8::1]:5061").unwrap();
        assert_eq!(uri.to_string(), "sip:rec@[2001:db8::1]:5061");
    }

    #[test]
    fn what_cannot_be_called_is_told() {
        for bad in [
            "",
            "sip:",
            "sip:@h",
            "h.example",
            "tel:+1000",
            "sip:10.0.0.1:70000",
            "sip:a b@h",
            "<sip:a@h>",
            "sip: sip:a@h",
            "sip:a@h;=1",
            "sip:a@h\r\n",
        ] {
            assert!(Uri::parse(bad).is_err(), "{bad:?}");
            assert_eq!(AnyUri::parse(bad), AnyUri::Other(bad.to_owned()));
        }
    }

    #[test]
    fn a_request_uri_has_no_headers_and_no_method() {
        let uri = Uri::parse("sip:a@h;method=INVITE;lr?Subject=x").unwrap();
        assert_eq!(uri.for_request().to_string(), "sip:a@h;lr");
    }

    proptest! {
        #[test]
        fn what_is_read_is_written_and_read_again(
            (scheme, user, host) in (
                "sips?",
                "([a-z.;%20+]{1,9}@)?",
                "[a-z0-9_.-]{1,12}|\\[2001:db8::[0-9a-f]{1,4}\\]",
            ),
            (port, params, headers) in (
                "(:[1-9][0-9]{0,3})?",
                "(;[a-z]{1,5}(=[a-z0-9:%/]{0,8})?){0,3}",
                "(\\?[a-z=&%]{0,9})?",
            ),
        ) {
            let source = format!("{scheme}:{user}{host}{port}{params}{headers}");
            let uri = Uri::parse(&source).unwrap();
            prop_assert_eq!(Uri::parse(&uri.to_string()), Ok(uri));
        }

        #[test]
        fn nothing_makes_it_panic(source in "(sip:)?\\PC{0,40}") {
            let text = AnyUri::parse(&source).to_string();
            prop_assert_eq!(AnyUri::parse(&text), AnyUri::parse(&source));
        }
    }
}
