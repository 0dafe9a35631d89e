//! How audio is protected on its way to the recorder: what is offered, and what is never done.

use super::account::Account;
use super::active::Active;
use super::failure::Failure;
use super::{Recording, State};
use crate::random::Random;
use crate::recorder::Srtp;
use crate::sdp::{Crypto, MasterKey, Suite};
use crate::sip::message::Response;
use crate::turn::{Site, Turn};

impl Recording {
    /// The suites to offer, the best first; none where RTP may go in clear.
    ///
    /// RFC 7866 §12: a recording is at least as secure as its call, where the site does not say
    /// otherwise: SIP by TLS, and no weaker cipher.
    pub(super) fn suites(&self, account: &Account, site: &Site) -> Result<Vec<Suite>, Failure> {
        let must = account.secure && site.require_secure_if_cs_secure;
        match self.recorder.srtp {
            Srtp::Off if must => Err(Failure::last(
                "the call is secure and this recording would not be: set transport = \"tls\" and \
                 srtp = \"required\" for this recorder; a site that wants such calls recorded in \
                 clear sets policy.require_secure_if_cs_secure = false",
            )),
            Srtp::Off => Ok(Vec::new()),
            Srtp::Optional if self.in_clear && !must => Ok(Vec::new()),
            Srtp::Optional | Srtp::Required if must => {
                let least = account.strength();
                let suites = self.recorder.suites.iter().copied();
                let strong: Vec<_> = suites.filter(|suite| suite.strength() >= least).collect();
                if strong.is_empty() {
                    return Err(Failure::last(format!(
                        "the call is encrypted with {least} bits and no suite of this recorder \
                         has as many: name one in srtp_suites"
                    )));
                }
                Ok(strong)
            }
            Srtp::Optional | Srtp::Required => Ok(self.recorder.suites.clone()),
        }
    }

    /// Whether RTP in clear may be offered to a recorder that has refused protection so.
    pub(super) fn may_be_clear(&self, response: &Response, account: &Account, site: &Site) -> bool {
        let refused = matches!(response.status.code(), 488 | 606);
        let offered = match &self.state {
            State::Connecting(leg) => !leg.ours.crypto.is_empty(),
            State::Waiting { .. }
            | State::Active(_)
            | State::Failed
            | State::Ending(_)
            | State::Over => false,
        };
        let must = account.secure && site.require_secure_if_cs_secure;
        refused && offered && !must && self.recorder.srtp == Srtp::Optional
    }

    /// Begins anew where the call has turned out to be encrypted by a stronger cipher than this
    /// recording of it (RFC 7866 §12).
    pub fn strengthen(&mut self, account: &Account, turn: &mut Turn<'_>) {
        let least = account.strength();
        let weak = |active: &Active| {
            let agreed = active.agreed.as_ref();
            let secured = agreed.and_then(|agreed| agreed.secured.as_ref());
            secured.is_some_and(|secured| secured.suite.strength() < least)
        };
        let must = account.secure && turn.site.require_secure_if_cs_secure;
        if !must || !matches!(&self.state, State::Active(active) if weak(active)) {
            return;
        }
        if let State::Active(active) = std::mem::replace(&mut self.state, State::Over) {
            self.abandon(active.leg, turn);
            self.error = Some(format!(
                "the call is encrypted with {least} bits, and its recording was with fewer"
            ));
            self.attempt(account, turn);
        }
        self.note_state(account, turn);
    }

    /// Whether this key is offered or used here.
    pub fn has_key(&self, key: &MasterKey) -> bool {
        let leg = match &self.state {
            State::Connecting(leg) => leg,
            State::Active(active) => &active.leg,
            State::Waiting { .. } | State::Failed | State::Ending(_) | State::Over => return false,
        };
        let lines = leg.ours.crypto.iter();
        let mut keys = lines.flat_map(|line| &line.keys);
        keys.any(|ours| ours.key.shares_key(key))
    }
}

impl Account {
    /// Bits of the strongest key of the call's sources.
    fn strength(&self) -> u32 {
        let bits = self.keys.iter().map(|(suite, _)| suite.strength());
        bits.max().unwrap_or(0)
    }
}

/// A line for each suite with a key of its own, which is none of the call's (RFC 7866 §12.2).
pub(super) fn lines(suites: &[Suite], account: &Account, random: &mut Random) -> Vec<Crypto> {
    let taken: Vec<_> = account.keys.iter().map(|(_, key)| key.clone()).collect();
    (1..)
        .zip(suites)
        .map(|(tag, suite)| Crypto::fresh(tag, *suite, random, &taken))
        .collect()
}
