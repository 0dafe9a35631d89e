//! Our first INVITE, until it is answered or given up (RFC 3261 §13.2).

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use rsip::Method;

use super::compose::{self, Attempt, Way};
use super::established::Established;
use super::{LEGS_MAX, Leg, OurInvite, OurRequest, Purpose, Session, Stage};
use crate::random::Random;
use crate::sip::content::Content;
use crate::sip::dialog::{Dialog, Us};
use crate::sip::flow::{Flow, Protocol};
use crate::sip::local::{Call, Local};
use crate::sip::message::{Request, Response};
use crate::sip::name_addr::NameAddr;
use crate::sip::output::{Failure, Output};
use crate::sip::params::Params;
use crate::sip::session_expires::{Refresher, SessionExpires};
use crate::sip::session_timer::SessionTimer;
use crate::sip::transaction::Heard;
use crate::sip::transaction::client::Client;
use crate::sip::transaction::client_invite::ClientInvite;
use crate::sip::uri::{AnyUri, Uri};

/// As many shortest session intervals are tried before a 422 is believed to be final.
const INTERVALS_MAX: u32 = 3;

/// Our first INVITE.
#[derive(Debug)]
pub(super) struct Calling {
    plan: Plan,
    /// The INVITE that was sent last.
    sent: Sent,
    /// How many INVITEs were refused because their session interval was too short.
    too_short: u32,
    /// When its final answer must be there.
    pub(super) budget: Instant,
}

/// What every first INVITE of a session says.
#[derive(Clone, Debug)]
struct Plan {
    uri: Uri,
    remote: SocketAddr,
    content: Content,
}

