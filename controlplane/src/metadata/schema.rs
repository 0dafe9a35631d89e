//! What RFC 7865 §9 allows in each element, as a table.

use super::id::Id;
use super::timestamp::Timestamp;

/// What an element may have.
pub(super) struct Shape {
    element: &'static str,
    pub(super) attributes: &'static [Attribute],
    pub(super) content: Content,
}

/// An attribute that an element may have.
pub(super) struct Attribute {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) required: bool,
}

/// What stands between an element's tags.
pub(super) enum Content {
    Text(Kind),
    /// These in this order, and where it is open, elements of other namespaces after them.
    Elements {
        sequence: &'static [Child],
        open: bool,
    },
}

/// A child element and how often it may occur.
pub(super) struct Child {
    pub(super) name: &'static str,
    pub(super) required: bool,
    pub(super) repeats: bool,
}

/// What a value has to look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Base64 of 16 bytes (RFC 7865 §6.10).
    Id,
    /// RFC 3339 (RFC 7865 §6.9).
    Time,
    /// `complete` or `partial`.
    Mode,
    /// A URI, a host name or an IP address (RFC 7865 §6.5.1).
    Address,
    /// A 16-bit number.
    Short,
    /// A language tag, or nothing.
    Language,
    /// Any text.
    Text,
}

/// White space in XML (XML 1.0 §2.3).
pub(super) const XML_SPACE: [char; 4] = [' ', '\t', '\r', '\n'];

/// What the element of this name may have; `None` for a name that RFC 7865 does not know.
pub(super) fn shape(element: &str) -> Option<&'static Shape> {
    SHAPES.iter().find(|shape| shape.element == element)
}

impl Kind {
    /// What `text` should have been; `None` if it is what it should be.
    pub(super) fn fault(self, text: &str) -> Option<&'static str> {
        let trimmed = text.trim_matches(XML_SPACE);
        let (good, wanted) = match self {
            Self::Id => (
                Id::parse_base64(trimmed).is_some(),
                "16 bytes in base64, as in \"hVpd7YQgRW2nD22h7q60JQ==\" (RFC 7865 §6.10)",
            ),
            Self::Time => (
                Timestamp::parse(trimmed).is_some_and(|timestamp| timestamp.strict),
                "a time, as in \"2017-05-01T10:17:11Z\" (RFC 7865 §6.9)",
            ),
            Self::Mode => (
                matches!(text, "complete" | "partial"),
                "\"complete\" or \"partial\"",
            ),
            Self::Address => (
                is_address(trimmed),
                "a URI, a host name or an IP address (RFC 7865 §6.5.1)",
            ),
            Self::Short => (trimmed.parse::<i16>().is_ok(), "a 16-bit number"),
            Self::Language => (
                trimmed.is_empty() || is_language(trimmed),
                "a language tag (RFC 5646)",
            ),
            Self::Text => (true, "text"),
        };
        (!good).then_some(wanted)
    }
}

/// Only characters of a URI (RFC 3986 §2).
fn is_address(text: &str) -> bool {
    let fits =
        |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=%".contains(&byte);
    !text.is_empty() && text.bytes().all(fits)
}

