//! An established recording: keeping the recorder told.
//!
//! There is one way to bring a recorder up to date: compare what it knows with the account as it
//! stands, and send the difference in one re-INVITE. Whatever changes meanwhile waits for the next.

use std::time::{Duration, Instant};

use super::account::{Account, Told};
use super::attempt::{Leg, agree_on, direction};
use super::content::{self, News};
use super::failure::Failure;
use super::{Recording, State, transmit};
use crate::metadata;
use crate::sdp::{self, Direction};
use crate::sip::flow::Protocol;
use crate::sip::message::Response;
use crate::sip::output::{self, End, RequestId};
use crate::turn::Turn;

/// A recording that lasted so long begins anew with its patience when it breaks off.
const LASTING: Duration = Duration::from_secs(30);
/// The pause after the first refused update; each further one doubles it.
const UPDATE_PAUSE: Duration = Duration::from_secs(5);
/// The shortest pause before a recorder is asked that may have restarted, and a quarter of the
/// longest: so that not all of its recordings ask at once.
const DOUBT_PAUSE: Duration = Duration::from_secs(1);
/// Refused updates in a row after which only a new fact is worth another.
const REFUSALS_MAX: u32 = 5;

/// An established session.
#[derive(Debug)]
pub(super) struct Active {
    pub(super) leg: Leg,
    pub(super) protocol: Protocol,
    since: Instant,
    /// What is agreed on; `None` where nothing may be sent, not even RTCP.
    pub(super) agreed: Option<sdp::Accepted>,
    /// The update that is under way.
    pub(super) pending: Option<Pending>,
    /// Their INVITE that we answered with an offer, until the ACK brings the answer.
    pub(super) awaited: Option<RequestId>,
    /// The recorder wants to be told everything, or has to be.
    pub(super) wants_all: bool,
    /// The session has to be refreshed.
    pub(super) wants_refresh: bool,
    /// Refused updates in a row.
    refusals: u32,
    /// When to try a refused update again.
    pub(super) again: Option<Instant>,
}

/// What a recorder knows once it has accepted.
#[derive(Debug)]
pub(super) struct Pending {
    told: Told,
    wanted: Direction,
    /// What we had sent last before.
    before: sdp::Description,
}

impl Active {
    pub(super) const fn new(leg: Leg, protocol: Protocol, since: Instant) -> Self {
        Self {
            leg,
            protocol,
            since,
            agreed: None,
            pending: None,
            awaited: None,
            wants_all: false,
            wants_refresh: false,
            refusals: 0,
            again: None,
        }
    }

    /// Takes back an update that waits for its turn, because we are about to send a description
    /// that it does not know of. What was never sent has taken no version.
    pub(super) fn withdraw_update(&mut self) {
        if let Some(was_sent) = self.leg.session.withdraw_reinvite()
            && let Some(pending) = self.pending.take()
            && !was_sent
        {
            self.leg.sent = pending.before;
        }
    }

    /// The connection with the recorder broke: it may have restarted and know nothing any more,
    /// which a refresh of the session will tell.
    pub(super) fn doubt(&mut self, turn: &mut Turn<'_>) {
        if self.pending.is_none() && self.again.is_none() {
            let pause = DOUBT_PAUSE * (100 + turn.random.below(301) as u32) / 100;
            self.again = Some(turn.now.mono + pause);
        }
        self.wants_refresh = true;
    }

    /// Whether RTP flows.
    pub(super) fn is_sending(&self, account: &Account) -> bool {
        !account.paused && self.agreed.as_ref().is_some_and(|agreed| agreed.sending)
    }
}

impl Recording {
    /// Sends as was agreed on, as far as the site wants it.
    pub(super) fn agree(
        &mut self,
        agreed: Option<sdp::Accepted>,
        account: &Account,
        turn: &mut Turn<'_>,
    ) {
        if let State::Active(active) = &mut self.state {
            active.agreed.clone_from(&agreed);
            let now = agreed.map(|agreed| sdp::Accepted {
                sending: agreed.sending && !account.paused,
                ..agreed
            });
            turn.media.set_sink(active.leg.sink, now.as_ref());
        }
    }

    /// Brings the recorder up to date, if it is not and nothing is under way.
    pub(super) fn sync(&mut self, account: &Account, turn: &mut Turn<'_>) {
        let State::Active(active) = &mut self.state else {
            return;
        };
        if account.paused && active.agreed.as_ref().is_some_and(|agreed| agreed.sending) {
            // The site's pause does not wait for the recorder.
            let agreed = active.agreed.clone().map(|agreed| sdp::Accepted {
                sending: false,
                ..agreed
            });
            turn.media.set_sink(active.leg.sink, agreed.as_ref());
        }
        if active.pending.is_some() || active.awaited.is_some() || active.again.is_some() {
            return;
        }
        let (recorder, form) = (&self.recorder, &self.form);
        let told = account.told(recorder);
        let known = &active.leg.told;
        let is_news = (form.headers && known.info != told.info)
            || (form.metadata.is_some()
                && (active.wants_all || is_news(&known.facts, &told.facts, recorder.id_format)))
            // What they want of the stream is their affair, and no news to them.
            || active.leg.wanted != direction(account);
        if is_news || active.wants_refresh {
            self.update(account, turn);
        }
    }

