//! One header: rsip's type and back to name and value. Names compare without case, and the compact
//! forms are known (RFC 3261 §7.3.3).

use rsip::Header;
use rsip::headers;
use rsip::prelude::UntypedHeader as _;

use super::text;

/// Both directions of one table, so that no header can be read as one and written as another.
macro_rules! table {
    ($($variant:ident $name:literal $($compact:literal)?;)*) => {
        /// The header of that name. The name's odd characters become hyphens, the value's control
        /// characters spaces: nothing in them can begin another header.
        pub fn make(name: &str, value: &str) -> Header {
            let value = text::clean(value.trim()).trim().to_owned();
            $(
                if [$name, $($compact)?].iter().any(|known| name.eq_ignore_ascii_case(known)) {
                    return Header::$variant(headers::$variant::new(value));
                }
            )*
            let untyped = UNTYPED.iter().find(|(full, compact)| {
                name.eq_ignore_ascii_case(full) || name.eq_ignore_ascii_case(compact)
            });
            match untyped {
                Some((full, _)) => Header::Other((*full).to_owned(), value),
                None => Header::Other(token(name), value),
            }
        }

        /// Its name and its value.
        pub fn parts(header: &Header) -> (&str, &str) {
            match header {
                $(Header::$variant(inner) => ($name, inner.value()),)*
                Header::Other(name, value) => (name, value),
            }
        }
    };
}

table! {
    Accept "Accept";
    AcceptEncoding "Accept-Encoding";
    AcceptLanguage "Accept-Language";
    AlertInfo "Alert-Info";
    Allow "Allow";
    AuthenticationInfo "Authentication-Info";
    Authorization "Authorization";
    CSeq "CSeq";
    CallId "Call-ID" "i";
    CallInfo "Call-Info";
    Contact "Contact" "m";
    ContentDisposition "Content-Disposition";
    ContentEncoding "Content-Encoding" "e";
    ContentLanguage "Content-Language";
    ContentLength "Content-Length" "l";
    ContentType "Content-Type" "c";
    Date "Date";
    ErrorInfo "Error-Info";
    Event "Event" "o";
    Expires "Expires";
    From "From" "f";
    InReplyTo "In-Reply-To";
    MaxForwards "Max-Forwards";
    MimeVersion "MIME-Version";
    MinExpires "Min-Expires";
    Organization "Organization";
    Priority "Priority";
    ProxyAuthenticate "Proxy-Authenticate";
    ProxyAuthorization "Proxy-Authorization";
    ProxyRequire "Proxy-Require";
    RecordRoute "Record-Route";
    ReplyTo "Reply-To";
    Require "Require";
    RetryAfter "Retry-After";
    Route "Route";
    Server "Server";
    Subject "Subject" "s";
    SubscriptionState "Subscription-State";
    Supported "Supported" "k";
    Timestamp "Timestamp";
    To "To" "t";
    Unsupported "Unsupported";
    UserAgent "User-Agent";
    Via "Via" "v";
    Warning "Warning";
    WwwAuthenticate "WWW-Authenticate";
}

/// Headers that rsip has no type for: full name and compact form.
const UNTYPED: [(&str, &str); 4] = [
    ("Session-Expires", "x"),
    ("Refer-To", "r"),
    ("Referred-By", "b"),
    ("Allow-Events", "u"),
];

fn token(name: &str) -> String {
    let fit = |c: char| c.is_ascii() && text::is_token_byte(c as u8);
    match name {
        "" => "-".to_owned(),
        _ => name.chars().map(|c| if fit(c) { c } else { '-' }).collect(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_known_in_any_case_and_compact() {
        for (name, full) in [
            ("v", "Via"),
            ("VIA", "Via"),
            ("i", "Call-ID"),
            ("call-id", "Call-ID"),
            ("X", "Session-Expires"),
            ("session-expires", "Session-Expires"),
            ("X-ControlONE-Info-User", "X-ControlONE-Info-User"),
        ] {
            assert_eq!(parts(&make(name, "value")), (full, "value"));
        }
        assert!(matches!(make("t", ""), Header::To(_)));
    }

    #[test]
    fn nothing_begins_another_header() {
        let header = make("X-A\r\nVia: b", " c\r\nVia: d\0\r\n\r\n");
        assert_eq!(parts(&header), ("X-A--Via--b", "c  Via: d"));
    }

    proptest! {
        #[test]
        fn making_from_parts_changes_nothing(name in "\\PC{0,12}", value in "\\PC{0,30}") {
            let header = make(&name, &value);
            let (name, value) = parts(&header);
            prop_assert_eq!(make(name, value), header);
        }
    }
}
