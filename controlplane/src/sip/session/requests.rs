//! The peer's requests: within the dialog, and whatever else carries our Call-ID.

use std::time::Instant;

use rsip::{Method, StatusCode};

use super::transactions::TheirInvite;
use super::{Session, Stage};
use crate::sip::answer::{answer, not_understood_within};
use crate::sip::flow::Flow;
use crate::sip::headers::Identity;
use crate::sip::message::{Request, Response};
use crate::sip::output::{End, Output};
use crate::sip::stateless;
use crate::sip::transaction::server_invite::ServerEvent;
use crate::sip::transaction::{Key, Reply};

impl Session {
    /// A request has come.
    pub(super) fn on_request(
        &mut self,
        request: Request,
        flow: Flow,
        now: Instant,
        out: &mut Vec<Output>,
    ) {
        let Ok(identity) = request.headers.identity() else {
            return;
        };
        let key = Key::of(&identity);
        let same_invite = |their: &&mut TheirInvite| their.transaction.key == key;
        if request.method == Method::Ack {
            self.on_ack(request, &identity, now, out);
        } else if let Some(their) = self.server_invites.iter_mut().find(same_invite) {
            their
                .transaction
                .on_retransmission(Reply::new(&identity.via, flow), out);
        } else if let Some(server) = self.servers.iter_mut().find(|server| server.key == key) {
            server.handle(Reply::new(&identity.via, flow), out);
        } else if request.method == Method::Cancel {
            self.on_cancel(&request, &identity, flow, now, out);
        } else if let Err(status) = self.admit(&request, &identity) {
            self.refuse(&request, flow, status, now, out);
        } else {
            self.on_admitted(request, &identity, flow, now, out);
        }
    }

    /// Whether the request belongs here, and may be looked at more closely.
    fn admit(&mut self, request: &Request, identity: &Identity) -> Result<(), StatusCode> {
        let gone = StatusCode::CallTransactionDoesNotExist;
        match &mut self.stage {
            // RFC 3261 §8.2.2.2: the same INVITE has come another way.
            _ if identity.to_tag.is_none() && request.method == Method::Invite => {
                return Err(StatusCode::LoopDetected);
            }
            Stage::Established(established) if established.dialog.is_of(identity) => {
                if !established.dialog.take_number(identity.cseq.number) {
                    return Err(StatusCode::ServerInternalError);
                }
            }
            // The calling side may end an early dialog (RFC 3261 §15).
            Stage::Called(_) if request.method == Method::Bye => {
                if identity.to_tag.as_ref() != Some(&self.us.tag) {
                    return Err(gone);
                }
            }
            // BYE has crossed ours.
            Stage::Ending {
                dialog: Some(dialog),
                ..
            }
            | Stage::Ended {
                dialog: Some(dialog),
            } if dialog.is_of(identity) && request.method == Method::Bye => {}
            Stage::Calling(_)
            | Stage::Called(_)
            | Stage::Established(_)
            | Stage::Ending { .. }
            | Stage::Ended { .. } => return Err(gone),
        }
        if !not_understood_within(&request.headers).is_empty() {
            return Err(StatusCode::BadExtension);
        }
        Ok(())
    }

    fn on_admitted(
        &mut self,
        request: Request,
        identity: &Identity,
        flow: Flow,
        now: Instant,
        out: &mut Vec<Output>,
    ) {
        match request.method {
            Method::Bye => self.on_bye(&request, flow, now, out),
            Method::Options => {
                let response = self.answer(&request, flow, StatusCode::OK);
                let response = stateless::describe(&self.local, response);
                self.reply(&request, flow, response, now, out);
            }
            Method::Invite | Method::Update => self.on_offer(request, identity, flow, now, out),
            Method::Ack
            | Method::Cancel
            | Method::Info
            | Method::Message
            | Method::Notify
            | Method::PRack
            | Method::Publish
            | Method::Refer
            | Method::Register
            | Method::Subscribe => {
                self.refuse(&request, flow, StatusCode::MethodNotAllowed, now, out);
            }
        }
    }

    fn on_bye(&mut self, request: &Request, flow: Flow, now: Instant, out: &mut Vec<Output>) {
        let response = self.answer(request, flow, StatusCode::OK);
        self.reply(request, flow, response, now, out);
        self.on_peer_end(request, now, out);
    }

