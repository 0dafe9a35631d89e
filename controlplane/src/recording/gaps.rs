//! The times in which a recorder should have recorded and did not.

use std::collections::VecDeque;

use crate::control::view::RecordingGapView;
use crate::time::Wall;

/// Gaps that are remembered; older ones were told as events.
const REMEMBERED: usize = 8;
/// Characters of a reason that are remembered.
const REASON_MAX: usize = 200;

/// A time in which nothing was recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    pub from: Wall,
    pub reason: String,
}

/// A recording's gaps: the latest that are over, and one that may last.
#[derive(Clone, Debug, Default)]
pub(super) struct Gaps {
    over: VecDeque<(Gap, Wall)>,
    open: Option<Gap>,
}

impl Gap {
    /// From then on, and why; only the beginning of a long reason is kept.
    pub fn new(from: Wall, reason: &str) -> Self {
        Self {
            from,
            reason: reason.chars().take(REASON_MAX).collect(),
        }
    }

    /// A sentence about a gap that ended at that time.
    pub(super) fn told(&self, to: Wall) -> String {
        let (from, to) = (self.from.rfc3339(), to.rfc3339());
        format!("nothing was recorded from {from} to {to}: {}", self.reason)
    }
}

impl Gaps {
    /// Begins a gap, unless one lasts.
    pub(super) fn begin(&mut self, gap: Gap) {
        self.open.get_or_insert(gap);
    }

    /// The gap that lasts.
    pub(super) const fn open(&self) -> Option<&Gap> {
        self.open.as_ref()
    }

    /// Ends the gap that lasts, if there is one. One that took no time was none.
    pub(super) fn end(&mut self, to: Wall) -> Option<&Gap> {
        let gap = self.open.take().filter(|gap| gap.from < to)?;
        if self.over.len() == REMEMBERED {
            self.over.pop_front();
        }
        self.over.push_back((gap, to));
        self.over.back().map(|(gap, _)| gap)
    }

    /// The gap that lasts is another recording's to tell.
    pub(super) fn forget(&mut self) {
        self.open = None;
    }

    pub(super) fn views(&self) -> Vec<RecordingGapView> {
        let view = |gap: &Gap, to: Option<Wall>| RecordingGapView {
            from: gap.from.rfc3339(),
            to: to.map(Wall::rfc3339),
            reason: gap.reason.clone(),
        };
        let over = self.over.iter().map(|(gap, to)| view(gap, Some(*to)));
        over.chain(self.open.iter().map(|gap| view(gap, None)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_lasts_from_its_first_reason_to_its_end() {
        let mut gaps = Gaps::default();
        gaps.begin(Gap::new(Wall(1_000), "first"));
        gaps.begin(Gap::new(Wall(2_000), "second"));
        assert_eq!(gaps.views()[0].to, None);
        let told = gaps.end(Wall(3_500)).map(|gap| gap.told(Wall(3_500)));
        let sentence = "nothing was recorded from 1970-01-01T00:00:01.000Z to \
                        1970-01-01T00:00:03.500Z: first";
        assert_eq!(told.as_deref(), Some(sentence));
        assert_eq!(gaps.end(Wall(4_000)), None);
        assert_eq!(gaps.views().len(), 1);
    }

    #[test]
    fn only_the_latest_are_remembered_and_no_reason_is_endless() {
        let mut gaps = Gaps::default();
        for at in 0..20 {
            gaps.begin(Gap::new(Wall(at * 10), &"x".repeat(10_000)));
            gaps.end(Wall(at * 10 + 5));
        }
        let views = gaps.views();
        assert_eq!(views.len(), REMEMBERED);
        assert_eq!(views.last().unwrap().from, Wall(190).rfc3339());
        assert!(views.iter().all(|view| view.reason.len() == REASON_MAX));
    }
}
