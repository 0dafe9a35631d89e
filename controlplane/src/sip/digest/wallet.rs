//! What a session was asked, and its answers in every further request.

use std::sync::Arc;

use super::challenge::{Challenge, Side, best};
use super::credentials::Credentials;
use super::response::Asked;
use crate::random::Random;
use crate::sip::headers::Headers;
use crate::sip::message::{Request, Response};
use crate::sip::method;

/// The credentials of a session, and whom it showed them to.
#[derive(Clone, Debug, Default)]
pub(in crate::sip) struct Wallet {
    credentials: Option<Arc<Credentials>>,
    answered: Vec<Answered>,
}

/// How often one request was challenged.
#[derive(Clone, Debug, Default)]
pub(in crate::sip) struct Trials {
    rounds: u32,
    /// To whom the request has proven who we are with a nonce that was given for it.
    answered: Vec<(Side, String)>,
}

/// A challenge that every further request answers (RFC 3261 §22.3).
#[derive(Clone, Debug)]
struct Answered {
    challenge: Challenge,
    count: u32,
    cnonce: String,
}

/// As often one request is sent again: a recorder, proxies on the way, and nonces that are stale.
const ROUNDS_MAX: u32 = 6;
/// As many realms are answered in one request.
const REALMS_MAX: usize = 4;

impl Wallet {
    pub(in crate::sip) fn new(credentials: Option<Arc<Credentials>>) -> Self {
        Self {
            credentials,
            answered: Vec::new(),
        }
    }

    /// Learns what a 401 or 407 asks for; false where sending the request again would be in vain:
    /// the same credentials would be refused again (RFC 3261 §22.1).
    pub(in crate::sip) fn learn(
        &mut self,
        response: &Response,
        trials: &mut Trials,
        random: &mut Random,
    ) -> bool {
        let asks = matches!(response.status.code(), 401 | 407);
        let Some(credentials) = self.credentials.as_ref().filter(|_| asks) else {
            return false;
        };
        let asked = best(&response.headers, credentials);
        trials.rounds += 1;
        if asked.is_empty() || trials.rounds > ROUNDS_MAX {
            return false;
        }
        for challenge in &asked {
            let who = (challenge.side, challenge.realm.clone());
            let again = trials.answered.contains(&who);
            // RFC 7616 §3.3: without `stale`, the credentials are wrong. A nonce of an earlier
            // request may have grown old without a word, so each request has one try of its own.
            if again && !challenge.stale {
                return false;
            }
            if !again {
                trials.answered.push(who);
            }
        }
        for challenge in asked {
            self.keep(challenge, random);
        }
        true
    }

    /// Another request is to be sent: each answer counts up (RFC 7616 §3.4).
    pub(in crate::sip) fn count_up(&mut self) {
        for answered in &mut self.answered {
            answered.count += 1;
        }
    }

    /// Puts an answer to every challenge that is known into a request.
    pub(in crate::sip) fn put(&self, request: &mut Request) {
        let Some(credentials) = &self.credentials else {
            return;
        };
        let uri = request.uri.to_string();
        for answered in &self.answered {
            let asked = Asked {
                method: method::name(request.method),
                uri: &uri,
                count: answered.count,
                cnonce: &answered.cnonce,
            };
            let value = answered.challenge.answer(credentials, &asked);
            let name = answered.challenge.side.is_answered_by();
            request.headers.push(name, &value);
        }
    }

    fn keep(&mut self, challenge: Challenge, random: &mut Random) {
        let same = |other: &Answered| {
            (other.challenge.side, &other.challenge.realm) == (challenge.side, &challenge.realm)
        };
        self.answered.retain(|other| !same(other));
        if self.answered.len() == REALMS_MAX {
            self.answered.remove(0);
        }
        self.answered.push(Answered {
            challenge,
            count: 0,
            cnonce: random.token(32),
        });
    }
}

/// The ACK of a 2xx repeats the INVITE's proof, because it cannot be challenged (RFC 3261 §22.1).
pub(in crate::sip) fn repeat(invite: &Headers, ack: &mut Request) {
    for side in [Side::Server, Side::Proxy] {
        for value in invite.all(side.is_answered_by()) {
            ack.headers.push(side.is_answered_by(), value);
        }
    }
}
