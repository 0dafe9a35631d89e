//! What the user of a session adds to a message: headers and a body.

use super::headers::Headers;

/// Headers and a body of the user's own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Content {
    /// Names and values, beside those that a session writes itself: Via, Max-Forwards, From, To,
    /// Call-ID, CSeq, Contact, Route, Require, Supported, Allow, User-Agent, Session-Expires,
    /// Min-SE and those of the body.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Option<Body>,
}

/// A body and what it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Body {
    /// Content-Type.
    pub content_type: String,
    /// Content-Disposition.
    pub disposition: Option<String>,
    /// Any bytes.
    pub bytes: Vec<u8>,
}

impl Body {
    /// Whether the body can hold a session description: it is one, or it has several parts.
    pub(super) fn may_be_sdp(&self) -> bool {
        may_be_sdp(&self.content_type)
    }
}

/// Whether a body of that Content-Type can hold a session description.
pub(super) fn may_be_sdp(content_type: &str) -> bool {
    let media_type = content_type
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    media_type == "application/sdp" || media_type.starts_with("multipart/")
}

impl Content {
    /// Puts it all into a message.
    pub(super) fn put(&self, headers: &mut Headers, body: &mut Vec<u8>) {
        for (name, value) in &self.headers {
            headers.push(name, value);
        }
        if let Some(content) = &self.body {
            headers.push("Content-Type", &content.content_type);
            if let Some(disposition) = &content.disposition {
                headers.push("Content-Disposition", disposition);
            }
            body.clone_from(&content.bytes);
        }
    }
}