/// What tells one first INVITE from the others.
#[derive(Debug)]
struct Sent {
    number: u32,
    branch: String,
    attempt: Attempt,
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
        let (call_id, tag) = (random.token(32), random.token(16));
        let mut from = NameAddr {
            display: Some(call.display).filter(|name| !name.is_empty()),
            uri: AnyUri::Sip(local.uri()),
            params: Params::default(),
        };
        from.params.set("tag", Some(tag.clone()));
        let us = Us {
            call_id,
            address: from.to_string(),
            tag,
        };
        let way = Way::new(call.peer.policy);
        let mut session = Self::new(local, call.options, random, us, way);
        let plan = Plan {
            uri: call.peer.uri.for_request(),
            remote: call.peer.remote,
            content: call.content,
        };
        let sent = session.send_invite(&plan, 1, false, now, out);
        let budget = now + session.options.invite_timeout;
        session.stage = Stage::Calling(Box::new(Calling {
            plan,
            sent,
            too_short: 0,
            budget,
        }));
        session
    }

    /// Sends a first INVITE, as a transaction of its own with a number of its own.
    fn send_invite(
        &mut self,
        plan: &Plan,
        number: u32,
        again: bool,
        now: Instant,
        out: &mut Vec<Output>,
    ) -> Sent {
        let branch = compose::branch(&mut self.random);
        let expires = SessionExpires {
            interval_s: self.options.session_expires_s,
            refresher: Some(Refresher::Uac),
        };
        let named = plan.uri.params.value("transport").and_then(Protocol::named);
        let hop = Flow {
            protocol: Protocol::Udp,
            remote: plan.remote,
        };
        let ready = self.way.ready((named, hop), again, |protocol| {
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
            plan.content.put(&mut request.headers, &mut request.body);
            request
        });
        let (ids, timing) = ((branch.clone(), number), self.local.timing);
        let transaction = ClientInvite::start(ready.request, ready.flow, ids, timing, now, out);
        let our = OurInvite {
            transaction,
            first: true,
            cancelled: false,
            legs: Vec::new(),
        };
        self.invites.push(our);
        Sent {
            number,
            branch,
            attempt: ready.attempt,
        }
    }

    /// Sends the first INVITE once more, with the next number.
    fn call_again(&mut self, again: bool, now: Instant, out: &mut Vec<Output>) {
        let Stage::Calling(calling) = &self.stage else {
            return;
        };
        let (plan, number) = (calling.plan.clone(), calling.sent.number + 1);
        let sent = self.send_invite(&plan, number, again, now, out);
        if let Stage::Calling(calling) = &mut self.stage {
            calling.sent = sent;
        }
    }

    /// A response to an INVITE of ours means something to us.
    pub(super) fn on_invite_response(
        &mut self,
        at: usize,
        heard: Heard,
        response: Response,
        now: Instant,
        out: &mut Vec<Output>,
    ) {
        let our = &self.invites[at];
        match heard {
            Heard::Provisional if our.transaction.is_given_up() => self.cancel(at, now, out),
            Heard::Provisional => {
                if our.first {
                    out.push(Output::Progress {
                        status: response.status,
                    });
                }
            }
            Heard::Success => self.on_accepted(at, response, now, out),
            Heard::Refusal if our.first => self.on_first_refused(at, response, now, out),
            Heard::Refusal => {
                let branch = our.transaction.branch.clone();
                self.on_job_response(&branch, heard, response, now, out);
            }
        }
    }

    /// Each 2xx is acknowledged: the first from a place makes or keeps a dialog, the others are
    /// its retransmissions (RFC 3261 §13.2.2.4).
    fn on_accepted(&mut self, at: usize, response: Response, now: Instant, out: &mut Vec<Output>) {
        let our = &self.invites[at];
        let tag = response
            .headers
            .identity()
            .ok()
            .and_then(|identity| identity.to_tag);
        if let Some(leg) = our.legs.iter().find(|leg| leg.tag == tag) {
            out.push(Output::Transmit {
                flow: leg.flow,
                bytes: leg.ack.clone(),
            });
            return;
        }
        if our.legs.len() == LEGS_MAX {
            return;
        }
        let (first, number) = (our.first, our.transaction.number);
        let (branch, reached) = (our.transaction.branch.clone(), our.transaction.flow);
        let dialog = if first {
            let called = our.transaction.request.uri.as_sip();
            let Some(called) = called else { return };
            Dialog::of_caller(
                self.us.clone(),
                (number, called),
                &response.headers,
                reached,
            )
        } else {
            let Some(dialog) = self.dialog_mut() else {
                return;
            };
            dialog.refresh_target(&response.headers);
            dialog.clone()
        };
        let (flow, ack) = self.ack(&dialog, number);
        out.push(Output::Transmit {
            flow,
            bytes: ack.clone(),
        });
        self.invites[at].legs.push(Leg { tag, flow, ack });
        if !first {
            self.on_job_response(&branch, Heard::Success, response, now, out);
        } else if self.is_current(&branch) {
            let timer = SessionTimer::of_answer(&response.headers, None, now);
            let protocol = reached.protocol;
            self.stage =
                Stage::Established(Box::new(Established::new(dialog, timer, &response.headers)));
            out.push(Output::Answered { response, protocol });
        } else {
            // Another was faster, or nobody wants it any more (RFC 3261 §13.2.2.4 and §9.1).
            self.say_bye_late(dialog, now, out);
        }
    }

    fn on_first_refused(
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
        let mut tries_again = response.status.code() == 422;
        if let Stage::Calling(calling) = &mut self.stage {
            calling.too_short += u32::from(tries_again);
            tries_again &= calling.too_short <= INTERVALS_MAX;
        }
        if tries_again && self.lengthen(&response) {
            self.call_again(false, now, out);
            return;
        }
        self.stage = Stage::Ended { dialog: None };
        out.push(Output::Refused {
            method: Method::Invite,
            response,
        });
    }

    /// Takes over the shortest interval that a 422 demands (RFC 4028 §7.4); false where that would
    /// change nothing.
    pub(super) fn lengthen(&mut self, response: &Response) -> bool {
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

    /// An INVITE of ours has no answer, and will have none.
    pub(super) fn on_invite_failed(
        &mut self,
        at: usize,
        failure: Failure,
        now: Instant,
        out: &mut Vec<Output>,
    ) {
        let patience = self.local.timing.patience();
        let OurInvite {
            transaction, first, ..
        } = &mut self.invites[at];
        let branch = transaction.branch.clone();
        let was_given_up = transaction.is_given_up();
        // Should the peer have it after all, a late 2xx is still acknowledged.
        transaction.give_up(now + patience);
        if !*first {
            self.on_job_failed(&branch, failure, now, out);
            return;
        }
        if !self.is_current(&branch) {
            if was_given_up {
                self.invites[at].transaction.abort();
                self.confirm_end(false, out);
            }
            return;
        }
        let Stage::Calling(calling) = &self.stage else {
            return;
        };
        if failure == Failure::Unreachable && self.way.tries_again(calling.sent.attempt) {
            self.call_again(true, now, out);
        } else {
            self.fail(failure, now, out);
        }
    }

    /// The budget is used up: whoever still answers is acknowledged and sent away.
    pub(super) fn on_budget(&mut self, now: Instant, out: &mut Vec<Output>) {
        self.fail(Failure::Timeout, now, out);
    }

    fn fail(&mut self, failure: Failure, now: Instant, out: &mut Vec<Output>) {
        self.stage = Stage::Ended { dialog: None };
        out.push(Output::Failed {
            method: Method::Invite,
            failure,
        });
        self.give_up(now, out);
    }

    /// Gives up every INVITE that has no final answer: CANCEL where the peer works on it, and for
    /// the others once it turns out that a peer does (RFC 3261 §9.1).
    pub(super) fn give_up(&mut self, now: Instant, out: &mut Vec<Output>) {
        let until = now + self.local.timing.patience();
        for at in 0..self.invites.len() {
            let transaction = &mut self.invites[at].transaction;
            if transaction.is_waiting() {
                transaction.give_up(until);
                self.cancel(at, now, out);
            }
        }
    }

    /// Sends CANCEL, once, if the peer works on the INVITE.
    pub(super) fn cancel(&mut self, at: usize, now: Instant, out: &mut Vec<Output>) {
        let timing = self.local.timing;
        let our = &mut self.invites[at];
        if our.cancelled || !our.transaction.is_proceeding() {
            return;
        }
        our.cancelled = true;
        our.transaction.give_up(now + timing.patience());
        let (branch, flow) = (our.transaction.branch.clone(), our.transaction.flow);
        let bytes = our.transaction.cancel().write();
        let client = Client::start(bytes, branch, flow, timing, now, out);
        self.clients.push(OurRequest {
            client,
            purpose: Purpose::Cancel,
        });
    }

    /// Whether the branch is that of the first INVITE that was sent last, and is still wanted.
    fn is_current(&self, branch: &str) -> bool {
        match &self.stage {
            Stage::Calling(calling) => calling.sent.branch == branch,
            Stage::Called(_)
            | Stage::Established(_)
            | Stage::Ending { .. }
            | Stage::Ended { .. } => false,
        }
    }

    /// The dialog, for as long as it is remembered.
    fn dialog_mut(&mut self) -> Option<&mut Dialog> {
        match &mut self.stage {
            Stage::Established(established) => Some(&mut established.dialog),
            Stage::Ending { dialog, .. } | Stage::Ended { dialog } => dialog.as_mut(),
            Stage::Calling(_) | Stage::Called(_) => None,
        }
    }
}
