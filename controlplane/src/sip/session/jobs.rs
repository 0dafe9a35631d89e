//! Our requests within the dialog, one at a time: re-INVITE, UPDATE and OPTIONS.

use std::time::{Duration, Instant};

use rsip::Method;

use super::compose;
use super::queue::{InFlight, Job, Owner};
use super::transactions::{OurInvite, OurRequest, Purpose};
use super::{Session, Stage};
use crate::random::Random;
use crate::sip::answer::SUPPORTED;
use crate::sip::content::Content;
use crate::sip::digest::Trials;
use crate::sip::message::Response;
use crate::sip::output::{End, Failure, Output};
use crate::sip::session_timer::SessionTimer;
use crate::sip::transaction::Heard;
use crate::sip::transaction::client::Client;
use crate::sip::transaction::client_invite::ClientInvite;

/// As often a request is sent again after 491 or 422 before its user is told.
const TRIES_MAX: u32 = 10;

impl Session {
    /// Sends a re-INVITE as soon as the dialog is free for one. One that waits already is
    /// replaced. Without an established session nothing happens.
    pub fn reinvite(&mut self, content: Content, now: Instant, out: &mut Vec<Output>) {
        self.add_job(Method::Invite, content, Owner::User, now, out);
    }

    /// Takes back a re-INVITE that waits for its turn. Returns whether it was sent before as it
    /// stands, and refused for the time being; `None` where none waits.
    pub fn withdraw_reinvite(&mut self) -> Option<bool> {
        match &mut self.stage {
            Stage::Established(established) => established.jobs.withdraw(Method::Invite),
            Stage::Calling(_) | Stage::Called(_) | Stage::Ending { .. } | Stage::Ended { .. } => {
                None
            }
        }
    }

    /// Sends an UPDATE (RFC 3311) as soon as the dialog is free for one. One that waits already is
    /// replaced. Without an established session nothing happens.
    pub fn update(&mut self, content: Content, now: Instant, out: &mut Vec<Output>) {
        self.add_job(Method::Update, content, Owner::User, now, out);
    }

    /// Sends OPTIONS within the dialog: whether the peer still knows it. Without an established
    /// session nothing happens.
    pub fn options(&mut self, now: Instant, out: &mut Vec<Output>) {
        self.add_job(Method::Options, Content::default(), Owner::User, now, out);
    }

    /// Refreshes the session by an UPDATE without content (RFC 4028 §7.4).
    pub(super) fn refresh(&mut self, now: Instant, out: &mut Vec<Output>) {
        self.add_job(Method::Update, Content::default(), Owner::Timer, now, out);
    }

    fn add_job(
        &mut self,
        method: Method,
        content: Content,
        owner: Owner,
        now: Instant,
        out: &mut Vec<Output>,
    ) {
        if let Stage::Established(established) = &mut self.stage {
            established.jobs.push(Job {
                method,
                content,
                owner,
                tries: 0,
                said: false,
                trials: Trials::default(),
            });
            self.pump(now, out);
        }
    }

    /// Sends what waits, if the dialog is free for it (RFC 3261 §14.1, RFC 3311 §5.1).
    pub(super) fn pump(&mut self, now: Instant, out: &mut Vec<Output>) {
        let theirs = self
            .server_invites
            .iter()
            .any(|their| their.transaction.is_waiting() || their.transaction.is_unacknowledged());
        let Stage::Established(established) = &mut self.stage else {
            return;
        };
        let jobs = &mut established.jobs;
        let offered = established.offers.iter().any(|offer| offer.carries_sdp);
        let busy = jobs.in_flight.is_some() || jobs.gate.is_some();
        if theirs || offered || busy || established.farewell.is_some() {
            return;
        }
        if let Some(mut job) = jobs.waiting.pop_front() {
            job.tries += 1;
            job.said = true;
            self.send_job(job, now, out);
        }
    }

    fn send_job(&mut self, job: Job, now: Instant, out: &mut Vec<Output>) {
        let Stage::Established(established) = &mut self.stage else {
            return;
        };
        let number = established.dialog.next_number();
        let branch = compose::branch(&mut self.random);
        let expires = established.timer.map(SessionTimer::to_request);
        let spoken = established.dialog.protocol();
        self.wallet.count_up();
        let ready = self.way.ready(established.dialog.next_hop(), |protocol| {
            let via = self.local.via(protocol, &branch);
            let mut request = established.dialog.request(job.method, number, &via);
            if job.method == Method::Options {
                request.headers.push("Accept", &self.local.accept);
                request.headers.push("Supported", SUPPORTED);
                request.headers.push("User-Agent", &self.local.agent);
            } else {
                compose::dress(&mut request, &self.local, &self.options, spoken, expires);
            }
            self.wallet.put(&mut request);
            job.content.put(&mut request.headers, &mut request.body);
            request
        });
        let timing = self.local.timing;
        let invite = job.method == Method::Invite;
        established.jobs.in_flight = Some(InFlight {
            job,
            branch: branch.clone(),
            cancel_at: invite.then(|| now + timing.patience()),
        });
        if invite {
            let ids = (branch, number);
            let transaction = ClientInvite::start(ready.request, ready.flow, ids, timing, now, out);
            self.invites
                .push(OurInvite::new(transaction, false, ready.by_size));
        } else {
            let client = Client::start(ready.request.write(), branch, ready.flow, timing, now, out);
            let (purpose, by_size) = (Purpose::Job, ready.by_size);
            self.clients.push(OurRequest {
                client,
                purpose,
                by_size,
            });
        }
    }

