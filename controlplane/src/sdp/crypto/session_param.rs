//! Parameters of a session (RFC 4568 §6.3).

use zeroize::Zeroizing;

use super::key_param::KeyParam;
use super::suite::Suite;
use super::{Flaw, key_params, spoken, write_key_params};

/// A parameter of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SessionParam {
    /// Session keys are derived anew every 2^n packets; 0 to 24.
    Kdr(u8),
    UnencryptedSrtp,
    UnencryptedSrtcp,
    UnauthenticatedSrtp,
    /// Whether packets are protected before or after error correction.
    FecOrder(FecOrder),
    /// Other keys for error correction.
    FecKey(Vec<KeyParam>),
    /// The replay window that the sender needs at least: 64 and more.
    Wsh(u32),
    /// An extension that may be passed over, without its dash.
    Optional(String),
}

/// What a sender does first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FecOrder {
    FecSrtp,
    SrtpFec,
}

impl SessionParam {
    pub(super) fn parse(text: &str, suite: Suite) -> Result<Self, Flaw> {
        if let Some(extension) = text.strip_prefix('-') {
            // RFC 4568 §6.3.7: whoever does not know it passes over it.
            return Ok(Self::Optional(extension.to_owned()));
        }
        let (name, value) = match text.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (text, None),
        };
        match (name, value) {
            ("KDR", Some(value)) => match digits(value) {
                Some(rate @ 0..=24) => Ok(Self::Kdr(rate as u8)),
                _ => Err(Flaw::Param("KDR")),
            },
            ("UNENCRYPTED_SRTP", None) => Ok(Self::UnencryptedSrtp),
            ("UNENCRYPTED_SRTCP", None) => Ok(Self::UnencryptedSrtcp),
            ("UNAUTHENTICATED_SRTP", None) => Ok(Self::UnauthenticatedSrtp),
            ("FEC_ORDER", Some("FEC_SRTP")) => Ok(Self::FecOrder(FecOrder::FecSrtp)),
            ("FEC_ORDER", Some("SRTP_FEC")) => Ok(Self::FecOrder(FecOrder::SrtpFec)),
            ("FEC_ORDER", _) => Err(Flaw::Param("FEC_ORDER")),
            ("FEC_KEY", Some(keys)) => key_params(keys, suite).map(Self::FecKey),
            ("WSH", Some(value)) => match digits(value) {
                Some(size @ 64..) if value.len() >= 2 => Ok(Self::Wsh(size)),
                _ => Err(Flaw::Param("WSH")),
            },
            // Its value may be a secret: only its name is told.
            _ => Err(Flaw::UnknownParam(spoken(name))),
        }
    }

    pub(super) fn write(&self, out: &mut Zeroizing<String>) {
        match self {
            Self::Kdr(rate) => out.push_str(&format!("KDR={rate}")),
            Self::UnencryptedSrtp => out.push_str("UNENCRYPTED_SRTP"),
            Self::UnencryptedSrtcp => out.push_str("UNENCRYPTED_SRTCP"),
            Self::UnauthenticatedSrtp => out.push_str("UNAUTHENTICATED_SRTP"),
            Self::FecOrder(FecOrder::FecSrtp) => out.push_str("FEC_ORDER=FEC_SRTP"),
            Self::FecOrder(FecOrder::SrtpFec) => out.push_str("FEC_ORDER=SRTP_FEC"),
            Self::FecKey(keys) => {
                out.push_str("FEC_KEY=");
                write_key_params(keys, out);
            }
            Self::Wsh(size) => out.push_str(&format!("WSH={size}")),
            Self::Optional(extension) => {
                out.push('-');
                out.push_str(extension);
            }
        }
    }
}

fn digits(text: &str) -> Option<u32> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}
