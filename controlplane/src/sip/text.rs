//! The characters of SIP: tokens, numbers, quoted strings, and lists outside of quotes.

use std::borrow::Cow;

use super::error::Flaw;

/// Whether the byte may stand in a token (RFC 3261 §25.1).
pub(super) fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(&byte)
}

/// Whether the text is a token (RFC 3261 §25.1).
pub(super) fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(is_token_byte)
}

/// A decimal number without sign, up to `max`.
pub(super) fn number(text: &str, max: u32) -> Option<u32> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let number = digits.then(|| text.parse::<u32>().ok())??;
    (number <= max).then_some(number)
}

/// Text for a header: control characters become spaces, so that no value can end its line.
pub(super) fn clean(text: &str) -> Cow<'_, str> {
    if text.contains(char::is_control) {
        Cow::Owned(text.replace(char::is_control, " "))
    } else {
        Cow::Borrowed(text)
    }
}

/// The parts of `text` between separators that stand outside of quotes and angle brackets,
/// trimmed.
pub(super) fn split(text: &str, separator: u8) -> Result<Vec<&str>, Flaw> {
    let mut parts = Vec::new();
    let mut start = 0;
    for at in positions(text, separator)? {
        parts.push(text[start..at].trim());
        start = at + 1;
    }
    parts.push(text[start..].trim());
    Ok(parts)
}

/// Where the ASCII character `wanted` stands outside of quotes and angle brackets.
pub(super) fn positions(text: &str, wanted: u8) -> Result<Vec<usize>, Flaw> {
    enum Inside {
        Nothing,
        Quotes,
        Escape,
        Brackets,
    }
    let mut found = Vec::new();
    let mut inside = Inside::Nothing;
    for (at, byte) in text.bytes().enumerate() {
        inside = match (inside, byte) {
            (Inside::Nothing, byte) if byte == wanted => {
                found.push(at);
                Inside::Nothing
            }
            (Inside::Nothing | Inside::Escape, b'"') | (Inside::Escape, _) => Inside::Quotes,
            (Inside::Nothing, b'<') => Inside::Brackets,
            (Inside::Quotes, b'\\') => Inside::Escape,
            (Inside::Quotes, b'"') | (Inside::Brackets, b'>') => Inside::Nothing,
            (inside, _) => inside,
        };
    }
    match inside {
        Inside::Nothing => Ok(found),
        Inside::Quotes | Inside::Escape => Err(Flaw("a quoted string does not end")),
        Inside::Brackets => Err(Flaw("an angle bracket does not close")),
    }
}

/// The text of a quoted string; any other text as it is (RFC 3261 §25.1).
pub(super) fn unquote(text: &str) -> String {
    let Some(inner) = text
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
    else {
        return text.to_owned();
    };
    let mut plain = String::with_capacity(inner.len());
    let mut characters = inner.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => plain.extend(characters.next()),
            _ => plain.push(character),
        }
    }
    plain
}

/// As a quoted string.
pub(super) fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for character in clean(text).chars() {
        if matches!(character, '"' | '\\') {
            quoted.push('\\');
        }
        quoted.push(character);
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_have_no_sign_and_no_overflow() {
        assert_eq!(number("0042", 100), Some(42));
        assert_eq!(number("101", 100), None);
        for bad in ["", "+1", "-1", "1 ", "36893488147419103232", "0x1"] {
            assert_eq!(number(bad, u32::MAX), None, "{bad:?}");
        }
    }

    #[test]
    fn lists_are_split_outside_of_quotes_and_brackets() {
        assert_eq!(
            split(r#""a, \"b,", <c,d> , e"#, b','),
            Ok(vec![r#""a, \"b,""#, "<c,d>", "e"])
        );
        assert_eq!(split("", b','), Ok(vec![""]));
        assert!(split(r#""a, b"#, b',').is_err());
        assert!(split(r#""a\"#, b',').is_err());
        assert!(split("<a, b", b',').is_err());
    }

    proptest! {
        #[test]
        fn quoting_is_undone_by_unquoting(text in "[^\\p{Cc}]{0,40}") {
            let quoted = quote(&text);
            prop_assert_eq!(split(&quoted, b',').map(|parts| parts.len()), Ok(1));
            prop_assert_eq!(unquote(&quoted), text);
        }

        #[test]
        fn nothing_makes_the_lexers_panic(text in "\\PC{0,60}") {
            let _ = split(&text, b',').map(|parts| parts.len());
            let _ = unquote(&text);
            let _ = number(&text, u32::MAX);
        }
    }
}