fn is_language(text: &str) -> bool {
    let mut parts = text.split('-');
    let fits = |part: &str| (1..=8).contains(&part.len());
    let primary = parts.next().unwrap_or_default();
    fits(primary)
        && primary.bytes().all(|byte| byte.is_ascii_alphabetic())
        && parts.all(|part| fits(part) && part.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

static SHAPES: &[Shape] = &[
    Shape {
        element: "recording",
        attributes: &[],
        content: open(&[
            optional("datamode"),
            any_number("group"),
            any_number("session"),
            any_number("participant"),
            any_number("stream"),
            any_number("sessionrecordingassoc"),
            any_number("participantsessionassoc"),
            any_number("participantstreamassoc"),
        ]),
    },
    Shape {
        element: "requestsnapshot",
        attributes: &[],
        content: open(&[optional("requestreason")]),
    },
    Shape {
        element: "group",
        attributes: &[required("group_id", Kind::Id)],
        content: open(&[ASSOCIATE_TIME, DISASSOCIATE_TIME]),
    },
    Shape {
        element: "session",
        attributes: &[required("session_id", Kind::Id)],
        content: open(&[
            any_number("sipSessionID"),
            any_number("reason"),
            optional("group-ref"),
            optional("start-time"),
            optional("stop-time"),
        ]),
    },
    Shape {
        element: "participant",
        attributes: &[required("participant_id", Kind::Id)],
        content: open(&[Child {
            name: "nameID",
            required: true,
            repeats: true,
        }]),
    },
    Shape {
        element: "nameID",
        attributes: &[required("aor", Kind::Address)],
        content: closed(&[optional("name")]),
    },
    Shape {
        element: "stream",
        attributes: &[
            required("stream_id", Kind::Id),
            Attribute {
                name: "session_id",
                kind: Kind::Id,
                required: false,
            },
        ],
        content: open(&[optional("label")]),
    },
    Shape {
        element: "sessionrecordingassoc",
        attributes: &[required("session_id", Kind::Id)],
        content: open(&[ASSOCIATE_TIME, DISASSOCIATE_TIME]),
    },
    Shape {
        element: "participantsessionassoc",
        attributes: &[
            required("participant_id", Kind::Id),
            required("session_id", Kind::Id),
        ],
        content: open(&[ASSOCIATE_TIME, DISASSOCIATE_TIME, any_number("param")]),
    },
    Shape {
        element: "param",
        attributes: &[required("pname", Kind::Text), required("pval", Kind::Text)],
        content: closed(&[]),
    },
    Shape {
        element: "participantstreamassoc",
        attributes: &[required("participant_id", Kind::Id)],
        content: open(&[
            any_number("send"),
            any_number("recv"),
            ASSOCIATE_TIME,
            DISASSOCIATE_TIME,
        ]),
    },
    Shape {
        element: "reason",
        attributes: &[
            required("cause", Kind::Short),
            Attribute {
                name: "protocol",
                kind: Kind::Text,
                required: false,
            },
        ],
        content: Content::Text(Kind::Text),
    },
    Shape {
        element: "name",
        attributes: &[LANGUAGE],
        content: Content::Text(Kind::Text),
    },
    Shape {
        element: "requestreason",
        attributes: &[LANGUAGE],
        content: Content::Text(Kind::Text),
    },
    text("sipSessionID", Kind::Text),
    text("label", Kind::Text),
    text("group-ref", Kind::Id),
    text("send", Kind::Id),
    text("recv", Kind::Id),
    text("associate-time", Kind::Time),
    text("disassociate-time", Kind::Time),
    text("start-time", Kind::Time),
    text("stop-time", Kind::Time),
    text("datamode", Kind::Mode),
];

const ASSOCIATE_TIME: Child = optional("associate-time");
const DISASSOCIATE_TIME: Child = optional("disassociate-time");
const LANGUAGE: Attribute = Attribute {
    name: "{http://www.w3.org/XML/1998/namespace}lang",
    kind: Kind::Language,
    required: false,
};

const fn text(element: &'static str, kind: Kind) -> Shape {
    Shape {
        element,
        attributes: &[],
        content: Content::Text(kind),
    }
}

const fn open(sequence: &'static [Child]) -> Content {
    Content::Elements {
        sequence,
        open: true,
    }
}

const fn closed(sequence: &'static [Child]) -> Content {
    Content::Elements {
        sequence,
        open: false,
    }
}

const fn required(name: &'static str, kind: Kind) -> Attribute {
    Attribute {
        name,
        kind,
        required: true,
    }
}

const fn optional(name: &'static str) -> Child {
    Child {
        name,
        required: false,
        repeats: false,
    }
}

const fn any_number(name: &'static str) -> Child {
    Child {
        name,
        required: false,
        repeats: true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_child_has_a_shape_of_its_own() {
        for parent in SHAPES {
            if let Content::Elements { sequence, .. } = parent.content {
                for child in sequence {
                    assert!(shape(child.name).is_some(), "{}", child.name);
                }
            }
        }
    }
}
