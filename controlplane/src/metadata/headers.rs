//! Call information in SIP headers, as the ControlONE interface has it: write and parse.
//!
//! `X-ControlONE-Info-Called: Ann Lee <1000>, "Lee, Bob" <1001>`. Whatever a name is made of, it
//! can neither end its header, nor its entry in a list, nor its quotes.

/// What is known of a call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallInfo {
    pub console_id: Option<String>,
    pub user: Option<String>,
    pub calling: Option<Party>,
    pub called: Vec<Party>,
    pub call_id: Option<String>,
}

/// Somebody who calls or is called.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Party {
    pub name: Option<String>,
    pub number: Option<String>,
}

const CONSOLE_ID: &str = "ConsoleID";
const USER: &str = "User";
const CALLING: &str = "Calling";
const CALLED: &str = "Called";
const CALL_ID: &str = "CallID";

/// The longest header, name and all.
const HEADER_MAX: usize = 4096;

/// More called parties than these are not read.
const CALLED_MAX: usize = 256;

impl CallInfo {
    /// Names and values of the headers, of which those are left out that would say nothing.
    pub fn write(&self, prefix: &str) -> Vec<(String, String)> {
        let calling = self.calling.as_slice();
        [
            (CONSOLE_ID, plain(self.console_id.as_deref())),
            (USER, plain(self.user.as_deref())),
            (CALLING, list(calling, room(prefix, CALLING))),
            (CALLED, list(&self.called, room(prefix, CALLED))),
            (CALL_ID, plain(self.call_id.as_deref())),
        ]
        .into_iter()
        .map(|(name, value)| (format!("{prefix}{name}"), cut(value, room(prefix, name))))
        .filter(|(_, value)| !value.is_empty())
        .collect()
    }

    /// Reads the headers that are of this kind, and passes over all others.
    pub fn parse<'a>(prefix: &str, headers: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut info = Self::default();
        for (name, value) in headers {
            let Some((start, name)) = name.split_at_checked(prefix.len()) else {
                continue;
            };
            if !start.eq_ignore_ascii_case(prefix) {
                continue;
            }
            let is = |known: &str| name.eq_ignore_ascii_case(known);
            if is(CONSOLE_ID) {
                info.console_id = clean(value);
            } else if is(USER) {
                info.user = clean(value);
            } else if is(CALL_ID) {
                info.call_id = clean(value);
            } else if is(CALLING) {
                info.calling = entries(value).find_map(Party::parse);
            } else if is(CALLED) {
                info.called.extend(entries(value).filter_map(Party::parse));
                info.called.truncate(CALLED_MAX);
            }
        }
        info
    }
}

impl Party {
    /// `Name <number>`, or as much of it as is known; `None` if nothing is.
    fn write(&self) -> Option<String> {
        let name = self.name.as_deref().and_then(clean);
        let number = self.number.as_deref().and_then(clean);
        let number = number.map(|number| format!("<{}>", encoded(&number)));
        match (name.map(quoted_if_needed), number) {
            (Some(name), Some(number)) => Some(format!("{name} {number}")),
            (name, number) => name.or(number),
        }
    }

    /// One entry of a list; `None` if it says nothing.
    fn parse(entry: &str) -> Option<Self> {
        let entry = entry.trim();
        let (name, rest) = match entry.strip_prefix('"') {
            Some(quoted) => unquoted(quoted),
            None => {
                let end = entry.find('<').unwrap_or(entry.len());
                let (name, rest) = entry.split_at(end);
                (name.to_owned(), rest)
            }
        };
        let number = rest.split_once('<').map(|(_, number)| number);
        let number = number.and_then(|number| number.split('>').next());
        let party = Self {
            name: clean(&name),
            number: number.map(decoded).as_deref().and_then(clean),
        };
        (party != Self::default()).then_some(party)
    }
}

/// How long a value may be.
fn room(prefix: &str, name: &str) -> usize {
    HEADER_MAX.saturating_sub(prefix.len() + name.len() + ": ".len())
}

fn plain(value: Option<&str>) -> String {
    value.and_then(clean).unwrap_or_default()
}

/// As many whole entries as there is room for.
fn list(parties: &[Party], room: usize) -> String {
    let mut out = String::new();
    for entry in parties.iter().filter_map(Party::write) {
        let separator = if out.is_empty() { "" } else { ", " };
        if out.len() + separator.len() + entry.len() > room {
            break;
        }
        out.push_str(separator);
        out.push_str(&entry);
    }
    out
}

