//! The times in recording metadata (RFC 7865 §6.9, RFC 3339).

use time::{Date, Duration, Month, PrimitiveDateTime, Time};

use crate::time::Wall;

/// A time that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Timestamp {
    pub(super) wall: Wall,
    /// Whether it is spelled as RFC 7865 §6.9 demands.
    pub(super) strict: bool,
}

impl Timestamp {
    /// Reads what RFC 3339 allows, and besides small letters, a space for the T, `+0000`, a zone
    /// that is missing (taken for UTC) and a second 60.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut cursor = Cursor {
            rest: text.trim_ascii().as_bytes(),
            strict: true,
        };
        let date = cursor.date()?;
        cursor.one_of(b"T", b"t ")?;
        let time = cursor.time()?;
        let ahead_min = cursor.zone()?;
        if !cursor.rest.is_empty() {
            return None;
        }
        let utc = PrimitiveDateTime::new(date, time)
            .checked_sub(Duration::minutes(ahead_min))?
            .assume_utc();
        let wall = i64::try_from(utc.unix_timestamp_nanos().div_euclid(1_000_000)).ok()?;
        Some(Self {
            wall: Wall(wall),
            strict: cursor.strict,
        })
    }
}

/// What is left to read, and whether all of it so far was strict.
struct Cursor<'a> {
    rest: &'a [u8],
    strict: bool,
}

impl Cursor<'_> {
    fn date(&mut self) -> Option<Date> {
        let year = self.number(4)?;
        self.one_of(b"-", b"")?;
        let month = self.number(2)?;
        self.one_of(b"-", b"")?;
        let day = self.number(2)?;
        self.strict &= year != 0; // xs:dateTime knows no year 0
        let month = Month::try_from(u8::try_from(month).ok()?).ok()?;
        Date::from_calendar_date(i32::try_from(year).ok()?, month, u8::try_from(day).ok()?).ok()
    }

    fn time(&mut self) -> Option<Time> {
        let hour = self.number(2)?;
        self.one_of(b":", b"")?;
        let minute = self.number(2)?;
        self.one_of(b":", b"")?;
        let mut second = self.number(2)?;
        if second == 60 {
            self.strict = false; // RFC 3339 allows leap seconds, xs:dateTime does not
            second = 59;
        }
        let mut milli = 0;
        if self.rest.first() == Some(&b'.') {
            self.rest = self.rest.get(1..)?;
            milli = self.fraction()?;
        }
        let [hour, minute, second] = [hour, minute, second].map(|part| part as u8);
        Time::from_hms_milli(hour, minute, second, milli).ok()
    }

    /// Minutes ahead of UTC.
    fn zone(&mut self) -> Option<i64> {
        if self.rest.is_empty() {
            self.strict = false;
            return Some(0);
        }
        let sign = match self.one_of(b"Z+-", b"z")? {
            b'+' => 1,
            b'-' => -1,
            _ => return Some(0),
        };
        let hours = self.number(2)?;
        if self.one_of(b":", b"").is_none() {
            self.strict = false;
        }
        let minutes = self.number(2)?;
        let ahead_min = hours * 60 + minutes;
        self.strict &= ahead_min <= 14 * 60; // as xs:dateTime has it
        (hours < 24 && minutes < 60).then(|| sign * i64::from(ahead_min))
    }

    /// One character of `strict`, or of `sloppy`, which is remembered.
    fn one_of(&mut self, strict: &[u8], sloppy: &[u8]) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        if sloppy.contains(first) {
            self.strict = false;
        } else if !strict.contains(first) {
            return None;
        }
        self.rest = rest;
        Some(*first)
    }

    /// A number of exactly so many digits.
    fn number(&mut self, len: usize) -> Option<u32> {
        let (digits, rest) = self.rest.split_at_checked(len)?;
        if !digits.iter().all(u8::is_ascii_digit) {
            return None;
        }
        self.rest = rest;
        let digit = |byte: &u8| u32::from(byte - b'0');
        Some(digits.iter().map(digit).fold(0, |sum, d| sum * 10 + d))
    }

    /// Digits after the point, cut to milliseconds.
    fn fraction(&mut self) -> Option<u16> {
        let len = self.rest.iter().take_while(|b| b.is_ascii_digit()).count();
        let (digits, rest) = self.rest.split_at_checked(len)?;
        self.rest = rest;
        let digit = |place| digits.get(place).map_or(0, |byte| u16::from(byte - b'0'));
        (len > 0).then(|| digit(0) * 100 + digit(1) * 10 + digit(2))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn wall(text: &str) -> Option<(i64, bool)> {
        Timestamp::parse(text).map(|timestamp| (timestamp.wall.0, timestamp.strict))
    }

    #[test]
    fn strict_times_are_told_from_sloppy_ones() {
        let at = 1_493_633_831_000;
        assert_eq!(wall("2017-05-01T10:17:11Z"), Some((at, true)));
        assert_eq!(wall(" 2017-05-01T10:17:11.04299Z\n"), Some((at + 42, true)));
        assert_eq!(wall("2017-05-01T12:17:11+02:00"), Some((at, true)));
        assert_eq!(wall("2017-04-30T20:17:11-14:00"), Some((at, true)));
        assert_eq!(wall("2017-05-01T10:17:11+0000"), Some((at, false)));
        assert_eq!(wall("2017-05-01t10:17:11z"), Some((at, false)));
        assert_eq!(wall("2017-05-01 10:17:11"), Some((at, false)));
        assert_eq!(wall("2016-12-31T23:59:60Z"), wall("2016-12-31 23:59:59"));
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "2017-02-29T00:00:00Z",
            "2017-13-01T00:00:00Z",
            "2017-05-01T24:00:00Z",
            "2017-05-01T10:60:00Z",
            "2017-05-01T10:17:61Z",
            "2017-05-01T10:17:11.Z",
            "2017-05-01T10:17:11ZZ",
            "2017-05-01T10:17:11+24:00",
            "2017-05-01",
            "17-05-01T10:17:11Z",
            "\u{e9}\u{e9}17-05-01T10:17:11Z",
        ] {
            assert_eq!(wall(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_we_write_reads_back_strict(ms in 0..4_102_444_800_000_i64) {
            prop_assert_eq!(wall(&Wall(ms).rfc3339()), Some((ms, true)));
        }

        #[test]
        fn any_text_is_read_or_refused(text: String, tail in "[0-9TZ:.+-]{0,30}") {
            let _ = wall(&text);
            let _ = wall(&tail);
        }
    }
}
