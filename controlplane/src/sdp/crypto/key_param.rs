//! What `inline:` holds (RFC 4568 §6.1): a key, how long it may be used, what it is called.

use zeroize::Zeroizing;

use super::Flaw;
use super::key::MasterKey;
use super::suite::Suite;

/// A key with what is agreed about its use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyParam {
    pub key: MasterKey,
    /// Packets that it may protect: 1 to 2^48; the suite's own limit where nothing is said.
    pub lifetime: Option<u64>,
    /// What it is called in each packet.
    pub mki: Option<Mki>,
}

/// A master key identifier: a number in so many bytes, the highest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mki(Vec<u8>);

/// The most packets that a key may protect (RFC 3711 §9.2).
const LIFETIME_MAX: u64 = 1 << 48;
/// Bytes of the longest identifier, and digits of the greatest number in it.
const MKI_LEN_MAX: usize = 128;
const MKI_DIGITS_MAX: usize = 309;

impl KeyParam {
    /// A key of which nothing is said.
    pub const fn plain(key: MasterKey) -> Self {
        Self {
            key,
            lifetime: None,
            mki: None,
        }
    }

    pub(super) fn parse(text: &str, suite: Suite) -> Result<Self, Flaw> {
        let (method, info) = text.split_once(':').ok_or(Flaw::Grammar)?;
        if method != "inline" {
            return Err(Flaw::Method);
        }
        let mut fields = info.split('|');
        let key = fields.next().ok_or(Flaw::Grammar)?;
        let key = MasterKey::from_base64(key).ok_or(Flaw::Base64)?;
        let given = key.as_bytes().len();
        if given != suite.inline_len() {
            return Err(Flaw::KeyLen { suite, given });
        }
        let mut param = Self::plain(key);
        let mut field = fields.next();
        // RFC 4568 §6.1: the second field is a lifetime, unless a colon says that it is the third.
        if let Some(text) = field
            && !text.contains(':')
        {
            param.lifetime = Some(lifetime(text).ok_or(Flaw::Lifetime)?);
            field = fields.next();
        }
        if let Some(text) = field {
            param.mki = Some(Mki::parse(text).ok_or(Flaw::Mki)?);
        }
        match fields.next() {
            None => Ok(param),
            Some(_) => Err(Flaw::Grammar),
        }
    }

    pub(super) fn write(&self, out: &mut Zeroizing<String>) {
        out.push_str("inline:");
        out.push_str(&self.key.to_base64());
        if let Some(packets) = self.lifetime {
            out.push_str(&if packets.is_power_of_two() {
                format!("|2^{}", packets.trailing_zeros())
            } else {
                format!("|{packets}")
            });
        }
        if let Some(mki) = &self.mki {
            out.push_str(&format!("|{}:{}", mki.to_decimal(), mki.len()));
        }
    }
}

/// `2^20` or `1048576`, without a leading zero.
fn lifetime(text: &str) -> Option<u64> {
    let (digits, is_power) = match text.strip_prefix("2^") {
        Some(digits) => (digits, true),
        None => (text, false),
    };
    let number = number(digits)?;
    let packets = if is_power {
        1_u64.checked_shl(u32::try_from(number).ok()?)?
    } else {
        number
    };
    (1..=LIFETIME_MAX).contains(&packets).then_some(packets)
}

/// A decimal number without a leading zero.
fn number(digits: &str) -> Option<u64> {
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
    let leading = digits.len() > 1 && digits.starts_with('0');
    if !plain || leading {
        return None;
    }
    digits.parse().ok()
}

impl Mki {
    /// Its bytes, as they stand in a packet.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// How many bytes they are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none, which cannot be.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    #[cfg(test)]
    pub(super) fn of(bytes: &[u8]) -> Self {
        Self(bytes.to_vec())
    }

    fn parse(text: &str) -> Option<Self> {
        let (value, len) = text.split_once(':')?;
        let len = usize::try_from(number(len)?).ok()?;
        let plain = value.bytes().all(|byte| byte.is_ascii_digit());
        let leading = value.len() > 1 && value.starts_with('0');
        let sized = (1..=MKI_DIGITS_MAX).contains(&value.len());
        if !(1..=MKI_LEN_MAX).contains(&len) || !plain || leading || !sized {
            return None;
        }
        let mut bytes = vec![0_u8; len];
        for digit in value.bytes() {
            let mut carry = u32::from(digit - b'0');
            for byte in bytes.iter_mut().rev() {
                carry += u32::from(*byte) * 10;
                *byte = carry as u8;
                carry >>= 8;
            }
            if carry > 0 {
                return None; // it does not fit into its length
            }
        }
        Some(Self(bytes))
    }

    fn to_decimal(&self) -> String {
        let mut rest = self.0.clone();
        let mut digits = Vec::new();
        while digits.is_empty() || rest.iter().any(|byte| *byte != 0) {
            let mut remainder = 0;
            for byte in &mut rest {
                let value = remainder << 8 | u32::from(*byte);
                *byte = (value / 10) as u8;
                remainder = value % 10;
            }
            digits.push(char::from_digit(remainder, 10).expect("a remainder of ten is a digit"));
        }
        digits.into_iter().rev().collect()
    }
}
