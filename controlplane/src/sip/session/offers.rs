//! INVITE and UPDATE of the peer within the dialog, and what our user answers.

use std::time::Instant;

use rsip::{Method, StatusCode};

use super::transactions::TheirInvite;
use super::{Session, Stage};
use crate::sip::answer::answer;
use crate::sip::content::{self, Content};
use crate::sip::flow::Flow;
use crate::sip::headers::{Headers, Identity};
use crate::sip::message::{Request, Response};
use crate::sip::output::{Output, RequestId};
use crate::sip::session_timer::{self, SessionTimer};
use crate::sip::transaction::server::Server;
use crate::sip::transaction::server_invite::ServerInvite;
use crate::sip::transaction::{Key, Reply};

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
        self.welcome(&mut response.headers, (request, protocol), told);
    }

    /// An INVITE or UPDATE: our user answers it, unless it must not be answered now, or is nothing
    /// but a refresh.
    pub(super) fn on_offer(
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
        let reply = Reply::new(&identity.via, source);
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
}

fn carries_sdp(request: &Request) -> bool {
    let content_type = request.headers.get("Content-Type").unwrap_or_default();
    !request.body.is_empty() && content::may_be_sdp(content_type)
}
