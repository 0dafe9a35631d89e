//! A person's name and number, as typed: `NAME <NUMBER>`, `NUMBER` or `NAME`.

use std::convert::Infallible;
use std::str::FromStr;

use serde::Serialize;

/// A person by name, number or both.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Party {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    number: Option<String>,
}

impl FromStr for Party {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let both = text
            .strip_suffix('>')
            .and_then(|text| text.rsplit_once('<'));
        let dialled = |byte: u8| byte.is_ascii_digit() || b"+*#".contains(&byte);
        let (name, number) = match both {
            Some((name, number)) => (name.trim(), number.trim()),
            None if text.bytes().all(dialled) => ("", text),
            None => (text, ""),
        };
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Ok(Self {
            name: some(name),
            number: some(number),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_party_has_a_name_a_number_or_both() {
        for (text, name, number) in [
            ("Calling Name <1000>", Some("Calling Name"), Some("1000")),
            (" <1000> ", None, Some("1000")),
            ("1000", None, Some("1000")),
            ("+49*1#", None, Some("+49*1#")),
            ("Room 4", Some("Room 4"), None),
            ("a <b> <c>", Some("a <b>"), Some("c")),
            ("", None, None),
        ] {
            let party: Party = text.parse().unwrap();
            assert_eq!(
                (party.name.as_deref(), party.number.as_deref()),
                (name, number)
            );
        }
    }
}
