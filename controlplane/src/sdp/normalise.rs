//! The first aid that received descriptions get before the grammar sees them.
//!
//! Recorders send LF alone, NUL at the end, two spaces in `m=`, user names with spaces in `o=`, no
//! `t=`, text in Latin-1. None of it matters to what we want to know, so none of it may cost a
//! recording: only the lines that we read are handed on, in the one form that the grammar takes.

/// `bytes` with only its `o=`, `c=`, `m=` and `a=` lines, repaired where they can be.
/// `None` if there is neither a `v=` nor an `m=` line: then it is no session description at all.
pub(super) fn normalise(bytes: &[u8]) -> Option<String> {
    let end = bytes.iter().position(|byte| *byte == 0);
    let text = String::from_utf8_lossy(&bytes[..end.unwrap_or(bytes.len())]);
    let mut out = String::with_capacity(text.len() + 16);
    out.push_str("v=0\r\n");
    let mut is_sdp = false;
    let mut origin_seen = false;
    let mut connection_seen = false;
    for line in text.split(['\n', '\r']).map(str::trim) {
        let Some((key, value)) = line.split_once('=') else {
            continue;
        };
        let repaired = match key {
            "v" => {
                is_sdp = true;
                None
            }
            "m" => {
                is_sdp = true;
                connection_seen = false;
                Some(media(value))
            }
            "o" if !std::mem::replace(&mut origin_seen, true) => origin(value),
            "c" if !connection_seen => {
                let connection = connection(value);
                connection_seen = connection.is_some();
                connection
            }
            "a" => Some(value.to_owned()),
            _ => None,
        };
        if let Some(value) = repaired {
            out.push_str(key);
            out.push('=');
            out.push_str(&value);
            out.push_str("\r\n");
        }
    }
    is_sdp.then_some(out)
}

/// Single spaces, and a format where there is none: some refuse a stream with `m=audio 0 RTP/AVP`.
fn media(value: &str) -> String {
    let mut fields: Vec<_> = value.split_whitespace().collect();
    if fields.len() == 3 {
        fields.push("-");
    }
    fields.join(" ")
}

/// The last five fields with the user name left out, which is where the spaces are.
fn origin(value: &str) -> Option<String> {
    let fields: Vec<_> = value.split_whitespace().collect();
    let (_, rest) = fields.split_at_checked(fields.len().checked_sub(5)?)?;
    let version = rest.get(1)?;
    version.parse::<u64>().ok()?;
    Some(format!("- {}", rest.join(" ")))
}

/// An Internet address; other networks are as good as no address.
fn connection(value: &str) -> Option<String> {
    let mut fields = value.split_whitespace();
    let (network, kind, address) = (fields.next()?, fields.next()?, fields.next()?);
    let internet = network.eq_ignore_ascii_case("IN")
        && ["IP4", "IP6"]
            .iter()
            .any(|ip| ip.eq_ignore_ascii_case(kind));
    internet.then(|| format!("IN {} {address}", kind.to_ascii_uppercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_we_read_is_handed_on() {
        let sloppy = b"\n v=1\no=Some User 12 13 IN IP4 192.0.2.9\ns=\xff\xfe\nt=0\nk=x\n\
            c=IN IP4 192.0.2.1 \nc=IN IP4 192.0.2.2\nm=audio  4000  RTP/AVP   0\n\
            a=sendonly \nm=video 0 RTP/AVP\n\0garbage";
        assert_eq!(
            normalise(sloppy).as_deref(),
            Some(
                "v=0\r\no=- 12 13 IN IP4 192.0.2.9\r\nc=IN IP4 192.0.2.1\r\n\
                 m=audio 4000 RTP/AVP 0\r\na=sendonly\r\nm=video 0 RTP/AVP -\r\n"
            )
        );
    }

    #[test]
    fn an_origin_that_makes_no_sense_is_left_out() {
        assert_eq!(origin("- 1 x IN IP4 192.0.2.1"), None);
        assert_eq!(origin("IN IP4"), None);
    }

    #[test]
    fn text_that_is_no_description_is_told_apart() {
        assert_eq!(normalise(b"<html>=</html>\r\na=b"), None);
        assert_eq!(normalise(b""), None);
    }
}
