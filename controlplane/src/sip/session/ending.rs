//! CANCEL and BYE: how a session ends (RFC 3261 §9.1 and §15).

use std::time::Instant;

use rsip::{Method, StatusCode};

use super::compose;
use super::transactions::{OurRequest, Purpose};
use super::{Session, Stage};
use crate::sip::content::Content;
use crate::sip::dialog::Dialog;
use crate::sip::digest::Trials;
use crate::sip::message::Response;
use crate::sip::output::{End, Output};
use crate::sip::transaction::client::Client;

/// A BYE, and all that it takes to send it again.
#[derive(Clone, Debug)]
pub(super) struct Bye {
    dialog: Dialog,
    content: Content,
    /// Whether its answer confirms that the session is over.
    pub(super) main: bool,
    /// How often it was challenged.
    trials: Trials,
}

impl Session {
    /// Ends the session: by CANCEL, by BYE, or by acknowledging and ending a late 2xx, whatever its
    /// state needs. `content` goes with BYE. May be called at any time, and again.
    pub fn end(&mut self, content: Content, now: Instant, out: &mut Vec<Output>) {
        match &mut self.stage {
            Stage::Calling(_) => {
                self.stage = Stage::Ending {
                    dialog: None,
                    farewell: content,
                };
                self.give_up(now, out);
            }
            Stage::Called(_) => {
                self.refuse_call(StatusCode::TemporarilyUnavailable, now, out);
                self.leave(End::Local { confirmed: true }, now, out);
            }
            // RFC 3261 §15: the called side must have seen the ACK before it says BYE.
            Stage::Established(established) if established.unconfirmed => {
                established.farewell.get_or_insert(content);
            }
            Stage::Established(_) => self.say_bye(content, None, now, out),
            Stage::Ending { .. } | Stage::Ended { .. } => {}
        }
        self.sweep();
    }

    /// Ends an established session by BYE. Its user learns `told` now, or else that we ended it
    /// once the peer has confirmed it.
    pub(super) fn say_bye(
        &mut self,
        content: Content,
        told: Option<End>,
        now: Instant,
        out: &mut Vec<Output>,
    ) {
        let Stage::Established(established) = &self.stage else {
            return;
        };
        let dialog = established.dialog.clone();
        let main = told.is_none();
        self.close(now, out);
        self.send_bye(
            Bye {
                dialog: dialog.clone(),
                content,
                main,
                trials: Trials::default(),
            },
            now,
            out,
        );
        match told {
            Some(by) => self.leave(by, now, out),
            None => {
                let farewell = Content::default();
                self.stage = Stage::Ending {
                    dialog: Some(dialog),
                    farewell,
                };
            }
        }
    }

    /// Ends a dialog that nobody wants any more: the 2xx came late, or from another place.
    pub(super) fn say_bye_late(&mut self, dialog: Dialog, now: Instant, out: &mut Vec<Output>) {
        let (content, main) = match &mut self.stage {
            Stage::Ending {
                dialog: ending,
                farewell,
            } => {
                ending.get_or_insert_with(|| dialog.clone());
                (farewell.clone(), true)
            }
            Stage::Calling(_) | Stage::Called(_) | Stage::Established(_) | Stage::Ended { .. } => {
                (Content::default(), false)
            }
        };
        self.send_bye(
            Bye {
                dialog,
                content,
                main,
                trials: Trials::default(),
            },
            now,
            out,
        );
    }

    fn send_bye(&mut self, mut bye: Bye, now: Instant, out: &mut Vec<Output>) {
        let number = bye.dialog.next_number();
        let branch = compose::branch(&mut self.random);
        self.wallet.count_up();
        let ready = self.way.ready(bye.dialog.next_hop(), |protocol| {
            let via = self.local.via(protocol, &branch);
            let mut request = bye.dialog.request(Method::Bye, number, &via);
            request.headers.push("User-Agent", &self.local.agent);
            self.wallet.put(&mut request);
            bye.content.put(&mut request.headers, &mut request.body);
            request
        });
        let bytes = ready.request.write();
        let client = Client::start(bytes, branch, ready.flow, self.local.timing, now, out);
        let (purpose, by_size) = (Purpose::Bye(Box::new(bye)), ready.by_size);
        self.clients.push(OurRequest {
            client,
            purpose,
            by_size,
        });
    }

    /// A BYE is refused: it is sent again if that can help, or the session is over all the same
    /// (RFC 3261 §15.1.1).
    pub(super) fn on_bye_refused(
        &mut self,
        mut bye: Bye,
        response: &Response,
        now: Instant,
        out: &mut Vec<Output>,
    ) {
        if self
            .wallet
            .learn(response, &mut bye.trials, &mut self.random)
        {
            self.send_bye(bye, now, out);
        } else if bye.main {
            self.confirm_end(true, out);
        }
    }

    /// A BYE has no answer, and will have none, unless by UDP.
    pub(super) fn on_bye_failed(
        &mut self,
        bye: Bye,
        falls_back: bool,
        now: Instant,
        out: &mut Vec<Output>,
    ) {
        if falls_back {
            self.send_bye(bye, now, out);
        } else if bye.main {
            self.confirm_end(false, out);
        }
    }

    /// We were ending the session, and now know how that went.
    pub(super) fn confirm_end(&mut self, confirmed: bool, out: &mut Vec<Output>) {
        if let Stage::Ending { dialog, .. } = &mut self.stage {
            self.stage = Stage::Ended {
                dialog: dialog.take(),
            };
            out.push(Output::Ended {
                by: End::Local { confirmed },
            });
        }
    }

    /// The session is over, and its user learns why.
    pub(super) fn leave(&mut self, by: End, now: Instant, out: &mut Vec<Output>) {
        self.close(now, out);
        let dialog = match &mut self.stage {
            Stage::Established(established) => Some(established.dialog.clone()),
            Stage::Ending { dialog, .. } | Stage::Ended { dialog } => dialog.take(),
            Stage::Calling(_) | Stage::Called(_) => None,
        };
        self.stage = Stage::Ended { dialog };
        out.push(Output::Ended { by });
    }

    /// Nothing that was asked within the dialog outlives it: their requests are answered
    /// (RFC 3261 §15.1.2), ours are not repeated, and no 2xx is.
    fn close(&mut self, now: Instant, out: &mut Vec<Output>) {
        let Stage::Established(established) = &mut self.stage else {
            return;
        };
        for offer in std::mem::take(&mut established.offers) {
            self.refuse_offer(&offer, StatusCode::RequestTerminated, now, out);
        }
        for their in &mut self.server_invites {
            their.transaction.silence();
        }
        for our in &mut self.clients {
            if matches!(our.purpose, Purpose::Job) {
                our.client.abort();
            }
        }
        let until = now + self.local.timing.patience();
        for our in &mut self.invites {
            our.transaction.give_up(until);
        }
    }
}
