//! One reading of both clocks, and the spellings of wall-clock time.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

/// One reading of both clocks, taken once a turn by whoever owns the loop and handed down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// The monotonic clock: deadlines and durations.
    pub mono: Instant,
    /// The wall clock: what people and recorders are told.
    pub wall: Wall,
}

/// Milliseconds since the Unix epoch, UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Wall(pub i64);

const RFC3339: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
const RFC1123: &[BorrowedFormatItem<'_>] = format_description!(
    "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
);

impl Now {
    /// Both clocks moved on by `step`.
    pub fn after(self, step: Duration) -> Self {
        Self {
            mono: self.mono + step,
            wall: Wall(self.wall.0 + step.as_millis() as i64),
        }
    }
}

impl Wall {
    /// From the system's clock; times before 1970 count as 1970.
    pub fn from_system(time: SystemTime) -> Self {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(since.as_millis() as i64)
    }

    /// As RFC 3339 §5.6 writes it, in UTC with capital T and Z and milliseconds.
    pub fn rfc3339(self) -> String {
        self.format(RFC3339)
    }

    /// As SIP's Date header writes it (RFC 3261 §20.17).
    pub fn rfc1123(self) -> String {
        self.format(RFC1123)
    }

    fn format(self, description: &[BorrowedFormatItem<'_>]) -> String {
        OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1_000_000)
            .unwrap_or(OffsetDateTime::UNIX_EPOCH)
            .format(description)
            .expect("a UTC time has every component of these formats")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spells_the_seeds_date() {
        let wall = Wall(1_493_633_831_042);
        assert_eq!(wall.rfc3339(), "2017-05-01T10:17:11.042Z");
        assert_eq!(wall.rfc1123(), "Mon, 01 May 2017 10:17:11 GMT");
    }
}
