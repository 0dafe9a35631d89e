//! Methods: their names, and which we answer. Method names are case-sensitive (RFC 3261 §7.1).

use rsip::Method;

/// What `Allow` lists: every method that a session answers.
pub(super) const ALLOW: &str = "INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE";

/// Every method that the typed model has a name for.
const NAMES: [(Method, &str); 14] = [
    (Method::Invite, "INVITE"),
    (Method::Ack, "ACK"),
    (Method::Cancel, "CANCEL"),
    (Method::Bye, "BYE"),
    (Method::Options, "OPTIONS"),
    (Method::Update, "UPDATE"),
    (Method::Info, "INFO"),
    (Method::Message, "MESSAGE"),
    (Method::Notify, "NOTIFY"),
    (Method::PRack, "PRACK"),
    (Method::Publish, "PUBLISH"),
    (Method::Refer, "REFER"),
    (Method::Register, "REGISTER"),
    (Method::Subscribe, "SUBSCRIBE"),
];

/// The method of that name.
pub(super) fn parse(name: &str) -> Option<Method> {
    let found = NAMES.iter().find(|(_, known)| *known == name);
    found.map(|(method, _)| *method)
}

/// The method's name.
pub(super) fn name(method: Method) -> &'static str {
    let found = NAMES.iter().find(|(known, _)| *known == method);
    found.expect("every method has a row").1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_method_has_a_name_of_its_own() {
        for method in Method::all() {
            assert_eq!(parse(name(method)), Some(method));
        }
        assert_eq!(parse("invite"), None);
        assert_eq!(parse("PING"), None);
    }

    #[test]
    fn what_is_allowed_is_known() {
        assert!(ALLOW.split(", ").all(|name| parse(name).is_some()));
    }
}
