//! What an established session holds.

use std::time::Instant;

use super::offers::Offer;
use super::queue::Jobs;
use super::{Reason, Session, Stage};
use crate::sip::content::Content;
use crate::sip::dialog::Dialog;
use crate::sip::headers::Headers;
use crate::sip::output::{End, Output};
use crate::sip::session_timer::{Due, SessionTimer};

/// An established session.
#[derive(Debug)]
pub(super) struct Established {
    pub(super) dialog: Dialog,
    /// Our requests.
    pub(super) jobs: Jobs,
    /// Their requests that our user has not answered: one INVITE and one UPDATE at most.
    pub(super) offers: Vec<Offer>,
    /// Runs where the peers agreed on it.
    pub(super) timer: Option<SessionTimer>,
    /// Whether the peer's Allow lists UPDATE.
    takes_update: bool,
    /// Whether we are the called side and our 2xx is not acknowledged.
    pub(super) unconfirmed: bool,
    /// What BYE will say once it is: it must not go out before (RFC 3261 §15).
    pub(super) farewell: Option<Content>,
}

impl Established {
    /// The peer's message, a 2xx or an INVITE, has made the dialog.
    pub(super) fn new(dialog: Dialog, timer: Option<SessionTimer>, message: &Headers) -> Self {
        let mut established = Self {
            dialog,
            jobs: Jobs::default(),
            offers: Vec::new(),
            timer,
            takes_update: false,
            unconfirmed: false,
            farewell: None,
        };
        established.note_abilities(message);
        established
    }

    /// Takes note of what the peer's message says that it can (RFC 3261 §20.5).
    pub(super) fn note_abilities(&mut self, message: &Headers) {
        if message.get("Allow").is_some() {
            self.takes_update = message.lists("Allow", "UPDATE");
        }
    }

    /// When something is due, and what.
    pub(super) fn deadline(&self) -> Option<(Instant, Reason)> {
        let timer = self
            .timer
            .map(|timer| (timer.deadline(), Reason::SessionTimer));
        timer.into_iter().chain(self.jobs.deadline()).min()
    }
}

impl Session {
    /// Does what is due in an established session.
    pub(super) fn on_established_deadline(&mut self, now: Instant, out: &mut Vec<Output>) {
        self.on_jobs_deadline(now, out);
        let Stage::Established(established) = &mut self.stage else {
            return;
        };
        match established
            .timer
            .as_mut()
            .and_then(|timer| timer.on_deadline(now))
        {
            Some(Due::Expiry) => self.say_bye(Content::default(), Some(End::Expired), now, out),
            Some(Due::Refresh) if established.takes_update => self.refresh(now, out),
            Some(Due::Refresh) => out.push(Output::RefreshDue),
            None => {}
        }
    }

    /// The peer refuses UPDATE: its user refreshes from now on.
    pub(super) fn refresh_otherwise(&mut self, out: &mut Vec<Output>) {
        if let Stage::Established(established) = &mut self.stage {
            established.takes_update = false;
            out.push(Output::RefreshDue);
        }
    }
}
