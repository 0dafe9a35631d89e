//! Monotonic time as a number.

use std::time::Duration;

/// Nanoseconds since the process started, read from the monotonic clock by whoever owns the loop.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Nanos(pub u64);

impl Nanos {
    /// One millisecond.
    pub const MILLI: Self = Self(1_000_000);
    /// One second.
    pub const SECOND: Self = Self(1_000_000_000);

    /// `count` milliseconds.
    pub const fn from_millis(count: u64) -> Self {
        Self(count * Self::MILLI.0)
    }

    /// The time that passed since `earlier`; zero if `earlier` is later.
    pub const fn since(self, earlier: Self) -> Self {
        Self(self.0.saturating_sub(earlier.0))
    }

    /// This moment moved on by `step`.
    pub const fn after(self, step: Self) -> Self {
        Self(self.0.saturating_add(step.0))
    }

    /// As a standard duration.
    pub const fn duration(self) -> Duration {
        Duration::from_nanos(self.0)
    }
}
