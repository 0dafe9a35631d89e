//! The index of a packet, guessed from its sequence number, and whether it came before.

use super::refusal::Refusal;

/// How far behind the newest packet another one may be (RFC 3711 §3.3.2 asks for 64 at least).
pub(super) const WINDOW: u64 = 128;

/// The first index that does not exist: 2^48 packets under one key.
pub(super) const INDEX_END: u64 = 1 << 48;

/// Which indices came: the highest, and a bit for it and each of those before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Window {
    highest: u64,
    /// Bit 0 of the first word is the highest index. No bit at all: nothing came yet.
    seen: [u64; 2],
}

impl Window {
    /// The index of a packet with this sequence number (RFC 3711 appendix A), if it can exist.
    ///
    /// The first packet of a stream is in the first round (RFC 4568 §6.4: SDES starts there).
    pub(super) fn guess(&self, sequence: u16) -> Result<u64, Refusal> {
        if self.is_empty() {
            return Ok(u64::from(sequence));
        }
        let newest = self.highest as u16;
        let ahead = sequence.wrapping_sub(newest);
        // At exactly half a round the appendix stays in the present round.
        let behind = ahead > 1 << 15 || ahead == 1 << 15 && sequence < newest;
        let index = if behind {
            self.highest.checked_sub(u64::from(ahead.wrapping_neg()))
        } else {
            Some(self.highest + u64::from(ahead))
        };
        match index {
            Some(index) if index < INDEX_END => Ok(index),
            Some(_) => Err(Refusal::KeysExpired),
            None => Err(Refusal::Replay),
        }
    }

    /// Whether a packet with this index may still come.
    pub(super) fn check(&self, index: u64) -> Result<(), Refusal> {
        if self.is_empty() || index > self.highest {
            return Ok(());
        }
        let age = self.highest - index;
        if age >= WINDOW || self.seen() >> age & 1 == 1 {
            return Err(Refusal::Replay);
        }
        Ok(())
    }

    /// Notes an authentic packet that [`Window::check`] let pass.
    pub(super) fn accept(&mut self, index: u64) {
        let seen = if self.is_empty() {
            self.highest = index;
            1
        } else if index > self.highest {
            let ahead = index - self.highest;
            self.highest = index;
            let kept = if ahead < WINDOW {
                self.seen() << ahead
            } else {
                0
            };
            kept | 1
        } else {
            self.seen() | 1 << (self.highest - index)
        };
        self.seen = [seen as u64, (seen >> 64) as u64];
    }

    fn seen(&self) -> u128 {
        u128::from(self.seen[1]) << 64 | u128::from(self.seen[0])
    }

    const fn is_empty(&self) -> bool {
        self.seen[0] | self.seen[1] == 0
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn at(highest: u64) -> Window {
        let mut window = Window::default();
        window.accept(highest);
        window
    }

    /// Appendix A, line by line.
    fn appendix_a(highest: u64, sequence: u16) -> i64 {
        let (roc, newest) = ((highest >> 16) as i64, i64::from(highest as u16));
        let sequence = i64::from(sequence);
        let v = if newest < 32_768 {
            if sequence - newest > 32_768 {
                roc - 1
            } else {
                roc
            }
        } else if newest - 32_768 > sequence {
            roc + 1
        } else {
            roc
        };
        sequence + v * 65_536
    }

    #[test]
    fn a_round_ends_and_begins() {
        assert_eq!(Window::default().guess(40_000), Ok(40_000));
        assert_eq!(at(65_535).guess(0), Ok(65_536));
        assert_eq!(at(65_536).guess(65_535), Ok(65_535));
        assert_eq!(at(5).guess(65_535), Err(Refusal::Replay));
        assert_eq!(at(INDEX_END - 1).guess(0), Err(Refusal::KeysExpired));
    }

    #[test]
    fn the_window_is_128_wide() {
        let mut window = at(1_000);
        assert_eq!(window.check(1_000), Err(Refusal::Replay));
        assert_eq!(window.check(873), Ok(()));
        assert_eq!(window.check(872), Err(Refusal::Replay));
        window.accept(873);
        assert_eq!(window.check(873), Err(Refusal::Replay));
        window.accept(1_001);
        assert_eq!(window.check(873), Err(Refusal::Replay));
        assert_eq!(window.check(1_000), Err(Refusal::Replay));
        assert_eq!(window.check(999), Ok(()));
        window.accept(5_000);
        assert_eq!(window.check(4_999), Ok(()));
        assert_eq!(window.check(1_001), Err(Refusal::Replay));
    }

    proptest! {
        #[test]
        fn guesses_as_the_appendix_says(highest in 0..INDEX_END, sequence: u16) {
            let expected = appendix_a(highest, sequence);
            let guess = at(highest).guess(sequence);
            match u64::try_from(expected) {
                Ok(index) if index < INDEX_END => prop_assert_eq!(guess, Ok(index)),
                Ok(_) => prop_assert_eq!(guess, Err(Refusal::KeysExpired)),
                Err(_) => prop_assert_eq!(guess, Err(Refusal::Replay)),
            }
        }

        #[test]
        fn lets_each_index_pass_once(indices in prop::collection::vec(0..400u64, 0..300)) {
            let mut window = Window::default();
            let mut seen = BTreeSet::new();
            for index in indices {
                let old = seen.last().is_some_and(|newest| index + WINDOW <= *newest);
                let expected = !old && !seen.contains(&index);
                prop_assert_eq!(window.check(index).is_ok(), expected);
                if expected {
                    window.accept(index);
                    seen.insert(index);
                }
            }
        }
    }
}