    /// BYE, or CANCEL of the first INVITE.
    fn on_peer_end(&mut self, request: &Request, now: Instant, out: &mut Vec<Output>) {
        let reason = request.headers.get("Reason").map(str::to_owned);
        match self.stage {
            Stage::Called(_) | Stage::Established(_) => {
                self.refuse_call(StatusCode::RequestTerminated, now, out);
                self.leave(End::Peer { reason }, now, out);
            }
            Stage::Ending { .. } => self.confirm_end(true, out),
            Stage::Calling(_) | Stage::Ended { .. } => {}
        }
    }

    fn on_cancel(
        &mut self,
        request: &Request,
        identity: &Identity,
        flow: Flow,
        now: Instant,
        out: &mut Vec<Output>,
    ) {
        let key = Key::of_invite(identity);
        let found = self
            .server_invites
            .iter()
            .find(|their| their.transaction.key == key);
        let Some(their) = found else {
            let status = StatusCode::CallTransactionDoesNotExist;
            self.refuse(request, flow, status, now, out);
            return;
        };
        let (id, is_waiting) = (their.id, their.transaction.is_waiting());
        let response = self.answer(request, flow, StatusCode::OK);
        self.reply(request, flow, response, now, out);
        // RFC 3261 §9.2: CANCEL does nothing to what is answered.
        if !is_waiting {
            return;
        }
        let Stage::Established(established) = &mut self.stage else {
            self.on_peer_end(request, now, out);
            return;
        };
        if let Some(at) = established.offers.iter().position(|offer| offer.id == id) {
            let offer = established.offers.remove(at);
            self.refuse_offer(&offer, StatusCode::RequestTerminated, now, out);
            out.push(Output::Withdrawn { id });
            self.pump(now, out);
        }
    }

    fn on_ack(&mut self, ack: Request, identity: &Identity, now: Instant, out: &mut Vec<Output>) {
        let key = Key::of_invite(identity);
        // The ACK of a 2xx has a branch of its own, and the INVITE's number.
        let found = self.server_invites.iter_mut().find(|their| {
            let transaction = &their.transaction;
            transaction.key == key
                || transaction.is_unacknowledged() && transaction.number == identity.cseq.number
        });
        let Some(TheirInvite { transaction, id }) = found else {
            return;
        };
        if transaction.on_ack(now) == Some(ServerEvent::Acknowledged) {
            out.push(Output::Acknowledged { id: *id, ack });
            let Stage::Established(established) = &mut self.stage else {
                return;
            };
            established.unconfirmed = false;
            match established.farewell.take() {
                Some(farewell) => self.say_bye(farewell, None, now, out),
                None => self.pump(now, out),
            }
        }
    }

    /// Our 2xx was not acknowledged in time (RFC 3261 §13.3.1.4 and §14.2).
    pub(super) fn on_unacknowledged(&mut self, now: Instant, out: &mut Vec<Output>) {
        let Stage::Established(established) = &mut self.stage else {
            return;
        };
        let farewell = established.farewell.take();
        let told = farewell.is_none().then_some(End::Unacknowledged);
        self.say_bye(farewell.unwrap_or_default(), told, now, out);
    }

    /// Refuses a request without asking our user.
    pub(super) fn refuse(
        &mut self,
        request: &Request,
        flow: Flow,
        status: StatusCode,
        now: Instant,
        out: &mut Vec<Output>,
    ) {
        let code = status.code();
        let mut response = self.answer(request, flow, status);
        match code {
            405 => response = stateless::allow(response),
            420 => response = stateless::refuse_extensions(&request.headers, response),
            422 => response
                .headers
                .push("Min-SE", &self.options.min_se_s.to_string()),
            // RFC 3261 §14.2: come again within ten seconds.
            500 => {
                let after = self.random.below(11);
                response.headers.push("Retry-After", &after.to_string());
            }
            _ => {}
        }
        self.reply(request, flow, response, now, out);
    }

    /// An answer of ours to a request that came by `flow`.
    pub(super) fn answer(&self, request: &Request, flow: Flow, status: StatusCode) -> Response {
        answer(&request.headers, flow.remote, status, Some(&self.us.tag))
    }

    /// Sends the final response to a request that is new.
    pub(super) fn reply(
        &mut self,
        request: &Request,
        flow: Flow,
        response: Response,
        now: Instant,
        out: &mut Vec<Output>,
    ) {
        let Ok(identity) = request.headers.identity() else {
            return;
        };
        let offer = self.open_offer(request, &identity, flow, now);
        self.answer_offer(&offer, response, now, out);
    }
}
