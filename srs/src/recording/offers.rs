//! Offers in mid-call: theirs and ours (RFC 3264 §8).

use rsip::Method;
use sixreel_controlplane::metadata::{CallInfo, Contents};
use sixreel_controlplane::sdp::{Codec, Description, Local};
use sixreel_controlplane::sip::content::{Body, Content};
use sixreel_controlplane::sip::message::{Request, Response};
use sixreel_controlplane::sip::output::RequestId;

use super::answering::warning;
use super::{Active, Context, Recording, Stage, caller};
use crate::agreement::{Agreement, direction, pick};
use crate::behaviour::Wish;
use crate::event::Event;

/// What we offered and they did not answer yet.
#[derive(Debug)]
pub(super) enum Offered {
    /// In a re-INVITE, which is on its way or waits for its turn.
    InRequest(Agreement),
    /// In the 2xx to an INVITE of theirs without an offer.
    InAnswer(Agreement),
}

impl Recording {
    /// The client offers something, or tells something, or both.
    pub(super) fn on_offer(&mut self, id: RequestId, request: &Request, context: &mut Context<'_>) {
        let info = caller::call_info(request);
        if info != CallInfo::default() && info != self.caller.info {
            self.caller.info = info;
            self.tell_facts(context);
        }
        self.take_metadata(request, context);
        let Stage::Active(active) = &mut self.stage else {
            return;
        };
        let content_type = request.headers.get("Content-Type");
        let offer = Contents::parse(content_type, &request.body).sdp;
        match offer.map(Description::parse) {
            Some(Ok(offer)) => self.answer_offer(id, &offer, context),
            Some(Err(error)) => self.refuse_offer(id, (400, error.to_string()), context),
            None if request.method == Method::Invite => {
                let next = active.agreement.offering(active.agreement.wish());
                let content = sdp(next.description());
                active.offered = Some(Offered::InAnswer(next));
                self.respond(id, 200, content, context);
            }
            None => self.respond(id, 200, Content::default(), context),
        }
    }

    /// The client acknowledges a 2xx, and answers the offer in it.
    pub(super) fn on_ack(&mut self, ack: &Request, context: &mut Context<'_>) {
        let Stage::Active(active) = &mut self.stage else {
            return;
        };
        match active.offered.take() {
            Some(Offered::InAnswer(offered)) => {
                let content_type = ack.headers.get("Content-Type");
                self.on_answer(offered, (content_type, &ack.body), context);
            }
            other => active.offered = other,
        }
    }

    /// The client accepts a request of ours.
    pub(super) fn on_accepted(
        &mut self,
        method: Method,
        response: &Response,
        context: &mut Context<'_>,
    ) {
        if method == Method::Update {
            self.caller.tell(Event::SnapshotRequested, context.out);
        } else if let Some(offered) = self.take_request() {
            let content_type = response.headers.get("Content-Type");
            self.on_answer(offered, (content_type, &response.body), context);
        }
    }

    /// The client does not accept a request of ours: all stays as it was (RFC 6141 §3.4).
    pub(super) fn on_refused(&mut self, method: Method, why: String, context: &mut Context<'_>) {
        let method = if method == Method::Update {
            "UPDATE"
        } else {
            self.take_request();
            "re-INVITE"
        };
        let event = Event::RequestFailed { method, why };
        self.caller.tell(event, context.out);
    }

    /// The session wants to be refreshed by a re-INVITE with an unchanged offer.
    pub(super) fn refresh(&mut self, context: &mut Context<'_>) {
        if let Stage::Active(active) = &self.stage
            && active.offered.is_none()
        {
            let wish = active.agreement.wish();
            self.propose(wish, context);
        }
    }

    /// Asks for the stream, or for a pause.
    pub(super) fn propose(&mut self, wish: Wish, context: &mut Context<'_>) {
        let Stage::Active(active) = &mut self.stage else {
            return;
        };
        let next = active.agreement.offering(wish);
        let content = sdp(next.description());
        active.offered = Some(Offered::InRequest(next));
        self.act(
            |session, now, told| session.reinvite(content, now, told),
            context,
        );
    }