/// A text that fits, cut between characters.
fn cut(mut value: String, room: usize) -> String {
    value.truncate(value.floor_char_boundary(room));
    value.truncate(value.trim_end().len());
    value
}

/// One line of text without spaces around it: control characters, line ends among them, become
/// spaces. `None` if nothing is left.
fn clean(value: &str) -> Option<String> {
    let spaced: String = value
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let trimmed = spaced.trim();
    (!trimmed.is_empty()).then(|| trimmed.to_owned())
}

/// A display name (RFC 3261 §25.1): tokens with single spaces between them stand as they are.
fn quoted_if_needed(name: String) -> String {
    let is_token = |c: char| c.is_ascii_alphanumeric() || "-.!%*_+`'~".contains(c);
    if name
        .split(' ')
        .all(|word| !word.is_empty() && word.chars().all(is_token))
    {
        return name;
    }
    let mut out = String::with_capacity(name.len() + 2);
    out.push('"');
    for c in name.chars() {
        if matches!(c, '"' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out.push('"');
    out
}

/// The text up to the closing quote, and what follows it.
fn unquoted(quoted: &str) -> (String, &str) {
    let mut out = String::new();
    let mut chars = quoted.char_indices();
    while let Some((place, c)) = chars.next() {
        match c {
            '"' => return (out, quoted.get(place + 1..).unwrap_or_default()),
            '\\' => out.extend(chars.next().map(|(_, c)| c)),
            _ => out.push(c),
        }
    }
    (out, "")
}

/// A number as it can stand between angle brackets: what could end it is percent-encoded.
fn encoded(number: &str) -> String {
    let mut out = String::with_capacity(number.len());
    for byte in number.bytes() {
        let fits = byte == b' ' || byte.is_ascii_graphic() && !b"<>\",;%\\".contains(&byte);
        if fits {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

fn decoded(number: &str) -> String {
    let mut out = Vec::with_capacity(number.len());
    let mut rest = number.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let escape = after.first_chunk::<2>().filter(|_| *first == b'%');
        let byte = escape
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        rest = match byte {
            Some(_) => after.get(2..).unwrap_or_default(),
            None => after,
        };
        out.push(byte.unwrap_or(*first));
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// The entries of a list: commas in quotes or angle brackets do not part them.
fn entries(value: &str) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    let mut escaped = false;
    let mut bracketed = false;
    value.split(move |c| {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' if !bracketed => quoted = !quoted,
            '<' if !quoted => bracketed = true,
            '>' if !quoted => bracketed = false,
            ',' if !quoted && !bracketed => return true,
            _ => {}
        }
        false
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PREFIX: &str = "X-ControlONE-Info-";

    fn party(name: &str, number: &str) -> Party {
        Party {
            name: clean(name),
            number: clean(number),
        }
    }

    fn example() -> CallInfo {
        CallInfo {
            console_id: Some("Console ID".to_owned()),
            user: Some("Logged User".to_owned()),
            calling: Some(party("Calling Name", "1000")),
            called: vec![
                party("Called Name 1", "2000"),
                party("Called Name 2", "2001"),
            ],
            call_id: Some("1973499061".to_owned()),
        }
    }

    fn reread(info: &CallInfo) -> CallInfo {
        let headers = info.write(PREFIX);
        CallInfo::parse(
            PREFIX,
            headers.iter().map(|(n, v)| (n.as_str(), v.as_str())),
        )
    }

    #[test]
    fn the_interfaces_example_is_written() {
        let headers = example().write(PREFIX);
        let lines: Vec<_> = headers.iter().map(|(n, v)| format!("{n}: {v}")).collect();
        assert_eq!(
            lines,
            [
                "X-ControlONE-Info-ConsoleID: Console ID",
                "X-ControlONE-Info-User: Logged User",
                "X-ControlONE-Info-Calling: Calling Name <1000>",
                "X-ControlONE-Info-Called: Called Name 1 <2000>, Called Name 2 <2001>",
                "X-ControlONE-Info-CallID: 1973499061",
            ]
        );
    }

    #[test]
    fn the_interfaces_example_is_read_as_printed() {
        let headers = [
            ("x-controlone-info-consoleid", " Console ID "),
            ("X-ControlONE-Info-User", "Logged User"),
            ("X-ControlONE-Info-Calling", "Calling Name <1000>"),
            (
                "X-ControlONE-Info-Called",
                "Called Name 1<2000>, Called Name 2<2001>",
            ),
            ("X-ControlONE-Info-CallID", "1973499061"),
            ("X-ControlONE-Info-Other", "x"),
            ("Contact", "<sip:2000@src.example.com>"),
        ];
        assert_eq!(CallInfo::parse(PREFIX, headers), example());
        assert_eq!(CallInfo::parse("X-Site-", headers), CallInfo::default());
    }

    #[test]
    fn nothing_that_a_name_holds_can_get_out_of_it() {
        let evil = "a\", <666>\r\nX-Evil: 1\\";
        let info = CallInfo {
            console_id: Some(evil.to_owned()),
            called: vec![
                party(evil, "1>, <2\r\n%41"),
                party("", "3"),
                party("J\u{fc}rg", ""),
            ],
            ..CallInfo::default()
        };
        let headers = info.write("P-");
        assert_eq!(headers[0].1, "a\", <666>  X-Evil: 1\\");
        assert_eq!(
            headers[1].1,
            "\"a\\\", <666>  X-Evil: 1\\\\\" <1%3E%2C %3C2  %2541>, <3>, \"J\u{fc}rg\""
        );
        assert_eq!(reread(&info).called, info.called);
    }

    #[test]
    fn what_is_not_known_is_left_out() {
        let info = CallInfo {
            user: Some(" \r\n".to_owned()),
            calling: Some(Party::default()),
            called: vec![Party::default()],
            ..CallInfo::default()
        };
        assert_eq!(info.write(PREFIX), []);
        let headers = [("P-Called", " , <>, \"\" ,")];
        assert_eq!(CallInfo::parse("P-", headers), CallInfo::default());
    }

    #[test]
    fn headers_are_cut_between_entries_and_characters() {
        let info = CallInfo {
            user: Some("\u{fc}".repeat(4000)),
            called: vec![party("Somebody", "1234"); 1000],
            ..CallInfo::default()
        };
        for (name, value) in info.write(PREFIX) {
            let len = name.len() + 2 + value.len();
            assert!(
                (HEADER_MAX - 32..=HEADER_MAX).contains(&len),
                "{name} {len}"
            );
        }
        let read = reread(&info);
        assert!(read.called.iter().all(|called| *called == info.called[0]));
        assert!(read.user.unwrap().chars().all(|c| c == '\u{fc}'));
    }

    fn any_text() -> impl Strategy<Value = Option<String>> {
        let specials = "[\u{0}-\u{20}\"',;<>\\\\%ab\u{fc}]{0,12}";
        proptest::option::of(prop_oneof![".*", specials, "[A-Za-z0-9 +]{1,20}"])
    }

    fn any_party() -> impl Strategy<Value = Party> {
        (any_text(), any_text()).prop_map(|(name, number)| Party { name, number })
    }

    fn cleaned(party: &Party) -> Option<Party> {
        let (name, number) = (party.name.as_deref(), party.number.as_deref());
        let cleaned = party_of(name, number);
        (cleaned != Party::default()).then_some(cleaned)
    }

    fn party_of(name: Option<&str>, number: Option<&str>) -> Party {
        party(name.unwrap_or_default(), number.unwrap_or_default())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]

        #[test]
        fn what_is_written_reads_back(
            (console_id, user, call_id) in (any_text(), any_text(), any_text()),
            calling in proptest::option::of(any_party()),
            called in proptest::collection::vec(any_party(), 0..5),
        ) {
            let info = CallInfo { console_id, user, calling, called, call_id };
            for (name, value) in info.write(PREFIX) {
                prop_assert!(!value.chars().any(char::is_control), "{name}: {value:?}");
                prop_assert!(name.len() + 2 + value.len() <= HEADER_MAX);
            }
            let expected = CallInfo {
                console_id: info.console_id.as_deref().and_then(clean),
                user: info.user.as_deref().and_then(clean),
                calling: info.calling.as_ref().and_then(cleaned),
                called: info.called.iter().filter_map(cleaned).collect(),
                call_id: info.call_id.as_deref().and_then(clean),
            };
            prop_assert_eq!(reread(&info), expected);
        }

        #[test]
        fn any_value_is_read(value: String) {
            let headers = ["P-Calling", "P-Called", "P-User"].map(|name| (name, value.as_str()));
            let info = CallInfo::parse("P-", headers);
            prop_assert!(info.called.len() <= CALLED_MAX);
        }
    }
}
