//! How a recorder fares: up, degraded or down, and not at every wind that blows.

use std::time::{Duration, Instant};

use crate::control::view::RecorderState;
use crate::time::{Now, Wall};

/// Failures in a row after which a recorder is down.
const DOWN_AFTER: u32 = 3;
/// Successes in a row after which a recorder that was in trouble is up.
const UP_AFTER: u32 = 2;
/// Failures that come so soon after another one are of the same trouble.
const SAME: Duration = Duration::from_secs(1);

/// A recorder's health.
#[derive(Clone, Debug)]
pub(super) struct Health {
    pub(super) state: RecorderState,
    /// Since when it is in this state.
    pub(super) since: Wall,
    /// When the trouble began that is not over.
    pub(super) trouble_since: Option<Wall>,
    /// What the trouble is.
    pub(super) trouble: Option<String>,
    failures: u32,
    successes: u32,
    failed_at: Option<Instant>,
}

impl Health {
    /// Up until something else is known.
    pub(super) const fn new(since: Wall) -> Self {
        Self {
            state: RecorderState::Up,
            since,
            trouble_since: None,
            trouble: None,
            failures: 0,
            successes: 0,
            failed_at: None,
        }
    }

    /// The recorder has answered. Returns the state that it was in, if that has changed.
    pub(super) fn succeed(&mut self, now: Now) -> Option<RecorderState> {
        self.failures = 0;
        self.failed_at = None;
        self.successes = self.successes.saturating_add(1);
        match self.state {
            RecorderState::Up => None,
            RecorderState::Degraded | RecorderState::Down if self.successes >= UP_AFTER => {
                self.trouble_since = None;
                self.trouble = None;
                self.enter(RecorderState::Up, now)
            }
            RecorderState::Degraded => None,
            RecorderState::Down => self.enter(RecorderState::Degraded, now),
        }
    }

    /// The recorder has not answered, or said that it cannot work. Returns the state that it was
    /// in, if that has changed.
    pub(super) fn fail(&mut self, why: &str, now: Now) -> Option<RecorderState> {
        self.successes = 0;
        self.trouble = Some(why.to_owned());
        self.trouble_since.get_or_insert(now.wall);
        if self.failed_at.is_some_and(|at| now.mono < at + SAME) {
            return None;
        }
        self.failed_at = Some(now.mono);
        self.failures = self.failures.saturating_add(1);
        match self.state {
            RecorderState::Up => self.enter(RecorderState::Degraded, now),
            RecorderState::Degraded if self.failures >= DOWN_AFTER => {
                self.enter(RecorderState::Down, now)
            }
            RecorderState::Degraded | RecorderState::Down => None,
        }
    }

    fn enter(&mut self, state: RecorderState, now: Now) -> Option<RecorderState> {
        self.since = now.wall;
        Some(std::mem::replace(&mut self.state, state))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Patient {
        health: Health,
        now: Now,
    }

    impl Patient {
        #[expect(clippy::disallowed_methods, reason = "a moment to count from")]
        fn new() -> Self {
            Self {
                health: Health::new(Wall(0)),
                now: Now {
                    mono: Instant::now(),
                    wall: Wall(0),
                },
            }
        }

        /// `+` is a success, `-` a failure, each so many milliseconds after the one before.
        fn live(&mut self, signs: &str, step_ms: u64) -> Vec<RecorderState> {
            let states = signs.chars().map(|sign| {
                self.now = self.now.after(Duration::from_millis(step_ms));
                match sign {
                    '+' => self.health.succeed(self.now),
                    _ => self.health.fail("no answer", self.now),
                };
                self.health.state
            });
            states.collect()
        }
    }

    use RecorderState::{Degraded, Down, Up};

    #[test]
    fn three_failures_in_a_row_are_down_and_two_successes_are_up() {
        let states = Patient::new().live("+---+-+++", 5_000);
        assert_eq!(
            states,
            [
                Up, Degraded, Degraded, Down, Degraded, Degraded, Degraded, Up, Up
            ]
        );
    }

    #[test]
    fn one_lost_ping_now_and_then_is_never_down() {
        let states = Patient::new().live(&"-+".repeat(50), 5_000);
        assert!(states.iter().all(|state| *state == Degraded), "{states:?}");
    }

    #[test]
    fn a_hundred_calls_that_fail_together_are_one_failure() {
        let mut patient = Patient::new();
        let states = patient.live(&"-".repeat(100), 1);
        assert_eq!(states.last(), Some(&Degraded));
        assert_eq!(patient.live("--", 2_000), [Degraded, Down]);
    }

    #[test]
    fn trouble_lasts_from_the_first_failure_until_it_is_up() {
        let mut patient = Patient::new();
        patient.live("---+", 5_000);
        assert_eq!(patient.health.trouble_since, Some(Wall(5_000)));
        patient.live("+", 5_000);
        let health = &patient.health;
        assert_eq!((health.trouble_since, health.since), (None, Wall(25_000)));
        assert_eq!(health.trouble, None);
    }
}
