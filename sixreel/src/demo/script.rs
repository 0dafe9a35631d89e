//! The conversation: who takes part, who says what, and when.
//!
//! The voices are raw G.711 µ-law at 8 kHz, made by `scripts/make-voices`. Nobody is on hold or
//! absent while a voice is to be heard, so that what should be in a recording is known to the
//! sample.

use crate::speakers::{FRAME, SILENCE};

/// G.711 bytes in a millisecond.
const PER_MS: u64 = 8;

/// When it is over, in milliseconds.
pub(super) const END_MS: u64 = 23_000;

/// Somebody who takes part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Person {
    Operator,
    Caller,
    Engineer,
}

/// What happens to somebody's part in the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    Join,
    Hold,
    Resume,
    Leave,
}

/// Something that is said.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line {
    pub(super) by: Person,
    /// When it begins, in milliseconds.
    pub(super) at_ms: u64,
    /// G.711 µ-law.
    pub(super) voice: &'static [u8],
    /// Whether it belongs into the recording.
    pub(super) heard: bool,
}

/// What happens, and when, in milliseconds. The operator has joined before: recordings start with
/// the console alone.
pub(super) const ACTS: [(u64, Person, Act); 5] = [
    (200, Person::Caller, Act::Join),
    (8_800, Person::Engineer, Act::Join),
    (13_600, Person::Caller, Act::Hold),
    (17_000, Person::Caller, Act::Resume),
    (20_000, Person::Engineer, Act::Leave),
];

macro_rules! line {
    ($by:ident, $at:literal, $file:literal, $heard:literal) => {
        Line {
            by: Person::$by,
            at_ms: $at,
            voice: include_bytes!(concat!("voices/", $file, ".ul")),
            heard: $heard,
        }
    };
}

/// What is said.
pub(super) const LINES: [Line; 10] = [
    line!(Operator, 500, "operator-1", true),
    line!(Caller, 3_800, "caller-1", true),
    line!(Operator, 6_400, "operator-2", true),
    line!(Engineer, 9_400, "engineer-1", true),
    line!(Caller, 10_600, "caller-2", true),
    line!(Operator, 14_000, "operator-3", true),
    line!(Caller, 14_200, "caller-on-hold", false),
    line!(Caller, 17_400, "caller-3", true),
    line!(Engineer, 17_500, "engineer-2", true),
    line!(Operator, 20_400, "operator-4", true),
];

impl Person {
    pub(super) const ALL: [Self; 3] = [Self::Operator, Self::Caller, Self::Engineer];

    pub(super) const fn id(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Caller => "caller",
            Self::Engineer => "engineer",
        }
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Operator => "Ada, dispatch",
            Self::Caller => "Ben <of the pump house>",
            Self::Engineer => "Carol",
        }
    }

    pub(super) const fn number(self) -> &'static str {
        match self {
            Self::Operator => "2000",
            Self::Caller => "1000",
            Self::Engineer => "2001",
        }
    }

    /// All that this person says, with the silence in between.
    pub(super) fn speech(self) -> Vec<u8> {
        let mut speech = vec![SILENCE; (END_MS * PER_MS) as usize];
        for line in LINES.iter().filter(|line| line.by == self) {
            let from = line.from();
            speech[from..from + line.voice.len()].copy_from_slice(line.voice);
        }
        speech
    }
}

impl Line {
    /// The sample that it begins with.
    pub(super) const fn from(&self) -> usize {
        (self.at_ms * PER_MS) as usize
    }
}

/// The moment of the script at which a period of 20 ms begins.
pub(super) const fn moment_ms(period: u64) -> u64 {
    period * FRAME as u64 / PER_MS
}

#[cfg(test)]
mod tests {
    use super::*;

    /// When a line ends.
    fn end_ms(line: &Line) -> u64 {
        line.at_ms + (line.voice.len() as u64).div_ceil(PER_MS)
    }

    /// What a person may not be doing a quarter of a second around a line that is heard.
    fn away(person: Person) -> Vec<(u64, u64)> {
        let mut spans = Vec::new();
        let joins = person != Person::Operator;
        let mut since = joins.then_some(0);
        for (at, _, act) in ACTS.iter().filter(|(_, who, _)| *who == person) {
            match act {
                Act::Join | Act::Resume => spans.extend(since.take().map(|from| (from, *at))),
                Act::Hold | Act::Leave => since = Some(*at),
            }
        }
        spans.extend(since.map(|from| (from, END_MS)));
        spans
    }

    #[test]
    fn whoever_is_heard_is_there_and_nobody_talks_twice_at_once() {
        for line in &LINES {
            let (from, to) = (line.at_ms - 200, end_ms(line) + 250);
            assert!(to <= END_MS);
            let mut away = away(line.by).into_iter();
            if line.heard {
                assert!(away.all(|(begin, end)| to <= begin || end <= from));
            } else {
                assert!(away.any(|(begin, end)| begin <= from && to <= end));
            }
            let others = LINES.iter().filter(|other| other.by == line.by);
            let mut others = others.filter(|other| other.at_ms > line.at_ms);
            assert!(others.all(|other| other.at_ms > end_ms(line)));
        }
    }

    #[test]
    fn speech_has_its_lines_where_they_belong() {
        let speech = Person::Engineer.speech();
        assert_eq!(speech.len(), 23 * 8000);
        let line = LINES.iter().find(|line| line.by == Person::Engineer);
        let line = line.unwrap();
        assert!(speech[..line.from()].iter().all(|byte| *byte == SILENCE));
        assert!(speech[line.from()..].starts_with(line.voice));
        assert_eq!(moment_ms(50), 1000);
    }
}
