//! Parameters: `;name`, `;name=value`, `;name="quoted value"`.

use std::fmt;

use super::error::Flaw;
use super::text;

/// The parameters of a header value or a URI, in their order. Names compare without case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Params(Vec<(String, Option<String>)>);

impl Params {
    /// From what follows the first semicolon of a header value.
    pub(super) fn parse(source: &str) -> Result<Self, Flaw> {
        Self::collect(text::split(source, b';')?, text::unquote)
    }

    /// From what follows the first semicolon of a URI, where nothing is quoted.
    pub(super) fn parse_bare(source: &str) -> Result<Self, Flaw> {
        Self::collect(source.split(';').collect(), str::to_owned)
    }

    fn collect(parts: Vec<&str>, value_of: fn(&str) -> String) -> Result<Self, Flaw> {
        let mut params = Vec::with_capacity(parts.len());
        for part in parts.into_iter().filter(|part| !part.is_empty()) {
            let (name, value) = match part.split_once('=') {
                Some((name, value)) => (name.trim(), Some(value_of(value.trim()))),
                None => (part, None),
            };
            let odd = |c: char| c.is_whitespace() || c.is_control() || "\"<>,;?".contains(c);
            if name.is_empty() || name.contains(odd) {
                return Err(Flaw("a parameter has no valid name"));
            }
            params.push((name.to_owned(), value));
        }
        Ok(Self(params))
    }

    /// The parameter's value: `None` where it is absent, `Some(None)` where it has no value.
    pub fn get(&self, name: &str) -> Option<Option<&str>> {
        let found = self.0.iter().find(|(n, _)| n.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_deref())
    }

    /// The parameter's value, where it has one that is not empty.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.get(name).flatten().filter(|value| !value.is_empty())
    }

    /// Replaces the parameter, or adds it at the end.
    pub fn set(&mut self, name: &str, value: Option<String>) {
        match self
            .0
            .iter_mut()
            .find(|(n, _)| n.eq_ignore_ascii_case(name))
        {
            Some((_, old)) => *old = value,
            None => self.0.push((name.to_owned(), value)),
        }
    }

    /// Takes the parameter away.
    pub(super) fn remove(&mut self, name: &str) {
        self.0.retain(|(n, _)| !n.eq_ignore_ascii_case(name));
    }

    /// As they stand in a URI, where nothing is quoted.
    pub(super) fn write_bare(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|(name, value)| match value {
            Some(value) => write!(f, ";{name}={value}"),
            None => write!(f, ";{name}"),
        })
    }
}

/// As they stand after a header value: what needs quotes gets them.
impl fmt::Display for Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let special = |c: char| c.is_whitespace() || c.is_control() || "\"\\;,<>".contains(c);
        self.0.iter().try_for_each(|(name, value)| match value {
            Some(value) if value.is_empty() || value.contains(special) => {
                write!(f, ";{name}={}", text::quote(value))
            }
            Some(value) => write!(f, ";{name}={value}"),
            None => write!(f, ";{name}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn values_may_be_quoted_spaced_and_contain_colons() {
        let params = Params::parse(
            r#" tag = xyz ;gr=urn:uuid:f81d;+sip.instance="<urn:uuid:0;1>"; LR ;;foo="a\"b""#,
        )
        .unwrap();
        assert_eq!(params.value("Tag"), Some("xyz"));
        assert_eq!(params.value("gr"), Some("urn:uuid:f81d"));
        assert_eq!(params.value("+SIP.instance"), Some("<urn:uuid:0;1>"));
        assert_eq!(params.get("lr"), Some(None));
        assert_eq!(params.value("foo"), Some("a\"b"));
        assert_eq!(params.get("absent"), None);
    }

    #[test]
    fn a_parameter_without_a_name_is_refused() {
        for bad in ["=x", "a b", "a\"b=1", "x;<y>=2"] {
            assert!(Params::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn setting_replaces_and_removing_removes() {
        let mut params = Params::parse("a=1;rport").unwrap();
        params.set("RPORT", Some("5060".to_owned()));
        params.set("b", None);
        params.remove("A");
        assert_eq!(params.to_string(), ";rport=5060;b");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(
            list in prop::collection::vec(
                ("[a-z+.]{1,8}", prop::option::of("[^\\p{Cc}]{0,12}")),
                0..5,
            )
        ) {
            let params = Params(list);
            let written = params.to_string();
            let again = Params::parse(written.strip_prefix(';').unwrap_or(&written));
            prop_assert_eq!(again, Ok(params));
        }
    }
}
