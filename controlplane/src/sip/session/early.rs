//! Provisional answers to our INVITEs, and the acknowledgement of those that want it (RFC 3262).

use std::time::Instant;

use rsip::Method;

use super::compose;
use super::transactions::{LEGS_MAX, OurRequest, Purpose};
use super::{Session, Stage};
use crate::sip::content;
use crate::sip::dialog::Dialog;
use crate::sip::digest::Trials;
use crate::sip::message::Response;
use crate::sip::output::Output;
use crate::sip::transaction::client::Client;

/// Somebody who works on an INVITE of ours.
#[derive(Clone, Debug)]
pub(super) struct Early {
    pub(super) tag: Option<String>,
    /// Early itself for a first INVITE; a copy of the session's for a re-INVITE.
    pub(super) dialog: Dialog,
    /// The number of the provisional answer that was acknowledged last.
    acknowledged: Option<u32>,
    /// An answer to our offer that came already: its type and its bytes.
    answer: Option<(String, Vec<u8>)>,
}

/// The acknowledgement of a provisional answer, and all that it takes to send it again.
#[derive(Clone, Debug)]
pub(super) struct Prack {
    /// The branch of the INVITE that was answered.
    branch: String,
    tag: Option<String>,
    /// What RAck says: the number of the answer, and the CSeq of the INVITE (RFC 3262 §7.2).
    rack: String,
    trials: Trials,
}

impl Early {
    /// Puts the answer to our offer into a 2xx that has none: a reliable provisional answer held
    /// it (RFC 3262 §5). One that was not reliable counts too, because some recorders leave it at
    /// that.
    pub(super) fn complete(&self, response: &mut Response) {
        if let Some((content_type, bytes)) = &self.answer
            && response.body.is_empty()
        {
            response.headers.push("Content-Type", content_type);
            response.body.clone_from(bytes);
        }
    }
}

impl Session {
    /// A provisional answer to the INVITE `at` that place.
    pub(super) fn on_provisional(
        &mut self,
        at: usize,
        response: &Response,
        now: Instant,
        out: &mut Vec<Output>,
    ) {
        let identity = response.headers.identity().ok();
        let tag = identity.and_then(|identity| identity.to_tag);
        // 100 is of the next hop alone, and never reliable (RFC 3262 §3).
        if response.status.code() == 100 || tag.is_none() {
            return;
        }
        let Some(place) = self.early(at, tag.clone(), response) else {
            return;
        };
        let our = &mut self.invites[at];
        let early = &mut our.early[place];
        let content_type = response.headers.get("Content-Type").unwrap_or_default();
        if !response.body.is_empty() && content::may_be_sdp(content_type) {
            early.answer = Some((content_type.to_owned(), response.body.clone()));
        }
        let Some(number) = response.headers.reliable() else {
            return;
        };
        // RFC 3262 §4: each once, and in order.
        let in_order = early.acknowledged.is_none_or(|last| number == last + 1);
        if in_order {
            early.acknowledged = Some(number);
            let rack = format!("{number} {} INVITE", our.transaction.number);
            let branch = our.transaction.branch.clone();
            let prack = Prack {
                branch,
                tag,
                rack,
                trials: Trials::default(),
            };
            self.send_prack(prack, now, out);
        }
    }

    /// The place of whoever answered, which is made where there is none yet.
    fn early(&mut self, at: usize, tag: Option<String>, response: &Response) -> Option<usize> {
        let our = &self.invites[at];
        if let Some(place) = our.early.iter().position(|early| early.tag == tag) {
            return Some(place);
        }
        if our.early.len() == LEGS_MAX {
            return None;
        }
        let dialog = if our.first {
            let ids = (
                our.transaction.number,
                our.transaction.request.uri.as_sip()?,
            );
            let reached = our.transaction.flow;
            Dialog::of_caller(self.us.clone(), ids, &response.headers, reached)
        } else {
            match &self.stage {
                Stage::Established(established) => established.dialog.clone(),
                Stage::Calling(_)
                | Stage::Called(_)
                | Stage::Ending { .. }
                | Stage::Ended { .. } => return None,
            }
        };
        let early = &mut self.invites[at].early;
        early.push(Early {
            tag,
            dialog,
            acknowledged: None,
            answer: None,
        });
        Some(early.len() - 1)
    }

    /// Sends PRACK within the dialog that the answer belongs to.
    pub(super) fn send_prack(&mut self, prack: Prack, now: Instant, out: &mut Vec<Output>) {
        let Some(dialog) = self.dialog_of(&prack) else {
            return;
        };
        let number = dialog.next_number();
        let dialog = dialog.clone();
        let branch = compose::branch(&mut self.random);
        self.wallet.count_up();
        let ready = self.way.ready(dialog.next_hop(), |protocol| {
            let via = self.local.via(protocol, &branch);
            let mut request = dialog.request(Method::PRack, number, &via);
            request.headers.push("RAck", &prack.rack);
            request.headers.push("User-Agent", &self.local.agent);
            self.wallet.put(&mut request);
            request
        });
        let bytes = ready.request.write();
        let client = Client::start(bytes, branch, ready.flow, self.local.timing, now, out);
        self.clients.push(OurRequest {
            client,
            purpose: Purpose::Prack(Box::new(prack)),
            by_size: ready.by_size,
        });
    }

    /// PRACK is refused: it is sent again if that can help. Otherwise the INVITE's own answer says
    /// what becomes of it.
    pub(super) fn on_prack_refused(
        &mut self,
        mut prack: Prack,
        response: &Response,
        now: Instant,
        out: &mut Vec<Output>,
    ) {
        let trials = &mut prack.trials;
        if self.wallet.learn(response, trials, &mut self.random) {
            self.send_prack(prack, now, out);
        }
    }

    /// The session's dialog, once there is one with that peer, and before that the early one.
    fn dialog_of(&mut self, prack: &Prack) -> Option<&mut Dialog> {
        if let Stage::Established(established) = &mut self.stage
            && established.dialog.is_with(prack.tag.as_deref())
        {
            return Some(&mut established.dialog);
        }
        let mut invites = self.invites.iter_mut();
        let our = invites.find(|our| our.transaction.branch == prack.branch)?;
        let mut early = our.early.iter_mut();
        let found = early.find(|early| early.tag == prack.tag)?;
        Some(&mut found.dialog)
    }
}
