//! The peer's requests: within the dialog, and whatever else carries our Call-ID.

use std::time::Instant;

use rsip::{Method, StatusCode};

use super::{Session, Stage, TheirInvite};
use crate::sip::answer::{answer, not_understood};
use crate::sip::content::{self, Content};
use crate::sip::flow::Flow;
use crate::sip::headers::{Headers, Identity};
use crate::sip::message::{Request, Response};
use crate::sip::output::{End, Output, RequestId};
use crate::sip::session_timer::{self, SessionTimer};
use crate::sip::stateless;
use crate::sip::transaction::Key;
use crate::sip::transaction::server::Server;
use crate::sip::transaction::server_invite::{ServerEvent, ServerInvite};

/// A request of theirs that waits for our user's answer.
#[derive(Clone, Debug)]
pub(super) struct Offer {
    pub(super) id: RequestId,
    method: Method,
    pub(super) headers: Headers,
    pub(super) source: Flow,
    key: Key,
    /// Whether its body can hold a session description; an INVITE asks for one otherwise.
    pub(super) carries_sdp: bool,
}

impl Session {
    /// Answers what was offered. Nothing happens where that was withdrawn or answered already, and
    /// an UPDATE has no provisional answers.
    pub fn respond(
        &mut self,
        id: RequestId,
        status: StatusCode,
        content: Content,
        now: Instant,
        out: &mut Vec<Output>,
    ) {
        match &self.stage {
            Stage::Called(called) if called.offer.id == id => {
                self.respond_to_call(status, &content, now, out);
            }
            Stage::Established(_) => self.respond_in_dialog(id, status, &content, now, out),
            Stage::Calling(_) | Stage::Called(_) | Stage::Ending { .. } | Stage::Ended { .. } => {}
        }
        self.sweep();
    }

    fn respond_in_dialog(
        &mut self,
        id: RequestId,
        status: StatusCode,
        content: &Content,
        now: Instant,
        out: &mut Vec<Output>,
    ) {
        let Stage::Established(established) = &mut self.stage else {
            return;
        };
        let code = status.code();
        let Some(at) = established.offers.iter().position(|offer| offer.id == id) else {
            return;
        };
        if code < 200 && established.offers[at].method != Method::Invite {
            return;
        }
        let offer = match code {
            ..200 => established.offers[at].clone(),
            200.. => established.offers.remove(at),
        };
        let mut response = answer(
            &offer.headers,
            offer.source.remote,
            status,
            Some(&self.us.tag),
        );
        if (200..300).contains(&code) {
            self.accept_refresh(&offer.headers, &mut response, now);
        }
        content.put(&mut response.headers, &mut response.body);
        self.answer_offer(&offer, response, now, out);
        self.pump(now, out);
    }

