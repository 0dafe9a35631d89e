//! What becomes of our INVITEs: of the first, and of those within the dialog.

use std::time::Instant;

use super::established::Established;
use super::transactions::{LEGS_MAX, Leg, OurInvite, OurRequest, Purpose};
use super::{Session, Stage};
use crate::sip::dialog::Dialog;
use crate::sip::message::Response;
use crate::sip::output::{Failure, Output};
use crate::sip::session_timer::SessionTimer;
use crate::sip::transaction::Heard;
use crate::sip::transaction::client::Client;

impl Session {
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
            Heard::Provisional if !our.first => self.on_provisional(at, &response, now, out),
            Heard::Provisional if our.transaction.is_given_up() => self.cancel(at, now, out),
            Heard::Provisional => {
                self.on_provisional(at, &response, now, out);
                let status = response.status;
                out.push(Output::Progress { status });
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
    fn on_accepted(
        &mut self,
        at: usize,
        mut response: Response,
        now: Instant,
        out: &mut Vec<Output>,
    ) {
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
        let (first, branch) = (our.first, our.transaction.branch.clone());
        let reached = our.transaction.flow;
        let Some(dialog) = self.accepted_dialog(at, &tag, &mut response) else {
            return;
        };
        let (flow, ack) = self.ack(&dialog, at);
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

    /// The dialog that a 2xx makes or goes on with; what it lacks that came early is put in.
    fn accepted_dialog(
        &mut self,
        at: usize,
        tag: &Option<String>,
        response: &mut Response,
    ) -> Option<Dialog> {
        let our = &self.invites[at];
        if !our.first {
            let dialog = self.dialog_mut()?;
            dialog.refresh_target(&response.headers);
            return Some(dialog.clone());
        }
        let (invite, reached) = (&our.transaction.request, our.transaction.flow);
        let ids = (our.transaction.number, invite.uri.as_sip()?);
        let mut dialog = Dialog::of_caller(self.us.clone(), ids, &response.headers, reached);
        if let Some(early) = our.early.iter().find(|early| early.tag == *tag) {
            dialog.follow(&early.dialog);
            early.complete(response);
        }
        Some(dialog)
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
            transaction,
            first,
            by_size,
            ..
        } = &mut self.invites[at];
        let (branch, first) = (transaction.branch.clone(), *first);
        let falls_back = failure == Failure::Unreachable && *by_size;
        if transaction.is_given_up() {
            transaction.abort();
        } else {
            // Should the peer have it after all, a late 2xx is still acknowledged.
            transaction.give_up(now + patience);
        }
        if falls_back {
            self.way.fall_back();
        }
        if !first {
            self.on_job_failed(&branch, failure, falls_back, now, out);
        } else if !self.is_current(&branch) {
            self.confirm_end(false, out);
        } else if falls_back {
            self.call_again(now, out);
        } else {
            self.fail(failure, now, out);
        }
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
            by_size: false,
        });
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
