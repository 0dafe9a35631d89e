//! Waiting for a recorder that is down, and what happens when it is back.

use std::time::{Duration, Instant};

use super::account::Account;
use super::gaps::Gap;
use super::{Recording, State};
use crate::control::view::EventKind;
use crate::reach::Admission;
use crate::time::{Now, Wall};
use crate::turn::Turn;

/// How recordings that wait for the next turn of a recorder that is not pinged are spread.
const SPREAD: u64 = 1_000;

/// When the next attempt is made.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wait {
    /// Nothing where it is made as soon as the recorder is back.
    pub(super) until: Option<Instant>,
    pub(super) due: Option<Wall>,
    /// The recorder asked for that.
    not_before: Instant,
}

impl Wait {
    /// For so long.
    pub(super) fn new(now: Now, pause: Duration, not_before: Duration) -> Self {
        let due = now.after(pause);
        Self {
            until: Some(due.mono),
            due: Some(due.wall),
            not_before: now.mono + not_before,
        }
    }

    /// Until the recorder is back.
    const fn for_it(now: Now) -> Self {
        Self {
            until: None,
            due: None,
            not_before: now.mono,
        }
    }
}

impl Recording {
    /// Whether the recorder may be tried now. Waits where it may not.
    pub(super) fn is_admitted(&mut self, account: &Account, turn: &mut Turn<'_>) -> bool {
        let (index, now) = (self.recorder.index, turn.now);
        let wait = match turn.reach.admission(index, now) {
            Admission::Now => return true,
            Admission::WhenUp => Wait::for_it(now),
            Admission::At(at) => {
                let spread = Duration::from_millis(turn.random.below(SPREAD));
                Wait::new(
                    now,
                    at.saturating_duration_since(now.mono) + spread,
                    Duration::ZERO,
                )
            }
        };
        self.state = State::Waiting(wait);
        let why = turn.reach.trouble(index).map(|(_, why)| why);
        let why = format!(
            "the recorder is down: {}",
            why.unwrap_or("it does not answer")
        );
        self.begin_gap(None, &why, turn);
        if !std::mem::replace(&mut self.told_down, true) {
            let detail = format!("{why}; next attempt as soon as it is back");
            let subject = self.subject(account);
            turn.tell(EventKind::RecordingFailed, subject, Some(detail));
        }
        self.error = Some(why);
        false
    }

    /// The recorder is back, or its address has become known: whoever waits need not wait longer
    /// than it takes not to overrun it.
    pub fn hurry(&mut self, spread: Duration, account: &Account, turn: &mut Turn<'_>) {
        let jitter = jitter(spread, turn);
        if let State::Waiting(wait) = &mut self.state {
            let least = wait.not_before.saturating_duration_since(turn.now.mono);
            *wait = Wait::new(turn.now, jitter.max(least), least);
            self.note_state(account, turn);
        }
    }

    /// The recorder was away: does it still know the session? A refresh finds out.
    pub fn verify(&mut self, spread: Duration, turn: &mut Turn<'_>) {
        let jitter = jitter(spread, turn);
        if let State::Active(active) = &mut self.state
            && active.pending.is_none()
        {
            active.wants_refresh = true;
            active.again = Some(turn.now.mono + jitter);
        }
    }

    /// Whether another attempt is to be made.
    pub const fn is_waiting(&self) -> bool {
        matches!(self.state, State::Waiting(_))
    }

    /// Whether an attempt is under way.
    pub const fn is_connecting(&self) -> bool {
        matches!(self.state, State::Connecting(_))
    }

    /// Whether the recorder has accepted.
    pub const fn is_active(&self) -> bool {
        matches!(self.state, State::Active(_))
    }

    /// Whether the recorder is being told that it is over.
    pub const fn is_leaving(&self) -> bool {
        matches!(self.state, State::Ending(_))
    }

    /// Whether the recorder has refused the call on purpose.
    pub const fn is_declined(&self) -> bool {
        self.declined && matches!(self.state, State::Failed)
    }

    /// The gap that lasts.
    pub const fn gap(&self) -> Option<&Gap> {
        self.gaps.open()
    }

    /// Nothing is recorded any more: from `since` on, or from now on, or there never was.
    pub(super) fn begin_gap(&mut self, since: Option<Wall>, why: &str, turn: &Turn<'_>) {
        let since = since.unwrap_or(match self.established {
            Some(_) => turn.now.wall,
            None => self.started,
        });
        self.gaps.begin(Gap::new(since, why));
    }

    /// Something is recorded again, or nothing is to be recorded any more.
    pub(super) fn end_gap(&mut self, account: &Account, turn: &mut Turn<'_>) {
        let to = turn.now.wall;
        let detail = self.gaps.end(to).map(|gap| gap.told(to));
        if detail.is_some() {
            let subject = self.subject(account);
            turn.tell(EventKind::RecordingGap, subject, detail);
        }
    }
}

fn jitter(spread: Duration, turn: &mut Turn<'_>) -> Duration {
    Duration::from_micros(turn.random.below(spread.as_micros() as u64 + 1))
}
