//! What is asked: WWW-Authenticate and Proxy-Authenticate (RFC 7616 §3.3, RFC 3261 §20.27, §20.44).

use super::algorithm::Algorithm;
use super::credentials::Credentials;
use crate::sip::headers::Headers;
use crate::sip::message::Response;
use crate::sip::params::Params;
use crate::sip::text;

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Side {
    /// The recorder: 401.
    Server,
    /// A proxy on the way: 407.
    Proxy,
}

/// One challenge that can be answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Challenge {
    pub(super) side: Side,
    pub(super) realm: String,
    pub(super) nonce: String,
    pub(super) opaque: Option<String>,
    /// The algorithm, and its name as it was asked for.
    pub(super) algorithm: Algorithm,
    pub(super) algorithm_name: Option<String>,
    /// Whether the answer protects itself with a count and a nonce of ours (`qop=auth`).
    pub(super) counted: bool,
    /// The nonce that was answered is too old, and nothing else is wrong.
    pub(super) stale: bool,
    /// The user is asked for as a hash (RFC 7616 §3.4.4).
    pub(super) user_hash: bool,
}

/// More challenges in one answer are not looked at.
const CHALLENGES_MAX: usize = 16;
/// A longer realm, nonce or opaque value is not believed.
const VALUE_MAX: usize = 1024;

impl Side {
    const ALL: [Self; 2] = [Self::Server, Self::Proxy];

    const fn asks_by(self) -> &'static str {
        match self {
            Self::Server => "WWW-Authenticate",
            Self::Proxy => "Proxy-Authenticate",
        }
    }

    pub(super) const fn is_answered_by(self) -> &'static str {
        match self {
            Self::Server => "Authorization",
            Self::Proxy => "Proxy-Authorization",
        }
    }
}

/// The challenges of an answer that we can answer: of each realm the one that we like best.
pub(super) fn best(headers: &Headers, credentials: &Credentials) -> Vec<Challenge> {
    let mut best: Vec<Challenge> = Vec::new();
    for challenge in all(headers).filter(|challenge| credentials.fit(&challenge.realm)) {
        let same = |other: &&mut Challenge| {
            (other.side, &other.realm) == (challenge.side, &challenge.realm)
        };
        match best.iter_mut().find(same) {
            Some(other) if challenge.algorithm < other.algorithm => *other = challenge,
            Some(_) => {}
            None => best.push(challenge),
        }
    }
    best
}

/// Why a 401 or 407 was the last word, for the operator: a sentence that says what to do.
pub fn objection(response: &Response, credentials: Option<&Credentials>) -> String {
    let realms: Vec<_> = all(&response.headers).map(|asked| asked.realm).collect();
    let Some(first) = realms.first() else {
        return "it wants credentials by no digest algorithm that we know: \
                SHA-256, SHA-512-256 and MD5 are"
            .to_owned();
    };
    match credentials {
        None => format!(
            "it wants credentials for {first:?}: set credentials to a file with user and password"
        ),
        Some(own) if !realms.iter().any(|realm| own.fit(realm)) => format!(
            "it wants credentials for {first:?}, and ours are for another realm: \
             correct realm in the credentials file"
        ),
        Some(_) => format!(
            "it does not accept our credentials for {first:?}: \
             correct user and password in the credentials file"
        ),
    }
}

fn all(headers: &Headers) -> impl Iterator<Item = Challenge> {
    let of_side = |side: Side| {
        let values = headers.all(side.asks_by());
        values.flat_map(move |value| challenges(side, value))
    };
    let all = Side::ALL.into_iter().flat_map(of_side);
    all.take(CHALLENGES_MAX)
}

/// The digest challenges of one header: a list of schemes, each with a list of parameters.
fn challenges(side: Side, value: &str) -> Vec<Challenge> {
    let mut schemes: Vec<(&str, Vec<&str>)> = Vec::new();
    for part in text::split(value, b',').unwrap_or_default() {
        match (scheme(part), schemes.last_mut()) {
            (Some((name, first)), _) => schemes.push((name, vec![first])),
            (None, Some((_, params))) => params.push(part),
            (None, None) => {}
        }
    }
    let digests = schemes
        .iter()
        .filter(|(name, _)| name.eq_ignore_ascii_case("Digest"));
    digests
        .filter_map(|(_, params)| Challenge::parse(side, &params.join(";")))
        .collect()
}

/// `Digest realm="x"` begins a scheme, and `realm = "x"` does not.
fn scheme(part: &str) -> Option<(&str, &str)> {
    let (word, rest) = part.split_once(|c: char| c.is_ascii_whitespace())?;
    let rest = rest.trim_start();
    (text::is_token(word) && !rest.starts_with('=')).then_some((word, rest))
}

