//! The keys of a source, as the control interface takes them and never shows them again.

use std::fmt;

use serde::de::{Error as _, MapAccess, Visitor};
use serde::ser::SerializeMap as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::sdp::crypto::{Crypto, KeyParam, MasterKey, Suite};

/// What a source sends is protected with this. Written as the value of an `a=crypto` attribute, or
/// as an object of `suite` and `key`; shown as an object of `suite` alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceSrtp {
    pub suite: Suite,
    pub key: KeyParam,
}

impl SourceSrtp {
    fn of_line(text: &str) -> Result<Self, String> {
        let line = text.strip_prefix("a=").unwrap_or(text);
        let line = line.strip_prefix("crypto:").unwrap_or(line);
        let crypto = Crypto::parse(line).map_err(|flaw| format!("the crypto line: {flaw}"))?;
        let key = crypto
            .usable()
            .map_err(|unfit| format!("the crypto line: {unfit}"))?;
        Ok(Self {
            suite: crypto.suite,
            key: key.clone(),
        })
    }

    fn of_parts(suite: &str, key: &str) -> Result<Self, String> {
        let known = Suite::parse(suite);
        let suite = known.ok_or("the suite is not known")?;
        let key = MasterKey::from_base64(key).ok_or("the key is no base64")?;
        let given = key.as_bytes().len();
        let wanted = suite.inline_len();
        if given != wanted {
            return Err(format!(
                "key and salt have {given} bytes together, and {suite} wants {wanted}"
            ));
        }
        Ok(Self {
            suite,
            key: KeyParam::plain(key),
        })
    }
}

impl Serialize for SourceSrtp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry("suite", self.suite.name())?;
        map.end()
    }
}

impl<'de> Deserialize<'de> for SourceSrtp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

/// Reads either form. What is wrong is told without repeating what was sent.
struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = SourceSrtp;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a crypto line, or an object of suite and key")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<SourceSrtp, E> {
        SourceSrtp::of_line(text).map_err(E::custom)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<SourceSrtp, A::Error> {
        let (mut suite, mut key) = (None::<String>, None::<zeroize::Zeroizing<String>>);
        while let Some(name) = map.next_key::<String>()? {
            let value = map.next_value::<serde_json::Value>()?;
            let text = value.as_str().map(str::to_owned);
            let text = text.ok_or_else(|| A::Error::custom("suite and key are texts"))?;
            match name.as_str() {
                "suite" => suite = Some(text),
                "key" => key = Some(text.into()),
                _ => return Err(A::Error::custom("it has another field than suite and key")),
            }
        }
        let missing = || A::Error::custom("it lacks its suite or its key");
        let suite = suite.ok_or_else(missing)?;
        let key = key.ok_or_else(missing)?;
        SourceSrtp::of_parts(&suite, &key).map_err(A::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const KEY: &str = "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz";

    fn read(value: Value) -> Result<SourceSrtp, String> {
        serde_json::from_value(value).map_err(|error| error.to_string())
    }

    #[test]
    fn both_forms_mean_the_same_and_neither_is_shown_again() {
        let line = format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}");
        let parts = json!({ "suite": "AES_CM_128_HMAC_SHA1_80", "key": KEY });
        let read = [
            read(json!(line)).unwrap(),
            read(json!(format!("a=crypto:{line}"))).unwrap(),
            read(parts).unwrap(),
        ];
        assert!(read.iter().all(|one| *one == read[0]));
        let shown = serde_json::to_value(&read[0]).unwrap();
        assert_eq!(shown, json!({ "suite": "AES_CM_128_HMAC_SHA1_80" }));
        assert!(!format!("{:?}", read[0]).contains(&KEY[..8]));
    }

    #[test]
    fn what_is_wrong_is_told_without_what_was_sent() {
        for (value, why) in [
            (json!(KEY), "its tag is not a number"),
            (json!(format!("1 {KEY} x")), "suite \"(not a name)\""),
            (json!({ "suite": KEY, "key": KEY }), "suite is not known"),
            (
                json!({ "suite": "AEAD_AES_128_GCM", "key": KEY }),
                "wants 28",
            ),
            (
                json!({ "suite": "AEAD_AES_128_GCM", "key": 5 }),
                "are texts",
            ),
            (json!({ "suite": "AEAD_AES_128_GCM" }), "lacks"),
            (
                json!({ "suite": "x", "key": KEY, KEY: KEY }),
                "another field",
            ),
            (json!(5), "invalid type: integer `5`"),
        ] {
            let error = read(value).unwrap_err();
            assert!(error.contains(why), "{error}");
            assert!(!error.contains(&KEY[..8]), "{error}");
        }
    }
}