    /// What every accepted INVITE or UPDATE changes: the remote target and the session timer.
    fn accept_refresh(&mut self, request: &Headers, response: &mut Response, now: Instant) {
        let Stage::Established(established) = &mut self.stage else {
            return;
        };
        established.dialog.refresh_target(request);
        established.note_abilities(request);
        let (told, timer) = SessionTimer::of_request(request, established.timer, now).unzip();
        established.timer = timer;
        let protocol = established.dialog.protocol();
        self.welcome(&mut response.headers, protocol, told);
    }

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
            their.transaction.on_retransmission(out);
        } else if let Some(server) = self.servers.iter_mut().find(|server| server.key == key) {
            server.handle(out);
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
        if !not_understood(&request.headers).is_empty() {
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

    /// An INVITE or UPDATE: our user answers it, unless it must not be answered now, or is nothing
    /// but a refresh.
    fn on_offer(
        &mut self,
        request: Request,
        identity: &Identity,
        flow: Flow,
        now: Instant,
        out: &mut Vec<Output>,
    ) {
        if let Err(status) = self.check_offer(&request) {
            self.refuse(&request, flow, status, now, out);
        } else if request.method == Method::Update && request.body.is_empty() {
            let mut response = self.answer(&request, flow, StatusCode::OK);
            self.accept_refresh(&request.headers, &mut response, now);
            self.reply(&request, flow, response, now, out);
        } else {
            let offer = self.open_offer(&request, identity, flow, now);
            let id = offer.id;
            if let Stage::Established(established) = &mut self.stage {
                established.offers.push(offer);
            }
            out.push(Output::Offered { id, request });
        }
    }

    /// Whether an INVITE or UPDATE may be answered now (RFC 3261 §14.2, RFC 3311 §5.2).
    fn check_offer(&self, request: &Request) -> Result<(), StatusCode> {
        session_timer::check(&request.headers, self.options.min_se_s)
            .map_err(|_| StatusCode::SessionIntervalTooSmall)?;
        let Stage::Established(established) = &self.stage else {
            return Err(StatusCode::CallTransactionDoesNotExist);
        };
        let carries_sdp = carries_sdp(request);
        let theirs = established.offers.iter();
        let same_method = theirs.clone().any(|offer| offer.method == request.method);
        let unacknowledged = |their: &TheirInvite| their.transaction.is_unacknowledged();
        let open = theirs
            .clone()
            .any(|offer| offer.carries_sdp || offer.method == Method::Invite)
            || self.server_invites.iter().any(unacknowledged);
        let is_offer = request.method == Method::Invite || carries_sdp;
        if same_method || is_offer && open {
            return Err(StatusCode::ServerInternalError);
        }
        if is_offer && established.jobs.collide() {
            return Err(StatusCode::RequestPending);
        }
        Ok(())
    }

    /// Begins the transaction of a request that waits for our user's answer.
    pub(super) fn open_offer(
        &mut self,
        request: &Request,
        identity: &Identity,
        source: Flow,
        now: Instant,
    ) -> Offer {
        let id = RequestId(self.offered);
        self.offered += 1;
        let key = Key::of(identity);
        let reply = identity.via.reply_flow(source);
        if request.method == Method::Invite {
            let trying = answer(&request.headers, source.remote, StatusCode::Trying, None).write();
            let ids = (key.clone(), identity.cseq.number);
            let transaction = ServerInvite::start(ids, reply, trying, self.local.timing, now);
            self.server_invites.push(TheirInvite { transaction, id });
        } else {
            self.servers.push(Server::start(key.clone(), reply));
        }
        Offer {
            id,
            method: request.method,
            headers: request.headers.clone(),
            source,
            key,
            carries_sdp: carries_sdp(request),
        }
    }

    /// Sends a response to a request that waits for one.
    pub(super) fn answer_offer(
        &mut self,
        offer: &Offer,
        mut response: Response,
        now: Instant,
        out: &mut Vec<Output>,
    ) {
        response.headers.push("Server", &self.local.agent);
        let (code, bytes) = (response.status.code(), response.write());
        let same = |their: &&mut TheirInvite| their.transaction.key == offer.key;
        if let Some(their) = self.server_invites.iter_mut().find(same) {
            their.transaction.respond(code, bytes, now, out);
        } else if let Some(server) = self.servers.iter_mut().find(|s| s.key == offer.key) {
            server.respond(bytes, &self.local.timing, now, out);
        }
    }

    /// Refuses a request that waits for an answer.
    pub(super) fn refuse_offer(
        &mut self,
        offer: &Offer,
        status: StatusCode,
        now: Instant,
        out: &mut Vec<Output>,
    ) {
        let response = answer(
            &offer.headers,
            offer.source.remote,
            status,
            Some(&self.us.tag),
        );
        self.answer_offer(offer, response, now, out);
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

    fn answer(&self, request: &Request, flow: Flow, status: StatusCode) -> Response {
        answer(&request.headers, flow.remote, status, Some(&self.us.tag))
    }

    /// Sends the final response to a request that is new.
    fn reply(
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

fn carries_sdp(request: &Request) -> bool {
    let content_type = request.headers.get("Content-Type").unwrap_or_default();
    !request.body.is_empty() && content::may_be_sdp(content_type)
}
