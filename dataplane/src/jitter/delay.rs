//! How long audio waits in the buffer, and whether it should wait longer or shorter.
//!
//! All figures are samples. The **slack** of a packet is how long its first sample waits; the
//! **margin** is how much later the packet could have come, which is less where the first sample
//! lies inside a period. The largest slack is the delay that the buffer adds to the fastest
//! packets; the smallest margin is what is left for the slowest.

use crate::time::Nanos;

/// Half of the time over which packets are watched before the delay is corrected.
const HALF_WINDOW: Nanos = Nanos::from_millis(2500);
/// A margin that stays above the target by more than this is cut, down to `KEPT` above it.
const EXCESS: i32 = 240;
const KEPT: i32 = 160;
/// A margin below this is raised before packets come late: 2 ms.
const SCARCE: i32 = 16;
/// The most that is cut for one window (10 ms), and inserted (5 ms).
const CUT: i32 = 80;
const INSERTION: i32 = 40;
/// A delay this much above the limit is cut wherever it is (5 ms).
const OVERRUN: i32 = 40;

/// Watches slack and margin, and keeps the delay within its limit.
#[derive(Debug)]
pub(crate) struct Delay {
    target: i32,
    max: i32,
    /// The half window before, and the present one.
    windows: [Option<Extremes>; 2],
    turn: Nanos,
    wish: Wish,
}

/// What the delay needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    /// Nothing.
    Keep,
    /// So many samples more, where it is not audible.
    Longer(u32),
    /// So many samples less; where it is not audible, or anywhere if it is urgent.
    Shorter { samples: u32, urgent: bool },
}

#[derive(Clone, Copy, Debug)]
struct Extremes {
    margin_min: i32,
    slack_max: i32,
}

impl Delay {
    /// A delay that aims at a margin of `target` and never grows beyond `max`.
    pub(crate) const fn new(target: i32, max: i32, now: Nanos) -> Self {
        Self {
            target,
            max,
            windows: [None; 2],
            turn: now.after(HALF_WINDOW),
            wish: Wish::Keep,
        }
    }

    /// Takes in a packet's slack and margin.
    pub(crate) fn note(&mut self, slack: i32, margin: i32, now: Nanos) {
        if now >= self.turn {
            self.turn = now.after(HALF_WINDOW);
            self.wish = self.wish();
            self.windows = [self.windows[1], None];
        }
        let so_far = self.windows[1].unwrap_or(Extremes {
            margin_min: margin,
            slack_max: slack,
        });
        self.windows[1] = Some(Extremes {
            margin_min: so_far.margin_min.min(margin),
            slack_max: so_far.slack_max.max(slack),
        });
    }

    /// The delay that the fastest packets suffer.
    pub(crate) fn current(&self) -> i32 {
        let slacks = self.windows.iter().flatten().map(|seen| seen.slack_max);
        slacks.max().unwrap_or(0)
    }

    /// By how much the delay may grow.
    pub(crate) fn room(&self) -> i32 {
        self.max.saturating_sub(self.current()).max(0)
    }

    /// What is wished for, as long as it has not been done.
    pub(crate) const fn wished(&self) -> Wish {
        self.wish
    }

    /// Tells that the delay was changed by `samples`; the wish counts as done.
    pub(crate) fn changed(&mut self, samples: i32) {
        for seen in self.windows.iter_mut().flatten() {
            seen.margin_min = seen.margin_min.saturating_add(samples);
            seen.slack_max = seen.slack_max.saturating_add(samples);
        }
        self.wish = Wish::Keep;
    }

    fn wish(&self) -> Wish {
        let [Some(before), Some(now)] = self.windows else {
            return Wish::Keep;
        };
        let margin = before.margin_min.min(now.margin_min);
        if margin > self.target + EXCESS {
            let excess = margin - self.target - KEPT;
            Wish::Shorter {
                samples: excess.min(CUT) as u32,
                urgent: false,
            }
        } else if self.current() > self.max + OVERRUN {
            Wish::Shorter {
                samples: CUT as u32,
                urgent: true,
            }
        } else if margin < SCARCE && self.room() > 0 {
            Wish::Longer(self.room().min(INSERTION) as u32)
        } else {
            Wish::Keep
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Packets every 20 ms for `seconds`, whose slack and margin `f` tells.
    fn watch(delay: &mut Delay, seconds: u64, mut f: impl FnMut(u64) -> i32) -> Wish {
        for n in 0..seconds * 50 {
            let slack = f(n);
            delay.note(slack, slack, Nanos::from_millis(n * 20));
        }
        delay.wished()
    }

    #[test]
    fn jitter_within_the_delay_changes_nothing() {
        let mut delay = Delay::new(320, 1600, Nanos(0));
        assert_eq!(
            watch(&mut delay, 20, |n| 480 - (n % 7) as i32 * 70),
            Wish::Keep
        );
        assert_eq!(delay.current(), 480);
    }

    #[test]
    fn a_margin_that_nobody_needs_is_cut_in_small_steps() {
        let mut delay = Delay::new(320, 1600, Nanos(0));
        let wish = watch(&mut delay, 6, |n| 1000 - (n % 3) as i32 * 50);
        assert_eq!(
            wish,
            Wish::Shorter {
                samples: 80,
                urgent: false
            }
        );
        delay.changed(-80);
        assert_eq!((delay.current(), delay.wished()), (920, Wish::Keep));
    }

    #[test]
    fn a_delay_above_its_limit_is_cut_anywhere() {
        let mut delay = Delay::new(320, 800, Nanos(0));
        let wish = watch(&mut delay, 6, |n| if n % 2 == 0 { 850 } else { 100 });
        assert_eq!(
            wish,
            Wish::Shorter {
                samples: 80,
                urgent: true
            }
        );
        assert_eq!(delay.room(), 0);
    }

    #[test]
    fn a_scarce_margin_is_raised_as_far_as_the_limit_allows() {
        let mut delay = Delay::new(320, 800, Nanos(0));
        assert_eq!(
            watch(&mut delay, 6, |n| (n % 2) as i32 * 400),
            Wish::Longer(40)
        );
        let mut full = Delay::new(320, 800, Nanos(0));
        assert_eq!(
            watch(&mut full, 6, |n| (n % 2) as i32 * 790),
            Wish::Longer(10)
        );
    }
}
