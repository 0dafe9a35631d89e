//! The identifiers of recording metadata (RFC 7865 §6.10), in both spellings.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The 16 bytes of a UUID. It names one thing for the life of its call, to every recorder alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id(pub [u8; 16]);

/// How an identifier is spelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdFormat {
    /// 24 characters of base64: what RFC 7865 §6.10 asks for.
    Base64,
    /// The hyphenated form of RFC 4122 §3: what the ControlONE interface shows.
    Uuid,
}

impl Id {
    /// In this spelling.
    pub fn write(self, format: IdFormat) -> String {
        match format {
            IdFormat::Base64 => STANDARD.encode(self.0),
            IdFormat::Uuid => {
                let hex = format!("{:032x}", u128::from_be_bytes(self.0));
                let groups = [
                    &hex[..8],
                    &hex[8..12],
                    &hex[12..16],
                    &hex[16..20],
                    &hex[20..],
                ];
                groups.join("-")
            }
        }
    }

    /// From either spelling.
    pub fn parse(text: &str) -> Option<Self> {
        Self::parse_base64(text).or_else(|| Self::parse_uuid(text))
    }

    /// From base64 only, with its padding.
    pub(super) fn parse_base64(text: &str) -> Option<Self> {
        let bytes = STANDARD.decode(text).ok()?;
        bytes.try_into().ok().map(Self)
    }

    fn parse_uuid(text: &str) -> Option<Self> {
        let groups = text.split('-').map(str::len);
        if !groups.eq([8, 4, 4, 4, 12]) {
            return None;
        }
        let hex: String = text.split('-').collect();
        if !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        let number = u128::from_str_radix(&hex, 16).ok()?;
        Some(Self(number.to_be_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn both_spellings_are_those_of_the_documents() {
        let id = Id::parse("a41aaf39-690d-4a20-8970-ae53ffa4dd81").unwrap();
        assert_eq!(id.write(IdFormat::Base64), "pBqvOWkNSiCJcK5T/6TdgQ==");
        assert_eq!(
            id.write(IdFormat::Uuid),
            "a41aaf39-690d-4a20-8970-ae53ffa4dd81"
        );
    }

    #[test]
    fn other_text_is_no_identifier() {
        for text in [
            "",
            "p1",
            "pBqvOWkNSiCJcK5T/6TdgQ",
            "pBqvOWkNSiCJcK5T/6TdgR==",
            "pBqvOWkNSiCJcK5T/6Td",
            "a41aaf39690d4a208970ae53ffa4dd81",
            "+41aaf39-690d-4a20-8970-ae53ffa4dd81",
        ] {
            assert_eq!(Id::parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(bytes: [u8; 16]) {
            for format in [IdFormat::Base64, IdFormat::Uuid] {
                prop_assert_eq!(Id::parse(&Id(bytes).write(format)), Some(Id(bytes)));
            }
        }
    }
}