    /// Sends the difference, as soon as the session lets us.
    fn update(&mut self, account: &Account, turn: &mut Turn<'_>) {
        let State::Active(active) = &mut self.state else {
            return;
        };
        let (recorder, leg) = (&self.recorder, &mut active.leg);
        let wanted = direction(account);
        leg.ours.direction = wanted;
        let next = leg.ours.offer(Some(&leg.sent));
        let before = std::mem::replace(&mut leg.sent, next);
        let told = account.told(recorder);
        let news = if active.wants_all {
            News::Complete
        } else {
            News::Since(&leg.told)
        };
        let content = content::invite(
            (recorder, &self.form),
            account,
            &told,
            &leg.sent,
            &news,
            turn,
        );
        let mut outputs = Vec::new();
        leg.session.reinvite(content, turn.now.mono, &mut outputs);
        transmit(outputs, turn);
        active.pending = Some(Pending {
            told,
            wanted,
            before,
        });
    }

    /// A request of ours within the session was accepted.
    pub(super) fn on_accepted(
        &mut self,
        response: &Response,
        account: &Account,
        turn: &mut Turn<'_>,
    ) {
        let State::Active(active) = &mut self.state else {
            return;
        };
        let Some(pending) = active.pending.take() else {
            return;
        };
        active.leg.told = pending.told;
        active.leg.wanted = pending.wanted;
        active.wants_all = false;
        active.wants_refresh = false;
        active.refusals = 0;
        let content_type = response.headers.get("Content-Type");
        match agree_on(&active.leg.ours, content_type, &response.body) {
            Ok(agreed) => self.agree(agreed, account, turn),
            // What was agreed on before still holds (RFC 6141 §3.4).
            Err(why) => self.error = Some(why.to_string()),
        }
        self.sync(account, turn);
    }

    /// A request of ours was refused: the first INVITE, or one within the session.
    pub(super) fn on_refused(
        &mut self,
        response: &Response,
        account: &Account,
        turn: &mut Turn<'_>,
    ) {
        match &self.state {
            State::Connecting(_) => self.on_attempt_refused(response, account, turn),
            State::Active(_) => {
                // It took metadata before: 400 means something else.
                let otherwise = match response.status.code() {
                    406 | 415 => self.form.tell_otherwise(response, &self.recorder),
                    _ => None,
                };
                let why = Failure::refused_update(response, &self.recorder);
                self.on_update_failed(why, turn);
                if otherwise.is_some() {
                    self.try_update_now(account, turn);
                }
            }
            State::Ending(_) => self.on_farewell_done(account, turn),
            State::Waiting(_) | State::Failed | State::Over => {}
        }
    }

    /// A request of ours had no answer.
    pub(super) fn on_unanswered(
        &mut self,
        failure: output::Failure,
        account: &Account,
        turn: &mut Turn<'_>,
    ) {
        match &self.state {
            State::Connecting(_) => self.on_attempt_unanswered(failure, account, turn),
            State::Active(_) => {
                self.on_update_failed("the recorder did not answer an update".to_owned(), turn);
            }
            State::Ending(_) => self.on_farewell_done(account, turn),
            State::Waiting(_) | State::Failed | State::Over => {}
        }
    }

    /// The session has to be refreshed by a re-INVITE (RFC 4028 §7.4).
    pub(super) fn on_refresh_due(&mut self, account: &Account, turn: &mut Turn<'_>) {
        if let State::Active(active) = &mut self.state {
            active.wants_refresh = true;
            active.again = None;
            self.sync(account, turn);
        }
    }

    /// The session is over.
    pub(super) fn on_ended(&mut self, by: &End, account: &Account, turn: &mut Turn<'_>) {
        if matches!(self.state, State::Ending(_)) {
            self.on_farewell_done(account, turn);
            return;
        }
        let lasted = match &self.state {
            State::Active(active) => turn.now.mono.duration_since(active.since),
            State::Waiting { .. }
            | State::Connecting(_)
            | State::Failed
            | State::Ending(_)
            | State::Over => Duration::ZERO,
        };
        if lasted >= LASTING {
            self.failures = 0;
        }
        self.let_go(turn);
        let failure = Failure::ended(by, lasted, &self.recorder);
        if matches!(by, End::Lost { .. }) {
            // It may have been gone for as long as it was in trouble.
            let trouble = turn.reach.trouble(self.recorder.index);
            let since = trouble.map(|(since, _)| since);
            self.begin_gap(since.max(self.established), &failure.why, turn);
        }
        self.fail(failure, account, turn);
    }

    fn on_farewell_done(&mut self, account: &Account, turn: &mut Turn<'_>) {
        self.let_go(turn);
        self.tell_end(&self.parting, account, turn);
    }

    /// What was refused is worth another try at once.
    fn try_update_now(&mut self, account: &Account, turn: &mut Turn<'_>) {
        if let State::Active(active) = &mut self.state {
            active.again = None;
        }
        self.sync(account, turn);
    }

    /// The recorder goes on recording, but does not know everything.
    fn on_update_failed(&mut self, why: String, turn: &mut Turn<'_>) {
        self.error = Some(why);
        let State::Active(active) = &mut self.state else {
            return;
        };
        active.pending = None;
        // It may have kept a part of what it was told: next time it is told everything.
        active.wants_all = true;
        active.refusals += 1;
        if active.refusals < REFUSALS_MAX {
            let pause = UPDATE_PAUSE * (1 << (active.refusals - 1));
            active.again = Some(turn.now.mono + pause);
        }
    }
}

fn is_news(known: &metadata::Facts, now: &metadata::Facts, id_format: metadata::IdFormat) -> bool {
    known != now && metadata::partial(known, now, id_format).is_some()
}
