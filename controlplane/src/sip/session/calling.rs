//! Our first INVITE, until it is answered or given up (RFC 3261 §13.2).

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use rsip::Method;

use super::compose::{self, Way};
use super::transactions::OurInvite;
use super::{Session, Stage};
use crate::random::Random;
use crate::sip::content::Content;
use crate::sip::dialog::Us;
use crate::sip::digest::Trials;
use crate::sip::flow::{Flow, Protocol};
use crate::sip::local::{Call, Local};
use crate::sip::message::{Request, Response};
use crate::sip::output::{Failure, Output};
use crate::sip::session_expires::{Refresher, SessionExpires};
use crate::sip::transaction::client_invite::ClientInvite;
use crate::sip::uri::{AnyUri, Uri};

/// As many shortest session intervals are tried before a 422 is believed to be final.
const INTERVALS_MAX: u32 = 3;

/// Our first INVITE.
#[derive(Debug)]
pub(super) struct Calling {
    pub(super) plan: Plan,
    /// The number and the branch of the INVITE that was sent last.
    number: u32,
    branch: String,
    /// How many INVITEs were refused because their session interval was too short.
    too_short: u32,
    /// How often it was challenged.
    trials: Trials,
    /// The URIs that redirections led away from.
    pub(super) left: Vec<Uri>,
    /// When its final answer must be there.
    pub(super) budget: Instant,
}

/// What every first INVITE of a session says.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) uri: Uri,
    pub(super) remote: SocketAddr,
    content: Content,
}

impl Session {
    /// Calls a peer: sends the INVITE, whose content should hold the offer.
    pub fn invite(
        local: &Arc<Local>,
        call: Call,
        mut random: Random,
        now: Instant,
        out: &mut Vec<Output>,
    ) -> Self {
        let display = Some(call.display).filter(|name| !name.is_empty());
        let us = Us::begun(local, display, call.call_id, &mut random);
        let way = Way::new(call.peer.policy);
        let mut session = Self::new(local, call.options, random, us, way);
        let plan = Plan {
            uri: call.peer.uri.for_request(),
            remote: call.peer.remote,
            content: call.content,
        };
        let number = 1;
        let branch = session.send_invite(&plan, number, now, out);
        let budget = now + session.options.invite_timeout;
        let calling = Calling {
            plan,
            number,
            branch,
            too_short: 0,
            trials: Trials::default(),
            left: Vec::new(),
            budget,
        };
        session.stage = Stage::Calling(Box::new(calling));
        session
    }

    /// Sends a first INVITE, as a transaction with a branch and a number of its own.
    fn send_invite(
        &mut self,
        plan: &Plan,
        number: u32,
        now: Instant,
        out: &mut Vec<Output>,
    ) -> String {
        let branch = compose::branch(&mut self.random);
        let expires = SessionExpires {
            interval_s: self.options.session_expires_s,
            refresher: Some(Refresher::Uac),
        };
        self.wallet.count_up();
        let named = plan.uri.params.value("transport").and_then(Protocol::named);
        let hop = Flow {
            protocol: Protocol::Udp,
            remote: plan.remote,
        };
        let ready = self.way.ready((named, hop), |protocol| {
            let via = self.local.via(protocol, &branch);
            let headers = self
                .us
                .begin(&via, &format!("<{}>", plan.uri), number, Method::Invite);
            let uri = AnyUri::Sip(plan.uri.clone());
            let mut request = Request {
                method: Method::Invite,
                uri,
                headers,
                body: Vec::new(),
            };
            compose::dress(
                &mut request,
                &self.local,
                &self.options,
                protocol,
                Some(expires),
            );
            self.wallet.put(&mut request);
            plan.content.put(&mut request.headers, &mut request.body);
            request
        });
        let (ids, timing) = ((branch.clone(), number), self.local.timing);
        let transaction = ClientInvite::start(ready.request, ready.flow, ids, timing, now, out);
        self.invites
            .push(OurInvite::new(transaction, true, ready.by_size));
        branch
    }

    /// Sends the first INVITE once more, with the next number.
    pub(super) fn call_again(&mut self, now: Instant, out: &mut Vec<Output>) {
        let Stage::Calling(calling) = &self.stage else {
            return;
        };
        // Beyond every number that was spent on acknowledging provisional answers.
        let early = self.invites.iter().flat_map(|our| &our.early);
        let spent = early.map(|early| early.dialog.number()).max();
        let number = calling.number.max(spent.unwrap_or_default()) + 1;
        let plan = calling.plan.clone();
        let branch = self.send_invite(&plan, number, now, out);
        if let Stage::Calling(calling) = &mut self.stage {
            calling.number = number;
            calling.branch = branch;
        }
    }

    /// Our first INVITE is refused: it is sent again where the answer says how, or else the call
    /// is over.
    pub(super) fn on_first_refused(
        &mut self,
        at: usize,
        response: Response,
        now: Instant,
        out: &mut Vec<Output>,
    ) {
        let branch = self.invites[at].transaction.branch.clone();
        if !self.is_current(&branch) {
            self.confirm_end(true, out);
            return;
        }
        let tries_again = match response.status.code() {
            300..=302 => self.redirect(&response),
            401 | 407 => self.prove(&response),
            422 => self.lengthen_call(&response),
            _ => false,
        };
        if tries_again {
            self.call_again(now, out);
            return;
        }
        self.stage = Stage::Ended { dialog: None };
        out.push(Output::Refused {
            method: Method::Invite,
            response,
        });
    }

    /// Learns how to prove who we are; false where that is in vain.
    fn prove(&mut self, response: &Response) -> bool {
        let Stage::Calling(calling) = &mut self.stage else {
            return false;
        };
        let (trials, random) = (&mut calling.trials, &mut self.random);
        self.wallet.learn(response, trials, random)
    }

    /// Asks for a longer session, a few times.
    fn lengthen_call(&mut self, response: &Response) -> bool {
        let Stage::Calling(calling) = &mut self.stage else {
            return false;
        };
        calling.too_short += 1;
        calling.too_short <= INTERVALS_MAX && self.lengthen(response)
    }

    /// Takes over the shortest interval that a 422 demands (RFC 4028 §7.4); false where that would
    /// change nothing.
    fn lengthen(&mut self, response: &Response) -> bool {
        let options = &mut self.options;
        let demanded = response
            .headers
            .min_se()
            .filter(|least| *least > options.session_expires_s);
        if let Some(least) = demanded {
            options.session_expires_s = least;
            options.min_se_s = least;
        }
        demanded.is_some()
    }

    /// The budget is used up.
    pub(super) fn on_budget(&mut self, now: Instant, out: &mut Vec<Output>) {
        self.fail(Failure::Timeout, now, out);
    }

    /// The call is over. Whoever still answers is acknowledged and sent away.
    pub(super) fn fail(&mut self, failure: Failure, now: Instant, out: &mut Vec<Output>) {
        self.stage = Stage::Ended { dialog: None };
        out.push(Output::Failed {
            method: Method::Invite,
            failure,
        });
        self.give_up(now, out);
    }

    /// Whether the branch is that of the first INVITE that was sent last, and is still wanted.
    pub(super) fn is_current(&self, branch: &str) -> bool {
        match &self.stage {
            Stage::Calling(calling) => calling.branch == branch,
            Stage::Called(_)
            | Stage::Established(_)
            | Stage::Ending { .. }
            | Stage::Ended { .. } => false,
        }
    }
}
