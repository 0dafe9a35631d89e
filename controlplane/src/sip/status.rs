//! Status codes: their reason phrases.

use rsip::StatusCode;

/// The reason phrase that goes with a status: the typed model's name for it, in words.
pub(super) fn reason(status: &StatusCode) -> String {
    let text = status.to_string();
    let name = text.split_once(' ').map_or("", |(_, name)| name);
    let mut phrase = String::with_capacity(name.len() + 4);
    for (at, character) in name.char_indices() {
        let after_small = name[..at].ends_with(|before: char| before.is_ascii_lowercase());
        if after_small && character.is_ascii_uppercase() {
            phrase.push(' ');
        }
        phrase.push(character);
    }
    phrase
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_words() {
        for (code, phrase) in [
            (200, "OK"),
            (481, "Call Transaction Does Not Exist"),
            (486, "Busy Here"),
            (501, "Not Implemented"),
            (599, "Other"),
        ] {
            assert_eq!(reason(&StatusCode::from(code)), phrase);
        }
    }
}
