//! Addresses with a name: From, To, Contact, Route, Record-Route (RFC 3261 §20.10).

use std::fmt;

use super::error::Flaw;
use super::params::Params;
use super::text;
use super::uri::AnyUri;

/// `"Display" <uri>;params`, or `uri;params`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameAddr {
    /// The name that people see, unquoted.
    pub display: Option<String>,
    /// Whose address it is.
    pub uri: AnyUri,
    /// The parameters of the header, not of the URI.
    pub params: Params,
}

impl NameAddr {
    /// From one value of such a header.
    pub fn parse(source: &str) -> Result<Self, Flaw> {
        // Without brackets, parameters belong to the header and not to the URI (RFC 3261 §20.10).
        let (address, params) = match text::positions(source, b';')?.first() {
            Some(&at) => (&source[..at], Params::parse(&source[at + 1..])?),
            None => (source, Params::default()),
        };
        let (display, uri) = match text::positions(address, b'<')?.first() {
            Some(&open) => {
                let uri = address[open + 1..].trim_end().strip_suffix('>');
                let uri = uri.ok_or(Flaw("something follows the angle brackets"))?;
                (Some(text::unquote(address[..open].trim())), uri.trim())
            }
            None => (None, address.trim()),
        };
        if uri.contains(['<', '>', '"']) {
            return Err(Flaw("the URI holds quotes or angle brackets"));
        }
        if uri.is_empty() {
            return Err(Flaw("it holds no URI"));
        }
        Ok(Self {
            display: display.filter(|name| !name.is_empty()),
            uri: AnyUri::parse(uri),
            params,
        })
    }

    /// The dialog tag.
    pub fn tag(&self) -> Option<&str> {
        self.params.value("tag")
    }
}

/// A display name is always quoted: then nothing in it can be mistaken.
impl fmt::Display for NameAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(display) = &self.display {
            write!(f, "{} ", text::quote(display))?;
        }
        write!(f, "<{}>{}", self.uri, self.params)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(source: &str) -> NameAddr {
        NameAddr::parse(source).unwrap_or_else(|flaw| panic!("{source:?}: {flaw}"))
    }

    #[test]
    fn names_uris_and_tags() {
        for (source, display, uri, tag) in [
            (
                r#""Console ID" <sip:2000@h.example>;tag=as753"#,
                Some("Console ID"),
                "sip:2000@h.example",
                Some("as753"),
            ),
            (
                r#""Smith, John; x" <sip:js@h.example>;tag=1"#,
                Some("Smith, John; x"),
                "sip:js@h.example",
                Some("1"),
            ),
            (
                r#""a <b>" <sip:js@h.example>;tag=1"#,
                Some("a <b>"),
                "sip:js@h.example",
                Some("1"),
            ),
            (
                r#""q\"uote" <sip:js@h.example>"#,
                Some("q\"uote"),
                "sip:js@h.example",
                None,
            ),
            (
                "sip:2000@h.example;tag=abc",
                None,
                "sip:2000@h.example",
                Some("abc"),
            ),
            (
                "Rec Server  < sip:r@h.example > ; tag = xyz",
                Some("Rec Server"),
                "sip:r@h.example",
                Some("xyz"),
            ),
            ("  <sip:r@h.example;lr>", None, "sip:r@h.example;lr", None),
            ("<tel:+1000>;tag=z", None, "tel:+1000", Some("z")),
            (
                "<sip: sip:recorder@srs.example.com:5060>",
                None,
                "sip: sip:recorder@srs.example.com:5060",
                None,
            ),
            (
                r#"<sip:r@h.example>;foo="a;b,c";tag=77"#,
                None,
                "sip:r@h.example",
                Some("77"),
            ),
            (
                "José <sip:r@h.example>;tag=9",
                Some("José"),
                "sip:r@h.example",
                Some("9"),
            ),
            ("<sip:r@h.example>tag=9", None, "", None),
        ] {
            let Ok(found) = NameAddr::parse(source) else {
                assert_eq!(uri, "", "{source:?}");
                continue;
            };
            assert_eq!(found.display.as_deref(), display, "{source:?}");
            assert_eq!(found.uri.to_string(), uri);
            assert_eq!(found.tag(), tag);
        }
    }

    #[test]
    fn a_feature_tag_stands_outside_of_the_brackets() {
        let contact = parse(r#"<sip:r@h.example>;+sip.instance="<urn:uuid:0-1>";+sip.src"#);
        assert_eq!(contact.params.get("+sip.src"), Some(None));
        assert_eq!(
            contact.params.value("+sip.instance"),
            Some("<urn:uuid:0-1>")
        );
        assert_eq!(
            contact.to_string(),
            r#"<sip:r@h.example>;+sip.instance="<urn:uuid:0-1>";+sip.src"#
        );
    }

    #[test]
    fn what_does_not_close_is_refused() {
        for bad in [
            "",
            "<>",
            r#""Mr. J. User <sip:j.user@example.com>"#,
            "<sip:a@h",
            "sip:a@h>",
            r#"<sip:a@h>;x="1"#,
            "<sip:a@h> x",
        ] {
            assert!(NameAddr::parse(bad).is_err(), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(
            display in prop::option::of("[^\\p{Cc}\\s][^\\p{Cc}]{0,18}[^\\p{Cc}\\s]"),
            uri in "sip:[a-z]{1,5}@[a-z]{1,9}(;lr)?",
            tag in "[a-f0-9]{1,12}",
        ) {
            let (uri, params) = (AnyUri::parse(&uri), Params::default());
            let mut address = NameAddr { display, uri, params };
            address.params.set("tag", Some(tag));
            prop_assert_eq!(NameAddr::parse(&address.to_string()), Ok(address));
        }

        #[test]
        fn nothing_makes_it_panic(source in "\\PC{0,60}|[\"<>;,=\\\\a :@]{0,30}") {
            let _ = NameAddr::parse(&source).map(|address| address.to_string());
        }
    }
}
