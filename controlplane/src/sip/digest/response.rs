//! What is answered: Authorization and Proxy-Authorization (RFC 7616 §3.4).

use zeroize::Zeroizing;

use super::challenge::Challenge;
use super::credentials::Credentials;
use crate::sip::text::quote;

/// What an answer to a challenge depends on beside it.
pub(super) struct Asked<'a> {
    pub(super) method: &'a str,
    /// The URI of the request.
    pub(super) uri: &'a str,
    /// How many requests carried an answer to this challenge, this one included.
    pub(super) count: u32,
    /// Our nonce.
    pub(super) cnonce: &'a str,
}

impl Challenge {
    /// The value of the header that answers it.
    pub(super) fn answer(&self, credentials: &Credentials, asked: &Asked<'_>) -> String {
        let Asked {
            uri, count, cnonce, ..
        } = asked;
        let proof = self.proof(credentials, asked);
        let user = if self.user_hash {
            let text = Zeroizing::new(format!("{}:{}", *credentials.user, self.realm));
            self.algorithm.hash.hex(&text)
        } else {
            String::clone(&credentials.user)
        };
        let mut value = format!(
            "Digest username={}, realm={}, nonce={}, uri={}, response=\"{proof}\"",
            quote(&user),
            quote(&self.realm),
            quote(&self.nonce),
            quote(uri),
        );
        if let Some(name) = &self.algorithm_name {
            value.push_str(&format!(", algorithm={name}"));
        }
        if self.counted {
            value.push_str(&format!(", qop=auth, nc={count:08x}"));
        }
        if self.counted || self.algorithm.sess {
            value.push_str(&format!(", cnonce=\"{cnonce}\""));
        }
        if let Some(opaque) = &self.opaque {
            value.push_str(&format!(", opaque={}", quote(opaque)));
        }
        if self.user_hash {
            value.push_str(", userhash=true");
        }
        value
    }

    /// That we know the password (RFC 7616 §3.4.1; without qop as RFC 2069 had it).
    fn proof(&self, credentials: &Credentials, asked: &Asked<'_>) -> String {
        let hash = self.algorithm.hash;
        let (user, password) = (&*credentials.user, &*credentials.password);
        let (nonce, cnonce) = (&self.nonce, asked.cnonce);
        let secret = Zeroizing::new(format!("{user}:{}:{password}", self.realm));
        let mut key = Zeroizing::new(hash.hex(&secret));
        if self.algorithm.sess {
            let text = Zeroizing::new(format!("{}:{nonce}:{cnonce}", *key));
            key = Zeroizing::new(hash.hex(&text));
        }
        let request = hash.hex(&format!("{}:{}", asked.method, asked.uri));
        let text = Zeroizing::new(match self.counted {
            true => format!(
                "{}:{nonce}:{:08x}:{cnonce}:auth:{request}",
                *key, asked.count
            ),
            false => format!("{}:{nonce}:{request}", *key),
        });
        hash.hex(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::super::challenge::best;
    use super::*;
    use crate::sip::headers::Headers;

    fn answer(challenge: &str, credentials: &Credentials, asked: &Asked<'_>) -> String {
        let mut headers = Headers::default();
        headers.push("WWW-Authenticate", challenge);
        best(&headers, credentials)[0].answer(credentials, asked)
    }

    fn credentials(user: &str, password: &str) -> Credentials {
        Credentials::new(user.to_owned(), password.to_owned(), None)
    }

    #[test]
    fn the_examples_of_rfc_7616_come_out() {
        let asked = Asked {
            method: "GET",
            uri: "/dir/index.html",
            count: 1,
            cnonce: "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
        };
        let mufasa = credentials("Mufasa", "Circle of Life");
        for (algorithm, proof) in [
            ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
            (
                "SHA-256",
                "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
            ),
        ] {
            let challenge = format!(
                "Digest realm=\"http-auth@example.org\", qop=\"auth, auth-int\", \
                 algorithm={algorithm}, nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", \
                 opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\""
            );
            let value = answer(&challenge, &mufasa, &asked);
            let part =
                format!("response=\"{proof}\", algorithm={algorithm}, qop=auth, nc=00000001");
            assert!(value.contains(&part), "{value}");
            assert!(value.ends_with("opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\""));
        }
    }

    #[test]
    fn a_user_may_be_asked_for_as_a_hash() {
        let asked = Asked {
            method: "GET",
            uri: "/doe.json",
            count: 1,
            cnonce: "NTg6RKcb9boFIAS3KrFK9BGeh+niz/sm",
        };
        let value = answer(
            "Digest realm=\"api@example.org\", qop=\"auth\", algorithm=SHA-512-256, \
             nonce=\"5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK\", \
             opaque=\"HRPCssKJSGjCrkzDg8OhwpzCiGPChXYjwrI2QmXDnsOS\", charset=UTF-8, userhash=true",
            &credentials("J\u{e4}s\u{f8}n Doe", "Secret, or not?"),
            &asked,
        );
        // The RFC prints the hashes of this example wrong; these are OpenSSL's.
        assert!(
            value.contains("userhash=true") && !value.contains("Doe"),
            "{value}"
        );
        let user = value.split('"').nth(1).unwrap();
        assert_eq!(
            user,
            "793263caabb707a56211940d90411ea4a575adeccb7e360aeb624ed06ece9b0b"
        );
        let proof = "response=\"7a4e1192babbba02e91182d2895bfdbf7adafc6e48d4e517ca301974843d840c\"";
        assert!(value.contains(proof), "{value}");
    }

    #[test]
    fn without_qop_it_is_as_rfc_2069_had_it() {
        let asked = Asked {
            method: "REGISTER",
            uri: "sip:example.com",
            count: 3,
            cnonce: "abc",
        };
        let bob = credentials("bob", "zanzibar");
        let value = answer("Digest realm=\"biloxi.com\", nonce=\"n\"", &bob, &asked);
        let key = super::super::algorithm::Hash::Md5;
        let (one, two) = (
            key.hex("bob:biloxi.com:zanzibar"),
            key.hex("REGISTER:sip:example.com"),
        );
        let proof = key.hex(&format!("{one}:n:{two}"));
        assert_eq!(
            value,
            format!(
                "Digest username=\"bob\", realm=\"biloxi.com\", nonce=\"n\", \
                 uri=\"sip:example.com\", response=\"{proof}\""
            )
        );
        let value = answer(
            "Digest realm=\"r\", nonce=\"n\", algorithm=MD5-sess",
            &bob,
            &asked,
        );
        assert!(
            value.contains("cnonce=\"abc\"") && !value.contains("nc="),
            "{value}"
        );
    }
}
