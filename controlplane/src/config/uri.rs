//! Where a recorder is.

use serde::Deserialize;

use crate::sip::uri::Uri;

/// A SIP or SIPS URI that names no transport but UDP, TCP and TLS.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct RecorderUri(pub Uri);

impl RecorderUri {
    /// Whether it can only be reached by TLS.
    pub fn wants_tls(&self) -> bool {
        self.0.secure || self.names("tls")
    }

    /// Whether it can only be reached in clear.
    pub fn wants_clear(&self) -> bool {
        !self.0.secure && (self.names("udp") || self.names("tcp"))
    }

    fn names(&self, transport: &str) -> bool {
        let name = self.0.params.value("transport");
        name.is_some_and(|name| name.eq_ignore_ascii_case(transport))
    }
}

impl TryFrom<String> for RecorderUri {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let wrong = |why: &str| format!("{text:?}: {why}: write \"sip:user@host:port\"");
        let uri = Uri::parse(&text).map_err(|flaw| wrong(&flaw.to_string()))?;
        let name = uri.params.value("transport").map(str::to_ascii_lowercase);
        match name.as_deref() {
            // RFC 3261 §26.2.2: it is TLS, which runs over TCP.
            Some("udp") if uri.secure => Err(wrong("a sips: URI is not reached by udp")),
            Some("udp" | "tcp" | "tls") | None => Ok(Self(uri)),
            Some(_) => Err(wrong("its transport is neither udp nor tcp nor tls")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Config;

    #[test]
    fn a_uri_says_where_and_by_what() {
        for (uri, why) in [
            ("http://srs", "neither with sip:"),
            ("sips:rec@srs;transport=udp", "not reached by udp"),
            ("sip:rec@srs;transport=ws", "neither udp nor tcp nor tls"),
        ] {
            let text = format!(
                "[sip]\naddress = \"127.0.0.1:5060\"\n[media]\naddress = \"127.0.0.1\"\n\
                 [[recorder]]\nid = \"west\"\nuri = \"{uri}\"\n"
            );
            let error = Config::parse(&text).unwrap_err().to_string();
            assert!(error.contains(why) && error.contains("line 7"), "{error}");
        }
    }
}
