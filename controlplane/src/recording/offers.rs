//! What the recorder offers and asks for in an established recording.

use rsip::StatusCode;

use super::account::Account;
use super::attempt::{agree_on, direction, refusal};
use super::{Recording, State, content, security, transmit};
use crate::metadata::{Contents, Document};
use crate::sdp;
use crate::sip::content::Content;
use crate::sip::message::Request;
use crate::sip::output::RequestId;
use crate::turn::Turn;

impl Recording {
    /// Answers a re-INVITE or an UPDATE of the recorder.
    pub(super) fn on_offered(
        &mut self,
        id: RequestId,
        request: &Request,
        account: &Account,
        turn: &mut Turn<'_>,
    ) {
        let contents = Contents::parse(request.headers.get("Content-Type"), &request.body);
        // RFC 7866 §9.2; told by its root element, whatever its type says.
        let asks_for_all = contents.metadata.is_some_and(|metadata| {
            matches!(
                Document::parse(metadata),
                Ok(Document::SnapshotRequest { .. })
            )
        });
        if let State::Active(active) = &mut self.state {
            active.wants_all |= asks_for_all;
        }
        let understood = contents.sdp.is_some() || contents.metadata.is_some();
        match contents.sdp {
            Some(offer) => self.answer(id, offer, account, turn),
            None if request.body.is_empty() => self.offer_in_answer(id, account, turn),
            None if understood => self.respond(id, StatusCode::OK, Content::default(), turn),
            None => {
                let (status, mut content) = refusal(415, "this body means nothing to us");
                let accept = ("Accept".to_owned(), content::ACCEPT.to_owned());
                content.headers.push(accept);
                self.respond(id, status, content, turn);
            }
        }
        // RFC 7866 §9.1: what was asked for follows in a transaction of its own.
        self.sync(account, turn);
    }

    /// The ACK brings the answer to what we offered in our answer.
    pub(super) fn on_acknowledged(
        &mut self,
        id: RequestId,
        ack: &Request,
        account: &Account,
        turn: &mut Turn<'_>,
    ) {
        let State::Active(active) = &mut self.state else {
            return;
        };
        if active.awaited.take_if(|awaited| *awaited == id).is_none() {
            return;
        }
        let content_type = ack.headers.get("Content-Type");
        match agree_on(&active.leg.ours, content_type, &ack.body) {
            Ok(agreed) => self.agree(agreed, account, turn),
            Err(why) => self.error = Some(why.to_string()),
        }
        self.sync(account, turn);
    }

    fn answer(&mut self, id: RequestId, offer: &[u8], account: &Account, turn: &mut Turn<'_>) {
        let State::Active(active) = &mut self.state else {
            return;
        };
        let offer = match sdp::Description::parse(offer) {
            Ok(offer) => offer,
            Err(error) => {
                let (status, content) = refusal(400, &error.to_string());
                self.respond(id, status, content, turn);
                return;
            }
        };
        active.withdraw_update();
        let leg = &mut active.leg;
        leg.ours.direction = direction(account);
        let mut ours = leg.ours.clone();
        if active
            .agreed
            .as_ref()
            .is_some_and(|agreed| moves(agreed, &offer))
        {
            // RFC 4568 §7.1.4: at another address, packets are numbered anew, by another key.
            let suites: Vec<_> = ours.crypto.iter().map(|line| line.suite).collect();
            ours.crypto = security::lines(&suites, account, turn.random);
        }
        match sdp::answer(&ours, &offer, Some(&leg.sent)) {
            Ok((answer, agreed)) => {
                let content = content::description(&answer);
                leg.sent = answer;
                leg.ours = ours;
                leg.wanted = leg.ours.direction;
                self.respond(id, StatusCode::OK, content, turn);
                self.agree(agreed, account, turn);
            }
            Err(why) => {
                let (status, content) = refusal(488, &why.to_string());
                self.respond(id, status, content, turn);
            }
        }
    }

    /// An INVITE without an offer gets ours (RFC 3261 §14.2).
    fn offer_in_answer(&mut self, id: RequestId, account: &Account, turn: &mut Turn<'_>) {
        let State::Active(active) = &mut self.state else {
            return;
        };
        active.withdraw_update();
        let leg = &mut active.leg;
        leg.ours.direction = direction(account);
        leg.wanted = leg.ours.direction;
        leg.sent = leg.ours.offer(Some(&leg.sent));
        let content = content::description(&leg.sent);
        active.awaited = Some(id);
        self.respond(id, StatusCode::OK, content, turn);
    }

    fn respond(
        &mut self,
        id: RequestId,
        status: StatusCode,
        content: Content,
        turn: &mut Turn<'_>,
    ) {
        if let State::Active(active) = &mut self.state {
            let (session, now) = (&mut active.leg.session, turn.now.mono);
            let mut outputs = Vec::new();
            session.respond(id, status, content, now, &mut outputs);
            transmit(outputs, turn);
        }
    }
}

/// Whether the recorder wants protected audio elsewhere than before.
fn moves(agreed: &sdp::Accepted, offer: &sdp::Description) -> bool {
    let here = sdp::Host::Ip(agreed.remote.ip());
    let stays = |media: &sdp::Media| {
        media.port == agreed.remote.port() && media.address.as_ref() == Some(&here)
    };
    agreed.secured.is_some() && !offer.media.first().is_some_and(stays)
}