    /// The request with that branch is answered.
    pub(super) fn on_job_response(
        &mut self,
        branch: &str,
        heard: Heard,
        response: Response,
        now: Instant,
        out: &mut Vec<Output>,
    ) {
        if heard == Heard::Provisional {
            return;
        }
        let Some(InFlight { mut job, .. }) = self.land(branch) else {
            return;
        };
        let tries_left = job.tries < TRIES_MAX;
        match (heard, response.status.code()) {
            (Heard::Success, _) => self.on_job_accepted(&job, response, now, out),
            // RFC 3261 §12.2.1.2: the peer has no such dialog, or nobody answers for it.
            (_, code @ (408 | 481)) => {
                let status = Some(response.status);
                let by = End::Lost { status };
                match code {
                    481 => self.leave(by, now, out),
                    _ => self.say_bye(Content::default(), Some(by), now, out),
                }
            }
            (_, 401 | 407)
                if self
                    .wallet
                    .learn(&response, &mut job.trials, &mut self.random) =>
            {
                self.retry(job, None);
            }
            (_, 422) if tries_left && self.lengthen_timer(&response) => self.retry(job, None),
            (_, 491) if tries_left => {
                let delay = glare_delay(self.caller, &mut self.random);
                self.retry(job, Some(now + delay));
            }
            _ if job.owner == Owner::User => {
                out.push(Output::Refused {
                    method: job.method,
                    response,
                });
            }
            // The peer took UPDATE once, or said so: what remains is a re-INVITE.
            (_, 405 | 501) => self.refresh_otherwise(out),
            // The session timer asks again.
            _ => {}
        }
        self.pump(now, out);
    }

    fn on_job_accepted(
        &mut self,
        job: &Job,
        response: Response,
        now: Instant,
        out: &mut Vec<Output>,
    ) {
        let Stage::Established(established) = &mut self.stage else {
            return;
        };
        let headers = &response.headers;
        established.note_abilities(headers);
        // INVITE and UPDATE are the requests that refresh (RFC 4028 §7.4, RFC 3311 §5.1).
        if job.method != Method::Options {
            established.timer = SessionTimer::of_answer(headers, established.timer, now);
            established.dialog.refresh_target(headers);
        }
        if job.owner == Owner::User {
            out.push(Output::Accepted {
                method: job.method,
                response,
            });
        }
    }

    /// The request with that branch has no answer, and will have none, unless by UDP.
    pub(super) fn on_job_failed(
        &mut self,
        branch: &str,
        failure: Failure,
        falls_back: bool,
        now: Instant,
        out: &mut Vec<Output>,
    ) {
        let Some(InFlight { job, .. }) = self.land(branch) else {
            return;
        };
        match failure {
            // RFC 3261 §12.2.1.2: no answer at all ends the dialog.
            Failure::Timeout => {
                let by = End::Lost { status: None };
                self.say_bye(Content::default(), Some(by), now, out);
            }
            Failure::Unreachable if falls_back => self.send_job(job, now, out),
            Failure::Unreachable => {
                if job.owner == Owner::User {
                    out.push(Output::Failed {
                        method: job.method,
                        failure,
                    });
                }
                self.pump(now, out);
            }
        }
    }

    /// Does what is due with our requests.
    pub(super) fn on_jobs_deadline(&mut self, now: Instant, out: &mut Vec<Output>) {
        let Stage::Established(established) = &mut self.stage else {
            return;
        };
        let jobs = &mut established.jobs;
        if jobs.gate.take_if(|at| *at <= now).is_some() {
            self.pump(now, out);
            return;
        }
        let Some(in_flight) = &mut jobs.in_flight else {
            return;
        };
        if in_flight.cancel_at.take_if(|at| *at <= now).is_some() {
            let branch = &in_flight.branch;
            let found = self
                .invites
                .iter()
                .position(|our| our.transaction.branch == *branch);
            if let Some(at) = found {
                self.cancel(at, now, out);
            }
        }
    }

    /// Takes the request with that branch out of flight.
    fn land(&mut self, branch: &str) -> Option<InFlight> {
        let Stage::Established(established) = &mut self.stage else {
            return None;
        };
        established
            .jobs
            .in_flight
            .take_if(|in_flight| in_flight.branch == branch)
    }

    fn retry(&mut self, job: Job, gate: Option<Instant>) {
        if let Stage::Established(established) = &mut self.stage {
            established.jobs.push_again(job);
            established.jobs.gate = gate;
        }
    }

    /// Takes over the shortest interval that a 422 demands (RFC 4028 §7.4); false where that would
    /// change nothing.
    fn lengthen_timer(&mut self, response: &Response) -> bool {
        let Stage::Established(established) = &mut self.stage else {
            return false;
        };
        let Some((timer, least)) = established.timer.as_mut().zip(response.headers.min_se()) else {
            return false;
        };
        self.options.min_se_s = self.options.min_se_s.max(least);
        timer.lengthen(least)
    }
}

/// How long to wait after glare, in steps of 10 ms: who owns the Call-ID waits longer
/// (RFC 3261 §14.1).
fn glare_delay(owner: bool, random: &mut Random) -> Duration {
    let steps = if owner {
        210 + random.below(191)
    } else {
        random.below(201)
    };
    Duration::from_millis(10 * steps)
}
