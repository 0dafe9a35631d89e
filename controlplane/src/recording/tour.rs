//! One attempt's way through a recorder's addresses (RFC 3263 §4.3).
//!
//! The time that an INVITE may take is the attempt's, not an address's: each address gets its share
//! of what is left, and one that says that it is working on it gets all of that.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::account::Account;
use super::failure::Failure;
use super::{Recording, State};
use crate::locate::Target;
use crate::reach::Nowhere;
use crate::sip::output;
use crate::turn::Turn;

/// The least that an address gets, where it does not get everything that is left: enough for two
/// repetitions of a datagram.
const SHARE_MIN: Duration = Duration::from_millis(1_600);
/// What an address needs of the time that is left to be tried at all.
const WORTH: Duration = Duration::from_millis(400);

/// Where an attempt stands.
#[derive(Debug)]
pub(super) struct Tour {
    /// The address that is tried.
    pub(super) target: Target,
    rest: VecDeque<Target>,
    /// The addresses that were tried before, in vain.
    tried: Vec<Target>,
    /// When the attempt ends.
    pub(super) ends: Instant,
    /// When the next address is tried, if nothing was heard until then.
    patience: Option<Instant>,
}

impl Tour {
    fn new(targets: Vec<Target>, budget: Duration, now: Instant) -> Option<Self> {
        let mut rest: VecDeque<_> = targets.into();
        let mut tour = Self {
            target: rest.pop_front()?,
            rest,
            tried: Vec::new(),
            ends: now + budget,
            patience: None,
        };
        tour.share(now);
        Some(tour)
    }

    /// Goes on to the next address; `false` where there is none, or no time for it.
    fn go_on(&mut self, now: Instant) -> bool {
        if self.left(now) < WORTH {
            return false;
        }
        let Some(next) = self.rest.pop_front() else {
            return false;
        };
        self.tried.push(std::mem::replace(&mut self.target, next));
        self.share(now);
        true
    }

    /// How long the attempt may still take.
    pub(super) fn left(&self, now: Instant) -> Duration {
        self.ends.saturating_duration_since(now)
    }

    /// The address has said that it is there.
    pub(super) const fn settle(&mut self) {
        self.patience = None;
    }

    pub(super) const fn deadline(&self) -> Option<Instant> {
        self.patience
    }

    fn share(&mut self, now: Instant) {
        let waiting = self.rest.len() as u32;
        let left = self.left(now);
        let share = (left / (waiting + 1)).max(SHARE_MIN).min(left);
        self.patience = (waiting > 0 && share + WORTH <= left).then_some(now + share);
    }

    /// What failed, with everything that was tried.
    fn explain(&self, mut failure: Failure) -> Failure {
        if !self.tried.is_empty() {
            let all = self.tried.iter().chain([&self.target]);
            let all: Vec<_> = all.map(|target| target.remote.to_string()).collect();
            failure
                .why
                .push_str(&format!(" (tried: {})", all.join(", ")));
        }
        failure
    }
}

impl Recording {
    /// The first address of an attempt.
    pub(super) fn begin_tour(&mut self, turn: &mut Turn<'_>) -> Result<Target, Failure> {
        let index = self.recorder.index;
        let targets = turn.reach.targets(index, turn.now, turn.random);
        let targets = targets.map_err(|nowhere| match nowhere {
            Nowhere::Asked(why) => Failure::again(why),
            Nowhere::Unknown(why) => {
                turn.reach.missed(index, &why, turn.now);
                Failure::again(why)
            }
            Nowhere::LeftAlone(pause) => Failure::again_after(
                "every server of the recorder asked to be left alone (503 with Retry-After)",
                pause,
            ),
        })?;
        let budget = self.recorder.invite_timeout;
        let tour = Tour::new(targets, budget, turn.now.mono).expect("there is a first target");
        let target = tour.target;
        self.tour = Some(tour);
        Ok(target)
    }

    /// The address that is tried is not worth it for the time being. Tries the next one, if there
    /// is one; else the attempt has failed.
    pub(super) fn next_target(
        &mut self,
        failure: Failure,
        left_alone: Option<Duration>,
        account: &Account,
        turn: &mut Turn<'_>,
    ) {
        let (index, now) = (self.recorder.index, turn.now);
        let Some(tour) = &mut self.tour else {
            self.fail(failure, account, turn);
            return;
        };
        turn.reach.avoid(index, tour.target.remote, left_alone, now);
        if tour.go_on(now.mono) {
            let target = tour.target;
            match self.call(target, account, turn) {
                Ok(leg) => self.state = State::Connecting(Box::new(leg)),
                Err(failure) => self.fail(failure, account, turn),
            }
            return;
        }
        let failure = tour.explain(failure);
        turn.reach.missed(index, &failure.why, now);
        self.fail(failure, account, turn);
    }

    /// The address that is tried has had its share of the time.
    pub(super) fn on_patience(&mut self, account: &Account, turn: &mut Turn<'_>) {
        let due = self.tour.as_ref().and_then(Tour::deadline);
        if due.is_none_or(|due| due > turn.now.mono) {
            return;
        }
        let state = std::mem::replace(&mut self.state, State::Over);
        let State::Connecting(leg) = state else {
            self.state = state;
            return;
        };
        self.abandon(*leg, turn);
        let failure = Failure::unanswered(output::Failure::Timeout, None, &self.recorder);
        self.next_target(failure, None, account, turn);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::flow::Protocol;

    fn tour(addresses: u8, budget_ms: u64) -> (Tour, Instant) {
        let target = |last| Target {
            protocol: Protocol::Udp,
            remote: ([192, 0, 2, last], 5060).into(),
        };
        #[expect(clippy::disallowed_methods, reason = "a moment to count from")]
        let now = Instant::now();
        let budget = Duration::from_millis(budget_ms);
        let tour = Tour::new((1..=addresses).map(target).collect(), budget, now);
        (tour.unwrap(), now)
    }

    /// The milliseconds at which each address is left when none says anything.
    fn changes(addresses: u8, budget_ms: u64) -> Vec<u128> {
        let (mut tour, start) = tour(addresses, budget_ms);
        let mut changes = Vec::new();
        while let Some(at) = tour.deadline() {
            changes.push((at - start).as_millis());
            assert!(tour.go_on(at), "a share ends where another begins");
        }
        changes
    }

    #[test]
    fn the_time_is_shared_and_never_exceeded() {
        assert_eq!(changes(1, 5_000), Vec::<u128>::new());
        assert_eq!(changes(2, 5_000), [2_500]);
        assert_eq!(changes(3, 5_000), [1_666, 3_333]);
        assert_eq!(changes(8, 5_000), [1_600, 3_200], "no share is too small");
        assert_eq!(changes(2, 1_000), Vec::<u128>::new());
        assert_eq!(changes(4, 20_000), [5_000, 10_000, 15_000]);
    }

    #[test]
    fn who_fails_early_leaves_more_for_the_others() {
        let (mut tour, now) = tour(3, 5_000);
        assert!(tour.go_on(now));
        assert_eq!(tour.deadline(), Some(now + Duration::from_millis(2_500)));
        tour.settle();
        assert_eq!(tour.deadline(), None, "it works on it");
        let failure = tour.explain(Failure::again("none"));
        assert_eq!(failure.why, "none (tried: 192.0.2.1:5060, 192.0.2.2:5060)");
        assert!(
            !tour.go_on(now + Duration::from_millis(4_700)),
            "no time is left"
        );
    }
}
