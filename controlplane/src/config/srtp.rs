//! The configuration of SRTP: whether and how audio is protected on its way to a recorder.

use serde::Deserialize;

use super::Recorder;
use crate::sdp::Suite;

/// Whether audio goes to a recorder protected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Srtp {
    /// Never.
    #[default]
    Off,
    /// It is offered where SIP is over TLS; a recorder that refuses it gets RTP in clear.
    Optional,
    /// Protected or not at all.
    Required,
}

/// A crypto suite by its registered name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct SuiteName(pub Suite);

impl Srtp {
    /// As it is written.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Optional => "optional",
            Self::Required => "required",
        }
    }
}

impl Recorder {
    /// What is offered: never anything where SIP is in clear, for then the keys would be as well.
    pub fn offers_srtp(&self) -> Srtp {
        if self.speaks_tls() {
            self.srtp
        } else {
            Srtp::Off
        }
    }

    pub(super) fn check_srtp(&self, at: &str, findings: &mut Vec<String>) {
        // RFC 4568 §8.3: keys stand in SDP, so that SIP must be protected.
        if self.srtp == Srtp::Required && !self.speaks_tls() {
            findings.push(format!(
                "{at}: srtp: its keys would travel in clear, because SIP does not go there by \
                 TLS: write transport = \"tls\" too, or srtp = \"off\""
            ));
        }
        if self.srtp_suites.is_empty() {
            findings.push(format!(
                "{at}: srtp_suites: the list is empty: name at least one, or write srtp = \"off\""
            ));
        }
        let suites = &self.srtp_suites;
        if (1..suites.len()).any(|place| suites[..place].contains(&suites[place])) {
            findings.push(format!("{at}: srtp_suites: a suite is named twice"));
        }
    }

    /// The strong ones, the strongest first; the 32-bit tags are for those who ask for them.
    pub(super) fn default_srtp_suites() -> Vec<SuiteName> {
        let suites = [
            Suite::AeadAes256Gcm,
            Suite::AeadAes128Gcm,
            Suite::AesCm256HmacSha1_80,
            Suite::AesCm128HmacSha1_80,
        ];
        suites.map(SuiteName).to_vec()
    }
}

impl TryFrom<String> for SuiteName {
    type Error = String;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        Suite::parse(&name).map(Self).ok_or_else(|| {
            let names = Suite::ALL.map(Suite::name).join(", ");
            format!("{name:?} is no crypto suite: use {names}")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn parse(lines: &str) -> Result<Recorder, String> {
        let text = format!(
            "[sip]\naddress = \"127.0.0.1:5060\"\n[media]\naddress = \"127.0.0.1\"\n\
             [[recorder]]\nid = \"west\"\n{lines}\n"
        );
        let config = Config::parse(&text).map_err(|error| error.to_string())?;
        Ok(config.recorders[0].clone())
    }

    #[test]
    fn protection_is_offered_over_tls_only() {
        let offered = |lines: &str| parse(lines).unwrap().offers_srtp();
        let tls = "uri = \"sips:rec@srs\"\n";
        assert_eq!(offered(tls), Srtp::Off);
        assert_eq!(
            offered(&format!("{tls}srtp = \"optional\"")),
            Srtp::Optional
        );
        assert_eq!(
            offered(&format!("{tls}srtp = \"required\"")),
            Srtp::Required
        );
        let clear = "uri = \"sip:rec@srs\"\nsrtp = ";
        assert_eq!(offered(&format!("{clear}\"optional\"")), Srtp::Off);
        assert_eq!(
            parse(&format!("{clear}\"required\"")).unwrap_err(),
            "recorder west: srtp: its keys would travel in clear, because SIP does not go there \
             by TLS: write transport = \"tls\" too, or srtp = \"off\""
        );
    }

    #[test]
    fn suites_are_a_list_without_repetition() {
        let suites = |list: &str| {
            let lines = format!("uri = \"sips:rec@srs\"\nsrtp_suites = {list}");
            parse(&lines).map(|recorder| recorder.srtp_suites)
        };
        let two = suites("[\"AES_CM_128_HMAC_SHA1_32\", \"AES_CM_256_HMAC_SHA1_80\"]");
        let expected = [Suite::AesCm128HmacSha1_32, Suite::AesCm256HmacSha1_80];
        assert_eq!(two.unwrap(), expected.map(SuiteName));
        assert!(suites("[]").unwrap_err().contains("the list is empty"));
        let twice = "[\"AEAD_AES_128_GCM\", \"AEAD_AES_128_GCM\"]";
        assert!(suites(twice).unwrap_err().contains("named twice"));
        let unknown = suites("[\"NULL\"]").unwrap_err();
        assert!(
            unknown.contains("use AES_CM_128_HMAC_SHA1_80, "),
            "{unknown}"
        );
    }
}
