//! The peer's first INVITE, until it is answered (RFC 3261 §13.3).

use std::sync::Arc;
use std::time::Instant;

use rsip::StatusCode;

use super::compose::Way;
use super::established::Established;
use super::offers::Offer;
use super::{Session, Stage};
use crate::random::Random;
use crate::sip::answer::{answer, not_understood};
use crate::sip::content::Content;
use crate::sip::dialog::{Dialog, Us};
use crate::sip::flow::{Flow, TransportPolicy};
use crate::sip::headers::Identity;
use crate::sip::local::{Local, Options};
use crate::sip::message::Request;
use crate::sip::output::{End, Output};
use crate::sip::session_timer::{self, SessionTimer};

/// Their first INVITE.
#[derive(Debug)]
pub(super) struct Called {
    pub(super) offer: Offer,
}

impl Session {
    /// Is called: takes an INVITE that came by `flow`, has no To tag and belongs to no session. Its
    /// user is offered it, or learns at once that the session ended because the INVITE was wrong.
    pub fn incoming(
        local: &Arc<Local>,
        options: Options,
        (flow, invite): (Flow, Request),
        mut random: Random,
        now: Instant,
        out: &mut Vec<Output>,
    ) -> Self {
        let tag = random.token(16);
        let to = invite.headers.get("To").unwrap_or_default();
        let us = Us {
            call_id: invite.headers.get("Call-ID").unwrap_or_default().to_owned(),
            address: format!("{to};tag={tag}"),
            tag,
        };
        let way = Way::new(TransportPolicy::Auto);
        let mut session = Self::new(local, options, random, us, way);
        session.caller = false;
        match session.check_call(&invite, flow) {
            Ok(identity) => {
                let offer = session.open_offer(&invite, &identity, flow, now);
                let id = offer.id;
                session.stage = Stage::Called(Box::new(Called { offer }));
                out.push(Output::Offered {
                    id,
                    request: invite,
                });
            }
            Err(status) => {
                session.refuse(&invite, flow, status.clone(), now, out);
                session.leave(End::Invalid { status }, now, out);
            }
        }
        session
    }

    /// Whether the INVITE can make a dialog (RFC 3261 §8.2 and §12.1.1).
    fn check_call(&self, invite: &Request, flow: Flow) -> Result<Identity, StatusCode> {
        let identity = invite
            .headers
            .identity()
            .map_err(|_| StatusCode::BadRequest)?;
        if invite.method != rsip::Method::Invite || identity.to_tag.is_some() {
            return Err(StatusCode::CallTransactionDoesNotExist);
        }
        if !not_understood(&invite.headers).is_empty() {
            return Err(StatusCode::BadExtension);
        }
        session_timer::check(&invite.headers, self.options.min_se_s)
            .map_err(|_| StatusCode::SessionIntervalTooSmall)?;
        let dialog = Dialog::of_called(self.us.clone(), &invite.headers, flow);
        dialog.map(|_| identity).map_err(|_| StatusCode::BadRequest)
    }

    /// Answers the first INVITE as its user wants.
    pub(super) fn respond_to_call(
        &mut self,
        status: StatusCode,
        content: &Content,
        now: Instant,
        out: &mut Vec<Output>,
    ) {
        let Stage::Called(called) = &self.stage else {
            return;
        };
        let offer = called.offer.clone();
        let (code, protocol) = (status.code(), offer.source.protocol);
        let mut response = answer(
            &offer.headers,
            offer.source.remote,
            status,
            Some(&self.us.tag),
        );
        if code < 300 {
            // RFC 3261 §12.1.1: the way back is the way that the INVITE came.
            for route in offer.headers.all("Record-Route") {
                response.headers.push("Record-Route", route);
            }
        }
        let mut expires = None;
        if (200..300).contains(&code) {
            let dialog = Dialog::of_called(self.us.clone(), &offer.headers, offer.source);
            let dialog = dialog.expect("it was checked when the INVITE came");
            let (told, timer) = SessionTimer::of_request(&offer.headers, None, now).unzip();
            let mut established = Established::new(dialog, timer, &offer.headers);
            established.unconfirmed = true;
            self.stage = Stage::Established(Box::new(established));
            expires = told;
        }
        if code < 300 {
            self.welcome(&mut response.headers, (&offer.headers, protocol), expires);
        }
        content.put(&mut response.headers, &mut response.body);
        self.answer_offer(&offer, response, now, out);
        if code >= 300 {
            self.leave(End::Local { confirmed: true }, now, out);
        }
    }

    /// Refuses the first INVITE, if it is not answered yet.
    pub(super) fn refuse_call(&mut self, status: StatusCode, now: Instant, out: &mut Vec<Output>) {
        if let Stage::Called(called) = &self.stage {
            let offer = called.offer.clone();
            self.refuse_offer(&offer, status, now, out);
        }
    }
}