impl Challenge {
    fn parse(side: Side, params: &str) -> Option<Self> {
        let params = Params::parse(params).ok()?;
        let text = |name: &str| {
            let value = params.get(name).flatten()?;
            (value.len() <= VALUE_MAX).then(|| value.to_owned())
        };
        let is_true = |name: &str| {
            let value = params.value(name);
            value.is_some_and(|value| value.eq_ignore_ascii_case("true"))
        };
        let counted = match params.value("qop") {
            None => false,
            // `auth-int` alone would make us protect bodies too, which nobody asks for in practice.
            Some(list) => {
                let mut kinds = list.split(',').map(str::trim);
                kinds
                    .any(|kind| kind.eq_ignore_ascii_case("auth"))
                    .then_some(true)?
            }
        };
        Some(Self {
            side,
            realm: text("realm")?,
            nonce: text("nonce")?,
            opaque: text("opaque"),
            algorithm: Algorithm::parse(params.value("algorithm"))?,
            algorithm_name: text("algorithm"),
            counted,
            stale: is_true("stale"),
            user_hash: is_true("userhash"),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::algorithm::Hash;
    use super::*;

    fn headers(list: &[(&str, &str)]) -> Headers {
        let mut headers = Headers::default();
        for (name, value) in list {
            headers.push(name, value);
        }
        headers
    }

    fn found(list: &[(&str, &str)]) -> Vec<(Side, String, Hash)> {
        let anybody = Credentials::new("u".to_owned(), "p".to_owned(), None);
        let best = best(&headers(list), &anybody);
        let short = |c: Challenge| (c.side, c.realm, c.algorithm.hash);
        best.into_iter().map(short).collect()
    }

    #[test]
    fn of_each_realm_the_best_algorithm_is_taken() {
        let list = [
            (
                "WWW-Authenticate",
                r#"Digest realm="a", nonce="1", algorithm=MD5"#,
            ),
            (
                "WWW-Authenticate",
                r#"Basic realm="a", Digest realm="a",nonce="2",algorithm=SHA-512-256,qop="auth""#,
            ),
            (
                "WWW-Authenticate",
                r#"digest algorithm = "sha-256", realm = "a" , nonce="3", qop="auth-int, auth""#,
            ),
            (
                "Proxy-Authenticate",
                r#"Digest realm="a", nonce="4", Digest realm="b", nonce="5""#,
            ),
        ];
        let (server, proxy) = (Side::Server, Side::Proxy);
        let expected = [
            (server, "a".to_owned(), Hash::Sha256),
            (proxy, "a".to_owned(), Hash::Md5),
            (proxy, "b".to_owned(), Hash::Md5),
        ];
        assert_eq!(found(&list), expected);
    }

    #[test]
    fn what_cannot_be_answered_is_passed_over() {
        for value in [
            "",
            "Basic realm=\"a\"",
            "Digest nonce=\"1\"",
            "Digest realm=\"a\"",
            "Digest realm=\"a\", nonce=\"1\", algorithm=SHA-1",
            "Digest realm=\"a\", nonce=\"1\", qop=\"auth-int\"",
            "Digest realm=\"a, nonce=\"1",
            "Digest",
        ] {
            assert_eq!(found(&[("WWW-Authenticate", value)]), [], "{value}");
        }
        let endless = format!("Digest realm=\"a\", nonce=\"{}\"", "1".repeat(2000));
        assert_eq!(found(&[("WWW-Authenticate", &endless)]), []);
    }

    proptest! {
        #[test]
        fn any_challenge_is_read_or_passed_over(
            value in "(Digest |Basic |realm=|nonce=|qop=|[a,\"=\\\\ ;<>]){0,30}",
            nonsense in "\\PC{0,60}",
        ) {
            for value in [value, nonsense, "Digest realm=\"a\",nonce=\"b\"".to_owned()] {
                for (side, realm, _) in found(&[("WWW-Authenticate", &value)]) {
                    prop_assert!(side == Side::Server && realm.len() <= VALUE_MAX);
                }
            }
        }
    }

    #[test]
    fn the_operator_reads_what_to_do() {
        let credentials = |realm: &str| {
            let realm = (!realm.is_empty()).then(|| realm.to_owned());
            Credentials::new("anna".to_owned(), "secret".to_owned(), realm)
        };
        let say = |value: &str, credentials: Option<&Credentials>| {
            let mut response = Response::new(401.into());
            response.headers.push("WWW-Authenticate", value);
            objection(&response, credentials)
        };
        let digest = r#"Digest realm="srs", nonce="1""#;
        for (said, part) in [
            (say("Basic realm=\"a\"", None), "no digest algorithm"),
            (say(digest, None), "\"srs\": set credentials"),
            (say(digest, Some(&credentials("x"))), "another realm"),
            (say(digest, Some(&credentials(""))), "does not accept"),
            (say(digest, Some(&credentials("srs"))), "does not accept"),
        ] {
            assert!(said.contains(part), "{said}");
            assert!(!said.contains("anna") && !said.contains("secret"), "{said}");
        }
    }
}
