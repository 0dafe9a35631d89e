//! The `a=crypto` attribute (RFC 4568): its whole grammar, parse and write, and who may have
//! which key.
//!
//! Nothing in here prints a key: what is wrong with a line is told without it.

/// A master key and its salt, in memory for as long as they are needed.
mod key;
/// What `inline:` holds: a key, how long it may be used, what it is called.
mod key_param;
/// Parameters of a session.
mod session_param;
/// The crypto suites.
mod suite;

use zeroize::Zeroizing;

pub use key::MasterKey;
pub use key_param::{KeyParam, Mki};
pub use session_param::{FecOrder, SessionParam};
pub use suite::Suite;

use crate::random::Random;

/// One `a=crypto` attribute that is valid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Crypto {
    /// Names it within its m-line; below 10^9.
    pub tag: u32,
    pub suite: Suite,
    /// At least one; several are told apart by their identifiers.
    pub keys: Vec<KeyParam>,
    pub params: Vec<SessionParam>,
}

/// Why an `a=crypto` attribute is invalid and passed over.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    #[error("it is no \"a=crypto:TAG SUITE inline:KEY\"")]
    Grammar,
    #[error("its tag is not a number of 1 to 9 digits without a leading zero")]
    Tag,
    #[error("the suite {0:?} is not known here")]
    Suite(String),
    #[error("its key is not given by \"inline:\"")]
    Method,
    #[error("its key is no base64")]
    Base64,
    #[error("key and salt have {given} bytes, and {suite} wants {}", suite.inline_len())]
    KeyLen { suite: Suite, given: usize },
    #[error("the lifetime of its key is not 1 to 2^48 packets, written as a number or as 2^n")]
    Lifetime,
    #[error("the identifier of its key is not a number and its length of 1 to 128 bytes")]
    Mki,
    #[error("of several keys each must have an identifier, all of one length and none twice")]
    MkiSet,
    #[error("one of its keys is there twice")]
    SameKey,
    #[error("its session parameter {0} is wrong")]
    Param(&'static str),
    #[error("its session parameter {0:?} is not known here, and is not optional")]
    UnknownParam(String),
    #[error("it has the tag of another one")]
    SameTag,
}

/// Why a valid attribute is not taken: we could not do what it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    #[error("it leaves something unencrypted or unauthenticated")]
    Weakened,
    #[error("it derives keys more than once (KDR)")]
    Derivation,
    #[error("it wants forward error correction")]
    Fec,
    #[error("it has several keys, and only one can be used")]
    SeveralKeys,
}

/// Keys of one attribute beyond this are a waste of time.
const KEYS_MAX: usize = 16;

impl Crypto {
    /// A plain line with a key of its own.
    pub fn fresh(tag: u32, suite: Suite, random: &mut Random, taken: &[MasterKey]) -> Self {
        Self {
            tag,
            suite,
            keys: vec![KeyParam::plain(MasterKey::fresh(suite, random, taken))],
            params: Vec::new(),
        }
    }

    /// Reads the attribute's value: what follows `a=crypto:`.
    pub fn parse(value: &str) -> Result<Self, Flaw> {
        let mut fields = value.split([' ', '\t']).filter(|field| !field.is_empty());
        let tag = tag(fields.next().ok_or(Flaw::Grammar)?)?;
        let name = fields.next().ok_or(Flaw::Grammar)?;
        let keys = fields.next().ok_or(Flaw::Grammar)?;
        let known = Suite::parse(name);
        let suite = known.ok_or_else(|| Flaw::Suite(spoken(name)))?;
        let keys = key_params(keys, suite)?;
        let params = fields.map(|field| SessionParam::parse(field, suite));
        Ok(Self {
            tag,
            suite,
            keys,
            params: params.collect::<Result<_, _>>()?,
        })
    }

    /// The attribute's value.
    pub fn write(&self) -> Zeroizing<String> {
        let mut out = Zeroizing::new(String::with_capacity(256));
        out.push_str(&format!("{} {} ", self.tag, self.suite));
        write_key_params(&self.keys, &mut out);
        for param in &self.params {
            out.push(' ');
            param.write(&mut out);
        }
        out
    }

    /// The one key, where we can do what the line says.
    pub fn usable(&self) -> Result<&KeyParam, Unfit> {
        for param in &self.params {
            match param {
                // RFC 4568 §6.3.2 and §6.3.3: we never offer less than all, and never take it.
                SessionParam::UnencryptedSrtp
                | SessionParam::UnencryptedSrtcp
                | SessionParam::UnauthenticatedSrtp => return Err(Unfit::Weakened),
                SessionParam::Kdr(rate) if *rate > 0 => return Err(Unfit::Derivation),
                SessionParam::FecOrder(_) | SessionParam::FecKey(_) => return Err(Unfit::Fec),
                // A wider window than the sender asks for does no harm.
                SessionParam::Kdr(_) | SessionParam::Wsh(_) | SessionParam::Optional(_) => {}
            }
        }
        match self.keys.as_slice() {
            [key] => Ok(key),
            _ => Err(Unfit::SeveralKeys),
        }
    }
}

/// RFC 4568 §9.1: 1 to 9 digits, and §5.1.2: a decimal number, so `01` is no other name of `1`.
fn tag(text: &str) -> Result<u32, Flaw> {
    let digits = (1..=9).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits || (text.len() > 1 && text.starts_with('0')) {
        return Err(Flaw::Tag);
    }
    text.parse().map_err(|_| Flaw::Tag)
}

/// A name as it may be told: what does not look like one could be a misplaced key.
fn spoken(name: &str) -> String {
    let is_name = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    if name.len() <= 32 && name.bytes().all(is_name) {
        name.to_owned()
    } else {
        "(not a name)".to_owned()
    }
}

/// Keys as they stand in a line or in its `FEC_KEY`.
fn key_params(text: &str, suite: Suite) -> Result<Vec<KeyParam>, Flaw> {
    let parts = text.split(';').take(KEYS_MAX + 1);
    let keys: Vec<_> = parts
        .map(|part| KeyParam::parse(part, suite))
        .collect::<Result<_, _>>()?;
    if keys.len() > KEYS_MAX {
        return Err(Flaw::Grammar);
    }
    if let [first, _, ..] = keys.as_slice() {
        // RFC 4568 §6.1: several keys are told apart by identifiers of one length.
        let len = first.mki.as_ref().map(Mki::len);
        let alike = |key: &KeyParam| key.mki.is_some() && key.mki.as_ref().map(Mki::len) == len;
        let twice = |at: usize| keys[..at].iter().any(|other| other.mki == keys[at].mki);
        if !keys.iter().all(alike) || (1..keys.len()).any(twice) {
            return Err(Flaw::MkiSet);
        }
    }
    // RFC 4568 §6.1: each master key is there once.
    let same = |at: usize| keys[..at].iter().any(|other| other.key == keys[at].key);
    if (1..keys.len()).any(same) {
        return Err(Flaw::SameKey);
    }
    Ok(keys)
}

fn write_key_params(keys: &[KeyParam], out: &mut Zeroizing<String>) {
    for (number, key) in keys.iter().enumerate() {
        if number > 0 {
            out.push(';');
        }
        key.write(out);
    }
}

#[cfg(test)]
mod tests;