    fn answer_offer(&mut self, id: RequestId, offer: &Description, context: &mut Context<'_>) {
        let Stage::Active(active) = &self.stage else {
            return;
        };
        let ours = Local {
            codecs: pick(&active.manner, offer),
            direction: direction(active.agreement.wish()),
            ..active.agreement.ours().clone()
        };
        // An offer of ours that was refused for now, or never sent yet, has taken its version.
        let latest = match &active.offered {
            Some(Offered::InRequest(offered) | Offered::InAnswer(offered)) => offered,
            None => &active.agreement,
        };
        match Agreement::answer(ours, offer, Some(latest)) {
            Ok(agreement) => {
                self.respond(id, 200, sdp(agreement.description()), context);
                self.adopt(agreement, context);
                self.offer_again(context);
            }
            Err(error) => self.refuse_offer(id, (488, error.to_string()), context),
        }
    }

    /// An offer of ours that had to wait for theirs is made of what holds now.
    fn offer_again(&mut self, context: &mut Context<'_>) {
        if let Stage::Active(active) = &self.stage
            && let Some(Offered::InRequest(waiting)) = &active.offered
        {
            let wish = waiting.wish();
            self.propose(wish, context);
        }
    }

    fn refuse_offer(
        &mut self,
        id: RequestId,
        (status, why): (u16, String),
        context: &mut Context<'_>,
    ) {
        self.respond(id, status, warning(&why), context);
        self.caller
            .tell(Event::OfferRefused { status, why }, context.out);
    }

    /// The client answers an offer of ours.
    fn on_answer(
        &mut self,
        offered: Agreement,
        (content_type, body): (Option<&str>, &[u8]),
        context: &mut Context<'_>,
    ) {
        let answer = Contents::parse(content_type, body).sdp;
        let agreed = match answer.map(Description::parse) {
            Some(Ok(answer)) => offered.accepted(&answer).map_err(|error| error.to_string()),
            Some(Err(error)) => Err(error.to_string()),
            None => Err("its answer has no session description".to_owned()),
        };
        match agreed {
            Ok(agreement) => self.adopt(agreement, context),
            Err(why) => {
                let method = "offer";
                let event = Event::RequestFailed { method, why };
                self.caller.tell(event, context.out);
            }
        }
    }

    /// Something else holds from now on.
    fn adopt(&mut self, agreement: Agreement, context: &mut Context<'_>) {
        let Stage::Active(active) = &mut self.stage else {
            return;
        };
        let terms = |active: &Active| (active.agreement.codec(), active.agreement.is_receiving());
        let before = terms(active);
        active.agreement = agreement;
        let (codec, receiving) = terms(active);
        if (codec, receiving) == before {
            return;
        }
        if !receiving {
            active.stream.pause();
        }
        let codec = codec.as_ref().map(Codec::to_string);
        let event = Event::Changed { codec, receiving };
        self.caller.tell(event, context.out);
        self.tell_facts(context);
    }

    /// What we offered in a re-INVITE, now that it has its answer.
    fn take_request(&mut self) -> Option<Agreement> {
        let Stage::Active(active) = &mut self.stage else {
            return None;
        };
        match active.offered.take() {
            Some(Offered::InRequest(offered)) => Some(offered),
            other => {
                active.offered = other;
                None
            }
        }
    }
}

impl Offered {
    /// Whether packets may come even before the offer has its answer (RFC 3264 §5.1).
    pub(super) fn wants_packets(&self) -> bool {
        match self {
            Self::InRequest(offered) | Self::InAnswer(offered) => offered.wish() == Wish::Receive,
        }
    }
}

/// A session description as a message carries it.
pub(super) fn sdp(description: Vec<u8>) -> Content {
    Content {
        headers: Vec::new(),
        body: Some(Body {
            content_type: "application/sdp".to_owned(),
            disposition: None,
            bytes: description,
        }),
    }
}
