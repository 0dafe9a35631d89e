//! Our requests that wait, and the one that is in flight.

use std::collections::VecDeque;
use std::time::Instant;

use rsip::Method;

use super::Reason;
use crate::sip::content::Content;
use crate::sip::digest::Trials;

/// Requests that wait, and the one that is in flight.
#[derive(Debug, Default)]
pub(super) struct Jobs {
    /// One of each kind at most: what is asked later replaces what waits.
    pub(super) waiting: VecDeque<Job>,
    pub(super) in_flight: Option<InFlight>,
    /// After glare, nothing is sent before.
    pub(super) gate: Option<Instant>,
}

/// A request to be sent.
#[derive(Clone, Debug)]
pub(super) struct Job {
    pub(super) method: Method,
    pub(super) content: Content,
    pub(super) owner: Owner,
    /// How often it was sent already.
    pub(super) tries: u32,
    /// Whether it was sent with this content.
    pub(super) said: bool,
    /// How often it was challenged.
    pub(super) trials: Trials,
}

/// Who wants to know how a request fared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    User,
    /// Nobody: the session refreshes itself.
    Timer,
}

/// The request that is in flight.
#[derive(Debug)]
pub(super) struct InFlight {
    pub(super) job: Job,
    pub(super) branch: String,
    /// When an INVITE that is worked on without end is cancelled.
    pub(super) cancel_at: Option<Instant>,
}

impl Jobs {
    /// Adds a job at the end, or replaces the one of its kind that waits.
    pub(super) fn push(&mut self, job: Job) {
        let same = |other: &&mut Job| other.method == job.method && other.owner == job.owner;
        match self.waiting.iter_mut().find(same) {
            Some(waiting) => {
                waiting.content = job.content;
                waiting.said = false;
            }
            None => self.waiting.push_back(job),
        }
    }

    /// A job must be sent again. What its user asked for meanwhile replaces its content.
    pub(super) fn push_again(&mut self, mut job: Job) {
        let same = |other: &Job| other.method == job.method && other.owner == job.owner;
        let newer = self.waiting.iter().position(same);
        if let Some(newer) = newer.and_then(|at| self.waiting.remove(at)) {
            job.content = newer.content;
            job.said = false;
        }
        self.waiting.push_front(job);
    }

    /// Takes back what its user asked for and still waits. Returns whether it was sent before as
    /// it stands; `None` where nothing waits.
    pub(super) fn withdraw(&mut self, method: Method) -> Option<bool> {
        let is_it = |job: &Job| job.method == method && job.owner == Owner::User;
        let at = self.waiting.iter().position(is_it)?;
        self.waiting.remove(at).map(|job| job.said)
    }

    /// Whether a request is in flight that stands in the way of an offer from the peer: an INVITE
    /// always, another if it carries an offer itself (RFC 3261 §14.2, RFC 3311 §5.2).
    pub(super) fn collide(&self) -> bool {
        self.in_flight.as_ref().is_some_and(|in_flight| {
            let body = in_flight.job.content.body.as_ref();
            in_flight.job.method == Method::Invite || body.is_some_and(|body| body.may_be_sdp())
        })
    }

    /// When something is due, and what.
    pub(super) fn deadline(&self) -> Option<(Instant, Reason)> {
        let cancel = self
            .in_flight
            .as_ref()
            .and_then(|in_flight| in_flight.cancel_at);
        let cancel = cancel.map(|at| (at, Reason::Cancel));
        self.gate
            .map(|at| (at, Reason::Glare))
            .into_iter()
            .chain(cancel)
            .min()
    }
}
