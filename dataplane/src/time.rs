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

    /// The wall-clock time of this moment, where `epoch_ntp` is that of moment zero; both in NTP's
    /// format 32.32 (RFC 3550 §4).
    pub const fn ntp(self, epoch_ntp: u64) -> u64 {
        let passed = (self.0 as u128) << 32;
        epoch_ntp.wrapping_add((passed / Self::SECOND.0 as u128) as u64)
    }

    /// As a standard duration.
    pub const fn duration(self) -> Duration {
        Duration::from_nanos(self.0)
    }
}

/// The wall-clock time `since_unix` after the beginning of 1970, in NTP's format 32.32.
pub const fn ntp_from_unix(since_unix: Duration) -> u64 {
    const NTP_TO_UNIX_S: u64 = 2_208_988_800;
    let seconds = since_unix.as_secs().wrapping_add(NTP_TO_UNIX_S);
    let fraction = ((since_unix.subsec_nanos() as u64) << 32) / Nanos::SECOND.0;
    seconds << 32 | fraction
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wall_clock_time_follows_the_monotonic_clock() {
        // 2024-01-01T00:00:00.5Z.
        let epoch = ntp_from_unix(Duration::from_millis(1_704_067_200_500));
        assert_eq!(epoch, 3_913_056_000 << 32 | 1 << 31);
        assert_eq!(
            Nanos::from_millis(2_250).ntp(epoch),
            3_913_056_002 << 32 | 3 << 30
        );
    }
}
