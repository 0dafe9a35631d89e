//! The headers of a message, and the typed values that are read from them.

use std::fmt;

use rsip::{Header, Method};

use super::error::{Error, Flaw};
use super::header;
use super::method;
use super::name_addr::NameAddr;
use super::session_expires::SessionExpires;
use super::text;
use super::via::Via;

/// Headers in their order, Content-Length excepted: that is counted when a message is written.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Headers(Vec<Header>);

/// What tells which dialog and transaction a message belongs to (RFC 3261 §8.1.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The topmost Via.
    pub via: Via,
    /// Call-ID.
    pub call_id: String,
    /// The tag of From, which RFC 2543 did not have.
    pub from_tag: Option<String>,
    /// The tag of To, which the first request of a dialog does not have.
    pub to_tag: Option<String>,
    /// CSeq.
    pub cseq: CSeq,
}

/// CSeq: a request's number and method (RFC 3261 §20.16).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CSeq {
    /// Below 2³¹.
    pub number: u32,
    /// The method of the request, and of the request that a response answers.
    pub method: Method,
}

impl Headers {
    pub(super) fn new(headers: Vec<Header>) -> Self {
        Self(headers)
    }

    /// Adds a header at the end; Content-Length is passed over.
    pub fn push(&mut self, name: &str, value: &str) {
        let header = header::make(name, value);
        if !matches!(header, Header::ContentLength(_)) {
            self.0.push(header);
        }
    }

    /// Every header as name and value.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(header::parts)
    }

    /// The values of all headers of that (full) name.
    pub fn all<'a, 'n>(&'a self, name: &'n str) -> impl Iterator<Item = &'a str> + use<'a, 'n> {
        let same = move |(found, _): &(&str, &str)| found.eq_ignore_ascii_case(name);
        self.iter().filter(same).map(|(_, value)| value)
    }

    /// The value of the first header of that (full) name.
    pub fn get(&self, name: &str) -> Option<&str> {
        let mut headers = self.iter();
        let found = headers.find(|(found, _)| found.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value)
    }

    /// The entries of all headers of that name, which are lists (RFC 3261 §7.3.1).
    pub fn list(&self, name: &'static str) -> Result<Vec<&str>, Error> {
        let mut entries = Vec::new();
        for value in self.all(name) {
            entries.extend(text::split(value, b',').map_err(|flaw| Error::Header { name, flaw })?);
        }
        entries.retain(|entry| !entry.is_empty());
        Ok(entries)
    }

    /// Whether a list such as Allow, Supported or Require names the token.
    pub fn lists(&self, name: &'static str, token: &str) -> bool {
        let entries = self.list(name).unwrap_or_default();
        entries
            .iter()
            .any(|entry| entry.eq_ignore_ascii_case(token))
    }

    /// What tells the dialog and the transaction.
    pub fn identity(&self) -> Result<Identity, Error> {
        let vias = self.list("Via")?;
        let via = vias.first().ok_or(Error::Missing("Via"))?;
        Ok(Identity {
            via: Via::parse(via).map_err(|flaw| Error::Header { name: "Via", flaw })?,
            call_id: self.only("Call-ID")?.to_owned(),
            from_tag: self.tag("From")?,
            to_tag: self.tag("To")?,
            cseq: self.cseq()?,
        })
    }

    /// The address that further requests of a dialog go to (RFC 3261 §12.1).
    pub fn contact(&self) -> Result<Option<NameAddr>, Error> {
        Ok(self.contacts()?.into_iter().next())
    }

    /// All of them: where a redirection leads (RFC 3261 §8.1.3.4).
    pub fn contacts(&self) -> Result<Vec<NameAddr>, Error> {
        self.addresses("Contact")
    }

    /// The number of a provisional answer that wants to be acknowledged (RFC 3262 §7.1).
    pub(super) fn reliable(&self) -> Option<u32> {
        let number = text::number(self.get("RSeq")?, u32::MAX)?;
        (number > 0 && self.lists("Require", "100rel")).then_some(number)
    }

    /// The proxies that want to see the requests of a dialog.
    pub fn record_route(&self) -> Result<Vec<NameAddr>, Error> {
        self.addresses("Record-Route")
    }

    /// The media type of the body, in lower case and without parameters.
    pub fn media_type(&self) -> Option<String> {
        let value = self.get("Content-Type")?;
        let media_type = value.split(';').next().unwrap_or_default();
        Some(media_type.trim().to_ascii_lowercase())
    }

    /// How long the session lives; a value that cannot be read counts as none.
    pub(super) fn session_expires(&self) -> Option<SessionExpires> {
        SessionExpires::parse(self.get("Session-Expires")?).ok()
    }

    /// The shortest session interval that is accepted, in seconds.
    pub(super) fn min_se(&self) -> Option<u32> {
        let value = self.get("Min-SE")?;
        text::number(value.split(';').next()?.trim(), u32::MAX)
    }

    fn cseq(&self) -> Result<CSeq, Error> {
        let wrong = |flaw| Error::Header {
            name: "CSeq",
            flaw: Flaw(flaw),
        };
        let mut words = self.only("CSeq")?.split_ascii_whitespace();
        let number = words
            .next()
            .and_then(|word| text::number(word, 0x7fff_ffff));
        let method = words.next().and_then(method::parse);
        match (number, method, words.next()) {
            (Some(number), Some(method), None) => Ok(CSeq { number, method }),
            (None, ..) => Err(wrong("it does not begin with a number below 2147483648")),
            (_, None, _) => Err(wrong("it names no method")),
            (.., Some(_)) => Err(wrong("something follows the method")),
        }
    }

    fn tag(&self, name: &'static str) -> Result<Option<String>, Error> {
        let address = NameAddr::parse(self.only(name)?);
        let address = address.map_err(|flaw| Error::Header { name, flaw })?;
        Ok(address.tag().map(str::to_owned))
    }

    /// The value of a header that every message has once.
    fn only(&self, name: &'static str) -> Result<&str, Error> {
        let mut values = self.all(name);
        match (values.next(), values.next()) {
            (None, _) | (Some(""), None) => Err(Error::Missing(name)),
            (Some(value), None) => Ok(value),
            (Some(_), Some(_)) => Err(Error::Repeated(name)),
        }
    }

    fn addresses(&self, name: &'static str) -> Result<Vec<NameAddr>, Error> {
        let parse = |entry| NameAddr::parse(entry).map_err(|flaw| Error::Header { name, flaw });
        self.list(name)?.into_iter().map(parse).collect()
    }
}

