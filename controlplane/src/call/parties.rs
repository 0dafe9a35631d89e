//! Who is called, by what address: facts in the words that recorders are told them in.

use crate::control::request::{CallFacts, Name, ParticipantFacts, Party};
use crate::metadata::{self, CallInfo};

/// What recorders that want headers are told.
///
/// The called parties are those that the conference server names, and then whoever else has joined:
/// recorders of this kind know of no participants, and would not hear of them otherwise.
pub(super) fn call_info<'a>(
    call: &Name,
    facts: &CallFacts,
    participants: impl Iterator<Item = &'a ParticipantFacts>,
) -> CallInfo {
    let named = |party: &Party| party.name.is_some() || party.number.is_some();
    let mut called = facts.called.clone();
    for participant in participants {
        let joined = Party {
            name: participant.name.clone(),
            number: participant.number.clone(),
        };
        let is_known = |party: &Party| is_same(party, &joined);
        if named(&joined) && !is_known(&facts.calling) && !called.iter().any(is_known) {
            called.push(joined);
        }
    }
    CallInfo {
        console_id: Some(facts.console_id.clone()),
        user: facts.user.clone(),
        calling: named(&facts.calling).then(|| into_metadata(&facts.calling)),
        called: called.iter().map(into_metadata).collect(),
        call_id: Some(call.as_str().to_owned()),
    }
}

/// A participant's address of record: what it came with, or else its number as a URI.
pub(super) fn aor(facts: &ParticipantFacts, domain: &str) -> String {
    if let Some(aor) = &facts.aor {
        return aor.clone();
    }
    let Some(number) = &facts.number else {
        return String::new();
    };
    let digits = number.strip_prefix('+').unwrap_or_default();
    let is_global = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    if is_global {
        // RFC 3966 §5.1.4: a global number stands for itself.
        format!("tel:{number}")
    } else {
        // A local one means something only where it is dialled.
        format!("sip:{}@{domain}", escape(number))
    }
}

/// Two parties are the same where their numbers are, or where neither has one and the names are.
fn is_same(a: &Party, b: &Party) -> bool {
    match (&a.number, &b.number) {
        (Some(a), Some(b)) => a == b,
        (None, None) => a.name == b.name,
        (Some(_), None) | (None, Some(_)) => false,
    }
}

fn into_metadata(party: &Party) -> metadata::Party {
    metadata::Party {
        name: party.name.clone(),
        number: party.number.clone(),
    }
}

/// The user part of a SIP URI (RFC 3261 §25.1): everything that it cannot hold is escaped.
fn escape(user: &str) -> String {
    let mut escaped = String::new();
    for byte in user.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.!~*'()&=+$,;?/".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn party(name: &str, number: &str) -> Party {
        Party {
            name: Some(name.to_owned()),
            number: Some(number.to_owned()).filter(|number| !number.is_empty()),
        }
    }

    fn participant(name: &str, number: &str) -> ParticipantFacts {
        let Party { name, number } = party(name, number);
        ParticipantFacts {
            name,
            number,
            ..ParticipantFacts::default()
        }
    }

    #[test]
    fn who_joins_is_called_unless_it_is_known_already() {
        let facts = CallFacts {
            calling: party("Caller", "1000"),
            called: vec![party("Console", "2000")],
            ..serde_json::from_str(r#"{"console_id":"7"}"#).unwrap()
        };
        let joined = [
            participant("Desk 7", "2000"),
            participant("Caller again", "1000"),
            participant("Third", "2001"),
            participant("Nameless number", ""),
            ParticipantFacts::default(),
        ];
        let info = call_info(&Name::new("c").unwrap(), &facts, joined.iter());
        let names: Vec<_> = info.called.iter().flat_map(|party| &party.name).collect();
        assert_eq!(names, ["Console", "Third", "Nameless number"]);
        assert_eq!(info.calling.unwrap().number.as_deref(), Some("1000"));
    }

    #[test]
    fn every_number_has_an_address_of_record() {
        let aor_of = |number| aor(&participant("", number), "example.com");
        assert_eq!(aor_of("+4912345"), "tel:+4912345");
        assert_eq!(aor_of("1000"), "sip:1000@example.com");
        assert_eq!(aor_of("+49 12"), "sip:+49%2012@example.com");
        assert_eq!(aor_of("a@b<c>"), "sip:a%40b%3Cc%3E@example.com");
        let known = ParticipantFacts {
            aor: Some("sips:ann@example.org".to_owned()),
            ..participant("Ann", "1")
        };
        assert_eq!(aor(&known, "example.com"), "sips:ann@example.org");
        assert_eq!(aor(&ParticipantFacts::default(), "example.com"), "");
    }
}