/// What proves who we are is not shown.
impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.iter().map(|(name, value)| match name {
            "Authorization" | "Proxy-Authorization" => (name, "hidden"),
            _ => (name, value),
        });
        f.debug_list().entries(shown).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(list: &[(&str, &str)]) -> Headers {
        let mut headers = Headers::default();
        for (name, value) in list {
            headers.push(name, value);
        }
        headers
    }

    const WHOLE: [(&str, &str); 5] = [
        ("v", "SIP/2.0/UDP a;branch=z9hG4bK1, SIP/2.0/TCP b;branch=2"),
        ("f", "\"a, b\" <sip:a@h;tag=no>;tag=1"),
        ("t", "<sip:b@h>"),
        ("i", "c1"),
        ("CSEQ", " 0042  INVITE"),
    ];

    #[test]
    fn the_identity_is_read() {
        let identity = headers(&WHOLE).identity().unwrap();
        assert_eq!(identity.via.branch(), Some("z9hG4bK1"));
        assert_eq!(identity.from_tag.as_deref(), Some("1"));
        assert_eq!(identity.to_tag, None);
        assert_eq!(identity.call_id, "c1");
        assert_eq!(
            identity.cseq,
            CSeq {
                number: 42,
                method: Method::Invite
            }
        );
    }

    #[test]
    fn what_is_missing_repeated_or_wrong_is_named() {
        for (at, (name, _)) in WHOLE.iter().enumerate() {
            let mut less = WHOLE.to_vec();
            less.remove(at);
            assert!(
                matches!(headers(&less).identity(), Err(Error::Missing(_))),
                "{name}"
            );
            let mut more = WHOLE.to_vec();
            more.push(WHOLE[at]);
            let repeated = matches!(headers(&more).identity(), Err(Error::Repeated(_)));
            assert_eq!(repeated, *name != "v", "{name}");
        }
        for cseq in [
            "INVITE",
            "1",
            "1 invite",
            "2147483648 INVITE",
            "1 INVITE x",
            "-1 INVITE",
        ] {
            let mut wrong = WHOLE.to_vec();
            wrong[4].1 = cseq;
            let error = headers(&wrong).identity().unwrap_err();
            assert!(
                matches!(error, Error::Header { name: "CSeq", .. }),
                "{cseq}"
            );
        }
    }

    #[test]
    fn proofs_are_not_shown() {
        let proof = "Digest username=\"anna\"";
        let shown = headers(&[
            ("authorization", proof),
            ("Proxy-Authorization", proof),
            ("Subject", "x"),
        ]);
        let shown = format!("{shown:?}");
        assert!(
            !shown.contains("anna") && shown.contains("Subject"),
            "{shown}"
        );
    }

    #[test]
    fn lists_span_lines_and_commas() {
        let headers = headers(&[
            ("Allow", "INVITE, ACK,,update"),
            ("Record-Route", "<sip:p1;lr>, \"x, y\" <sip:p2>"),
            ("Record-Route", "<sip:p3;lr>"),
            ("Content-Type", "Application/SDP ; charset=utf-8"),
            ("Min-SE", "120;a=b"),
        ]);
        assert!(headers.lists("Allow", "UPDATE"));
        assert!(!headers.lists("Allow", "INFO"));
        let routes = headers.record_route().unwrap();
        let shown: Vec<_> = routes.iter().map(|route| route.uri.to_string()).collect();
        assert_eq!(shown, ["sip:p1;lr", "sip:p2", "sip:p3;lr"]);
        assert_eq!(headers.media_type().as_deref(), Some("application/sdp"));
        assert_eq!(headers.min_se(), Some(120));
        assert_eq!(headers.contact(), Ok(None));
    }
}
